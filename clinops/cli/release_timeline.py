"""`release timeline`: what the time of a release went to, and what bounded it."""

from __future__ import annotations

from typing import Final

import typer

from clinops.cli.context import AsJson, Release, next_step, of, print_json, show
from clinops.domain.course import Course, Row, courses
from clinops.domain.plain_words import seconds
from clinops.domain.timeline import Why

_WIDE: Final = 40
"""Letters of a bar."""
_NO_STAGE: Final = {Why.WAITING: "waiting: ", Why.ORCHESTRATION: "orchestration: "}


def register(app: typer.Typer) -> None:
    """Put the command beside the others about releases."""
    app.command()(timeline)


def timeline(context: typer.Context, release: Release, *, as_json: AsJson = False) -> None:
    """Show what the time of a release went to, stage by stage, and what bounded it.

    Marked with ● and in full blocks: the critical path, of which nothing waits for anything else.

    Example: [bold]clinops --estate DIR release timeline orthanc-1.12.7[/bold]
    """
    shared = of(context)
    record = shared.wiring.release(release)
    found = courses(shared.wiring.ledger.about(record.id))
    if as_json:
        print_json([course.told() for course in found])
        return
    show(record.id)
    if not found:
        show("no timeline: it was not tested yet, or by a ClinOps that recorded none")
    for course in found:
        print_course(course)
    next_step(shared.command(f"release show {record.id}"))


def print_course(course: Course) -> None:
    """Print one run, a line for each stage."""
    attempt = f"attempt {course.attempt}: " if course.attempt else ""
    spent = ", ".join(
        f"{why} {seconds(took / 1000)}" for why, took in course.went_to().items() if took
    )
    show("")
    show(f"{attempt}{course.summary()}")
    show(f"went to   {spent}")
    show(f"{'begins':>11}{'took':>12}")
    for row in course.rows():
        begins, took = (
            seconds(span / 1000) for span in (row.begun - course.begun, row.ended - row.begun)
        )
        mark = "●" if row.critical else " "
        name = f"{_NO_STAGE.get(row.why, '')}{row.name}"
        show(f"{begins:>11}{took:>12}  {_bar(row, course)}  {mark} {name}")


def _bar(row: Row, course: Course) -> str:
    """Draw when something went on: full where it is on the critical path."""

    def place(moment: int) -> int:
        return _WIDE * (moment - course.begun) // max(course.took, 1)

    bar = [" "] * _WIDE
    parts = [(row.begun, row.ended, "░")]
    if row.critical:
        parts.append((row.critical.begun, row.critical.ended, "█"))
    for begun, ended, letter in parts:
        first = min(place(begun), _WIDE - 1)
        last = max(place(ended), first + 1)
        bar[first:last] = letter * (last - first)
    return "".join(bar)
