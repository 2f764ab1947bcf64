"""The `clinops` command: results on standard output, progress and errors on standard error.

Exit codes: 0 done; 1 the answer is no; 2 bad input; 3 something outside failed; 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clinops.cli import account as account
from clinops.cli import advisories as advisories
from clinops.cli import board as board
from clinops.cli import compare as compare
from clinops.cli import documents as documents
from clinops.cli import estate as estate
from clinops.cli import evidence as evidence
from clinops.cli import gate as gate
from clinops.cli import gatehouse as gatehouse
from clinops.cli import handover as handover
from clinops.cli import hook as hook
from clinops.cli import materials as materials
from clinops.cli import new as new
from clinops.cli import questions as questions
from clinops.cli import release as release
from clinops.cli import release_timeline as release_timeline
from clinops.cli import report as report
from clinops.cli import serve as serve
from clinops.cli import signer as signer
from clinops.cli.context import Context, complain
from clinops.errors import ClinOpsError

_INTERRUPTED = 130

app = typer.Typer(
    name="clinops",
    help="May this vendor release touch patients? Replicas, suites, a signed gate, deployment.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    serve,
    gatehouse,
    estate,
    new,
    release,
    gate,
    documents,
    questions,
    compare,
    report,
    handover,
):
    group.register(app)
app.add_typer(board.app, name="board")
app.add_typer(evidence.app, name="evidence")
app.add_typer(evidence.ledger_app, name="ledger")
release_timeline.register(release.app)
app.add_typer(release.app, name="release")
app.add_typer(account.app, name="account")
app.add_typer(advisories.app, name="advisories")
app.add_typer(materials.app, name="materials")
app.add_typer(hook.app, name="hook")
app.add_typer(signer.app, name="signer")


@app.callback()
def root(
    context: typer.Context,
    estate_folder: Annotated[
        Path,
        typer.Option(
            "--estate",
            "-e",
            envvar="CLINOPS_ESTATE",
            help="The estate's folder (made by `clinops init`), or a checkout of one.",
        ),
    ] = Path(),
) -> None:
    """Take the options that all commands share."""
    context.obj = Context(estate_folder)


def main() -> None:
    """Run the command line; every deliberate error becomes a text and an exit code."""
    try:
        # NOTE: Typer answers an interrupt with this number instead of raising it.
        if app(standalone_mode=False) == _INTERRUPTED:
            raise KeyboardInterrupt
    except ClinOpsError as error:
        complain(error.diagnostics())
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        complain("interrupted; what was started has been removed")
        sys.exit(_INTERRUPTED)
    except OSError as error:
        complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        sys.exit(3)
    except Exception as error:
        # Typer brings a Click of its own, whose errors can only be told by what they can do.
        if not hasattr(error, "format_message"):
            raise
        if said := error.format_message():
            complain(f"{said}\n  mend: clinops --help")
        sys.exit(2)
