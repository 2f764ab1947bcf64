"""`board`: what was commissioned, what comes first and why, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from clinops.cli.context import AsJson, next_step, of, print_json, say, show
from clinops.domain.board_plan import MONTHS, BoardPlan
from clinops.domain.fixes import Fix
from clinops.domain.plain_words import count
from clinops.domain.rank import Ranked, Ranking, Sensitivity
from clinops.domain.rank_case import Rule
from clinops.domain.rank_in_words import count_days
from flows import board, planning

app = typer.Typer(no_args_is_help=True, help="What was asked for, what comes first, and why.")


@app.command("list")
def listed(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List what was commissioned: open, or closed by which release on which evidence.

    Example: [bold]clinops --estate DIR board list[/bold]
    """
    shared = of(context)
    wiring = shared.wiring
    found = list(board.standings(wiring, wiring.estate(wiring.repository.head())))
    if as_json:
        print_json([one.json_value() for one in found])
        return
    for one in found:
        show(f"{one.said:8}{one.request.id:32}{one.request.title}")
        for release in one.met.releases if one.met else ():
            show(f"{'':8}met by {release.id}  evidence {release.evidence}")
        if one.request.closed:
            show(f"{'':8}closed on {one.request.closed.day}: {one.request.closed.reason}")
    next_step(shared.command("board rank"))


@app.command()
def rank(
    context: typer.Context,
    why: Annotated[
        str | None, typer.Option(metavar="ID", help="Unfold one request's place.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put what is open into order, by the board's policy, or say why one is where it is.

    Example: [bold]clinops --estate DIR board rank --why openssl-archive[/bold]
    """
    shared = of(context)
    found = board.ranking(shared.wiring)
    if why is not None:
        _explain(found.of(why), found, as_json=as_json)
        return
    if as_json:
        print_json({**_asked(found), "ranked": [one.json_value() for one in found.ranked]})
        return
    for one in found.ranked:
        what = f"score {one.score:.2f}" if one.rule is Rule.SCORE else one.rule.name.lower()
        show(f"{one.place:4}  {what:14}{one.request.id:32}{one.request.title}")
    next_step(shared.command("board rank --why ID"))


@app.command()
def sensitivity(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Say which of the first ten would change places if a weight were a fifth larger or smaller.

    Example: [bold]clinops --estate DIR board sensitivity[/bold]
    """
    found = board.ranking(of(context).wiring)
    told = found.sensitivity()
    if as_json:
        print_json({**_asked(found), "sensitivity": [_plain(one) for one in told]})
        return
    for one in told:
        show(f"{one.weight} {one.was:g} to {one.becomes:g}: {_moved(one)}")


@app.command()
def fixes(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show requests that one fix would meet as one piece of work, with its joint benefit.

    Example: [bold]clinops --estate DIR board fixes[/bold]
    """
    shared = of(context)
    found = planning.fixes(shared.wiring)
    if as_json:
        print_json([one.json_value() for one in found])
        return
    for fix in found:
        show(f"{', '.join(fix.names)}: benefit {fix.benefit:.1f} for {_days_of(fix)}")
        for one in fix.meets:
            show(f"{one.place:4}  {one.request.id:32}{one.request.title}")
    next_step(shared.command("board plan"))


@app.command()
def plan(
    context: typer.Context,
    months: Annotated[int, typer.Option(min=1, max=24, help="How far it reaches.")] = MONTHS,
    *,
    as_json: AsJson = False,
) -> None:
    """Plan the fewest fixes that meet the most value, and say what is left out by what.

    Example: [bold]clinops --estate DIR board plan --months 3[/bold]
    """
    found = planning.plan(of(context).wiring, months)
    if as_json:
        print_json({**_asked(found.ranking), **found.json_value()})
        return
    for made in found.made:
        meets = ", ".join(one.request.id for one in made.fix.meets)
        show(f"month {made.month:<3} {made.fix.id}: {_days_of(made.fix)}; meets {meets}")
    for out in found.left_out:
        show(f"left out  {out.ranked.request.id}, by {out.constraint}: {out.because}")
    chosen, asked = count(len(found.made), "fix", "fixes"), len(found.ranking.ranked)
    say(f"{chosen} to meet {len(found.met)} of {asked} requests; {_sure(found)}")


def _days_of(fix: Fix) -> str:
    saved = f" instead of {fix.apart:g}" if fix.days < fix.apart else ""
    return f"{count_days(fix.days)}{saved}"


def _sure(found: BoardPlan) -> str:
    if not found.gap:
        return "no plan meets more value"
    return f"another plan could have at most {100 * found.gap:.1f} % more value"


def _moved(one: Sensitivity) -> str:
    moves = (f"{move.request} from {move.before} to {move.after}" for move in one.moves)
    return ", ".join(moves) or "no change"


def _plain(one: Sensitivity) -> dict[str, object]:
    return {**one._asdict(), "moves": [move._asdict() for move in one.moves]}


def _asked(found: Ranking) -> dict[str, object]:
    return {
        "policy": {"version": found.policy.version, "digest": found.policy.digest},
        "at": found.now.isoformat(),
    }


def _explain(one: Ranked, found: Ranking, *, as_json: bool) -> None:
    if as_json:
        print_json({**_asked(found), **one.json_value()})
        return
    show(f"{one.place} of {one.of}: {one.request.id}, {one.request.title}")
    for what, words in one.breakdown.items():
        show(f"{what:15}{words}")
    policy = found.policy
    show(f"{'policy':15}version {policy.version}, {policy.digest}: {policy.decided}")
