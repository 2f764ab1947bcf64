"""The audit of a ledger: walk the chain from its first entry, fold it again, compare."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from clinops.domain.digest import canonical
from clinops.domain.ledger import (
    GENESIS,
    Entry,
    ReleaseRecord,
    Row,
    encode,
    fold_live,
    fold_release,
    live_name,
    release_of,
)
from clinops.domain.site import LiveSystem
from clinops.domain.value import Value
from clinops.errors import LedgerError

_HARD_NUMBER = re.compile(r'(?:":|[,\[])-?(?:[0-9]+[.eE]|[0-9]{16})')
"""A number that Python may write in another form than RFC 8785 does.

Where there is none, and the text is ASCII (so that keys order alike), Python's encoder gives the
canonical form, at a fraction of the time.
"""


class Audit:
    """Follows rows in order; every method yields one sentence per thing that does not hold."""

    def __init__(self) -> None:
        self._sequence = 0
        self._digest = GENESIS
        self._time = ""
        self._releases: dict[str, ReleaseRecord] = {}
        self._live: dict[str, LiveSystem] = {}

    def follow(self, row: Row) -> Iterator[str]:
        """Check one row against the rows before it."""
        if row.sequence != self._sequence + 1:
            yield f"entry {self._sequence + 1} is missing: entry {row.sequence} is in its place"
        if row.previous != self._digest:
            yield f"entry {row.sequence} does not follow the one before it"
        self._sequence, self._digest = row.sequence, row.digest
        try:
            entry = row.entry()
            yield from self._check(row, entry)
            self._fold(entry)
        except LedgerError as error:
            yield f"entry {row.sequence} does not stand: {error}"

    def _check(self, row: Row, entry: Entry) -> Iterator[str]:
        if row.recomputed() != row.digest:
            yield f"entry {row.sequence} was changed after it was written"
        if not _is_canonical(row.body, entry.body):
            yield f"entry {row.sequence} has a body that is not in canonical form"
        if row.time < self._time:
            yield f"entry {row.sequence} is older than the one before it"
        self._time = row.time

    def _fold(self, entry: Entry) -> None:
        record = fold_release(self._releases.get(release_of(entry) or ""), entry)
        live = fold_live(entry)
        if record is not None:
            self._releases[record.id] = record
        if live is not None:
            self._live[live_name(live)] = live

    def end(self, sequence: int, digest: str) -> Iterator[str]:
        """Hold the last row against the head, which says where the ledger must end."""
        if (sequence, digest) != (self._sequence, self._digest):
            yield f"the ledger ends at entry {self._sequence}, but its head is entry {sequence}"

    def folded(self, releases: Mapping[str, str], live: Mapping[str, str]) -> Iterator[str]:
        """Hold the folded rows that were found, as texts, against those that the entries give.

        Args:
            releases: JSON of each release's record, by release id.
            live: JSON of each live system, by `product@site`.
        """
        yield from _differences("release", self._releases, releases)
        yield from _differences("live system", self._live, live)


def _is_canonical(text: str, body: object) -> bool:
    try:
        if text.isascii() and not _HARD_NUMBER.search(text):
            return encode(body) == text
        return canonical(body).decode() == text
    except (ValueError, RecursionError):
        return False


def _differences(what: str, folded: Mapping[str, Value], found: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(folded.keys() | found.keys()):
        if name not in found:
            yield f"the {what} {name} is missing from the folded table"
        elif name not in folded:
            yield f"the {what} {name} is in the folded table, but no entry speaks of it"
        elif not _says(found[name], folded[name]):
            yield f"the folded row of the {what} {name} says something else than its entries"


def _says(text: str, value: Value) -> bool:
    try:
        return type(value).model_validate_json(text) == value
    except ValueError:
        return False
