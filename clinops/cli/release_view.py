"""What a terminal shows of one release."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.markup import escape

from clinops.cli.context import out, show
from clinops.domain.course import Course, courses
from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.materials_change import as_json
from clinops.domain.measured import Measured, Origin, told
from clinops.domain.outcome import State
from clinops.domain.plain_words import count
from clinops.errors import ClinOpsError, EvidenceError
from clinops.wiring import Wiring

STYLES = {
    State.AWAITING_SIGN_OFF: "green",
    State.LIVE: "bold green",
    State.REFUSED: "red",
    State.REJECTED: "red",
    State.ROLLED_BACK: "red",
    State.ERRORED: "yellow",
    State.INCONCLUSIVE: "yellow",
}
"""How a state is set off; beside the word, never instead of it."""

_LOSSES = 10
"""Losses that a terminal names."""


def view_of(record: ReleaseRecord, wiring: Wiring) -> dict[str, Any]:
    """Gather what a person must know about a release."""
    from flows.gate import check_everything, load_evidence, owed_for
    from flows.materials import changes_of

    entries = list(wiring.ledger.about(record.id))
    tested = [course for course in courses(entries) if course.attempt]
    view: dict[str, Any] = {
        **record.json_value(),
        "findings": [],
        "junit": None,
        "images": {},
        "differences": [],
        "rehearsal": None,
        "comparison": None,
        "carried": [],
        "materials": None,
        "gate": None,
        "report": None,
        "time": _time(tested[-1], record.id) if tested else None,
        "history": [{"time": entry.time, "kind": entry.kind.value} for entry in entries],
    }
    for entry in entries:
        if entry.kind is Kind.VERDICT:
            view["junit"] = entry.body["junit"]
        view["cause"] = entry.body.get("cause") or entry.body.get("reason") or view.get("cause")
    if record.evidence is not None:
        try:
            evidence = load_evidence(record, wiring)
        except EvidenceError as error:
            view["gate"] = {"open": False, "refusals": [str(error)]}
        else:
            view["findings"] = [finding.json_value() for finding in evidence.findings]
            view["images"] = evidence.candidate_images()
            view |= _beyond_tests(evidence)
            view["materials"] = as_json(changes_of(evidence, wiring.evidence))
    deployed = record.state in {State.PROMOTING, State.LIVE} or owed_for(record, wiring)
    if deployed and view["gate"] is None:
        view["report"] = _report_after(record, wiring)
    if record.state is State.AWAITING_SIGN_OFF and view["gate"] is None:
        check = check_everything(record, wiring)
        view["report"] = check.report.json_value() if check.report else None
        view["gate"] = {
            "open": check.open,
            "refusals": list(check.refusals),
            **({"report": view["report"]} if check.report else {}),
        }
    return view


def _time(course: Course, release: str) -> str:
    return f"{course.summary()}   (clinops release timeline {release})"


def _beyond_tests(evidence: Evidence) -> dict[str, Any]:
    """Gather what differs, what was rehearsed and compared, and what of it all was carried over."""
    compared = evidence.comparison
    return {
        "differences": [difference.json_value() for difference in evidence.differences],
        "rehearsal": evidence.rehearsal.json_value() if evidence.rehearsal else None,
        "comparison": compared.json_value() if compared else None,
        "carried": [one.json_value() for one, _ in evidence.carried],
    }


def _report_after(record: ReleaseRecord, wiring: Wiring) -> dict[str, Any] | None:
    """Return what the gate says of a release that it has let through."""
    from flows.gate import gate_report, load_evidence

    try:
        report = gate_report(record, load_evidence(record, wiring), wiring)
    except ClinOpsError:
        return None
    return report.json_value()


def print_view(view: dict[str, Any]) -> None:
    """Print a release for a person."""
    style = STYLES.get(State(view["state"]), "bold")
    out.print(f"[bold]{escape(view['id'])}[/bold]  [{style}]{view['state']}[/{style}]")
    for name in ("since", "cause", "evidence", "time"):
        if view.get(name):
            show(f"{name:<10}{view[name]}")
    print_tests(view["junit"] or {}, view["carried"])
    if view["rehearsal"]:
        print_rehearsal(view["rehearsal"])
    if view["comparison"]:
        told = count(view["comparison"]["answers"], "answer")
        causes = count(len(view["comparison"]["groups"]), "cause")
        show(f"compared  {told}: {causes} of differences   (clinops compare {view['id']})")
    if view["materials"]:
        show(f"made of   {view['materials']['summary']}   (clinops materials diff {view['id']})")
    print_findings(view["findings"])
    if view["junit"] and not view["findings"]:
        show("finding   none")
    if view["gate"]:
        show(f"gate      {'open' if view['gate']['open'] else 'closed'}")
        for reason in view["gate"]["refusals"]:
            show(f"            {reason}")
    if view["report"]:
        print_report(view["report"])


def print_tests(totals: dict[str, int], carried: list[dict[str, Any]]) -> None:
    """Print how the tests ended, and what of it all was not measured for this release."""
    if totals:
        show("tests     " + ", ".join(f"{number} {name}" for name, number in totals.items()))
    found = map(Measured.model_validate, carried)
    print_carried((one, one.carried) for one in found if one.carried is not None)


def print_carried(carried: Iterable[tuple[Measured, Origin]]) -> None:
    """Print what was carried over from an earlier qualification."""
    for line in told(carried):
        show(f"carried   {line}")


def print_rehearsal(rehearsal: dict[str, Any]) -> None:
    """Print what came of the way up and the way back, and what it costs."""
    up = "works" if rehearsal["upgraded"] else "FAILS"
    show(f"way up    {up}, {rehearsal['seconds_up']:.1f} s of downtime")
    seconds = rehearsal["seconds_back"]
    back = "" if seconds is None else f", {seconds:.1f} s of downtime"
    show(f"way back  {rehearsal['way_back']} ({rehearsal['strategy']}){back}")
    show(f"            {rehearsal['point_of_no_return']}")
    for loss in rehearsal["losses"][:_LOSSES]:
        field = f", {loss['field']}" if loss["field"] else ""
        show(f"            lost: {loss['collection']}: {loss['record']}{field}")
    if rehearsal["lost"] > _LOSSES:
        show(f"            and {rehearsal['lost'] - _LOSSES} more")


def print_report(report: dict[str, Any]) -> None:
    """Print who has signed what about a release, and what is still owed for it."""
    if report["route"]:
        show(f"route     {report['route']}")
    for one in report["counted"]:
        show(f"signed    {one['name']} ({one['role']}) {one['meaning']} it: {one['reason']}")
    for one in report["approved"]:
        what = f"{one['document']} {one['item']}".rstrip()
        show(f"approved  {what} by {one['name']} ({one['role']}): {one['reason']}")
    for one in report["accepted"]:
        who = f"{one['name']} ({one['role']})"
        show(f"accepted  the hazard {one['hazard']} without evidence, by {who}: {one['reason']}")
    if report["owed"]:
        show(f"OWED      by {report['owed']['deadline']}")
        for missing in report["owed"]["missing"]:
            show(f"            {missing}")


def print_findings(findings: Iterable[dict[str, Any]]) -> None:
    """Print findings, the first lines of each; what one change declares stands together."""
    declared: dict[str, list[dict[str, Any]]] = {}
    for finding in findings:
        if finding["kind"] == "declared-protected-change":
            why = finding["summary"].removeprefix(f"{finding['occurrence']} differs, ")
            declared.setdefault(why, []).append(finding)
            continue
        show(f"finding   [{finding['weight']}] {finding['summary']}")
        for line in finding["detail"].splitlines()[:12]:
            show(f"            {line}")
    for why, alike in declared.items():
        show(f"finding   [note] {count(len(alike), 'difference')}, {why}")
        for one in alike:
            show(f"            {one['occurrence']}")
            show(f"              {one['detail']}")
