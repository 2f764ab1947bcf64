"""Wording: pydantic's complaints, rewritten for the person who wrote the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic_core import ErrorDetails

from clinops.domain.fault import Fault, Place
from clinops.domain.value import Document
from clinops.domain.yaml_text import YamlText

_LONGEST = 60

_KEYS = ("must hold keys with values", "write `key: value` lines below it")
_LIST = ("must be a list", "start each item on a line of its own with `- `")
_WHOLE = ("must be a whole number", "write digits only, without quotes")
_NUMBER = ("must be a number", "write it in digits, without quotes")
_BOOLEAN = ("must be true or false", "write `true` or `false`, without quotes")
_DATE = ("must be a date", "write year-month-day, such as 2026-01-31")
_TYPES = {
    "dict_type": _KEYS,
    "model_type": _KEYS,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
}
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} character(s)",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} item(s)",
    "too_long": "must have at most {max_length} items",
    "string_pattern_mismatch": "must match the pattern {pattern}",
}


class Wording:
    """Words for the validation errors of one file."""

    def __init__(self, model: type[Document], text: YamlText) -> None:
        self._model = model
        self._text = text

    def of(self, error: ErrorDetails) -> Iterator[tuple[Place, str, str]]:
        """Yield place, problem and mend; one validator may have found several faults."""
        place = self._place(error["loc"])
        context = error.get("ctx", {})
        if error["type"] == "faults":
            for fault in context["faults"]:
                yield self._sentence((*place, *fault.at), fault)
        elif error["type"] == "missing":
            yield place, *self._missing((*place, error["loc"][-1]))
        elif error["type"] == "extra_forbidden":
            yield self._sentence(place, self._unknown_key(place))
        else:
            yield self._sentence(place, self._fault(error, place, context))

    def _place(self, steps: tuple[str | int, ...]) -> Place:
        """Keep the steps that exist in the file: pydantic adds names of its own for unions."""
        place: Place = ()
        here = self._text.data
        for step in steps:
            known = isinstance(here, list) and isinstance(step, int) and step < len(here)
            if known or (isinstance(here, dict) and step in here):
                place, here = (*place, step), here[step]
        return place

    def _sentence(self, place: Place, fault: Fault) -> tuple[Place, str, str]:
        return place, f"`{dotted(place)}` {fault.what}" if place else fault.what, fault.mend

    def _missing(self, place: Place) -> tuple[str, str]:
        return f"`{dotted(place)}` is missing", f"add `{place[-1]}: …`"

    def _unknown_key(self, place: Place) -> Fault:
        key = str(place[-1])
        models = [kind for kind in _kinds(self._model, place[:-1]) if _is_document(kind)]
        for model in models:
            if reason := model.refused.get(key):
                return Fault(f"is refused: {reason}", "leave it out")
        known = [field.alias or name for m in models for name, field in m.model_fields.items()]
        return Fault("is not a known key", nearest(key, known))

    def _fault(self, error: ErrorDetails, place: Place, context: Mapping[str, Any]) -> Fault:
        kind = error["type"]
        written = self._written(place, error["input"])
        if kind == "string_type":
            return Fault(f"must be text, not {written}", self._text_mend(place))
        if kind in _TYPES:
            what, mend = _TYPES[kind]
            return Fault(f"{what}, not {written}", mend)
        if kind in _BOUNDS:
            return Fault(_BOUNDS[kind].format_map(context))
        if kind == "literal_error":
            return Fault(f"must be {context['expected']}, not {written}")
        return Fault(f"is refused: {error['msg'].removeprefix('Value error, ')}")

    def _text_mend(self, place: Place) -> str:
        scalar = self._text.scalars.get(place)
        return f'put it in quotes: "{short(scalar)}"' if scalar else "write one line of text"

    def _written(self, place: Place, value: Any) -> str:
        if isinstance(value, dict):
            return "keys with values"
        if isinstance(value, list):
            return "a list"
        scalar = self._text.scalars.get(place, "")
        return "nothing" if value is None else f"`{short(scalar or str(value))}`"


def short(text: str) -> str:
    """Make text from a file fit to be shown: printable and not long."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_LONGEST])
    return shown + ("…" if len(text) > _LONGEST else "")


def dotted(place: Place) -> str:
    """Write a place as people do: `changes[0].summary`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{short(step)}" for step in place)
    return "".join(steps).removeprefix(".")


def nearest(word: str, known: list[str]) -> str:
    """Suggest the known word that is most like another one, or list what is known."""
    if close := difflib.get_close_matches(word[:_LONGEST], known, n=1):
        return f"did you mean `{close[0]}`?"
    return f"known are: {', '.join(sorted(set(known)))}" if known else "none is known"


def _is_document(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Document)


def _kinds(kind: Any, place: Place) -> list[Any]:
    """Return the types that may stand at a place below a type."""
    if get_origin(kind) is Annotated:
        return _kinds(get_args(kind)[0], place)
    if get_origin(kind) in {Union, UnionType}:
        return [inner for choice in get_args(kind) for inner in _kinds(choice, place)]
    if not place:
        return [kind]
    return [found for inner in _inside(kind, place[0]) for found in _kinds(inner, place[1:])]


def _inside(kind: Any, step: str | int) -> list[Any]:
    if _is_document(kind):
        fields = kind.model_fields.items()
        return [field.annotation for name, field in fields if (field.alias or name) == step]
    arguments = get_args(kind)
    return [arguments[-1] if get_origin(kind) is dict else arguments[0]] if arguments else []
