"""Objections: the rules by which one signature does not count at a gate.

Each rule is a generator that yields what it objects to; the first objection is reported.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from clinops.domain.evidence import Evidence
from clinops.domain.gate import GatePolicy, Refused, Rule
from clinops.domain.signer import Key, Signer, Signers, Vendor, without_comment
from clinops.domain.signoff import BrokenSignature, CheckedSignature, Meaning, SignOff

CLOCK_TOLERANCE = dt.timedelta(minutes=10)
"""How far the signer's clock and the ledger's may be apart."""

Objections = Iterator[tuple[Rule, str]]


class Owner(NamedTuple):
    """A person and the key of theirs that signed."""

    id: str
    signer: Signer
    key: Key


def refuse(rule: Rule, sentence: str, sign_off: SignOff) -> Refused:
    """Refuse a sign-off that could be read."""
    return Refused(rule=rule, sentence=sentence, signer=sign_off.signer, role=sign_off.role)


@dataclass(frozen=True)
class Bench:
    """Everything that a signature is held against."""

    policy: GatePolicy
    signers: Signers
    vendors: Mapping[str, Vendor]
    evidence: Evidence
    committer: str
    contributors: frozenset[str]
    now: dt.datetime

    def judge(self, signature: CheckedSignature | BrokenSignature) -> SignOff | Refused:
        """Return the sign-off where it counts, or why it does not."""
        if isinstance(signature, BrokenSignature):
            sentence = f"the signature does not verify: {signature.problem}"
            return Refused(rule=Rule.BROKEN_SIGNATURE, sentence=sentence, signer=None, role=None)
        sign_off = signature.sign_off
        first = next(self._objections(signature), None)
        return refuse(*first, sign_off) if first else sign_off

    def _objections(self, signature: CheckedSignature) -> Objections:
        owners = self._owners(signature.public_key)
        if len(owners) != 1:
            whose = f"{len(owners)} people" if owners else "nobody"
            yield Rule.UNKNOWN_KEY, f"the key belongs to {whose} in signers.yaml"
        elif signature.sign_off.meaning is Meaning.REJECTED:
            yield from self._against_rejection(signature, owners[0])
        else:
            yield from self._against_approval(signature, owners[0])

    def _owners(self, public_key: str) -> list[Owner]:
        return [
            Owner(name, signer, key)
            for name, signer in self.signers.signers.items()
            for key in signer.keys
            if without_comment(key.public) == public_key
        ]

    def _against_rejection(self, signature: CheckedSignature, owner: Owner) -> Objections:
        """Object to a rejection only where it is not that person's word on this release.

        A rejection is for good: it neither expires nor falls with a key that ends later, and what
        would disqualify somebody from approving does not stop them from raising an alarm.
        """
        sign_off = signature.sign_off
        if sign_off.signer != owner.id:
            yield Rule.CLAIM_DIFFERS, f"the key belongs to {owner.id}, not to {sign_off.signer}"
        if not set(owner.signer.roles) & set(self.policy.places):
            yield Rule.ROLE_NOT_HELD, f"{owner.signer.name} holds no role of this gate"
        day = _moment(signature.recorded).date()
        if owner.key.revoked is not None and owner.key.revoked <= day:
            yield Rule.REVOKED_KEY, f"the key was revoked on {owner.key.revoked}"
        yield from _out_of_time(owner.key, "when it was used", day)
        yield from self._of_demonstration(owner.signer)
        yield from self._of_evidence(sign_off)

    def _against_approval(self, signature: CheckedSignature, owner: Owner) -> Objections:
        yield from self._of_identity(signature.sign_off, owner)
        yield from self._of_key(signature.sign_off, owner.key)
        yield from self._of_subject(signature.sign_off)
        yield from self._of_independence(owner)
        yield from self._of_time(signature)

    def _of_identity(self, sign_off: SignOff, owner: Owner) -> Objections:
        signer = owner.signer
        if sign_off.signer != owner.id:
            yield Rule.CLAIM_DIFFERS, f"the key belongs to {owner.id}, not to {sign_off.signer}"
        for claim in ("name", "registration", "demonstration"):
            if getattr(sign_off, claim) != getattr(signer, claim):
                yield Rule.CLAIM_DIFFERS, f"the {claim} is not the one in signers.yaml"
        if sign_off.role not in signer.roles:
            yield Rule.ROLE_NOT_HELD, f"{signer.name} does not hold the role {sign_off.role}"
        if sign_off.role not in self.policy.places:
            yield Rule.ROLE_NOT_IN_GATE, f"the gate asks for no sign-off by role {sign_off.role}"
        yield from self._of_demonstration(signer)

    def _of_demonstration(self, signer: Signer) -> Objections:
        if signer.demonstration and not self.policy.accept_demonstration:
            yield Rule.DEMONSTRATION, f"{signer.name} is an identity of a demonstration"

    def _of_key(self, sign_off: SignOff, key: Key) -> Objections:
        if key.revoked is not None:
            yield Rule.REVOKED_KEY, f"the key was revoked on {key.revoked}"
        yield from _out_of_time(key, "when it was used", _moment(sign_off.time).date())
        yield from _out_of_time(key, "today", self.now.date())

    def _of_subject(self, sign_off: SignOff) -> Objections:
        yield from self._of_evidence(sign_off)
        if sign_off.images != self.evidence.candidate_images():
            yield Rule.OTHER_IMAGES, "the images signed for are not those that were tested"

    def _of_evidence(self, sign_off: SignOff) -> Objections:
        release = self.evidence.release
        signed_for = (sign_off.release, sign_off.product, sign_off.version)
        if signed_for != (release.id, release.product, release.version):
            yield Rule.OTHER_RELEASE, f"it was made for another release, {sign_off.release}"
        if sign_off.evidence != self.evidence.digest:
            yield Rule.OTHER_EVIDENCE, f"it was made for other evidence, {sign_off.evidence}"

    def _of_independence(self, owner: Owner) -> Objections:
        """Compare people, not keys: each key of the signer counts, whichever signed."""
        keys = {without_comment(key.public) for key in owner.signer.keys}
        vendors = {
            name
            for name, vendor in self.vendors.items()
            if keys & {without_comment(key.public) for key in vendor.keys}
        }
        rules = self.policy.separation
        if rules.vendor and vendors:
            yield Rule.VENDOR, f"{owner.signer.name} signs for the vendor {min(vendors)}"
        itself = {f"trust:{owner.id}", *(f"vendor:{name}" for name in vendors)}
        if rules.committer and self.committer in itself:
            yield Rule.COMMITTER, f"{owner.signer.name} signed the release's commit"
        if rules.committer and self.contributors & itself:
            yield Rule.COMMITTER, f"{owner.signer.name} changed what the release is made of"

    def _of_time(self, signature: CheckedSignature) -> Objections:
        claimed = _moment(signature.sign_off.time)
        recorded = _moment(signature.recorded)
        if max(claimed, recorded) - self.now > CLOCK_TOLERANCE:
            yield Rule.FUTURE, f"it is dated in the future: {claimed.isoformat()}"
        if abs(claimed - recorded) > CLOCK_TOLERANCE:
            yield (
                Rule.CLOCKS_APART,
                f"it says {claimed.isoformat()}, the ledger {recorded.isoformat()}",
            )
        days = self.policy.sign_offs_expire_after_days
        if self.now - claimed > dt.timedelta(days=days):
            yield Rule.EXPIRED, f"it is more than {days} days old"


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _out_of_time(key: Key, when: str, day: dt.date) -> Objections:
    if day < key.valid_from:
        yield Rule.KEY_OUT_OF_TIME, f"the key was not yet valid {when}: from {key.valid_from}"
    if day > key.valid_until:
        yield Rule.KEY_OUT_OF_TIME, f"the key had expired {when}: until {key.valid_until}"
