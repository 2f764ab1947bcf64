"""A time limit for work that talks to a hostile system: no timeout of a library sees to all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do some work in a thread of its own and return its result, or raise its error.

    Work that takes longer is left to itself: whatever it uses must not be used again.

    Raises:
        TimeoutError: It did not end in time.
    """
    task = _Task(work)
    # A daemon: a system that lets an answer trickle must not keep the program from ending.
    thread = threading.Thread(target=task.run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    return task.result()


class _Task(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again where it was waited for
            self._error = error

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]
