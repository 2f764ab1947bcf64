"""Stages that may begin together, in the order in which they had better begin.

Where there is room for all at once, that changes nothing. Where there is not, what the end waits
for must not stand behind what it does not wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import get_ident
from typing import Any, Generic, TypeVar

from clinops.domain.plan import Plan
from clinops.domain.usual import longest_first
from clinops.ports import Begin, Pending, Stages

T = TypeVar("T")


@contextmanager
def in_order(stages: Stages, plan: Plan) -> Iterator[Begin]:
    """Begin stages that run beside each other, as `Stages.beside` does, the longest way first.

    They begin as soon as the flow waits for one of them, or leaves the context: what it named up
    to then may begin together.
    """
    with stages.beside() as begin:
        held = _Held(begin, longest_first(plan.ways))
        yield held.hold
        held.let_go()


class _Later(Generic[T]):
    """A stage that will begin (port Pending)."""

    def __init__(self, name: str, stage: Callable[[], T], held: _Held) -> None:
        self.name, self._stage, self._held = name, stage, held
        self._begun: Future[Pending[T]] = Future()

    def begin(self, begin: Begin) -> None:
        self._begun.set_result(begin(self.name, self._stage))

    def give_up(self, error: BaseException) -> None:
        self._begun.set_exception(error)

    def result(self) -> T:
        self._held.let_go()
        return self._begun.result().result()


class _Held:
    """Stages that have been named and have not begun."""

    def __init__(self, begin: Begin, key: Callable[[str], float]) -> None:
        self._begin, self._key = begin, key
        self._flow = get_ident()
        self._held: list[_Later[Any]] = []

    def hold(self, name: str, stage: Callable[[], T], /) -> Pending[T]:
        later = _Later(name, stage, self)
        self._held.append(later)
        return later

    def let_go(self) -> None:
        """Begin all of them. A stage that waits for another one leaves that to the flow."""
        if get_ident() != self._flow:
            return
        self._held.sort(key=lambda later: self._key(later.name))
        while self._held:
            later = self._held.pop(0)
            try:
                later.begin(self._begin)
            except BaseException as error:
                # What has begun may wait for what never will.
                for one in (later, *self._held):
                    one.give_up(error)
                raise
