"""Faults: what is wrong in a document, in words for the person who wrote it.

Validators of documents raise `refuse(Fault(…))`; `clinops.domain.parsing` adds file and line.
A fault's text continues the name of the place: `package.image` … "has no digest".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

Place = tuple[str | int, ...]
"""Keys and list positions on the way from a document's root to a value."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong, how to mend it, and where below the value that is being validated."""

    what: str
    mend: str = ""
    at: Place = ()


def refuse(*faults: Fault) -> PydanticCustomError:
    """Make the error that a validator raises for one or more faults."""
    text = "; ".join(fault.what for fault in faults)
    return PydanticCustomError("faults", "{text}", {"text": text, "faults": faults})


@dataclass(frozen=True)
class Shape:
    """Annotates text that must match a pattern as a whole, with the words for when it does not."""

    pattern: str
    what: str
    mend: str = ""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check after pydantic has made sure that it is text."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Publish the pattern, so that editors check it as well."""
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise refuse(Fault(self.what, self.mend))
        return text
