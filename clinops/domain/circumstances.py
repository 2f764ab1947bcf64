"""What a gate must know besides the signatures under a release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from clinops.domain.calendar import Freeze
from clinops.domain.coverage import Coverage
from clinops.domain.evidence import Evidence
from clinops.domain.hazard import HazardLog
from clinops.domain.line import Stop
from clinops.domain.signoff import Approval, BrokenSignature, ChangeType, Checked

GATE, HAZARD_LOG, WAIVERS = "gate.yaml", "hazards.yaml", "waivers.yaml"


def document_of(product: str, name: str) -> str:
    """Return where a document about a product lies in the estate."""
    return f"environments/{product}/{name}"


class Wanted(NamedTuple):
    """A version of a document, or of a waiver in one, that must be approved by signature."""

    document: str
    item: str
    digest: str

    def __str__(self) -> str:
        """Name it for a person."""
        what = f"the waiver {self.item}" if self.item else "this version of the hazard log"
        return f"{what} ({self.digest[:19]}…)"


class Deployed(NamedTuple):
    """On which route a release goes or went live, and since when."""

    route: ChangeType
    time: str
    live: bool = True
    """False while it is still on its way."""
    settled: bool = False
    """Whether nothing is owed for it any more, whoever has left the trust since."""


@dataclass(frozen=True)
class Circumstances:
    """What a gate must know besides the signatures under a release."""

    sites: tuple[str, ...]
    """The sites that the release goes to."""
    hazard_log: HazardLog | None
    """The log in the evidence; without one the gate stays closed."""
    hazard_log_digest: str = ""
    coverage: tuple[Coverage, ...] = ()
    approvals: tuple[Checked[Approval] | BrokenSignature, ...] = ()
    """Every approval of a document of the product that is on record."""
    authors: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Who changed a document, by its path: they may not approve it."""
    changed: tuple[str, ...] = ()
    """The files of environment and suites that are not as they were for the version in use, apart
    from those that people decide about by signature."""
    stop: Stop | None = None
    freezes: tuple[Freeze, ...] = ()
    overdue: tuple[str, ...] = ()
    """What is owed for earlier emergencies and past its deadline, one sentence each."""
    dropped: tuple[str, ...] = ()
    """Results that were carried over and count no more, one sentence each."""
    deployed: Deployed | None = None
    """None as long as no deployment has begun."""

    def wanted(self, evidence: Evidence) -> Iterator[Wanted]:
        """Yield what must be approved: the hazard log, and each waiver that the evidence uses."""
        product = evidence.release.product
        if self.hazard_log is not None:
            yield Wanted(document_of(product, HAZARD_LOG), "", self.hazard_log_digest)
        used = {finding.waiver for finding in evidence.findings}
        for waiver in evidence.waivers:
            if waiver.id in used:
                yield Wanted(document_of(product, WAIVERS), waiver.id, waiver.digest)
