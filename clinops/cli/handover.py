"""`handover`: what a new colleague needs to know of a system."""

from __future__ import annotations

from typing import Annotated

import typer

from clinops.cli.context import AsJson, next_step, of, print_json, show
from clinops.domain.handover import Handover
from clinops.domain.runbook import Runbook


def register(root: typer.Typer) -> None:
    """Put the command on the root."""
    root.command()(handover)


def handover(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product, as in environments/.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Hand a system to a colleague: what it is, who knows it, and what to type.

    Example: [bold]clinops --estate DIR handover orthanc[/bold]
    """
    from flows.handover import handover as gathered

    shared = of(context)
    found = gathered(product, shared.wiring)
    if as_json:
        print_json(found.json_value())
        return
    _print_system(found)
    for runbook in found.runbooks:
        _print_runbook(runbook)
    next_step(shared.command(f"release list {found.product}"))


def _print_system(found: Handover) -> None:
    where = ", ".join(f"{version} at {site}" for site, version in found.live) or "nowhere yet"
    show(f"{found.product}: {found.vendor}; live: {where}")
    _heading("How its replica is stood up")
    for part in found.parts:
        mark = ", under test" if part.name == found.under_test else ""
        needs = f"; after {', '.join(part.needs)}" if part.needs else ""
        data = f"; keeps data in {', '.join(part.data)}" if part.data else ""
        show(f"  {part.name}{mark}: {part.image}{needs}{data}")
    show(f"  ready within {found.ready_within} s; seed: {found.seed or 'none'}")
    _heading("Interfaces")
    for one in found.interfaces:
        asked = ", ".join(f"{number} by {kind}" for kind, number in one.asked)
        show(f"  {one.name} at {one.door}; asked in each qualification: {asked or 'nothing'}")
    _heading("Open hazards")
    for danger in found.hazards:
        show(f"  {danger.id} {danger.name}: class {danger.before}, {danger.after} with controls")
    _heading("Known differences")
    for known in found.known:
        until = f", until {known.until}" if known.until else ""
        show(f"  {known.what}: {known.said} ({known.owner}{until})")
    _heading("Who knows it")
    for skill in found.skills:
        others = f"; also {', '.join(skill.others)}, not of the trust now" if skill.others else ""
        show(f"  {'! ' if skill.alone else '  '}{skill.what}: {skill.said}{others}")


def _print_runbook(runbook: Runbook) -> None:
    _heading(runbook.name)
    for number, step in enumerate(runbook.steps, 1):
        show(f"  {number}. {step.text}")
        if step.command:
            show(f"     {step.command}")


def _heading(text: str) -> None:
    show("")
    show(text)
