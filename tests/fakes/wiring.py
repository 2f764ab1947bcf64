"""A served estate in memory: one trust, two sites, one vendor whose `pas` is at version 1.0."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clinops.adapters.attestations import EngineKey
from clinops.adapters.settings import Settings
from clinops.domain.digest import digest_of
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Entry, Kind
from clinops.domain.outcome import State
from clinops.domain.replica import Replica
from clinops.domain.signoff import LineAction, Meaning, SignOff, sign_off_for, statement_bytes
from clinops.domain.site import LiveSystem
from clinops.domain.suite import CaseResult, SuiteRun
from clinops.errors import SeedError
from clinops.ports import EstateTree
from clinops.wiring import Bench, Wiring
from flows.gate import load_evidence, prepare_approval, prepare_line_order, record
from flows.promote import promote_release
from flows.qualify import qualify_release
from flows.reconcile import reconcile
from tests.fakes.evidence import FakeEvidence
from tests.fakes.faults import FakeFaults
from tests.fakes.images import FakeImages
from tests.fakes.inventories import PATIENTS, FakeInventories, Records
from tests.fakes.ledger import FakeClock, FakeLedger
from tests.fakes.materials import FakeMaterials
from tests.fakes.orchestrator import FakeOrchestrator
from tests.fakes.probes import FakeProbes
from tests.fakes.proposals import FakeProposals
from tests.fakes.replicas import FakeReplicas
from tests.fakes.repository import FakeRepository
from tests.fakes.signatures import FakeSignatures
from tests.fakes.sites import FakeSites
from tests.fakes.stages import FakeStages
from tests.fakes.suites import FakeSuites

KEYS = FakeSignatures("ops", "joy", "sam", "acme", "stranger")
MANIFEST = "vendor_manifests/acme/pas.yaml"
SIGNERS = "environments/signers.yaml"
SITES = "environments/sites.yaml"
REVOKED = dt.date(2025, 6, 1)
GATE = "environments/pas/gate.yaml"
COMPOSE = "environments/pas/compose.yaml"
HAZARDS = "environments/pas/hazards.yaml"
SMOKE = "test_suites/pas/smoke/test_smoke.py"
PROBES = "test_suites/pas/probes/patients.yaml"
FIRST, SECOND = "cottage-hospital", "general-hospital"
BOTH_ON_OLD = {FIRST: "1.0", SECOND: "1.0"}
BOTH_ON_NEW = {FIRST: "2.0", SECOND: "2.0"}
ROLES = {"joy": "safety", "sam": "operations"}


class Crash(BaseException):
    """The process is killed here: nothing catches it."""


def document(content: Mapping[str, Any]) -> bytes:
    """Write a document as people do, in YAML."""
    return yaml.safe_dump(dict(content), sort_keys=False).encode()


def key(name: str, **changes: Any) -> dict[str, Any]:
    """Describe a key that is valid in 2025."""
    public = KEYS.public_key(name)
    return {"public": public, "valid_from": _day(1), "valid_until": _day(12), **changes}


def _day(month: int) -> Any:
    return yaml.safe_load(f"2025-{month:02}-28")


def signer(name: str, *roles: str, **changes: Any) -> dict[str, Any]:
    """Describe a person of the trust."""
    return {"name": name.title(), "roles": list(roles), "keys": [key(name)], **changes}


def signers(**changes: Any) -> bytes:
    """Write signers.yaml: one who pushes and two who sign off."""
    people = {
        "ops": signer("ops", may_push=True),
        "joy": signer("joy", "safety", "operations"),
        "sam": signer("sam", "operations", "safety"),
        **changes,
    }
    return document({"schema": 1, "signers": people})


def joys_key(**changes: Any) -> bytes:
    """Write signers.yaml with another key of the clinical safety officer."""
    return signers(joy=signer("joy", "safety", keys=[key("joy", **changes)]))


def manifest(version: str, **changes: Any) -> bytes:
    """Write the manifest of a version of `pas`."""
    digit = version[0]
    content = {
        "schema": 1,
        "product": "pas",
        "vendor": "acme",
        "version": version,
        "package": {"image": f"acme/pas@sha256:{digit * 64}"},
        "kind": "upgrade",
        "rollback": {"strategy": "binary"},
        **changes,
    }
    return document({name: value for name, value in content.items() if value is not None})


def compose(**changes: Any) -> bytes:
    """Write the environment of `pas`: an application and its database, and all its programs."""
    section = {
        "under_test": "app",
        "endpoints": {"http": "app:8080"},
        "seed": "seed.py",
        "inventory": "inventory.py",
        "writer": "write.py",
        "site_checks": ["smoke"],
        **changes,
    }
    services = {
        "app": {"image": "package", "volumes": ["data:/data"], "depends_on": {"db": {}}},
        "db": {"image": f"acme/db@sha256:{'d' * 64}"},
    }
    return document(
        {"name": "pas", "services": services, "volumes": {"data": None}}
        | {"x-clinops": {name: value for name, value in section.items() if value is not None}}
    )


def gate(**changes: Any) -> bytes:
    """Write the gate of `pas`: two people, fourteen days."""
    requires = [{"role": "safety"}, {"role": "operations"}]
    content = {
        "schema": 1,
        "requires": requires,
        "hazards": {"accepted_by": "safety", "approved_by": "safety"},
        "waivers": {"approved_by": "safety"},
        "sign_offs_expire_after_days": 14,
    }
    return document({**content, **changes})


def hazard(hazard_id: str = "PAS-001", **changes: Any) -> dict[str, Any]:
    """Describe a hazard of class 3, brought down to 2."""
    return {
        "id": hazard_id,
        "name": "A patient is taken for another",
        "type": "patient identity",
        "description": "Two patients with one name are taken for one.",
        "causes": ["a search that is too wide"],
        "effect": "A clinician reads another patient's record.",
        "harm": "Treatment of the wrong patient.",
        "existing_controls": ["staff ask for the date of birth"],
        "initial": {"severity": "major", "likelihood": "medium"},
        "new_controls": {"test": ["smoke and regression suites"]},
        "residual": {"severity": "major", "likelihood": "very-low"},
        "owner": "Clinical safety officer",
        "status": "open",
        **changes,
    }


def hazards(*found: Mapping[str, Any]) -> bytes:
    """Write the hazard log of `pas`; by default one hazard, which both suites verify."""
    listed = [dict(one) for one in found] or [hazard()]
    return document({"schema": 1, "product": "pas", "hazards": listed})


def probes(**changes: Any) -> bytes:
    """Write the probes of `pas`: one, which asks for two patients."""
    probe = {
        "id": "patient",
        "hazards": ["PAS-001"],
        "each": {"patient": sorted(PATIENTS)},
        "http": {"path": "/patients/{patient}"},
        **changes,
    }
    return document({"schema": 1, "product": "pas", "probes": [probe]})


def sites(**rings: int) -> bytes:
    """Write sites.yaml; by default the cottage hospital comes first."""
    found = rings or {FIRST: 0, SECOND: 1}
    return document(
        {"schema": 1, "sites": {n: {"ring": r, "products": ["pas"]} for n, r in found.items()}}
    )


ESTATE: dict[str, bytes] = {
    MANIFEST: manifest("1.0"),
    "vendor_manifests/acme/vendor.yaml": document(
        {"schema": 1, "name": "Acme", "keys": [key("acme")]}
    ),
    SIGNERS: signers(),
    SITES: sites(),
    GATE: gate(),
    COMPOSE: compose(),
    HAZARDS: hazards(),
    "environments/pas/seed.py": b"print('seeded')\n",
    "environments/pas/inventory.py": b"print('read')\n",
    "environments/pas/write.py": b"print('written')\n",
    SMOKE: b"def test_smoke(): ...\n",
    "test_suites/pas/regression/test_regression.py": b"def test_regression(): ...\n",
    PROBES: probes(),
}


class ScriptedSuites(FakeSuites):
    """Suites that put their files into the store, and whose cases a test may choose."""

    def __init__(self, store: FakeEvidence, records: dict[str, Records]) -> None:
        super().__init__(records)
        self._store = store
        self.cases: dict[tuple[str, str], tuple[CaseResult, ...]] = {}
        """What a suite's run on a version consists of."""
        self.unseedable: set[str] = set()
        """Versions that can't be seeded."""
        self.meanwhile: Callable[[Replica], None] = lambda replica: None
        """What happens while a suite runs."""

    def run(
        self, suite: str, replica: Replica, tree: EstateTree, *, beside: Sequence[Replica] = ()
    ) -> SuiteRun:
        self.meanwhile(replica)
        run = super().run(suite, replica, tree, beside=beside)
        cases = self.cases.get((suite, replica.version), run.cases)
        text = f"{suite} on {replica.version}".encode()
        junit = None if run.junit is None else self._store.put(b"<testsuites>" + text)
        changes = {"cases": cases, "junit": junit, "log": self._store.put(text)}
        return run.model_copy(update=changes)

    def seed(self, program: str, replica: Replica, tree: EstateTree) -> None:
        if replica.version in self.unseedable:
            raise SeedError(f"{program} ended with code 1")
        super().seed(program, replica, tree)


class CrashingLedger(FakeLedger):
    """A ledger during whose writing the process may be killed."""

    before: Kind | None = None
    """The kind of entry at which the process dies; the entry is not written."""
    after: Kind | None = None
    """The kind of entry at which it dies, once the entry is written."""

    def append(self, kind: Kind, subject: str, body: Mapping[str, Any]) -> Entry:
        if kind is self.before:
            raise Crash
        entry = super().append(kind, subject, body)
        if kind is self.after:
            raise Crash
        return entry


class FakeWiring(Wiring):
    """A Wiring whose adapters are fakes; what it derives from them is the real one's."""

    clock: FakeClock
    git: FakeRepository  # type: ignore[assignment]
    ledger: CrashingLedger
    evidence: FakeEvidence
    images: FakeImages
    materials: FakeMaterials
    replicas: FakeReplicas
    suites: ScriptedSuites
    inventories: FakeInventories
    probes: FakeProbes
    faults: FakeFaults
    sites: FakeSites
    orchestrator: FakeOrchestrator
    proposals: FakeProposals

    def __init__(self, root: Path = Path("/estate")) -> None:
        self.root = root
        self.settings = Settings(estate="0123456789ab")
        self.clock = FakeClock()
        self.git = FakeRepository(self.clock().date(), self.clock)
        self.ledger = CrashingLedger(self.clock)
        self.evidence = FakeEvidence()
        self.images = FakeImages()
        self.materials = FakeMaterials()
        self.replicas = FakeReplicas()
        self.suites = ScriptedSuites(self.evidence, self.replicas.records)
        self.inventories = FakeInventories(self.replicas.records)
        self.probes = FakeProbes()
        self.faults = FakeFaults(self.replicas)
        self.sites = FakeSites()
        self.signatures = KEYS
        self.engine_key = EngineKey(Ed25519PrivateKey.generate())
        self.orchestrator = FakeOrchestrator()
        self.proposals = FakeProposals()
        self.stages = FakeStages()
        self.drawn = 0.99
        """What is drawn next: less than a gate's share has a result measured again."""
        self.made_of = {"clinops": digest_of("0.1.0")}
        """What ClinOps is made of."""
        self.commit(ESTATE)

    def draw(self) -> float:
        return self.drawn

    def conditions(self) -> dict[str, str]:
        return self.made_of

    @contextmanager
    def bench(self, lease: str) -> Iterator[Bench]:
        self.replicas.ensure_engine_stayed()
        yield Bench(
            images=self.images,
            materials=self.materials,
            replicas=self.replicas,
            suites=self.suites,
            inventories=self.inventories,
            probes=self.probes,
            faults=self.faults,
            evidence=self.evidence,
            tree_at=self.repository.at,
            lease=lease,
            clock=self.clock,
        )

    def commit(self, changes: Mapping[str, bytes | None], who: str = "ops") -> str:
        """Push a signed commit."""
        return self.git.commit(changes, KEYS.public_key(who))

    def adopt(self, *names: str) -> None:
        """Put version 1.0 in use, at both sites by default, with an approved hazard log."""
        tree = self.git.head()
        environment = self.estate(tree).environment("pas")
        package = self.estate(tree).manifest(MANIFEST).package
        images = {
            **self.images.of_environment(environment, tree),
            "app": self.images.obtain(package, tree, name="pas-1.0"),
        }
        for site in names or (FIRST, SECOND):
            live = LiveSystem(
                product="pas", site=site, version="1.0", images=images, commit=tree.commit
            )
            self.sites.deploy(environment, images, live)
            self.sites.data["pas", site] = "patients"
            self.ledger.append(Kind.SYSTEM_ADOPTED, f"pas@{site}", {"live": live.json_value()})
        self.sites.calls.clear()
        self.approve()

    def approve(self, who: str = "joy", document: str = HAZARDS, item: str = "") -> Entry:
        """Approve the hazard log, or a waiver, as it is on the protected branch."""
        approval = prepare_approval(
            "pas", document, item, self, who, role="safety", reason="Read it."
        )
        return record(KEYS.sign(statement_bytes(approval), who), self)

    def order(self, action: LineAction, who: str = "joy", role: str = "safety") -> Entry:
        """Stop the line of `pas`, or let it go on."""
        made = prepare_line_order("pas", action, self, who, role=role, reason="Because.")
        return record(KEYS.sign(statement_bytes(made), who), self)

    def offer(self, version: str = "2.0", **changes: Any) -> ReleaseRecord:
        """Push a version as the vendor does, and reconcile."""
        self.commit({MANIFEST: manifest(version, **changes)}, "acme")
        (release,) = reconcile(self).known
        return self.release(release)

    def qualify(self, release: ReleaseRecord) -> ReleaseRecord:
        """Qualify a release."""
        return qualify_release(release.id, self, self.stages)

    def sign(
        self, record: ReleaseRecord, who: str, /, *, with_key: str | None = None, **claims: Any
    ) -> None:
        """Write somebody's sign-off on the ledger, whether it counts or not."""
        role = claims.pop("role", ROLES.get(who, "safety"))
        evidence = load_evidence(self.release(record.id), self)
        person = self.estate(self.git.head()).signers().signers.get(who)
        person = person or self.estate(self.git.head()).signers().signers["joy"]
        made = sign_off_for(
            evidence,
            who,
            person.model_copy(update={"roles": [role]}),
            role=role,
            meaning=Meaning.APPROVED,
            reason="Read it.",
            now=self.clock(),
            ledger=self.ledger.head(),
        )
        claimed = SignOff.model_validate({**dict(made), **claims})
        envelope = KEYS.sign(statement_bytes(claimed), with_key or who)
        self.ledger.append(Kind.SIGNED, record.id, {"envelope": envelope.json_value()})

    def signed_off(self, version: str = "2.0", **changes: Any) -> ReleaseRecord:
        """Bring a version all the way to an open gate."""
        release = self.qualify(self.offer(version, **changes))
        if Kind.DOCUMENT_APPROVED not in self.kinds("pas"):
            self.approve()
        for who in ROLES:
            self.sign(release, who)
        return self.release(release.id)

    def promote(self, release: ReleaseRecord) -> State:
        """Promote a release."""
        return promote_release(release.id, self, self.stages)

    def killed(self, release: ReleaseRecord) -> None:
        """Promote until the process dies at the place that was set; the next one will live."""
        with pytest.raises(Crash):
            self.promote(release)
        self.ledger.before = self.ledger.after = None

    def running(self) -> dict[str, str]:
        """Return which version really runs, by site."""
        systems = {site: self.sites.running("pas", site) for site in (FIRST, SECOND)}
        return {site: system.version for site, system in systems.items() if system is not None}

    def fail_at_sites(self, version: str, *names: str) -> None:
        """Let the smoke suite fail on a version at these sites only."""

        def choose(replica: Replica) -> None:
            self.suites.failing = {("smoke", version)} if replica.site in names else set()

        self.suites.meanwhile = choose

    def alter(self, digest: str, change: Callable[[bytes], bytes | None]) -> None:
        """Change a file of the evidence store behind its back, or take it away."""
        changed = change(self.evidence.files.pop(digest))
        if changed is not None:
            self.evidence.files[digest] = changed

    def edit_ledger(self) -> None:
        """Change the first entry of the ledger behind its back."""
        entry = self.ledger._entries[0]
        self.ledger._entries[0] = entry.model_copy(update={"body": {**entry.body, "more": 1}})

    def last_body(self, subject: str) -> dict[str, Any]:
        """Return what the last entry about a release or a site says."""
        *_, entry = self.ledger.entries(subject)
        return entry.body

    def kinds(self, subject: str) -> list[Kind]:
        """Return what is on record about a release or a site, in order."""
        return [entry.kind for entry in self.ledger.entries(subject)]

    def live_versions(self) -> dict[str, str]:
        """Return which version is live, by site, as the ledger has it."""
        return {live.site: live.version for live in self.ledger.live("pas")}
