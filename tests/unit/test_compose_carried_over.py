"""From a file of compose's to a draft: what a replica may have, and what is left out of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.carried_over import Draft, draft_of_compose, images_of, pinned
from clinops.domain.scaffold import scaffold
from clinops.errors import BadInputError
from tests.fakes.looking import SEEN, facts
from tests.unit.scaffolds import HOSTILE, assert_readable, newcomer, sighting, text_of

COMPOSE = """\
version: "3"
services:
  web:
    image: acme/portal:3.1
    build: .
    privileged: true
    command: portald --name "the ward"
    user: 970
    environment: [TZ=Europe/London, "N=08", "HOST=${HOST}"]
    depends_on: [db]
    tmpfs: /run
    healthcheck: {test: "test -f /ready"}
    volumes: ["web_data:/data:rw", "./conf:/etc/portal", {type: volume, source: more, target: /m}]
  db:
    image: acme/db:1
    environment: {DEBUG: true, LEVEL: 3, RATIO: 0.5}
    ports: ["5432:5432"]
volumes:
  web_data: {driver: local}
  more:
  unused:
"""
HOME = f"acme/db@sha256:{'d' * 64}"


class TestCarriedOver:
    def draft(self, text: str = COMPOSE, service: str | None = "web") -> Draft:
        return draft_of_compose("portal", "compose.yaml", text.encode(), service)

    def test_what_a_replica_may_have_is_carried_over(self):
        environment = self.draft().environment
        web = environment.services["web"]
        assert (environment.name, environment.clinops.under_test, web.image) == (
            "portal",
            "web",
            "package",
        )
        assert web.command == ["portald", "--name", "the ward"]
        assert (web.user, web.tmpfs) == ("970", ["/run"])
        assert web.environment == {"TZ": "Europe/London", "N": "08"}
        assert web.depends_on["db"].condition == "service_started"
        assert web.healthcheck is not None
        assert web.healthcheck.command == ["/bin/sh", "-c", "test -f /ready"]
        assert web.mounts == {"/data": "web-data", "/m": "more"}
        assert environment.services["db"].environment == {
            "DEBUG": "true",
            "LEVEL": "3",
            "RATIO": "0.5",
        }
        assert set(environment.volumes) == {"web-data", "more"}

    def test_the_rest_is_named_with_its_line_and_its_mend(self):
        told = [str(problem) for problem in self.draft().left_out]
        assert [line.split("`")[1] for line in told] == [
            "version",
            "services.web.privileged",
            "services.web.environment.HOST",
            "services.web.volumes[1]",
            "services.db.ports",
            "volumes.web-data.driver",
        ]
        assert told[1].startswith("compose.yaml:6: ")
        assert all("; " in line for line in told)

    def test_it_is_told_in_the_file_as_well(self):
        draft = pinned(self.draft(), "compose.yaml", {"db": facts("acme/db:1", pinned=HOME)})
        files = scaffold(
            newcomer(draft), sighting(services={"web": SEEN, "db": SEEN}, doors=(), answers=())
        )
        assert_readable(files)
        assert "LEFT OUT: `services.web.privileged`" in text_of(files, "compose.yaml")

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("command", 'portald "unfinished'),
            ("environment", 7),
            ("environment", ["TZ=UTC", 7]),
            ("volumes", "data:/data"),
            ("volumes", [7]),
            ("depends_on", "db"),
            ("depends_on", ["nobody"]),
        ],
    )
    def test_what_is_in_no_form_that_compose_has_is_left_out(self, key, value):
        text = json.dumps({"services": {"web": {"image": "x", key: value}}})
        draft = self.draft(text)
        assert draft.data["services"]["web"] == {"image": "package"}
        assert {problem.what.split("`")[1].split(".")[2][:4] for problem in draft.left_out} == {
            key[:4]
        }

    def test_what_was_around_a_fault_takes_it_along(self):
        health = {"test": ["CMD"], "disable": True, "interval": 3}
        text = json.dumps({"services": {"web": {"image": "x", "healthcheck": health}}})
        assert "healthcheck" not in self.draft(text).data["services"]["web"]

    def test_neighbours_are_pinned_to_what_the_engine_holds(self):
        known = {"web": facts("acme/portal:3.1"), "db": facts("acme/db:1", pinned=HOME)}
        draft = pinned(self.draft(), "compose.yaml", known)
        assert draft.environment.services["db"].image == HOME

    def test_a_neighbour_that_nothing_can_pin_is_refused(self):
        with pytest.raises(BadInputError) as refused:
            pinned(self.draft(), "compose.yaml", {"db": facts("acme/db:1")})
        assert "the image of db came from no registry" in refused.value.diagnostics()

    def test_the_images_of_all_services_are_known(self):
        found = images_of("compose.yaml", COMPOSE.encode())
        assert found == {"web": "acme/portal:3.1", "db": "acme/db:1"}

    @pytest.mark.parametrize(
        "text",
        [
            "a: 1\n",
            "services: []\n",
            "services: {}\n",
            "services: {web: 1}\n",
            "services: {web: {}}\n",
            "services: {web_1: {image: x}}\n",
            "services: {web: {image: x}, db: {}}\n",
            "services: {web: {image: x}, db: {image: x}}\n",
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}\n",
            "services: {web: {image: x}}\nvolumes: 1\n",
            "services: {web: {image: x}}\nvolumes: [a]\n",
            "- 1\n",
            "",
        ],
    )
    def test_what_leaves_no_system_is_refused_with_its_line(self, text):
        with pytest.raises(BadInputError) as refused:
            self.draft(text, None)
        assert "compose.yaml:" in refused.value.diagnostics()

    @settings(max_examples=150, deadline=None)
    @given(
        key=st.sampled_from(
            ["command", "environment", "volumes", "healthcheck", "labels", "depends_on", "ports",
             "tmpfs", "user", "cap_add", "mem_limit", "build", "entrypoint", "x"]
        ),
        value=st.recursive(
            st.none() | st.booleans() | st.integers() | HOSTILE,
            lambda inner: st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["test", "type", "source", "a"]), inner, max_size=3),
            max_leaves=6,
        ),
    )  # fmt: skip
    def test_whatever_a_service_says_gives_an_environment_or_a_refusal(self, key, value):
        text = json.dumps({"services": {"web": {"image": "x", key: value}}}, ensure_ascii=True)
        try:
            draft = self.draft(text)
        except BadInputError as refused:
            told = refused.diagnostics()
        else:
            told = "carried over"
            files = scaffold(
                newcomer(draft), sighting(services={"web": SEEN}, doors=(), answers=())
            )
            assert assert_readable(files).clinops.under_test == "web"
        assert told
