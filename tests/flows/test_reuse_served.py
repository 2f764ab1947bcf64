"""Results carried over on a real estate: git, hooks, flow server and engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clinops.domain.ledger import Kind
from scripts.demo import free_ports
from tests.ward import GATE, MANIFEST, PRODUCT, REGRESSION, Ward, document, manifest

pytestmark = [pytest.mark.docker, pytest.mark.server]

SITE = "test-reuse-served"
RESULTS = 6
SAMPLED = {"days": 14, "sampled_percent": 100}


class Estate:
    """The ward with its flow server up; a suite of it depends on a file that nobody knows of."""

    def __init__(self, root: Path) -> None:
        self.ward = Ward(root, free_ports(), SITE)
        self.planted = root / "planted"
        suite = f"""
from pathlib import Path


def test_depends_on_what_nobody_knows_of():
    assert not Path({str(self.planted)!r}).exists()
"""
        pushed = self.ward.push({REGRESSION: self.ward.read(REGRESSION) + suite}, "a-admin")
        assert pushed.returncode == 0, pushed.stderr
        self.ward.must("up")

    def offer(self, deadline: str) -> dict[str, Any]:
        """Push version 2.0 once more, with another deadline, and wait for what comes of it."""
        offered = manifest("2.0", supersedes="1.0", deadline=deadline)
        pushed = self.ward.push({MANIFEST: document(offered)})
        assert pushed.returncode == 0, pushed.stderr
        release = pushed.stderr.partition("release ")[2].split()[0]
        return self.watched(release)

    def watched(self, release: str) -> dict[str, Any]:
        """Wait until a release waits for a person or has ended."""
        said = self.ward.clinops("release", "watch", release, "--time-limit", "120", "--json")
        view: dict[str, Any] = json.loads(said.stdout)
        return view

    def replicas_since(self, release: str) -> list[str]:
        """Name the stages of a release that stood a replica up."""
        (verdict,) = (e for e in self.ward.entries(release) if e.kind is Kind.VERDICT)
        stages = [stage["name"] for stage in verdict.body["timeline"]["spans"]]
        return [name for name in stages if "suite on" in name or "rehearse" in name]

    def mismatches(self) -> list[str]:
        """Name the results that came out otherwise, by what the ledger has."""
        found = (e for e in self.ward.entries(PRODUCT) if e.kind is Kind.REUSE_MISMATCH)
        return [entry.body["what"] for entry in found]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    root = tmp_path_factory.mktemp("ward")
    made = None
    try:
        made = Estate(root)
        yield made
    finally:
        if made is not None:
            made.ward.clinops("down")
        Ward.remove(SITE)


def test_a_planted_mismatch_is_caught_and_drops_what_was_carried_over(estate):
    first = estate.offer("2030-01-01")
    assert (first["state"], first["carried"]) == ("awaiting-sign-off", [])
    assert estate.replicas_since(first["id"]) != []

    again = estate.offer("2030-01-02")
    assert again["state"] == "awaiting-sign-off"
    # One in twenty is drawn, now and then: then it is measured, and the rest is carried over.
    assert again["carried"] != []
    if len(again["carried"]) == RESULTS:
        assert estate.replicas_since(again["id"]) == []
    assert {one["carried"]["release"] for one in again["carried"]} <= {first["id"]}
    bundle = estate.ward.root / "again.tar"
    estate.ward.must("evidence", "export", again["id"], "--to", bundle)
    verified = estate.ward.must("evidence", "verify", bundle)
    assert verified.count(f"was carried over from {first['id']}") == len(again["carried"])

    policy = estate.ward.read(GATE) + document({"reuse": SAMPLED})
    estate.planted.touch()
    estate.ward.decide({GATE: policy})
    drawn = estate.watched(newest(estate.ward))
    assert drawn["state"] == "inconclusive"
    assert drawn["carried"] == []
    kinds = [finding["kind"] for finding in drawn["findings"]]
    assert kinds.count("reuse-mismatch") == 2
    assert sorted(estate.mismatches()) == [
        "regression suite on baseline",
        "regression suite on candidate",
    ]

    estate.planted.unlink()
    estate.ward.must("release", "retry", drawn["id"], "--reason", "The file is gone.")
    mended = estate.watched(drawn["id"])
    assert (mended["state"], mended["carried"]) == ("awaiting-sign-off", [])
    assert len(estate.mismatches()) == 2, "nothing measured before was even drawn"
    assert estate.ward.must("ledger", "verify")


def newest(ward: Ward) -> str:
    """Return the id of the newest release, once the push that made it has been reconciled."""
    ward.clinops("reconcile")
    with ward.opened() as wiring:
        return wiring.ledger.releases(PRODUCT)[0].id
