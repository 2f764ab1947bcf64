"""What the tests of judging at the gate share: an orderly release, and what is changed of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from clinops.domain.calendar import Freeze
from clinops.domain.coverage import coverage
from clinops.domain.evidence import Evidence
from clinops.domain.gate import GateReport
from clinops.domain.judgement import evaluate
from clinops.domain.line import Stop
from clinops.domain.signoff import CheckedSignature
from tests.fakes.evidence import case, run
from tests.fakes.gates import HAZARDS, NOW, VENDORS, circumstances, evidence, people, policy, signed

DAY = dt.timedelta(days=1)
COVERING = case(hazards=("ORT-001",))
STOP = Stop(signer="sam", name="Sam", role="operations", reason="odd", time="noon", sequence=5)
FREEZE = Freeze.model_validate({"from": NOW - DAY, "until": NOW + DAY, "reason": "Christmas"})


def both(about: Evidence, **claims: Any) -> list[CheckedSignature]:
    """Sign with both who should."""
    return [
        signed("joy", "safety", about=about, **claims),
        signed("sam", "operations", about=about),
    ]


def judge(*signatures: Any, about: Evidence | None = None, **changes: Any) -> GateReport:
    """Judge an orderly release, but for what is changed; signed by both who should by default."""
    found = about or evidence()
    around = {
        name: changes.pop(name)
        for name in [*changes]
        if name in {"sites", "hazard_log", "coverage", "approvals", "authors", "stop", "freezes",
                    "overdue", "deployed", "changed"}
    }  # fmt: skip
    given: dict[str, Any] = {
        "policy": policy(),
        "signers": people(),
        "vendors": VENDORS,
        "committer": "vendor:acme",
        "now": NOW,
        **changes,
    }
    return evaluate(
        signatures=signatures or both(found),
        evidence=found,
        circumstances=circumstances(**around),
        **given,
    )


def the_one_reason(report: GateReport) -> str:
    """Return why the gate is shut; there must be one reason."""
    assert not report.open
    assert report.route is None
    (reason,) = report.missing
    return reason


def covered(**changes: Any) -> Any:
    """Cover the serious hazard with one test, changed as said."""
    return coverage(HAZARDS, (run(COVERING.model_copy(update=changes)),))
