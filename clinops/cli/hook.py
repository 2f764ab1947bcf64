"""`hook`: install the git hooks, and be them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from clinops.adapters.estate import Estate
from clinops.cli.context import next_step, of, say, show
from clinops.errors import BadInputError, ClinOpsError, Problem, RefusedError
from clinops.ports import EstateTree
from flows.baseline import live_versions

app = typer.Typer(help="Git hooks of the estate's bare repository.", no_args_is_help=True)


@app.command()
def install(
    context: typer.Context,
    repository: Annotated[Path, typer.Argument(help="The bare repository.")],
) -> None:
    """Put pre-receive and post-receive into a bare repository.

    Example: [bold]clinops --estate DIR hook install DIR/estate.git[/bold]
    """
    from clinops.adapters import git_hooks

    wiring = of(context).wiring
    git_hooks.install(repository.resolve(), wiring.root, Path(sys.executable))
    show(f"hooks installed in {repository}")
    next_step(of(context).command("up"))


@app.command("pre-receive", hidden=True)
def pre_receive(context: typer.Context) -> None:
    """Judge a push before it is taken; git gives the updates on standard input."""
    from clinops.adapters import estate_validation, git_push, push_validation, refused_pushes

    wiring = of(context).wiring
    live = live_versions(wiring)
    updates = git_push.read_updates(sys.stdin)
    before = wiring.repository.head()

    def problems(tree: EstateTree) -> list[Problem]:
        return [
            *estate_validation.validate(tree, live=live),
            *push_validation.validate_change(tree, before, live),
        ]

    verdict = git_push.judge(updates, wiring.git, problems)
    say(verdict.report())
    if not verdict.accepted:
        if not refused_pushes.put_on_record(wiring.ledger, verdict, wiring.clock()):
            say("ClinOps: the ledger took no entry of this refusal")
        raise RefusedError(
            f"{len(verdict.problems)} problem(s)",
            mend="amend the commit and push again; `clinops validate` checks it before you push",
        )
    if updates[0].ref != wiring.git.ref:
        return
    tree = wiring.repository.at(updates[0].new)
    for release_id in _releases(wiring.estate(tree), verdict.changed, live):
        say(f"ClinOps: release {release_id}")
        say(f"  watch: {wiring.settings.ui}/runs")
        say(f"   gate: {wiring.settings.gatehouse_address}/releases/{release_id}")
        say(f"     or: {of(context).command(f'release watch {release_id}')}")


def _releases(estate: Estate, changed: Sequence[str], live: Mapping[str, str]) -> Iterator[str]:
    """Yield the releases that a push makes: a changed suite makes one as a manifest does."""
    for path in estate.manifest_paths():
        try:
            manifest = estate.manifest(path)
        except BadInputError:
            continue  # it was wrong before: the push does not touch it, or it were refused
        depends = (path, *(f"{folder}/" for folder in estate.folders_of(manifest)))
        if live.get(manifest.product) != manifest.version and any(
            name.startswith(depends) for name in changed
        ):
            yield estate.inputs(path)[2]


@app.command("post-receive", hidden=True)
def post_receive(context: typer.Context) -> None:
    """Have the flow server reconcile; git itself is the durable record."""
    from clinops.adapters.embedded import Embedded
    from clinops.adapters.git_push import read_updates
    from clinops.adapters.prefect_server import PrefectServer

    wiring = of(context).wiring
    auth = wiring.settings.prefect_auth(wiring.root)
    server = PrefectServer(wiring.settings.api, auth, time_limit=3.0)
    for update in read_updates(sys.stdin):
        if update.ref != wiring.git.ref:
            continue
        try:
            run = server.create_run(
                "reconcile/reconcile",
                name=f"reconcile after the push of {update.new[:12]}",
                key=f"push:{update.new}",
                parameters={},
            )
            Embedded(wiring.root, wiring.settings).start_at_once(run, server)
        except ClinOpsError:
            say(
                "ClinOps: the flow server is down; the push is taken, and the release starts "
                "at the next reconcile after `clinops up`"
            )
    server.close()
