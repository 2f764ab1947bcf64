"""The record's JSON-RPC interface, in the few words that seed, inventory and writer need."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from clinops.domain.replica import Replica

SIGN_IN = ("admin", "synthetic-data-only")
AT_ONCE = 200
_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "microsecond")


class RecordError(Exception):
    """The record refused a call, in its own words."""


class Record:
    """Calls on models, as the user that signs in."""

    def __init__(self, address: str) -> None:
        """Connect to `host:port`."""
        self._http = httpx.Client(
            base_url=f"http://{address}",
            auth=SIGN_IN,
            headers={"Content-Type": "application/json"},
            trust_env=False,
            timeout=60,
        )
        self._ids = itertools.count(1)

    @classmethod
    def of_replica(cls) -> Record:
        """Connect to where `CLINOPS_REPLICA` says that the record listens."""
        replica = Replica.model_validate_json(Path(os.environ["CLINOPS_REPLICA"]).read_bytes())
        return cls(replica.endpoints["http"])

    def call(self, model: str, method: str, *arguments: Any) -> Any:
        """Call a method of a model.

        Raises:
            RecordError: The record answered with an error.
        """
        call = {
            "id": next(self._ids),
            "method": f"model.{model}.{method}",
            "params": [*arguments, {}],
        }
        answer = self._http.post("/gnuhealth/", content=json.dumps(call, default=_in_json))
        said = json.loads(answer.raise_for_status().content, object_hook=_out_of_json)
        if "error" in said:
            raise RecordError(f"{model}.{method}: {said['error'][:2]}")
        return said["result"]

    def ensure(self, model: str, key: dict[str, Any], **values: Any) -> int:
        """Return the id of the one with these values, creating it where there is none."""
        domain = [[name, "=", value] for name, value in key.items()]
        found = self.call(model, "search", domain)
        (wanted,) = found or self.call(model, "create", [{**key, **values}])
        return int(wanted)

    def read(self, model: str, fields: list[str]) -> Iterator[dict[str, Any]]:
        """Yield these fields of everything of a model, inactive ones too, page by page."""
        either = ["OR", ["active", "=", True], ["active", "=", False]]
        everything = either if "active" in self.call(model, "fields_get", ["active"]) else []
        since = 0
        order = [["id", "ASC"]]
        while page := self.call(model, "search_read", everything, since, AT_ONCE, order, fields):
            yield from page
            since += len(page)


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
