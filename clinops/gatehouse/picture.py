"""The board's picture: one page, and the same as a PDF, for a month or for this one so far."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from clinops.adapters.safety_case_report import as_pdf
from clinops.domain.figure import Figure
from clinops.domain.lead_time import Cause, Change
from clinops.domain.period import Period
from clinops.gatehouse.books import Books
from clinops.gatehouse.charts import Chart, stacked
from clinops.gatehouse.headers import RAW_POLICY
from clinops.gatehouse.rendering import page, rendered
from flows.account import Picture

_MONTH: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
_DAY: Final = 86_400
_DRAWN: Final = 12
"""Changes whose lead time is drawn, the newest ones."""
TURNS: Final[Mapping[Cause, str]] = {
    Cause.VENDOR: "the vendor",
    Cause.QUEUE: "the queue",
    Cause.TEST: "tests",
    Cause.SIGN_OFF: "sign-offs",
    Cause.WINDOW: "the window and the roll-out",
}
"""Who or what a change waits for."""


def as_page(request: Request) -> Response:
    """Show the picture as a page."""
    return page(request, "picture.html", **_shown(request))


def as_file(request: Request) -> Response:
    """Give the picture as a PDF to pass round."""
    shown = _shown(request)
    html = rendered(request, "picture_pdf.html", style=_style(), most_inputs=_DRAWN, **shown)
    name = f"clinops-picture-{shown['month'].since:%Y-%m}.pdf"
    headers = {
        "Content-Security-Policy": RAW_POLICY,
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return Response(as_pdf(html), media_type="application/pdf", headers=headers)


def _shown(request: Request) -> dict[str, Any]:
    books: Books = request.app.state.books
    today = request.app.state.wiring.clock().date()
    month = _month(request, today)
    found = books.picture(month)
    return {
        "month": month,
        "over": month.until <= today,
        "before": Period.month_of(month.since - dt.timedelta(days=1)),
        "after": Period.month_of(month.until) if month.until <= today else None,
        "found": found,
        "charts": _charts(found),
        "turns": TURNS,
    }


def _month(request: Request, today: dt.date) -> Period:
    asked = request.query_params.get("month", "")
    if not asked:
        return Period.month_of(today)
    read = _MONTH.fullmatch(asked)
    if read is None or (first := dt.date(int(read[1]), int(read[2]), 1)) > today:
        raise HTTPException(400, "a month that has begun is written like 2025-07")
    return Period.month_of(first)


def _charts(found: Picture) -> dict[str, Chart | None]:
    live = sorted(found.lead_times.live, key=lambda one: one.last.live or one.last.known)
    return {
        "asked": _counts("Requests that were made, by who asked", found.asked),
        "open": _counts("Requests that wait now, by who asked", found.open),
        "waits": _counts(
            "Changes on their way, by what they wait for",
            {TURNS[cause]: figure for cause, figure in found.waits_for.items()},
        ),
        "lead": stacked(
            "Lead time of what went live, from request or push, by what it went to",
            [_lead(one) for one in live[-_DRAWN:][::-1]],
            "days",
        ),
    }


def _counts(title: str, figures: Mapping[str, Figure]) -> Chart | None:
    rows = [
        (name.replace("-", " "), {"number": figure.value or 0.0})
        for name, figure in figures.items()
        if figure.value
    ]
    return stacked(title, rows, "numbers")


def _lead(change: Change) -> tuple[str, dict[str, float]]:
    split = {TURNS[cause]: (figure.value or 0) / _DAY for cause, figure in change.split.items()}
    return f"{change.last.product} {change.last.version}", split


@cache
def _style() -> Markup:
    return Markup(files("clinops.gatehouse").joinpath("static/picture.css").read_text())  # noqa: S704
