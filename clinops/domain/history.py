"""History: each entry of the ledger in a plain sentence, for pages and reports.

What an entry says is quoted, not judged: whether a signature counts is the gate's to say. An entry
that lacks something is told without it, because a history with a hole in it would be worse.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from clinops.domain.ledger import Entry, Kind
from clinops.domain.plain_words import count
from clinops.domain.value import Value

_NOBODY = "Somebody whose signature can't be read"


class Told(Value):
    """One entry, told."""

    sequence: int
    time: str
    kind: Kind
    subject: str
    sentence: str
    who: str = ""
    """Name, role and registration of the person who acted, where it was a person."""
    words: tuple[str, ...] = ()
    """What that person, or ClinOps, gave as the reason."""
    evidence: str = ""
    """The digest of the evidence that it rests on."""


def tell(entry: Entry) -> Told:
    """Tell one entry in a plain sentence."""
    told = _TELLERS[entry.kind](_Body(entry.subject, entry.body))
    return Told(
        sequence=entry.sequence,
        time=entry.time,
        kind=entry.kind,
        subject=entry.subject,
        **told._asdict(),
    )


class _Sentence(NamedTuple):
    sentence: str
    words: tuple[str, ...] = ()
    who: str = ""
    evidence: str = ""


class _Body:
    """What an entry says, with nothing taken for granted."""

    def __init__(self, subject: str, said: Mapping[str, Any]) -> None:
        self.subject = subject
        self._said = said

    def text(self, *path: str) -> str:
        """Return the text or number at a path of keys; empty where there is none."""
        found: Any = self._said
        for step in path:
            found = found.get(step) if isinstance(found, Mapping) else None
        return str(found) if isinstance(found, str | int) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the texts of a list; empty where there is none."""
        found = self._said.get(key)
        return tuple(str(one) for one in found) if isinstance(found, list) else ()

    def signed(self) -> _Body:
        """Return what the envelope's statement says; an empty body where it can't be read."""
        return _Body(self.subject, _predicate(self.text("envelope", "payload")))

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return the keys and texts of a mapping; empty where there is none."""
        found = self._said.get(key)
        items = found.items() if isinstance(found, Mapping) else ()
        return tuple((str(name), str(text)) for name, text in items)

    @property
    def person(self) -> str:
        """Name, role and registration, as a reader must see them together (21 CFR 11.50)."""
        registration = self.text("registration", "body"), self.text("registration", "number")
        parts = (self.text("name"), self.text("role"), " ".join(registration).strip())
        made_up = "demonstration identity" if self._said.get("demonstration") is True else ""
        return ", ".join(part for part in (*parts, made_up) if part)


def _predicate(payload: str) -> Mapping[str, Any]:
    try:
        predicate = json.loads(base64.b64decode(payload, validate=True))["predicate"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return predicate if isinstance(predicate, Mapping) else {}


def _told(sentence: str, *words: str, who: str = "", evidence: str = "") -> _Sentence:
    return _Sentence(sentence, tuple(filter(None, words)), who, evidence)


def _adopted(body: _Body) -> _Sentence:
    live = f"{body.text('live', 'product')} {body.text('live', 'version')}"
    return _told(f"{live} was recorded as live at {body.text('live', 'site')}: it was there before")


def _known(body: _Body) -> _Sentence:
    release = f"{body.text('release', 'product')} {body.text('release', 'version')}"
    return _told(f"{release} was pushed, signed by {body.text('release', 'committer') or 'nobody'}")


def _started(body: _Body) -> _Sentence:
    return _told(f"Testing began, attempt {body.text('attempt')}")


def _errored(body: _Body) -> _Sentence:
    return _told("Testing broke off: ClinOps failed, not the product", body.text("reason"))


def _verdict(body: _Body) -> _Sentence:
    tests, failures = body.text("junit", "tests"), body.text("junit", "failures")
    totals = f": {tests} tests, {failures} failed" if tests else ""
    carried = body.texts("carried")
    reused = (
        f"; {count(len(carried), 'result')} carried over, not measured again" if carried else ""
    )
    sentence = f"Testing ended, {body.text('outcome')}{totals}{reused}"
    return _told(sentence, *carried, evidence=body.text("evidence"))


def _signed(body: _Body) -> _Sentence:
    return _statement(body, "approved the release")


def _rejected(body: _Body) -> _Sentence:
    return _statement(body, "rejected the release, for good")


def _statement(body: _Body, what: str) -> _Sentence:
    said = body.signed()
    route = " as an emergency" if said.text("change") == "emergency" else ""
    accepted = (f"Accepts {hazard}: {reason}" for hazard, reason in said.pairs("accepts"))
    return _told(
        f"{said.text('name') or _NOBODY} {what}{route}",
        said.text("reason"),
        *accepted,
        who=said.person,
        evidence=said.text("evidence"),
    )


def _signature_refused(body: _Body) -> _Sentence:
    return _told(f"A signature by {_claimed(body)} was refused", *body.texts("reasons"))


def _statement_refused(body: _Body) -> _Sentence:
    what = body.text("what") or "approval or order"
    return _told(f"An {what} by {_claimed(body)} was refused", *body.texts("reasons"))


def _claimed(body: _Body) -> str:
    signer, role = body.text("signer") or "somebody unknown", body.text("role")
    return f"{signer} as {role}" if role else signer


def _approved(body: _Body) -> _Sentence:
    said = body.signed()
    item = said.text("item")
    what = f"the waiver {item}" if item else f"this version of {said.text('document')}"
    return _told(
        f"{said.text('name') or _NOBODY} approved {what}", said.text("reason"), who=said.person
    )


def _line(what: str) -> Callable[[_Body], _Sentence]:
    def order(body: _Body) -> _Sentence:
        said = body.signed()
        sentence = f"{said.text('name') or _NOBODY} {what} {body.subject}"
        return _told(sentence, said.text("reason"), who=said.person)

    return order


def _refused(body: _Body) -> _Sentence:
    return _told("Deployment was refused", *body.texts("reasons"))


def _deploying(body: _Body) -> _Sentence:
    return _told(f"Deployment began: {', '.join(body.texts('sites')) or 'no site'}")


def _site_live(body: _Body) -> _Sentence:
    where = body.text("live", "site")
    return _told(f"{body.text('live', 'version')} went live at {where} and passed its check")


def _site_rolled_back(body: _Body) -> _Sentence:
    live, where = body.text("live", "version"), body.text("live", "site")
    failed = body.text("problem")
    sentence = f"{where} was rolled back to {live}"
    if failed:
        sentence = f"The rollback of {where} to {live} failed: a person had to act"
    return _told(sentence, body.text("cause"), failed)


def _deployed(body: _Body) -> _Sentence:
    return _told(f"The release is live at {', '.join(body.texts('sites')) or 'its sites'}")


def _rolled_back(body: _Body) -> _Sentence:
    return _told("The release was rolled back", body.text("cause"))


def _superseded(body: _Body) -> _Sentence:
    by = body.text("by")
    return _told(f"A newer release, {by}, took its place" if by else "A newer release came")


def _reopened(body: _Body) -> _Sentence:
    fresh = ", with nothing carried over" if body.text("fresh") == str(True) else ""
    return _told(f"{body.text('by') or 'Somebody'} had it tested again{fresh}", body.text("why"))


def _mismatch(body: _Body) -> _Sentence:
    what, origin = body.text("what") or "result", body.text("origin", "release")
    sentence = (
        f"The {what} of {body.text('release') or 'a release'} was measured again as a sample, and "
        f"came out otherwise than in {origin or 'an earlier one'}: nothing measured until now is "
        "carried over any more"
    )
    return _told(sentence, *body.texts("differs"))


def _met(body: _Body) -> _Sentence:
    request, title = body.text("request") or "somebody's", body.text("title")
    sentence = f"The request {request} was met" + (f": {title}" if title else "")
    return _told(sentence, evidence=body.text("evidence"))


def _asked(body: _Body) -> _Sentence:
    return _told(f"{body.text('name')} asked a question", body.text("text"), who=body.person)


def _answered(body: _Body) -> _Sentence:
    return _told(f"{body.text('name')} answered a question", body.text("text"), who=body.person)


def _reminded(body: _Body) -> _Sentence:
    whom = body.text("whom") or ", ".join(body.texts("whom"))
    return _told(f"A reminder went to {whom or 'nobody'}", body.text("what"))


def _invited(body: _Body) -> _Sentence:
    return _told(f"{body.subject} was invited to enrol a passkey")


def _enrolled(body: _Body) -> _Sentence:
    return _told(f"{body.subject} enrolled a passkey, to be accepted by a reviewed commit")


def _push_refused(body: _Body) -> _Sentence:
    principal = body.text("principal") or "somebody unknown"
    return _told(f"A push by {principal} was refused", *body.texts("problems"))


_TELLERS: dict[Kind, Callable[[_Body], _Sentence]] = {
    Kind.SYSTEM_ADOPTED: _adopted,
    Kind.RELEASE_KNOWN: _known,
    Kind.QUALIFICATION_STARTED: _started,
    Kind.QUALIFICATION_ERRORED: _errored,
    Kind.VERDICT: _verdict,
    Kind.SIGNED: _signed,
    Kind.REJECTED: _rejected,
    Kind.PROMOTION_REFUSED: _refused,
    Kind.DEPLOYMENT_STARTED: _deploying,
    Kind.SITE_LIVE: _site_live,
    Kind.SITE_ROLLED_BACK: _site_rolled_back,
    Kind.DEPLOYED: _deployed,
    Kind.ROLLED_BACK: _rolled_back,
    Kind.SUPERSEDED: _superseded,
    Kind.REOPENED: _reopened,
    Kind.SIGNATURE_REFUSED: _signature_refused,
    Kind.QUESTION_ASKED: _asked,
    Kind.QUESTION_ANSWERED: _answered,
    Kind.REMINDED: _reminded,
    Kind.STATEMENT_REFUSED: _statement_refused,
    Kind.DOCUMENT_APPROVED: _approved,
    Kind.LINE_STOPPED: _line("stopped the line of"),
    Kind.LINE_RESUMED: _line("resumed the line of"),
    Kind.SIGNER_INVITED: _invited,
    Kind.SIGNER_ENROLLED: _enrolled,
    Kind.SIGNER_REMINDED: _reminded,
    Kind.PUSH_REFUSED: _push_refused,
    Kind.REUSE_MISMATCH: _mismatch,
    Kind.REQUEST_MET: _met,
}
