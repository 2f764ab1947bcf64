"""Stages that are timed, whoever runs them: when each began and ended, what it waited for."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar

from clinops.domain.ledger import timestamp
from clinops.domain.timeline import Span, Timeline, Wait
from clinops.ports import Begin, Clock, Pending, Stages

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass
class _Going:
    """A stage, as it goes on."""

    place: int
    name: str
    asked: int
    after: tuple[int, ...]
    begun: int | None = None
    ended: int | None = None
    waits: list[Wait] = field(default_factory=list)

    def span(self, now: int) -> Span:
        begun = now if self.begun is None else self.begun
        return Span(
            name=self.name,
            asked=self.asked,
            begun=begun,
            ended=now if self.ended is None else self.ended,
            after=self.after,
            waits=tuple(self.waits),
        )


class TimedStages:
    """Has other stages do the work, and remembers when (port Stages).

    What waits for what is not guessed from times: whoever asks for the result of a stage waits for
    it, be it the flow, before it goes on to the next stage, or another stage.
    """

    def __init__(self, stages: Stages, clock: Clock) -> None:
        """Time what these stages run. The run begins now, in this thread."""
        self._stages = stages
        self._at, self._zero = clock(), monotonic()
        self._flow = threading.get_ident()
        self._here = threading.local()
        self._going: list[_Going] = []
        self._awaited: list[int] = []
        self._has_gone_on = False
        """Whether the flow has had a stage begin since it waited for one."""

    @property
    def created(self) -> dt.datetime | None:
        """When the flow run was created."""
        return self._stages.created

    def timeline(self) -> Timeline:
        """Return what was seen so far; what has not ended ends now."""
        now = self._now()
        return Timeline(
            at=timestamp(self._at),
            created=timestamp(self.created) if self.created else None,
            spans=tuple(going.span(now) for going in self._going),
            ended=now,
        )

    def run(self, name: str, stage: Callable[[], T]) -> T:
        """Run one stage."""
        going = self._asked(name)
        with self._waiting(going):
            return self._stages.run(name, self._timed(going, stage))

    @contextmanager
    def beside(self) -> Iterator[Begin]:
        """Begin stages that run beside each other; on leaving, the flow has waited for them all."""
        begun: list[_Going] = []
        with self._stages.beside() as begin:

            def timed(name: str, stage: Callable[[], T], /) -> Pending[T]:
                going = self._asked(name)
                begun.append(going)
                pending = begin(name, self._timed(going, stage))
                return _Awaited(pending, lambda: self._waiting(going))

            yield timed
        for going in begun:
            self._waited(going, self._now())

    def progress(self, fraction: float, text: str) -> None:
        """Pass it on."""
        self._stages.progress(fraction, text)

    def report(self, key: str, markdown: str) -> None:
        """Pass it on."""
        self._stages.report(key, markdown)

    def table(self, key: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Pass it on."""
        self._stages.table(key, rows)

    def link(self, key: str, address: str, text: str) -> None:
        """Pass it on."""
        self._stages.link(key, address, text)

    def _now(self) -> int:
        return round((monotonic() - self._zero) * 1000)

    def _asked(self, name: str) -> _Going:
        self._has_gone_on = True
        going = _Going(len(self._going), name, self._now(), tuple(self._awaited))
        self._going.append(going)
        return going

    def _timed(self, going: _Going, stage: Callable[[], T]) -> Callable[[], T]:
        def timed() -> T:
            around = getattr(self._here, "stage", None)
            going.begun, self._here.stage = self._now(), going
            try:
                return stage()
            finally:
                going.ended, self._here.stage = self._now(), around

        return timed

    @contextmanager
    def _waiting(self, going: _Going) -> Iterator[None]:
        since = self._now()
        try:
            yield
        finally:
            self._waited(going, since)

    def _waited(self, going: _Going, since: int) -> None:
        waiter: _Going | None = getattr(self._here, "stage", None)
        if waiter is not None:
            waiter.waits.append(Wait(stage=going.place, since=since, until=self._now()))
        elif threading.get_ident() == self._flow:
            if self._has_gone_on:
                self._awaited, self._has_gone_on = [], False
            if going.place not in self._awaited:
                self._awaited.append(going.place)


class _Awaited(Generic[T_co]):
    """A stage that was begun; who waits for it is remembered (port Pending)."""

    def __init__(
        self, pending: Pending[T_co], waiting: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._pending, self._waiting = pending, waiting

    def result(self) -> T_co:
        """Wait for its end, and return what came of it or raise its error."""
        with self._waiting():
            return self._pending.result()
