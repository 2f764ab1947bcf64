"""Vendors' scorecards: what both sides kept of what they agreed, each figure with its releases."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from clinops.domain.agreement import Measure
from clinops.domain.figure import Unit
from clinops.domain.scorecard import Scorecard
from clinops.gatehouse.books import Books
from clinops.gatehouse.charts import Chart, stacked
from clinops.gatehouse.pages import one_page, page_number
from clinops.gatehouse.reader import Reader
from clinops.gatehouse.rendering import page

_UNITS = {Unit.PERCENT: "per cent", Unit.DAYS: "days", Unit.COUNT: "differences for each release"}


class Trend(NamedTuple):
    """One measure over the months."""

    measure: Measure
    chart: Chart | None
    """None where no month has a case of it."""


def vendors(request: Request) -> Response:
    """Show all vendors with their systems."""
    reader: Reader = request.app.state.reader
    estate = reader.estate()
    folders = [path.split("/") for path in estate.manifest_paths()]
    found = [
        (name, vendor, sorted(f[2].removesuffix(".yaml") for f in folders if f[1] == name))
        for name, vendor in sorted(estate.vendors().items())
    ]
    number = page_number(request)
    shown, pages = one_page(found, number)
    return page(request, "vendors.html", vendors=shown, number=number, pages=pages)


def scorecard(request: Request) -> Response:
    """Show one vendor's scorecard of the last six months."""
    reader: Reader = request.app.state.reader
    books: Books = request.app.state.books
    card = books.scorecard(request.path_params["vendor"])
    return page(
        request,
        "scorecard.html",
        card=card,
        name=reader.estate().vendor(card.vendor).name,
        trends=[_trend(card, place, line.measure) for place, line in enumerate(card.lines)],
    )


def _trend(card: Scorecard, place: int, measure: Measure) -> Trend:
    figures = [(month.period, month.lines[place].figure) for month in card.months]
    rows = [
        (f"{period.since:%B %Y}", {measure.value: figure.value} if figure.value is not None else {})
        for period, figure in figures
    ]
    unit = _UNITS.get(figures[0][1].unit, figures[0][1].unit.value)
    return Trend(measure, stacked(measure.value.replace("-", " ").capitalize(), rows, unit))
