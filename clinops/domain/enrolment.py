"""Enrolment: from an invitation to a key that two people of the trust let in.

An invitation says who somebody is to be; the person answers with a key; people of the trust
compare the key's code with them and sign the change of `environments/signers.yaml`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from clinops.domain.digest import Digest
from clinops.domain.manifest import Name
from clinops.domain.signer import (
    Credential,
    Key,
    PublicKey,
    Registration,
    Signer,
    Signers,
    fingerprint,
    is_passkey,
    key_code,
    without_comment,
)
from clinops.domain.value import Value


def _is_a_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("the text is empty, or has invisible or control characters in it")
    return text


Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(_is_a_line)]


class NewKey(Value):
    """A passkey that somebody has just made, as `signers.yaml` will have it."""

    public: PublicKey
    credential: Credential

    @property
    def code(self) -> str:
        """The digits that the person reads out."""
        return key_code(self.public)

    def is_in(self, signers: Signers) -> bool:
        """Whether somebody has let the key in already, be it revoked by now."""
        wanted = without_comment(self.public)
        people = signers.signers.values()
        return any(without_comment(key.public) == wanted for one in people for key in one.keys)


class Invitation(Value):
    """What an administrator proposes; the one who has the link makes the key for it."""

    token: Digest
    """SHA-256 of the link's token: the ledger can't be used to enrol."""
    signer: Name
    name: Line
    roles: tuple[Name, ...] = ()
    registration: Registration | None = None
    demonstration: bool = False
    valid_days: int = Field(ge=1, le=1826)
    expires: AwareDatetime
    invited_by: Line
    """The operating system's user on the machine that the command ran on."""


class Proposal(Value):
    """A person with the key that they made, waiting for people of the trust to let it in."""

    invitation: Invitation
    key: NewKey
    enrolled: dt.date

    @property
    def signer(self) -> str:
        """The signer's id."""
        return self.invitation.signer

    @property
    def branch(self) -> str:
        """Where the change lies for everybody to read."""
        return f"enrol/{self.signer}"

    @property
    def entry(self) -> Key:
        """The key as it will stand in `signers.yaml`."""
        return Key(
            public=self.key.public,
            credential=self.key.credential,
            valid_from=self.enrolled,
            valid_until=self.enrolled + dt.timedelta(days=self.invitation.valid_days),
        )

    def within(self, signers: Signers) -> Signers:
        """Return everybody, with this person or, where the person exists, with this key more."""
        known = signers.signers.get(self.signer)
        if known is None:
            made = self.invitation
            person = Signer(
                name=made.name,
                roles=list(made.roles),
                registration=made.registration,
                keys=[self.entry],
                demonstration=made.demonstration,
            )
        else:
            person = known.model_copy(update={"keys": [*known.keys, self.entry]})
        return signers.model_copy(update={"signers": {**signers.signers, self.signer: person}})


def changes_in_words(before: Signers, after: Signers) -> list[str]:
    """Say everything that differs between two states of `signers.yaml`, a sentence each."""
    return [
        sentence
        for who in sorted(before.signers.keys() | after.signers.keys())
        for sentence in _of_person(who, before.signers.get(who), after.signers.get(who))
    ]


def _of_person(who: str, before: Signer | None, after: Signer | None) -> Iterator[str]:
    if after is None:
        yield f"{who} is REMOVED, with every key"
        return
    if before is None:
        yield f"{who} is NEW"
    old = before.model_dump(mode="json", exclude={"keys"}) if before else {}
    for field, value in after.model_dump(mode="json", exclude={"keys"}).items():
        was = old.get(field)
        if value != was and (before or value):
            yield f"{who}: {field} becomes {_shown(value)}" + (
                f"; it was {_shown(was)}" if before else ""
            )
    yield from _of_keys(who, before.keys if before else [], after.keys)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        value = [value or ""]
    return ", ".join(map(str, value)) or "empty"


def _of_keys(who: str, before: list[Key], after: list[Key]) -> Iterator[str]:
    old = {without_comment(key.public): key for key in before}
    new = {without_comment(key.public): key for key in after}
    for public in old.keys() - new.keys():
        yield f"{who}: the key {fingerprint(public)} is REMOVED"
    for public, key in new.items():
        was = old.get(public)
        if was is None:
            kind = f"passkey for {public[9:].split()[0]}" if is_passkey(public) else "SSH key"
            yield f"{who}: a NEW {kind}, {fingerprint(public)}, {key.validity}"
            yield f"  its code: {key_code(public)}"
        elif key.validity != was.validity:
            yield f"{who}: the key {fingerprint(public)} becomes {key.validity}"
        elif key != was:
            yield f"{who}: the key {fingerprint(public)} gets another comment or credential"
