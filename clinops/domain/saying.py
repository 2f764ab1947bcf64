"""Saying in plain sentences what a person signs, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from clinops.domain.signed import Approval, ChangeType, LineAction, LineOrder, Meaning, SignOff
from clinops.domain.signer import Registration


def in_words(signed: SignOff | Approval | LineOrder) -> list[str]:
    """Say everything that a signature will cover; nothing is signed that is not said here."""
    return [*_who(signed), *_what(signed), f"because: {signed.reason}", *_when(signed)]


class Person(Protocol):
    """Whoever has signed, as each report names them (21 CFR 11.50)."""

    @property
    def name(self) -> str:
        """Their name."""

    @property
    def role(self) -> str:
        """The role that they signed in."""

    @property
    def registration(self) -> Registration | None:
        """Their professional registration."""


def who_signed(person: Person) -> str:
    """Name a person with role and registration."""
    known = person.registration
    return f"{person.name} ({person.role}" + (f", {known.body} {known.number})" if known else ")")


def _who(signed: SignOff | Approval | LineOrder) -> Iterator[str]:
    known = signed.registration
    registration = f", registered with {known.body} as {known.number}" if known else ""
    yield f"I, {signed.name} ({signed.signer}{registration}), sign as {signed.role}:"
    if signed.demonstration:
        yield "this is an identity of a demonstration, and no clinician"


def _what(signed: SignOff | Approval | LineOrder) -> Iterator[str]:
    if isinstance(signed, SignOff):
        yield from _release(signed)
    elif isinstance(signed, Approval):
        what = f"the waiver {signed.item}" if signed.item else "this version of the document"
        yield f"I approve {what} in {signed.document}, for {signed.product}"
        yield f"its content has the digest {signed.digest}"
    elif signed.action is LineAction.STOP:
        yield f"I stop the line of {signed.product}: no release of it goes live"
        yield "until somebody who may lets it go on, by signature"
    else:
        yield f"I let the line of {signed.product} go on, knowing all stops up to this moment"


def _release(sign_off: SignOff) -> Iterator[str]:
    name = f"{sign_off.product} {sign_off.version} (release {sign_off.release})"
    if sign_off.meaning is Meaning.REJECTED:
        yield f"{name} is rejected, for good"
    elif sign_off.change is ChangeType.EMERGENCY:
        yield f"{name} is approved for its sites, as an emergency:"
        yield "whatever sign-offs are missing then are owed after it is live"
    else:
        yield f"{name} is approved for its sites"
    if sign_off.site:
        yield f"I speak for the site {sign_off.site}"
    for hazard, reason in sign_off.accepts.items():
        yield f"I accept the hazard {hazard} without passing evidence, because: {reason}"
    yield f"this rests on the evidence {sign_off.evidence}"
    for service, image in sorted(sign_off.images.items()):
        yield f"what is deployed as {service} is the image {image}"


def _when(signed: SignOff | Approval | LineOrder) -> Iterator[str]:
    yield f"signed at {signed.time}, knowing the ledger up to entry {signed.ledger.sequence}"
    yield f"(whose digest is {signed.ledger.digest})"
