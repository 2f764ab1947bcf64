"""Stages as Prefect tasks, with progress and artifacts (port Stages)."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from prefect import task
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture, wait
from prefect.logging import get_run_logger

from clinops.ports import Begin

T = TypeVar("T")


class PrefectStages:
    """Runs each stage as a task run of the current flow run."""

    def __init__(self, subject: str, stop: Callable[[], None] = lambda: None) -> None:
        """Name artifacts after a subject; call `stop` when the flow run is cancelled."""
        self._subject = re.sub(r"[^a-z0-9-]+", "-", subject.lower())
        self._stop = stop
        self._progress: uuid.UUID | None = None

    @property
    def created(self) -> dt.datetime | None:
        """When the flow run was created."""
        context = FlowRunContext.get()
        return context.flow_run.created if context and context.flow_run else None

    def run(self, name: str, stage: Callable[[], T]) -> T:
        """Run one stage and wait for it."""
        with self.beside() as begin:
            return begin(name, stage).result()

    @contextmanager
    def beside(self) -> Iterator[Begin]:
        """Submit stages to Prefect's thread runner; all have ended when the context has."""
        begun: list[PrefectFuture[Any]] = []

        def begin(name: str, stage: Callable[[], T], /) -> PrefectFuture[T]:
            # No arguments: Prefect would walk through every value that it is handed.
            made = task(name=name, task_run_name=_literal(name), persist_result=False)(stage)
            begun.append(made.submit())
            return begun[-1]

        try:
            try:
                yield begin
            except Exception:
                wait(begun)
                raise
            wait(begun)
        except Exception:
            raise
        except BaseException:
            self._stop()
            raise
        for future in begun:
            future.result()

    def progress(self, fraction: float, text: str) -> None:
        """Keep one progress artifact a run."""
        percent = round(fraction * 100)
        get_run_logger().info("%s", text)
        if self._progress is None:
            made: Any = create_progress_artifact(
                progress=percent, key=f"progress-{self._subject}", description=text
            )
            self._progress = made
        else:
            update_progress_artifact(artifact_id=self._progress, progress=percent, description=text)

    def report(self, key: str, markdown: str) -> None:
        """Leave a markdown artifact."""
        create_markdown_artifact(markdown, key=f"{key}-{self._subject}", description=key)

    def table(self, key: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Leave a table artifact."""
        create_table_artifact(
            [dict(row) for row in rows], key=f"{key}-{self._subject}", description=key
        )

    def link(self, key: str, address: str, text: str) -> None:
        """Leave a link artifact."""
        create_link_artifact(address, text, key=f"{key}-{self._subject}")


def _literal(name: str) -> str:
    # Prefect formats run names with the task's parameters: braces must stay braces.
    return name.replace("{", "{{").replace("}", "}}")
