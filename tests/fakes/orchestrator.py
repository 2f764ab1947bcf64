"""A flow server that only writes down which runs it was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clinops.domain.urgency import Turn
from clinops.errors import InfrastructureError


class FakeOrchestrator:
    """Implements Orchestrator: one run an idempotency key."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        """Flow and release of every run, by its idempotency key."""
        self.turns: dict[str, Turn] = {}
        """Where each run stands, by its key."""
        self.down = False
        self.dead: list[str] = []
        """Releases whose runs say `Running`."""

    def create_run(
        self,
        deployment: str,
        *,
        name: str,
        key: str,
        parameters: Mapping[str, Any],
        turn: Turn | None = None,
    ) -> str:
        self._ensure_up()
        self.runs.setdefault(key, {"flow": deployment.split("/", maxsplit=1)[0], **parameters})
        if turn is not None:
            self.turns[key] = turn
        return key

    def run_link(self, run_id: str) -> str:
        return f"http://flows/{run_id}"

    def mark_crashed(self, alive: Callable[[str], bool]) -> list[str]:
        self._ensure_up()
        return [release for release in self.dead if not alive(release)]

    def _ensure_up(self) -> None:
        if self.down:
            raise InfrastructureError("the flow server does not answer")
