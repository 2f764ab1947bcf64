from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from clinops.adapters import embedded
from clinops.adapters.embedded import Embedded
from clinops.adapters.processes import born
from clinops.adapters.settings import Settings, create_password
from clinops.errors import BadInputError, InfrastructureError

ESTATE = "0123456789ab"
PROCESSES = ("worker", "gatehouse", "server")
NOTHING = dict.fromkeys(PROCESSES, False)
PASSWORD = "state/prefect-password"
# What `up` starts outlives whoever started it: that is what it is for.
OUTLIVES = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


class FakeServer:
    """A flow server that is up, with everything deployed."""

    keys: ClassVar[list[str]] = []
    """What was asked of any."""
    auths: ClassVar[list[tuple[str, str] | None]] = []

    def __init__(self, api: str, auth: tuple[str, str] | None) -> None:
        self.auths.append(auth)

    def close(self) -> None:
        pass

    def answers(self) -> bool:
        return True

    def ensure_pool(self, name: str) -> None:
        self.keys.append(f"pool {name}")

    def ensure_queue(self, pool: str, name: str, at_once: int, priority: int) -> None:
        self.keys.append(f"queue {name} of {pool}")
        assert at_once >= 1

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


class Healthy(BaseHTTPRequestHandler):
    """A gatehouse, as far as it is asked whether it is there."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def gatehouse() -> Iterator[int]:
    """The port of a gatehouse that answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served.server_port
        served.shutdown()
        thread.join()


@pytest.fixture
def served(tmp_path, monkeypatch, processes, gatehouse) -> Embedded:
    """An estate whose three processes run and answer, behind a password."""
    FakeServer.keys.clear()
    FakeServer.auths.clear()
    monkeypatch.setattr(embedded, "PrefectServer", FakeServer)
    monkeypatch.setattr(sys, "executable", "/bin/true")
    for name in PROCESSES:
        run_as(name, tmp_path, processes)
    create_password(tmp_path / PASSWORD)
    return made(tmp_path, gatehouse_port=gatehouse)


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
    (run / f"{name}.pid").write_text(f"{process.pid} {born(process.pid)}")
    return process


def test_nothing_runs_at_first(tmp_path):
    assert made(tmp_path).status() == NOTHING
    assert made(tmp_path).down() == []


def test_knows_its_processes_by_number_and_birth(tmp_path, processes):
    process = run_as("server", tmp_path, processes)
    assert made(tmp_path).status() == {**NOTHING, "server": True}
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
    while born(process.pid):
        time.sleep(0.01)
    assert made(tmp_path).status()["worker"] is False


def test_stops_all_with_all_their_children(tmp_path, processes):
    marker = tmp_path / "child"
    program = f"sleep 60 & echo $! > {marker}; wait"
    for name in PROCESSES:
        run_as(name, tmp_path, processes, program)
    while not marker.exists() or not marker.read_text():
        time.sleep(0.01)
    child = int(marker.read_text())
    assert made(tmp_path).down() == list(PROCESSES)
    deadline = time.monotonic() + 5
    while born(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not born(child)
    assert made(tmp_path).status() == NOTHING
    assert list((tmp_path / "state/run").glob("*.pid")) == []


def test_a_port_that_is_in_use_is_bad_input_with_a_mend(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInputError, match=f"port {port} is in use") as raised:
            made(tmp_path, port=port).up(lambda text: None)
    assert "clinops.toml" in raised.value.mend


@OUTLIVES
def test_a_server_that_does_not_come_up_is_told_with_its_log(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'no module named prefect' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(embedded, "PrefectServer", DeadServer)
    said: list[str] = []
    with pytest.raises(InfrastructureError, match="no module named prefect") as raised:
        made(tmp_path).up(said.append)
    assert said[0] == "starting the Prefect server"
    assert raised.value.mend.endswith("server.log")


@OUTLIVES
def test_a_gatehouse_that_does_not_come_up_is_told_with_its_log(served, tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\n[ $2 != clinops ] || { echo 'no such page' >&2; exit 1; }\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    (tmp_path / "state/run/gatehouse.pid").unlink()
    with pytest.raises(InfrastructureError, match="no such page") as raised:
        made(tmp_path).up(lambda text: None)
    assert raised.value.mend.endswith("gatehouse.log")


def test_a_gatehouse_that_is_not_there_yet_does_not_answer(tmp_path):
    assert not made(tmp_path)._gatehouse_answers()


def test_up_starts_nothing_that_runs_and_asks_for_a_reconcile(served):
    said: list[str] = []
    served.up(said.append)
    served.up(said.append)
    assert said == ["deploying the flows"]
    assert {"pool clinops", "queue qualify of clinops"} <= set(FakeServer.keys)
    keys = [key for key in FakeServer.keys if key.startswith("reconcile")]
    assert len(set(keys)) == 2
    assert all(key.startswith("reconcile/reconcile start-up:") for key in keys)
    assert served.status() == dict.fromkeys(PROCESSES, True)


@OUTLIVES
def test_the_vendors_door_is_started_where_it_has_a_port_and_nowhere_else(
    served, tmp_path, processes, gatehouse
):
    served.up(lambda text: None)
    assert "vendors" not in served.status()
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = made(tmp_path, gatehouse_port=gatehouse, vendors_port=taken.getsockname()[1])
        with pytest.raises(BadInputError) as raised:
            other.up(said.append)
    assert "vendors_port" in raised.value.mend
    run_as("vendors", tmp_path, processes)
    door = made(tmp_path, gatehouse_port=gatehouse, vendors_port=gatehouse)
    door.up(said.append)
    assert door.status()["vendors"] is True
    assert "vendors" in door.down()


def test_flows_that_cannot_be_deployed_are_told(served, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InfrastructureError, match="can't be deployed"):
        served.up(lambda text: None)


def test_a_server_elsewhere_is_used_and_not_started(served, tmp_path, monkeypatch):
    (tmp_path / "state/run/server.pid").unlink()
    (tmp_path / PASSWORD).unlink()
    monkeypatch.setenv("CLINOPS_PREFECT_AUTH", "trust:pass:word")
    port = served._settings.gatehouse_port
    up = made(tmp_path, server="https://flows.trust.example/api", gatehouse_port=port)
    up.up(lambda text: None)
    assert up.status() == {**dict.fromkeys(PROCESSES, True), "server": False}
    environment = up.prefect_environment()
    assert environment["PREFECT_API_URL"] == "https://flows.trust.example/api"
    assert environment["PREFECT_API_AUTH_STRING"] == "trust:pass:word"
    assert FakeServer.auths == [("trust", "pass:word")]
    assert not (tmp_path / PASSWORD).exists()


def test_up_asks_with_the_password_that_only_its_owner_can_read(served, tmp_path):
    served.up(lambda text: None)
    file = tmp_path / PASSWORD
    user, password = file.read_text().strip().split(":")
    assert FakeServer.auths == [(user, password)]
    assert (user, file.stat().st_mode & 0o777) == ("clinops", 0o600)
    assert len(password) >= 32


def test_two_estates_have_two_passwords(tmp_path):
    files = [tmp_path / name / PASSWORD for name in ("one", "other")]
    assert all(create_password(file) for file in files)
    assert files[0].read_text() != files[1].read_text()


@OUTLIVES
def test_what_was_started_without_a_password_is_started_again(
    served, tmp_path, processes, monkeypatch
):
    (tmp_path / PASSWORD).unlink()
    monkeypatch.setattr(embedded, "PrefectServer", DeadServer)
    said: list[str] = []
    with pytest.raises(InfrastructureError):
        made(tmp_path).up(said.append)
    assert all(process.wait() for process in processes)
    assert said[:2] == [
        "stopped what was running without a password",
        "starting the Prefect server",
    ]


@OUTLIVES
def test_the_password_is_in_nobodys_arguments(tmp_path, monkeypatch):
    seen = tmp_path / "arguments"
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\necho "$@" >> {seen}\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    create_password(tmp_path / PASSWORD)
    up = made(tmp_path)
    (tmp_path / "state/run").mkdir()
    for start in (up._start_server, up._start_worker, up._start_gatehouse):
        embedded._go(start(lambda text: None))
    while not seen.exists() or len(seen.read_text().splitlines()) < len(PROCESSES):
        time.sleep(0.01)
    assert "server start" in seen.read_text()
    assert (tmp_path / PASSWORD).read_text().split(":")[1].strip() not in seen.read_text()


class TakenServer(FakeServer):
    """A server whose runs are there to take, or are not."""

    def __init__(self, *, there: bool) -> None:
        self._there = there
        self.left: list[str] = []

    def take(self, run_id: str) -> bool:
        return self._there

    def leave(self, run_id: str) -> None:
        self.left.append(run_id)


@pytest.mark.parametrize("there", [True, False])
def test_a_run_that_nobody_can_start_at_once_is_left_to_the_worker(tmp_path, there):
    server = TakenServer(there=there)
    made(tmp_path).start_at_once("run", server)  # type: ignore[arg-type]
    assert server.left == (["run"] if there else [])


@OUTLIVES
def test_an_estate_begins_with_what_the_set_up_has_deployed(tmp_path, monkeypatch):
    first = tmp_path / "first.db"
    monkeypatch.setattr(embedded, "FIRST_DATABASE", first)
    monkeypatch.setattr(embedded, "_FIRST_FLOWS", first.with_suffix(".deployed"))
    monkeypatch.setattr(sys, "executable", "/bin/true")
    first.write_bytes(b"a database")
    first.with_suffix(".deployed").write_text(embedded._flows_as_they_are())
    estate = tmp_path / "estate"
    up = made(estate)
    (estate / "state/run").mkdir(parents=True)
    up._start_server(lambda text: None)
    up.down()
    assert (estate / "state/prefect/prefect.db").read_bytes() == b"a database"
    assert up._start_deployment(lambda text: None) is None
    # Flows that have changed since are deployed all the same.
    (estate / "state/run/deployed").write_text("other flows")
    deployment = up._start_deployment(lambda text: None)
    assert deployment is not None
    deployment.communicate()


def test_the_gatehouse_does_not_get_the_password(tmp_path):
    create_password(tmp_path / PASSWORD)
    password = (tmp_path / PASSWORD).read_text().strip()
    up = made(tmp_path)
    assert password not in up.environment().values()
    prefect = up.prefect_environment()
    assert prefect["PREFECT_SERVER_API_AUTH_STRING"] == password
    assert prefect["PREFECT_API_AUTH_STRING"] == password


@pytest.mark.parametrize("text", ["clinops", ":", "clinops:", ":secret"])
def test_a_damaged_password_is_bad_input_and_not_repeated(tmp_path, text):
    (tmp_path / "state").mkdir()
    (tmp_path / PASSWORD).write_text(text)
    with pytest.raises(BadInputError, match="is not user:password") as raised:
        made(tmp_path)._settings.prefect_auth(tmp_path)
    assert "secret" not in str(raised.value)


def test_an_empty_password_is_none_and_is_made(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / PASSWORD).touch()
    settings = made(tmp_path)._settings
    assert settings.prefect_auth(tmp_path) is None
    assert create_password(tmp_path / PASSWORD)
    assert not create_password(tmp_path / PASSWORD)


def test_no_other_page_may_use_the_api_and_no_run_the_operators_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    environment = made(tmp_path).prefect_environment()
    port = environment["PREFECT_API_URL"].split(":")[2].removesuffix("/api")
    allowed = environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert allowed == [f"http://127.0.0.1:{port}", f"http://localhost:{port}"]
    assert "SSH_AUTH_SOCK" not in environment


def test_prefects_processes_keep_to_themselves(tmp_path):
    environment = made(tmp_path).prefect_environment()
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["PREFECT_HOME"] == str(tmp_path / "state" / "prefect")
    assert environment["PREFECT_API_URL"].startswith("http://127.0.0.1:")
    assert environment["CLINOPS_ESTATE"] == str(tmp_path)
