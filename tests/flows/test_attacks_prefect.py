"""Attempts to open the gate through Prefect, with its password, on a real server and worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from scripts.demo import free_ports
from tests.flows.attack import in_use
from tests.ward import Ward

pytestmark = [pytest.mark.docker, pytest.mark.server]

SITE = "test-attacks-prefect"
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Operator:
    """Somebody with the flow server's password, and a release that nobody has signed."""

    def __init__(self, ward: Ward, release: str) -> None:
        self.ward, self.release = ward, release
        settings = ward.wiring.settings
        self.api = settings.api
        self.auth = settings.prefect_auth(ward.estate)

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Ask the server for something; again, where its database is busy."""
        address = f"{self.api}/{path}"
        for pause in (0.2, 0.4, 0.8, 1.6, 0):
            answer = httpx.request(
                method, address, json=body, auth=self.auth, trust_env=False, timeout=20
            )
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(pause)
        answer.raise_for_status()
        return answer.json()

    def promote(self, **options: Any) -> str:
        """Create a run of the promotion, whatever the gate says."""
        deployment = self.call("GET", "deployments/name/promote/promote")["id"]
        body = {"parameters": {"release_id": self.release}, **options}
        return str(self.call("POST", f"deployments/{deployment}/create_flow_run", **body)["id"])

    def force(self, run: str, kind: str, name: str) -> None:
        """Force a run into a state."""
        state = {"type": kind, "name": name}
        self.call("POST", f"flow_runs/{run}/set_state", state=state, force=True)

    def ended(self, run: str) -> str:
        """Wait until a run has ended, and return the name of its state."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            state = self.call("GET", f"flow_runs/{run}")["state"]
            if state["type"] in ENDED:
                return str(state["name"])
            time.sleep(0.3)
        pytest.fail("the run did not end")

    def refusals(self) -> list[str]:
        """Return why promotions were refused, as the ledger has it; nothing else may be new."""
        after = [e for e in self.ward.entries(self.release) if e.kind is not Kind.REMINDED]
        verdict = [entry.kind for entry in after].index(Kind.VERDICT)
        assert {entry.kind for entry in after[verdict + 1 :]} <= {Kind.PROMOTION_REFUSED}
        assert self.ward.state(self.release) is State.AWAITING_SIGN_OFF
        assert in_use(self.ward) == "1.0"
        return [str(entry.body["reasons"]) for entry in after[verdict + 1 :]]


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The ward with its flow server up, and somebody who has the password."""
    ward = None
    try:
        ward = Ward(tmp_path_factory.mktemp("ward"), free_ports(), SITE)
        ward.approve_the_hazard_log()
        release = ward.offer("2.0")
        assert ward.qualify(release) is State.AWAITING_SIGN_OFF
        ward.must("up")
        yield Operator(ward, release)
    finally:
        if ward is not None:
            ward.clinops("down")
        Ward.remove(SITE)


def test_nobody_does_anything_without_the_password(operator):
    for auth in (None, ("admin", "admin")):
        answer = httpx.get(f"{operator.api}/admin/version", auth=auth, trust_env=False)
        assert answer.status_code == 401


def test_a_promotion_made_by_hand_finds_the_gate_closed(operator):
    run = operator.promote(idempotency_key=f"promote:{operator.release}:1")
    assert operator.ended(run) == "GateClosed"
    assert "nobody has signed yet" in operator.refusals()[-1]


@pytest.mark.parametrize(
    ("kind", "name"), [("COMPLETED", "Live"), ("RUNNING", "Running"), ("PAUSED", "Paused")]
)
def test_a_state_forced_upon_a_run_is_no_gate(operator, kind, name):
    before = len(operator.refusals())
    run = operator.promote(state={"type": "PAUSED", "name": "Paused"})
    operator.force(run, kind, name)
    assert operator.call("GET", f"flow_runs/{run}")["state"]["name"] == name
    assert len(operator.refusals()) == before
    assert "awaiting-sign-off" in operator.ward.must("release", "show", operator.release)


def test_a_run_that_ended_and_is_started_again_finds_the_gate_closed(operator):
    before = len(operator.refusals())
    run = operator.promote()
    assert operator.ended(run) == "GateClosed"
    operator.force(run, "SCHEDULED", "AwaitingRetry")
    deadline = time.monotonic() + 60
    while len(operator.refusals()) < before + 2 and time.monotonic() < deadline:
        time.sleep(0.3)
    assert len(operator.refusals()) == before + 2


def test_no_parameter_or_variable_of_a_run_opens_the_gate(operator, tmp_path):
    """What its variables can do besides, `docs/threats.md` says."""
    before = len(operator.refusals())
    forced = {"release_id": operator.release, "force": True}
    elsewhere = {"env": {"CLINOPS_ESTATE": str(tmp_path)}}
    runs = [operator.promote(parameters=forced), operator.promote(job_variables=elsewhere)]
    assert "Live" not in {operator.ended(run) for run in runs}
    assert len(operator.refusals()) == before
