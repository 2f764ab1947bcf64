"""What the flows leave for operations to read: markdown and tables. Foreign text is escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from clinops.domain.evidence import Evidence
from clinops.domain.finding import Finding, Weight
from clinops.domain.materials import kind_in_words
from clinops.domain.materials_change import Changes
from clinops.domain.measured import of_suite, told
from clinops.domain.outcome import Outcome
from clinops.domain.rehearsal import Loss
from clinops.domain.suite import Verdict

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&:@/])")

_MOST = 50
"""Lines of one list; all of it is in the evidence."""

MEANING = {
    Outcome.QUALIFIED: "The release passed and waits for sign-off.",
    Outcome.REFUSED: "The release is refused: the product is at fault.",
    Outcome.INCONCLUSIVE: "Nobody can tell yet: evidence is missing, or a test can't decide.",
    Outcome.ERRORED: "ClinOps failed; the release will be taken up again.",
}


def plain(text: str) -> str:
    """Escape text so that Markdown, HTML and links in it stay text."""
    return _SPECIAL.sub(r"\\\1", text.replace("\r", " ").replace("\n", " "))


def verdict_report(
    evidence: Evidence, totals: Mapping[str, int], materials: Changes | None = None
) -> str:
    """Tell the verdict in Markdown, most important first."""
    release = evidence.release
    lines = [
        f"# {plain(release.product)} {plain(release.version)}: {evidence.outcome}",
        "",
        f"{MEANING[evidence.outcome]}",
        "",
        _totals_line(evidence, totals),
        *_carried(evidence),
        "",
        "## Findings",
        "",
        *(_finding_line(finding) for finding in _heaviest(evidence.findings)[:_MOST]),
        *_more(len(evidence.findings)),
        *([] if evidence.findings else ["None."]),
        *_waived(evidence),
        *_differences(evidence),
        *_rehearsal(evidence),
        *_comparison(evidence),
        *_materials(materials),
        "",
        "## Identity",
        "",
        f"- release `{release.id}`",
        f"- evidence `{evidence.digest}`",
        f"- commit `{release.commit}`",
    ]
    return "\n".join(lines)


def _heaviest(findings: Sequence[Finding]) -> list[Finding]:
    weights = list(Weight)
    return sorted(findings, key=lambda finding: weights.index(finding.weight))


def _totals_line(evidence: Evidence, totals: Mapping[str, int]) -> str:
    before = evidence.baseline_version
    held = f", held against {plain(before)}" if before else ""
    ended = f"{totals['failures']} failed, {totals['errors']} errors, {totals['skipped']} skipped"
    return f"{totals['tests']} tests{held}: {ended}."


def _carried(evidence: Evidence) -> list[str]:
    """Say first what was not measured now: nobody may take it for a run of today."""
    if not evidence.carried:
        return []
    return ["", "## Carried over", "", *(f"- {plain(line)}" for line in told(evidence.carried))]


def _finding_line(finding: Finding) -> str:
    detail = f": {plain(finding.detail[:300])}" if finding.detail else ""
    return f"- **{finding.weight}** {plain(finding.summary)}{detail}"


def _waived(evidence: Evidence) -> list[str]:
    waived = [finding for finding in evidence.findings if finding.waiver]
    if not waived:
        return []
    by_id = {waiver.id: waiver for waiver in evidence.waivers}
    lines = [
        f"- {plain(finding.occurrence)}: {plain(waiver.id)}, until {waiver.expires}, "
        f"{plain(waiver.owner)}: {plain(waiver.reason)}"
        for finding in waived
        if (waiver := by_id.get(finding.waiver or ""))
    ]
    return ["", "## Waived", "", *lines]


def _differences(evidence: Evidence) -> list[str]:
    if not evidence.differences:
        return []
    return [
        "",
        "## Differences",
        "",
        *(
            f"- {plain(one.subject)}: {plain(one.before[:300])}, now {plain(one.after[:300])}; "
            + (f"declared: {plain(one.declared_by)}" if one.declared_by else "**not declared**")
            for one in evidence.differences[:_MOST]
        ),
        *_more(len(evidence.differences)),
    ]


def _more(number: int) -> list[str]:
    return [f"- and {number - _MOST} more, in the evidence"] if number > _MOST else []


def _rehearsal(evidence: Evidence) -> list[str]:
    found = evidence.rehearsal
    if found is None:
        return []
    back = "" if found.seconds_back is None else f", {found.seconds_back:.1f} s of downtime"
    up = "works" if found.upgraded else "fails"
    read, written = sum(found.read.values()), sum(found.written.values())
    return [
        "",
        "## Rehearsal",
        "",
        f"- the upgrade {up}, {found.seconds_up:.1f} s of downtime",
        f"- the way back ({found.strategy}): {found.way_back}{back}",
        f"- point of no return: {plain(found.point_of_no_return)}",
        f"- {read} records read before the upgrade, {written} written by the candidate",
        *(f"- lost: {_loss(loss)}" for loss in found.losses[:_MOST]),
        *_more(found.lost),
    ]


def _loss(loss: Loss) -> str:
    what = f"{loss.collection}: {loss.record}" + (f", {loss.field}" if loss.field else "")
    return plain(f"{what} ({'new' if loss.new else 'there before the upgrade'})")


def _comparison(evidence: Evidence) -> list[str]:
    found = evidence.comparison
    if found is None:
        return []
    causes = f"{len(found.groups)} causes of differences"
    speeds = f"{len(found.speeds)} probes measured for speed"
    return [
        "",
        "## Comparison",
        "",
        f"{found.answers} answers to {found.probes} probes: {causes}, {speeds}.",
    ]


def _materials(changes: Changes | None) -> list[str]:
    if changes is None:
        return []
    return [
        "",
        "## Materials",
        "",
        f"{plain(changes.summary())}.",
        "",
        *(
            f"- {plain(kind_in_words(one.kind))}: {plain(one.told())}"
            for one in changes.packages[:_MOST]
        ),
        *_more(len(changes.packages)),
    ]


def verdict_rows(evidence: Evidence) -> list[dict[str, str]]:
    """Make a row a suite run."""
    return [
        {
            "suite": run.suite,
            "version": run.role.value,
            "carried over from": origin.release if origin else "",
            **{
                verdict.value: str(sum(case.verdict is verdict for case in run.cases))
                for verdict in Verdict
            },
            "seconds": f"{run.milliseconds / 1000:.1f}",
        }
        for run in evidence.runs
        for origin in [evidence.origin_of(of_suite(run.suite, run.role))]
    ]
