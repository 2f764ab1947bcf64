"""Read what the record must never lose: people, and what is known of them.

`CLINOPS_RESULT` names the file for the result: collections of records, each record by what
identifies it outside the record itself. All of it is read by FHIR searches, page by page.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from people import NHS_NUMBER, connected

from clinops.domain.inventory import keyed

AT_ONCE = 15
KINDS = {
    "patients": "Patient",
    "allergies": "AllergyIntolerance",
    "results": "Observation",
    "prescriptions": "MedicationRequest",
}


def everything(server: httpx.Client, kind: str) -> Iterator[dict[str, Any]]:
    """Yield all resources of a kind; numbers are the text that the server has written for them."""
    path: str | None = f"{kind}?_count={AT_ONCE}"
    while path:
        answer = server.get(path).raise_for_status().text
        bundle = json.loads(answer, parse_float=str, parse_int=str)
        yield from (entry["resource"] for entry in bundle.get("entry", ()))
        path = _next(bundle)


def _next(bundle: dict[str, Any]) -> str | None:
    # NOTE: by kind and query alone: the server knows itself by a name that leads nowhere.
    for link in bundle["link"]:
        if link["relation"] == "next":
            parts = urlsplit(link["url"])
            return f"{parts.path.rpartition('/')[2]}?{parts.query}"
    return None


def key_of(resource: dict[str, Any]) -> str:
    """Return a patient's NHS number; of what belongs to a patient, whose and which it is."""
    for identifier in resource.get("identifier", ()):
        if identifier.get("system") == NHS_NUMBER:
            return str(identifier["value"])
    holder = resource.get("subject") or resource.get("patient") or {}
    return f"{holder.get('reference', 'no patient')} {resource['id']}"


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value of a resource with its path: `valueQuantity.unit`, `name.0.family`."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from flat(below, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for position, below in enumerate(value):
            yield from flat(below, f"{path}.{position}")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)


def main() -> None:
    """Read everything and leave the result."""
    with connected() as server:
        result = {
            name: keyed((key_of(each), dict(flat(each))) for each in everything(server, kind))
            for name, kind in KINDS.items()
        }
    Path(os.environ["CLINOPS_RESULT"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
