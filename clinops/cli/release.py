"""`reconcile`, `release …`, `qualify`: where releases stand."""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from clinops.cli.context import AsJson, Release, err, next_step, of, out, print_json, say, show
from clinops.cli.release_view import STYLES, print_findings, print_view, view_of
from clinops.domain.course import Course
from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind, timestamp
from clinops.domain.outcome import Outcome, State
from clinops.errors import RefusedError
from clinops.wiring import Wiring, folder, local_bench
from flows.reconcile import reopen

app = typer.Typer(help="Where releases stand.", no_args_is_help=True)

_GOES_ON = frozenset({State.KNOWN, State.QUALIFYING, State.ERRORED, State.PROMOTING})


def register(root: typer.Typer) -> None:
    """Put the commands on the root."""
    root.command()(reconcile)
    root.command()(qualify)


def reconcile(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Compare the protected branch with the ledger now, and schedule what is new.

    Example: [bold]clinops --estate DIR reconcile[/bold]
    """
    from flows.reconcile import reconcile as story

    done = story(of(context).wiring)
    if as_json:
        print_json(vars(done))
    else:
        for release in done.known:
            show(f"new        {release}")
        for release, address in done.scheduled.items():
            show(f"scheduled  {release}  {address}")
        if not done.known and not done.scheduled:
            show("nothing to do: the ledger and the protected branch agree")
    for problem in done.problems:
        say(problem)
    if done.problems:
        raise RefusedError(f"{len(done.problems)} manifest(s) could not be taken up")


@app.command("list")
def list_(
    context: typer.Context,
    product: Annotated[str | None, typer.Argument(help="Only this product.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List releases, newest first.

    Example: [bold]clinops --estate DIR release list orthanc[/bold]
    """
    records = of(context).wiring.ledger.releases(product)
    if as_json:
        print_json([record.json_value() for record in records])
        return
    table = Table(
        Column("release", overflow="fold"), "product", "version", "state", "since", box=None
    )
    for record in records:
        style = STYLES.get(record.state, "")
        state = f"[{style}]{record.state}[/{style}]" if style else record.state
        table.add_row(record.id, record.product, record.version, state, record.since[:19])
    out.print(table)


@app.command("show")
def show_(
    context: typer.Context,
    release: Release,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one release: state, findings, evidence digest, gate.

    Example: [bold]clinops --estate DIR release show orthanc-1.12.7[/bold]
    """
    shared = of(context)
    record = shared.wiring.release(release)
    view = view_of(record, shared.wiring)
    if as_json:
        print_json(view)
        return
    print_view(view)
    next_step(shared.command(after(record)))


def after(record: ReleaseRecord) -> str:
    """Say which command comes next for a release."""
    if record.state is State.AWAITING_SIGN_OFF:
        return f"sign {record.id} --role ROLE --key KEY   (or: reject {record.id} --reason …)"
    if record.state is State.LIVE:
        return f"evidence export {record.id}"
    if record.state in _GOES_ON:
        return f"release watch {record.id}"
    return f"evidence export {record.id}   (for the vendor)"


@app.command()
def watch(
    context: typer.Context,
    release: Annotated[str, typer.Argument(help="Its id.")],
    *,
    time_limit: Annotated[int, typer.Option(help="Give up after so many seconds.")] = 1800,
    as_json: AsJson = False,
) -> None:
    """Follow a release until it waits for a person or has ended.

    Example: [bold]clinops --estate DIR release watch orthanc-1.12.7-0a1b2c3d4e5f[/bold]
    """
    shared = of(context)
    record = follow(shared.wiring, release, time_limit)
    view = view_of(record, shared.wiring)
    if as_json:
        print_json(view)
    else:
        print_view(view)
        next_step(shared.command(after(record)))
    if record.state not in {State.AWAITING_SIGN_OFF, State.LIVE}:
        raise RefusedError(f"{record.id} is {record.state}")


@app.command()
def retry(
    context: typer.Context,
    release: Release,
    reason: Annotated[str, typer.Option(help="What has changed; it is on record for good.")],
    *,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure everything; carry nothing over.")
    ] = False,
) -> None:
    """Test an inconclusive release again: the machine was at fault, say, and is mended.

    Every attempt stays on record. What is refused needs a new release. One that waits for sign-off
    is tested again with --fresh; whoever has signed it must sign again.

    Example: [bold]clinops --estate DIR release retry orthanc-1.12.7 --reason "more memory"[/bold]
    """
    shared = of(context)
    found = shared.wiring.release(release)
    record = reopen(found, getpass.getuser(), reason, shared.wiring, fresh=fresh)
    show(f"{record.id}: {record.state}; reconcile takes it up within a minute")
    next_step(shared.command(f"release watch {record.id}"))


def follow(
    wiring: Wiring,
    release: str,
    time_limit: float,
    through: frozenset[State] = _GOES_ON,
) -> ReleaseRecord:
    """Wait until a release has left the states that it goes through by itself.

    Raises:
        RefusedError: It did not come to an answer in time, or a promotion was refused meanwhile.
    """
    deadline = time.monotonic() + time_limit
    begun, seen, since = time.monotonic(), "", timestamp(wiring.clock())
    with err.status(f"waiting for {escape(release)}") as status:
        while time.monotonic() < deadline:
            record = wiring.ledger.release(release)
            state = record.state.value if record else "pushed"
            if state != seen:
                say(f"  {time.monotonic() - begun:6.1f} s  {state}")
                seen = state
            if record is not None and record.state not in through:
                return record
            _stop_if_refused(wiring, release, since)
            status.update(f"{escape(release)}: {state}, {time.monotonic() - begun:.0f} s")
            time.sleep(0.1)
    raise RefusedError(
        f"{release} did not come to an answer within {time_limit:.0f} s",
        mend="is the worker up? clinops status",
    )


def _stop_if_refused(wiring: Wiring, release: str, since: str) -> None:
    for entry in wiring.ledger.entries(release):
        if entry.kind is Kind.PROMOTION_REFUSED and entry.time >= since:
            raise RefusedError("the promotion was refused: " + "; ".join(entry.body["reasons"]))


def qualify(
    context: typer.Context,
    manifest: Annotated[str, typer.Argument(help="vendor_manifests/<vendor>/<product>.yaml")],
    *,
    work: Annotated[Path, typer.Option(help="Where evidence and image archives are kept.")] = Path(
        "var/qualify"
    ),
    bundle: Annotated[Path | None, typer.Option(help="Write the evidence bundle here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Qualify a manifest of a checkout here, without a server: what a vendor runs before pushing.

    Held against the version that the manifest supersedes, as the checkout's history has it.

    Example: [bold]clinops --estate . qualify vendor_manifests/orthanc/orthanc.yaml[/bold]
    """
    from clinops.adapters.bundle import export
    from clinops.adapters.evidence_files import EvidenceFiles
    from clinops.adapters.plain_stages import PlainStages
    from clinops.adapters.timed_stages import TimedStages
    from flows.local import plan_here
    from flows.qualify import qualify as story

    tree = folder(of(context).estate)
    with (
        plan_here(manifest, of(context).estate, tree) as (plan, trees),
        local_bench(work / "evidence", trees, work / "drop") as bench,
    ):
        stages = TimedStages(PlainStages(err, bench.suites.stop), bench.clock)
        result = story(plan, tree, bench, stages)
        course = Course(kind=Kind.VERDICT, timeline=stages.timeline())
    evidence = result.evidence
    if bundle is not None:
        export(evidence, EvidenceFiles(work / "evidence"), [], {}, [], bundle)
    if as_json:
        more = {"digest": evidence.digest, "junit": result.totals, "course": course.told()}
        print_json({**evidence.json_value(), **more})
    else:
        print_local(evidence, result.totals)
        show(f"time      {course.summary()}")
    if evidence.outcome is not Outcome.QUALIFIED:
        raise RefusedError(f"{evidence.release.id} is {evidence.outcome}")
    next_step("commit, signed, and push")


def print_local(evidence: Evidence, totals: Mapping[str, int]) -> None:
    """Print the result of a local qualification."""
    show(f"{evidence.release.id}: {evidence.outcome}")
    show("tests     " + ", ".join(f"{number} {name}" for name, number in totals.items()))
    print_findings(finding.json_value() for finding in evidence.findings)
