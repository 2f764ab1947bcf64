"""Parsing: from a file's bytes to a document, or to every problem in it at once.

Serves the check before a push is accepted: the answer must name file, line and mend.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import ValidationError

from clinops.domain.fault import Place
from clinops.domain.value import Document
from clinops.domain.wording import Wording
from clinops.domain.yaml_text import YamlText, read_yaml, stop
from clinops.errors import BadInputError, Problem

MAX_PROBLEMS = 100
"""More than a person reads; a hostile file could cause hundreds of thousands."""

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Parsed(Generic[D]):
    """A document together with where everything in it stands."""

    file: str
    document: D
    text: YamlText

    def problem(self, at: Place, what: str, mend: str = "") -> Problem:
        """Report a problem at a place of the document, or at the nearest place around it."""
        return Problem(self.file, line_of(self.text, at), what, mend)


def parse(path: str, data: bytes, model: type[D]) -> D:
    """Parse a YAML document.

    Args:
        path: How the file is called in problems.
        data: Its bytes.
        model: What it should be.

    Raises:
        BadInputError: With every problem of the file.
    """
    return parse_with_places(path, data, model).document


def parse_with_places(path: str, data: bytes, model: type[D]) -> Parsed[D]:
    """Parse a YAML document and keep the lines, for checks against other files.

    Raises:
        BadInputError: With every problem of the file.
    """
    text = read_yaml(path, data)
    if not isinstance(text.data, dict):
        raise stop(path, 1, "the file does not hold keys with values", "write `key: value` lines")
    problems = list(text.problems)
    document = None
    try:
        # JSON mode: strict about types, and still takes a date from text and a tuple from a list.
        document = model.model_validate_json(json.dumps(text.data))
    except ValidationError as error:
        problems += _problems(path, text, error, Wording(model, text))
    if problems or document is None:
        raise _bad_input(path, problems)
    return Parsed(path, document, text)


def line_of(text: YamlText, at: Place) -> int:
    """Return the line of a place, or of the nearest thing around it."""
    while at and at not in text.lines:
        at = at[:-1]
    return text.lines.get(at, 1)


def _problems(path: str, text: YamlText, error: ValidationError, wording: Wording) -> list[Problem]:
    return [
        Problem(path, line_of(text, place), what, mend)
        for detail in error.errors(include_url=False)
        for place, what, mend in wording.of(detail)
        if not _unsound(text, place)
    ]


def _unsound(text: YamlText, place: Place) -> bool:
    return any(place[:length] in text.unsound for length in range(len(place) + 1))


def _bad_input(path: str, problems: list[Problem]) -> BadInputError:
    problems = sorted(set(problems))
    count = len(problems)
    if count > MAX_PROBLEMS:
        more = f"{count - MAX_PROBLEMS} more problems are not listed"
        problems = problems[:MAX_PROBLEMS]
        problems.append(Problem(path, problems[-1].line, more))
    message = f"{path} has {count} problem{'s' if count > 1 else ''}"
    return BadInputError(message, problems=problems)
