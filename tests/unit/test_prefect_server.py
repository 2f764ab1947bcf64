from __future__ import annotations

import base64
import datetime as dt
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from clinops.adapters.prefect_server import PrefectServer
from clinops.domain.urgency import Lane, Turn
from clinops.errors import InfrastructureError

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
API = "http://127.0.0.1:4200/api"
Answer = Callable[[httpx.Request], httpx.Response]


class Flows:
    """As much of Prefect's API as ClinOps asks for; runs by idempotency key."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        """State of each run, by its idempotency key."""
        self.taken: list[dict[str, Any]] = []
        """What the filter for runs finds."""
        self.requests: list[tuple[str, Any]] = []
        self.lanes: dict[str, str] = {}
        self.due: dict[str, str] = {}
        self.just_taken: set[str] = set()
        """What a worker takes before anybody else can."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/")
        body = json.loads(request.content) if request.content else None
        self.requests.append((path, body))
        if path.startswith("deployments/name/"):
            return httpx.Response(200, json={"id": "the-deployment"})
        if path.endswith("create_flow_run"):
            key = body["idempotency_key"]
            state = self.states.setdefault(key, "SCHEDULED")
            lane = self.lanes.setdefault(key, body.get("work_queue_name", "default"))
            wanted = body.get("state", {"state_details": {"scheduled_time": NOON.isoformat()}})
            due = self.due.setdefault(key, wanted["state_details"]["scheduled_time"])
            run = {"id": key, "state_type": state, "work_queue_name": lane}
            return httpx.Response(201, json={**run, "expected_start_time": due})
        if path.endswith("set_state"):
            return httpx.Response(200, json=self.set_state(path.split("/")[1], body["state"]))
        if path == "flow_runs/filter":
            return httpx.Response(200, json=self.taken)
        return httpx.Response(204)

    def set_state(self, key: str, state: dict[str, Any]) -> dict[str, str]:
        if state["type"] == "PENDING" and key in self.just_taken:
            return {"status": "ABORT"}
        self.states[key] = state["type"]
        if "state_details" in state:
            self.due[key] = state["state_details"]["scheduled_time"]
        return {"status": "ACCEPT"}


def server(answer: Answer) -> PrefectServer:
    return PrefectServer(API, transport=httpx.MockTransport(answer))


def create(made: PrefectServer) -> str:
    parameters = {"release_id": "pas-1"}
    return made.create_run("qualify/qualify", name="a run", key="k", parameters=parameters)


def test_creates_a_run_with_its_key_name_and_parameters():
    flows = Flows()
    assert create(server(flows)) == "k"
    assert flows.requests == [
        ("deployments/name/qualify/qualify", None),
        (
            "deployments/the-deployment/create_flow_run",
            {
                "name": "a run",
                "parameters": {"release_id": "pas-1"},
                "tags": ["clinops"],
                "idempotency_key": "k",
            },
        ),
    ]


@pytest.mark.parametrize("state", ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"])
def test_a_run_that_still_goes_on_is_the_run(state):
    flows = Flows()
    flows.states["k"] = state
    assert create(server(flows)) == "k"


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"])
def test_a_run_that_has_ended_is_followed_by_another(state):
    flows = Flows()
    flows.states |= {"k": state, "k:1": "CRASHED"}
    assert create(server(flows)) == "k:2"
    assert create(server(flows)) == "k:2"
    assert list(flows.states) == ["k", "k:1", "k:2"]


def turned(flows: Flows, lane: Lane, hours: float) -> str:
    turn = Turn(lane, NOON - dt.timedelta(hours=hours))
    return server(flows).create_run(
        "qualify/qualify", name="a run", key="k", parameters={}, turn=turn
    )


def hours_ahead(flows: Flows, key: str) -> float:
    return (NOON - dt.datetime.fromisoformat(flows.due[key])) / dt.timedelta(hours=1)


def test_a_run_is_created_at_its_turn():
    flows = Flows()
    assert turned(flows, "qualify", 5) == "k"
    assert (flows.lanes["k"], hours_ahead(flows, "k"), flows.states["k"]) == (
        "qualify",
        5,
        "SCHEDULED",
    )


def test_a_run_that_waits_is_moved_within_its_queue():
    flows = Flows()
    turned(flows, "qualify", 0)
    assert turned(flows, "qualify", 20) == "k"
    assert (hours_ahead(flows, "k"), flows.states) == (20, {"k": "SCHEDULED"})


def test_a_run_that_hardly_moves_is_left_where_it_is():
    flows = Flows()
    turned(flows, "qualify", 0)
    turned(flows, "qualify", 0.9)
    assert hours_ahead(flows, "k") == 0


def test_a_run_that_becomes_an_emergency_waits_no_more_where_it_was():
    flows = Flows()
    turned(flows, "qualify", 0)
    assert turned(flows, "emergency", 0) == "k:1"
    assert turned(flows, "emergency", 0) == "k:1"
    assert flows.states == {"k": "CANCELLED", "k:1": "SCHEDULED"}
    assert flows.lanes["k:1"] == "emergency"


@pytest.mark.parametrize("lane", ["qualify", "emergency"])
def test_a_run_that_a_worker_has_just_taken_goes_on(lane):
    flows = Flows()
    turned(flows, "qualify", 0)
    flows.just_taken = {"k"}
    assert turned(flows, lane, 20) == "k"
    assert flows.states == {"k": "SCHEDULED"}


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
def test_a_run_that_goes_on_is_not_moved(state):
    flows = Flows()
    turned(flows, "qualify", 0)
    flows.states["k"] = state
    assert turned(flows, "emergency", 0) == "k"
    assert flows.states == {"k": state}


def test_gives_up_where_every_run_ends():
    flows = Flows()
    flows.states = {f"k:{number}": "FAILED" for number in range(200)} | {"k": "FAILED"}
    with pytest.raises(InfrastructureError, match="100 runs ended without a result"):
        create(server(flows))


def refuses(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def stalls(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("too slow")


ERRORS: dict[str, tuple[Answer, str]] = {
    "it is down": (refuses, "does not answer"),
    "it is too slow": (stalls, "does not answer"),
    "it is broken": (lambda request: httpx.Response(500, text="oops"), "answers 500"),
    "the flow is not deployed": (lambda request: httpx.Response(404), "answers 404"),
    "something else answers": (lambda request: httpx.Response(200, text="<p>"), "does not answer"),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize(
    "call",
    [
        create,
        lambda made: made.take("run"),
        lambda made: made.mark_crashed(lambda release: False),
        lambda made: made.runs(),
    ],
    ids=["create", "take", "mark", "runs"],
)
def test_can_be_tried_again_when(name, call):
    answer, message = ERRORS[name]
    with pytest.raises(InfrastructureError, match=message) as raised:
        call(server(answer))
    assert raised.value.retryable
    assert raised.value.mend.startswith("clinops up")


@pytest.mark.parametrize("answer", [refuses, stalls, lambda request: httpx.Response(404)])
def test_what_does_not_answer_is_not_there(answer):
    made = server(answer)
    assert not made.answers()
    assert not made.has_deployments()


def test_what_answers_is_there():
    made = server(lambda request: httpx.Response(200))
    assert made.answers()
    assert made.has_deployments()


def test_one_flow_that_is_not_deployed_is_noticed():
    made = server(lambda r: httpx.Response(404 if "promote" in r.url.path else 200))
    assert not made.has_deployments()


def taken(release: str, seconds: float = 600) -> dict[str, Any]:
    since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)
    return {
        "id": f"id-of-{release}",
        "name": f"qualify {release}",
        "parameters": {"release_id": release},
        "state": {"timestamp": since.isoformat().replace("+00:00", "Z")},
    }


def test_marks_only_runs_without_a_lease_that_had_time_to_take_one():
    flows = Flows()
    flows.taken = [taken("pas-1"), taken("pas-2"), taken("pas-3", seconds=5)]
    assert server(flows).mark_crashed(lambda release: release == "pas-2") == ["qualify pas-1"]
    (_, wanted), *marks = flows.requests
    assert wanted["flows"]["name"]["any_"] == ["qualify", "promote"]
    assert wanted["flow_runs"]["state"]["type"]["any_"] == ["PENDING", "RUNNING"]
    ((path, body),) = marks
    assert path == "flow_runs/id-of-pas-1/set_state"
    assert (body["state"]["type"], body["force"]) == ("CRASHED", True)


def test_a_run_that_names_no_release_is_marked_as_well():
    flows = Flows()
    flows.taken = [{**taken("x"), "parameters": {}}]
    asked: list[str] = []
    assert server(flows).mark_crashed(lambda release: bool(asked.append(release))) == ["qualify x"]
    assert asked == [""]


@pytest.mark.parametrize(("status", "taken"), [("ACCEPT", True), ("REJECT", False)])
def test_a_run_is_taken_by_one_who_asks_the_server(status, taken):
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, json.loads(request.content)))
        return httpx.Response(201, json={"status": status})

    assert server(answer).take("r") is taken
    ((path, body),) = asked
    assert path == "/api/flow_runs/r/set_state"
    # Forced, two could have it.
    assert (body["state"]["type"], body["force"]) == ("PENDING", False)


def test_a_run_that_was_taken_is_left_to_the_workers():
    flows = Flows()
    server(flows).leave("r")
    ((path, body),) = flows.requests
    assert path == "flow_runs/r/set_state"
    assert (body["state"]["type"], body["force"]) == ("SCHEDULED", True)


@pytest.mark.parametrize("api", [API, f"{API}/"])
def test_links_lead_to_the_user_interface(api):
    made = PrefectServer(api, transport=httpx.MockTransport(Flows()))
    assert made.run_link("r") == "http://127.0.0.1:4200/runs/flow-run/r"
    made.close()


@pytest.mark.parametrize(("there", "made"), [(404, ["clinops"]), (200, [])])
def test_a_work_pool_is_made_once(there, made):
    posted = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            posted.append(json.loads(request.content)["name"])
            return httpx.Response(201, json={})
        return httpx.Response(there)

    server(answer).ensure_pool("clinops")
    assert posted == made


@pytest.mark.parametrize(("there", "how"), [(404, ("POST", "")), (200, ("PATCH", "/qualify"))])
def test_a_queue_has_the_limit_and_the_priority_that_were_set_last(there, how):
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(there)
        asked.append((request.method, request.url.path, json.loads(request.content)))
        return httpx.Response(204)

    server(answer).ensure_queue("clinops", "qualify", 2, priority=3)
    ((method, path, body),) = asked
    assert (method, path.removeprefix("/api/work_pools/clinops/queues")) == how
    assert (body["concurrency_limit"], body["priority"]) == (2, 3)


def test_says_who_it_is():
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["authorization"])
        return httpx.Response(200, json=[])

    PrefectServer(API, ("clinops", "secret"), transport=httpx.MockTransport(answer)).runs()
    assert asked == ["Basic " + base64.b64encode(b"clinops:secret").decode()]


def test_a_server_with_another_password_is_told_with_its_mend():
    with pytest.raises(InfrastructureError, match="answers 401") as raised:
        server(lambda request: httpx.Response(401)).runs()
    assert "clinops down" in raised.value.mend


def test_a_busy_server_is_asked_again(monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    answers = iter([503, 429, 200])
    made = server(lambda request: httpx.Response(next(answers), json=[]))
    assert made.runs() == []
    assert len(pauses) == 2


def test_a_server_that_stays_busy_is_our_error_in_the_end(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(InfrastructureError, match="503"):
        server(lambda request: httpx.Response(503)).runs()
