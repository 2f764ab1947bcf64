"""The Compose subset: what is run, and what a replica may never have, by name."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from clinops.domain.compose_refusals import (
    REFUSED_AT_THE_TOP,
    REFUSED_IN_HEALTHCHECKS,
    REFUSED_IN_SERVICES,
    REFUSED_IN_VOLUMES,
    HarmlessCapability,
)
from clinops.domain.environment import Environment, Service
from clinops.domain.parsing import parse
from clinops.errors import BadInputError

GOOD = """\
name: orthanc
services:
  db:
    build: {context: ./images/db}
    healthcheck:
      test: [CMD-SHELL, "pg_isready -U $$USER"]
    volumes:
      - data:/var/lib/data
  app:
    image: package
    depends_on:
      db: {condition: service_healthy}
    environment:
      SALT: a$$b
    cap_drop: [ALL]
    cap_add: [CHOWN]
    security_opt: ["no-new-privileges:true"]
    healthcheck:
      test: [CMD, check]
  probe:
    image: registry.example/probe@sha256:{digest}
volumes:
  data:
  spare: {}
x-clinops:
  under_test: app
  endpoints:
    http: app:8042
""".replace("{digest}", "a" * 64)
APP = "    image: package\n"


def environment(text: str) -> Environment:
    return parse("compose.yaml", text.encode(), Environment)


def problems_of(text: str) -> list[tuple[int, str]]:
    with pytest.raises(BadInputError) as caught:
        environment(text)
    return [(problem.line, problem.what) for problem in caught.value.problems]


def with_app(lines: str) -> str:
    return GOOD.replace(APP, APP + "".join(f"    {line}\n" for line in lines.splitlines()))


def test_takes_the_subset_and_reads_it_as_compose_does():
    found = environment(GOOD)
    assert found.services["app"].environment == {"SALT": "a$b"}
    assert found.services["db"].healthcheck is not None
    assert found.services["db"].healthcheck.command == ["/bin/sh", "-c", "pg_isready -U $USER"]
    assert found.services["app"].healthcheck is not None
    assert found.services["app"].healthcheck.command == ["check"]
    assert found.services["db"].mounts == {"/var/lib/data": "data"}
    assert found.start_order() == [["db", "probe"], ["app"]]
    assert set(found.volumes) == {"data", "spare"}


def test_confines_a_service_that_says_nothing():
    probe = environment(GOOD).services["probe"]
    assert probe.cap_drop == ["ALL"]
    assert probe.cap_add == []
    assert probe.security_opt == ["no-new-privileges:true"]


def test_gives_the_same_environment_back_from_its_own_json():
    found = environment(GOOD)
    assert Environment.model_validate_json(found.model_dump_json(by_alias=True)) == found


@pytest.mark.parametrize("key", sorted(REFUSED_IN_SERVICES))
def test_refuses_a_service_key_by_name_and_with_the_reason(key: str):
    problems = problems_of(with_app(f"{key}: true"))
    assert problems == [(11, f"`services.app.{key}` is refused: {REFUSED_IN_SERVICES[key]}")]


@pytest.mark.parametrize("key", sorted(REFUSED_AT_THE_TOP))
def test_refuses_a_key_of_the_file_by_name(key: str):
    problems = problems_of(f"{key}:\n  hospital: {{external: true}}\n{GOOD}")
    assert problems == [(1, f"`{key}` is refused: {REFUSED_AT_THE_TOP[key]}")]


@pytest.mark.parametrize("key", sorted(REFUSED_IN_VOLUMES))
def test_refuses_whatever_makes_a_volume_more_than_a_plain_one(key: str):
    problems = problems_of(GOOD.replace("spare: {}", f"spare:\n    {key}: true"))
    assert problems == [(25, f"`volumes.spare.{key}` is refused: {REFUSED_IN_VOLUMES[key]}")]


@pytest.mark.parametrize("key", sorted(REFUSED_IN_HEALTHCHECKS))
def test_refuses_a_health_check_that_checks_nothing(key: str):
    text = GOOD.replace("[CMD, check]", f"[CMD, check]\n      {key}: true")
    assert problems_of(text)[0][1].startswith(f"`services.app.healthcheck.{key}` is refused")


CAPABILITIES = ["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "ALL", "CAP_CHOWN", "chown"]


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_refuses_a_capability_beyond_the_harmless_ones(capability: str):
    problems = problems_of(GOOD.replace("[CHOWN]", f"[CHOWN, {capability}]"))
    what = "`services.app.cap_add[1]` is a capability that a replica may never have"
    assert problems == [(16, what)]


@pytest.mark.parametrize("capability", get_args(HarmlessCapability))
def test_gives_a_harmless_capability_back(capability: str):
    found = environment(GOOD.replace("[CHOWN]", f"[{capability}]"))
    assert found.services["app"].cap_add == [capability]


@pytest.mark.parametrize(
    "source",
    ["/etc", "/", "./data", "../data", "~/data", ".", "C:\\data", "/var/run/docker.sock"],
)
def test_refuses_to_mount_anything_of_the_host(source: str):
    ((line, what),) = problems_of(GOOD.replace("- data:/var", f"- '{source}:/var'\n      # /var"))
    assert line == 8
    assert what.startswith("`services.db.volumes[0]`")


BAD = [
    (GOOD.replace("- data:/v", "- /etc:/v"), 8, "[0]` mounts a folder of the host: a replica may"),
    (GOOD.replace("- data:", "- /run/docker.sock:"), 8, "[0]` is the engine's socket: a replica"),
    (GOOD.replace("- data:", "- ${HOME}:"), 8, "[0]` has a variable"),
    (GOOD.replace("- data:/var/lib/data", "- {type: bind}"), 8, "[0]` is the long form"),
    (GOOD.replace("/lib/data", "/lib/data:ro"), 8, "[0]` must be a named volume and a path"),
    (GOOD.replace("/lib/data", "/../data"), 8, "[0]` has a `..` in it"),
    (GOOD.replace("- data:/var/lib/data", "- 3"), 8, "[0]` must be text"),
    (GOOD.replace("- data:", "- dta:"), 8, "[0]` names a volume that is not declared"),
    (GOOD.replace("a$$b", "${SECRET}"), 14, "`services.app.environment.SALT` has a variable"),
    (GOOD.replace("a$$b", "$SECRET"), 14, "`services.app.environment.SALT` has a variable"),
    (GOOD.replace("a$$b", "$$$SECRET"), 14, "`services.app.environment.SALT` has a variable"),
    (GOOD.replace("SALT: a$$b", "SALT: 3"), 14, "`services.app.environment.SALT` must be text"),
    (GOOD.replace("SALT: a$$b", "A=B: c"), 14, "`services.app.environment.A=B` is not the name"),
    (
        GOOD.replace("      SALT: a$$b", "      - SALT=a"),
        13,
        "`services.app.environment` must hold",
    ),
    (with_app("command: [sh, -c, 'echo ${HOME}']"), 11, "`services.app.command[2]` has a variable"),
    (with_app("entrypoint: run"), 11, "`services.app.entrypoint` must be a list"),
    (GOOD.replace("cap_drop: [ALL]", "cap_drop: []"), 15, "cap_drop` would weaken the confinement"),
    (GOOD.replace("cap_drop: [ALL]", "cap_drop: [KILL]"), 15, "cap_drop` would weaken"),
    (GOOD.replace("cap_drop: [ALL]", "cap_drop: ALL"), 15, "cap_drop` must be a list"),
    (GOOD.replace('["no-new-privileges:true"]', "[]"), 17, "security_opt` would weaken"),
    (GOOD.replace("no-new-privileges:true", "seccomp:unconfined"), 17, "security_opt` would"),
    (GOOD.replace("[CHOWN]", "[3]"), 16, "`services.app.cap_add[0]` must be 'CHOWN'"),
    (GOOD.replace("[CMD, check]", "check"), 19, "healthcheck.test` must be a list"),
    (GOOD.replace("[CMD, check]", "[check]"), 19, "healthcheck.test` does not say how it is run"),
    (GOOD.replace("[CMD, check]", "[NONE, x]"), 19, "healthcheck.test` does not say how it is"),
    (with_app("labels: {clinops.lease: x}"), 11, "`services.app.labels.clinops.lease` is not a l"),
    (with_app("mem_limit: 1tb"), 11, "`services.app.mem_limit` must be a size"),
    (with_app("cpus: 64"), 11, "`services.app.cpus` must be at most 16"),
    (with_app("pids_limit: -1"), 11, "`services.app.pids_limit` must be at least 1"),
    (with_app("tmpfs: ['/t:exec']"), 11, "`services.app.tmpfs[0]` must be an absolute path"),
    (with_app("working_dir: /a/../b"), 11, "`services.app.working_dir` has a `..`"),
    (with_app("stop_grace_period: 1h"), 11, "`services.app.stop_grace_period` must be a number"),
    (with_app("stop_signal: 9"), 11, "`services.app.stop_signal` must be text"),
    (with_app("privilegd: true"), 11, "`services.app.privilegd` is not a known key"),
    (with_app("build: {context: x}"), 9, "`services.app` has neither image nor build, or both"),
    (GOOD.replace("{context: ./images/db}", "{context: ../x}"), 4, "build.context` leaves the"),
    (GOOD.replace("context: ./images/db", "context: a, network: host"), 4, "`services.db.build.ne"),
    (GOOD.replace("@sha256:", ":"), 21, "`services.probe.image` names an image without its digest"),
    (GOOD.replace("@sha256:", "@md5:"), 21, "`services.probe.image` is not a reference"),
    (GOOD.replace("registry.example/probe@sha256:" + "a" * 64, "package"), 21, "`services.probe."),
    (GOOD.replace(APP, "    build: {context: x}\n"), 9, "`services.app` is the service under test"),
    (GOOD.replace("db: {cond", "dv: {cond"), 12, "`services.app.depends_on.dv` names no service"),
    (GOOD.replace("under_test: app", "under_test: ap"), 26, "`x-clinops.under_test` names no ser"),
    (GOOD.replace("app:8042", "ap:8042"), 28, "`x-clinops.endpoints.http` names no service"),
    (GOOD.replace("app:8042", "app:65536"), 28, "`x-clinops.endpoints.http` must be a service"),
    (GOOD.replace("app:8042", "app:0"), 28, "`x-clinops.endpoints.http` must be a service and a"),
    (GOOD.replace("x-clinops:", "x-other:"), 25, "`x-other` is not a known key"),
    (
        GOOD.replace("    build: {c", "    depends_on: {app: {}}\n    build: {c"),
        2,
        "`services` go round in a circle with depends_on: app, db",
    ),
]


@pytest.mark.parametrize(("text", "line", "what"), BAD)
def test_tells_each_mistake_with_its_line(text: str, line: int, what: str):
    problems = problems_of(text)
    assert any(at == line and what in said for at, said in problems), problems


def test_takes_a_name_with_a_tag_as_long_as_there_is_a_digest():
    assert environment(GOOD.replace("registry.example/probe@", "probe:1.2@"))


def test_takes_a_service_that_is_called_like_a_key():
    text = GOOD.replace("  probe:\n", "  image:\n").replace(APP, APP + "    privileged: true\n")
    assert [what for _, what in problems_of(text)] == [
        f"`services.app.privileged` is refused: {REFUSED_IN_SERVICES['privileged']}"
    ]


def test_tells_all_problems_of_a_file_at_once():
    text = with_app("privileged: true\nnetwork_mode: host\npid: host").replace("- data:", "- /:")
    assert [line for line, _ in problems_of(text)] == [8, 11, 12, 13]


def test_the_documented_subset_names_every_key():
    page = (Path(__file__).parents[2] / "docs" / "compose-subset.md").read_text(encoding="utf-8")
    families = {"dns", "cpu", "mem"}
    keys = [*Service.model_fields, *REFUSED_IN_SERVICES, *REFUSED_AT_THE_TOP, *REFUSED_IN_VOLUMES]
    assert [k for k in keys if k not in page and k.split("_")[0] not in families] == []
