"""What waits for whoever has signed in, out of what waits for anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clinops.domain.circumstances import HAZARD_LOG, WAIVERS, document_of
from clinops.domain.dossier import Dossier
from clinops.gatehouse.actions import Actions, Waiting
from clinops.gatehouse.people import Person
from flows.dossier import HAZARDS


@dataclass(frozen=True)
class Mine:
    """One thing that a person should do, and where."""

    what: str
    address: str
    why: str
    urgent: bool = False


def mine(actions: Actions, person: Person) -> tuple[Mine, ...]:
    """Return what a person could do now: what is owed, what others wait for, then the rest."""
    waiting = [*actions.owed, *actions.waiting]
    documents = dict.fromkeys(one for each in waiting for one in _documents(each.dossier, person))
    return (
        *_sign_offs(actions.owed, person),
        *documents,
        *_sign_offs(actions.waiting, person),
        *(one for each in waiting for one in _questions(each.dossier, person)),
    )


def _sign_offs(waiting: Iterable[Waiting], person: Person) -> Iterator[Mine]:
    for one in waiting:
        gate, record = one.dossier.gate, one.record
        if gate is None or any(counted.signer == person.id for counted in gate.counted):
            continue
        awaited = gate.owed.awaited if one.deadline and gate.owed else gate.awaited
        roles = [role for role in person.signer.roles if role in awaited]
        if roles:
            what = f"{'Owed: sign' if one.deadline else 'Sign'} {record.product} {record.version}"
            address = f"/releases/{record.id}"
            yield Mine(what, address, f"as {' or '.join(roles)}", urgent=one.overdue)


def _documents(dossier: Dossier, person: Person) -> Iterator[Mine]:
    policy, gate, evidence = dossier.policy, dossier.gate, dossier.evidence
    if policy is None or gate is None or evidence is None:
        return
    product = dossier.record.product
    done = {(one.document, one.item, one.digest) for one in gate.approved}
    log = document_of(product, HAZARD_LOG), "", evidence.files.get(HAZARDS, "")
    role = policy.hazards.approved_by
    if role in person.signer.roles and log not in done:
        address = f"/systems/{product}/hazard-log/approve"
        yield Mine(f"Approve the hazard log of {product}", address, f"as {role}")
    if policy.waivers.approved_by in person.signer.roles:
        used = {finding.waiver for finding in evidence.findings}
        for waiver in evidence.waivers:
            wanted = document_of(product, WAIVERS), waiver.id, waiver.digest
            if waiver.id in used and wanted not in done:
                address = f"/systems/{product}/waivers/{waiver.id}/approve"
                why = f"as {policy.waivers.approved_by}"
                yield Mine(f"Approve the waiver {waiver.id} of {product}", address, why)


def _questions(dossier: Dossier, person: Person) -> Iterator[Mine]:
    for question in dossier.questions:
        if not question.answers and question.name != person.name:
            record = dossier.record
            address = f"/releases/{record.id}/ask#{question.id}"
            what = f"Answer {question.name} about {record.product} {record.version}"
            yield Mine(what, address, "if you know")
