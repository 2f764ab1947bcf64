"""The hand-back of a system: everything that a colleague who takes it over must know.

Who knows it is read from what people did: sign-offs and approvals on the ledger, signed commits.
"""

from __future__ import annotations

import datetime as dt

from clinops.domain.runbook import Runbook
from clinops.domain.value import Value


class Part(Value):
    """One service of the replica."""

    name: str
    image: str
    """Where its image comes from, in words."""
    needs: tuple[str, ...]
    """Services that are ready before it starts."""
    data: tuple[str, ...]
    """Volumes that it keeps data in."""


class Interface(Value):
    """One door of the system, and what is asked at it in each qualification."""

    name: str
    door: str
    asked: tuple[tuple[str, int], ...]
    """How many questions, by kind."""


class Danger(Value):
    """One hazard of the log, with its classes."""

    id: str
    name: str
    before: int
    after: int
    status: str


class Known(Value):
    """A difference that is known of, who answers for it and until when."""

    what: str
    said: str
    owner: str
    until: dt.date | None = None


class Skill(Value):
    """Something that somebody must be able to do, and who is left that can."""

    what: str
    people: tuple[str, ...]
    """Of the trust, with a key that is good today."""
    others: tuple[str, ...] = ()
    """Who has done it, and is of the vendor or has left."""
    may: bool = False
    """Whether it is about who may do it, rather than who has."""
    last: str = ""
    """When somebody last did it, where the ledger knows."""

    @property
    def alone(self) -> bool:
        """Whether it rests upon one person, or upon nobody."""
        return len(self.people) < 2  # noqa: PLR2004

    @property
    def said(self) -> str:
        """Who can, in words."""
        *first, last = self.people or ("",)
        if not last:
            return "Nobody may" if self.may else "Nobody who is here has"
        if first:
            return f"{', '.join(first)} and {last}{' may' if self.may else ''}"
        why = "without them it waits" if self.may else "whoever takes over does it once with them"
        return f"Only {last}{' may' if self.may else ''}: {why}"


class Handover(Value):
    """What a system is, how it is stood up, what to mind, who knows it, and what to type."""

    product: str
    vendor: str
    contact: str
    version: str
    """The version that the manifest offers."""
    live: tuple[tuple[str, str], ...]
    """Site and version."""
    parts: tuple[Part, ...]
    under_test: str
    seed: str
    """The program that fills a replica with synthetic data; empty where there is none."""
    ready_within: int
    interfaces: tuple[Interface, ...]
    hazards: tuple[Danger, ...]
    """Those that are open, the graver ones first."""
    known: tuple[Known, ...]
    skills: tuple[Skill, ...]
    runbooks: tuple[Runbook, ...]
    commit: str
    """The protected branch's commit that it was read from."""
