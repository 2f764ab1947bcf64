"""The demonstration: a vendor's release from `git push` to live, with nothing simulated.

It does what people do, with the commands that they would type. Only the people are made up: every
key of the demonstration belongs to an identity that is labelled as one. Where a vendor's release
has a mistake, the mended ones follow; it ends with code 1 where a verdict is not what docs/examples
says.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import yaml
from packaging.version import Version

from clinops.adapters.settings import load

HOME = Path(__file__).parents[1]
PRODUCT = "orthanc"
"""What is demonstrated unless another product is asked for."""
OFFERED = HOME / "docs/examples"
"""Manifests of what vendors offer next; its README says how they are chosen."""
PEOPLE = {
    "demo-admin": ("Demonstration Administrator", [], True),
    "demo-cso": ("Demonstration Safety Officer", ["clinical-safety-officer"], False),
    "demo-operations": ("Demonstration Operations", ["operations"], False),
}
SIGNERS = {"demo-cso": "clinical-safety-officer", "demo-operations": "operations"}
EVENT_PATIENCE = 120.0


def say(text: str = "") -> None:
    """Tell the reader on standard error: standard output is for the result."""
    print(text, file=sys.stderr, flush=True)


def step(text: str) -> None:
    """Head a step."""
    say(f"\n\033[1m== {text}\033[0m" if sys.stderr.isatty() else f"\n== {text}")


class Demo:
    """The folders and the commands of one demonstration."""

    def __init__(self, root: Path, prefix: str = "", product: str = PRODUCT) -> None:
        self.root = root
        self.prefix = prefix
        self.product = product
        (found,) = HOME.glob(f"vendor_manifests/*/{product}.yaml")
        self.manifest = found.relative_to(HOME)
        self.in_use = str(yaml.safe_load(found.read_text())["version"])
        self.estate = root / "estate"
        self.source = root / "source"
        self.keys = root / "keys"
        self.clone = root / "vendor-clone"

    @property
    def sites(self) -> dict[str, Any]:
        """The sites that have the product; a prefix keeps two demonstrations apart."""
        found = yaml.safe_load((HOME / "environments/sites.yaml").read_text())["sites"]
        return {
            f"{self.prefix}{name}": {**site, "products": [self.product]}
            for name, site in found.items()
            if self.product in site["products"]
        }

    def clinops(self, *arguments: str) -> None:
        """Run the command line on the estate before the reader's eyes; its failure ends all."""
        say(f"$ clinops {' '.join(arguments)}")
        done = subprocess.run(self.command(*arguments), stdout=sys.stderr, check=False)
        if done.returncode:
            sys.exit(done.returncode)

    def beside(self, *commands: tuple[str, ...]) -> None:
        """Run commands as several people do, at once; tell of each when it has ended."""
        with ThreadPoolExecutor() as pool:
            under_way = {
                pool.submit(
                    subprocess.run,
                    self.command(*command),
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                ): command
                for command in commands
            }  # fmt: skip
            for ended in as_completed(under_way):
                say(f"$ clinops {' '.join(under_way[ended])}\n{ended.result().stdout.rstrip()}")
        for ended in under_way:
            if code := ended.result().returncode:
                sys.exit(code)

    def json(self, *arguments: str) -> Any:
        """Ask the command line; the answer "no" (code 1), given in words, is one like others."""
        done = subprocess.run(
            self.command(*arguments, "--json"), capture_output=True, text=True, check=False
        )
        if done.returncode > 1 or not done.stdout:
            say(done.stderr)
            sys.exit(done.returncode or 3)
        return json.loads(done.stdout)

    def command(self, *arguments: str) -> list[str]:
        """Return what runs the command line on the estate."""
        return [sys.executable, "-m", "clinops", "--estate", str(self.estate), *arguments]

    def remove(self) -> None:
        """Remove what an earlier demonstration left: processes, containers, files."""
        written = self.source / "environments/sites.yaml"
        earlier = yaml.safe_load(written.read_text())["sites"] if written.exists() else {}
        sites = {**self.sites, **earlier}
        with ThreadPoolExecutor() as pool:
            removed = [pool.submit(self._remove_systems, sites, site) for site in sites]
            if (self.estate / "clinops.toml").exists():
                subprocess.run(self.command("down"), capture_output=True, check=True)
            for done in removed:
                done.result()
        shutil.rmtree(self.root, ignore_errors=True)

    def _remove_systems(self, sites: dict[str, Any], site: str) -> None:
        from clinops.adapters.docker_sites import DockerSites
        from clinops.wiring import utc_now

        adapter = DockerSites(dict.fromkeys(sites), utc_now)
        for product in {self.product, *sites[site]["products"]}:
            adapter.remove(product, site)

    def prepare(self) -> None:
        """Make keys, and the reference estate with the demonstration's people in it."""
        self.keys.mkdir(parents=True)
        for name in (*PEOPLE, "demo-vendor"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.keys / name],
                check=True,
            )
        self._copy_product()
        signers = {name: self._person(name) for name in PEOPLE}
        self._write("environments/signers.yaml", {"schema": 1, "signers": signers})
        vendor = self.manifest.parent / "vendor.yaml"
        name = yaml.safe_load((self.source / vendor).read_text())["name"]
        self._change(vendor, name=f"{name} (demonstration)", keys=[self._key("demo-vendor")])
        self._write("environments/sites.yaml", {"schema": 1, "sites": self.sites})
        self._change(f"environments/{self.product}/gate.yaml", accept_demonstration=True)

    def _copy_product(self) -> None:
        """Copy what the product needs; other products' gates ask for people who are not here."""
        vendor = self.manifest.parent
        for folder in (f"environments/{self.product}", f"test_suites/{self.product}", vendor):
            shutil.copytree(
                HOME / folder,
                self.source / folder,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        for path in (Path("environments/board.yaml"), *self._requests()):
            (self.source / path).parent.mkdir(exist_ok=True)
            shutil.copy(HOME / path, self.source / path)
        for other in (self.source / vendor).glob("*.yaml"):
            if other.name not in {"vendor.yaml", "agreement.yaml", self.manifest.name}:
                other.unlink()

    def _requests(self) -> list[Path]:
        """Return what was commissioned of this product, and of no other."""
        asked = [path.relative_to(HOME) for path in HOME.glob("requests/*.yaml")]
        return [p for p in asked if _read(p)["systems"] == [self.product]]

    def _change(self, path: str | Path, **values: Any) -> None:
        self._write(path, {**yaml.safe_load((self.source / path).read_text()), **values})

    def _person(self, name: str) -> dict[str, Any]:
        full, roles, may_push = PEOPLE[name]
        return {
            "name": full,
            "roles": roles,
            "may_push": may_push,
            "demonstration": True,
            "registration": {"body": "DEMO", "number": "0000000"},
            "keys": [self._key(name)],
        }

    def _key(self, name: str) -> dict[str, Any]:
        public = (self.keys / f"{name}.pub").read_text().strip()
        return {"public": public, "valid_from": "2020-01-01", "valid_until": "2099-12-31"}

    def _write(self, path: str | Path, value: Any) -> None:
        text = yaml.safe_dump(value, sort_keys=False)
        for bare in ("2020-01-01", "2099-12-31"):
            text = text.replace(f"'{bare}'", bare)
        (self.source / path).write_text("# Written by the demonstration.\n" + text)

    def stand_up(self) -> None:
        """Start server and worker while the system in use is being installed."""
        say("$ clinops up")
        up = subprocess.Popen(self.command("up"), stdout=subprocess.DEVNULL)
        cso = self.as_signer("demo-cso", SIGNERS["demo-cso"])
        self.beside(
            # A release can't go live on a hazard log that nobody has approved.
            ("approve", self.product, "hazard-log", *cso),
            *(
                ("adopt", self.product, self.in_use, "--site", site, "--install", "--seed")
                for site in self.sites
            ),
        )
        if up.wait():
            sys.exit(up.returncode)

    def offers(self) -> list[Path]:
        """Return the manifests that the vendor pushes, in the order of their versions."""
        offered = [(path, offer) for path, offer in offers() if offer["product"] == self.product]
        return [path for path, _ in sorted(offered, key=lambda each: Version(each[1]["version"]))]

    def push(self, offer: Path) -> None:
        """Push a manifest, as the vendor would."""
        settings = {
            "user.name": "Demo Vendor",
            "user.email": "vendor@example.org",
            "gpg.format": "ssh",
            "user.signingkey": str(self.keys / "demo-vendor"),
            "commit.gpgsign": "true",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]

        def git(*arguments: str) -> None:
            subprocess.run(["git", "-C", self.clone, *options, *arguments], check=True)

        shutil.rmtree(self.clone, ignore_errors=True)
        subprocess.run(["git", "clone", "-q", self.estate / "estate.git", self.clone], check=True)
        shutil.copy(offer, self.clone / self.manifest)
        git("commit", "-q", "-a", "-m", offer.stem)
        say("$ git push")
        git("push", "-q", "origin", "main")

    def release_id(self) -> str:
        """Return the id that the pushed manifest's content gives."""
        from clinops.adapters.estate import Estate
        from clinops.adapters.folder import Folder

        _, _, release = Estate(Folder(self.clone)).inputs(str(self.manifest))
        return str(release)

    def seconds_to_visible(self, release: str, since: float) -> float:
        """Wait until the release's flow run can be seen on the Prefect server."""
        while time.monotonic() < since + EVENT_PATIENCE:
            if self.runs_of(release):
                return time.monotonic() - since
            time.sleep(0.05)
        say("the push did not become visible on the flow server")
        sys.exit(3)

    def verdict(self, release: str, since: float) -> str:
        """Wait for the outcome, and tell each stage as it ends."""
        say(f"$ clinops release watch {release}")
        told: set[str] = set()
        with ThreadPoolExecutor(1) as pool:
            verdict = pool.submit(self.json, "release", "watch", release)
            while not verdict.done():
                for stage in self.ended(release):
                    if stage not in told:
                        say(f"  {time.monotonic() - since:6.1f} s  {stage}")
                        told.add(stage)
                wait([verdict], timeout=1)
        outcome = str(verdict.result()["outcome"])
        say(f"  {time.monotonic() - since:6.1f} s  verdict: {outcome}")
        return outcome

    def runs_of(self, release: str) -> list[str]:
        """Return the ids of the flow runs that qualify a release."""
        return [run["id"] for run in self.runs(release)]

    def runs(self, release: str) -> list[dict[str, Any]]:
        """Return the flow runs that qualify a release, as the Prefect server has them."""
        runs = self._on_prefect("flow_runs", {"flows": {"name": {"any_": ["qualify"]}}})
        return [run for run in runs if run["parameters"].get("release_id") == release]

    def ended(self, release: str) -> list[str]:
        """Return the stages of a qualification that have ended, in their order."""
        wanted = {
            "flow_runs": {"id": {"any_": self.runs_of(release)}},
            "task_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}},
            "sort": "END_TIME_DESC",
        }
        return [task["name"] for task in reversed(self._on_prefect("task_runs", wanted))]

    def _on_prefect(self, kind: str, wanted: Any) -> Any:
        return self._prefect.post(f"/{kind}/filter", json=wanted).json()

    @cached_property
    def _prefect(self) -> httpx.Client:
        settings = load(self.estate)
        return httpx.Client(
            base_url=settings.api,
            auth=settings.prefect_auth(self.estate),
            trust_env=False,
            timeout=60,
            # The server ends connections that are idle, and may just then be asked over one.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def sign(self, release: str) -> None:
        """Sign as the demonstration's people, and nobody else."""
        self.beside(
            *(("sign", release, *self.as_signer(name, role)) for name, role in SIGNERS.items())
        )

    def as_signer(self, name: str, role: str) -> list[str]:
        """Return the options with which one of the demonstration's people signs."""
        reason = "DEMONSTRATION ONLY: no clinician has looked at this"
        return ["--role", role, "--key", str(self.keys / name), "--reason", reason, "--yes"]


def _read(path: Path) -> Any:
    return yaml.safe_load((HOME / path).read_text())


def offers() -> list[tuple[Path, Any]]:
    """Return the manifests that may be pushed, of all products."""
    return [(path, yaml.safe_load(path.read_text())) for path in OFFERED.glob("*.yaml")]


def free_ports() -> int:
    """Return a loopback port that is free, as is the one after it: the gatehouse's."""
    for port in (4200, *range(4300, 4900, 2)):
        with socket.socket() as one, socket.socket() as other:
            try:
                for number, probe in enumerate((one, other)):
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port + number))
            except OSError:
                continue
            return port
    say("no two neighbouring ports are free")
    sys.exit(3)


def stand_up(demo: Demo) -> None:
    """Make the estate, and have the version in use at its sites."""
    step(f"An estate of its own in {demo.root}, with demonstration identities")
    demo.remove()
    demo.prepare()
    port = free_ports()
    subprocess.run(
        [sys.executable, "-m", "clinops", "init", demo.estate, "--from", demo.source,
         "--key", demo.keys / "demo-admin", "--port", str(port)],
        check=True, stdout=sys.stderr,
    )  # fmt: skip
    in_use = f"{demo.product} {demo.in_use}"
    step(f"Server and pages, and {in_use} as the sites have it in use, with synthetic data")
    demo.stand_up()


def carry(demo: Demo, offer: Path, *, wanted: str, sign: bool) -> dict[str, Any]:
    """Carry one release from the push as far as it comes."""
    step(f"The vendor pushes {offer.stem}")
    say(offer.read_text().partition("\n")[0].removeprefix("# "))
    demo.push(offer)
    pushed = time.monotonic()
    release = demo.release_id()
    visible = demo.seconds_to_visible(release, pushed)
    outcome = demo.verdict(release, pushed)
    verdict = time.monotonic() - pushed

    step(f"The verdict on {offer.stem}: {outcome}")
    demo.clinops("release", "show", release)
    promoted = promote(demo, release) if sign and outcome == "qualified" else None
    step("Evidence that anybody can verify, without a server, and what was asked for is closed")
    bundle = demo.root / f"{release}.evidence.tar"
    again = [("promote", release), ("board", "list")] if promoted else []
    demo.beside(("evidence", "export", release, "--to", str(bundle)), *again)
    demo.clinops("evidence", "verify", str(bundle))
    view = demo.json("release", "show", release)
    return {
        "release": release,
        "outcome": outcome,
        "wanted": wanted,
        "state": view["state"],
        "estate": str(demo.estate),
        "evidence_digest": view["evidence"],
        "bundle": str(bundle),
        "findings": [{"kind": f["kind"], "summary": f["summary"]} for f in view["findings"]],
        "junit": view["junit"],
        "seconds": {
            "push_to_visible": round(visible, 2),
            "push_to_verdict": round(verdict, 2),
            "promote": None if promoted is None else round(promoted, 2),
        },
    }


def promote(demo: Demo, release: str) -> float:
    """Sign a release off and deploy it; returns the seconds that the deployment took."""
    step("Sign-off, by DEMONSTRATION identities: four eyes, two roles")
    demo.sign(release)
    begun = time.monotonic()
    step("Promotion: backup, deployment, check")
    demo.clinops("promote", release, "--wait")
    return time.monotonic() - begun


def run(demo: Demo, *, sign: bool) -> dict[str, Any]:
    """Carry the vendor's releases through, up to the last or to the first surprise.

    All but the last have a mistake that the pipeline has to find by itself.
    """
    stand_up(demo)
    *faulty, sound = demo.offers()
    results = []
    for offer, wanted in [*((each, "refused") for each in faulty), (sound, "qualified")]:
        results.append(carry(demo, offer, wanted=wanted, sign=sign))
        if results[-1]["outcome"] != wanted:
            break
    return {**results[-1], "before": results[:-1]}


def farewell(demo: Demo, result: dict[str, Any], *, signed: bool) -> None:
    """Say what is left running, and what to do next."""
    step("What came of it")
    for one in [*result["before"], result]:
        verdict, found = one["seconds"]["push_to_verdict"], len(one["findings"])
        say(f"{one['release']}  {one['state']}  (verdict after {verdict:.0f} s, {found} findings)")
    settings = load(demo.estate)
    step("Left running   (stop: make down; remove all: make clean)")
    say(f"Gate page   {settings.gatehouse_address}/releases/{result['release']}")
    say(f"Prefect UI  {settings.ui}   its login: {settings.password_file(demo.estate)}")
    if result["outcome"] == "qualified" and not signed:
        command = f".venv/bin/clinops --estate {demo.estate}"
        say("\nThe gate waits for you. Sign as both demonstration identities, then promote:")
        for name, role in SIGNERS.items():
            say(
                f"  {command} sign {result['release']} --role {role} --key {demo.keys / name} "
                "--reason 'why you approve'"
            )
        say(f"  {command} promote {result['release']} --wait")


def main() -> None:
    """Read the options, run, and print the result as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--estate", type=Path, default=Path("var/demo"))
    parser.add_argument("--sign", choices=["me", "demo"], default="demo")
    products = sorted({offer["product"] for _, offer in offers()})
    parser.add_argument("--product", choices=products, default=PRODUCT)
    parser.add_argument("--prefix", default="", help="put before the names of the sites")
    parser.add_argument("--remove", action="store_true", help="remove the demonstration, and stop")
    options = parser.parse_args()
    demo = Demo(options.estate.resolve(), options.prefix, options.product)
    os.environ.pop("CLINOPS_ESTATE", None)
    if options.remove:
        demo.remove()
        return
    signed = options.sign == "demo"
    result = run(demo, sign=signed)
    farewell(demo, result, signed=signed)
    print(json.dumps(result), flush=True)
    if result["outcome"] != result["wanted"]:
        say(f"{result['release']} is {result['outcome']}; docs/examples says {result['wanted']}")
        sys.exit(1)


if __name__ == "__main__":
    main()
