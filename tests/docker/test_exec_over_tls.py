"""Commands in containers of an engine elsewhere, which is reached by TLS and knows who asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import testinfra

from clinops.adapters.docker_engine import connect
from clinops.adapters.exec_channels import CommandTimedOutError, ExecChannels
from clinops.errors import EngineError
from tests.docker.tls_engine import tls_engine

pytestmark = pytest.mark.docker

IMAGE = "clinops/base:bookworm"
MILLION = "head -c 1000000 /dev/zero | tr '\\0' x"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Iterator[dict[str, str]]:
    folder: Path = tmp_path_factory.mktemp("tls")
    with tls_engine(folder) as reached:
        yield reached


@pytest.fixture
def container(elsewhere, monkeypatch) -> Iterator[str]:
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    client = connect()
    made = client.containers.run(
        IMAGE, ["sleep", "600"], detach=True, init=True, network_mode="none"
    )
    yield str(made.id)
    made.remove(force=True)
    client.close()


def test_a_command_over_tls_is_like_any_other(container):
    with closing(connect()) as client, ExecChannels(client, container) as channels:
        for code in (0, 7):
            finished = channels.output(f"echo out; echo err >&2; exit {code}")
            told = finished.exit_code, finished.stdout, finished.stderr
            assert told == (code, b"out\n", b"err\n")
        assert channels.output(MILLION).stdout == b"x" * 1_000_000
        with pytest.raises(CommandTimedOutError):
            channels.output(["sleep", "61"], within=0.5)
        assert channels.output("ps ax | grep -c '[s]leep 61'").stdout == b"0\n"


def test_testinfra_reaches_it_as_well(container):
    host = testinfra.get_host(f"replica://{container}")
    assert host.file("/etc/passwd").exists
    assert host.package("dash").is_installed
    host.backend.close()


def test_without_a_certificate_nobody_is_let_in(elsewhere, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", elsewhere["DOCKER_HOST"])
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    (tmp_path / "ca.pem").write_bytes((Path(elsewhere["DOCKER_CERT_PATH"]) / "ca.pem").read_bytes())
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with pytest.raises(EngineError):
        connect()
