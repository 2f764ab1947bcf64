"""`clinops account …`: what became of what was asked for, and who was waited for."""

from __future__ import annotations

from typing import Annotated

import typer

from clinops.cli.context import AsJson, next_step, of, print_json, show
from clinops.domain.dora import Dora
from clinops.domain.figure import Figure, in_words, length
from clinops.domain.forecast import HIGH, LOW, Forecast
from clinops.domain.lead_time import Cause, Change
from clinops.domain.period import Period
from clinops.domain.scorecard import Card, Line, Scorecard
from clinops.wiring import Wiring

app = typer.Typer(help="Lead times, DORA figures, scorecards: accounts from the ledger.")

Since = Annotated[
    str | None, typer.Option(metavar="DAY", help="The first day; of this month if not given.")
]
Until = Annotated[
    str | None, typer.Option(metavar="DAY", help="The last day; of the month if not given.")
]
Product = Annotated[str | None, typer.Option(help="Only this product's.")]


@app.command("lead-times")
def lead_times(
    context: typer.Context,
    *,
    since: Since = None,
    until: Until = None,
    product: Product = None,
    as_json: AsJson = False,
) -> None:
    """Show how long changes took from request or push to live, and what the time went to.

    Example: [bold]clinops --estate DIR account lead-times --since 2025-07-01[/bold]
    """
    from flows import account

    shared = of(context)
    found = account.lead_times(shared.wiring, _period(shared.wiring, since, until), product)
    if as_json:
        print_json(found.told())
        return
    show(f"{found.period}: {len(found.live)} changes went live, {len(found.waiting)} wait")
    for title, listed in (("live", found.live), ("waiting", found.waiting)):
        for change in listed:
            show(f"{title:9}{_line(change)}")
    if found.live:
        split = ", ".join(f"{name} {in_words(one)}" for name, one in found.typical.items())
        show(f"median   {split}")
    next_step(shared.command("account lead-times --json"))


def _line(change: Change) -> str:
    spent = ((cause, change.split[cause].value or 0) for cause in Cause)
    split = ", ".join(f"{cause} {length(seconds)}" for cause, seconds in spent if seconds)
    mended = len(change.journeys) - 1
    tries = f", after {mended} that came to nothing" if mended else ""
    return f"{change.last.release}  {in_words(change.whole)} ({split or 'no time'}){tries}"


@app.command()
def dora(
    context: typer.Context, *, since: Since = None, until: Until = None, as_json: AsJson = False
) -> None:
    """Show the five DORA figures for vendors' releases: estate, vendors, products.

    Example: [bold]clinops --estate DIR account dora --since 2025-07-01 --until 2025-09-30[/bold]
    """
    from flows import account

    shared = of(context)
    found = account.dora(shared.wiring, _period(shared.wiring, since, until))
    if as_json:
        print_json(found.told())
        return
    show(f"{found.period}")
    for scope in found.scopes:
        _print_scope(scope)
    show("")
    for name, figure in _figures(found.scopes[0]):
        show(f"{name:22}{figure.how}")
    next_step(shared.command("account dora --json"))


@app.command()
def scorecard(
    context: typer.Context,
    vendor: Annotated[str, typer.Argument(help="The vendor, by its folder.")],
    *,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Show what a vendor and the trust kept of what they agreed, by month, and what they owe.

    By default the last six months; otherwise every month that the days lie in.

    Example: [bold]clinops --estate DIR account scorecard acme[/bold]
    """
    from flows import account

    shared = of(context)
    given = since or until
    period = _period(shared.wiring, since, until) if given else None
    found = account.scorecard(vendor, shared.wiring, period)
    if as_json:
        print_json(found.told())
        return
    show(f"{vendor}: {found.standing}")
    _print_table(found)
    for who, owed in (("vendor", found.vendor_owes), ("trust", found.trust_owes)):
        most = f", at most {found.agreed.most_percent:g} % for each" if found.agreed else ""
        show(f"the {who} owes {in_words(owed)} of a month's fee{most}")
        for month in found.months:
            for one in _owed(who, month).inputs:
                when = f"{month.period.since:%Y-%m}"
                show(f"  {when}  {one.value:g} % for {one.what}, {one.said}")
    next_step(shared.command(f"account scorecard {vendor} --json"))


def _owed(who: str, month: Card) -> Figure:
    return month.vendor_owes if who == "vendor" else month.trust_owes


@app.command()
def forecast(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Say between which days what waits now will be done, from what was done so far.

    Example: [bold]clinops --estate DIR account forecast[/bold]
    """
    from flows import account

    shared = of(context)
    found = account.forecast(shared.wiring)
    if as_json:
        print_json(found.told())
        return
    for one in found:
        show(f"{one.what}: {in_words(one.waiting)} wait, {in_words(one.throughput)} done in a week")
        show(f"  {_foreseen(one)}")
    next_step(shared.command("account forecast --json"))


def _foreseen(found: Forecast) -> str:
    if found.next_four_weeks is None:
        return found.why
    low, high = found.next_four_weeks
    said = f"in the next four weeks {low} to {high}"
    if found.done_by:
        last = found.done_by.last or "later than anybody can say"
        said += f"; all that waits between {found.done_by.first} and {last}"
    return f"{said} (in {HIGH - LOW} of 100 futures)"


@app.command()
def picture(
    context: typer.Context, *, since: Since = None, until: Until = None, as_json: AsJson = False
) -> None:
    """Show what was asked, what was done, what waits and for whom: the board's picture.

    Example: [bold]clinops --estate DIR account picture --since 2025-07-01[/bold]
    """
    from flows import account

    shared = of(context)
    found = account.picture(shared.wiring, *_period(shared.wiring, since, until))
    if as_json:
        print_json(found.told())
        return
    show(f"{found.period}")
    for title, figures in (("asked", found.asked), ("open", found.open)):
        for who, figure in figures.items():
            show(f"{title:10}{in_words(figure)} by {who}")
    show(f"{'met':10}{in_words(found.met)} requests")
    whole = found.lead_times.typical["whole"]
    show(f"{'live':10}{len(found.lead_times.live)} changes, median {in_words(whole)}")
    for cause, figure in found.waits_for.items():
        if figure.value:
            show(f"{'waits':10}{in_words(figure)} for {cause}")
    show(f"{'risk':10}{in_words(found.risk.retired)} retired, {in_words(found.risk.added)} added")
    for one in found.forecast:
        show(f"{one.what:10}{_foreseen(one)}")
    _print_scope(found.dora.scopes[0])
    next_step(shared.command("account picture --json"))


def _print_table(found: Scorecard) -> None:
    months = "".join(f"{month.period.since:%Y-%m}".rjust(14) for month in found.months)
    show(f"{'':26}{months}{'all':>14}{'agreed':>10}")
    for place, line in enumerate(found.lines):
        cells = [*(month.lines[place] for month in found.months), line]
        said = "".join(_cell(cell).rjust(14) for cell in cells)
        target = found.agreed.target_of(line.measure) if found.agreed else None
        agreed = f"{_BOUND[line.measure.is_a_floor]} {target.target:g}" if target else ""
        show(f"{line.measure:26}{said}{agreed:>10}")


_BOUND = {True: "≥", False: "≤"}


def _cell(line: Line) -> str:
    mark = {True: " ✓", False: " ✗", None: ""}[line.kept]
    return in_words(line.figure) + mark


def _print_scope(scope: Dora) -> None:
    show(scope.scope)
    for name, figure in _figures(scope):
        show(f"  {name:22}{in_words(figure):>18}")


def _figures(scope: Dora) -> list[tuple[str, Figure]]:
    found = scope._asdict().items()
    return [(name.replace("_", " "), figure) for name, figure in found if name != "scope"]


def _period(wiring: Wiring, since: str | None, until: str | None) -> Period:
    return Period.read(since, until, wiring.clock().date())
