"""The record's JSON-RPC interface, in the few words that the tests need."""

from __future__ import annotations

import base64
import datetime as dt
import json
from decimal import Decimal
from typing import Any

import httpx

_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "microsecond")


class RefusedError(Exception):
    """The record refused a call, in its own words."""


class Record:
    """Calls on models, as the user that the client is signed in as."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method by its full name; raises RefusedError."""
        call = {"id": 1, "method": method, "params": [*arguments, {}]}
        answer = self.http.post(
            "/gnuhealth/",
            content=json.dumps(call, default=_in_json),
            headers={"Content-Type": "application/json"},
        )
        said = json.loads(answer.raise_for_status().content, object_hook=_out_of_json)
        if "error" in said:
            raise RefusedError(str(said["error"][:2]))
        return said["result"]

    def create(self, model: str, **values: Any) -> int:
        """Create one record and return its id."""
        (created,) = self.call(f"model.{model}.create", [values])
        return int(created)

    def write(self, model: str, identifier: int, **values: Any) -> None:
        """Change one record."""
        self.call(f"model.{model}.write", [identifier], values)

    def delete(self, model: str, identifier: int) -> None:
        """Delete one record."""
        self.call(f"model.{model}.delete", [identifier])

    def read(self, model: str, identifier: int, *fields: str) -> dict[str, Any]:
        """Read fields of one record."""
        (found,) = self.call(f"model.{model}.read", [identifier], list(fields))
        return dict(found)

    def search(self, model: str, *domain: Any, **page: Any) -> list[int]:
        """Return the ids of what matches; `page` has `offset`, `limit` and `order`."""
        how = [page.get("offset", 0), page.get("limit"), page.get("order")]
        return list(self.call(f"model.{model}.search", list(domain), *how))

    def count(self, model: str, *domain: Any) -> int:
        """Return how many match."""
        return int(self.call(f"model.{model}.search_count", list(domain)))


def _in_json(value: Any) -> dict[str, Any]:
    """Write what JSON has no word for in Tryton's way."""
    match value:
        case dt.datetime():
            return {
                "__class__": "datetime",
                **{part: getattr(value, part) for part in _DATE + _TIME},
            }
        case dt.date():
            return {"__class__": "date", **{part: getattr(value, part) for part in _DATE}}
        case bytes():
            return {"__class__": "bytes", "base64": base64.b64encode(value).decode()}
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
    raise TypeError(f"{type(value).__name__} can't be sent to the record")


def _out_of_json(found: dict[str, Any]) -> Any:
    match found:
        case {"__class__": "datetime", **parts}:
            return dt.datetime(*(parts[part] for part in _DATE + _TIME), tzinfo=dt.UTC)
        case {"__class__": "date", **parts}:
            return dt.date(*(parts[part] for part in _DATE))
        case {"__class__": "bytes", "base64": text}:
            return base64.b64decode(text)
        case {"__class__": "Decimal", "decimal": text}:
            return Decimal(text)
        case _:
            return found
