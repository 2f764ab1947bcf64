"""Requests and a policy as values, for tests of ranks, fixes and plans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from clinops.domain.board_policy import BoardPolicy
from clinops.domain.rank_case import Residual
from clinops.domain.request import Request
from tests.fakes.wiring import document

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
CLASSES = (1, 2, 3, 4, 5)
BOARD = "environments/board.yaml"
TAKEN_BACK = {"day": dt.date(2025, 1, 1), "reason": "Taken back"}


def policy(**changes: Any) -> BoardPolicy:
    """A board's policy with the weights of the reference estate."""
    content = {
        "schema": 1,
        "version": 1,
        "decided": "Minute 7",
        "weights": {"risk": 40, "clock": 25, "statute": 20, "benefit": 15},
        "confidence": {"low": 0.5, "medium": 0.8, "high": 1},
        "capacity": {"integration": 20, "testing": 10},
    }
    return BoardPolicy.model_validate({**content, **changes})


def request(name: str = "a", **changes: Any) -> Request:
    """A request without any hard rule; `left` gives its deadline in days, `risk` its class."""
    left, source = changes.pop("left", None), changes.pop("source", "patch-14-days")
    risk = changes.pop("risk", 0)
    deadline = None
    if left is not None:
        by = NOW + dt.timedelta(days=left)
        deadline = {"by": by, "source": source, "reference": "A letter"}
    content = {
        "schema": 1,
        "id": name,
        "title": f"Request {name}",
        "commissioned_by": "operations",
        "commissioned": NOW.date(),
        "owner": "An owner",
        "kind": "patch",
        "systems": ["pas"],
        "hazards": [f"PAS-00{risk}"] if risk else [],
        "benefit": {"points": 5, "reasons": ["A reason"]},
        "deadline": deadline,
        "effort": {"integration": 2.0},
        "confidence": "high",
    }
    return Request.model_validate({**content, **changes})


def residuals(*systems: str) -> Mapping[str, Mapping[str, Residual]]:
    """Hazard logs with a residual risk of each class: PAS-001 is of class 1."""
    return {
        system: {
            f"PAS-00{risk}": Residual(system, f"PAS-00{risk}", f"Hazard {risk}", risk)
            for risk in CLASSES
        }
        for system in (systems or ("pas",))
    }


def board() -> bytes:
    """The policy as a file."""
    return document(policy().model_dump(mode="json", by_alias=True))


def asked(name: str = "r-1", **changes: Any) -> dict[str, bytes | None]:
    """A request as a file, by default for version 2.0."""
    made = request(name, **{"releases": [{"product": "pas", "version": "2.0"}], **changes})
    content = made.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {f"requests/{name}.yaml": document(content)}
