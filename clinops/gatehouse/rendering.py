"""Rendering: templates in which no foreign text can become markup, move, hide or reorder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from jinja2 import Environment
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from clinops.adapters.escaping import escaping_templates
from clinops.domain.figure import in_words
from clinops.domain.plain_words import count, seconds
from clinops.gatehouse.figures import is_release, puts_in

_LONGEST = 20_000
"""Letters of one text on a page; the whole of it is in the file behind it."""

_SPANS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def moment(value: str | dt.datetime) -> Markup:
    """Write a moment as people do, with the exact one for machines."""
    when = _when(value)
    shown = f"{when.day} {when:%B %Y, %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(when.isoformat(), shown)


def day(value: str | dt.date) -> Markup:
    """Write a date as people do."""
    when = dt.date.fromisoformat(value) if isinstance(value, str) else value
    return Markup('<time datetime="{}">{}</time>').format(
        when.isoformat(), f"{when.day} {when:%B %Y}"
    )


def span(seconds: float) -> str:
    """Say how long something takes or took, in one unit: 3 days, 5 hours, 1 minute."""
    for unit, name in _SPANS:
        if abs(seconds) >= unit:
            return count(int(abs(seconds) // unit), name)
    return "less than a minute"


def duration(milliseconds: int) -> str:
    """Say how long a test or a suite ran."""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"  # noqa: PLR2004


def listed(names: Sequence[str]) -> str:
    """Write names as a sentence does: `a, b and c`."""
    *first, last = names or ("none",)
    return f"{', '.join(first)} and {last}" if first else last


def _when(value: str | dt.datetime) -> dt.datetime:
    when = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return when.astimezone(dt.UTC)


def _templates() -> Environment:
    templates = escaping_templates("clinops.gatehouse", _LONGEST)
    templates.filters |= {
        "moment": moment,
        "day": day,
        "span": span,
        "duration": duration,
        "seconds": seconds,
        "listed": listed,
        "in_words": in_words,
        "puts_in": puts_in,
        "is_release": is_release,
        "segment": lambda text: quote(str(text), safe=""),
    }
    return templates


TEMPLATES = _templates()
"""Compiled once; a module may add filters of its own while the application is made."""


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Answer with a page."""
    return HTMLResponse(rendered(request, template, **values), status)


def rendered(request: Request, template: str, **values: Any) -> str:
    """Render a template: it gets the request's path, who is signed in, and the watch."""
    state = request.app.state
    return TEMPLATES.get_template(template).render(
        path=request.url.path,
        person=getattr(request.state, "person", None),
        watch=state.watch.last,
        door=state.door.name,
        nav=state.door.nav,
        settings=state.wiring.settings,
        now=state.wiring.clock(),
        **values,
    )
