"""Records as they are read for an inventory: bounded in number, in size and in time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from clinops.domain.digest import digest_bytes, digest_of
from clinops.domain.inventory import Collection, Source, held, packed
from clinops.errors import InfrastructureError

KEPT_ROWS = 200_000
"""Rows of a table that are kept as they are; of a longer one only digests are."""
MOST_RECORDS = 1_000_000
_SHORT_BYTES = 100
_SHORT_NAME = 16


class Allowance:
    """What one reading of a system may still take."""

    def __init__(self, seconds: float, records: int = MOST_RECORDS) -> None:
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._records = records
        self._left = records

    @property
    def seconds(self) -> float:
        """Seconds that are left, and at least one: zero would mean no limit to a server."""
        return max(1.0, self._until - time.monotonic())

    def take(self) -> None:
        """Take one record from it; raises InfrastructureError where there is nothing left."""
        self._left -= 1
        if self._left < 0:
            raise InfrastructureError(
                f"the system holds more than {self._records:,} records",
                mend="seed less: a rehearsal needs every kind of record, not every record",
            )
        self.check()

    def check(self) -> None:
        """Raise InfrastructureError where the time is over."""
        if time.monotonic() > self._until:
            raise InfrastructureError(
                f"reading what the system holds took longer than {self._seconds:g} s",
                mend="seed less, or look why the system is so slow",
            )


class Rows:
    """The rows of one table, gathered one by one."""

    def __init__(self, columns: Sequence[str], key: Sequence[str], allowance: Allowance) -> None:
        self._columns = tuple(columns)
        self._key = tuple(key)
        self._allowance = allowance
        self._records: dict[str, dict[str, str]] = {}
        self._digested = False

    def add(self, values: Sequence[str | None]) -> None:
        """Add a row: its values in the order of the columns, None for NULL."""
        self._allowance.take()
        pairs = zip(self._columns, values, strict=True)
        fields = {column: value for column, value in pairs if value is not None}
        name = self._named(fields)
        if len(self._records) == KEPT_ROWS and not self._digested:
            self._digested = True
            self._records = {key: packed(row, self._columns) for key, row in self._records.items()}
        self._records[name] = packed(fields, self._columns) if self._digested else fields

    def _named(self, fields: Mapping[str, str]) -> str:
        name = key_of([fields.get(column) for column in self._key]) if self._key else _of(fields)
        return free_name(name, self._records)

    def collection(self, columns: Mapping[str, str], constraints: Sequence[str]) -> Collection:
        """Return the table with its rows."""
        return Collection(
            source=Source.TABLE,
            columns=dict(columns),
            key=self._key,
            constraints=tuple(sorted(constraints)),
            records=self._records,
            digested=self._digested,
        )


def key_of(values: Sequence[str | None]) -> str:
    """Name a row by the values of its key, so that no two keys give the same name."""
    if len(values) == 1 and values[0] is not None:
        return values[0]
    parts = ("\\0" if value is None else _escaped(value) for value in values)
    return "/".join(parts)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("/", "\\/")


def _of(fields: Mapping[str, str]) -> str:
    return digest_of(dict(fields)).removeprefix("sha256:")[:_SHORT_NAME]


def free_name(name: str, taken: Mapping[str, object]) -> str:
    """Number a name that is taken already: nothing that is read may hide something else."""
    if name not in taken:
        return name
    number = 2
    while f"{name} #{number}" in taken:
        number += 1
    return f"{name} #{number}"


def held_bytes(data: bytes) -> str:
    """Return what an inventory keeps of bytes: themselves in hexadecimal, or their digest."""
    return "\\x" + data.hex() if len(data) <= _SHORT_BYTES else digest_bytes(data)


def held_text(data: bytes) -> str:
    """Return what an inventory keeps of a text that may not be valid UTF-8."""
    try:
        return held(data.decode())
    except UnicodeDecodeError:
        return digest_bytes(data)
