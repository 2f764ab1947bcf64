"""What both suites of the server share: how to sign in."""

import httpx
import pytest

SIGN_IN = ("reference", "synthetic-data-only")


@pytest.fixture(scope="session")
def http(http: httpx.Client) -> httpx.Client:
    """Sign the plugin's client in, with the demonstration's account."""
    http.auth = httpx.BasicAuth(*SIGN_IN)
    return http
