"""`new`: the first files about a system that nobody has described yet, by looking at it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from clinops.cli.context import AsJson, Context, err, next_step, of, print_json, say, show
from clinops.domain.manifest import Name, VersionText
from clinops.domain.newcomer import Newcomer
from clinops.domain.scaffold import scaffold, shared
from clinops.domain.sighting import Sighting
from clinops.errors import BadInputError
from clinops.ports import EstateTree, Replicas
from clinops.wiring import folder, local_bench, served

if TYPE_CHECKING:
    from clinops.adapters.docker_look import DockerLook

WORK = Path("var/qualify")
"""As `qualify` has it."""


def register(root: typer.Typer) -> None:
    """Put the command on the root."""
    root.command()(new)


def new(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="What to call it, like pathology-lab.")],
    *,
    image: Annotated[
        str | None, typer.Option(help="An image that the engine has, or the file of an archive.")
    ] = None,
    compose: Annotated[
        Path | None, typer.Option(help="The vendor's Compose file, if it needs neighbours.")
    ] = None,
    vendor: Annotated[
        str | None, typer.Option(help="The vendor's folder; called as the product if not given.")
    ] = None,
    service: Annotated[
        str | None, typer.Option(help="With --compose: the service that a release replaces.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Its version, where the image does not say it.")
    ] = None,
    estate: Annotated[
        Path | None, typer.Option("--estate", help="A checkout, or an empty folder.")
    ] = None,
    work: Annotated[Path, typer.Option(help="Where `qualify` looks for image archives.")] = WORK,
    force: Annotated[bool, typer.Option("--force", help="Write over files of the same name.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """Describe a new system: stand it up once, look at it, and write its first files.

    Environment, manifest, hazard log, gate, a smoke suite that passes on it, and probes. They are
    drafts: what a person must decide stands in them as DECIDE.

    Example: [bold]clinops new portal --image acme/portal:1.22.1 --vendor acme[/bold]
    """
    from clinops.adapters.newcomer_files import Asked, Desk
    from clinops.adapters.placing import staging
    from clinops.adapters.plain_stages import PlainStages
    from flows.newcomer import get_to_know

    root = estate or of(context).estate
    asked = Asked(product, vendor or product, image, compose, service, version)
    _ensure_sound(asked.product, asked.vendor, asked.version)
    if (image is None) == (compose is None):
        raise BadInputError("give --image or --compose, and not both", mend="clinops new --help")
    tree = _ensure_free(root, asked.product, asked.vendor, force=force)
    drop = work / "drop"
    with (
        staging(root) as papers,
        staging(drop) as crate,
        local_bench(work / "evidence", lambda _: tree, drop) as bench,
        closing(looking(bench.replicas)) as look,
    ):
        desk = Desk(root, tree, drop, papers, crate, bench.images, look)
        newcomer = desk.newcomer(asked)
        for problem in newcomer.draft.left_out:
            say(f"left out  {problem}")
        seen = get_to_know(newcomer, bench, look, PlainStages(err))
        written = desk.file(scaffold(newcomer, seen), shared(newcomer))
    if as_json:
        print_json(_result(newcomer, seen, written, desk.archive))
    else:
        _print(seen, written, desk.archive)
    manifest = f"vendor_manifests/{newcomer.vendor}/{newcomer.product}.yaml"
    then = Context(root).command(f"qualify {manifest}") + _unless_usual(work)
    next_step(f"read what says DECIDE; then {Context(root).command('validate')} && {then}")


def looking(replicas: Replicas) -> DockerLook:
    """Make what looks at images and into replicas."""
    from clinops.adapters.docker_look import DockerLook

    return DockerLook(replicas)


def _ensure_sound(product: str, vendor: str, version: str | None) -> None:
    """Raise BadInputError where a name or a version is none."""
    for what, text, kind in (
        ("product", product, Name),
        ("vendor", vendor, Name),
        ("version", version, VersionText),
    ):
        try:
            if text is not None:
                TypeAdapter(kind).validate_python(text)
        except ValidationError as error:
            fault = error.errors()[0]["ctx"]["faults"][0]
            raise BadInputError(f"the {what} {text!r} {fault.what}", mend=fault.mend) from None


def _ensure_free(root: Path, product: str, vendor: str, *, force: bool) -> EstateTree:
    """Return the estate; raise BadInputError where something of that name is there already."""
    if served(root):
        raise BadInputError(
            f"{root} is served: what is in it comes by a push",
            mend=f"git clone {root}/estate.git, and give the clone with --estate",
        )
    tree = folder(root)
    own = f"vendor_manifests/{vendor}/{product}.yaml"
    manifests = [x for x in tree.paths("vendor_manifests") if x.endswith(f"/{product}.yaml")]
    if others := [path for path in manifests if path != own]:
        raise BadInputError(
            f"{product} is offered by {others[0]} already", mend="give that --vendor, or delete it"
        )
    folders = [f"environments/{product}", f"test_suites/{product}"]
    there = [path for one in folders for path in tree.paths(one)] + manifests
    if there and not force:
        raise BadInputError(
            f"there is a product {product} already: {', '.join(there[:3])}"
            + (f" and {len(there) - 3} more" if len(there) > 3 else ""),  # noqa: PLR2004
            mend="call it otherwise; --force writes over files of the same name",
        )
    return tree


def _print(seen: Sighting, written: list[str], archive: Path | None) -> None:
    for name, inside in seen.services.items():
        runs = ", ".join(f"{one.program} as {one.user}" for one in inside.processes)
        show(f"saw       {name}: {runs or 'nothing of its inside'}")
    for door in seen.doors:
        kind = door.speaks or "nothing that was recognised"
        show(f"door      {door.name}: {kind} at {door.service}:{door.port}")
    for path in [*written, *([str(archive)] if archive else [])]:
        show(f"wrote     {path}")


def _result(
    newcomer: Newcomer, seen: Sighting, written: list[str], archive: Path | None
) -> dict[str, Any]:
    return {
        "product": newcomer.product,
        "vendor": newcomer.vendor,
        "version": newcomer.version,
        "files": written,
        "archive": str(archive) if archive else None,
        "left_out": [vars(problem) for problem in newcomer.draft.left_out],
        "seen": seen.json_value(),
    }


def _unless_usual(work: Path) -> str:
    return "" if work == WORK else f" --work {work}"
