"""What a safety case report says beyond the dossier: people, signatures, documents."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeVar

from clinops.domain.circumstances import HAZARD_LOG, WAIVERS, Wanted, document_of
from clinops.domain.dossier import Dossier
from clinops.domain.environment import Environment
from clinops.domain.gate import GatePolicy
from clinops.domain.hazard import HazardLog
from clinops.domain.history import Told, tell
from clinops.domain.ledger import Entry, Kind
from clinops.domain.outcome import State
from clinops.domain.parsing import parse
from clinops.domain.saying import in_words
from clinops.domain.signer import Registration, fingerprint
from clinops.domain.signoff import Approval, BrokenSignature, Checked, Meaning, SignOff
from clinops.errors import BadInputError, EvidenceError
from clinops.wiring import Wiring
from flows.dossier import HAZARDS
from flows.gate import signatures
from flows.judgement import approvals

T = TypeVar("T")

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


class Reading:
    """One pass over what the dossier does not hold; it notes what it can't have.

    Args:
        found: The dossier.
        wiring: The estate.
    """

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
        """Return how the product is stood up, as of the release's commit."""
        product = self._dossier.record.product
        return self._try("The environment", lambda: self._then.environment(product))

    def vendor(self) -> str:
        """Return the vendor by the name that it gave itself, and by that of its folder."""
        name = self._dossier.release.vendor
        vendors = self._try("The vendors' files", self._then.vendors) or {}
        return f"{vendors[name].name} ({name})" if name in vendors else name

    def holders(self, policy: GatePolicy) -> list[Holder]:
        """Return who holds the roles that a policy asks for."""
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
        """Return every sign-off on record, and whether it counts."""
        gate = self._dossier.gate
        counted = {one.sequence for one in gate.counted} if gate else set()
        refused = {one.sequence: one.sentence for one in gate.refused} if gate else {}
        return [
            _signature(
                one,
                counts=one.sequence in counted or self._rejects(one),
                why_not=refused.get(one.sequence, ""),
                judged=gate is not None,
            )
            for one in signatures(self._dossier.entries, self._wiring.signatures)
        ]

    def _rejects(self, one: Checked[SignOff] | BrokenSignature) -> bool:
        """Whether it is the rejection that ended the release; it was judged when it came in."""
        return (
            self._dossier.record.state is State.REJECTED
            and isinstance(one, Checked)
            and one.signed.meaning is Meaning.REJECTED
        )

    def approvals(self) -> list[Signature]:
        """Return every approval of the evidence's hazard log and waivers."""
        gate = self._dossier.gate
        good = {(one.digest, one.signer, one.time) for one in gate.approved} if gate else set()
        return [
            _signature(one, counts=_is_of(one, good), why_not="", judged=gate is not None)
            for one in approvals(self._of_product(), self._wiring.signatures, self._wanted())
        ]

    def orders(self) -> list[Told]:
        """Return every stop of the product's line, and what let it go on."""
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

    def supplier_case(self) -> str:
        """Hold the supplier's safety case against its digest; empty where there is none."""
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
    checked: Checked[SignOff] | Checked[Approval] | BrokenSignature,
    *,
    counts: bool,
    why_not: str,
    judged: bool,
) -> Signature:
    if isinstance(checked, BrokenSignature):
        standing = f"does not count: {checked.problem}"
        return Signature(checked.sequence, checked.recorded, None, "", standing, counts=False)
    no = f"does not count: {why_not}" if why_not else "is not one of those that the gate counts"
    return Signature(
        sequence=checked.sequence,
        recorded=checked.recorded,
        signed=checked.signed,
        fingerprint=fingerprint(checked.public_key),
        standing="counts" if counts else no if judged else "holds, but is not judged any more",
        counts=counts,
    )
