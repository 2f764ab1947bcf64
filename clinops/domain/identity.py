"""Whose word a signed statement is: the rules that every one of them must keep.

Each rule is a generator that yields what it objects to; the first objection is reported.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from clinops.domain.gate import GatePolicy, Refused, Rule
from clinops.domain.signed import S
from clinops.domain.signer import Key, Signer, Signers, Vendor, without_comment
from clinops.domain.signoff import BrokenSignature, Checked, Signed

CLOCK_TOLERANCE = dt.timedelta(minutes=10)
"""How far the signer's clock and the ledger's may be apart."""

Objections = Iterator[tuple[Rule, str]]


class Owner(NamedTuple):
    """A person and the key of theirs that signed."""

    id: str
    signer: Signer
    key: Key


def refuse(rule: Rule, sentence: str, checked: Checked[S]) -> Refused:
    """Refuse a statement that could be read."""
    return Refused(
        rule=rule,
        sentence=sentence,
        signer=checked.signed.signer,
        role=checked.signed.role,
        sequence=checked.sequence,
    )


def refuse_broken(broken: BrokenSignature) -> Refused:
    """Refuse an envelope that does not verify."""
    return Refused(
        rule=Rule.BROKEN_SIGNATURE,
        sentence=f"the signature does not verify: {broken.problem}",
        signer=None,
        role=None,
        sequence=broken.sequence,
    )


@dataclass(frozen=True)
class Register:
    """The trust's people and vendors, and the policy and time by which they are judged."""

    policy: GatePolicy
    signers: Signers
    vendors: Mapping[str, Vendor]
    now: dt.datetime

    def owner(self, public_key: str) -> Owner | str:
        """Return whose key this is, or why that can't be said."""
        owners = [
            Owner(name, signer, key)
            for name, signer in self.signers.signers.items()
            for key in signer.keys
            if without_comment(key.public) == public_key
        ]
        if len(owners) == 1:
            return owners[0]
        whose = f"{len(owners)} people" if owners else "nobody"
        return f"the key belongs to {whose} in signers.yaml"

    def of_identity(self, signed: Signed, owner: Owner) -> Objections:
        """Object where a statement says of its signer what the list does not."""
        signer = owner.signer
        if signed.signer != owner.id:
            yield Rule.CLAIM_DIFFERS, f"the key belongs to {owner.id}, not to {signed.signer}"
        for claim in ("name", "registration", "demonstration"):
            if getattr(signed, claim) != getattr(signer, claim):
                yield Rule.CLAIM_DIFFERS, f"the {claim} is not the one in signers.yaml"
        if signed.role not in signer.roles:
            yield Rule.ROLE_NOT_HELD, f"{signer.name} does not hold the role {signed.role}"

    def of_demonstration(self, signer: Signer) -> Objections:
        """Object to made-up people, but where they are welcome."""
        if signer.demonstration and not self.policy.accept_demonstration:
            yield Rule.DEMONSTRATION, f"{signer.name} is an identity of a demonstration"

    def of_independence(self, owner: Owner) -> Objections:
        """Object to vendors and administrators."""
        yield from self.of_vendors(owner)
        yield from self.of_administrators(owner)

    def of_vendors(self, owner: Owner) -> Objections:
        """Object to whoever also signs for a vendor."""
        if self.policy.separation.vendor and (vendors := self.vendors_of(owner)):
            yield Rule.VENDOR, f"{owner.signer.name} signs for the vendor {min(vendors)}"

    def of_administrators(self, owner: Owner) -> Objections:
        """Object to whoever could change the list of signers itself."""
        if self.policy.separation.administrators and owner.signer.may_push:
            why = "may change the estate, and so signs nothing off"
            yield Rule.ADMINISTRATOR, f"{owner.signer.name} {why}"

    def vendors_of(self, owner: Owner) -> frozenset[str]:
        """Return the vendors that a person signs for: each key of theirs counts."""
        keys = {without_comment(key.public) for key in owner.signer.keys}
        return frozenset(
            name
            for name, vendor in self.vendors.items()
            if not keys.isdisjoint(without_comment(key.public) for key in vendor.keys)
        )

    def is_one_of(self, owner: Owner, principals: Collection[str]) -> bool:
        """Whether a person is among some committers, as the trust's or as a vendor's."""
        itself = {f"trust:{owner.id}", *(f"vendor:{name}" for name in self.vendors_of(owner))}
        return not itself.isdisjoint(principals)

    def of_clocks(self, checked: Checked[S]) -> Objections:
        """Object to times that the ledger does not confirm."""
        claimed, recorded = moment(checked.signed.time), moment(checked.recorded)
        if max(claimed, recorded) - self.now > CLOCK_TOLERANCE:
            yield Rule.FUTURE, f"it is dated in the future: {claimed.isoformat()}"
        if abs(claimed - recorded) > CLOCK_TOLERANCE:
            yield (
                Rule.CLOCKS_APART,
                f"it says {claimed.isoformat()}, the ledger {recorded.isoformat()}",
            )

    def of_lasting_word(
        self, checked: Checked[S], role: str, authors: Collection[str] = ()
    ) -> Objections:
        """Object to what is no word of somebody independent in a role, on the day it was given.

        This is for what stays in force until something takes its place: it does not fall with a
        key that only ran out since. Whoever wrote what would be approved is not independent.
        """
        owner = self.owner(checked.public_key)
        if isinstance(owner, str):
            yield Rule.UNKNOWN_KEY, owner
            return
        yield from self.of_identity(checked.signed, owner)
        if checked.signed.role != role:
            yield Rule.ROLE_NOT_IN_GATE, f"this takes the role {role}"
        yield from self.of_demonstration(owner.signer)
        yield from revoked(owner.key)
        yield from out_of_time(owner.key, "when it was used", moment(checked.signed.time).date())
        yield from self.of_independence(owner)
        if self.policy.separation.committer and self.is_one_of(owner, authors):
            yield Rule.COMMITTER, f"{owner.signer.name} changed what would be approved"
        yield from self.of_clocks(checked)


def moment(text: str) -> dt.datetime:
    """Read a time of a statement or of the ledger."""
    return dt.datetime.fromisoformat(text)


def revoked(key: Key) -> Objections:
    """Object to a key that was revoked, whenever it signed."""
    if key.revoked is not None:
        yield Rule.REVOKED_KEY, f"the key was revoked on {key.revoked}"


def out_of_time(key: Key, when: str, day: dt.date) -> Objections:
    """Object to a key that is not valid on a day."""
    if day < key.valid_from:
        yield Rule.KEY_OUT_OF_TIME, f"the key was not yet valid {when}: from {key.valid_from}"
    if day > key.valid_until:
        yield Rule.KEY_OUT_OF_TIME, f"the key had expired {when}: until {key.valid_until}"
