"""What both suites of the record share: how to sign in, and how to call models."""

import httpx
import pytest
from record import Record

SIGN_IN = ("admin", "synthetic-data-only")


@pytest.fixture(scope="session")
def http(http: httpx.Client) -> httpx.Client:
    """Sign the plugin's client in, with the demonstration's account."""
    http.auth = httpx.BasicAuth(*SIGN_IN)
    return http


@pytest.fixture(scope="session")
def record(http: httpx.Client) -> Record:
    return Record(http)
