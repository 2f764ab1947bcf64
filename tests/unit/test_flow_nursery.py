from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from clinops.adapters.flow_start import SOCKET_VARIABLE, hand_over
from scripts.demo import HOME

# What a fork runs is told by a variable, so that tests can look at it from inside.
NURSERY = """
import os, sys
from pathlib import Path
from clinops.adapters.flow_nursery import serve
request = serve(Path(sys.argv[1]), int(sys.argv[2]), os.environ)
if request is not None:
    request.take_effect()
    exec(os.environ["RUN"])
"""
SETTINGS = {"PREFECT_API_URL": "http://127.0.0.1:1/api"}


class Nursery:
    """A nursery of its own process, and flow runs that are started by it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        ends, self._held = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, str(path), str(ends)],
            env=variables({}),
            pass_fds=[ends],
        )
        os.close(ends)
        while not path.exists():
            time.sleep(0.01)

    def start(self, run: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "clinops.adapters.flow_start"],
            env=variables({SOCKET_VARIABLE: str(self.path), "RUN": run, **more}),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.path.parent,
        )  # fmt: skip

    def said(self, run: str, **more: str) -> tuple[int, str, str]:
        process = self.start(run, **more)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def end(self) -> int:
        os.close(self._held)
        return self.process.wait(10)


def eventually(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def variables(more: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOME), **SETTINGS, **more}


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path / "nursery")
    yield nursery
    assert nursery.end() == 0


def test_a_flow_run_has_the_folder_variables_and_output_that_it_was_started_with(nursery):
    run = "print(os.getcwd(), os.environ['MINE'], os.getpid()); print('seen', file=sys.stderr)"
    code, out, err = nursery.said(run, MINE="yes")
    folder, mine, pid = out.split()
    assert (code, folder, mine, err) == (0, str(nursery.path.parent), "yes", "seen\n")
    assert int(pid) != nursery.process.pid


def test_a_flow_run_ends_as_it_ended(nursery):
    assert nursery.said("sys.exit(7)")[0] == 7
    assert nursery.said("os.kill(os.getpid(), 9)")[0] == -9


def test_several_flow_runs_go_on_at_once(nursery):
    run = "import time; time.sleep(0.2); print(os.environ['MINE'])"
    runs = [nursery.start(run, MINE=str(number)) for number in range(4)]
    assert [each.communicate(timeout=60)[0] for each in runs] == ["0\n", "1\n", "2\n", "3\n"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_flow_run(nursery, number):
    run = (
        "import signal, time\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(9))\n"
        "print('there', flush=True); time.sleep(60)"
    )
    process = nursery.start(run)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode == 9


def test_a_flow_run_that_nobody_waits_for_any_more_is_ended(nursery):
    process = nursery.start("import time; print(os.getpid(), flush=True); time.sleep(60)")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.kill()
    process.communicate(timeout=10)
    eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_a_flow_run_that_was_handed_over_goes_on_by_itself(tmp_path, monkeypatch):
    seen = tmp_path / "seen"
    monkeypatch.setitem(
        SETTINGS, "RUN", f"open({str(seen)!r}, 'x').write(os.environ['PREFECT__FLOW_RUN_ID'])"
    )
    nursery = Nursery(tmp_path / "nursery")
    assert hand_over(str(nursery.path), "the-run")
    eventually(lambda: seen.exists() and seen.read_text() == "the-run")
    assert nursery.end() == 0
    assert not hand_over(str(nursery.path), "another")


@pytest.mark.parametrize("other", ["http://127.0.0.1:2/api", None])
def test_a_flow_run_with_other_settings_gets_an_interpreter_of_its_own(nursery, other, tmp_path):
    more = {"PREFECT_API_URL": other} if other else {SOCKET_VARIABLE: str(tmp_path / "nowhere")}
    code, out, err = nursery.said("print('forked')", PREFECT__FLOW_RUN_ID="none", **more)
    assert (code, out) == (1, "")
    # Prefect's engine was started, and says so.
    assert "Invalid flow run id" in err


def test_nobody_else_can_reach_it(nursery):
    assert nursery.path.stat().st_mode & 0o777 == 0o600
