"""A small real system with 10,000 patients, and what its vendor may silently do to them.

Qualified here as `clinops qualify` does it: from a checkout, on the real engine, without a server.
The estate knows nothing of what a new version breaks; that must be found without a test for it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from rich.console import Console

from clinops.adapters.plain_stages import PlainStages
from clinops.domain.comparison import Comparison
from clinops.domain.difference import Difference, declared
from clinops.domain.evidence import Evidence, findings_from
from clinops.domain.finding import Finding
from clinops.domain.plan import Plan
from clinops.domain.rehearsal import Rehearsal
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.ports import EstateTree
from clinops.wiring import Bench, folder, local_bench
from flows.compare import Compared, compare
from flows.local import plan_here
from flows.qualify import qualify
from flows.rehearse import Upgraded, rehearse_upgrade
from flows.replicas import Tried, obtain, run_suite
from flows.snapshots import baseline_snapshot
from flows.way_back import Restored, rehearse_restore, rehearse_way_back
from tests.systems.records.seed import patients
from tests.ward import document, hazard

PRODUCT = "records"
MANIFEST = f"vendor_manifests/acme/{PRODUCT}.yaml"
NOISE = f"environments/{PRODUCT}/noise.yaml"
PROGRAMS = Path(__file__).parent / "systems" / PRODUCT

PATIENTS = {each["id"]: each for each in patients()}
ASKED = ("9990000018", "9990000026", "09990000026", "9990000034", "9990000042")
"""The few patients that the probes ask for one by one."""

_DOCKERFILE = """\
FROM clinops/base:bookworm
RUN apt-get update \\
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 \\
    && rm -rf /var/lib/apt/lists/* \\
    && install -d -o nobody -g nogroup /data
COPY server.py /srv/server.py
ARG VERSION
ARG MISCHIEF
RUN echo "$VERSION $MISCHIEF" > /srv/release
USER nobody
ENV PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080
CMD ["python3", "/srv/server.py"]
"""
_READY = """\
import urllib.request; urllib.request.urlopen("http://127.0.0.1:8080/health").read()\
"""
_SMOKE = '''\
"""The system is up: all that anybody has written a test for."""

import pytest

pytestmark = pytest.mark.hazard("REC-001")


def test_the_system_says_that_it_is_well(http):
    assert http.get("/health").raise_for_status().text == "ok"


def test_the_system_runs_as_the_version_of_the_release(http, replica):
    assert http.get("/version").text == replica.version
'''
_COMPOSE = {
    "name": PRODUCT,
    "services": {
        PRODUCT: {
            "image": "package",
            "user": "nobody",
            "volumes": ["data:/data"],
            "healthcheck": {"test": ["CMD", "python3", "-c", _READY]},
            "mem_limit": "128m",
            "pids_limit": 64,
            # A Python program as the first process is not ended by SIGTERM, but by this.
            "stop_signal": "SIGINT",
            "stop_grace_period": "5s",
        }
    },
    "volumes": {"data": None},
}
_SECTION = {
    "under_test": PRODUCT,
    "endpoints": {"http": f"{PRODUCT}:8080"},
    "seed": "seed.py",
    "ready_within": 30,
}
_PROBES = """\
schema: 1
product: records
probes:
  - {id: patient, each: {id: [IDS]}, http: {path: "/patients/{id}"}}
  - {id: page, each: {number: ["0", "9"]}, http: {path: "/patients?page={number}"}}
  - {id: image, each: {file: [png, raw]}, http: {path: "/images/9990000018.{file}"}}
""".replace("IDS", ", ".join(f'"{name}"' for name in ASKED))
_EVERYWHERE = {"owner": "Head of records", "expires": "2099-12-31"}
_RULES = [
    {"path": "body/answered/at", "type": "timestamp", "reason": "When it was asked"},
    {"path": "body/answered/served", "type": "counter", "reason": "Counts requests"},
    {"path": "body/wards", "type": "unordered", "reason": "A set without any order"},
]
RULES = [
    {"id": f"N-{number:03}", "probe": "*", **rule, **_EVERYWHERE}
    for number, rule in enumerate(_RULES, 1)
]


def noise(rules: list[dict[str, Any]]) -> str:
    """Write noise.yaml."""
    return document({"schema": 1, "product": PRODUCT, "rules": rules})


@dataclass(frozen=True)
class Candidate:
    """A version that the vendor offers, with everything that it is tried with."""

    plan: Plan
    tree: EstateTree
    bench: Bench
    images: Mapping[str, str]
    baseline: Snapshot

    def goes_up(self) -> Upgraded:
        """Go the way up."""
        return rehearse_upgrade(self.plan, self.baseline, self.images, self.tree, self.bench)

    def comes_back(self, upgraded: Upgraded) -> Rehearsal:
        """Write something, and go the way back."""
        gone = rehearse_way_back(
            upgraded,
            self.plan,
            self.baseline,
            self.tree,
            self.bench,
            before=self.tried_before,
            restored=self.restored if self.plan.manifest.rollback.strategy == "restore" else None,
        )
        return gone.rehearsal

    def restored(self) -> Restored:
        """Start the version in use from its backup."""
        return rehearse_restore(
            self.plan, self.baseline, self.tree, self.bench, before=self.tried_before
        )

    def tried_before(self) -> list[Tried]:
        """Run the suites on the version in use."""
        return [
            run_suite(one, self.plan, self.images, self.tree, self.bench, snapshot=self.baseline)
            for one in self.plan.runs
            if one[1] is Role.BASELINE
        ]

    def compared(self, snapshot: Snapshot | None) -> Compared:
        """Ask both versions."""
        assert snapshot is not None
        found = compare(self.plan, self.baseline, snapshot, self.tree, self.bench)
        assert found is not None
        return found

    def judged(
        self, differences: Sequence[Difference], comparison: Comparison | None = None
    ) -> tuple[Finding, ...]:
        """Find what follows, as evidence does."""
        return findings_from(
            (),
            (),
            declared(differences, self.plan.manifest.changes),
            (),
            version=self.plan.release.version,
            day=self.bench.clock().date(),
            comparison=comparison,
        )


class Records:
    """A vendor's clone of an estate, with version 1.0 of the system on record, and a bench."""

    def __init__(self, checkout: Path, bench: Bench) -> None:
        self.checkout, self.bench = checkout, bench

    @property
    def tree(self) -> EstateTree:
        """The estate as it is now."""
        return folder(self.checkout)

    def write(self, path: str, text: str) -> None:
        """Change a file of the checkout."""
        (self.checkout / path).write_text(text)

    def plan(self, mischief: str, **changes: Any) -> Plan:
        """Offer version 2.0, and plan its qualification."""
        self.write(MANIFEST, manifest("2.0", mischief, supersedes="1.0", **changes))
        with plan_here(MANIFEST, self.checkout, self.tree) as (plan, _):
            return plan

    def offer(self, mischief: str = "none", **changes: Any) -> Candidate:
        """Offer version 2.0, with its images and the snapshot of the version in use."""
        plan, tree = self.plan(mischief, **changes), self.tree
        images = obtain(plan, tree, self.bench).images
        baseline = baseline_snapshot(plan, images[Role.BASELINE], tree, self.bench)
        assert isinstance(baseline, Snapshot), baseline
        return Candidate(plan, tree, self.bench, images[Role.CANDIDATE], baseline)

    def qualify(self, mischief: str = "none", **changes: Any) -> Evidence:
        """Offer version 2.0 and qualify it, from end to end."""
        stages = PlainStages(Console(quiet=True))
        evidence = qualify(self.plan(mischief, **changes), self.tree, self.bench, stages).evidence
        assert evidence.contradictions() == []
        return evidence


@contextmanager
def records(root: Path, **section: Any) -> Iterator[Records]:
    """Make a clone and a bench; on leaving, the images and snapshots are removed."""
    checkout, work = root / "checkout", root / "work"
    _write(checkout, section)
    git = ("git", "-C", str(checkout), "-c", "user.name=vendor", "-c", "user.email=v@example.org")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "The estate"]):
        subprocess.run([*git, *command], check=True)
    try:
        with (
            plan_here(MANIFEST, checkout, folder(checkout)) as (_, trees),
            local_bench(work / "evidence", trees, work / "drop") as bench,
        ):
            yield Records(checkout, bench)
    finally:
        _remove_images()


def _remove_images() -> None:
    with closing(docker.from_env()) as engine:
        kept = engine.api.images(filters={"label": f"clinops.product={PRODUCT}"}, quiet=True)
        held = [
            tag
            for image in engine.api.images(f"clinops/held:{PRODUCT}-*")
            for tag in image["RepoTags"]
        ]
        for name in [*kept, *held]:
            engine.images.remove(name, force=True)


def manifest(version: str, mischief: str, **changes: Any) -> str:
    """Describe a version as its vendor does, but for what it does silently."""
    arguments = {"VERSION": version, "MISCHIEF": mischief}
    build = {"folder": f"environments/{PRODUCT}/images/{PRODUCT}", "arguments": arguments}
    return document(
        {
            "schema": 1,
            "product": PRODUCT,
            "vendor": "acme",
            "version": version,
            "package": {"build": build},
            "kind": "upgrade",
            "changes": [{"summary": "Small improvements", "area": "display"}],
            "rollback": {"strategy": "binary"},
            **changes,
        }
    )


def _write(checkout: Path, section: dict[str, Any]) -> None:
    home = f"environments/{PRODUCT}"
    suites = f"test_suites/{PRODUCT}"
    compose = {**_COMPOSE, "x-clinops": {**_SECTION, **section}}
    log = [hazard(1, "Records are unavailable", id="REC-001")]
    policy = {"schema": 1, "requires": [{"role": "operations"}], "sign_offs_expire_after_days": 14}
    files = {
        f"{home}/compose.yaml": document(compose),
        f"{home}/images/{PRODUCT}/Dockerfile": _DOCKERFILE,
        f"{home}/images/{PRODUCT}/server.py": (PROGRAMS / "server.py").read_text(),
        f"{home}/hazards.yaml": document({"schema": 1, "product": PRODUCT, "hazards": log}),
        f"{home}/gate.yaml": document(policy),
        NOISE: noise(RULES),
        MANIFEST: manifest("1.0", "none"),
        f"{suites}/smoke/test_smoke.py": _SMOKE,
        f"{suites}/probes/http.yaml": _PROBES,
    }
    for name in ("seed.py", "write.py", "inventory.py"):
        files[f"{home}/{name}"] = (PROGRAMS / name).read_text()
    for path, text in files.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(text)
