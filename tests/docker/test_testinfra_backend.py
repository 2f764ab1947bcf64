from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import testinfra
from docker import DockerClient
from docker.models.containers import Container

from clinops.adapters import testinfra_plugin
from clinops.adapters.exec_channels import CommandTimedOutError, ContainerEndedError
from clinops.errors import EngineError
from tests.docker.containers import build_context, container_with

pytestmark = pytest.mark.docker

MODULES: dict[str, Callable[[Any], Any]] = {
    "addr": lambda host: host.addr("localhost").is_resolvable,
    "environment": lambda host: host.environment(),
    "file": lambda host: [
        (file.exists, file.is_directory, file.mode, file.user, file.size, file.is_symlink)
        for file in map(host.file, ("/etc/passwd", "/etc", "/bin", "/nowhere"))
        if file.exists
    ],
    "content": lambda host: host.file("/etc/passwd").content,
    "command": lambda host: (host.exists("sh"), host.find_command("sh")),
    "group": lambda host: (host.group("daemon").exists, host.group("daemon").gid),
    "mount_point": lambda host: host.mount_point("/proc").filesystem,
    "package": lambda host: [
        (host.package(name).is_installed, name == "dash" and host.package(name).version)
        for name in ("dash", "no-such-package")
    ],
    "sysctl": lambda host: host.sysctl("kernel.ostype"),
    "system_info": lambda host: (host.system_info.distribution, host.system_info.release),
    "user": lambda host: (host.user().name, host.user("daemon").shell),
}
"""What testinfra's modules ask of a container, by the name of the module."""


@pytest.fixture(scope="module")
def container(engine: DockerClient, run_id: str) -> Iterator[Container]:
    with container_with(engine, "dash", run_id) as made:
        made.put_archive("/bin", build_context(""))
        # What one of the modules calls, and the smallest of images lack.
        made.exec_run(["ln", "-s", "/bin/busybox", "/bin/sysctl"])
        made.exec_run(["sh", "-c", "mkdir /odd; printf 'caf\\351' > /odd/latin"])
        yield made


@pytest.fixture(scope="module")
def replica(container: Container) -> Iterator[Any]:
    host = testinfra.get_host(f"replica://{container.name}")
    yield host
    host.backend.close()


class BackendContract:
    """What both ways into a container do alike; subclasses give the fixture `host`."""

    def test_tells_exit_code_and_both_streams(self, host):
        found = host.run("echo out; echo err >&2; exit 7")
        assert (found.rc, found.stdout, found.stderr) == (7, "out\n", "err\n")

    def test_quotes_what_it_is_given(self, host):
        assert host.check_output("printf '%%s' %s", "it's $HOME; `id`") == "it's $HOME; `id`"

    def test_passes_every_byte_on(self, host):
        assert host.run("cat /odd/latin").stdout_bytes == b"caf\xe9"
        assert host.check_output("printf %s", "Zoë 🩻") == "Zoë 🩻"

    def test_gives_a_command_nothing_to_read(self, host):
        assert host.check_output("wc -c") == "0"

    def test_gives_a_command_a_shell_of_its_own(self, host):
        assert host.run("kill -9 $$").rc == 137
        assert host.run("if").rc == 2
        assert host.check_output("echo $0") in {"/bin/sh", "sh"}
        assert host.run("cd /odd; x=1; set -e; false").rc == 1
        assert host.check_output("echo $PWD $x") == "/"

    def test_does_not_wait_for_what_is_left_running(self, host):
        assert host.check_output("sleep 2 > /dev/null 2>&1 & echo on") == "on"


class TestOverChannels(BackendContract):
    @pytest.fixture
    def host(self, replica: Any) -> Any:
        return replica


class TestOverDockerExec(BackendContract):
    @pytest.fixture
    def host(self, container: Container) -> Any:
        return testinfra.get_host(f"docker://{container.name}")


@pytest.mark.parametrize("module", MODULES)
def test_every_module_finds_the_same_as_over_docker_exec(replica, container, module):
    other = testinfra.get_host(f"docker://{container.name}")
    assert MODULES[module](replica) == MODULES[module](other)


def test_runs_as_the_user_before_the_at_sign(container):
    host = testinfra.get_host(f"replica://daemon@{container.name}")
    assert host.user().name == "daemon"
    host.backend.close()


def test_ends_a_command_that_takes_longer_than_it_may(container):
    host = testinfra.get_host(f"replica://{container.id}?timeout=0.5")
    with pytest.raises(CommandTimedOutError, match="sleep 908"):
        host.run("sleep 908")
    host.backend.close()
    assert all("908" not in process[-1] for process in container.top()["Processes"])


def test_opens_again_after_it_was_closed(container, replica):
    replica.backend.close()
    assert replica.check_output("echo on") == "on"


def test_names_a_container_that_is_not_there():
    host = testinfra.get_host("replica://no-such-container")
    with pytest.raises(ContainerEndedError, match="no-such-container"):
        host.run("true")
    host.backend.close()


def test_names_an_engine_that_is_not_there(monkeypatch, no_way_there):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(EngineError, match="could not connect to the Docker engine"):
        testinfra.get_host("replica://any").run("true")


@pytest.mark.parametrize("loading", [[], ["-p", testinfra_plugin.__name__]])
def test_anybody_can_name_it_on_the_command_line_of_pytest(container, tmp_path, loading):
    test = "def test_it(host):\n    assert host.file('/etc/debian_version').exists\n"
    (tmp_path / "test_any.py").write_text(test)
    hosts = f"--hosts=replica://{container.name}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *loading, hosts, "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
