"""Approvals: which documents and waivers somebody has approved by signature."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from clinops.domain.circumstances import Wanted
from clinops.domain.gate import Approved, Refused, Rule
from clinops.domain.identity import Objections, Register, refuse, refuse_broken
from clinops.domain.signoff import Approval, BrokenSignature, Checked


def role_for(wanted: Wanted, register: Register) -> str:
    """Return the role that approves a document or a waiver."""
    policy = register.policy
    return (policy.waivers if wanted.item else policy.hazards).approved_by


def against_approval(
    checked: Checked[Approval], wanted: Wanted, authors: Collection[str], register: Register
) -> Objections:
    """Object to what does not approve that very version, or comes from whoever wrote it."""
    signed = checked.signed
    if (signed.document, signed.item) != (wanted.document, wanted.item):
        yield Rule.OTHER_DOCUMENT, f"it approves {signed.document} {signed.item}".rstrip()
    if signed.digest != wanted.digest or signed.document.split("/")[1:2] != [signed.product]:
        yield Rule.OTHER_DOCUMENT, f"it approves another version, {signed.digest[:19]}…"
    yield from register.of_lasting_word(checked, role_for(wanted, register), authors)


def judge_approvals(
    wanted: Wanted,
    approvals: Iterable[Checked[Approval] | BrokenSignature],
    authors: Collection[str],
    register: Register,
) -> Iterator[Approved | Refused]:
    """Yield each approval of that version: as it counts, or why it does not."""
    for approval in approvals:
        if isinstance(approval, BrokenSignature):
            yield refuse_broken(approval)
            continue
        first = next(against_approval(approval, wanted, authors, register), None)
        if first is None:
            yield Approved.model_validate(
                approval.signed.model_dump(include=set(Approved.model_fields))
            )
        elif first[0] is not Rule.OTHER_DOCUMENT:
            yield refuse(*first, approval)
