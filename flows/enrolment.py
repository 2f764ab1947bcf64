"""Enrolment: an invitation, a link that works once, a key, and a change that people accept.

The ledger says what was invited and answered; nothing that happens here changes who may sign.
That takes a signed commit on the protected branch, like every change of `signers.yaml`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress

from pydantic import ValidationError

from clinops.adapters.estate import SIGNERS
from clinops.adapters.signers_text import extended
from clinops.domain.enrolment import Invitation, NewKey, Proposal
from clinops.domain.envelope import first_problem
from clinops.domain.ledger import Entry, Kind
from clinops.domain.signer import Registration, Signer, fingerprint, without_comment
from clinops.errors import BadInputError, InfrastructureError, NotFoundError, RefusedError
from clinops.wiring import Wiring

_TOKEN = re.compile(r"([a-z0-9][a-z0-9-]{0,62})\.[A-Za-z0-9_-]{43}")
_ASK_AGAIN = "ask whoever invited you for a new link"


def invite(
    signer_id: str,
    wiring: Wiring,
    *,
    name: str | None,
    roles: Sequence[str],
    registration: Registration | None = None,
    demonstration: bool = False,
    valid_days: int = 365,
    hours: int = 48,
    invited_by: str,
) -> str:
    """Invite somebody to make a passkey; of somebody on file only a key is added.

    Returns:
        The token of the link. It is told once: the ledger has its SHA-256 alone.

    Raises:
        BadInputError: Name or roles of a new person are missing, or something is malformed.
    """
    known = _signers(wiring).get(signer_id)
    if known is None and not (name and roles):
        raise BadInputError(
            f"{signer_id} is new: say who it is", mend="give --name, and --role once or more"
        )
    token = f"{signer_id}.{secrets.token_urlsafe(32)}"
    try:
        made = Invitation(
            token=_digest(token),
            signer=signer_id,
            name=known.name if known else name or "",
            roles=tuple(known.roles if known else roles),
            registration=known.registration if known else registration,
            demonstration=known.demonstration if known else demonstration,
            valid_days=valid_days,
            expires=wiring.clock() + dt.timedelta(hours=hours),
            invited_by=invited_by,
        )
    except (ValidationError, OverflowError) as error:
        why = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise BadInputError(f"nobody can be invited like this: {why}") from None
    wiring.ledger.append(Kind.SIGNER_INVITED, signer_id, {"invitation": made.json_value()})
    return token


def invitation(token: str, wiring: Wiring) -> Invitation:
    """Return what a link invites to; raises RefusedError where it is not, or no longer, good."""
    read = _TOKEN.fullmatch(token)
    entries = list(wiring.ledger.entries(read[1])) if read else []
    invited = _invitations(entries)
    found = next((one for one in invited if one.token == _digest(token)), None)
    if found is None:
        raise RefusedError("this link is not valid", mend=_ASK_AGAIN)
    if found.token in _answers(entries):
        raise RefusedError("this link has been used", mend=_ASK_AGAIN)
    if found is not invited[-1]:
        raise RefusedError("a newer link has taken this one's place", mend=_ASK_AGAIN)
    if wiring.clock() >= found.expires:
        until = found.expires.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M")
        raise RefusedError(f"this link was good until {until} UTC", mend=_ASK_AGAIN)
    return found


def complete(token: str, new_key: NewKey, wiring: Wiring) -> Proposal:
    """Take the key that an invited person has made; the link is closed by that.

    Raises:
        RefusedError: The link is not good, or was used meanwhile, or the key is on file already.
    """
    found = invitation(token, wiring)
    if new_key.is_in(wiring.estate(wiring.repository.head()).signers()):
        raise RefusedError("this passkey is on file already")
    body = {"token": found.token, "key": new_key.json_value(), "code": new_key.code}
    entry = wiring.ledger.append(Kind.SIGNER_ENROLLED, found.signer, body)
    # The ledger's order decides: of two who use a link at once, the first entry counts.
    if _answers(wiring.ledger.entries(found.signer))[found.token] != entry:
        raise RefusedError("this link has been used", mend=_ASK_AGAIN)
    proposal = _proposal(found, entry)
    with suppress(InfrastructureError):
        # What waits is on the ledger; the branch is for reading, and `review` makes it again.
        publish(proposal, wiring)
    return proposal


def publish(proposal: Proposal, wiring: Wiring) -> None:
    """Put the proposed change on a branch, for everybody to read."""
    message = f"Propose a key for {proposal.signer}\n\nCode: {proposal.key.code}"
    wiring.proposals.propose(proposal.branch, {SIGNERS: proposed(proposal, wiring)}, message)


def proposed(proposal: Proposal, wiring: Wiring) -> bytes:
    """Write `signers.yaml` as the protected branch has it, with what is proposed."""
    tree = wiring.repository.head()
    known = _signers(wiring).get(proposal.signer)
    person = proposal.within(wiring.estate(tree).signers()).signers[proposal.signer]
    if known is None:
        plain = person.model_dump(exclude_defaults=True)
        return extended(SIGNERS, tree.read(SIGNERS), ("signers",), {proposal.signer: plain})
    place = ("signers", proposal.signer, "keys")
    key = proposal.entry.model_dump(exclude_defaults=True)
    return extended(SIGNERS, tree.read(SIGNERS), place, [key])


def revoked(signer_id: str, wanted: str | None, wiring: Wiring) -> bytes:
    """Write `signers.yaml` as the protected branch has it, with keys of a person revoked today.

    Args:
        signer_id: Whose keys.
        wanted: The fingerprint of the only key that is meant.
        wiring: The estate.

    Raises:
        NotFoundError: There is no such person, or no such key that is not revoked.
    """
    data = wiring.repository.head().read(SIGNERS)
    keys = _known(signer_id, wiring).keys
    places = [
        place
        for place, key in enumerate(keys)
        if key.revoked is None and wanted in {None, fingerprint(key.public)}
    ]
    if not places:
        raise NotFoundError(
            f"{signer_id} has no key {wanted or 'that is not revoked'}", mend="clinops signer list"
        )
    # From the last to the first: a line that is added moves those behind it.
    for place in reversed(places):
        at = ("signers", signer_id, "keys", place)
        data = extended(SIGNERS, data, at, {"revoked": wiring.clock().date()})
    return data


def proposals(wiring: Wiring) -> list[Proposal]:
    """Return who waits to be let in, by id: the last answer of each that is not on file yet."""
    entries = list(wiring.ledger.entries())
    signers = wiring.estate(wiring.repository.head()).signers()
    invited = {one.token: one for one in _invitations(entries)}
    answers = _answers(entries).items()
    found = {entry.subject: _proposal(invited[token], entry) for token, entry in answers}
    return [one for _, one in sorted(found.items()) if not one.key.is_in(signers)]


def proposal_of(signer_id: str, wiring: Wiring) -> Proposal:
    """Return what waits to be let in under an id; raises NotFoundError."""
    for one in proposals(wiring):
        if one.signer == signer_id:
            return one
    raise NotFoundError(f"nothing waits for {signer_id}", mend="clinops signer list")


def invitations(wiring: Wiring) -> list[Invitation]:
    """Return the invitations that can still be answered, by id."""
    entries = list(wiring.ledger.entries())
    last = {one.signer: one for one in _invitations(entries)}
    answered = _answers(entries)
    return [
        one
        for _, one in sorted(last.items())
        if one.token not in answered and one.expires > wiring.clock()
    ]


def pusher(public_key: str, wiring: Wiring) -> tuple[str, Signer]:
    """Return whose key it is, among the people who may push; raises RefusedError."""
    wanted = without_comment(public_key)
    for signer_id, signer in _signers(wiring).items():
        if signer.may_push and any(without_comment(key.public) == wanted for key in signer.keys):
            return signer_id, signer
    raise RefusedError(
        "nobody who may push has this key",
        mend="name the key of a signer with `may_push: true` in environments/signers.yaml",
    )


def _known(signer_id: str, wiring: Wiring) -> Signer:
    known = _signers(wiring).get(signer_id)
    if known is None:
        raise NotFoundError(f"there is no signer {signer_id}", mend="clinops signer list")
    return known


def _signers(wiring: Wiring) -> dict[str, Signer]:
    return wiring.estate(wiring.repository.head()).signers().signers


def _digest(token: str) -> str:
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


def _invitations(entries: Sequence[Entry]) -> list[Invitation]:
    kind = Kind.SIGNER_INVITED
    return [
        Invitation.model_validate(one.body["invitation"]) for one in entries if one.kind is kind
    ]


def _answers(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the answers that count, by their link's token: the first of each."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.kind is Kind.SIGNER_ENROLLED:
            found.setdefault(entry.body["token"], entry)
    return found


def _proposal(invited: Invitation, answer: Entry) -> Proposal:
    return Proposal(
        invitation=invited,
        key=NewKey.model_validate(answer.body["key"]),
        enrolled=dt.datetime.fromisoformat(answer.time).date(),
    )
