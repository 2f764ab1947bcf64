"""`init`, `validate`, `adopt`: the estate itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clinops.cli.context import AsJson, Context, next_step, of, print_json, say, show
from clinops.domain.ledger import Kind
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.site import LiveSystem
from clinops.errors import BadInputError, NotFoundError, RefusedError
from clinops.ports import EstateTree
from clinops.wiring import Wiring, folder, served
from flows.baseline import live_versions
from flows.reconcile import adoption


def register(app: typer.Typer) -> None:
    """Put the commands on the root."""
    app.command()(init)
    app.command()(validate)
    app.command()(adopt)


def init(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="An empty or a new folder.")],
    key: Annotated[str, typer.Option(help="SSH key of a trust signer who may push.")],
    source: Annotated[
        Path, typer.Option("--from", help="A checkout whose estate folders are taken over.")
    ],
    port: Annotated[int, typer.Option(help="Loopback port for the Prefect server.")] = 4200,
) -> None:
    """Start an estate: bare repository with hooks, settings, and a signed first commit.

    The key's public half must stand in environments/signers.yaml of the source, with may_push.

    Example: [bold]clinops init /srv/estate --from . --key ~/.ssh/id_ed25519[/bold]
    """
    from clinops.adapters import git_commits, git_hooks, settings
    from clinops.adapters.estate import FOLDERS
    from clinops.adapters.estate_validation import validate as problems_of

    if target.exists() and any(target.iterdir()):
        raise BadInputError(f"{target} is not empty", mend="name a new folder")
    tree = folder(source)
    paths = [path for part in FOLDERS for path in tree.paths(part)]
    problems = problems_of(tree, live={})
    if problems:
        raise BadInputError("", problems=problems)
    target.mkdir(parents=True, exist_ok=True)
    files = {path: tree.read(path) for path in paths}
    made = settings.create(target, port)
    repository = target / made.repository
    commit = git_commits.init(
        repository, files, key=str(Path(key).resolve()), author="ClinOps estate <estate@localhost>"
    )
    (target / made.drop).mkdir(exist_ok=True)
    # Reasons of sign-offs and logs of systems are nobody else's to read.
    (target / "state").mkdir(mode=0o700, exist_ok=True)
    git_hooks.install(repository, target.resolve(), Path(sys.executable))
    show(f"estate {made.estate} in {target}, first commit {commit[:12]}")
    next_step(f"clinops --estate {target} up")


def validate(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(help="Only problems of these files or folders.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Report every problem of the estate as `file:line: what; how to mend it`.

    Example: [bold]clinops validate vendor_manifests/orthanc[/bold]
    """
    from clinops.adapters.estate_validation import validate as problems_of

    shared = of(context)
    tree, live = _tree_and_live(shared)
    problems = sorted(problems_of(tree, live=live, paths=paths))
    if as_json:
        fields = ("file", "line", "what", "mend")
        print_json([{name: getattr(problem, name) for name in fields} for problem in problems])
    if problems:
        raise BadInputError(f"{len(problems)} problem(s)", problems=() if as_json else problems)
    if not as_json:
        show("no problems")
        next_step("commit, signed, and push; or try it here first: clinops qualify MANIFEST")


def _tree_and_live(shared: Context) -> tuple[EstateTree, dict[str, str]]:
    if not served(shared.estate):
        return folder(shared.estate), {}
    wiring = shared.wiring
    return wiring.repository.head(), live_versions(wiring)


def adopt(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product, as in environments/.")],
    version: Annotated[str, typer.Argument(help="The version that is in use.")],
    site: Annotated[str, typer.Option(help="The site, as in environments/sites.yaml.")],
    *,
    commit: Annotated[
        str | None, typer.Option(help="The commit that describes it; the newest if not given.")
    ] = None,
    install: Annotated[bool, typer.Option(help="Stand the system up there first, empty.")] = False,
    seed: Annotated[
        bool, typer.Option(help="With --install: fill it with the environment's synthetic data.")
    ] = False,
) -> None:
    """Record what was live at a site before ClinOps came.

    Example: [bold]clinops adopt orthanc 1.10.1 --site st-elsewhere[/bold]
    """
    wiring = of(context).wiring
    tree = wiring.repository.at(commit) if commit else wiring.repository.head()
    estate = wiring.estate(tree)
    path, manifest = estate.manifest_for(product)
    if manifest.version != version:
        raise BadInputError(
            f"{path} describes {manifest.version} at {tree.commit[:12]}, not {version}",
            mend="name the commit that describes it: --commit SHA",
        )
    if product not in _products_of(wiring, site):
        raise NotFoundError(f"{site} does not run {product}", mend="see environments/sites.yaml")
    if any(x.site == site for x in wiring.ledger.live(product)):
        raise BadInputError(f"{product} at {site} is on the ledger already", mend="clinops status")
    with wiring.lease(adoption(product, site)):
        system = wiring.sites.running(product, site)
        if system is None and install:
            _ensure_no_way_around_the_gate(wiring, product, version)
            say(f"standing up {product} {version} at {site}")
            system = _install(wiring, tree, (product, version, site), seed=seed)
        if system is None:
            raise NotFoundError(
                f"nothing runs at {site} under ClinOps's names", mend="stand it up with --install"
            )
        live = _live(system, tree, version, site)
        wiring.ledger.append(Kind.SYSTEM_ADOPTED, f"{product}@{site}", {"live": live.json_value()})
    show(f"{product} {version} is live at {site}")
    next_step("push the manifest of the next version")


def _ensure_no_way_around_the_gate(wiring: Wiring, product: str, version: str) -> None:
    """Refuse to stand up anything but what is in use elsewhere, once ClinOps has come."""
    live = {system.version for system in wiring.ledger.live(product)}
    if live and version not in live:
        raise RefusedError(
            f"{', '.join(sorted(live))} of {product} is in use under ClinOps: another version goes "
            "through the gate",
            mend="push its manifest; adopt the version in use at this site",
        )


def _products_of(wiring: Wiring, site: str) -> list[str]:
    sites = wiring.estate(wiring.repository.head()).sites().sites
    if site not in sites:
        raise NotFoundError(
            f"no site is called {site}", mend=f"one of these: {', '.join(sorted(sites))}"
        )
    return list(sites[site].products)


def _install(
    wiring: Wiring,
    tree: EstateTree,
    which: tuple[str, str, str],
    *,
    seed: bool,
) -> Replica:
    product, version, site = which
    estate = wiring.estate(tree)
    (_, manifest), environment = estate.manifest_for(product), estate.environment(product)
    images = wiring.images.of_environment(environment, tree)
    images[environment.clinops.under_test] = wiring.images.obtain(
        manifest.package, tree, name=f"{product}-{version}"
    )
    live = LiveSystem(
        product=product, site=site, version=version, images=images, commit=tree.commit
    )
    system = wiring.sites.deploy(environment, images, live)
    if isinstance(system, ReplicaFailure):
        raise BadInputError(
            f"{system.service} never got ready at {site}: {system.reason}\n{system.log_tail}"
        )
    if seed and environment.clinops.seed is not None:
        wiring.suites.seed(environment.clinops.seed, system, tree)
    return system


def _live(system: Replica, tree: EstateTree, version: str, site: str) -> LiveSystem:
    return LiveSystem(
        product=system.product,
        site=site,
        version=version,
        images=system.images,
        commit=tree.commit,
    )
