"""A shell that is held open in a container, and runs one command after another.

Starting an exec costs an engine some 50 ms; telling a shell that runs already costs less than one.
The shell is told one line for each command, and says after it, on both streams, a mark that
nobody could know before, with the exit code. `docs/exec-channels.md` tells what is promised.
"""

from __future__ import annotations

import math
import re
import secrets
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Final

from docker import DockerClient

from clinops.adapters.exec_stream import STDERR, STDOUT, ExecStream

Command = str | Sequence[str]
"""A line of shell, or a program and its arguments, which no shell reads."""
Sink = Callable[[int, bytes], object]
"""Takes what a command says: which stream, and some bytes of it."""

_TOKEN_BYTES: Final = 16
_LONGEST_REPORT: Final = 64
_REPORT: Final = re.compile(rb" (\d+) (\d+)\n\n")
"""Two numbers on standard output, and nothing on the other stream."""
_BY_A_SIGNAL: Final = 128
"""From where on an exit code tells of a signal."""
_PARTING: Final = 2.0
"""Seconds that a shell has for leaving."""

_SHELL: Final = r"""exec 3>&1 4>&2 >/dev/null 2>&1
trap : HUP INT QUIT ALRM TERM USR1 USR2
clinops_program() {
    clinops_token=$1
    shift
    (unset PWD OLDPWD SHLVL; exec "$@" >&3 2>&4 3>&- 4>&-) </dev/null
    clinops_end
}
clinops_line() {
    clinops_token=$1
    shift
    (unset $clinops_names clinops_names; eval "shift; $1") </dev/null >&3 2>&4 3>&- 4>&-
    clinops_end
}
clinops_end() {
    clinops_code=$?
    clinops_alone
    clinops_say "$clinops_code $?"
}
clinops_say() {
    printf '%s%s\n' "$clinops_token" " $1" >&3
    printf '%s\n' "$clinops_token" >&4
}
clinops_alone() {
    for clinops_try in 1 2 3 4; do
        set -- /proc/[0-9]*
        [ "$*" = "$clinops_known" ] && return 0
        clinops_unclear=
        for clinops_process; do
            case " $clinops_known " in *" $clinops_process "*) continue ;; esac
            for clinops_file in "$clinops_process"/fd/*; do
                [ "$clinops_file" -ef /proc/$$/fd/3 ] && return 1
                [ "$clinops_file" -ef /proc/$$/fd/4 ] && return 1
            done
            [ "$clinops_file" = "$clinops_process/fd/*" ] && clinops_unclear=yes
        done
        [ "$clinops_unclear" ] || { clinops_known=$*; return 0; }
    done
    return 1
}
clinops_names='clinops_token clinops_code clinops_known clinops_able clinops_try clinops_unclear
    clinops_process clinops_file'
set -- /proc/[0-9]*
clinops_known=$*
[ /proc/$$/fd/3 -ef /proc/$$/fd/3 ]
clinops_able=$?
"""
"""What the shell is told first. It keeps its own streams, which commands write to, as 3 and 4.

A program is run by `exec`, so that no builtin or keyword stands in for it. A line is run by a fork
of the shell, which is spared to load another one; the mark must not be seen from there. `kill 0`
must not end the channel, hence the traps, which commands don't inherit. A process that a command
left behind, and that holds one of the streams, could write in the midst of a later command's
output: `clinops_alone` looks through all processes that are new.
"""

_OWN_NUMBER: Final = re.compile(r"\$\{?\$")
"""`$$` in a line: all forks of a shell have the shell's own there."""


class ChannelLostError(ConnectionError):
    """The channel broke while a command ran, of which it is not known how far it came."""


class NotStartedError(ConnectionError):
    """The channel broke before a command was told: it may be told to another one."""


class NoShellError(Exception):
    """The container has no shell that could be held open."""


class ExecChannel:
    """One shell in one container; for one command at a time.

    Attributes:
        usable: Whether it may be given another command.
        session: The shell's process id inside the container; that of its session as well.
    """

    def __init__(
        self, client: DockerClient, container: str, *, user: str = "", until: float = math.inf
    ) -> None:
        """Open it; raises NoShellError, APIError, TimeoutError and ChannelLostError."""
        self.usable = False
        self._stream = ExecStream(client, container, ["/bin/sh"], user=user, stdin=True)
        try:
            self.session = self._greet(until)
        except BaseException:
            self._stream.close()
            raise
        self.usable = True

    def _greet(self, until: float) -> int:
        token = secrets.token_hex(_TOKEN_BYTES)
        greeting = f'{_SHELL}clinops_token={token}\nclinops_say "$$ $clinops_able"\n'
        try:
            self._stream.send(greeting.encode(), until)
            session, unable = self._follow(token, lambda _stream, _said: None, until)
        except ConnectionError as error:
            if self._stream.exit_code(until) < _BY_A_SIGNAL:
                raise NoShellError from error
            raise
        if unable:
            raise NoShellError
        return session

    def run(self, command: Command, sink: Sink, until: float = math.inf) -> int:
        """Run a command with nothing on its standard input, and return its exit code.

        After any error the channel is not usable any more, and the command may still run.

        Args:
            command: A line of shell, or a program and its arguments.
            sink: Takes its output as it comes.
            until: When to stop to wait for it, on the monotonic clock.

        Raises:
            TimeoutError: The time is up.
            NotStartedError: The command was provably not started.
            ChannelLostError: It is not known whether it was, or how it ended.
        """
        self.usable = False
        token = secrets.token_hex(_TOKEN_BYTES)
        try:
            # The shell starts nothing before it has the last byte, the end of the line.
            self._stream.send(_request(command, token), until)
        except ConnectionError as error:
            raise NotStartedError("the shell in the container is gone") from error
        code, left_something = self._follow(token, sink, until)
        self.usable = not left_something
        return code

    def _follow(self, token: str, sink: Sink, until: float) -> tuple[int, int]:
        """Pass on what comes before the marks, and return the report behind them."""
        marked = {stream: _Marked(token.encode()) for stream in (STDOUT, STDERR)}
        while not all(each.ended for each in marked.values()):
            try:
                stream, chunk = self._stream.receive(until)
            except ConnectionError as error:
                raise ChannelLostError("the connection to the engine broke") from error
            if not chunk:
                raise ChannelLostError("the shell in the container has ended")
            if said := marked[stream].before(chunk):
                sink(stream, said)
        reported = _REPORT.fullmatch(marked[STDOUT].held + marked[STDERR].held)
        if not reported:
            raise ChannelLostError("something else wrote into the channel")
        return int(reported[1]), int(reported[2])

    def is_fresh(self) -> bool:
        """Whether it may be given another command, and nothing has come since the last one."""
        return self.usable and self._stream.is_quiet()

    def close(self) -> None:
        """End the shell, and wait a little until it has ended if nothing else is in its way."""
        if self.usable:
            self.usable = False
            until = monotonic() + _PARTING
            with suppress(ConnectionError, TimeoutError):
                self._stream.send(b"exit\n", until)
                while self._stream.receive(until)[1]:
                    pass
        self._stream.close()


def program(command: Command) -> list[str]:
    """Return the program and the arguments that a command is if it is run by itself."""
    argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
    if not argv or any("\0" in argument for argument in argv):
        raise ValueError("a command has a name, and no null byte")
    return argv


def _request(command: Command, token: str) -> bytes:
    argv = program(command)
    if isinstance(command, str) and not _OWN_NUMBER.search(command):
        request = f"clinops_line {token} {shlex.quote(command)}\n"
    else:
        request = f"clinops_program {token} {shlex.join(argv)}\n"
    return request.encode(errors="surrogateescape")


class _Marked:
    """One stream up to a mark, and the line that the mark begins."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._found = False
        self.held = b""
        """What may be a mark, or what stands behind it."""

    @property
    def ended(self) -> bool:
        """Whether the mark and its line are there, or what can't be one."""
        return self._found and (b"\n" in self.held or len(self.held) > _LONGEST_REPORT)

    def before(self, chunk: bytes) -> bytes:
        """Return what is surely no part of a mark."""
        self.held += chunk
        if self._found:
            return b""
        at = self.held.find(self._mark)
        self._found = at >= 0
        end = at if self._found else len(self.held) - self._begun()
        said, self.held = self.held[:end], self.held[end:].removeprefix(self._mark)
        return said

    def _begun(self) -> int:
        """Return how many bytes at the end may be the beginning of the mark."""
        lengths = range(len(self._mark) - 1, 0, -1)
        return next((length for length in lengths if self.held.endswith(self._mark[:length])), 0)
