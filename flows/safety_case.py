"""The clinical safety case report of one release, gathered (DCB0160).

All of it is read from the ledger, the evidence and the estate. Scores, acceptances and statements
are those of the people who gave them; what nobody has stated is said to be missing.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, TypeVar

from clinops.adapters import safety_case_report
from clinops.adapters.evidence_files import write_durably
from clinops.domain.circumstances import HAZARD_LOG, WAIVERS, Wanted, document_of
from clinops.domain.coverage import coverage
from clinops.domain.environment import Environment
from clinops.domain.gate import CSO, GatePolicy
from clinops.domain.hazard import HazardLog, Likelihood, Severity, risk_class
from clinops.domain.history import Told, tell
from clinops.domain.ledger import Anchor, Entry, Kind, ReleaseRecord
from clinops.domain.parsing import parse
from clinops.domain.rules_in_words import rules_in_words
from clinops.domain.saying import in_words
from clinops.domain.signer import Registration, fingerprint
from clinops.domain.signoff import Approval, BrokenSignature, Checked, SignOff
from clinops.errors import BadInputError, EvidenceError
from clinops.wiring import Wiring
from flows.dossier import HAZARDS, Dossier, HazardFile, dossier
from flows.gate import signatures
from flows.judgement import approvals

T = TypeVar("T")
When = Literal["initial", "residual"]

_GATE: Final = "environment/gate.yaml"


@dataclass(frozen=True)
class Holder:
    """Somebody who holds a role that this gate asks for."""

    role: str
    name: str
    registration: Registration | None
    demonstration: bool
    may_sign: bool
    """Whether one of their keys is good today."""


@dataclass(frozen=True)
class Signature:
    """One signature on record, and what becomes of it."""

    sequence: int
    recorded: str
    signed: SignOff | Approval | None
    """None where it does not verify."""
    fingerprint: str
    standing: str
    counts: bool

    @property
    def words(self) -> list[str]:
        """What was signed, in plain words."""
        return in_words(self.signed) if self.signed else []


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
    reading = _Reading(found, wiring)
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


class _Reading:
    """One pass over what the dossier does not hold; it notes what it can't have."""

    def __init__(self, found: Dossier, wiring: Wiring) -> None:
        self.problems: list[str] = []
        self._dossier = found
        self._wiring = wiring
        self._head = wiring.estate(wiring.repository.head())
        self._then = wiring.estate(wiring.repository.at(found.release.commit))

    def _try(self, what: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except (BadInputError, EvidenceError) as error:
            self.problems.append(f"{what} can't be read: {error.diagnostics()}")
            return None

    def policy(self) -> GatePolicy | None:
        """Return the policy that the signatures cover; before there is evidence, today's."""
        evidence = self._dossier.evidence
        if evidence is None or _GATE not in evidence.files:
            return self._dossier.policy
        store, digest = self._wiring.evidence, evidence.files[_GATE]
        return self._try("The gate's policy", lambda: parse(_GATE, store.get(digest), GatePolicy))

    def log(self) -> HazardLog | None:
        """Return the log that the tests met; before there is evidence, the one that they will."""
        if self._dossier.record.evidence is not None:
            return self._dossier.log
        product = self._dossier.record.product
        return self._try("The hazard log", lambda: self._then.hazard_log(product))

    def environment(self) -> Environment | None:
        product = self._dossier.record.product
        return self._try("The environment", lambda: self._then.environment(product))

    def vendor(self) -> str:
        name = self._dossier.release.vendor
        vendors = self._try("The vendors' files", self._then.vendors) or {}
        return f"{vendors[name].name} ({name})" if name in vendors else name

    def holders(self, policy: GatePolicy) -> list[Holder]:
        found = self._try("signers.yaml", self._head.signers)
        roles = policy.roles | {policy.hazards.approved_by, policy.waivers.approved_by}
        today = self._wiring.clock().date()
        return [
            Holder(
                role,
                signer.name,
                signer.registration,
                signer.demonstration,
                any(key.usable_on(today) for key in signer.keys),
            )
            for role in sorted(roles)
            for signer in (found.signers.values() if found else ())
            if role in signer.roles
        ]

    def sign_offs(self) -> list[Signature]:
        checked = signatures(self._dossier.entries, self._wiring.signatures)
        gate = self._dossier.gate
        counted = {one.sequence for one in gate.counted} if gate else set()
        refused = {one.sequence: one.sentence for one in gate.refused} if gate else {}
        return [
            _signature(one, one.sequence in counted, refused.get(one.sequence, self._unjudged()))
            for one in checked
        ]

    def approvals(self) -> list[Signature]:
        gate = self._dossier.gate
        good = {(one.digest, one.signer, one.time) for one in gate.approved} if gate else set()
        return [
            _signature(one, _is_of(one, good), self._unjudged())
            for one in approvals(self._of_product(), self._wanted(), self._wiring.signatures)
        ]

    def orders(self) -> list[Told]:
        kinds = {Kind.LINE_STOPPED, Kind.LINE_RESUMED}
        return [tell(entry) for entry in self._of_product() if entry.kind in kinds]

    def _of_product(self) -> Iterable[Entry]:
        return self._wiring.ledger.entries(self._dossier.record.product)

    def _wanted(self) -> list[Wanted]:
        """Return the hazard log and the waivers of the evidence, whether it uses them or not."""
        evidence, product = self._dossier.evidence, self._dossier.record.product
        if evidence is None:
            return []
        log = evidence.files.get(HAZARDS)
        path = document_of(product, WAIVERS)
        return [
            *([Wanted(document_of(product, HAZARD_LOG), "", log)] if log else []),
            *(Wanted(path, waiver.id, waiver.digest) for waiver in evidence.waivers),
        ]

    def _unjudged(self) -> str:
        if self._dossier.gate is not None:
            return "it is not one of those that the gate counts"
        return "its gate is not judged in the state that the release is in"

    def supplier_case(self) -> str:
        manifest = self._dossier.manifest
        case = manifest.safety_case if manifest else None
        if case is None:
            return ""
        folder = self._dossier.release.manifest_path.rpartition("/")[0]
        path = f"{folder}/{case.document}"
        data = self._try("The supplier's safety case", lambda: self._then.tree.read(path))
        if data is None:
            return "The file is not in the estate."
        if sha256(data).hexdigest() != case.sha256:
            self.problems.append("The supplier's safety case is not the file that it named")
            return "The file in the estate does NOT have this digest."
        return "The file in the estate has this digest."


def _is_of(
    one: Checked[Approval] | BrokenSignature, good: Collection[tuple[str, str, str]]
) -> bool:
    if isinstance(one, BrokenSignature):
        return False
    return (one.signed.digest, one.signed.signer, one.signed.time) in good


def _signature(
    checked: Checked[SignOff] | Checked[Approval] | BrokenSignature, counts: bool, why_not: str
) -> Signature:
    if isinstance(checked, BrokenSignature):
        standing = f"does not count: {checked.problem}"
        return Signature(checked.sequence, checked.recorded, None, "", standing, counts=False)
    return Signature(
        sequence=checked.sequence,
        recorded=checked.recorded,
        signed=checked.signed,
        fingerprint=fingerprint(checked.public_key),
        standing="counts" if counts else f"does not count: {why_not}",
        counts=counts,
    )
