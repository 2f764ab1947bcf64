"""Challenges that wait for an answer, and how often somebody may ask for one."""

from __future__ import annotations

import datetime as dt
from collections import deque
from threading import Lock

from starlette.exceptions import HTTPException

from clinops.adapters.passkeys import fresh_challenge
from clinops.errors import RefusedError
from clinops.ports import Clock

LIFETIME = dt.timedelta(minutes=2)
WITHIN = dt.timedelta(minutes=5)
MOST_ATTEMPTS = 20
_MOST_KEPT = 10_000


class Challenges:
    """Challenges of sign-ins and enrolments: each for one browser and purpose, and for one use.

    Args:
        clock: The time.
        lifetime: How long each is good.
    """

    def __init__(self, clock: Clock, lifetime: dt.timedelta = LIFETIME) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._lock = Lock()
        self._kept: dict[tuple[str, str], tuple[dt.datetime, bytes]] = {}

    def issue(self, purpose: str, visit: str) -> bytes:
        """Make a challenge; an earlier one for the same is worth nothing any more."""
        made = fresh_challenge()
        with self._lock:
            self._kept.pop((purpose, visit), None)
            self._kept[purpose, visit] = self._clock() + self._lifetime, made
            while len(self._kept) > _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return made

    def take(self, purpose: str, visit: str) -> bytes:
        """Return the challenge that was issued, once; raises RefusedError."""
        with self._lock:
            until, found = self._kept.pop((purpose, visit), (self._clock(), b""))
        if self._clock() >= until:
            raise RefusedError("this was not asked for here, or too long ago: try again")
        return found


class Throttle:
    """Lets each address try some times, and then wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._tried: dict[str, deque[dt.datetime]] = {}

    def admit(self, who: str) -> None:
        """Count an attempt; raises HTTPException, 429, where there were too many."""
        now = self._clock()
        with self._lock:
            tried = self._tried.pop(who, deque(maxlen=MOST_ATTEMPTS))
            self._tried[who] = tried
            while len(self._tried) > _MOST_KEPT:
                del self._tried[next(iter(self._tried))]
            if len(tried) == MOST_ATTEMPTS and now - tried[0] < WITHIN:
                raise HTTPException(429, "there were too many attempts: wait some minutes")
            tried.append(now)
