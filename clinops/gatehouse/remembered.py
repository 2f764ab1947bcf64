"""Memory of what is dear to find out: an answer is kept while its question stays the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

V = TypeVar("V")


class Remembered(Generic[V]):
    """Answers by their question, for some seconds and not too many of them.

    Args:
        seconds: How long an answer is kept: time changes what is true as well.
        limit: How many are kept; the one that was asked for longest ago goes first.
        now: A clock in seconds.
    """

    def __init__(
        self, seconds: float, limit: int = 256, now: Callable[[], float] = monotonic
    ) -> None:
        self._seconds = seconds
        self._limit = limit
        self._now = now
        self._kept: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()
        self._lock = Lock()

    def get(self, question: Hashable, find_out: Callable[[], V], within: float | None = None) -> V:
        """Return the answer that is kept, or find it out; errors are never kept.

        Args:
            question: What the answer depends on, time apart.
            find_out: Finds the answer.
            within: How many seconds old it may be, where that is less than it is kept.
        """
        limit = self._seconds if within is None else min(within, self._seconds)
        with self._lock:
            made, *found = self._kept.get(question, (0.0,))
            if found and self._now() - made < limit:
                self._kept.move_to_end(question)
                return found[0]
        answer = find_out()
        with self._lock:
            self._kept[question] = (self._now(), answer)
            self._kept.move_to_end(question)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        return answer
