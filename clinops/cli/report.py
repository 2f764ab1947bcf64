"""`report`: the clinical safety case report of a release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clinops.cli.context import AsJson, Release, of, print_json, say, show


def register(root: typer.Typer) -> None:
    """Put the command on the root."""
    root.command()(report)


def report(
    context: typer.Context,
    release: Release,
    target: Annotated[
        Path | None, typer.Option("--to", help="The file to write: .pdf or .html.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write the clinical safety case report of a release, at whatever stage it is.

    Example: [bold]clinops --estate DIR report orthanc-1.12.7 --to report.pdf[/bold]
    """
    from flows.safety_case import write_report

    wiring = of(context).wiring
    record = wiring.release(release)
    target = target or Path(f"{record.id}.safety-case.pdf")
    case = write_report(record, wiring, target)
    if as_json:
        said = {"report": str(target), "ledger": case.ledger.json_value()}
        print_json({**said, "evidence": record.evidence, "problems": list(case.problems)})
    else:
        show(f"{target}  evidence {record.evidence or 'none yet'}")
    for problem in case.problems:
        say(f"the report is incomplete: {problem}")
