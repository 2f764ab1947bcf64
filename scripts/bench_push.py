"""How soon a push is seen, and how the pipeline grows with the number of manifests.

An estate of its own, with a server, is made for it: real git, hooks, Prefect server, worker and
engine; only the products are small, containers that are ready within a second. Prints one JSON
object a line:

- push to visible: from the end of `git push` until the Prefect API, which its pages show, has the
  run that qualifies the release;
- manifests in one push: validated in the push (and once more, by the command, for its time),
  reconciled and scheduled; workers are held back;
- releases at once: from the end of a push until all its releases have their verdicts.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import httpx
import yaml
from demo import free_ports

from clinops.adapters.settings import Settings, load
from clinops.adapters.sql_ledger import SqlLedger
from clinops.wiring import Wiring

HOME = Path(__file__).parents[1]
VENDOR = "bench"
PATIENCE = 600.0
_LOOK = 0.02
_DOCKERFILE = "FROM clinops/base:bookworm\nARG VERSION\nENV VERSION=$VERSION\nUSER nobody\n"
_HAZARD = {
    "id": "BEN-001",
    "name": "The product is unavailable",
    "type": "test",
    "description": "It does not answer.",
    "causes": ["a fault in the product"],
    "effect": "People wait.",
    "harm": "None: it is a benchmark.",
    "existing_controls": ["a paper list"],
    "initial": {"severity": "minor", "likelihood": "low"},
    "new_controls": {"test": ["smoke suite"]},
    "residual": {"severity": "minor", "likelihood": "very-low"},
    "owner": "Nobody",
    "status": "open",
}
_BOARD = yaml.safe_load((HOME / "environments/board.yaml").read_text())
_SMOKE = "def test_it_runs_as_nobody(host):\n    assert host.check_output('id -un') == 'nobody'\n"


def product(number: int) -> str:
    """Name a product."""
    return f"bench-{number:03}"


def manifest_of(number: int) -> str:
    """Return the path of a product's manifest."""
    return f"vendor_manifests/{VENDOR}/{product(number)}.yaml"


class Estate:
    """A served estate whose products have no release yet."""

    def __init__(self, root: Path, products: int) -> None:
        """Write it, make it, and start its server."""
        self.root, self.keys = root / "estate", root / "keys"
        self._source, self._clone = root / "source", root / "clone"
        self._versions = Counter[int]()
        self.keys.mkdir()
        for name in ("admin", VENDOR):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.keys / name], check=True
            )
        self._write_source(products)
        self._clinops("init", self.root, "--from", self._source, "--key", self.keys / "admin",
                      "--port", free_ports())  # fmt: skip
        self._clinops("--estate", self.root, "up")
        repository = self.root / "estate.git"
        subprocess.run(["git", "clone", "-q", repository, self._clone], check=True)
        self.settings: Settings = load(self.root)
        self.api = httpx.Client(
            base_url=f"{self.settings.api}/",
            auth=self.settings.prefect_auth(self.root),
            trust_env=False,
            timeout=60,
            # The server ends connections that are idle, and may just then be asked over one.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def close(self) -> None:
        """Stop what runs, and remove the images."""
        self.api.close()
        self._clinops("--estate", self.root, "down")
        client = docker.from_env()
        for image in client.api.images("clinops/held:bench-*"):
            for tag in image["RepoTags"]:
                client.images.remove(tag, force=True)
        client.close()

    def push(self, numbers: Sequence[int]) -> float:
        """Push a new version of some products; return the seconds that the push took."""
        for number in numbers:
            self._versions[number] += 1
            self._write(self._clone, manifest_of(number), self._manifest(number))
        return self._push(VENDOR, "releases")

    def validate(self, numbers: Sequence[int]) -> float:
        """Validate the manifests of some products by the command; return its seconds."""
        begun = time.monotonic()
        self._clinops("--estate", self._clone, "validate", *map(manifest_of, numbers))
        return time.monotonic() - begun

    def alert(self, number: int) -> None:
        """Commission the next version of a product, by tomorrow, for an alert."""
        version = f"{self._versions[number] + 1}.0"
        tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        request = {
            "schema": 1,
            "id": f"alert-{number}",
            "title": "An alert",
            "commissioned_by": "operations",
            "commissioned": dt.datetime.now(dt.UTC).date(),
            "owner": "Ann Admin",
            "kind": "security-patch",
            "systems": [product(number)],
            "hazards": [_HAZARD["id"]],
            "benefit": {"points": 1, "reasons": ["It closes a door"]},
            "deadline": {"by": tomorrow, "source": "alert-48-hours", "reference": "CC-1234"},
            "effort": {"testing": 1},
            "confidence": "high",
            "releases": [{"product": product(number), "version": version}],
        }
        self._write(self._clone, f"requests/{request['id']}.yaml", request)
        self._push("admin", "alert")

    def _push(self, who: str, message: str) -> float:
        signed = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={self.keys / who}",
                  "-c", "user.name=Bench", "-c", "user.email=bench@example.org")  # fmt: skip
        git = ["git", "-C", str(self._clone), *signed]
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-S", "-m", message], check=True)
        begun = time.monotonic()
        done = subprocess.run([*git, "push", "-q"], check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        return time.monotonic() - begun

    def releases(self) -> dict[str, str]:
        """Return the state of every release, by product and version."""
        wiring = Wiring(self.root)
        found = {
            f"{one.product} {one.version}": one.state.value for one in wiring.ledger.releases()
        }
        if isinstance(wiring.ledger, SqlLedger):
            wiring.ledger.close()
        return found

    def runs(self, names: Sequence[str]) -> list[str]:
        """Return the names of the flow runs that there are, of some."""
        found: list[str] = []
        for start in range(0, len(names), 100):
            wanted = {"flow_runs": {"name": {"any_": list(names[start : start + 100])}}}
            found += [run["name"] for run in self._ask("POST", "flow_runs/filter", wanted)]
        return found

    def named(self, numbers: Sequence[int]) -> list[str]:
        """Return how the runs are called that qualify the newest releases of some products."""
        return [f"qualify {product(n)} {self._versions[n]}.0" for n in numbers]

    def hold_workers(self, *, held: bool) -> None:
        """Let workers take no more runs, or let them take runs again."""
        self._ask("PATCH", "work_pools/clinops", {"is_paused": held})

    def until_there(self, names: Sequence[str]) -> float:
        """Wait until some flow runs are there."""
        begun = time.monotonic()
        while len(set(self.runs(names))) < len(names):
            if time.monotonic() > begun + PATIENCE:
                raise SystemExit("what was pushed was not scheduled")
            time.sleep(_LOOK)
        return time.monotonic() - begun

    def qualify_one_at_a_time(self) -> None:
        """Have but one qualification at a time, emergencies aside, however large the machine is."""
        self._ask("PATCH", "work_pools/clinops/queues/qualify", {"concurrency_limit": 1})

    def forget(self, names: Sequence[str]) -> None:
        """Delete flow runs that nobody is to run."""
        wanted = {"flow_runs": {"name": {"any_": list(names)}}, "limit": 200}
        while found := self._ask("POST", "flow_runs/filter", wanted):
            for run in found:
                self._ask("DELETE", f"flow_runs/{run['id']}")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the flow server, and again while its SQLite is locked."""
        while True:
            answer = self.api.request(method, path, json=body)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer.raise_for_status().json() if answer.content else None

    def until_verdicts(self, numbers: Sequence[int]) -> float:
        """Wait until the newest releases of some products have their verdicts."""
        wanted = {f"{product(n)} {self._versions[n]}.0" for n in numbers}
        begun = time.monotonic()
        while time.monotonic() < begun + PATIENCE:
            states = self.releases()
            told = {name: states.get(name) for name in wanted}
            if all(state == "awaiting-sign-off" for state in told.values()):
                return time.monotonic() - begun
            if bad := {n: s for n, s in told.items() if s in {"refused", "inconclusive"}}:
                raise SystemExit(f"no such verdict was to be: {bad}")
            time.sleep(0.1)
        raise SystemExit("no verdicts came")

    def _manifest(self, number: int) -> dict[str, Any]:
        version = f"{self._versions[number]}.0"
        folder = f"environments/{product(number)}/images/app"
        return {
            "schema": 1,
            "product": product(number),
            "vendor": VENDOR,
            "version": version,
            "package": {"build": {"folder": folder, "arguments": {"VERSION": version}}},
            "kind": "new-system",
            "changes": [{"summary": "A new version", "area": "display"}],
            "rollback": {"strategy": "binary"},
        }

    def _write_source(self, products: int) -> None:
        person = {
            "name": "Ann Admin",
            "roles": ["clinical-safety-officer", "operations"],
            "may_push": True,
            "keys": [self._key("admin")],
        }
        vendor = {"schema": 1, "name": "Bench", "keys": [self._key(VENDOR)]}
        named = [product(number) for number in range(products)]
        sites = {"infirmary": {"ring": 0, "products": named}}
        write = self._write
        write(self._source, "environments/signers.yaml", {"schema": 1, "signers": {"ann": person}})
        write(self._source, "environments/sites.yaml", {"schema": 1, "sites": sites})
        write(self._source, "environments/board.yaml", _BOARD)
        write(self._source, f"vendor_manifests/{VENDOR}/vendor.yaml", vendor)
        for name in named:
            self._write_product(name)

    def _write_product(self, name: str) -> None:
        service = {
            "image": "package",
            "command": ["sleep", "600"],
            "healthcheck": {"test": ["CMD", "true"], "interval": "1s"},
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "init": True,
            "mem_limit": "32m",
            "pids_limit": 32,
            "stop_grace_period": "2s",
        }
        section = {"under_test": "app", "endpoints": {}}
        compose = {"name": name, "services": {"app": service}, "x-clinops": section}
        gate = {
            "schema": 1,
            "requires": [{"role": "operations"}],
            "sign_offs_expire_after_days": 14,
        }
        hazards = {"schema": 1, "product": name, "hazards": [_HAZARD]}
        home = f"environments/{name}"
        self._write(self._source, f"{home}/compose.yaml", compose)
        self._write(self._source, f"{home}/gate.yaml", gate)
        self._write(self._source, f"{home}/hazards.yaml", hazards)
        for path, text in {
            f"{home}/images/app/Dockerfile": _DOCKERFILE,
            f"test_suites/{name}/smoke/test_smoke.py": _SMOKE,
        }.items():
            file = self._source / path
            file.parent.mkdir(parents=True)
            file.write_text(text)

    def _key(self, name: str) -> dict[str, Any]:
        public = (self.keys / f"{name}.pub").read_text().strip()
        return {"public": public, "valid_from": "2020-01-01", "valid_until": "2099-12-31"}

    @staticmethod
    def _write(root: Path, path: str, value: Any) -> None:
        text = yaml.safe_dump(value, sort_keys=False)
        for bare in ("2020-01-01", "2099-12-31"):
            text = text.replace(f"'{bare}'", bare)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    @staticmethod
    def _clinops(*arguments: Any) -> None:
        command = [sys.executable, "-m", "clinops", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HOME)
        if done.returncode:
            raise SystemExit(done.stderr)


@contextmanager
def estate(products: int) -> Iterator[Estate]:
    """Make an estate, and leave nothing of it."""
    root = Path(tempfile.mkdtemp(prefix="clinops-bench-"))
    try:
        made = Estate(root, products)
        try:
            yield made
        finally:
            made.close()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def visible(made: Estate, pushes: int) -> dict[str, Any]:
    """Push one release after the other, each when the one before has its verdict."""
    taken = []
    for _ in range(pushes):
        made.push([0])
        taken.append(made.until_there(made.named([0])))
        made.until_verdicts([0])
    return {
        "what": f"push to visible, {pushes} pushes",
        "seconds": [round(each, 2) for each in taken],
        "push_to_visible_median": round(statistics.median(taken), 2),
        "push_to_visible_p95": round(statistics.quantiles(taken, n=20)[-1], 2),
    }


def growth(made: Estate, sizes: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Push more and more manifests at once, with nobody to qualify them."""
    made.hold_workers(held=True)
    for size in sizes:
        numbers = range(size)
        pushed = made.push(numbers)
        names = made.named(numbers)
        seconds = pushed + made.until_there(names)
        validated = made.validate(numbers)
        times = Counter(made.runs(names))
        yield {
            "what": f"{size} manifests in one push",
            "push_seconds": round(pushed, 2),
            "validate_seconds": round(validated, 2),
            "scheduled_seconds": round(seconds, 2),
            "milliseconds_a_manifest": round(1000 * seconds / size, 1),
            "scheduled_more_than_once": sum(times[name] != 1 for name in names),
        }
        made.forget(names)
    made.hold_workers(held=False)


def at_once(made: Estate, sizes: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Have more and more releases qualified at once."""
    for size in sizes:
        made.push(range(size))
        seconds = made.until_verdicts(range(size))
        yield {
            "what": f"{size} releases at once",
            "verdicts_seconds": round(seconds, 1),
            "seconds_a_release": round(seconds / size, 2),
        }


def main() -> None:
    """Measure and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pushes", type=int, default=20)
    parser.add_argument("--manifests", type=int, nargs="+", default=[1, 10, 100, 500])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4, 16])
    options = parser.parse_args()
    with estate(max(*options.manifests, *options.at_once)) as made:
        print(json.dumps(visible(made, options.pushes)), flush=True)
        for line in at_once(made, options.at_once):
            print(json.dumps(line), flush=True)
        for line in growth(made, options.manifests):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
