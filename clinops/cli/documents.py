"""`approve`, `stop`, `resume`: what is signed about a product, and not about one release."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from clinops.cli.context import next_step, of, show
from clinops.cli.signing import Key, Reason, Role, Yes, put
from clinops.domain.circumstances import HAZARD_LOG, WAIVERS, document_of
from clinops.domain.signoff import LineAction
from clinops.errors import BadInputError
from flows.gate import prepare_approval, prepare_line_order

Product = Annotated[str, typer.Argument(help="The product, as in environments/.")]


class What(StrEnum):
    """What can be approved."""

    HAZARD_LOG = "hazard-log"
    WAIVER = "waiver"


def register(app: typer.Typer) -> None:
    """Put the commands on the root."""
    app.command()(approve)
    app.command()(stop)
    app.command()(resume)


def approve(
    context: typer.Context,
    product: Product,
    what: Annotated[What, typer.Argument(help="What you approve.")],
    item: Annotated[str, typer.Argument(metavar="[ID]", help="Which waiver.")] = "",
    *,
    role: Role,
    key: Key,
    reason: Reason,
    yes: Yes = False,
) -> None:
    """Approve the hazard log as it is on the protected branch now, or one waiver.

    Any later change of it needs another approval. Whoever changed it does not approve it.

    Example: [bold]clinops approve orthanc hazard-log --role clinical-safety-officer
    --key ~/.ssh/id_ed25519 --reason "scores reviewed at the meeting of 3 June"[/bold]
    """
    if (what is What.WAIVER) != bool(item):
        raise BadInputError(
            "a waiver is approved by its id, the hazard log as a whole",
            mend=f"clinops approve {product} waiver W-001 …, or clinops approve {product} "
            "hazard-log …",
        )
    shared = of(context)
    path = document_of(product, HAZARD_LOG if what is What.HAZARD_LOG else WAIVERS)
    put(
        shared,
        lambda who: prepare_approval(
            product, path, item, shared.wiring, who, role=role, reason=reason
        ),
        key=key,
        yes=yes,
    )
    show(f"approved: {path} {item}".rstrip())
    next_step(shared.command("release list"))


def stop(
    context: typer.Context,
    product: Product,
    *,
    role: Role,
    key: Key,
    reason: Reason,
    yes: Yes = False,
) -> None:
    """Stop the line: no release of a product goes live until it is let go on.

    Anybody who holds a role may. What is being deployed goes to no further site.

    Example: [bold]clinops stop orthanc --role operations --key ~/.ssh/id_ed25519
    --reason "images of one patient shown for another"[/bold]
    """
    _order(context, product, LineAction.STOP, role=role, key=key, reason=reason, yes=yes)
    show(f"stopped: {product}")
    next_step(of(context).command(f"resume {product} --role ROLE --key KEY --reason …"))


def resume(
    context: typer.Context,
    product: Product,
    *,
    role: Role,
    key: Key,
    reason: Reason,
    yes: Yes = False,
) -> None:
    """Let the line of a product go on, in the role that approves its hazard log.

    Example: [bold]clinops resume orthanc --role clinical-safety-officer
    --key ~/.ssh/id_ed25519 --reason "cause found; not in the archive"[/bold]
    """
    _order(context, product, LineAction.RESUME, role=role, key=key, reason=reason, yes=yes)
    show(f"goes on: {product}")
    next_step(of(context).command("reconcile"))


def _order(
    context: typer.Context,
    product: str,
    action: LineAction,
    *,
    role: str,
    key: str,
    reason: str,
    yes: bool,
) -> None:
    shared = of(context)
    put(
        shared,
        lambda who: prepare_line_order(
            product, action, shared.wiring, who, role=role, reason=reason
        ),
        key=key,
        yes=yes,
    )
