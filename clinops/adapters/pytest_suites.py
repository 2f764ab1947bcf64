"""Suites and seeds, each run in a process of its own: the port `Suites`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import IO, NamedTuple

import clinops
from clinops.adapters.conditions import INHERITED
from clinops.adapters.pytest_plugin import REPLICA_VARIABLE
from clinops.adapters.pytest_plugin.part import COLLECTED_VARIABLE, PART_VARIABLE
from clinops.adapters.suite_nursery import Forked, SuiteNursery
from clinops.adapters.suite_parts import Part, put_together
from clinops.domain.attempt import Attempt
from clinops.domain.replica import Replica
from clinops.domain.suite import SuiteRun
from clinops.errors import InfrastructureError, NotFoundError, SeedError
from clinops.ports import EstateTree, EvidenceStore

_PLUGINS = ("clinops.adapters.pytest_plugin", "pytest_timeout")
_LOG_BYTES = 1_000_000
_SEED_LINES = 20
_NICE = 5
"""How far suites step back: rehearsal and comparison go on beside them, and take longer."""
_GLANCE = 0.005
"""Seconds between two looks for a first result."""
_RESULT_BYTES = 64 * 1024 * 1024
RESULT_VARIABLE = "CLINOPS_RESULT"
"""Names the file that a program may leave its result in."""

_Process = subprocess.Popen[bytes] | Forked


class PytestSuites:
    """Runs suites with pytest, away from ClinOps: own process group, own folder, no secrets."""

    def __init__(self, evidence: EvidenceStore, time_limit: float) -> None:
        """Keep results in an evidence store; end any process after `time_limit` seconds."""
        self._evidence = evidence
        self._time_limit = time_limit
        self._processes = _Processes()

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Start suites and programs at once for as long as the context lasts."""
        nursery = SuiteNursery(_environment())
        self._processes.nursery = nursery
        try:
            yield
        finally:
            self._processes.nursery = None
            nursery.close()

    def stop(self) -> None:
        """End every suite and seed that runs, and start no more; whoever waits goes on."""
        self._processes.stop()

    def run(
        self, suite: str, replica: Replica, tree: EstateTree, *, beside: Sequence[Replica] = ()
    ) -> SuiteRun:
        """Run `test_suites/<product>/<suite>` of a tree on a replica.

        A pytest that crashes, hangs or collects nothing gives a run that is not `completed`.

        Args:
            suite: The folder.
            replica: What it is run on.
            tree: The estate.
            beside: Replicas alike; the files of the suite are shared out over all of them.

        Raises:
            NotFoundError: The tree has no such suite.
        """
        replicas = (replica, *beside)
        numbers = range(1, len(replicas) + 1)
        with ThreadPoolExecutor(len(replicas)) as pool:
            share = partial(self._part, suite, tree, len(replicas))
            whole = put_together(list(pool.map(share, replicas, numbers)))
        cases = whole.cases
        return SuiteRun(
            suite=suite,
            role=replica.role,
            cases=cases or (),
            exit_code=whole.exit_code,
            milliseconds=whole.milliseconds,
            junit=None if cases is None else self._evidence.put(whole.report),
            log=self._evidence.put(whole.log),
        )

    def _part(self, suite: str, tree: EstateTree, parts: int, replica: Replica, part: int) -> Part:
        product = f"test_suites/{replica.product}"
        if not tree.paths(f"{product}/{suite}"):
            raise NotFoundError(
                f"{product}/{suite} has no files at {tree.commit}",
                mend="add the suite, or take its name out of the environment",
            )
        with _workplace(tree, product, replica) as place:
            junit, collected = place.folder / "junit.xml", place.folder / "collected"
            command = _pytest_command(place.files, place.files / suite, junit)
            split = {PART_VARIABLE: f"{part}/{parts}", COLLECTED_VARIABLE: str(collected)}
            finished = place.execute(
                command, self._time_limit, self._processes, _NICE, split if parts > 1 else {}
            )
            report = junit.read_bytes() if junit.is_file() else b""
            said = collected.read_text() if collected.is_file() else ""
        of = int(said) if said.isdecimal() else None
        return Part(finished.exit_code, finished.milliseconds, finished.log, report, of)

    def seed(self, program: str, replica: Replica, tree: EstateTree) -> None:
        """Run `environments/<product>/<program>` against a replica.

        Raises:
            NotFoundError: The tree has no such program.
            SeedError: It failed or took too long; the message carries its last lines.
        """
        self.run_program(program, replica, tree)

    def run_program(self, program: str, replica: Replica, tree: EstateTree) -> bytes:
        """Run a program as `seed` does; return the file that it may leave at `CLINOPS_RESULT`.

        Raises:
            NotFoundError: The tree has no such program.
            SeedError: It failed or took too long, or left more than 64 MiB.
        """
        with _program(program, replica, tree) as (place, command):
            finished = place.execute(command, self._time_limit, self._processes)
            if finished.exit_code == 0:
                return _result(place.result, f"environments/{replica.product}/{program}")
        raise SeedError(
            f"environments/{replica.product}/{program} {finished.in_words}",
            mend="run it by hand against a replica; it must finish and may be run twice",
        )

    def attempt(
        self,
        program: str,
        replica: Replica,
        tree: EstateTree,
        *,
        within: float,
        noticed: Callable[[], None],
    ) -> Attempt:
        """Run a program that may fail; return what it has left at `CLINOPS_RESULT` all the same.

        Raises:
            NotFoundError: The tree has no such program.
            SeedError: It left more than 64 MiB.
        """
        with _program(program, replica, tree) as (place, command):
            limit, ended = min(within, self._time_limit), threading.Event()
            watch = threading.Thread(target=_watch, args=(place.result, noticed, ended))
            watch.start()
            try:
                finished = place.execute(command, limit, self._processes)
            finally:
                ended.set()
                watch.join()
            problem = finished.in_words if finished.exit_code else ""
            result = _result(place.result, f"environments/{replica.product}/{program}")
            last = place.result.stat().st_mtime if result else 0.0
            return Attempt(problem=problem, result=result, last=last)


def _watch(result: Path, noticed: Callable[[], None], ended: threading.Event) -> None:
    while not ended.wait(_GLANCE):
        if result.exists():
            noticed()
            return


def _result(path: Path, program: str) -> bytes:
    if not path.is_file() or path.is_symlink():
        return b""
    if path.stat().st_size > _RESULT_BYTES:
        raise SeedError(f"{program} left more than {_RESULT_BYTES} bytes")
    return path.read_bytes()


class _Processes:
    """The processes that run now, each the leader of a group of its own."""

    nursery: SuiteNursery | None = None
    """What starts them at once, where there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[_Process] = set()
        self._stopped = False

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: dict[str, str],
        output: IO[bytes],
        nice: int,
    ) -> _Process:
        if self._stopped:
            raise InfrastructureError("the work was stopped")
        started = self.nursery and self.nursery.start(arguments, folder, environment, output)
        process = started or _start(arguments, folder, environment, output)
        with self._lock:
            self._running.add(process)
            if self._stopped:
                os.killpg(process.pid, signal.SIGKILL)
        if nice:
            with suppress(ProcessLookupError):
                mine = os.getpriority(os.PRIO_PROCESS, 0)
                os.setpriority(os.PRIO_PROCESS, process.pid, mine + nice)
        return process

    def end(self, process: _Process) -> None:
        _end_group(process)
        with self._lock:
            self._running.discard(process)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


class _Finished(NamedTuple):
    exit_code: int
    milliseconds: int
    log: bytes

    @property
    def in_words(self) -> str:
        """How it ended, with its last lines."""
        last = self.log.decode(errors="replace").splitlines()[-_SEED_LINES:]
        return f"ended with code {self.exit_code}:\n" + "\n".join(last)


class _Workplace(NamedTuple):
    """A temporary folder with what one process is given to see."""

    folder: Path
    files: Path
    replica: Path

    @property
    def result(self) -> Path:
        return self.folder / "result"

    def execute(
        self,
        arguments: Sequence[str],
        time_limit: float,
        processes: _Processes,
        nice: int = 0,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> _Finished:
        """Run an interpreter to its end or to the time limit; no process of its group survives."""
        log = self.folder / "log"
        started = time.monotonic()
        with log.open("wb") as output:
            environment = {**_environment(self), **more}
            process = processes.start(arguments, self.folder, environment, output, nice)
            try:
                exit_code = process.wait(time_limit)
            except subprocess.TimeoutExpired:
                output.write(f"\nClinOps ended this after {time_limit:g} s.\n".encode())
                exit_code = -signal.SIGKILL
            finally:
                processes.end(process)
        return _Finished(
            exit_code=exit_code,
            milliseconds=round((time.monotonic() - started) * 1000),
            log=_last_bytes(log),
        )


def _environment(place: _Workplace | None = None) -> dict[str, str]:
    """Only what is named here: the caller's variables may hold secrets or change pytest."""
    own = {}
    if place is not None:
        own = {name: str(place.folder) for name in ("HOME", "TMPDIR")}
        own |= {REPLICA_VARIABLE: str(place.replica), RESULT_VARIABLE: str(place.result)}
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | {
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(clinops.__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        **own,
    }


@contextmanager
def _workplace(tree: EstateTree, below: str, replica: Replica) -> Iterator[_Workplace]:
    with tempfile.TemporaryDirectory(prefix="clinops-suite-") as temporary:
        folder = Path(temporary)
        place = _Workplace(folder, folder / "files", folder / "replica.json")
        for path in tree.paths(below):
            target = place.files / path.removeprefix(f"{below}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(tree.read(path))
        place.replica.write_text(replica.model_dump_json(), encoding="utf-8")
        yield place


@contextmanager
def _program(
    program: str, replica: Replica, tree: EstateTree
) -> Iterator[tuple[_Workplace, list[str]]]:
    product = f"environments/{replica.product}"
    if not tree.exists(f"{product}/{program}"):
        raise NotFoundError(f"{product}/{program} does not exist at {tree.commit}")
    with _workplace(tree, product, replica) as place:
        yield place, [str(place.files / program)]


def _pytest_command(product: Path, suite: Path, junit: Path) -> list[str]:
    """Start pytest so that nothing outside the suite's own folder configures it."""
    configuration = suite / "pytest.ini"
    if not configuration.exists():
        configuration.write_text("[pytest]\n", encoding="utf-8")
    return [
        *("-m", "pytest", str(suite)),
        *(f"-c={configuration}", f"--rootdir={suite}", f"--confcutdir={product}"),
        *("-p", "no:cacheprovider", *(word for name in _PLUGINS for word in ("-p", name))),
        *("--strict-markers", "--strict-config", "--color=no", "-ra", f"--junitxml={junit}"),
    ]


def _start(
    arguments: Sequence[str], folder: Path, environment: dict[str, str], output: IO[bytes]
) -> subprocess.Popen[bytes]:
    # -P: a suite's working folder holds what it has written itself.
    options = ["-P"] if arguments[0] == "-m" else []
    return subprocess.Popen(
        [sys.executable, *options, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _end_group(process: _Process) -> None:
    # The leader may be gone while children of its group live on.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LOG_BYTES))
        return file.read()
