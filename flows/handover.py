"""The hand-back: a system's page for whoever takes it over, gathered from estate and ledger.

What people signed is quoted here and not judged: it says who knows a system, and opens no gate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from pydantic import ValidationError

from clinops.adapters.estate import Estate
from clinops.domain.envelope import Envelope
from clinops.domain.environment import Environment, Service
from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import GatePolicy
from clinops.domain.handover import Danger, Handover, Interface, Known, Part, Skill
from clinops.domain.ledger import Entry, Kind
from clinops.domain.outcome import State
from clinops.domain.probe_call import Call, CommandCall, SqlCall
from clinops.domain.runbook import Kept, Runbook, Subject, runbooks
from clinops.domain.signoff import signed_from
from clinops.domain.site import Backup
from clinops.errors import RefusedError
from clinops.wiring import Wiring

_LEFT_BACKUP = (Kind.SITE_LIVE, Kind.SITE_ROLLED_BACK)


def handover(product: str, wiring: Wiring) -> Handover:
    """Gather what a new colleague needs of a system.

    Raises:
        NotFoundError: There is no such system, or no manifest of it.
        BadInputError: A document of it can't be read; mend that first.
    """
    return _Gathering(product, wiring).handover()


class _Gathering:
    """One pass over the documents and the ledger of a system."""

    def __init__(self, product: str, wiring: Wiring) -> None:
        self._product, self._wiring = product, wiring
        self._estate: Estate = wiring.estate(wiring.repository.head())
        self._environment: Environment = self._estate.environment(product)
        self._path, self._manifest = self._estate.manifest_for(product)
        self._policy: GatePolicy = self._estate.gate(product)
        self._releases: list[ReleaseRecord] = wiring.ledger.releases(product)
        self._live = wiring.ledger.live(product)

    def handover(self) -> Handover:
        """Return all of it."""
        vendor, section = self._estate.vendor(self._manifest.vendor), self._environment.clinops
        return Handover(
            product=self._product,
            vendor=vendor.name,
            contact=vendor.contact or "",
            version=self._manifest.version,
            live=tuple((one.site, one.version) for one in self._live),
            parts=tuple(_part(name, one) for name, one in self._environment.services.items()),
            under_test=section.under_test,
            seed=section.seed or "",
            ready_within=section.ready_within,
            interfaces=tuple(self._interfaces()),
            hazards=tuple(self._hazards()),
            known=tuple(self._known()),
            skills=tuple(self._skills()),
            runbooks=self._runbooks(),
            commit=self._estate.tree.commit,
        )

    def _interfaces(self) -> Iterator[Interface]:
        asked: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for case in self._estate.probes(self._product):
            for step in case.steps:
                asked[self._endpoint(step.call)][step.kind] += 1
        for name, door in self._environment.clinops.endpoints.items():
            yield Interface(name=name, door=door, asked=tuple(sorted(asked[name].items())))

    def _endpoint(self, call: Call) -> str:
        """Return the door that a question goes through; a command goes through none."""
        if isinstance(call, SqlCall):
            databases = self._environment.clinops.databases
            return databases[call.database or next(iter(databases))].endpoint
        return "" if isinstance(call, CommandCall) else call.endpoint

    def _hazards(self) -> Iterator[Danger]:
        log = self._estate.hazard_log(self._product)
        for one in sorted(log.hazards, key=lambda hazard: -hazard.weight):
            if one.status == "open":
                classes = one.initial.risk_class, one.residual.risk_class
                yield Danger(
                    id=one.id, name=one.name, before=classes[0], after=classes[1], status=one.status
                )

    def _known(self) -> Iterator[Known]:
        for rule in self._estate.noise_rules(self._product):
            what = f"Noise rule {rule.id}: {rule.type} at {rule.path}"
            yield Known(what=what, said=rule.reason, owner=rule.owner, until=rule.expires)
        for waiver in self._estate.waivers(self._product):
            what = f"Waiver {waiver.id} of {waiver.version}: {waiver.occurrence}"
            yield Known(what=what, said=waiver.reason, owner=waiver.owner, until=waiver.expires)
        for change in self._manifest.changes:
            area = f", {change.area}" if change.area else ""
            what = f"Declared of {self._manifest.version}{area}"
            yield Known(what=what, said=change.summary, owner=self._manifest.vendor)

    def _skills(self) -> Iterator[Skill]:
        folders = {
            "Changed how its replica is stood up": f"environments/{self._product}",
            "Changed its tests": f"test_suites/{self._product}",
        }
        commit = self._estate.tree.commit
        for what, folder in folders.items():
            yield self._skill(what, self._wiring.repository.contributors([folder], commit))
        approvals = self._wiring.ledger.entries(self._product)
        yield self._done("Approved its hazard log", approvals, Kind.DOCUMENT_APPROVED)
        signed = [e for r in self._releases for e in self._wiring.ledger.entries(r.id)]
        yield self._done("Signed a release of it", iter(signed), Kind.SIGNED)
        for role in sorted(self._policy.roles):
            yield self._may(role)

    def _done(self, what: str, entries: Iterator[Entry], kind: Kind) -> Skill:
        did = [
            (entry.time, who) for entry in entries if entry.kind is kind and (who := _who(entry))
        ]
        last = max(did, default=("", ""))[0]
        return self._skill(what, {f"trust:{who}" for _, who in did}, last)

    def _may(self, role: str) -> Skill:
        separate = self._policy.separation.administrators
        able = {
            f"trust:{name}"
            for name, one in self._estate.signers().signers.items()
            if role in one.roles
            and not (one.may_push and separate)
            and (self._policy.accept_demonstration or not one.demonstration)
        }
        skill = self._skill(f"May sign as {role}", able)
        return skill.model_copy(update={"may": True, "others": ()})

    def _skill(self, what: str, who: frozenset[str] | set[str], last: str = "") -> Skill:
        """Tell those who can be asked from those who have left, or are the vendor's."""
        today = self._wiring.clock().date()
        people = {
            f"trust:{name}": one
            for name, one in self._estate.signers().signers.items()
            if any(key.usable_on(today) for key in one.keys)
        }
        here = sorted(people[name].name for name in who if name in people)
        others = sorted(name.partition(":")[2] for name in who if name not in people)
        return Skill(what=what, people=tuple(here), others=tuple(others), last=last)

    def _runbooks(self) -> tuple[Runbook, ...]:
        waits = [one for one in self._releases if one.state is State.AWAITING_SIGN_OFF]
        newest = (*waits, *self._releases)
        return runbooks(
            Subject(
                product=self._product,
                path=self._path,
                manifest=self._manifest,
                policy=self._policy,
                release=newest[0].id if newest else "",
                suites=tuple(self._estate.suites(self._product)),
                checks=tuple(self._environment.clinops.site_checks),
                sites=tuple(self._estate.sites().running(self._product)),
                backups=tuple(self._backups()),
            )
        )

    def _backups(self) -> Iterator[Kept]:
        for live in self._live:
            entries = self._wiring.ledger.entries(f"{live.product}@{live.site}")
            bodies = [entry.body.get("backup") for entry in entries if entry.kind in _LEFT_BACKUP]
            if bodies and bodies[-1]:
                made = Backup.model_validate(bodies[-1])
                yield Kept(
                    site=made.site, version=made.version, taken=made.taken, volumes=made.volumes
                )


def _part(name: str, service: Service) -> Part:
    if service.build:
        image = f"built from images of the environment, folder {service.build.context}"
    else:
        own = service.image == "package"
        image = "the release's own package" if own else f"{service.image}"
    return Part(
        name=name,
        image=image,
        needs=tuple(service.depends_on),
        data=tuple(service.mounts.values()),
    )


def _who(entry: Entry) -> str:
    try:
        statement = Envelope.model_validate(entry.body["envelope"]).statement
        return signed_from(statement).signer
    except (KeyError, ValidationError, RefusedError):
        return ""
