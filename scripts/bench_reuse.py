"""How long it takes to qualify an unchanged release once more, where all results are carried over.

Makes an estate of its own with a flow server, qualifies the demonstration's release, and pushes it
again and again with another deadline. Prints one JSON object: `reuse_seconds` is the median from
the start of the flow run to the verdict on the ledger. Where the sample had something measured
again, that time is told apart and does not count.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from demo import PRODUCT, Demo, stand_up

from clinops.domain.ledger import Kind
from clinops.wiring import Wiring


class Bench:
    """The demonstration's estate, and its release over and over."""

    def __init__(self, root: Path, product: str) -> None:
        self.demo = Demo(root, "bench-reuse-", product)
        self.offered = yaml.safe_load(self.demo.offers()[-1].read_text())

    def qualified(self, number: int) -> dict[str, Any]:
        """Push the release with a deadline of its own; return when it ran and what was carried."""
        deadline = dt.date(2040, 1, 1) + dt.timedelta(days=number)
        offer = self.demo.root / f"offer-{number}.yaml"
        text = yaml.safe_dump({**self.offered, "deadline": deadline}, sort_keys=False)
        offer.write_text(text, encoding="utf-8")
        self.demo.push(offer)
        pushed = time.monotonic()
        release = self.demo.release_id()
        outcome = self.demo.json("release", "watch", release)["outcome"]
        if outcome != "qualified":
            raise SystemExit(f"{release} is {outcome}")
        return {**self._times(release), "push_to_watched": time.monotonic() - pushed}

    def _times(self, release: str) -> dict[str, Any]:
        wiring = Wiring(self.demo.estate)
        (verdict,) = (e for e in wiring.ledger.entries(release) if e.kind is Kind.VERDICT)
        (run,) = self.demo.runs(release)
        begun = dt.datetime.fromisoformat(run["start_time"])
        evidence = json.loads(wiring.evidence.get(verdict.body["evidence"]))
        return {
            "seconds": (dt.datetime.fromisoformat(verdict.time) - begun).total_seconds(),
            "carried": sum("carried" in one for one in evidence["measured"]),
            "sampled": sum("sampled" in one for one in evidence["measured"]),
        }


def measured(bench: Bench, rounds: int) -> dict[str, Any]:
    """Qualify once, then until so many were carried over as a whole."""
    stand_up(bench.demo)
    fresh = bench.qualified(0)
    whole: list[dict[str, Any]] = []
    drawn: list[dict[str, Any]] = []
    while len(whole) < rounds:
        done = bench.qualified(len(whole) + len(drawn) + 1)
        (drawn if done["sampled"] else whole).append(done)
    seconds = [one["seconds"] for one in whole]
    return {
        "what": f"{bench.demo.product} {bench.offered['version']} again",
        "rounds": rounds,
        "results": whole[0]["carried"],
        "fresh_seconds": round(fresh["seconds"], 2),
        "reuse_seconds": round(statistics.median(seconds), 2),
        "reuse_spread": [round(min(seconds), 2), round(max(seconds), 2)],
        "push_to_watched_seconds": round(statistics.median(o["push_to_watched"] for o in whole), 2),
        "sampled_seconds": [round(one["seconds"], 2) for one in drawn],
    }


def main() -> None:
    """Measure, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--product", default=PRODUCT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        bench = Bench(Path(root), options.product)
        try:
            print(json.dumps(measured(bench, options.rounds)))
        except subprocess.CalledProcessError as error:
            sys.exit(f"{error}")
        finally:
            bench.demo.remove()


if __name__ == "__main__":
    main()
