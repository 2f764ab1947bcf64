"""What both suites of the record share: how to sign in, and how to call models."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from record import Record

NAME, PASSWORD = "admin", "synthetic-data-only"


@pytest.fixture(scope="session")
def http(http: httpx.Client) -> Iterator[httpx.Client]:
    """Sign the plugin's client in, with the demonstration's account.

    Once, for a session: looking at a password takes the record longer than most of the calls.
    """
    user, key = _common(http, "login", NAME, {"password": PASSWORD}, "en")
    session = base64.b64encode(f"{NAME}:{user}:{key}".encode()).decode()
    http.headers["Authorization"] = f"Session {session}"
    yield http
    _common(http, "logout")


def _common(http: httpx.Client, method: str, *arguments: Any) -> Any:
    call = {"id": 1, "method": f"common.db.{method}", "params": arguments}
    return http.post("/gnuhealth/", json=call).raise_for_status().json()["result"]


@pytest.fixture(scope="session")
def record(http: httpx.Client) -> Record:
    return Record(http)
