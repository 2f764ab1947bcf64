"""The audit of a ledger: walk the chain from its first entry, fold it again, compare.

Nearly every row is as ClinOps writes it, and is read the quick way. On the first surprise the row
is read again the slow way, which explains; after the first problem, every row is.
"""

from __future__ import annotations

import json
import re
from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from pydantic_core import from_json

from clinops.domain.digest import canonical
from clinops.domain.fold import ReleaseRecord, ReleaseRow, fold_live, fold_release, live_name
from clinops.domain.ledger import GENESIS, Anchor, Entry, Fact, Kind, Row, encode, release_of
from clinops.domain.site import LiveSystem
from clinops.domain.value import Value
from clinops.errors import LedgerError

_KINDS = {kind.value: kind for kind in Kind}

SIGNED = frozenset(
    {
        Kind.SIGNED,
        Kind.REJECTED,
        Kind.DOCUMENT_APPROVED,
        Kind.LINE_STOPPED,
        Kind.LINE_RESUMED,
    }
)
"""Entries with a person's signed statement in them."""

_EXACT_DIGITS = 15
"""Whole numbers this long are the same in every reader of JSON."""

_OUT_OF_ORDER = re.compile("[\ud800-\U0010ffff]")
"""Characters that Python orders otherwise, in a key, than RFC 8785 does."""


class Audit:
    """Follows rows in order; every method gives one sentence per thing that does not hold."""

    def __init__(self) -> None:
        self._sequence = 0
        self._digest = GENESIS
        self._time = ""
        self._whole = True
        self._digests = {0: GENESIS}
        self._releases: dict[str, ReleaseRecord] = {}
        self._known: dict[str, int] = {}
        self._live: dict[str, LiveSystem] = {}

    def follow(self, row: Row) -> list[str]:
        """Check one row against the rows before it."""
        problems: list[str] = []
        try:
            fact: Fact | None = self._expected(row)
            if fact is None:
                problems += self._out_of_place(row)
                fact = entry = row.entry()
                problems += self._forged(row, entry)
            self._time = row.time
            problems += self._fold(row, fact)
        except LedgerError as error:
            problems.append(f"entry {row.sequence} does not stand: {error}")
        self._sequence, self._digest = row.sequence, row.digest
        self._digests[row.sequence] = row.digest
        self._whole = self._whole and not problems
        return problems

    def _expected(self, row: Row) -> Fact | None:
        """Read a row that is as it should be; anything else is for the slow way to explain."""
        if (
            self._whole
            and row.sequence == self._sequence + 1
            and row.previous == self._digest
            and isinstance(row.time, str)
            and row.time >= self._time
        ):
            return _quickly(row)
        return None

    def _out_of_place(self, row: Row) -> Iterator[str]:
        if row.sequence != self._sequence + 1:
            yield f"entry {self._sequence + 1} is missing: entry {row.sequence} is in its place"
        if row.previous != self._digest:
            yield f"entry {row.sequence} does not follow the one before it"

    def _forged(self, row: Row, entry: Entry) -> Iterator[str]:
        if row.recomputed() != row.digest:
            yield f"entry {row.sequence} was changed after it was written"
        if not _is_canonical(row.body, entry.body):
            yield f"entry {row.sequence} has a body that is not in canonical form"
        if row.time < self._time:
            yield f"entry {row.sequence} is older than the one before it"

    def _fold(self, row: Row, fact: Fact) -> Iterator[str]:
        if fact.kind in SIGNED:
            yield from self._adrift(row.sequence, fact.body)
        release = release_of(fact)
        if row.about != release:
            yield f"entry {row.sequence} is filed under {row.about!r}, but is about {release!r}"
        record = fold_release(self._releases.get(release or ""), fact)
        live = fold_live(fact)
        if record is not None:
            self._releases[record.id] = record
            self._known.setdefault(record.id, row.sequence)
        if live is not None:
            self._live[live_name(live)] = live

    def _adrift(self, sequence: int, body: Mapping[str, Any]) -> Iterator[str]:
        """Hold a signed statement against the ledger that its signer saw."""
        try:
            anchor = _anchor(body)
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
            yield f"entry {sequence} holds a signed statement that can't be read"
            return
        if anchor is not None and self._digests.get(anchor.sequence) != anchor.digest:
            yield (
                f"entry {sequence} was signed upon a ledger whose entry {anchor.sequence} was "
                f"{anchor.digest}: this is not that ledger"
            )

    def end(self, sequence: int, digest: str) -> Iterator[str]:
        """Hold the last row against the head, which says where the ledger must end."""
        if (sequence, digest) != (self._sequence, self._digest):
            yield f"the ledger ends at entry {self._sequence}, but its head is entry {sequence}"

    def folded(self, releases: Mapping[str, ReleaseRow], live: Mapping[str, str]) -> Iterator[str]:
        """Hold the folded rows that were found against those that the entries give.

        Args:
            releases: The row of each release, by release id.
            live: JSON of each live system, by `product@site`.
        """
        records = {name: row.record for name, row in releases.items()}
        yield from _differences("release", self._releases, records)
        yield from _differences("live system", self._live, live)
        for name in sorted(self._releases.keys() & releases.keys()):
            row, record = releases[name], self._releases[name]
            beside = (record.product, record.state.value, self._known[name])
            if (row.product, row.state, row.known) != beside:
                yield f"the release {name} is filed under something else than its entries say"


class _Told(NamedTuple):
    """A fact that costs little to make."""

    time: str
    kind: Kind
    subject: str
    body: dict[str, Any]


def _quickly(row: Row) -> Fact | None:
    """Read a row whose digest is right and whose body is canonical; none where either isn't sure.

    Its digest is what is computed here, so it has a digest's form. Its body is, to the character,
    what the encoder makes of an object of texts and short whole numbers; and that is the canonical
    form where no key can hold a character that orders otherwise.
    """
    kind = _KINDS.get(row.kind)
    if kind is None or not isinstance(row.subject, str):
        return None
    try:
        body, _ = _decode(row.body)
        as_written = encode(body) == row.body and row.recomputed() == row.digest
    except (TypeError, ValueError, RecursionError):
        return None
    if not as_written or not isinstance(body, dict):
        return None
    if not row.body.isascii() and _OUT_OF_ORDER.search(row.body):
        return None
    return _Told(row.time, kind, row.subject, body)


def _surprise(text: str) -> NoReturn:
    raise ValueError(text)


def _short(text: str) -> int:
    return int(text) if len(text) <= _EXACT_DIGITS else _surprise(text)


_decode = json.JSONDecoder(
    parse_float=_surprise, parse_int=_short, parse_constant=_surprise
).raw_decode
"""Reads no number that Python may write in another form than RFC 8785 does."""


def _is_canonical(text: str, body: object) -> bool:
    try:
        return canonical(body).decode() == text
    except (ValueError, RecursionError):
        return False


def _anchor(body: Mapping[str, Any]) -> Anchor | None:
    """Find the place in the chain that a statement names; none in a statement without one."""
    payload = body.get("envelope", {}).get("payload")
    if payload is None:
        return None  # nothing is signed here, and nothing of it counts at the gate
    predicate = from_json(a2b_base64(payload, strict_mode=True))["predicate"]
    place = predicate.get("ledger")
    return None if place is None else Anchor.model_validate(place, strict=True)


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
