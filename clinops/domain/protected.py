"""Protected places: what no noise rule may ever mask, wherever it stands in an answer.

Identifiers, names, dates of birth, allergies, drugs, doses, units, values, abnormal flags,
laterality, accession numbers, pixels. Known by the names of DICOM attributes, FHIR elements, HL7 v2
fields and database columns. In doubt a place is protected: the cost is a difference too many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from pydantic import JsonValue

Path = tuple[str | int, ...]
"""Keys and list positions on the way from an answer's root to a place in it."""

ANY: Final = "*"
"""In a pattern: one segment, whatever it is."""
DEEP: Final = "**"
"""In a pattern: any number of segments."""
POSITION: Final = "#"
"""In a pattern: one position in a list."""
WILD: Final = frozenset({ANY, DEEP, POSITION})

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_WORDS = frozenset(
    """
    name names family given surname forename nickname alias aliases prefix suffix
    identifier identifiers mrn nhs ssn chi puid dob birth
    drug drugs medicine medicament medicaments substance ingredient vaccine
    dose doses dosage strength unit units uom
    interpretation abnormal flag flags laterality side accession
    pixel pixels digest hash md5 sha1 sha256
    """.split()  # noqa: SIM905 - a word list reads better than forty quoted words
)
"""A key with one of these words in it protects everything below: `patient_name`, `doseQuantity`."""
_PARTS = re.compile(
    r"patients?(ids?|no|num|number)$|otherpatientid|(study|series|sop)instanceuid|sopclassuid"
    r"|names?$|birth|allerg|adversereaction|medicat|prescri|drug|dosage|dose|unit$|units$"
    r"|nhsn|hospitaln|accession|laterality|abnormal|surname|forename|pixel|numericvalue|textvalue"
    r"|^value(quantity|string|integer|decimal|boolean|codeableconcept|range|ratio|sampleddata"
    r"|attachment|coding|reference|datetime|time|period)$"
    r"|rescale(slope|intercept)|window(center|width)|photometric|imageorientationpatient"
    r"|^(sha256|sha1|md5)|contenttype$"
)
"""The same for names that are written in one piece: `patientid`, `Birthdate`."""
_LEAVES = frozenset({"value", "values", "result", "results", "reading", "amount", "quantity"})
"""Words of a key that protect only what stands right there: they name containers, too."""
_ENVELOPES = frozenset({"result", "results"})
"""Keys that hold whole answers; in a list right below them stands no single result."""
_TIMES = frozenset({"date", "time", "datetime", "uid"})
_BESIDE = _TIMES | {"at", "on", "id"}
"""Last words of a key that is about a value, not one: `result_time`."""
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_TAGS = re.compile(
    # Patient, clinical; study, series and object; accession; laterality; units and values; dose.
    r"0010(00(10|2[0-9]|3[0-9])|10(00|01|02|05|60)|20(00|10)|21(10|B0))|0020000[DE]|00080018"
    r"|00080050|0020006[02]|00200037|00540220|0040(08EA|A30A|A160|A168)|0018(1074|1072|9345)"
    r"|300[46A]....|7FE0....|0028(0004|0030|105[0-3])",
    re.IGNORECASE,
)
_HL7: Final = {
    "PID": "2 3 4 5 6 7 9 18 19 20",
    "MRG": "1 2 3 4 5 6 7",
    "NK1": "2",
    "AL1": "2 3 4 5",
    "IAM": "2 3 4 5",
    "OBX": "3 4 5 6 7 8 11",
    "OBR": "2 3 4 15 18 19 20",
    "ORC": "2 3 4",
    "PV1": "19",
    "RXO": "1 2 3 4 5",
    "RXE": "2 3 4 5 10 11 25 26",
    "RXD": "2 4 5 10 11 12 16 17",
    "RXG": "4 5 6 7 8",
    "RXA": "5 6 7 8 15",
    "RXR": "1 2",
    "RXC": "2 3 4",
    "DG1": "3",
    "ZDS": "1",
    "SCH": "1 2",
}
_HL7_FIELDS: Final = {name: frozenset(fields.split()) for name, fields in _HL7.items()}


def is_protected(path: Path) -> bool:
    """Whether nothing may mask what stands at a place."""
    if any(isinstance(key, str) and protects_all_below(key) for key in path) or _in_hl7(path):
        return True
    named = [segment if isinstance(segment, str) else POSITION for segment in path]
    return _is_cell(named) or _ends_in_leaf(named)


def _is_cell(pattern: Sequence[str]) -> bool:
    """Whether a pattern ends in a row without column names: any cell of it might be a name."""
    return tuple(pattern[-2:]) == (POSITION, POSITION)


def touches(path: Path, tree: JsonValue) -> bool:
    """Whether anything protected stands at a place or below it, given what stands there."""
    return is_protected(path) or any(
        touches((*path, segment), child) for segment, child in children(tree)
    )


def children(tree: JsonValue) -> Iterator[tuple[str | int, JsonValue]]:
    """Yield what stands right below the root of a tree, each with its key or position."""
    if isinstance(tree, dict):
        yield from tree.items()
    elif isinstance(tree, list):
        yield from enumerate(tree)


@lru_cache(maxsize=20_000)
def protects_all_below(key: str) -> bool:
    """Whether a key is such that nothing below it may be masked."""
    if _TAG.fullmatch(key):
        return bool(_TAGS.fullmatch(key))
    words = [word.lower() for word in _WORD.findall(key)]
    return not _WORDS.isdisjoint(words) or bool(_PARTS.search("".join(words)))


def _ends_in_leaf(pattern: Sequence[str]) -> bool:
    """Whether the last key of a pattern is a clinical value's; positions below it are its own."""
    named = _without_positions(pattern)
    if not named:
        return False
    key, above = named[-1], named[-2] if len(named) > 1 else ""
    if key == "Value" and _is_time_attribute(above):
        return False
    return _is_leaf(key) and (len(named) == len(pattern) or key.lower() not in _ENVELOPES)


def _without_positions(pattern: Sequence[str]) -> Sequence[str]:
    length = len(pattern)
    while length and (pattern[length - 1] == POSITION or pattern[length - 1].isdecimal()):
        length -= 1
    return pattern[:length]


@lru_cache(maxsize=20_000)
def _is_leaf(key: str) -> bool:
    words = [word.lower() for word in _WORD.findall(key)]
    return not _LEAVES.isdisjoint(words) and words[-1] not in _BESIDE


def _is_time_attribute(key: str) -> bool:
    """Whether a key is a DICOM attribute whose `Value` is no clinical value: a tag, a time, a UID.

    Data sets are `{"InstanceCreationTime": {"vr": "TM", "Value": ["101500"]}}`. Protected tags
    have been told apart before.
    """
    words = _WORD.findall(key)
    return bool(_TAG.fullmatch(key)) or (bool(words) and words[-1].lower() in _TIMES)


def _in_hl7(path: Path) -> bool:
    return any(
        isinstance(position, int) and str(field) in _HL7_FIELDS.get(str(segment), ())
        for segment, position, field in zip(path, path[1:], path[2:], strict=False)
    )


def reachable(pattern: tuple[str, ...]) -> str:
    """Say what protected place a pattern can reach; empty where it can reach none.

    `*` and `**` stand for any key but a protecting one where something follows them. At the end of
    a pattern they would stand for that too.
    """
    if literal := next((s for s in pattern if s not in WILD and protects_all_below(s)), ""):
        return f"`{literal}` is protected, with everything below it"
    named = _without_positions(pattern)
    if pattern and named and named[-1] in {ANY, DEEP}:
        return f"`{named[-1]}` at its end can stand for a protected key; `#` is a list position"
    if _is_cell(pattern):
        return "`#/#` is a cell of a row without names, which could be anything"
    if _ends_in_leaf(pattern):
        return f"`{named[-1]}` is protected where it is the last key"
    for segment, fields in _HL7_FIELDS.items():
        for field in sorted(fields, key=int):
            if _reaches_field(pattern, segment, field):
                return f"it can match the HL7 v2 field {segment}-{field}"
    return ""


def _reaches_field(pattern: tuple[str, ...], segment: str, field: str) -> bool:
    """Whether a pattern can match a field, a repetition of it or a component."""
    least = len(_without_positions(pattern))
    field_pattern = (DEEP, segment, POSITION, field)
    return any(_overlap(pattern[:end], field_pattern) for end in range(least, len(pattern) + 1))


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether some path matches both patterns."""
    if not one or not other:
        return all(segment == DEEP for segment in one + other)
    if one[0] == DEEP:
        return _overlap(one[1:], other) or _overlap(one, other[1:])
    if other[0] == DEEP:
        return _overlap(one, other[1:]) or _overlap(one[1:], other)
    return _meet(one[0], other[0]) and _overlap(one[1:], other[1:])


def _meet(one: str, other: str) -> bool:
    if ANY in {one, other} or one == other:
        return True
    return POSITION in {one, other} and (one.isdecimal() or other.isdecimal())


def matches(pattern: tuple[str, ...], path: Path) -> bool:
    """Whether a pattern stands for a place."""
    if not pattern:
        return not path
    if pattern[0] == DEEP:
        return matches(pattern[1:], path) or (bool(path) and matches(pattern, path[1:]))
    if not path:
        return False
    first, segment = pattern[0], path[0]
    fits = first == ANY or (
        isinstance(segment, int) if first == POSITION else first == str(segment)
    )
    return fits and matches(pattern[1:], path[1:])
