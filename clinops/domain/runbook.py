"""Runbooks: what to type for a system, with its own names in it, and what comes of it.

They are generated, so that they can't go stale; each command is one that `clinops` takes as it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from clinops.domain.gate import GatePolicy
from clinops.domain.manifest import Manifest
from clinops.domain.plain_words import ROLLBACKS
from clinops.domain.policy import requirements
from clinops.domain.value import Value

_SIGNED = '--reason "…" --key ~/.ssh/id_ed25519'


class Step(Value):
    """One thing to do: why in words, and the command where there is one."""

    text: str
    command: str = ""


class Runbook(Value):
    """How one thing is done to one system."""

    name: str
    steps: tuple[Step, ...]


class Kept(Value):
    """A backup that the last deployment to a site left."""

    site: str
    version: str
    taken: str
    volumes: dict[str, str]


class Subject(Value):
    """What runbooks fill in."""

    product: str
    path: str
    """Where its manifest lies."""
    manifest: Manifest
    policy: GatePolicy
    release: str
    """The release that waits, else the newest one; empty where none was ever offered."""
    suites: tuple[str, ...]
    checks: tuple[str, ...]
    """Suites that are run at a site after a deployment."""
    sites: tuple[str, ...]
    """In ring order."""
    backups: tuple[Kept, ...]


def runbooks(subject: Subject) -> tuple[Runbook, ...]:
    """Write the runbooks of a system."""
    chapters = {
        "Qualify": _qualify,
        "Sign": _sign,
        "Promote": _promote,
        "Roll back": _roll_back,
    }
    return tuple(Runbook(name=name, steps=tuple(of(subject))) for name, of in chapters.items())


def _qualify(subject: Subject) -> Iterator[Step]:
    yield Step(
        text="In a checkout, before a push: stands both versions up and runs "
        f"{', '.join(subject.suites) or 'no suite'}, without a server.",
        command=f"clinops qualify {shlex.quote(subject.path)}",
    )
    yield Step(
        text="A push of that file is taken up by itself; after an outage, have it taken up now.",
        command="clinops reconcile",
    )
    yield Step(text="What its releases came to.", command=f"clinops release list {subject.product}")
    yield Step(
        text="Only where the outcome is inconclusive, and its cause is mended: test it again.",
        command=f'clinops release retry {_release(subject)} --reason "…"',
    )


def _sign(subject: Subject) -> Iterator[Step]:
    policy, release = subject.policy, _release(subject)
    yield Step(
        text="Read what it is: findings, hazards, who must still sign.",
        command=f"clinops release show {release}",
    )
    yield Step(
        text=f"Each version of the hazard log is approved first, by {policy.hazards.approved_by}.",
        command=f"clinops approve {subject.product} hazard-log "
        f"--role {policy.hazards.approved_by} {_SIGNED}",
    )
    for need in requirements(policy.requires):
        whose = f"{need.count} in this role" if need.sites is None else f"{need.sites} sites"
        place = "" if need.sites is None else " --site SITE"
        yield Step(
            text=f"The gate asks for {whose}: {need.role}.",
            command=f"clinops sign {release} --role {need.role}{place} {_SIGNED}",
        )
    yield Step(
        text="Or say no. That is final for this release.",
        command=f"clinops reject {release} --role {policy.hazards.accepted_by} {_SIGNED}",
    )


def _promote(subject: Subject) -> Iterator[Step]:
    where = ", then ".join(subject.sites) or "no site: sites.yaml lists none for it"
    yield Step(
        text="Happens by itself once the gate is open; this has it happen now. It goes to "
        f"{where}. Each site is backed up, and checked by {', '.join(subject.checks) or 'nothing'}",
        command=f"clinops promote {_release(subject)} --wait",
    )
    yield Step(text="Where its time went.", command=f"clinops release timeline {_release(subject)}")


def _roll_back(subject: Subject) -> Iterator[Step]:
    back = subject.manifest.rollback
    yield Step(
        text="A deployment that does not pass its check at a site comes back by itself, as the "
        f"manifest declares: {back.strategy}. {ROLLBACKS[back.strategy]}"
    )
    yield Step(
        text="Harm is seen later: stop the line first, in any role that you hold. What is being "
        "deployed goes to no further site.",
        command=f"clinops stop {subject.product} "
        f"--role {subject.policy.hazards.approved_by} {_SIGNED}",
    )
    yield Step(text=_way_forward(subject))
    for one in subject.backups:
        copies = ", ".join(f"{name} in {copy}" for name, copy in sorted(one.volumes.items()))
        yield Step(
            text=f"At {one.site}, the data as {one.version} left it on {one.taken[:16]} UTC is "
            f"kept in volumes of its engine: {copies or 'it had none'}."
        )
    yield Step(
        text="When it is safe again, let the line go on.",
        command=f"clinops resume {subject.product} "
        f"--role {subject.policy.hazards.approved_by} {_SIGNED}",
    )


def _way_forward(subject: Subject) -> str:
    said = (
        f"No command takes a release back that has passed its checks: {subject.manifest.vendor} "
        f"offers a version above {subject.manifest.version}, and the gate judges it."
    )
    emergency = subject.policy.emergency
    if emergency is None:
        return f"{said} This gate has no route for emergencies."
    roles = ", ".join(dict.fromkeys(need.role for need in requirements(emergency.requires)))
    return (
        f"{said} As an emergency (clinops sign --emergency) it needs only {roles} beforehand; "
        f"the others sign within {emergency.owed_within_hours} hours."
    )


def _release(subject: Subject) -> str:
    return subject.release or "RELEASE"
