"""Objections: the rules by which one signature does not count at a gate.

Each rule is a generator that yields what it objects to; the first objection is reported.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from clinops.domain.circumstances import Circumstances
from clinops.domain.evidence import Evidence
from clinops.domain.gate import Refused, Rule
from clinops.domain.identity import (
    Objections,
    Owner,
    Register,
    moment,
    out_of_time,
    refuse,
    refuse_broken,
    revoked,
)
from clinops.domain.signer import Key
from clinops.domain.signoff import BrokenSignature, ChangeType, CheckedSignature, Meaning, SignOff


@dataclass(frozen=True)
class Bench:
    """Everything that a sign-off is held against."""

    register: Register
    evidence: Evidence
    committer: str
    contributors: frozenset[str]
    circumstances: Circumstances

    @cached_property
    def evidence_digest(self) -> str:
        """The digest that every signature must name."""
        return self.evidence.digest

    def judge(self, signature: CheckedSignature | BrokenSignature) -> CheckedSignature | Refused:
        """Return the signature where it counts, or why it does not."""
        if isinstance(signature, BrokenSignature):
            return refuse_broken(signature)
        first = next(self._objections(signature), None)
        return refuse(*first, signature) if first else signature

    def _objections(self, signature: CheckedSignature) -> Objections:
        owner = self.register.owner(signature.public_key)
        if isinstance(owner, str):
            yield Rule.UNKNOWN_KEY, owner
        elif signature.signed.meaning is Meaning.REJECTED:
            yield from self._against_rejection(signature, owner)
        else:
            yield from self._against_approval(signature, owner)

    def _against_rejection(self, signature: CheckedSignature, owner: Owner) -> Objections:
        """Object to a rejection only where it is not that person's word on this release.

        A rejection is for good: it neither expires nor falls with a key that ends later, and what
        would disqualify somebody from approving does not stop them from raising an alarm.
        """
        sign_off = signature.signed
        if sign_off.signer != owner.id:
            yield Rule.CLAIM_DIFFERS, f"the key belongs to {owner.id}, not to {sign_off.signer}"
        if self.register.policy.roles.isdisjoint(owner.signer.roles):
            yield Rule.ROLE_NOT_HELD, f"{owner.signer.name} holds no role of this gate"
        day = moment(signature.recorded).date()
        if owner.key.revoked is not None and owner.key.revoked <= day:
            yield Rule.REVOKED_KEY, f"the key was revoked on {owner.key.revoked}"
        yield from out_of_time(owner.key, "when it was used", day)
        yield from self.register.of_demonstration(owner.signer)
        yield from self._of_evidence(sign_off)

    def _against_approval(self, signature: CheckedSignature, owner: Owner) -> Objections:
        yield from self._of_identity(signature.signed, owner)
        yield from self._of_key(signature, owner.key)
        yield from self._of_subject(signature.signed)
        yield from self._of_independence(owner)
        yield from self.register.of_clocks(signature)
        yield from self._of_age(signature)

    def _of_identity(self, sign_off: SignOff, owner: Owner) -> Objections:
        policy = self.register.policy
        yield from self.register.of_identity(sign_off, owner)
        if sign_off.role not in policy.roles:
            yield Rule.ROLE_NOT_IN_GATE, f"the gate asks for no sign-off by role {sign_off.role}"
        if sign_off.site is not None and sign_off.site not in owner.signer.sites:
            what = f"{owner.signer.name} does not speak for the site {sign_off.site}"
            yield Rule.SITE_NOT_THEIRS, what
        if sign_off.accepts and sign_off.role != policy.hazards.accepted_by:
            what = f"hazards are accepted by {policy.hazards.accepted_by}, not by {sign_off.role}"
            yield Rule.NOT_TO_ACCEPT, what
        if sign_off.change is ChangeType.EMERGENCY and policy.emergency is None:
            yield Rule.NO_EMERGENCY, "the gate has no route for emergencies"
        yield from self.register.of_demonstration(owner.signer)

    def _of_key(self, signature: CheckedSignature, key: Key) -> Objections:
        yield from revoked(key)
        yield from out_of_time(key, "when it was used", moment(signature.signed.time).date())
        yield from out_of_time(key, "today", self._day_of_need(signature).date())

    def _of_subject(self, sign_off: SignOff) -> Objections:
        yield from self._of_evidence(sign_off)
        if sign_off.images != self.evidence.candidate_images():
            yield Rule.OTHER_IMAGES, "the images signed for are not those that were tested"

    def _of_evidence(self, sign_off: SignOff) -> Objections:
        release = self.evidence.release
        signed_for = (sign_off.release, sign_off.product, sign_off.version)
        if signed_for != (release.id, release.product, release.version):
            yield Rule.OTHER_RELEASE, f"it was made for another release, {sign_off.release}"
        if sign_off.evidence != self.evidence_digest:
            yield Rule.OTHER_EVIDENCE, f"it was made for other evidence, {sign_off.evidence}"

    def _of_independence(self, owner: Owner) -> Objections:
        """Compare people, not keys: each key of the signer counts, whichever signed."""
        yield from self.register.of_vendors(owner)
        if self.register.policy.separation.committer:
            if self.register.is_one_of(owner, {self.committer}):
                yield Rule.COMMITTER, f"{owner.signer.name} signed the release's commit"
            if self.register.is_one_of(owner, self.contributors):
                yield Rule.COMMITTER, f"{owner.signer.name} changed what the release is made of"
        yield from self.register.of_administrators(owner)

    def _of_age(self, signature: CheckedSignature) -> Objections:
        days = self.register.policy.sign_offs_expire_after_days
        age = self._day_of_need(signature) - moment(signature.signed.time)
        if age > dt.timedelta(days=days):
            yield Rule.EXPIRED, f"it is more than {days} days old"

    def _day_of_need(self, signature: CheckedSignature) -> dt.datetime:
        """Return when a sign-off must be good: now, or once the release is live, when given."""
        deployed = self.circumstances.deployed
        live = deployed is not None and deployed.live
        return moment(signature.recorded) if live else self.register.now
