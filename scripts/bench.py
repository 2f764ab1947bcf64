"""All benchmarks, one after the other, and what came of them in one file.

Prints every benchmark's own lines, then the path of a JSON file with the figures by name. It needs
the demonstration's estate, as `make demo` leaves it: the critical path is read from its release.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[1]
MANIFEST = "vendor_manifests/orthanc/orthanc.yaml"
OFFERED = HOME / "docs/examples/orthanc-1.12.7.yaml"

Line = dict[str, Any]


def lines_of(script: str, *options: str) -> list[Line]:
    """Run one benchmark before the reader's eyes; return the lines that it printed."""
    command = [sys.executable, str(HOME / "scripts" / script), *options]
    found = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HOME) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            found.append(json.loads(line))
    if process.returncode:
        raise SystemExit(f"{script} ended with code {process.returncode}")
    return found


def course_of(estate: Path) -> Line:
    """Read from the ledger where the time of the newest qualified release went."""

    def ask(*arguments: str) -> Any:
        command = [sys.executable, "-m", "clinops", "--estate", str(estate), *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HOME)
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout)

    release = ask("release", "list")[-1]["id"]
    course = next(
        each
        for each in ask("release", "timeline", release)
        if each["ended_by"] == "qualification.verdict"
    )
    on_path = [part for part in course["path"] if part["why"] == "stage"]
    went_to = course["went_to"]
    return {
        "what": f"the critical path of {release}",
        "push_to_verdict_seconds": course["milliseconds"] / 1000,
        "path_ratio": round(course["milliseconds"] / went_to["stage"], 2),
        "waiting_seconds": went_to["waiting"] / 1000,
        "orchestration_ms_a_stage": round(went_to["orchestration"] / len(on_path), 1),
    }


def peak_memory() -> Line:
    """Qualify once in a process of its own; return the most memory that it took."""
    with tempfile.TemporaryDirectory() as place:
        checkout = Path(place) / "checkout"
        subprocess.run(["git", "clone", "-q", HOME, checkout], check=True)
        (checkout / MANIFEST).write_bytes(OFFERED.read_bytes())
        command = [sys.executable, "-m", "clinops", "--estate", str(checkout), "qualify", MANIFEST,
                   "--work", f"{place}/work"]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=HOME)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"the qualification ended with code {process.returncode}")
    return {"what": "one qualification", "peak_memory_mb": round(used.ru_maxrss / 1024)}


def told(line: Line) -> Line:
    """Print a line and return it."""
    print(json.dumps(line), flush=True)
    return line


def measured(estate: Path) -> Iterator[tuple[str, Any]]:
    """Run everything; yield figures by name."""
    course = told(course_of(estate))
    yield "path_ratio", course["path_ratio"]
    yield "orchestration_ms_a_stage", course["orchestration_ms_a_stage"]
    yield "gate", lines_of("bench_gate.py", "--estate", str(estate))
    commands = lines_of("bench_exec.py")
    yield "exec_ratio", next(each["exec_ratio"] for each in commands if each["what"] == "run")
    yield "exec", commands
    (suites,) = lines_of("bench_suites.py")
    yield "suite_ratio", suites["suite_ratio"]
    yield "suites", suites
    forks = [each for each in lines_of("bench_compare.py") if "one_fork_seconds" in each]
    ratios = {
        each["product"]: round(each["fresh_seconds"] / each["one_fork_seconds"], 1)
        for each in forks
    }
    yield "fork_ratio", ratios["gnuhealth"]
    yield "fork_ratios", ratios
    (board,) = lines_of("bench_board.py")
    yield "planning_seconds", board["planning_seconds"]
    yield "board", board
    (reuse,) = lines_of("bench_reuse.py")
    yield "reuse_seconds", reuse["reuse_seconds"]
    visible, *growth = lines_of("bench_push.py")
    yield "push_to_visible_p95", visible["push_to_visible_p95"]
    yield "growth", growth
    yield "peak_memory_mb", told(peak_memory())["peak_memory_mb"]


def main() -> None:
    """Measure, and leave the figures in a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--estate", type=Path, default=HOME / "var/demo/estate")
    parser.add_argument("--to", type=Path, default=HOME / "var/bench.json")
    options = parser.parse_args()
    if not (options.estate / "clinops.toml").exists():
        raise SystemExit(f"{options.estate} is no estate; first: make demo")
    figures = dict(measured(options.estate))
    options.to.parent.mkdir(parents=True, exist_ok=True)
    options.to.write_text(json.dumps(figures, indent=2) + "\n")
    print(options.to)


if __name__ == "__main__":
    main()
