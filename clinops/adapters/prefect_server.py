"""The Prefect server over its REST API, for everything but flows (port Orchestrator).

NOTE: no `import prefect` here. It costs 0.9 s, and hooks and quick commands wait for it.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from clinops.domain.urgency import Turn
from clinops.errors import InfrastructureError

TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
_START_ALLOWANCE = dt.timedelta(seconds=45)
"""How long a run may be `Pending` or `Running` before it must hold a lease."""
_MOST_RERUNS = 100
_BUSY = {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}
_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)
_LOCKED_OUT = "clinops down, then clinops up: it was started with another password"
_CRASHED = {
    "state": {
        "type": "CRASHED",
        "name": "Crashed",
        "message": "its process is gone: the release's lease has run out",
    },
    "force": True,
}
# As the worker takes a run: of two who do so, the server lets one have it.
_TAKEN = {"state": {"type": "PENDING", "name": "Pending"}, "force": False}
_ELSEWHERE = {"type": "CANCELLED", "name": "Moved", "message": "to another queue"}
_HARDLY = dt.timedelta(hours=1)
"""By less than so much nothing is moved in its queue: ranks change a little with every request."""
_LEFT = {"state": {"type": "SCHEDULED", "name": "Scheduled"}, "force": True}


class PrefectServer:
    """A Prefect 3 server."""

    def __init__(
        self,
        api: str,
        auth: tuple[str, str] | None = None,
        *,
        time_limit: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Speak to a server, as the user and password that it asks for."""
        self._api = api.rstrip("/")
        self._client = httpx.Client(
            base_url=f"{self._api}/", auth=auth, timeout=time_limit, transport=transport
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def answers(self) -> bool:
        """Whether the server is up."""
        return self._has("health")

    def ensure_pool(self, name: str) -> None:
        """Create a work pool for processes, unless it is there; its worker fills in the rest."""
        if not self._has(f"work_pools/{name}"):
            self._call("POST", "work_pools/", json={"name": name, "type": "process"})

    def ensure_queue(self, pool: str, name: str, at_once: int, priority: int) -> None:
        """Have a queue in a pool, of which workers run so many at once; the rest waits its turn.

        Of several queues, workers look first into the one with the lowest number.
        """
        queues = f"work_pools/{pool}/queues"
        wanted = {"concurrency_limit": at_once, "priority": priority}
        if self._has(f"{queues}/{name}"):
            self._call("PATCH", f"{queues}/{name}", json=wanted)
        else:
            self._call("POST", queues, json={"name": name, **wanted})

    def has_deployments(self) -> bool:
        """Whether all flows are deployed."""
        flows = ("reconcile", "qualify", "promote", "housekeeping")
        return all(self._has(f"deployments/name/{name}/{name}") for name in flows)

    def create_run(
        self,
        deployment: str,
        *,
        name: str,
        key: str,
        parameters: Mapping[str, Any],
        turn: Turn | None = None,
    ) -> str:
        """Create a flow run once per idempotency key.

        A run of that key that has ended (crashed, cancelled) did not do the work, or the caller
        would not ask again: the next key is taken.
        """
        found = self._call("GET", f"deployments/name/{deployment}")
        body = {"name": name, "parameters": dict(parameters), "tags": ["clinops"]}
        if turn is not None:
            body |= {"work_queue_name": turn.lane, "state": _scheduled(turn.since)}
        for attempt in range(_MOST_RERUNS):
            run = self._call(
                "POST",
                f"deployments/{found['id']}/create_flow_run",
                json={**body, "idempotency_key": key if attempt == 0 else f"{key}:{attempt}"},
            )
            if run["state_type"] not in TERMINAL and self._stays(run, turn):
                return str(run["id"])
        raise InfrastructureError(f"{name}: {_MOST_RERUNS} runs ended without a result")

    def _stays(self, run: Mapping[str, Any], turn: Turn | None) -> bool:
        """Move a run that still waits to its turn; return whether it is still the run.

        The server moves none from queue to queue: it is cancelled there, for another one.
        """
        if turn is None or run["state_type"] != "SCHEDULED" or not _is_moved(run, turn):
            return True
        if not self.take(run["id"]):
            return True
        stays = bool(run["work_queue_name"] == turn.lane)
        moved = _scheduled(turn.since) if stays else _ELSEWHERE
        self._call("POST", f"flow_runs/{run['id']}/set_state", json={"state": moved, "force": True})
        return stays

    def run_link(self, run_id: str) -> str:
        """Return the address of a run in the UI."""
        return f"{self._api.removesuffix('/api')}/runs/flow-run/{run_id}"

    def take(self, run_id: str) -> bool:
        """Take a scheduled run, so that no worker does; returns whether it was there to take."""
        answer = self._call("POST", f"flow_runs/{run_id}/set_state", json=_TAKEN)
        return bool(answer["status"] == "ACCEPT")

    def leave(self, run_id: str) -> None:
        """Leave a run that was taken to the workers."""
        self._call("POST", f"flow_runs/{run_id}/set_state", json=_LEFT)

    def mark_crashed(self, alive: Callable[[str], bool]) -> list[str]:
        """Mark runs as crashed that a process took, while no lease for their release is alive."""
        taken = {
            "flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}},
            "flows": {"name": {"any_": ["qualify", "promote"]}},
        }
        before = dt.datetime.now(dt.UTC) - _START_ALLOWANCE
        marked = []
        for run in self._call("POST", "flow_runs/filter", json=taken):
            since = dt.datetime.fromisoformat(run["state"]["timestamp"])
            if since < before and not alive(run["parameters"].get("release_id", "")):
                self._call("POST", f"flow_runs/{run['id']}/set_state", json=_CRASHED)
                marked.append(str(run["name"]))
        return marked

    def runs(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the newest flow runs that are due, as the API gives them."""
        # Schedules fill the list with runs of the days to come.
        due = {"expected_start_time": {"before_": dt.datetime.now(dt.UTC).isoformat()}}
        body = {"sort": "EXPECTED_START_TIME_DESC", "limit": limit, "flow_runs": due}
        runs: list[dict[str, Any]] = self._call("POST", "flow_runs/filter", json=body)
        return runs

    def _has(self, path: str) -> bool:
        try:
            return self._client.get(path).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _call(self, method: str, path: str, json: object = None) -> Any:
        try:
            answer = self._patiently(method, path, json)
            answer.raise_for_status()
            return answer.json() if answer.content else None
        except httpx.HTTPStatusError as error:
            detail = error.response.text[:200]
            locked = error.response.status_code == httpx.codes.UNAUTHORIZED
            raise InfrastructureError(
                f"the Prefect server answers {error.response.status_code} to {path}: {detail}",
                mend=_LOCKED_OUT if locked else "clinops up   (deploys the flows as well)",
            ) from error
        except (httpx.HTTPError, ValueError) as error:
            raise InfrastructureError(
                f"the Prefect server at {self._api} does not answer: {error}", mend="clinops up"
            ) from error

    def _patiently(self, method: str, path: str, json: object) -> httpx.Response:
        """Ask again while the server is busy: its SQLite answers 503 where it is locked.

        Every call here may be repeated: runs and events have keys, the rest reads or overwrites.
        """
        for pause in _PAUSES:
            answer = self._client.request(method, path, json=json)
            if answer.status_code not in _BUSY:
                return answer
            time.sleep(pause)
        return self._client.request(method, path, json=json)


def _scheduled(since: dt.datetime) -> dict[str, Any]:
    return {"type": "SCHEDULED", "state_details": {"scheduled_time": since.isoformat()}}


def _is_moved(run: Mapping[str, Any], turn: Turn) -> bool:
    stood = dt.datetime.fromisoformat(run["expected_start_time"])
    return run["work_queue_name"] != turn.lane or abs(stood - turn.since) > _HARDLY
