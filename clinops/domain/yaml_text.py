"""The YAML that people may write: plain data, with the line that each value stands on.

A part of YAML 1.2's core schema. Refused are the parts that surprise or harm: anchors and aliases
(a few of them can explode into gigabytes), merge keys, foreign tags, duplicate keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from clinops.domain.fault import Place
from clinops.errors import BadInputError, Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 30

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_KINDS = ("str", "int", "float", "bool", "null", "map", "seq")
_CORE_TAGS = {None, "!", *(_CORE + kind for kind in _KINDS)}
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?)([eE][-+]?[0-9]{1,2})?")
# Besides what a terminal would obey: what hides or reorders text, and foreign line ends.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]"
)
_NO_KEY = ""
"""Stands for a key that is refused; no key that is read is empty."""


@dataclass
class YamlText:
    """A file's data, and where each value of it stands."""

    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    scalars: dict[Place, str] = field(default_factory=dict)
    """Scalars as written: 1.10 is not 1.1 to a person."""
    unsound: set[Place] = field(default_factory=set)
    """Where the data is not what was written, because what was written is refused."""
    problems: list[Problem] = field(default_factory=list)


def read_yaml(file: str, data: bytes) -> YamlText:
    """Read one YAML document.

    Raises:
        BadInputError: Nothing can be made of the file at all. Lesser problems are collected in
            the answer, so that they can be told together with those of the content.
    """
    text = _decode(file, data)
    try:
        return _Reader(file, yaml.parse(text, Loader=_LOADER)).read()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "it can't be read"
        raise stop(
            file,
            min(mark.line, text.count("\n")) + 1 if mark else 1,
            f"not valid YAML: {what}",
            "look at the indentation, the quotes and the colons before this point",
        ) from None


def stop(file: str, line: int, what: str, mend: str) -> BadInputError:
    """Make the error for a file of which nothing more can be said."""
    problem = Problem(file, line, what, mend)
    return BadInputError(str(problem), problems=[problem])


def _decode(file: str, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise stop(
            file, 1, f"the file is larger than {MAX_BYTES // 1024} KiB", "keep bulk data elsewhere"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise stop(file, line, "the file is not UTF-8 text", "save it as UTF-8") from None
    if found := _HARMFUL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        what = f"there is a control character (U+{ord(found[0]):04X})"
        raise stop(file, line, what, "delete it")
    return text


def _resolve(text: str) -> Any:
    """Read a plain scalar by YAML 1.2's core schema, decimal numbers only."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


class _Reader:
    """Walks the parser's events by recursive descent, at most `MAX_DEPTH` deep."""

    def __init__(self, file: str, events: Iterator[Any]) -> None:
        self._file = file
        self._events = events
        self._found = YamlText()

    def read(self) -> YamlText:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.DocumentStartEvent):
            self._found.data = self._value(first := next(self._events), (), _line(first))
            next(self._events)  # the document's end
            if not isinstance(after := next(self._events), yaml.StreamEndEvent):
                self._refuse(after, "a second document begins", "write one document for each file")
        if self._found.data is None:
            raise stop(self._file, 1, "the file is empty", "see docs/manifest.md for an example")
        return self._found

    def _refuse(self, event: Any, what: str, mend: str) -> None:
        self._found.problems.append(Problem(self._file, _line(event), what, mend))

    def _refuse_marks(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse(event, "anchors and aliases (`&`, `*`) are refused", "write it out")
        if getattr(event, "tag", None) not in _CORE_TAGS:
            self._refuse(event, "a tag (`!…`) is refused", "leave the tag out")

    def _value(self, event: Any, at: Place, line: int) -> Any:
        if len(at) > MAX_DEPTH:
            what = f"nested deeper than {MAX_DEPTH} levels"
            raise stop(self._file, _line(event), what, "flatten it")
        self._refuse_marks(event)
        if isinstance(event, yaml.AliasEvent):
            self._found.unsound.add(at)
            return None
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, at)
        self._found.lines.setdefault(at, line)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(at)
        return self._mapping(at)

    def _scalar(self, event: Any, at: Place) -> Any:
        text: str = event.value
        self._found.lines.setdefault(at, _line(event))
        self._found.scalars.setdefault(at, text)
        if _HARMFUL.search(text):
            self._refuse(event, "an escape stands for a control character", "leave it out")
            self._found.unsound.add(at)
            return None
        as_text = event.tag in {"!", _CORE + "str"} or (event.tag is None and event.style)
        return text if as_text else _resolve(text)

    def _sequence(self, at: Place) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*at, len(items)), _line(event)))
        return items

    def _mapping(self, at: Place) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, at)
            value = self._value(next(self._events), (*at, key), _line(event))
            if key in entries:
                what = f"the key `{key[:60]}` is given twice"
                self._refuse(event, what, "keep one of the two")
                self._found.unsound.add((*at, key))
            elif key != _NO_KEY:
                entries[key] = value
        return entries

    def _key(self, event: Any, at: Place) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._value(event, (*at, _NO_KEY), _line(event))
            self._refuse(event, "a key is not plain text", "write `key: value`")
            return _NO_KEY
        self._refuse_marks(event)
        if event.value == "<<" and not event.style:
            self._refuse(event, "merge keys (`<<`) are refused", "write the keys out")
            return _NO_KEY
        if not event.value or _HARMFUL.search(event.value):
            self._refuse(event, "a key is not plain text", "write `key: value`")
            return _NO_KEY
        return str(event.value)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
