"""`board`: what was commissioned, what comes first and why."""

from __future__ import annotations

from typing import Annotated

import typer

from clinops.cli.context import AsJson, next_step, of, print_json, show
from clinops.domain.rank import Ranked, Ranking, Sensitivity
from clinops.domain.rank_case import Rule
from flows import board

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
