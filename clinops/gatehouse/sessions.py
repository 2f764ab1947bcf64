"""Sessions: who is signed in, and what they are about to sign.

They live in memory and nowhere else: a restart signs everybody out, and loses no signature.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass, field
from threading import Lock

from clinops.errors import NotFoundError, RefusedError
from clinops.ports import Clock

IDLE = dt.timedelta(minutes=15)
LONGEST = dt.timedelta(hours=8)
PATIENCE = dt.timedelta(minutes=5)
"""How long a statement waits for its signature: its time must be true when it is signed."""
MOST_SESSIONS = 1000
MOST_PENDING = 10


@dataclass(frozen=True)
class Outcome:
    """What became of a statement: recorded as an entry, or refused."""

    sequence: int | None
    words: tuple[str, ...]


@dataclass
class Pending:
    """A statement that waits for one signature over exactly these bytes."""

    id: str
    statement: bytes
    until: dt.datetime
    back: str
    """The page that it is about."""
    used: bool = False
    outcome: Outcome | None = None


@dataclass
class Session:
    """Somebody who has signed in."""

    signer: str
    public_key: str
    """The passkey that they signed in with: the session ends with it."""
    begun: dt.datetime
    seen: dt.datetime
    clock: Clock
    pending: dict[str, Pending] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def put(self, statement: bytes, back: str) -> Pending:
        """Keep a statement for its signature; the oldest of too many is forgotten."""
        made = Pending(secrets.token_urlsafe(16), statement, self.clock() + PATIENCE, back)
        with self._lock:
            self.pending[made.id] = made
            while len(self.pending) > MOST_PENDING:
                del self.pending[next(iter(self.pending))]
        return made

    def look(self, pending_id: str) -> Pending:
        """Return a statement, whatever became of it; raises NotFoundError."""
        found = self.pending.get(pending_id)
        if found is None:
            raise NotFoundError("nothing waits for your signature here")
        return found

    def waiting(self, pending_id: str) -> Pending:
        """Return a statement that may still be signed; raises RefusedError."""
        found = self.look(pending_id)
        if found.used:
            raise RefusedError("this was signed, or refused, already: begin again")
        if self.clock() >= found.until:
            raise RefusedError("this has waited too long for its signature: begin again")
        return found

    def take(self, pending_id: str) -> Pending:
        """Return a statement for its one signature; raises RefusedError from the second time on."""
        with self._lock:
            found = self.waiting(pending_id)
            found.used = True
            return found


class Sessions:
    """The sessions of one gatehouse, each found by the digest of its token.

    Args:
        clock: The time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[str, Session] = {}

    def begin(self, signer: str, public_key: str) -> str:
        """Begin a session and return its token, which is told to the browser alone."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._forget_the_dead(now)
            while len(self._kept) >= MOST_SESSIONS:
                del self._kept[min(self._kept, key=lambda one: self._kept[one].seen)]
            self._kept[_digest(token)] = Session(signer, public_key, now, now, self._clock)
        return token

    def find(self, token: str, *, used: bool) -> Session | None:
        """Return the session of a token.

        Args:
            token: What the browser showed.
            used: Whether a person is behind this, so that the session is not idle.
        """
        now = self._clock()
        with self._lock:
            found = self._kept.get(_digest(token))
            if found is None or _is_over(found, now):
                self._kept.pop(_digest(token), None)
                return None
            if used:
                found.seen = now
            return found

    def end(self, token: str) -> None:
        """End a session, if there is one."""
        with self._lock:
            self._kept.pop(_digest(token), None)

    def _forget_the_dead(self, now: dt.datetime) -> None:
        self._kept = {name: one for name, one in self._kept.items() if not _is_over(one, now)}


def _is_over(session: Session, now: dt.datetime) -> bool:
    return now - session.seen >= IDLE or now - session.begun >= LONGEST


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
