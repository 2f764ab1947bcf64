"""The gate as `sign`, `release show`, `reconcile` and `promote` see it: everything, checked now.

This is the door for commands and pages; what it takes to judge is gathered in `flows.judgement`,
what people sign is written down in
`flows.signing` and taken in by `flows.recording`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import GateReport
from clinops.domain.outcome import State
from clinops.domain.reuse import not_proven
from clinops.errors import BadInputError, ClinOpsError, EvidenceError, RefusedError
from clinops.wiring import Wiring
from flows.bundled_evidence import disagreements
from flows.judgement import (
    about_reuse,
    circumstances,
    contributors_of,
    gate_report,
    line_stop,
    load_evidence,
    origins_of,
    owed_for,
    signatures,
    still_owed,
)
from flows.questions import answer, ask
from flows.recording import note_forged_form, record
from flows.signing import prepare_approval, prepare_line_order, prepare_sign_off

__all__ = [
    "Check",
    "about_reuse",
    "answer",
    "ask",
    "audit",
    "changed_inputs",
    "check_everything",
    "circumstances",
    "contributors_of",
    "gate_report",
    "line_stop",
    "load_evidence",
    "note_forged_form",
    "owed_for",
    "prepare_approval",
    "prepare_line_order",
    "prepare_sign_off",
    "reasons",
    "record",
    "signatures",
    "still_owed",
]


@dataclass(frozen=True)
class Check:
    """What a check of everything came to."""

    record: ReleaseRecord
    evidence: Evidence | None
    report: GateReport | None
    sites: tuple[str, ...]
    refusals: tuple[str, ...]

    @property
    def open(self) -> bool:
        """Whether the release may go to its sites now."""
        return not self.refusals and self.report is not None and self.report.open


def audit(wiring: Wiring) -> tuple[str, ...]:
    """Audit the ledger; a few of its problems are enough to close every gate."""
    return tuple(islice(wiring.ledger.problems(), 5))


def check_everything(
    record: ReleaseRecord, wiring: Wiring, audited: Sequence[str] | None = None
) -> Check:
    """Check whether a release may go live, and say every reason why not.

    Args:
        record: The release.
        wiring: The estate.
        audited: What an audit of the ledger found just now; without it there is one here.
    """
    problems = audit(wiring) if audited is None else audited
    refusals: list[str] = [f"the ledger is broken: {problem}" for problem in problems]
    if record.state not in {State.AWAITING_SIGN_OFF, State.PROMOTING}:
        return Check(record, None, None, (), (*refusals, f"the release is {record.state}"))
    try:
        evidence = load_evidence(record, wiring)
        files = {name: wiring.evidence.get(digest) for name, digest in evidence.files.items()}
        report = gate_report(record, evidence, wiring)
    except (BadInputError, EvidenceError, RefusedError) as error:
        return Check(record, None, None, (), (*refusals, error.diagnostics()))
    sites = wiring.estate(wiring.repository.head()).sites().running(record.product)
    refusals += [f"the evidence: {one}" for one in disagreements(evidence, files)]
    held, entries = origins_of(evidence, wiring), about_reuse(evidence, wiring)
    refusals += [f"the evidence: {one}" for one in not_proven(evidence, held, entries)]
    refusals += reasons(report)
    refusals += _others(record, wiring)
    refusals += _inputs(record, wiring)
    refusals += _images(evidence, wiring)
    refusals += _baseline(record, evidence, sites, wiring)
    return Check(record, evidence, report, tuple(sites), tuple(refusals))


def reasons(report: GateReport) -> list[str]:
    """Say why a gate is not open: what is missing, and why each refused signature is."""
    if report.open:
        return []
    refused = [f"not counted: {one.sentence}" for one in report.refused]
    return [f"missing: {one}" for one in report.missing] + refused


def changed_inputs(record: ReleaseRecord, wiring: Wiring) -> list[str]:
    """Return the files among a release's inputs that the protected branch has otherwise by now."""
    repository, path = wiring.repository, str(record.release["manifest_path"])
    commit = str(record.release["commit"])
    estate = wiring.estate(repository.at(commit))
    paths = [path, *estate.folders_of(estate.manifest(path))]
    return repository.changed(paths, commit, repository.head().commit)


def _others(record: ReleaseRecord, wiring: Wiring) -> list[str]:
    return [
        f"{other.id} is being promoted to the same sites"
        for other in wiring.ledger.releases(record.product)
        if other.state is State.PROMOTING and other.id != record.id
    ]


def _inputs(record: ReleaseRecord, wiring: Wiring) -> list[str]:
    head = wiring.estate(wiring.repository.head())
    try:
        _, inputs, found = head.inputs(record.release["manifest_path"])
    except ClinOpsError as error:
        return [f"the manifest is not on the protected branch any more: {error}"]
    was = record.release["inputs"]
    # Not by the id: it has too few digits of the digest to be proof against a vendor who tries.
    changed = [name for name, digest in inputs.json_value().items() if digest != was[name]]
    if not changed and found == record.id:
        return []
    what = f"changed on the protected branch since the evidence was made: {', '.join(changed)}"
    files = changed_inputs(record, wiring)
    more = f" and {len(files) - 5} more" if files[5:] else ""
    return [what + (f" ({', '.join(files[:5])}{more})" if files else "")]


def _images(evidence: Evidence, wiring: Wiring) -> list[str]:
    return [
        f"the image of {service} that was tested ({digest}) is not on this engine any more"
        for service, digest in evidence.candidate_images().items()
        if not wiring.images.present(digest)
    ]


def _baseline(
    record: ReleaseRecord, evidence: Evidence, sites: list[str], wiring: Wiring
) -> list[str]:
    if not sites:
        return [f"no site of environments/sites.yaml runs {record.product}"]
    live = {system.site: system for system in wiring.ledger.live(record.product)}
    return [
        f"{site}: {live[site].version if site in live else 'nothing'} is live, but the evidence "
        f"was made against {evidence.baseline_version or 'nothing'}"
        for site in sites
        if not (site in live and live[site].release == record.id)
        and (live[site].version if site in live else None) != evidence.baseline_version
    ]
