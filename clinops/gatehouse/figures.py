"""Figures on pages: each unfolds to everything that it was computed from."""

from __future__ import annotations

import re
from typing import Final

from clinops.domain.figure import Figure, Source, Unit, in_words

_RELEASE: Final = re.compile(r"[a-z0-9][A-Za-z0-9.+~_-]*-[0-9a-f]{12}")


def puts_in(figure: Figure, source: Source) -> str:
    """Say what one input puts into a figure."""
    if source.value is None:
        return "unknown"
    if figure.unit is Unit.PERCENT and source.value in {0, 1}:
        return "counts" if source.value else "does not count"
    if figure.unit is Unit.PER_30_DAYS:
        return f"{source.value:g}"
    return in_words(figure._replace(value=source.value))


def is_release(what: str) -> bool:
    """Whether an input of a figure is a release, which has a page."""
    return _RELEASE.fullmatch(what) is not None
