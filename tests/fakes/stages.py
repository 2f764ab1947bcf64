"""Stages as plain calls that remember what was told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from clinops.ports import Begin

T = TypeVar("T")


class FakeStages:
    """Implements Stages: one stage after the other."""

    def __init__(self) -> None:
        self.names: list[str] = []
        """Every stage that was begun, in order."""
        self.reports: dict[str, str] = {}
        self.tables: dict[str, list[dict[str, str]]] = {}
        self.told: list[tuple[float, str]] = []
        """Progress, as it was reported."""
        self.created: dt.datetime | None = None

    def run(self, name: str, stage: Callable[[], T]) -> T:
        self.names.append(name)
        return stage()

    @contextmanager
    def beside(self) -> Iterator[Begin]:
        def begin(name: str, stage: Callable[[], T], /) -> Future[T]:
            future: Future[T] = Future()
            future.set_result(self.run(name, stage))
            return future

        yield begin

    def progress(self, fraction: float, text: str) -> None:
        self.told.append((fraction, text))

    def report(self, key: str, markdown: str) -> None:
        self.reports[key] = markdown

    def table(self, key: str, rows: Sequence[Mapping[str, str]]) -> None:
        self.tables[key] = [dict(row) for row in rows]

    def link(self, key: str, address: str, text: str) -> None:
        self.reports[key] = f"{text}: {address}"
