"""Suites in processes of their own, on a replica that is only described."""

from __future__ import annotations

import os
import signal
import textwrap
import time
from pathlib import Path
from threading import Thread, Timer

import pytest

from clinops.adapters import pytest_suites
from clinops.adapters.pytest_suites import PytestSuites
from clinops.adapters.suite_nursery import SuiteNursery
from clinops.domain.replica import Replica, ServiceInstance
from clinops.domain.suite import Role, Verdict
from clinops.errors import InfrastructureError, NotFoundError, SeedError
from tests.fakes.evidence import FakeEvidence
from tests.fakes.trees import FakeTree

IMAGE = "sha256:" + "a" * 64
INI = b"[pytest]\n"


@pytest.fixture(scope="module")
def nursery():
    nursery = SuiteNursery(pytest_suites._environment())
    yield nursery
    nursery.close()


@pytest.fixture(autouse=True, params=["forked", "started"])
def way(request, monkeypatch):
    """Both ways in which suites and programs come to life; it makes no other difference."""
    if request.param == "forked":
        nursery = request.getfixturevalue("nursery")
        monkeypatch.setattr(pytest_suites._Processes, "nursery", nursery)
    return request.param


@pytest.fixture
def evidence():
    return FakeEvidence()


@pytest.fixture
def replica():
    return Replica(
        id="r1",
        product="demo",
        version="1.2",
        role=Role.CANDIDATE,
        release="demo-1.2-0123456789ab",
        under_test="app",
        services={"app": ServiceInstance(container="c" * 64, address="127.0.0.1", image=IMAGE)},
        endpoints={"http": "127.0.0.1:9"},
    )


@pytest.fixture
def run(evidence, replica):
    """Run a suite that has one file of tests."""

    def run_suite(source, *, limit=20.0, ini=INI, **others):
        files = {
            "test_suites/demo/smoke/test_it.py": textwrap.dedent(source).encode(),
            **({"test_suites/demo/smoke/pytest.ini": ini} if ini else {}),
        } | {path.replace("__", "/") + ".py": text.encode() for path, text in others.items()}
        return PytestSuites(evidence, limit).run("smoke", replica, FakeTree(files))

    return run_suite


def log_of(run, evidence):
    return evidence.get(run.log).decode()


def gone(pid):
    """Whether a process is gone, or killed and waiting to be reaped; either may take a moment."""
    stat = Path(f"/proc/{pid}/stat")
    for _ in range(200):
        if not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_reports_how_each_test_ended(run):
    finished = run(
        """
        import pytest

        def test_passes(): pass
        @pytest.mark.parametrize("side", ["left", "right"])
        def test_fails(side): assert side == "left"
        @pytest.mark.skip(reason="not today")  # the suite under test skips, this test does not
        def test_skips(): pass
        @pytest.fixture
        def broken(): raise OSError("no")
        def test_breaks(broken): pass
        """
    )
    assert {case.name: case.verdict for case in finished.cases} == {
        "test_it.py::test_passes": Verdict.PASSED,
        "test_it.py::test_fails[left]": Verdict.PASSED,
        "test_it.py::test_fails[right]": Verdict.FAILED,
        "test_it.py::test_skips": Verdict.SKIPPED,
        "test_it.py::test_breaks": Verdict.ERROR,
    }
    assert (finished.exit_code, finished.completed, finished.role) == (1, True, Role.CANDIDATE)


def test_a_test_that_fails_and_then_breaks_is_told_of_once(run):
    finished = run(
        """
        import pytest

        @pytest.fixture
        def fragile():
            yield
            raise OSError("broke")
        def test_it(fragile): assert False, "failed"
        """
    )
    assert [(case.verdict, "failed" in case.message) for case in finished.cases] == [
        (Verdict.FAILED, True)
    ]


def test_says_on_which_release_version_and_image_the_suite_ran(run, evidence):
    junit = evidence.get(run("def test_it(): pass").junit).decode()
    for part in ("demo-1.2-0123456789ab", 'name="clinops.version" value="1.2"', "candidate", IMAGE):
        assert part in junit


def test_keeps_the_hazards_of_each_test(run):
    finished = run(
        """
        import pytest
        pytestmark = pytest.mark.hazard("DEM-002")

        @pytest.mark.hazard("DEM-001", "DEM-002")
        def test_it(): pass
        """
    )
    assert finished.cases[0].hazards == ("DEM-001", "DEM-002")


@pytest.mark.parametrize("marker", ["'DEM-1'", "'DEM-001 '", ""])
def test_refuses_a_hazard_marker_of_another_form(run, evidence, marker):
    finished = run(f"import pytest\n@pytest.mark.hazard({marker})\ndef test_it(): pass\n")
    assert not finished.completed
    assert "does not name hazards in the form 'ABC-001'" in log_of(finished, evidence)


def test_a_marker_that_nobody_declared_is_not_completed(run):
    finished = run("import pytest\n@pytest.mark.hazzard('DEM-001')\ndef test_it(): pass\n")
    assert not finished.completed


def test_a_suite_without_tests_is_not_completed(run):
    finished = run("")
    assert (finished.exit_code, finished.completed) == (5, False)


def test_a_suite_that_cannot_be_imported_is_not_completed(run):
    assert not run("import no_such_module\ndef test_it(): pass\n").completed


@pytest.mark.parametrize("code", [0, 1])
def test_a_pytest_that_crashes_is_not_completed(run, code):
    finished = run(f"import os\ndef test_it(): os._exit({code})\n")
    assert (finished.junit, finished.cases, finished.completed) == (None, (), False)


def test_at_the_time_limit_children_are_ended_as_well(run, evidence, tmp_path):
    noted = tmp_path / "pid"
    started = time.monotonic()
    finished = run(
        f"""
        import pathlib, subprocess, time
        def test_it():
            child = subprocess.Popen(["sleep", "60"])
            pathlib.Path({str(noted)!r}).write_text(str(child.pid))
            time.sleep(60)
        """,
        limit=3,
    )
    assert time.monotonic() - started < 10
    assert not finished.completed
    assert "ClinOps ended this after 3 s" in log_of(finished, evidence)
    assert gone(noted.read_text())


def test_children_that_a_suite_leaves_behind_are_ended(run, tmp_path):
    noted = tmp_path / "pid"
    finished = run(
        f"""
        import pathlib, subprocess
        child = subprocess.Popen(["sleep", "60"])
        def test_it(): pathlib.Path({str(noted)!r}).write_text(str(child.pid))
        """
    )
    assert finished.completed
    assert gone(noted.read_text())


def test_a_suite_needs_no_configuration_of_its_own(run):
    finished = run("def test_it(): pass\n", ini=None)
    assert [case.verdict for case in finished.cases] == [Verdict.PASSED]


def test_a_slow_test_fails_at_the_limit_of_its_suite(run):
    finished = run(
        "import time\ndef test_slow(): time.sleep(30)\ndef test_next(): pass\n",
        ini=b"[pytest]\ntimeout = 1\n",
    )
    assert [case.verdict for case in finished.cases] == [Verdict.FAILED, Verdict.PASSED]
    assert "Timeout" in finished.cases[0].message


def test_every_test_has_a_time_limit_even_if_its_suite_sets_none(run):
    finished = run(
        """
        import pytest
        def test_default(request):
            assert request.node.get_closest_marker("timeout").args == (30.0,)
        @pytest.mark.timeout(7)
        def test_own(request):
            assert request.node.get_closest_marker("timeout").args == (7,)
        """
    )
    assert finished.exit_code == 0


def test_hostile_text_survives_as_data(run):
    finished = run(
        r"""
        HOSTILE = "</failure><script>alert(1)</script>&amp; ]]> \x1b[31m \x00"
        def test_it(): raise AssertionError(HOSTILE)
        """
    )
    message = finished.cases[0].message
    assert "</failure><script>alert(1)</script>&amp; ]]>" in message
    assert "\x1b" not in message
    assert "\x00" not in message


def test_long_messages_are_cut(run):
    finished = run("def test_it(): raise AssertionError('x' * 100_000)")
    assert len(finished.cases[0].message) < len(finished.cases[0].detail) == 4000


def test_a_suite_sees_no_secrets_and_no_pytest_options_of_its_caller(run, monkeypatch):
    monkeypatch.setenv("CLINOPS_DATABASE_PASSWORD", "hunter2")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    finished = run(
        """
        import os
        def test_it():
            assert "hunter2" not in os.environ.values()
            assert os.environ["HOME"] == os.environ["TMPDIR"] == os.getcwd()
        """
    )
    assert [case.verdict for case in finished.cases] == [Verdict.PASSED]


def test_a_suite_gets_the_fixtures_of_its_products_conftest(run):
    finished = run(
        "def test_it(shared, replica): assert shared == replica.version\n",
        test_suites__demo__conftest="import pytest\n@pytest.fixture\ndef shared(): return '1.2'\n",
    )
    assert finished.exit_code == 0


def test_an_endpoint_that_is_not_there_is_named(run):
    finished = run("def test_it(address_of): address_of('dicom')")
    assert "there are http" in finished.cases[0].message + finished.cases[0].detail


def test_a_suite_that_does_not_exist_is_refused(evidence, replica):
    with pytest.raises(NotFoundError, match="test_suites/demo/smoke has no files"):
        PytestSuites(evidence, 5).run("smoke", replica, FakeTree({}))


class TestSeed:
    def seed(self, source, replica, evidence, limit=10.0):
        tree = FakeTree(
            {
                "environments/demo/seed.py": textwrap.dedent(source).encode(),
                "environments/demo/people.txt": b"Synthetic^Person",
            }
        )
        PytestSuites(evidence, limit).seed("seed.py", replica, tree)

    def test_a_seed_is_told_its_replica_and_finds_its_files(self, replica, evidence, tmp_path):
        told = tmp_path / "told"
        self.seed(
            f"""
            import os, pathlib
            from clinops.domain.replica import Replica
            here = pathlib.Path(__file__).parent
            replica = Replica.model_validate_json(open(os.environ["CLINOPS_REPLICA"]).read())
            people = (here / "people.txt").read_text()
            pathlib.Path({str(told)!r}).write_text(replica.id + people)
            """,
            replica,
            evidence,
        )
        assert told.read_text() == "r1Synthetic^Person"

    def test_a_seed_that_fails_is_an_error_with_its_last_lines(self, replica, evidence):
        with pytest.raises(SeedError, match="the archive is full") as raised:
            self.seed("raise SystemExit('the archive is full')", replica, evidence)
        assert raised.value.retryable
        assert "ended with code 1" in str(raised.value)

    def test_a_seed_that_hangs_is_ended(self, replica, evidence):
        with pytest.raises(SeedError, match="ClinOps ended this after 1 s"):
            self.seed("import time; time.sleep(60)", replica, evidence, limit=1)

    def test_a_seed_that_does_not_exist_is_refused(self, replica, evidence):
        with pytest.raises(NotFoundError, match=r"environments/demo/seed\.py does not exist"):
            PytestSuites(evidence, 5).seed("seed.py", replica, FakeTree({}))


class TestProgram:
    def run_program(self, source, replica, evidence):
        tree = FakeTree({"environments/demo/inventory.py": textwrap.dedent(source).encode()})
        return PytestSuites(evidence, 10.0).run_program("inventory.py", replica, tree)

    def test_a_programs_result_is_what_it_leaves_in_the_file(self, replica, evidence):
        source = "import os; open(os.environ['CLINOPS_RESULT'], 'wb').write(b'{}\\n')"
        assert self.run_program(source, replica, evidence) == b"{}\n"

    def test_a_program_that_leaves_nothing_has_an_empty_result(self, replica, evidence):
        assert self.run_program("print('no result')", replica, evidence) == b""

    def test_a_result_that_points_elsewhere_is_none(self, replica, evidence):
        source = "import os; os.symlink('/etc/hostname', os.environ['CLINOPS_RESULT'])"
        assert self.run_program(source, replica, evidence) == b""

    def test_a_result_that_is_too_large_is_refused(self, replica, evidence):
        source = "import os; open(os.environ['CLINOPS_RESULT'], 'wb').truncate(2**26 + 1)"
        with pytest.raises(SeedError, match=r"inventory\.py left more than 67108864 bytes"):
            self.run_program(source, replica, evidence)

    def test_a_result_of_a_program_that_fails_is_not_believed(self, replica, evidence):
        source = (
            "import os; open(os.environ['CLINOPS_RESULT'], 'w').write('{}'); raise SystemExit(3)"
        )
        with pytest.raises(SeedError, match="ended with code 3"):
            self.run_program(source, replica, evidence)


def test_an_interruption_leaves_no_process_behind(evidence, replica, tmp_path):
    noted = tmp_path / "pid"
    seed = f"""
import os, pathlib, time
pathlib.Path({str(noted)!r}).write_text(str(os.getpid()))
time.sleep(60)
"""
    tree = FakeTree({"environments/demo/seed.py": seed.encode()})
    interrupt_once_written(noted)
    with pytest.raises(KeyboardInterrupt):
        PytestSuites(evidence, 30).seed("seed.py", replica, tree)
    assert gone(noted.read_text())


def interrupt_once_written(path):
    """Send this process an interrupt as soon as a file has something in it."""

    def wait_and_interrupt():
        while not path.exists() or not path.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    # A background job of a shell ignores interrupts, and hands that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Thread(target=wait_and_interrupt).start()


def test_stop_ends_what_runs_and_starts_no_more(evidence, replica):
    suites = PytestSuites(evidence, 60.0)
    source = b"import time\n\ndef test_takes_long():\n    time.sleep(60)\n"
    tree = FakeTree(
        {
            "test_suites/demo/smoke/test_it.py": source,
            "test_suites/demo/smoke/pytest.ini": INI,
        }
    )
    timer = Timer(1.5, suites.stop)
    timer.start()
    begun = time.monotonic()
    assert not suites.run("smoke", replica, tree).completed
    timer.join()
    assert time.monotonic() - begun < 30
    with pytest.raises(InfrastructureError, match="stopped"):
        suites.run("smoke", replica, tree)


def test_a_nursery_that_is_gone_costs_nothing_but_time(evidence, replica, monkeypatch):
    gone = SuiteNursery(pytest_suites._environment())
    gone.close()
    monkeypatch.setattr(pytest_suites._Processes, "nursery", gone)
    files = {
        "test_suites/demo/smoke/test_it.py": b"def test_it(): pass\n",
        "test_suites/demo/smoke/pytest.ini": INI,
    }
    assert PytestSuites(evidence, 60.0).run("smoke", replica, FakeTree(files)).exit_code == 0


def test_a_suite_has_none_of_the_secrets_that_clinops_has(run, evidence, monkeypatch):
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "clinops:secret")
    finished = run(
        """
        import os, pathlib
        def test_it():
            mine = pathlib.Path("/proc/self/environ").read_text() + str(os.environ)
            assert "AUTH_STRING" not in mine
        """
    )
    assert finished.exit_code == 0, log_of(finished, evidence)


def test_ready_starts_a_nursery_and_ends_it(evidence, replica):
    suites = PytestSuites(evidence, 60.0)
    tree = FakeTree({"environments/demo/seed.py": b"import os; assert os.getpid() == os.getsid(0)"})
    with suites.ready():
        nursery = suites._processes.nursery
        assert nursery is not None
        suites.seed("seed.py", replica, tree)
    assert suites._processes.nursery is None
    assert nursery._process.returncode is not None
