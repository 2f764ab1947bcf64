"""The Docker engine: how to reach it, and how to tell its failures from a product's."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import docker
import requests
import urllib3
from docker import DockerClient
from docker.errors import APIError, DockerException

from clinops.errors import EngineError

_OLDEST = "1.24"
"""A version of the engine's API, to ask by for the one that it speaks."""
_FAILURES = (
    DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
)


def connect(host: str | None = None, *, timeout: int = 60) -> DockerClient:
    """Connect to an engine.

    Args:
        host: A `DOCKER_HOST` address; none for the one that the environment names.
        timeout: Seconds that the engine may be silent.

    Raises:
        EngineError: Where no engine answers.
    """
    environment = dict(os.environ)
    if host is not None:
        environment["DOCKER_HOST"] = host
    with engine_errors("connect to the Docker engine"):
        with closing(_client(environment, timeout, _OLDEST)) as client:
            spoken = client.version(api_version=False)["ApiVersion"]
        return _client(environment, timeout, spoken)


def _client(environment: dict[str, str], timeout: int, version: str) -> DockerClient:
    client = docker.from_env(environment=environment, timeout=timeout, version=version)
    # An engine has its own authority and needs no proxy, whatever is set for the web at large:
    # REQUESTS_CA_BUNDLE, say, would take the place of the engine's certificate.
    client.api.trust_env = False
    return client


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn every failure of the engine, or of the way to it, into an EngineError."""
    try:
        yield
    except _FAILURES as error:
        said = error.explanation if isinstance(error, APIError) else error
        raise EngineError(
            f"could not {doing}: {plain(str(said))}",
            mend="look at the engine with `docker info`; `clinops doctor` says what is missing",
        ) from error


def plain(text: bytes | str) -> str:
    """Make foreign output harmless: control and format characters become visible escapes."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape", errors="replace").decode()
        for character in text.replace("\r\n", "\n")
    )


def last_lines(text: bytes | str, count: int) -> str:
    """Return the last lines of foreign output, made harmless, 16,000 characters at most."""
    return "\n".join(plain(text).strip("\n").split("\n")[-count:])[-16_000:]


class EngineWatch:
    """Notices when the engine goes away, even if it is back by the time somebody asks.

    An open stream of the engine's events ends only with the engine. Without this, a suite that
    failed because the engine was restarted under it would be blamed on the product.
    """

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._closing = False
        self._gone = threading.Event()
        with engine_errors("watch the Docker engine"):
            # Daemon events are rare, so that the stream stays open and costs nothing.
            self._events = client.events(filters={"type": "daemon"})
        self._thread = threading.Thread(target=self._follow, name="engine-watch", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        with suppress(*_FAILURES, ValueError):
            for _ in self._events:
                pass
        if not self._closing:
            self._gone.set()

    def ensure_engine_stayed(self) -> None:
        """Raise EngineError if the engine went away since this watch began."""
        with engine_errors("reach the Docker engine"):
            self._client.ping()
        if self._gone.is_set():
            raise EngineError(
                "the Docker engine went away for a while", mend="try again: nobody is to blame"
            )

    def close(self) -> None:
        """Stop watching."""
        self._closing = True
        if self._thread.is_alive():
            with suppress(*_FAILURES, OSError):
                self._events.close()
            self._thread.join(timeout=5)
