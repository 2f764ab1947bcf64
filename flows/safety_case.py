"""The clinical safety case report of one release, gathered (DCB0160).

All of it is read from the ledger, the evidence and the estate. Scores, acceptances and statements
are those of the people who gave them; what nobody has stated is said to be missing.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from clinops.adapters import safety_case_report
from clinops.adapters.evidence_files import write_durably
from clinops.domain.coverage import coverage
from clinops.domain.dossier import Dossier, HazardFile
from clinops.domain.environment import Environment
from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import CSO, GatePolicy
from clinops.domain.hazard import HazardLog, Likelihood, Severity, risk_class
from clinops.domain.history import Told
from clinops.domain.ledger import Anchor, Entry, Kind
from clinops.domain.rules_in_words import rules_in_words
from clinops.errors import BadInputError
from clinops.wiring import Wiring
from flows.dossier import dossier
from flows.safety_case_sources import Holder, Reading, Signature

When = Literal["initial", "residual"]


@dataclass(frozen=True)
class SafetyCase:
    """What the report says."""

    dossier: Dossier
    made: dt.datetime
    ledger: Anchor
    """The ledger's last entry when it was made."""
    log: HazardLog | None
    policy: GatePolicy | None
    environment: Environment | None
    vendor: str
    holders: Sequence[Holder]
    sign_offs: Sequence[Signature]
    approvals: Sequence[Signature]
    """Of this version of the hazard log, and of the waivers."""
    orders: Sequence[Told]
    """Stops of the product's line, and what let it go on."""
    supplier_case: str
    """What came of comparing the supplier's safety case with its digest."""
    problems: Sequence[str]

    @property
    def demonstration(self) -> bool:
        """Whether anything in it is made up: the scores, a signer, or the policy that lets them."""
        signed = [one.signed for one in (*self.sign_offs, *self.approvals) if one.signed]
        return (
            (self.log is not None and self.log.demonstration)
            or any(one.demonstration for one in signed)
            or any(holder.demonstration for holder in self.holders)
            or (self.policy is not None and self.policy.accept_demonstration)
        )

    @property
    def officer(self) -> str:
        """The role that answers for the hazards."""
        return self.policy.hazards.accepted_by if self.policy else CSO

    @property
    def rules(self) -> list[str]:
        """The gate's policy in words."""
        return rules_in_words(self.policy) if self.policy else []

    @cached_property
    def hazards(self) -> list[HazardFile]:
        """The hazards, those without evidence first; before any test ran, all are without."""
        if self.dossier.hazards or self.log is None:
            return self.dossier.hazards
        found = zip(self.log.hazards, coverage(self.log, ()), strict=True)
        return [HazardFile(hazard, none, (), ()) for hazard, none in found]

    @property
    def open_hazards(self) -> list[HazardFile]:
        """Those that are not closed."""
        return [one for one in self.hazards if one.hazard.status != "closed"]

    def classes(self, when: When) -> dict[int, int]:
        """Count the hazards that are not closed by the class of their risk."""
        scores = (getattr(one.hazard, when) for one in self.open_hazards)
        counted = Counter(score.risk_class for score in scores)
        return {number: counted[number] for number in range(5, 0, -1)}

    def matrix(self, when: When) -> Iterator[tuple[Likelihood, list[tuple[int, list[str]]]]]:
        """Yield the rows of the risk matrix, the likeliest first: each cell's class and hazards."""
        placed: dict[tuple[Severity, Likelihood], list[str]] = {}
        for one in self.open_hazards:
            score = getattr(one.hazard, when)
            placed.setdefault((score.severity, score.likelihood), []).append(one.hazard.id)
        for likelihood in reversed(Likelihood):
            yield (
                likelihood,
                [
                    (
                        risk_class(severity, likelihood),
                        sorted(placed.get((severity, likelihood), ())),
                    )
                    for severity in Severity
                ],
            )

    @property
    def verdict(self) -> Entry | None:
        """The ledger's entry of the verdict."""
        found = [entry for entry in self.dossier.entries if entry.kind is Kind.VERDICT]
        return found[-1] if found else None

    @property
    def deployed(self) -> Entry | None:
        """The entry with which its deployment began: its gate was open then."""
        begun = (e for e in self.dossier.entries if e.kind is Kind.DEPLOYMENT_STARTED)
        return next(begun, None)

    @property
    def refused_signatures(self) -> list[Told]:
        """What people tried to sign, and was not taken in."""
        return [told for told in self.dossier.history if told.kind is Kind.SIGNATURE_REFUSED]


def safety_case(record: ReleaseRecord, wiring: Wiring) -> SafetyCase:
    """Gather the report on a release; raises InfrastructureError where something is not there."""
    ledger = wiring.ledger.head()
    found = dossier(record, wiring)
    reading = Reading(found, wiring)
    policy = reading.policy()
    return SafetyCase(
        dossier=found,
        made=wiring.clock(),
        ledger=ledger,
        log=reading.log(),
        policy=policy,
        environment=reading.environment(),
        vendor=reading.vendor(),
        holders=reading.holders(policy) if policy else (),
        sign_offs=reading.sign_offs(),
        approvals=reading.approvals(),
        orders=reading.orders(),
        supplier_case=reading.supplier_case(),
        # Last: the others note here what they can't read.
        problems=(*found.problems, *reading.problems),
    )


def as_html(case: SafetyCase) -> str:
    """Write the report as one HTML file that asks for nothing outside itself."""
    return safety_case_report.as_html(case)


def as_pdf(case: SafetyCase) -> bytes:
    """Write the report as a PDF; raises InfrastructureError where Pango is missing."""
    return safety_case_report.as_pdf(as_html(case))


def write_report(record: ReleaseRecord, wiring: Wiring, target: Path) -> SafetyCase:
    """Write the report on a release to a file, as its ending says; raises BadInputError."""
    if target.suffix not in {".pdf", ".html"}:
        raise BadInputError(f"{target} says neither PDF nor HTML", mend="end it in .pdf or .html")
    case = safety_case(record, wiring)
    write_durably(target, as_pdf(case) if target.suffix == ".pdf" else as_html(case).encode())
    return case
