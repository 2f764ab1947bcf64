"""What both implementations of the port `Probes` promise: the real one and the fake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clinops.adapters.probes import ReplicaProbes
from clinops.domain.environment import Environment
from clinops.domain.parsing import parse
from clinops.domain.replica import Replica
from clinops.domain.suite import Role
from clinops.ports import Probes
from tests.fakes.probes import FakeProbes
from tests.fakes.replicas import FakeReplicas
from tests.fakes.web import FakeWeb
from tests.unit.test_probe_session import ENVIRONMENT, case

ENVIRONMENT_PARSED = parse("compose.yaml", ENVIRONMENT.encode(), Environment)
CASE = case('{id: a, hazards: [ARC-001], each: {p: ["1"]}, http: {path: "/{p}"}}')
SILENT = "silent"


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    server = FakeWeb()
    yield server
    server.close()


def replica(door: str | None) -> Replica:
    return Replica(
        id=SILENT if door is None else "r",
        product="archive",
        version="1.0",
        role=Role.BASELINE,
        release="rel",
        under_test="archive",
        services={},
        endpoints={"http": door} if door else {},
    )


@pytest.fixture(params=["real", "fake"])
def probes(request: pytest.FixtureRequest) -> Probes:
    if request.param == "real":
        return ReplicaProbes(FakeReplicas())
    return FakeProbes(
        lambda asked, _: OSError("no endpoint") if asked.id == SILENT else {"status": 200}
    )


def test_an_observation_is_named_after_its_case(probes: Probes, web: FakeWeb):
    with probes.session(replica(web.door), ENVIRONMENT_PARSED) as session:
        observed = session.run(CASE)
    assert (observed.probe, observed.kind, observed.hazards) == (CASE.id, "http", ("ARC-001",))
    assert (observed.problem, observed.answer["status"]) == ("", 200)
    assert observed.milliseconds > 0


def test_no_answer_is_an_observation_with_a_problem(probes: Probes):
    with probes.session(replica(None), ENVIRONMENT_PARSED) as session:
        observed = session.run(CASE)
    assert observed.answer is None
    assert "no endpoint" in observed.problem


def test_sessions_run_side_by_side(probes: Probes, web: FakeWeb):
    with (
        probes.session(replica(web.door), ENVIRONMENT_PARSED) as first,
        probes.session(replica(web.door), ENVIRONMENT_PARSED) as second,
    ):
        assert second.run(CASE).answer == first.run(CASE).answer
