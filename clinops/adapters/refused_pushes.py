"""Refused pushes on the ledger: who tries what, without letting anybody flood it."""

from __future__ import annotations

import datetime as dt

from clinops.adapters.git_push import PushVerdict
from clinops.adapters.git_tree import escaped
from clinops.domain.ledger import Kind, timestamp
from clinops.errors import ClinOpsError
from clinops.ports import Ledger

SUBJECT = "estate"
MOST_AN_HOUR = 60
"""Entries of refused pushes in an hour of the clock; one more says that others were refused."""

_MOST_PROBLEMS = 20
_LONGEST_PROBLEM = 500

_MORE = f"more than {MOST_AN_HOUR} pushes were refused within this hour; the others are not listed"


def put_on_record(ledger: Ledger, verdict: PushVerdict, now: dt.datetime) -> bool:
    """Record a refused push as well as can be; False where the ledger did not take it.

    Args:
        ledger: The ledger.
        verdict: Why the push was refused.
        now: The time, in UTC.
    """
    try:
        known = _of_this_hour(ledger, now)
        if known < MOST_AN_HOUR:
            ledger.append(Kind.PUSH_REFUSED, SUBJECT, _body(verdict))
        elif known == MOST_AN_HOUR:
            ledger.append(Kind.PUSH_REFUSED, SUBJECT, {"principal": None, "problems": [_MORE]})
    except (ClinOpsError, OSError):
        return False
    return True


def _of_this_hour(ledger: Ledger, now: dt.datetime) -> int:
    start = timestamp(now.replace(minute=0, second=0, microsecond=0))
    newest = ledger.recent(SUBJECT, limit=MOST_AN_HOUR + 1)
    return sum(entry.kind is Kind.PUSH_REFUSED and entry.time >= start for entry in newest)


def _body(verdict: PushVerdict) -> dict[str, object]:
    problems = [escaped(problem) for problem in verdict.problems[:_MOST_PROBLEMS]]
    return {
        "principal": verdict.principal,
        "problems": [
            problem if len(problem) <= _LONGEST_PROBLEM else f"{problem[:_LONGEST_PROBLEM]}…"
            for problem in problems
        ],
    }
