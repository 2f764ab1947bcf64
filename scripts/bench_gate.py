"""How fast the gate's record and its pages answer with 1,000 releases and 100,000 entries.

Prints one JSON object a line. With `--estate` it fills a copy of that estate's ledger, serves the
gatehouse from there, and times its pages over HTTP on loopback.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from clinops.adapters import sql_tables as tables
from clinops.adapters.sql_ledger import SqlLedger
from clinops.domain.digest import canonical, digest_of
from clinops.domain.fold import (
    ReleaseRecord,
    ReleaseRow,
    fold_live,
    fold_release,
    live_name,
    stored,
)
from clinops.domain.ledger import GENESIS, Entry, Kind, release_of, timestamp
from clinops.domain.outcome import State
from clinops.domain.release import Inputs, Release
from clinops.domain.site import LiveSystem
from clinops.wiring import Wiring

PRODUCTS, SITES = 40, ("infirmary", "annexe")
WAITING = 10
"""One release in so many still waits to be deployed."""
PAGE = 50
START = dt.datetime(2025, 1, 6, 8, tzinfo=dt.UTC)

Line = tuple[Kind, str, dict[str, Any]]


def page_times(address: str, paths: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Time pages over HTTP on one connection, as a browser keeps it.

    Args:
        address: Where the gatehouse is, without a path.
        paths: The pages, each with its leading slash.
        rounds: How often each page is asked for, after one that warms it up.

    Returns:
        For each path its median, the slowest of 20 (p95) and its size; times in milliseconds.
    """
    with httpx.Client(base_url=address, timeout=60) as client:
        return [_page(client, path, rounds) for path in paths]


def _page(client: httpx.Client, path: str, rounds: int) -> dict[str, Any]:
    def ask() -> int:
        return len(client.get(path).raise_for_status().content)

    return {"path": path, "bytes": ask(), **_spread(ask, rounds)}


def _spread(work: Callable[[], object], rounds: int) -> dict[str, float]:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    slow = statistics.quantiles(taken, n=20)[-1] if rounds > 1 else taken[0]
    return {"median_ms": round(statistics.median(taken), 2), "p95_ms": round(slow, 2)}


def story(number: int, length: int) -> Iterator[Line]:
    """Tell a release's life in so many lines: most of them questions and reminders at the gate."""
    known = _release(number)
    name, evidence = known.id, digest_of(number)
    yield Kind.RELEASE_KNOWN, name, {"release": known.json_value()}
    yield Kind.QUALIFICATION_STARTED, name, {"attempt": 1, "holder": "ward-host:4711"}
    yield Kind.QUALIFICATION_ERRORED, name, {"attempt": 1, "reason": "the engine went away"}
    yield Kind.QUALIFICATION_STARTED, name, {"attempt": 2, "holder": "ward-host:4712"}
    verdict = {"attempt": 2, "outcome": "qualified", "evidence": evidence, "findings": 3}
    yield Kind.VERDICT, name, verdict
    ending = list(_ending(known, number))
    yield from itertools.islice(itertools.cycle(_at_the_gate(name)), length - 5 - 3 - len(ending))
    for role in ("clinical-safety-officer", "operations", "head-of-radiology"):
        yield Kind.SIGNED, name, {"envelope": _envelope(known, evidence, role)}
    yield from ending


def _at_the_gate(name: str) -> list[Line]:
    why = ["the evidence is another one than was signed", "the role is not held on that day"]
    asked = {"id": "q-1", "signer": "a-nurse", "name": "A Nurse", "role": "head-of-radiology"}
    text = "Does the changed worklist order reach the modality before the morning list?"
    reminded = {"what": "sign-off", "whom": "clinical-safety-officer", "key": digest_of(name)}
    return [
        (Kind.REMINDED, name, reminded),
        (Kind.QUESTION_ASKED, name, {**asked, "text": text}),
        (Kind.QUESTION_ANSWERED, name, {**asked, "text": "Yes: see the regression suite."}),
        (Kind.SIGNATURE_REFUSED, name, {"reasons": why, "signer": "a-clerk", "role": "operations"}),
        (Kind.PROMOTION_REFUSED, name, {"reasons": ["2 of 3 sign-offs are missing"]}),
    ]


def _ending(known: Release, number: int) -> Iterator[Line]:
    if number % WAITING == 0:
        return
    yield Kind.DEPLOYMENT_STARTED, known.id, {"sites": list(SITES), "resume": False}
    for site in SITES:
        live = LiveSystem(
            product=known.product,
            site=site,
            version=known.version,
            images={"app": digest_of(known.version)},
            commit=known.commit,
            release=known.id,
        )
        yield Kind.SITE_LIVE, live_name(live), {"live": live.json_value(), "release": known.id}
    yield Kind.DEPLOYED, known.id, {"sites": list(SITES)}


def _release(number: int) -> Release:
    product, version = f"product-{number % PRODUCTS}", f"1.{number}.0"
    digest = digest_of(number)
    return Release(
        id=f"{product}-{version}-{digest[7:19]}",
        product=product,
        vendor="a-vendor",
        version=version,
        commit=digest[7:47],
        committer="vendor:a-vendor",
        manifest_path=f"vendor_manifests/a-vendor/{product}.yaml",
        inputs=Inputs(manifest=digest, environment=digest, suites=digest, package=digest),
    )


def _envelope(known: Release, evidence: str, role: str) -> dict[str, Any]:
    predicate = {
        "release": known.id,
        "evidence": evidence,
        "images": {"app": digest_of(known.version)},
        "signer": role,
        "name": "A Person",
        "role": role,
        "reason": "Read the findings and the hazards that the evidence covers. " * 4,
        "ledger": {"sequence": 0, "digest": GENESIS},
    }
    statement = {"_type": "https://in-toto.io/Statement/v1", "predicate": predicate}
    signature = {"keyid": "SHA256:" + "k" * 43, "sig": b64encode(bytes(230)).decode()}
    payload = b64encode(canonical(statement)).decode()
    return {
        "payloadType": "application/vnd.in-toto+json",
        "payload": payload,
        "signatures": [signature],
    }


class Filled:
    """Every table's rows, made and folded by the functions that `append` uses.

    To append one by one would take minutes; that the audit finds nothing proves that it is the
    same.
    """

    def __init__(self, releases: int, each: int, last: Entry | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.known: dict[str, int] = {}
        self.records: dict[str, ReleaseRecord] = {}
        self.live: dict[str, LiveSystem] = {}
        # Upon a ledger of today all must fit in before now: no page expects what is to come.
        begin, step = (
            (START, dt.timedelta(minutes=1))
            if last is None
            else (dt.datetime.fromisoformat(last.time), dt.timedelta(microseconds=1))
        )
        for number, line in enumerate(_interleaved(releases, each)):
            last = self._append(last, begin + number * step, line)

    def _append(self, last: Entry | None, moment: dt.datetime, line: Line) -> Entry:
        kind, subject, body = line
        entry = Entry.after(last, time=timestamp(moment), kind=kind, subject=subject, body=body)
        record = fold_release(self.records.get(release_of(entry) or ""), entry)
        live = fold_live(entry)
        self.rows.append(entry.row()._asdict())
        if record is not None:
            self.records[record.id] = record
            self.known.setdefault(record.id, entry.sequence)
        if live is not None:
            self.live[live_name(live)] = live
        return entry

    def write(self, address: str) -> None:
        """Write it all behind what a ledger holds, in one transaction."""
        SqlLedger(address, lambda: START).close()  # brings the schema
        last = self.rows[-1]
        records = [
            ReleaseRow.of(record, self.known[name])._asdict()
            for name, record in self.records.items()
        ]
        live = [{"name": name, "record": stored(system)} for name, system in self.live.items()]
        database = tables.Database(address)
        with database.writing() as connection:
            connection.execute(sa.insert(tables.ledger), self.rows)
            connection.execute(sa.insert(tables.releases), records)
            connection.execute(sa.insert(tables.live), live)
            head = {"id": 1, "sequence": last["sequence"], "digest": last["digest"]}
            connection.execute(sa.delete(tables.head))
            connection.execute(sa.insert(tables.head).values(head))
        database.close()


def _interleaved(releases: int, each: int) -> Iterator[Line]:
    """Let the releases of all products go their ways side by side, as in life."""
    for first in range(0, releases, PRODUCTS):
        side_by_side = range(first, min(first + PRODUCTS, releases))
        for lines in zip(*(story(number, each) for number in side_by_side), strict=True):
            yield from lines


def audit_speed(ledger: SqlLedger) -> dict[str, Any]:
    """Audit once and say how many entries that is for a second of the processor."""
    began = time.process_time()
    problems = list(ledger.problems())
    took = time.process_time() - began
    if problems:
        raise SystemExit(f"the ledger of this benchmark is not whole: {problems[0]}")
    return {"what": "audit", "entries_per_cpu_second": round(ledger.head().sequence / took)}


def query_times(ledger: SqlLedger, rounds: int) -> Iterator[dict[str, Any]]:
    """Time what pages ask for, on the release in the middle."""
    releases = ledger.releases()
    one, end = releases[len(releases) // 2], ledger.head().sequence
    queries: dict[str, Callable[[], object]] = {
        "head": ledger.head,
        "release": lambda: ledger.release(one.id),
        "releases": ledger.releases,
        "releases of a product": lambda: ledger.releases(one.product),
        "releases that wait": lambda: ledger.releases(states=[State.AWAITING_SIGN_OFF]),
        "recent, first page": lambda: ledger.recent(limit=PAGE),
        "recent, middle page": lambda: ledger.recent(before=end // 2, limit=PAGE),
        "recent of a release": lambda: ledger.recent(one.id, limit=PAGE),
        "last sequence": lambda: ledger.last_sequence(one.id),
        "about a release": lambda: list(ledger.about(one.id)),
        "live": ledger.live,
    }
    for what, query in queries.items():
        query()
        yield {"what": what, **_spread(query, rounds)}


def gatehouse_times(estate: Path, releases: int, entries: int, rounds: int) -> Iterator[Any]:
    """Time the pages of an estate that has this much on its ledger, the slowest page first."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "estate")
        shutil.copytree(estate, copy, ignore=shutil.ignore_patterns("prefect", "run", "drop"))
        port = _free_port()
        with (copy / "clinops.toml").open("a") as settings:
            settings.write(f"gatehouse_port = {port}\n")
        wiring = Wiring(copy)
        real = wiring.ledger.releases()[0]
        yield _fill(wiring.settings.database_url(copy), releases, entries, _last(wiring))
        command = [sys.executable, "-m", "clinops", "--estate", str(copy), "gatehouse"]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as served:
            try:
                address = f"http://localhost:{port}"
                _wait_for(f"{address}/healthz")
                found = page_times(address, _pages(real), rounds)
            finally:
                served.terminate()
        yield from sorted(found, key=lambda page: -page["median_ms"])


def _pages(real: ReleaseRecord) -> list[str]:
    release, system = f"/releases/{real.id}", f"/systems/{real.product}"
    ours = _release(PRODUCTS // 2)
    return [
        "/",
        "/releases",
        "/releases?page=10",
        release,
        f"{release}/history",
        f"/releases/{ours.id}/history",
        "/systems",
        system,
        f"{system}/history",
        f"/systems/{ours.product}",
    ]


def _last(wiring: Wiring) -> Entry:
    return wiring.ledger.recent(limit=1)[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(address).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the gatehouse does not answer")


def _fill(address: str, releases: int, entries: int, last: Entry | None = None) -> dict[str, Any]:
    filled = Filled(releases, entries // releases, last)
    filled.write(address)
    size = statistics.mean(len(row["body"]) for row in filled.rows)
    shape = {"releases": len(filled.records), "entries": len(filled.rows)}
    return {"what": "ledger", **shape, "mean_body_bytes": round(size)}


def main() -> None:
    """Build the ledger and print what it takes to read it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=1_000)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--database", help="SQLAlchemy URL of an empty one; default: SQLite")
    parser.add_argument("--estate", type=Path, help="an estate whose pages are timed as well")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        address = chosen.database or f"sqlite:///{folder}/ledger.sqlite"
        print(json.dumps(_fill(address, chosen.releases, chosen.entries)), flush=True)
        ledger = SqlLedger(address, lambda: START)
        print(json.dumps(audit_speed(ledger)), flush=True)
        for line in query_times(ledger, chosen.rounds):
            print(json.dumps(line), flush=True)
        ledger.close()
    if chosen.estate:
        for line in gatehouse_times(chosen.estate, chosen.releases, chosen.entries, chosen.rounds):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
