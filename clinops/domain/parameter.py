"""Parameters of probes: `{patient}` in a text, `:patient` in SQL.

A value is text from an author or, with `take`, from the system that is tested: it is put in as
the place demands (quoted, escaped, bound), so that it can't be more than a value there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from clinops.domain.fault import Shape
from clinops.domain.value import Document

ParameterName = Annotated[
    str,
    Shape(
        r"[a-z][a-z0-9_]{0,62}",
        "must be lower-case letters, digits and underscores, and begin with a letter",
        "write it like `patient` or `study_uid`",
    ),
]

_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def places_in(text: str) -> set[str]:
    """Return the names of the parameters that a text has places for."""
    return set(_PLACE.findall(text))


def parameters_of(call: Document) -> set[str]:
    """Return the names of the parameters that a call needs."""
    needed: set[str] | None = getattr(call, "bound", None)
    if needed is not None:
        return needed
    return {name for text in _texts(call.model_dump()) for name in places_in(text)}


def fill(text: str, values: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
    """Put parameters into a text.

    Args:
        text: What to fill; `{name}` where nothing has that name stays as it is.
        values: Values by name.
        escape: What makes a value harmless at this place.
    """
    return _PLACE.sub(
        lambda found: escape(values[found[1]]) if found[1] in values else found[0], text
    )


def fill_tree(tree: Any, values: Mapping[str, str]) -> Any:
    """Put parameters into the texts of a JSON tree; keys and everything else stay."""
    if isinstance(tree, str):
        return fill(tree, values)
    if isinstance(tree, list):
        return [fill_tree(each, values) for each in tree]
    if isinstance(tree, dict):
        return {key: fill_tree(each, values) for key, each in tree.items()}
    return tree


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for each in tree.values():
            yield from _texts(each)
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from _texts(each)
