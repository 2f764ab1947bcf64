"""`clinops account …`: what became of what was asked for, and who was waited for."""

from __future__ import annotations

from typing import Annotated

import typer

from clinops.cli.context import AsJson, next_step, of, print_json, show
from clinops.domain.dora import Dora
from clinops.domain.figure import in_words, length
from clinops.domain.lead_time import Cause, Change
from clinops.domain.period import Period
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
        print_json(
            {
                "period": {"since": str(found.period.since), "until": str(found.period.until)},
                "live": [one.told() for one in found.live],
                "waiting": [one.told() for one in found.waiting],
                "typical": {name: one.told() for name, one in found.typical.items()},
            }
        )
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
        period = {"since": str(found.period.since), "until": str(found.period.until)}
        print_json({"period": period, "scopes": [one.told() for one in found.scopes]})
        return
    show(f"{found.period}")
    for scope in found.scopes:
        _print_scope(scope)
    next_step(shared.command("account dora --json"))


def _print_scope(scope: Dora) -> None:
    show(scope.scope)
    for name, figure in scope._asdict().items():
        if name != "scope":
            show(f"  {name.replace('_', ' '):22}{in_words(figure):>18}  {figure.how}")


def _period(wiring: Wiring, since: str | None, until: str | None) -> Period:
    return Period.read(since, until, wiring.clock().date())
