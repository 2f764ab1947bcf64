"""Templates in which no foreign text can become markup, move, hide or reorder anything."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clinops.domain import plain_words


def escaping_templates(package: str, longest: int | None = None) -> Environment:
    """Load a package's templates, and give them the plain words.

    Args:
        package: Where their folder `templates` lies.
        longest: Letters that are shown of one text; all by default.
    """

    def fit(value: Any) -> Any:
        # Applied to everything that a template puts in, so that none can forget it.
        if isinstance(value, Markup) or not isinstance(value, str):
            return value
        cut = value[:longest]
        return plain_words.harmless(cut) + (" … (cut)" if cut != value else "")

    templates = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=fit,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= {
        "RISK_CLASSES": plain_words.RISK_CLASSES,
        "ROLLBACKS": plain_words.ROLLBACKS,
        "CHANGE_KINDS": plain_words.CHANGE_KINDS,
        "count": plain_words.count,
    }
    return templates
