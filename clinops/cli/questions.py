"""`ask`, `answer`: what somebody wants to know before signing, on record."""

from __future__ import annotations

from typing import Annotated

import typer

from clinops.cli.context import AsJson, Release, next_step, of, print_json, show
from clinops.cli.signing import Key, signer_of


def register(app: typer.Typer) -> None:
    """Put the commands on the root."""
    app.command()(ask)
    app.command()(answer)


def ask(
    context: typer.Context,
    release: Release,
    text: Annotated[str, typer.Argument(help="The question.")],
    *,
    key: Key,
    as_json: AsJson = False,
) -> None:
    """Ask something about a release; it stays on record, and holds nothing up by itself.

    The key only tells who asks. A question is not signed.

    Example: [bold]clinops ask orthanc-1.12.7 "Was the modality worklist tested?"
    --key ~/.ssh/id_ed25519[/bold]
    """
    from flows.gate import ask as put_on_record

    shared = of(context)
    record = shared.wiring.release(release)
    entry = put_on_record(record, shared.wiring, signer_of(shared.wiring, key), text)
    if as_json:
        print_json(entry.body)
        return
    show(f"{entry.body['id']}: {text}")
    next_step(shared.command(f"answer {record.id} {entry.body['id']} TEXT --key KEY"))


def answer(
    context: typer.Context,
    release: Release,
    question: Annotated[str, typer.Argument(help="The question's id, such as Q1.")],
    text: Annotated[str, typer.Argument(help="The answer.")],
    *,
    key: Key,
    as_json: AsJson = False,
) -> None:
    """Answer a question about a release.

    Example: [bold]clinops answer orthanc-1.12.7 Q1 "Yes: regression, test_worklist.py"
    --key ~/.ssh/id_ed25519[/bold]
    """
    from flows.gate import answer as put_on_record

    shared = of(context)
    record = shared.wiring.release(release)
    entry = put_on_record(record, shared.wiring, signer_of(shared.wiring, key), question, text)
    if as_json:
        print_json(entry.body)
        return
    show(f"{question} answered: {text}")
    next_step(shared.command(f"release show {record.id}"))
