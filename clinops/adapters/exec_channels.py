"""The channels into one container: as many as commands run at once, kept for those to come."""

from __future__ import annotations

import math
import shlex
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from time import monotonic, sleep
from typing import Final, Self

import requests
from docker import DockerClient
from docker.errors import APIError, DockerException, NotFound

from clinops.adapters.exec_channel import (
    Command,
    ExecChannel,
    NoShellError,
    NotStartedError,
    Sink,
    program,
)
from clinops.adapters.exec_stream import STDERR, STDOUT, ExecStream


class ContainerEndedError(Exception):
    """The container does not run, or has not run on since the command was started."""


_KEPT: Final = 16
"""Channels that are kept open, which is as many as threads ran commands at once."""
_ENDING: Final = 10.0
"""Seconds within which a command is ended whose time is up."""
_NOTICED: Final = 2.0
"""Seconds within which the engine knows that a container has ended."""
_ATTEMPTS: Final = 3
_DOUBTFUL: Final = {126, 137}
"""Exit codes that an engine gives as well where a container ends under an exec."""
_POLL: Final = 0.05
_UNREACHABLE: Final = (
    DockerException,
    requests.RequestException,
    ConnectionError,
    TimeoutError,
)

_END: Final = r"""family=" $1 "
more=yes
while [ "$more" ]; do
    more=
    for stat in /proc/[0-9]*/stat; do
        read -r line <"$stat" || continue
        process=${line%% *}
        case $family in *" $process "*) continue ;; esac
        set -- "$1" ${line##*) }
        belongs=
        case $family in *" $3 "* | *" $5 "*) belongs=yes ;; esac
        for file in /proc/"$process"/fd/*; do
            [ "$file" -ef /proc/"$1"/fd/3 ] || [ "$file" -ef /proc/"$1"/fd/4 ] && belongs=yes
        done
        [ "$belongs" ] || continue
        kill -STOP "$process"
        family="$family$process "
        more=yes
    done
done
kill -KILL $family
"""
"""Ends the session of a channel, what descends from it, and what else holds its streams.

All are stopped first, so that none can multiply meanwhile.
"""


class CommandTimedOutError(Exception):
    """The time of a command was up: it was ended, with all that it had started."""


@dataclass(frozen=True)
class Finished:
    """What came of a command."""

    exit_code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class _Opened:
    channel: ExecChannel
    started_at: str
    """When its container was started: another time means other processes."""


class ExecChannels:
    """Runs commands in one container, from any number of threads.

    Nothing is opened before it is needed, and nothing is kept after it was closed.
    """

    def __init__(self, client: DockerClient, container: str, *, user: str = "") -> None:
        """Use a container by its name or id, as its own user or as another one."""
        self._client = client
        self._container = container
        self._user = user
        self._lock = Lock()
        self._idle: list[_Opened] = []
        self._kept = _KEPT
        self._has_shell = True

    def output(self, command: Command, *, within: float = math.inf) -> Finished:
        """Run a command and return all that it says; raises what `run` raises."""
        said = {STDOUT: bytearray(), STDERR: bytearray()}
        code = self.run(command, lambda stream, chunk: said[stream].extend(chunk), within=within)
        return Finished(code, bytes(said[STDOUT]), bytes(said[STDERR]))

    def run(self, command: Command, sink: Sink, *, within: float = math.inf) -> int:
        """Run a command, pass on what it says as it comes, and return its exit code.

        Args:
            command: A line of shell, or a program and its arguments, which no shell reads.
            sink: Takes the number of a stream and some bytes; never much at a time.
            within: Seconds after which the command and all that it started are ended.

        Raises:
            CommandTimedOutError: It was ended.
            ContainerEndedError: The container does not run (any more).
            ChannelLostError: It may have run, and how it ended is not known.
            APIError: The engine refuses.
            ValueError: That is no command.
        """
        argv = program(command)
        try:
            return self._run(command, sink, monotonic() + within)
        except TimeoutError as error:
            said = command if isinstance(command, str) else shlex.join(argv)
            raise CommandTimedOutError(f"`{said}` did not end within {within:g} seconds") from error

    def _run(self, command: Command, sink: Sink, until: float) -> int:
        if self._has_shell:
            try:
                return self._run_in_a_shell(command, sink, until)
            except NoShellError:
                self._has_shell = False
        return self._run_by_itself(command, sink, until)

    def _run_in_a_shell(self, command: Command, sink: Sink, until: float) -> int:
        try:
            return self._run_over(self._borrowed(until), command, sink, until)
        except NotStartedError:
            opened = self._opened(until)
        try:
            return self._run_over(opened, command, sink, until)
        except NotStartedError:
            self._ensure_not_ended(opened.started_at)
            raise

    def _run_over(self, opened: _Opened, command: Command, sink: Sink, until: float) -> int:
        try:
            code = opened.channel.run(command, sink, until)
        except BaseException as error:
            opened.channel.close()
            if isinstance(error, NotStartedError):
                raise
            # Whatever it was, an interrupt as well: nobody waits for the command any more.
            if not self._end(opened) and isinstance(error, ConnectionError):
                self._ensure_not_ended(opened.started_at)
            raise
        self._give_back(opened)
        return code

    def _run_by_itself(self, command: Command, sink: Sink, until: float) -> int:
        """Run a command as an exec of its own; what does not end in time is left to itself."""
        started_at = self._started_at()
        stream = ExecStream(self._client, self._container, program(command), user=self._user)
        try:
            while (received := stream.receive(until))[1]:
                sink(*received)
            code = stream.exit_code(until)
        except (APIError, ConnectionError):
            self._ensure_not_ended(started_at)
            raise
        finally:
            stream.close()
        if code in _DOUBTFUL:
            self._ensure_not_ended(started_at)
        return code

    def _borrowed(self, until: float) -> _Opened:
        while True:
            with self._lock:
                if not self._idle:
                    break
                opened = self._idle.pop()
            if opened.channel.is_fresh():
                return opened
            opened.channel.close()
        return self._opened(until)

    def _opened(self, until: float) -> _Opened:
        """Open a channel; more than once if need be, as nothing has been told to it yet."""
        failed: Exception | None = None
        for _ in range(_ATTEMPTS):
            # In this order: what was opened after a restart must not pass for older.
            started_at = self._started_at()
            try:
                channel = ExecChannel(self._client, self._container, user=self._user, until=until)
                return _Opened(channel, started_at)
            except (APIError, ConnectionError, NoShellError) as error:
                if self._lacks_a_shell():
                    raise NoShellError from error
                # In a container that is just ending nothing can be run either.
                self._ensure_not_ended(started_at)
                failed = error
        assert failed  # noqa: S101 - for the type checker
        raise failed

    def _give_back(self, opened: _Opened) -> None:
        with self._lock:
            if opened.channel.usable and len(self._idle) < self._kept:
                self._idle.append(opened)
                return
        opened.channel.close()

    def _end(self, opened: _Opened) -> bool:
        """End what runs in a channel; False where the container is not what it was."""
        until = monotonic() + _ENDING
        command = ["/bin/sh", "-c", _END, "sh", str(opened.channel.session)]
        is_the_same = True
        with suppress(*_UNREACHABLE, ContainerEndedError, NoShellError):
            while is_the_same:
                other = self._borrowed(until)
                is_the_same = other.started_at == opened.started_at
                try:
                    if is_the_same:
                        other.channel.run(command, lambda _stream, _said: None, until)
                        return True
                except ConnectionError:
                    continue  # that channel broke as well
                finally:
                    self._give_back(other)
        return False

    def _lacks_a_shell(self) -> bool:
        self._started_at()
        try:
            chunks, _ = self._client.api.get_archive(self._container, "/bin/sh")
            chunks.close()
        except NotFound:
            return True
        return False

    def _ensure_not_ended(self, started_at: str) -> None:
        """Raise ContainerEndedError if it ended since, of which the engine may know later."""
        until = monotonic() + _NOTICED
        with suppress(*_UNREACHABLE):
            while monotonic() < until:
                if self._started_at() != started_at:
                    raise ContainerEndedError(f"the container {self._container} ended meanwhile")
                sleep(_POLL)

    def _started_at(self) -> str:
        try:
            state = self._client.api.inspect_container(self._container)["State"]
        except NotFound as error:
            raise ContainerEndedError(f"there is no container {self._container}") from error
        if state["Status"] != "running":
            raise ContainerEndedError(f"the container {self._container} does not run")
        return str(state["StartedAt"])

    def close(self) -> None:
        """Close all channels; those that are in use are closed after their command."""
        with self._lock:
            idle, self._idle, self._kept = self._idle, [], 0
        for opened in idle:
            opened.channel.close()

    def __enter__(self) -> Self:
        """Use it for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all channels."""
        self.close()
