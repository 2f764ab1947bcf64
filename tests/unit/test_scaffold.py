"""From what was seen to files: nothing that an image says can be more than data in them."""

from __future__ import annotations

import ast
import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.adapters.docker_look import facts_in
from clinops.domain.carried_over import Draft, draft_of_compose, draft_of_image, images_of, pinned
from clinops.domain.environment import Environment
from clinops.domain.gate import GatePolicy
from clinops.domain.hazard import HazardLog
from clinops.domain.manifest import Manifest
from clinops.domain.newcomer import Newcomer, version_in
from clinops.domain.parsing import parse
from clinops.domain.probe import ProbeFile
from clinops.domain.scaffold import hazard_ids, scaffold, shared
from clinops.domain.sighting import (
    Answer,
    Door,
    Inside,
    Process,
    Sighting,
    answer_in,
    listening_in,
    processes_in,
)
from clinops.domain.signer import Signers, Vendor
from clinops.domain.site import Sites
from clinops.errors import BadInputError
from tests.fakes.looking import SEEN, facts

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   2: 0B00007F:A001 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   3: 020012AC:1F90 010012AC:C350 01 00000000:00000000 00:00000000 00000000     0
   4: 00000000000000000000000000000000:0068 00000000000000000000000000000000:0000 0A 0 0 0
   5: 00000000000000000000000001000000:0069 00000000000000000000000000000000:0000 0A 0 0 0
   6: 0000000000000000FFFF00000100007F:006A 00000000000000000000000000000000:0000 0A 0 0 0
"""
PASSWD = "root:x:0:0:root:/root:/bin/sh\nalso:x:0:0::/:/bin/sh\nportal:x:970:970::/:/bin/false\n\n"


def status(pid: int, parent: int, name: str, uid: int = 970) -> str:
    return f"Name:\t{name}\nUmask:\t0022\nPid:\t{pid}\nPPid:\t{parent}\nUid:\t{uid}\t{uid}\t{uid}\n"


def newcomer(draft: Draft | None = None, **said: object) -> Newcomer:
    seen = facts("acme/portal:3.1", **said)
    draft = draft or draft_of_image("portal", seen)
    return Newcomer(
        product="portal",
        vendor="acme",
        version="3.1",
        draft=draft,
        facts=dict.fromkeys(draft.data["services"], seen),
        package={"image": f"acme/portal@sha256:{'a' * 64}"},
    )


def sighting(**said: object) -> Sighting:
    about = {
        "services": {"portal": SEEN},
        "doors": (Door(name="http", service="portal", port=8080, speaks="http"),),
        "answers": (
            Answer(
                door="http", kind="http", path="/", status=200, media_type="text/html", title="Hi"
            ),
        ),
        **said,
    }
    return Sighting.model_validate(about)


def text_of(files: dict[str, bytes], end: str) -> str:
    return next(text for path, text in files.items() if path.endswith(end)).decode()


def assert_readable(files: dict[str, bytes]) -> Environment:
    """Every file is what its reader takes."""
    parse("hazards", text_of(files, "hazards.yaml").encode(), HazardLog)
    parse("gate", text_of(files, "gate.yaml").encode(), GatePolicy)
    parse("manifest", text_of(files, "acme/portal.yaml").encode(), Manifest)
    for path, content in files.items():
        if path.endswith(".py"):
            ast.parse(content)
        if "/probes/" in path:
            parse(path, content, ProbeFile)
    return parse("compose", text_of(files, "compose.yaml").encode(), Environment)


def constants(source: str) -> dict[str, object]:
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.List)
    }


class TestLooking:
    def test_ports_are_told_apart_by_who_can_reach_them(self):
        assert listening_in(TCP) == ({8080, 104}, {5432, 105, 106})

    def test_the_engines_own_resolver_is_no_port_of_the_system(self):
        assert 0xA001 not in {port for ports in listening_in(TCP) for port in ports}

    def test_processes_have_the_users_that_the_container_calls_them(self):
        text = status(1, 0, "portald", 0) + status(7, 1, "worker") + status(8, 7, "child", 4711)
        assert processes_in(text, PASSWD) == {
            Process(program="portald", user="root"),
            Process(program="worker", user="portal"),
            Process(program="child", user="4711"),
        }

    def test_the_look_itself_and_the_engines_init_are_left_out(self):
        text = status(1, 0, "docker-init", 0) + status(7, 1, "portald")
        text += status(20, 0, "sh", 0) + status(21, 20, "cat", 0) + "Name:\tcut off\nPid:\t9\n"
        assert processes_in(text, PASSWD) == {Process(program="portald", user="portal")}

    def test_a_circle_of_parents_comes_to_an_end(self):
        assert processes_in(status(5, 6, "a") + status(6, 5, "b"), "") == frozenset()

    def test_databases_are_known_by_their_processes(self):
        names = ("postgres", "mongod", "mariadbd", "sh")
        inside = Inside(processes=tuple(Process(program=x, user="x") for x in names))
        assert inside.databases == ("mariadb", "postgresql")
        assert inside.unread_databases == ("MongoDB",)

    def test_an_answer_is_read_for_what_a_person_looks_at_first(self):
        page = {"status": 200, "headers": {"content-type": "Text/HTML; charset=x"}, "body": []}
        page["body"] = ["<html><TITLE>Ward", " list</TITLE>", "</html>"]
        found = answer_in(page, "http", "/")
        assert (found.status, found.media_type, found.title) == (200, "text/html", "Ward list")

    def test_a_capability_statement_tells_the_version_of_fhir(self):
        body = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
        assert answer_in({"status": 200, "body": body}, "http", "/metadata").fhir == "4.0.1"

    @pytest.mark.parametrize("tree", [None, [], "x", {"status": "200", "headers": [], "body": 1}])
    def test_an_answer_without_form_says_nothing(self, tree):
        found = answer_in(tree, "http", "/")
        assert (found.status, found.media_type, found.title, found.fhir) == (None, "", "", "")

    def test_an_image_is_described_by_what_the_engine_says(self):
        config = {
            "User": "970",
            "ExposedPorts": {"8080/tcp": {}, "53/udp": {}, "104": {}},
            "Volumes": {"/data": {}},
            "Healthcheck": {"Test": ["NONE"]},
            "Entrypoint": ["/portald"],
            "Cmd": ["--config=/etc/portal.conf"],
            "Labels": {"org.opencontainers.image.version": "3.1"},
        }
        found = facts_in("portal", {"Id": f"sha256:{'a' * 64}", "Config": config})
        assert (found.ports, found.volumes, found.user) == ((104, 8080), ("/data",), "970")
        assert (found.healthcheck, found.version, found.pinned) == ((), "3.1", None)
        assert found.command == ("/portald", "--config=/etc/portal.conf")


class TestScaffold:
    def test_everything_that_is_written_can_be_read(self):
        environment = assert_readable(scaffold(newcomer(volumes=("/data",)), sighting()))
        assert environment.services["portal"].mounts == {"/data": "data"}
        assert environment.clinops.endpoints == {"http": "portal:8080"}

    def test_what_an_estate_has_once_can_be_read(self):
        files = shared(newcomer())
        kinds = {"vendor.yaml": Vendor, "signers.yaml": Signers, "sites.yaml": Sites}
        for end, kind in kinds.items():
            parse(end, text_of(files, end).encode(), kind)

    def test_the_hazard_log_opens_no_gate_until_a_clinician_has_seen_it(self):
        log = parse(
            "x", text_of(scaffold(newcomer(), sighting()), "hazards.yaml").encode(), HazardLog
        )
        assert log.demonstration
        assert {hazard.weight for hazard in log.hazards} == {5}
        assert [hazard.id for hazard in log.hazards] == list(hazard_ids("portal"))

    def test_the_smoke_suite_asks_for_what_was_seen(self):
        source = text_of(scaffold(newcomer(), sighting()), "smoke/test_service.py")
        assert constants(source) == {
            "PROCESSES": [("portal", "portald", "portal")],
            "PORTS": [("portal", 8080)],
            "FILES": [("portal", "/etc/portal.conf")],
            "DOORS": ["http"],
            "ANSWERS": [("http", "/", 200, "text/html")],
        }

    def test_a_system_without_doors_has_no_probes_and_no_regression_suite(self):
        files = scaffold(newcomer(), sighting(doors=(), answers=()))
        assert_readable(files)
        assert not [path for path in files if "/regression/" in path or "/probes/" in path]
        assert "DECIDE: no port" in text_of(files, "compose.yaml")

    def test_every_kind_of_answer_becomes_a_probe(self):
        doors = [("http", 80, "http"), ("dicom", 104, "dicom"), ("mllp", 2575, "mllp")]
        seen = sighting(
            doors=tuple(Door(name=n, service="portal", port=p, speaks=s) for n, p, s in doors),
            answers=(
                Answer(
                    door="http", kind="http", path="/fhir/R4/metadata", status=200, fhir="4.0.1"
                ),
                Answer(door="dicom", kind="dicom"),
                Answer(door="mllp", kind="hl7"),
            ),
        )
        files = scaffold(newcomer(), seen)
        assert_readable(files)
        probes = parse("x", text_of(files, "first.yaml").encode(), ProbeFile).probes
        assert [probe.id for probe in probes] == [
            "http-fhir-r4-metadata",
            "dicom-echo",
            "mllp-query",
        ]
        assert "dicom.echo()" in text_of(files, "test_service.py")
        assert constants(text_of(files, "test_answers.py"))["STATEMENTS"] == [
            ("http", "/fhir/R4/metadata", "4.0.1")
        ]

    def test_a_person_is_told_what_to_decide(self):
        inside = SEEN.model_copy(
            update={
                "loopback": (9000,),
                "processes": (
                    Process(program="postgres", user="x"),
                    Process(program="redis-server", user="x"),
                ),
            }
        )
        doors = (
            Door(name="sql", service="portal", port=5432, speaks="postgresql"),
            Door(name="dicom", service="portal", port=104, speaks="dicom"),
            Door(name="port-7", service="portal", port=7, speaks=""),
        )
        seen = sighting(
            services={"portal": inside},
            doors=doors,
            answers=(),
            capabilities=("portal",),
            checks={"portal": "grep -q x /proc/net/tcp"},
        )
        files = scaffold(newcomer(ports=(8080, 9999)), seen)
        environment = assert_readable(files)
        said = " ".join(text_of(files, "compose.yaml").replace("#", "").split())
        for words in (
            "this is a postgresql database",
            "Redis can't be read",
            "port 9999, which nothing listened on",
            "Open to itself only: port 9000",
            "did not stay up without capabilities",
            "no volume is declared",
            "rejects the title ANY-SCP",
            "nothing that was recognised",
            "only asks whether its ports are open",
        ):
            assert words in said
        assert environment.services["portal"].cap_add[0] == "CHOWN"

    def test_an_image_without_a_shell_is_seen_from_outside_only(self):
        files = scaffold(
            newcomer(), sighting(services={"portal": Inside(shell=False, ports=(80,))})
        )
        assert_readable(files)
        assert set(constants(text_of(files, "test_service.py"))) == {"DOORS", "ANSWERS"}
        assert "nothing inside was looked at" in text_of(files, "compose.yaml")

    def test_an_unknown_version_and_an_archive_are_told(self):
        package = {"archive": {"path": "portal-0.tar", "sha256": "a" * 64}}
        new = dataclasses.replace(newcomer(), version="0", package=package)
        files = scaffold(new, sighting())
        assert_readable(files)
        assert "neither label nor tag" in text_of(files, "acme/portal.yaml")

    @pytest.mark.parametrize(
        ("reference", "label", "version"),
        [
            ("acme/portal:3.1", None, "3.1"),
            ("acme/portal:3.1-alpine", None, "3.1"),
            ("host:5000/portal", None, None),
            ("acme/portal:latest", "v2.0", "v2.0"),
            ("acme/portal:latest", None, None),
            (f"acme/portal:1.2@sha256:{'a' * 64}", "1.0\nevil: 1", "1.0"),
        ],
    )
    def test_the_version_is_the_labels_or_the_tags(self, reference, label, version):
        assert version_in(facts(reference, version=label)) == version

    @pytest.mark.parametrize(
        ("product", "first"), [("portal", "POR-001"), ("x1", "XXX-001"), ("9", "XXX-001")]
    )
    def test_every_product_has_ids_for_its_hazards(self, product, first):
        assert hazard_ids(product)[0] == first


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "x'); import os; os.system('id') #",
            '"""\nimport os\n"""',
            "x\nprivileged: true",
            "x\r# y\u2028privileged: true",
            "\x1b[2J\u202e",
            "{{ 7*7 }} {evil} %s",
            "'",
            '"',
            "\\",
            "${HOME}",
            "- *a",
            "!!python/object:os.system",
            "0x1F",
            "1e5",
            "08",
        ]
    ),
)


class TestHostileText:
    @settings(max_examples=120, deadline=None)
    @given(words=st.lists(HOSTILE, min_size=7, max_size=7))
    def test_what_an_image_says_stays_data(self, words):
        program, user, path, title, media, check, volume = words
        inside = Inside(
            ports=(80,),
            processes=(Process(program=program, user=user),),
            files=(path,),
            written=(path,),
        )
        answer = Answer(
            door="http", kind="http", path="/", status=200, media_type=media, title=title
        )
        new = newcomer(
            healthcheck=("CMD-SHELL", check),
            volumes=(f"/{volume}",),
            user=user,
            command=(program,),
        )
        files = scaffold(new, sighting(services={"portal": inside}, answers=(answer,)))
        environment = assert_readable(files)
        smoke = constants(text_of(files, "test_service.py"))
        assert smoke["PROCESSES"] == [("portal", program, user)]
        assert smoke["FILES"] == [("portal", path)]
        assert smoke["ANSWERS"] == [("http", "/", 200, media)]
        kept = environment.services["portal"].healthcheck
        assert kept is None or kept.test == ["CMD-SHELL", check]
        assert set(environment.services["portal"].mounts) <= {f"/{volume}"}
        assert environment.services["portal"].cap_add == []

    @settings(max_examples=60, deadline=None)
    @given(words=st.lists(HOSTILE, min_size=2, max_size=2))
    def test_no_statement_is_added_to_a_suite(self, words):
        def shape(program: str, title: str) -> list[str]:
            inside = Inside(processes=(Process(program=program, user="x"),))
            answer = Answer(door="http", kind="http", path="/", status=200, title=title or "t")
            files = scaffold(newcomer(), sighting(services={"portal": inside}, answers=(answer,)))
            return [
                type(node).__name__
                for path, content in files.items()
                if path.endswith(".py")
                for node in ast.walk(ast.parse(content))
            ]

        assert shape(*words) == shape("portald", "Hi")


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
