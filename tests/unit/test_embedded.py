from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from clinops.adapters import embedded
from clinops.adapters.embedded import Embedded
from clinops.adapters.settings import Settings
from clinops.errors import BadInputError, InfrastructureError

ESTATE = "0123456789ab"


class FakeServer:
    """A flow server that is up, with everything deployed."""

    def __init__(self, api: str) -> None:
        self.api = api
        self.keys: list[str] = []

    def answers(self) -> bool:
        return True

    def ensure_pool(self, name: str) -> None:
        self.keys.append(f"pool {name}")

    def has_deployments(self) -> bool:
        return True

    def create_run(
        self, deployment: str, *, name: str, key: str, parameters: Mapping[str, Any]
    ) -> str:
        self.keys.append(f"{deployment} {key}")
        return "run"


class DeadServer(FakeServer):
    """A flow server that never comes up."""

    def answers(self) -> bool:
        return False


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that a test started; none outlives it."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def made(root: Path, **changes: Any) -> Embedded:
    values = {"estate": ESTATE, "port": free_port(), **changes}
    return Embedded(root, Settings.model_validate(values))


def run_as(
    name: str, root: Path, processes: list[subprocess.Popen[bytes]], program: str = "exec sleep 60"
) -> subprocess.Popen[bytes]:
    """Start a process and note it as the server or the worker."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", program], start_new_session=True, stdout=subprocess.DEVNULL
    )
    processes.append(process)
    run = root / "state" / "run"
    run.mkdir(parents=True, exist_ok=True)
    (run / f"{name}.pid").write_text(f"{process.pid} {embedded._born(process.pid)}")
    return process


def test_nothing_runs_at_first(tmp_path):
    assert made(tmp_path).status() == {"server": False, "worker": False}
    assert made(tmp_path).down() == []


def test_knows_its_processes_by_number_and_birth(tmp_path, processes):
    process = run_as("server", tmp_path, processes)
    assert made(tmp_path).status() == {"server": True, "worker": False}
    (tmp_path / "state/run/server.pid").write_text(f"{process.pid} 1")
    assert made(tmp_path).status()["server"] is False
    assert made(tmp_path).down() == []
    assert process.poll() is None


@pytest.mark.parametrize("text", ["", "none", "1 2 3", "x y"])
def test_a_damaged_note_is_no_process(tmp_path, text):
    run = tmp_path / "state" / "run"
    run.mkdir(parents=True)
    (run / "server.pid").write_text(text)
    assert made(tmp_path).status()["server"] is False


def test_a_process_that_has_ended_does_not_run(tmp_path, processes):
    process = run_as("worker", tmp_path, processes)
    process.kill()
    while embedded._born(process.pid):
        time.sleep(0.01)
    assert made(tmp_path).status()["worker"] is False


def test_stops_the_worker_before_the_server_with_all_their_children(tmp_path, processes):
    marker = tmp_path / "child"
    program = f"sleep 60 & echo $! > {marker}; wait"
    for name in ("server", "worker"):
        run_as(name, tmp_path, processes, program)
    while not marker.exists() or not marker.read_text():
        time.sleep(0.01)
    child = int(marker.read_text())
    assert made(tmp_path).down() == ["worker", "server"]
    deadline = time.monotonic() + 5
    while embedded._born(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not embedded._born(child)
    assert made(tmp_path).status() == {"server": False, "worker": False}
    assert list((tmp_path / "state/run").glob("*.pid")) == []


def test_a_port_that_is_in_use_is_bad_input_with_a_mend(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInputError, match=f"port {port} is in use") as raised:
            made(tmp_path, port=port).up(lambda text: None)
    assert "clinops.toml" in raised.value.mend


# The server outlives whoever started it: that is what `up` is for.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_server_that_does_not_come_up_is_told_with_its_log(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'no module named prefect' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(embedded, "PrefectServer", DeadServer)
    said: list[str] = []
    with pytest.raises(InfrastructureError, match="no module named prefect") as raised:
        made(tmp_path).up(said.append)
    assert said == ["starting the Prefect server"]
    assert raised.value.mend.endswith("server.log")


def test_up_starts_nothing_that_runs_and_asks_for_a_reconcile(tmp_path, monkeypatch, processes):
    for name in ("server", "worker"):
        run_as(name, tmp_path, processes)
    monkeypatch.setattr(embedded, "PrefectServer", FakeServer)
    monkeypatch.setattr(sys, "executable", "/bin/true")
    up, said = made(tmp_path), []
    up.up(said.append)
    up.up(said.append)
    assert said == ["deploying the flows"]
    keys = [key for key in up._server.keys if key != "pool clinops"]
    assert len(set(keys)) == 2
    assert all(key.startswith("reconcile/reconcile start-up:") for key in keys)
    assert up.status() == {"server": True, "worker": True}


def test_flows_that_cannot_be_deployed_are_told(tmp_path, monkeypatch, processes):
    for name in ("server", "worker"):
        run_as(name, tmp_path, processes)
    monkeypatch.setattr(embedded, "PrefectServer", FakeServer)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InfrastructureError, match="can't be deployed"):
        made(tmp_path).up(lambda text: None)


def test_a_server_elsewhere_is_used_and_not_started(tmp_path, monkeypatch, processes):
    run_as("worker", tmp_path, processes)
    monkeypatch.setattr(embedded, "PrefectServer", FakeServer)
    monkeypatch.setattr(sys, "executable", "/bin/true")
    up = made(tmp_path, server="https://flows.trust.example/api")
    up.up(lambda text: None)
    assert up.status() == {"server": False, "worker": True}
    assert up.environment()["PREFECT_API_URL"] == "https://flows.trust.example/api"


def test_no_other_page_may_use_the_api_and_no_run_the_operators_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    environment = made(tmp_path).environment()
    port = environment["PREFECT_API_URL"].split(":")[2].removesuffix("/api")
    allowed = environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert allowed == [f"http://127.0.0.1:{port}", f"http://localhost:{port}"]
    assert "SSH_AUTH_SOCK" not in environment


def test_both_processes_keep_to_themselves(tmp_path):
    environment = made(tmp_path).environment()
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["PREFECT_HOME"] == str(tmp_path / "state" / "prefect")
    assert environment["PREFECT_API_URL"].startswith("http://127.0.0.1:")
    assert environment["CLINOPS_ESTATE"] == str(tmp_path)
