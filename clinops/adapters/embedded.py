"""What `up` starts, watches and ends by process id: Prefect server, worker, gatehouse."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx

from clinops.adapters.flow_start import SOCKET_VARIABLE, hand_over
from clinops.adapters.prefect_server import PrefectServer
from clinops.adapters.processes import POLL, Processes
from clinops.adapters.settings import Settings, create_password
from clinops.domain.digest import digest_bytes
from clinops.domain.urgency import EMERGENCY_LANE, ORDINARY_LANE
from clinops.errors import BadInputError, InfrastructureError

HOME = Path(__file__).parents[2]
"""Where `prefect.yaml` and `flows/` lie."""
FIRST_DATABASE = Path(sys.prefix) / "share" / "clinops" / "prefect.db"
"""What the server's database is on the first day of an estate, made once by `scripts/setup.sh`:
migrations and the deployment of the flows take longer than all else at a first start."""
_FIRST_FLOWS = FIRST_DATABASE.with_suffix(".deployed")
_COMMAND = "clinops.adapters.prefect_command"
_SERVER = "clinops.adapters.flow_server"
_GO = b"\n"
_POOL = "clinops"
_EMERGENCIES_AT_ONCE = 1
"""Beside what else is qualified: an emergency waits for nothing but another one."""
_MEMORY_OF_ONE = 4 * 2**30
"""Bytes that the replicas of one qualification may well take."""
_PROCESSES = ("worker", "gatehouse", "vendors", "server")


class Embedded:
    """The processes on loopback, with their files below the estate's `state/`."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root = root
        self._settings = settings
        self._run = root / "state" / "run"
        self._nursery = self._run / "nursery"
        self._processes = Processes(self._run, HOME)

    def up(self, say: Callable[[str], None]) -> None:
        """Start what does not run; idempotent."""
        self._run.mkdir(parents=True, exist_ok=True)
        self._lock(say)
        self._start_server(say)
        self._start_gatehouse(say)
        worker, deployment = self._start_worker(say), self._start_deployment(say)
        server = PrefectServer(self._settings.api, self._settings.prefect_auth(self._root))
        with closing(server), _patient(worker, deployment):
            self._wait("the Prefect server", server.answers, "server")
            # Made here rather than by the worker: flows are deployed while that one starts.
            _ensure_queues(server)
            _go(worker)
            if deployment is None and not server.has_deployments():
                deployment = self._deploying()
            self._finish(deployment)
            server.create_run("reconcile/reconcile", name="reconcile at start-up",
                              key=f"start-up:{time.time_ns()}", parameters={})  # fmt: skip
        self._wait("the gatehouse", self._gatehouse_answers, "gatehouse")
        self._wait("the vendors' door", self._vendors_door_answers, "vendors")

    def leave_first_database(self) -> None:
        """Make the database that estates begin with, by the server itself, and stop it again."""
        self._run.mkdir(parents=True, exist_ok=True)
        self._lock(_quietly)
        deployment = self._deploying()
        try:
            # Its services would schedule runs of a day when no estate is there yet.
            self._start_server(_quietly, "--no-services")
            server = PrefectServer(self._settings.api, self._settings.prefect_auth(self._root))
            with closing(server), _patient(deployment):
                self._wait("the Prefect server", server.answers, "server")
                _ensure_queues(server)
                self._finish(deployment)
        finally:
            self.down()
        FIRST_DATABASE.parent.mkdir(parents=True, exist_ok=True)
        FIRST_DATABASE.unlink(missing_ok=True)
        with closing(sqlite3.connect(self._root / "state" / "prefect" / "prefect.db")) as made:
            made.execute("VACUUM INTO ?", (str(FIRST_DATABASE),))
        _FIRST_FLOWS.write_text(_flows_as_they_are())

    def start_at_once(self, run_id: str, server: PrefectServer) -> None:
        """Start a flow run here and now, where it can be, rather than at the worker's next look."""
        if server.take(run_id) and not hand_over(str(self._nursery), run_id):
            server.leave(run_id)

    def down(self) -> list[str]:
        """Stop all of them; return what was stopped."""
        with ThreadPoolExecutor() as pool:
            stopped = list(pool.map(self._processes.stop, _PROCESSES))
        return [name for name, was_running in zip(_PROCESSES, stopped, strict=True) if was_running]

    def status(self) -> dict[str, bool]:
        """Say which of the processes run."""
        wanted = [name for name in _PROCESSES if name != "vendors" or self._settings.vendors_port]
        return {name: self._processes.running(name) for name in wanted}

    def environment(self) -> dict[str, str]:
        """Return what all processes have in common: the estate, and no key agent of a person."""
        inherited = {name: text for name, text in os.environ.items() if name != "SSH_AUTH_SOCK"}
        return {
            **inherited,
            "CLINOPS_ESTATE": str(self._root),
            "CLINOPS_HOME": str(HOME),
            "CLINOPS_PYTHON": sys.executable,
            "PYTHONPATH": str(HOME),
            "NO_COLOR": "1",
        }

    def prefect_environment(self) -> dict[str, str]:
        """Return the environment of server and worker, and so of the flow runs.

        Whoever may use the API may run anything: it asks for a password, and no page in an
        operator's browser may use it. The password is handed over here because nobody else can
        read a process's environment; its arguments, all can.
        """
        port = self._settings.port
        auth = self._settings.prefect_auth(self._root)
        names = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")
        return {
            **self.environment(),
            **({name: ":".join(auth) for name in names} if auth else {}),
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
            "PREFECT_HOME": str(self._root / "state" / "prefect"),
            "PREFECT_API_URL": self._settings.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            # What waits for its turn in a queue that has a limit is not late.
            "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            SOCKET_VARIABLE: str(self._nursery),
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        }

    def _lock(self, say: Callable[[str], None]) -> None:
        """Give the embedded server a password; whatever was started without it starts again."""
        file = self._settings.password_file(self._root)
        if file and create_password(file) and self.down():
            say("stopped what was running without a password")

    def _start_server(self, say: Callable[[str], None], *options: str) -> None:
        if self._settings.server is None and not self._processes.running("server"):
            port = self._settings.port
            self._ensure_free(port, "port")
            say("starting the Prefect server")
            self._begin_with_first_database()
            command = [_SERVER, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
            self._processes.start("server", [*command, *options], self.prefect_environment())

    def _begin_with_first_database(self) -> None:
        home = self._root / "state" / "prefect"
        database = home / "prefect.db"
        if not database.exists() and _FIRST_FLOWS.exists():
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(FIRST_DATABASE, database)
            shutil.copyfile(_FIRST_FLOWS, self._run / "deployed")

    def _start_worker(self, say: Callable[[str], None]) -> subprocess.Popen[bytes] | None:
        if self._processes.running("worker"):
            return None
        say("starting the worker")
        command = [_COMMAND, "worker", "start", "--pool", _POOL, "--type", "process"]
        return self._processes.start(
            "worker", command, self.prefect_environment(), stdin=subprocess.PIPE
        )

    def _start_gatehouse(self, say: Callable[[str], None]) -> None:
        self._start_door("gatehouse", self._settings.gatehouse_listens, "the gatehouse", say)
        if self._settings.vendors_port:
            port = self._settings.vendors_port
            self._start_door("vendors", port, "the vendors' door", say, "--vendors")

    def _start_door(
        self, name: str, port: int, what: str, say: Callable[[str], None], *options: str
    ) -> None:
        if not self._processes.running(name):
            self._ensure_free(port, f"{name}_port")
            say(f"starting {what}")
            command = ["clinops", "--estate", str(self._root), "gatehouse", *options]
            self._processes.start(name, command, self.environment())

    def _gatehouse_answers(self) -> bool:
        return self._answers(self._settings.gatehouse_listens)

    def _vendors_door_answers(self) -> bool:
        port = self._settings.vendors_port
        return port is None or self._answers(port)

    @staticmethod
    def _answers(port: int) -> bool:
        address = f"http://127.0.0.1:{port}/healthz"
        try:
            return httpx.get(address, timeout=5, trust_env=False).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _start_deployment(self, say: Callable[[str], None]) -> subprocess.Popen[bytes] | None:
        stamp = self._run / "deployed"
        if stamp.exists() and stamp.read_text() == _flows_as_they_are():
            return None
        say("deploying the flows")
        return self._deploying()

    def _deploying(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", _COMMAND, "--no-prompt", "deploy", "--all"],
            cwd=HOME, env=self.prefect_environment(), stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def _finish(self, deployment: subprocess.Popen[bytes] | None) -> None:
        if deployment is None:
            return
        _, said = deployment.communicate(_GO)
        if deployment.returncode:
            tail = said.decode(errors="replace")[-2000:]
            raise InfrastructureError(f"the flows can't be deployed:\n{tail}")
        (self._run / "deployed").write_text(_flows_as_they_are())

    def _ensure_free(self, port: int, setting: str) -> None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise BadInputError(
                    f"port {port} is in use by another program",
                    mend=f"set another `{setting}` in {self._root / 'clinops.toml'}",
                )

    def _wait(self, what: str, ready: Callable[[], bool], process: str) -> None:
        deadline = time.monotonic() + 90
        while not ready():
            elsewhere = process == "server" and self._settings.server is not None
            alive = elsewhere or self._processes.running(process)
            if not alive or time.monotonic() > deadline:
                log = self._run / f"{process}.log"
                tail = log.read_text(errors="replace")[-1500:] if log.exists() else ""
                raise InfrastructureError(f"{what} does not come up:\n{tail}", mend=f"see {log}")
            time.sleep(POLL)


@contextmanager
def _patient(*waiting: subprocess.Popen[bytes] | None) -> Iterator[None]:
    """Send home whoever still waits for the server when the block ends, however it ends."""
    try:
        yield
    finally:
        for process in waiting:
            if process is not None and process.stdin is not None and not process.stdin.closed:
                process.stdin.close()
                process.wait()
                if process.stderr is not None:
                    process.stderr.close()


def _go(process: subprocess.Popen[bytes] | None) -> None:
    """Tell a waiting command that the server is there; one that has ended says so in its log."""
    if process is not None and process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(_GO)


def _flows_as_they_are() -> str:
    files = [(HOME / name).read_bytes() for name in ("prefect.yaml", "flows/deployed.py")]
    return digest_bytes(b"\0".join([*files, str(HOME).encode(), sys.executable.encode()]))


def _ensure_queues(server: PrefectServer) -> None:
    server.ensure_pool(_POOL)
    server.ensure_queue(_POOL, EMERGENCY_LANE, _EMERGENCIES_AT_ONCE, priority=2)
    server.ensure_queue(_POOL, ORDINARY_LANE, _at_once(), priority=3)


def _at_once() -> int:
    """Return how many qualifications this machine has processors and memory for."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(os.cpu_count() or 1, memory // _MEMORY_OF_ONE))


def _quietly(_: str) -> None:
    """Say nothing."""
