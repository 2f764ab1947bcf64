"""What people sign: a sign-off of a release, an approval of a document, an order about a line."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, TypeVar
from unicodedata import category

from pydantic import AfterValidator, StringConstraints, ValidationError

from clinops.domain.digest import Digest
from clinops.domain.envelope import first_problem
from clinops.domain.evidence import Evidence
from clinops.domain.ledger import Anchor, timestamp
from clinops.domain.manifest import Name
from clinops.domain.signer import Registration, Signer
from clinops.domain.value import Value
from clinops.errors import BadInputError

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols, to Unicode, that show nothing."""


def _is_utc(text: str) -> str:
    if dt.datetime.fromisoformat(text).utcoffset() != dt.timedelta(0):
        raise ValueError("the time is not in UTC")
    return text


def _is_visible(character: str) -> bool:
    return category(character)[0] in "LNPS" and character not in _BLANK


def _is_readable(text: str) -> str:
    if not any(map(_is_visible, text)):
        raise ValueError("the text is empty")
    if not all(character.isprintable() or character in "\n\t" for character in text):
        raise ValueError("the text has invisible or control characters in it")
    return text


UtcTime = Annotated[str, AfterValidator(_is_utc)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_is_readable)
]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""The id of a hazard or of a waiver."""


class Meaning(StrEnum):
    """What a signature under a release says."""

    APPROVED = "approved"
    REJECTED = "rejected"


class ChangeType(StrEnum):
    """How a change comes about, and hence which route through the gate it may take."""

    STANDARD = "standard"
    """Agreed beforehand: nothing unexplained, no serious hazard touched."""
    NORMAL = "normal"
    EMERGENCY = "emergency"
    """Fewer sign-offs before it is live; the missing ones are owed afterwards."""


class LineAction(StrEnum):
    """What an order does to the line of a product."""

    STOP = "stop"
    RESUME = "resume"


class Signed(Value, ABC):
    """What every signed statement says of the person, the time, and the ledger they signed upon."""

    predicate_type: ClassVar[str]

    signer: Name
    """The signer's id in `environments/signers.yaml`."""
    name: str
    role: Name
    registration: Registration | None
    reason: Reason
    time: UtcTime
    demonstration: bool
    """Whether this is a labelled identity of a demonstration."""
    ledger: Anchor
    """The ledger's last entry when it was signed: what was on record then can't be rewritten."""

    @abstractmethod
    def subjects(self) -> dict[str, Digest]:
        """Return what the statement is about: digests by name."""


class SignOff(Signed):
    """Who says what about which evidence, in which role, why and when."""

    predicate_type = "urn:clinops:sign-off:1"

    release: str
    product: str
    version: str
    evidence: Digest
    images: dict[str, Digest]
    """The candidate's image digests by service: what would be deployed."""
    meaning: Meaning
    change: Literal[ChangeType.NORMAL, ChangeType.EMERGENCY] = ChangeType.NORMAL
    accepts: dict[Label, Reason] = {}
    """Hazards that the signer accepts without passing evidence, each with the reason why."""
    site: Name | None = None
    """The site that the signer speaks for."""

    def subjects(self) -> dict[str, Digest]:
        """Return the evidence and each image."""
        images = {f"image:{name}": image for name, image in sorted(self.images.items())}
        return {"evidence": self.evidence} | images


class Approval(Signed):
    """Who approves which version of a document: a hazard log, or one waiver."""

    predicate_type = "urn:clinops:approval:1"

    product: Name
    document: str
    """Its path in the estate."""
    item: Label | Literal[""] = ""
    """The waiver's id; empty where the document as a whole is approved."""
    digest: Digest

    def subjects(self) -> dict[str, Digest]:
        """Return the document, or the item of it."""
        return {f"{self.document}#{self.item}" if self.item else self.document: self.digest}


class LineOrder(Signed):
    """Who stops all releases of a product, or lets them go on."""

    predicate_type = "urn:clinops:line:1"

    product: Name
    action: LineAction

    def subjects(self) -> dict[str, Digest]:
        """Return the ledger's last entry: in-toto asks for a digest, and this is what was known."""
        return {"ledger": self.ledger.digest}


S = TypeVar("S", bound=Signed)


def _write_down(
    form: type[S],
    signer_id: str,
    signer: Signer,
    *,
    role: str,
    now: dt.datetime,
    **claims: object,
) -> S:
    if role not in signer.roles:
        raise BadInputError(
            f"{signer.name} does not hold the role {role}",
            mend=f"sign in one of these roles: {', '.join(signer.roles) or 'none is held'}",
        )
    try:
        return form.model_validate(
            {
                "signer": signer_id,
                "name": signer.name,
                "role": role,
                "registration": signer.registration,
                "time": timestamp(now),
                "demonstration": signer.demonstration,
                **claims,
            }
        )
    except ValidationError as error:
        raise BadInputError(f"this can't be signed: {first_problem(error)}") from None


def sign_off_for(
    evidence: Evidence,
    signer_id: str,
    signer: Signer,
    *,
    role: str,
    meaning: Meaning,
    reason: str,
    now: dt.datetime,
    ledger: Anchor,
    **more: object,
) -> SignOff:
    """Write down what a person is about to sign under a release.

    Args:
        evidence: What the signature will be about.
        signer_id: The person's id.
        signer: The person.
        role: The role that they sign in.
        meaning: Whether they approve or reject.
        reason: Why.
        now: The time of the signature.
        ledger: The ledger's last entry.
        more: `change`, `accepts` and `site` of the sign-off.

    Raises:
        BadInputError: The signer doesn't hold the role, or this can't be recorded.
    """
    claims = {
        "release": evidence.release.id,
        "product": evidence.release.product,
        "version": evidence.release.version,
        "evidence": evidence.digest,
        "images": evidence.candidate_images(),
        "meaning": meaning,
        "reason": reason,
        "ledger": ledger,
        **more,
    }
    return _write_down(SignOff, signer_id, signer, role=role, now=now, **claims)


def approval_for(
    signer_id: str, signer: Signer, *, role: str, now: dt.datetime, **claims: object
) -> Approval:
    """Write down an approval that a person is about to sign; raises BadInputError as above."""
    return _write_down(Approval, signer_id, signer, role=role, now=now, **claims)


def line_order_for(
    signer_id: str, signer: Signer, *, role: str, now: dt.datetime, **claims: object
) -> LineOrder:
    """Write down an order that a person is about to sign; raises BadInputError as above."""
    return _write_down(LineOrder, signer_id, signer, role=role, now=now, **claims)
