from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

from clinops.adapters.docker_engine import connect
from clinops.adapters.exec_channel import ChannelLostError
from clinops.adapters.exec_channels import (
    CommandTimedOutError,
    ContainerEndedError,
    ExecChannels,
    Finished,
)
from clinops.adapters.exec_stream import STDERR, STDOUT, run_in
from tests.docker.containers import container_with
from tests.docker.cuttable import CuttableEngine

pytestmark = pytest.mark.docker

LIMIT = 20.0
"""Seconds after which a test would rather fail than hang."""


@pytest.fixture(scope="module", params=["dash", "bash", "busybox"])
def container(engine: DockerClient, run_id: str, request) -> Iterator[Container]:
    with container_with(engine, request.param, run_id) as made:
        yield made


@pytest.fixture(scope="module")
def restarted(engine: DockerClient, run_id: str) -> Iterator[Container]:
    with container_with(engine, "dash", run_id) as made:
        yield made


@pytest.fixture(scope="module")
def channels(engine: DockerClient, container: Container) -> Iterator[ExecChannels]:
    with ExecChannels(engine, str(container.id)) as opened:
        yield opened


@pytest.fixture
def alone(engine: DockerClient, container: Container) -> Iterator[ExecChannels]:
    """Channels for one test, that may close them to see what is left."""
    with ExecChannels(engine, str(container.id)) as opened:
        yield opened


def line(channels: ExecChannels, shell: str, within: float = LIMIT) -> Finished:
    # The parent of a line is that of the shell, as of a line by `docker exec`.
    command = ["sh", "-c", shell] if "$PPID" in shell else shell
    return channels.output(command, within=within)


def said(channels: ExecChannels, shell: str, within: float = LIMIT) -> str:
    return line(channels, shell, within).stdout.decode()


def processes(container: Container) -> list[str]:
    return sorted(each[-1] for each in container.top()["Processes"])


def execs(container: Container) -> list[str]:
    container.reload()
    return sorted(container.attrs["ExecIDs"] or [])


def eventually(condition, seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("code", [0, 1, 2, 77, 126, 127, 128, 255])
def test_gives_the_exact_exit_code(channels, code):
    assert line(channels, f"exit {code}").exit_code == code


def test_a_command_that_a_signal_ends_has_the_code_that_docker_gives(channels):
    assert line(channels, "kill -9 $$") == Finished(137, b"", b"")
    assert line(channels, "kill -TERM $$") == Finished(143, b"", b"")


def test_keeps_both_streams_apart_and_every_byte(channels):
    every = "".join(f"\\{number:03o}" for number in range(256))
    found = line(channels, f"printf '{every}'; printf '{every}' >&2; exit 3")
    assert found == Finished(3, bytes(range(256)), bytes(range(256)))


def test_arguments_arrive_as_they_are(channels):
    odd = ["", " ", "it's", "$HOME", "a\nb", "`id`", "*", "\\", "Zoë", "\udcff", "-n", "~", "a=b"]
    found = channels.output(["printf", "%s|", *odd], within=LIMIT)
    assert found.stdout == b"|".join(each.encode(errors="surrogateescape") for each in [*odd, ""])


def test_what_is_no_command_is_refused_before_anything_is_sent(channels):
    for argv in ([], ["echo", "a\0b"]):
        with pytest.raises(ValueError, match="a command has a name"):
            channels.output(argv)
    assert said(channels, "echo on") == "on\n"


def test_a_program_that_is_not_there_is_not_found(channels):
    for argv in (["no-such"], ["/no/such"], ["exit", "3"], ["if"], ["clinops_run", "x"]):
        found = channels.output(argv, within=LIMIT)
        assert found.exit_code == 127
        assert b"not found" in found.stderr or b"No such file" in found.stderr


def test_what_can_not_be_executed_has_the_code_126(channels):
    assert channels.output(["/etc"], within=LIMIT).exit_code == 126


@pytest.mark.parametrize(
    ("shell", "code", "out"),
    [
        ("", 0, ""),
        ("# nothing", 0, ""),
        ("if", 2, ""),
        ("echo first\nif; fi", 2, "first\n"),
        ("cat << END; echo $#\none\n  two\nEND\n", 0, "one\n  two\n0\n"),
        ("trap 'echo bye' EXIT; false", 1, "bye\n"),
        ("set -e; false; echo not here", 1, ""),
        ("f() { return 4; }; f", 4, ""),
        ("exec 1>&2; echo aside", 0, ""),
        ("true & wait; echo $?", 0, "0\n"),
        ("sh -c 'kill -9 $$'; echo $?", 0, "137\n"),
        ("test $$ = $(sh -c 'echo $PPID')", 0, ""),
        ("set | grep -E '^clinops_|[0-9a-f]{32}'", 1, ""),
        ("env | grep clinops_", 1, ""),
    ],
)
def test_a_line_is_that_of_a_shell_of_its_own(channels, shell, code, out):
    found = channels.output(shell, within=LIMIT)
    assert (found.exit_code, found.stdout.decode()) == (code, out)
    assert channels.output(["sh", "-c", shell], within=LIMIT).stdout == found.stdout


def test_standard_input_is_empty(channels):
    assert line(channels, "cat; wc -c") == Finished(0, b"0\n", b"")


def test_a_command_changes_nothing_for_the_next(channels):
    # Not what bash counts for its own debugging.
    state = "pwd; umask; trap; env; set | grep -v ^BASH_"
    before = said(channels, state)
    line(channels, "cd /proc; umask 777; HOME=/else; export X=1; trap '' TERM; exec 1>&-")
    assert said(channels, state) == before


def test_the_environment_is_that_of_docker_exec(channels, container):
    plain = run_in(container, ["env"])[1].decode()
    over = channels.output(["env"], within=LIMIT).stdout.decode()
    assert sorted(over.split()) == sorted(plain.split())


def test_an_input_that_looks_like_the_end_of_a_command_is_output_like_any_other(channels):
    text = "deadbeef" * 4 + " 0 0\n"
    assert said(channels, f"printf '%s' '{text}'; sleep 0.05; printf '%s' '{text}'") == 2 * text


def test_commands_see_no_descriptor_but_the_three(channels):
    # The fourth is that of the listing itself.
    assert said(channels, "ls /proc/self/fd").split() == ["0", "1", "2", "3"]


def test_ending_the_own_process_group_leaves_the_channel(channels, container):
    shell = said(channels, "echo $PPID")
    assert line(channels, "trap '' TERM; kill 0; echo still here").stdout == b"still here\n"
    for signal in ("HUP", "INT", "TERM", "USR1"):
        line(channels, f"kill -{signal} 0")
    assert said(channels, "echo $PPID") == shell


def test_a_large_output_comes_whole_and_in_pieces(channels):
    size, largest = 0, 0

    def count(_stream: int, chunk: bytes) -> None:
        nonlocal size, largest
        size, largest = size + len(chunk), max(largest, len(chunk))

    assert channels.run(["head", "-c", "100000000", "/dev/zero"], count, within=60) == 0
    assert size == 100_000_000
    assert largest <= 128 * 1024


def test_output_is_passed_on_as_it_comes(channels):
    came: list[float] = []
    begun = time.monotonic()
    channels.run(
        ["sh", "-c", "printf x; sleep 0.5; printf y >&2; sleep 0.5; printf z"],
        lambda _stream, _chunk: came.append(time.monotonic() - begun),
        within=LIMIT,
    )
    assert came[0] < 0.4 < came[1] < 0.9 < came[2]


def test_a_command_whose_time_is_up_is_ended_with_all_that_it_started(alone, container):
    before = processes(container)
    begun = time.monotonic()
    shell = "sleep 901 & (sleep 902 & sleep 903) & setsid sleep 904 & (setsid sleep 905 &); sleep 9"
    with pytest.raises(CommandTimedOutError, match=r"`sleep 901.*` did not end within 0.5 seconds"):
        line(alone, shell, within=0.5)
    assert time.monotonic() - begun < 5
    line(alone, "true")
    alone.close()
    assert eventually(lambda: processes(container) == before), processes(container)


def test_a_command_that_ignores_signals_and_multiplies_is_ended_as_well(alone, container):
    before = processes(container)
    shell = "trap '' TERM INT HUP; f() { sleep 0.01; sleep 900 & f & wait; }; f"
    with pytest.raises(CommandTimedOutError):
        line(alone, shell, within=0.3)
    alone.close()
    assert eventually(lambda: processes(container) == before), processes(container)


def test_an_interrupted_command_is_ended(alone, container):
    before = processes(container)

    def interrupt(_stream: int, _chunk: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        alone.run(["sh", "-c", "echo; sleep 900"], interrupt, within=LIMIT)
    assert said(alone, "echo on") == "on\n"
    alone.close()
    assert eventually(lambda: processes(container) == before), processes(container)


@pytest.mark.parametrize(
    "leaving",
    [
        "(sleep 0.3; echo late; echo late >&2) &",
        "(sleep 0.3; echo late >&2) > /dev/null &",
        "(exec 9>&1 > /dev/null 2>&1; sleep 0.3; echo late >&9) &",
        "(setsid sh -c 'sleep 0.3; echo late' &)",
    ],
)
def test_what_a_command_left_behind_never_speaks_into_a_later_one(channels, leaving):
    assert line(channels, f"{leaving}\necho now") == Finished(0, b"now\n", b"")
    for _ in range(5):
        assert line(channels, "sleep 0.1; echo next") == Finished(0, b"next\n", b"")


def test_what_was_left_behind_lives_on_and_the_channel_too_if_it_is_silent(channels, container):
    shell = said(channels, "echo $PPID")
    line(channels, "sleep 1.5 < /dev/null > /dev/null 2>&1 & sleep 0.3")
    assert said(channels, "echo $PPID") == shell
    assert "sleep 1.5" in processes(container)
    assert eventually(lambda: "sleep 1.5" not in processes(container))


def test_several_threads_get_each_their_own(channels):
    def ask(number: int) -> bool:
        shell = f"echo {number}; echo -{number} >&2; exit {number % 200}"
        expected = Finished(number % 200, b"%d\n" % number, b"-%d\n" % number)
        return line(channels, shell) == expected

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(200)))


def test_a_killed_shell_is_an_error_and_the_next_command_has_another(alone, container):
    before = processes(container)
    # What the shell ran goes with it: nobody would know of it any more.
    with pytest.raises(ChannelLostError, match="has ended"):
        line(alone, "kill -9 $PPID; sleep 906")
    assert said(alone, "echo on") == "on\n"
    alone.close()
    assert eventually(lambda: processes(container) == before), processes(container)


def test_a_shell_that_was_killed_between_two_commands_goes_unnoticed(channels, alone):
    shell = said(alone, "echo $PPID").strip()
    line(channels, f"kill -9 {shell}")
    assert eventually(lambda: not alone._idle[0].channel.is_fresh())
    assert said(alone, "echo $PPID").strip() not in {"", shell}


def test_runs_as_the_user_that_is_asked_for(engine, container):
    assert int(run_in(container, ["id", "-u"])[1]) == 0
    with ExecChannels(engine, str(container.name), user="65534") as channels:
        assert said(channels, "id -u") == "65534\n"


def test_nothing_is_left_once_it_is_closed(container):
    gc.collect()

    def there_is() -> tuple[list[str], list[str], int, int]:
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        return processes(container), execs(container), descriptors, threading.active_count()

    before = there_is()
    with contextlib.closing(connect()) as client:
        with ExecChannels(client, str(container.id)) as channels:
            with ThreadPoolExecutor(6) as pool:
                assert list(pool.map(lambda _: said(channels, "sleep 0.1"), range(6))) == [""] * 6
            with pytest.raises(CommandTimedOutError):
                line(channels, "sleep 900", within=0.2)
            assert len(execs(container)) > len(before[1])
        # What is used afterwards keeps nothing.
        assert said(channels, "echo on") == "on\n"
    assert eventually(lambda: there_is() == before), (there_is(), before)


def test_a_process_that_ends_without_a_word_leaves_no_shell_behind(container):
    before = processes(container)
    client = connect()
    channels = ExecChannels(client, str(container.id))
    line(channels, "true")
    assert len(processes(container)) == len(before) + 1
    # As the kernel does it when a process is killed: the connection just ends.
    channels._idle.pop().channel._stream.close()
    client.close()
    assert eventually(lambda: processes(container) == before)


def test_works_without_any_shell(engine, run_id):
    with (
        container_with(engine, "none", run_id) as bare,
        ExecChannels(engine, str(bare.id)) as channels,
    ):
        found = channels.output(["cat", "/nowhere"], within=LIMIT)
        assert (found.exit_code, found.stdout) == (1, b"")
        assert b"No such file" in found.stderr
        assert channels.output(["head", "-c", "300000", "/dev/zero"]).stdout == bytes(300_000)
        with pytest.raises(CommandTimedOutError):
            channels.output(["sleep", "5"], within=0.3)
        bare.kill()
        with pytest.raises(ContainerEndedError):
            channels.output(["true"], within=LIMIT)


def test_works_over_tcp(container):
    with (
        CuttableEngine() as way,
        contextlib.closing(connect(way.host)) as client,
        ExecChannels(client, str(container.id)) as channels,
    ):
        assert line(channels, "echo far; exit 5") == Finished(5, b"far\n", b"")
        assert len(channels.output(["head", "-c", "3000000", "/dev/zero"]).stdout) == 3_000_000
        with pytest.raises(CommandTimedOutError):
            line(channels, "sleep 900", within=0.3)


def test_a_broken_connection_is_an_error_and_a_mended_one_is_used_again(
    container, tmp_path, no_way_there
):
    with (
        CuttableEngine(tmp_path / "engine") as way,
        contextlib.closing(connect(way.host)) as client,
        ExecChannels(client, str(container.id)) as channels,
    ):
        line(channels, "true")
        cutting = threading.Timer(0.3, way.cut)
        cutting.start()
        with pytest.raises(ChannelLostError):
            line(channels, "sleep 2")
        cutting.join()
        way.join_again()
        assert said(channels, "echo on") == "on\n"
        # A connection that broke while nothing ran is replaced without a word.
        way.cut()
        way.join_again()
        assert said(channels, "echo on") == "on\n"


def test_a_container_that_ends_under_a_command_is_named(engine, restarted):
    with ExecChannels(engine, str(restarted.id)) as channels:
        assert said(channels, "echo on") == "on\n"
        threading.Timer(0.3, restarted.kill).start()
        with pytest.raises(ContainerEndedError, match=r"the container .* (ended|does not run)"):
            line(channels, "sleep 60")
        with pytest.raises(ContainerEndedError, match="does not run"):
            line(channels, "true")
        restarted.start()
        assert said(channels, "echo on") == "on\n"


def test_a_restart_is_noticed_before_or_under_a_command(engine, restarted):
    with ExecChannels(engine, str(restarted.id)) as channels:
        assert said(channels, "echo on") == "on\n"
        restarted.restart(timeout=0)
        assert said(channels, "echo on") == "on\n"
        restarting = threading.Timer(0.3, restarted.restart, kwargs={"timeout": 0})
        restarting.start()
        with pytest.raises(ContainerEndedError, match=r"the container .* (ended|does not run)"):
            line(channels, "sleep 60")
        restarting.join()
        assert said(channels, "echo on") == "on\n"


def test_a_container_that_is_gone_is_named(engine):
    with (
        ExecChannels(engine, "no-such-container") as channels,
        pytest.raises(ContainerEndedError, match="there is no container no-such-container"),
    ):
        line(channels, "true")


def test_the_streams_have_the_numbers_that_docker_gives_them(channels):
    came: list[tuple[int, bytes]] = []
    channels.run(
        ["sh", "-c", "echo out; echo err >&2"], lambda *some: came.append(some), within=LIMIT
    )
    assert sorted(came) == [(STDOUT, b"out\n"), (STDERR, b"err\n")]
