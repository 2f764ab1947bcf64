"""The two kinds of data: values that ClinOps makes, documents that people write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value; its JSON form is what digests and the ledger see."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def json_value(self) -> dict[str, object]:
        """Return the plain JSON form, ready for canonical serialisation."""
        return self.model_dump(mode="json")


class Document(BaseModel):
    """A file that a person writes: frozen, strict about types, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_by_name=True, validate_by_alias=True
    )

    refused: ClassVar[Mapping[str, str]] = {}
    """Keys that people may well try here, each with the reason why it is refused."""
