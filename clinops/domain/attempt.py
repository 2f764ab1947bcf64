"""An attempt to write while something goes wrong, and what the system acknowledged meanwhile."""

from __future__ import annotations

import json
from typing import Final

from pydantic import TypeAdapter, ValidationError

from clinops.domain.inventory import Collection, Inventory, Source, held
from clinops.domain.value import Value
from clinops.errors import BadInputError

_REPORT: Final = TypeAdapter(dict[str, dict[str, dict[str, str]]])
_FORM: Final = 'write {"patients": {"9990000018": {"name": "…"}}}: collection, record, field, text'


class Attempt(Value):
    """What came of a program that was free to fail."""

    problem: str = ""
    """Why it failed; empty where it ended well."""
    result: bytes = b""
    """What it had left at `CLINOPS_RESULT` by then."""
    last: float = 0.0
    """When it last wrote there, in seconds since the epoch; 0 where it never did."""


def acknowledged(attempt: Attempt, program: str) -> Inventory | None:
    """Read what a writer reports as acknowledged; none where it reports nothing.

    Raises:
        BadInputError: What it left is no such report.
    """
    if not attempt.result:
        return None
    try:
        reported = _REPORT.validate_python(json.loads(attempt.result), strict=True)
    except (ValidationError, ValueError, RecursionError) as error:
        why = f"{program}: what it reports as acknowledged can't be read"
        raise BadInputError(why, mend=_FORM) from error
    collections = {
        name: Collection(
            source=Source.PROGRAM,
            records={
                key: {field: held(text) for field, text in fields.items()}
                for key, fields in records.items()
            },
        )
        for name, records in reported.items()
    }
    return Inventory(collections=collections)
