"""A browser without scripts, on an application in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.applications import Starlette


class Browser:
    """Sends requests one after the other, and keeps cookies as browsers do."""

    def __init__(self, app: Starlette, address: str = "http://localhost") -> None:
        self.app = app
        self.cookies = httpx.Cookies()
        self._address = address

    def get(self, address: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Fetch a page."""
        return self.request("GET", address, headers=headers)

    def request(self, method: str, address: str, **more: Any) -> httpx.Response:
        """Send any request; the application's own failures are answers too."""
        return asyncio.run(self._request(method, address, more))

    def text(self, address: str) -> str:
        """Fetch a page that must be there."""
        answer = self.get(address)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def _request(self, method: str, address: str, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url=self._address, cookies=self.cookies
        ) as client:
            answer = await client.request(method, address, **more)
        self.cookies = client.cookies
        return answer
