"""The gate as `sign`, `release show`, `reconcile` and `promote` see it: everything, checked now.

Nothing is taken from a projection or a cache: signatures are verified again, evidence is hashed
again, policy and signers are read from the tip of the protected branch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clinops.domain.digest import canonical
from clinops.domain.envelope import Envelope
from clinops.domain.evidence import Evidence
from clinops.domain.gate import GateReport
from clinops.domain.judgement import evaluate
from clinops.domain.ledger import Entry, Kind, ReleaseRecord, timestamp
from clinops.domain.outcome import State
from clinops.domain.release import Release
from clinops.domain.signoff import BrokenSignature, CheckedSignature, Meaning, check
from clinops.errors import ClinOpsError, EvidenceError, RefusedError
from clinops.ports import Signatures
from clinops.wiring import Wiring
from flows.baseline import in_use


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


def check_everything(record: ReleaseRecord, wiring: Wiring) -> Check:
    """Check whether a release may go live, and say every reason why not."""
    refusals: list[str] = [f"the ledger is broken: {problem}" for problem in _ledger(wiring)]
    if record.state not in {State.AWAITING_SIGN_OFF, State.PROMOTING}:
        return Check(record, None, None, (), (*refusals, f"the release is {record.state}"))
    try:
        evidence = load_evidence(record, wiring)
        report = gate_report(record, evidence, wiring)
    except (EvidenceError, RefusedError) as error:
        return Check(record, None, None, (), (*refusals, str(error)))
    sites = wiring.estate(wiring.repository.head()).sites().running(record.product)
    refusals += reasons(report)
    refusals += _others(record, wiring)
    refusals += _inputs(record, wiring)
    refusals += _images(evidence, wiring)
    refusals += _baseline(record, evidence, sites, wiring)
    return Check(record, evidence, report, tuple(sites), tuple(refusals))


def load_evidence(record: ReleaseRecord, wiring: Wiring) -> Evidence:
    """Read a release's evidence and hash every file of it; raises EvidenceError."""
    if record.evidence is None:
        raise EvidenceError(f"{record.id} has no evidence yet")
    try:
        evidence = Evidence.model_validate_json(wiring.evidence.get(record.evidence))
    except ValueError:
        raise EvidenceError(f"{record.evidence} is no evidence") from None
    if canonical(evidence.json_value()) != wiring.evidence.get(record.evidence):
        raise EvidenceError(f"the evidence {record.evidence} is not in its canonical form")
    if evidence.release.id != record.id or evidence.release.json_value() != record.release:
        raise EvidenceError(f"the evidence {record.evidence} is about another release")
    if contradictions := evidence.contradictions():
        raise EvidenceError(f"the evidence contradicts itself: {'; '.join(contradictions)}")
    for name, digest in evidence.files.items():
        try:
            wiring.evidence.get(digest)
        except EvidenceError as error:
            raise EvidenceError(f"{name}: {error}") from error
    return evidence


def gate_report(
    record: ReleaseRecord,
    evidence: Evidence,
    wiring: Wiring,
    also: Sequence[CheckedSignature | BrokenSignature] = (),
) -> GateReport:
    """Evaluate the gate as the protected branch has it now, with signatures not yet recorded."""
    head = wiring.estate(wiring.repository.head())
    return evaluate(
        head.gate(record.product),
        head.signers(),
        head.vendors(),
        [*signatures(wiring.ledger.entries(record.id), wiring.signatures), *also],
        evidence=evidence,
        committer=committer_of(evidence.release, wiring),
        contributors={
            *evidence.release.contributors,
            *contributors_of(evidence.release.manifest_path, evidence.release.commit, wiring),
        },
        now=wiring.clock(),
    )


def committer_of(release: Release, wiring: Wiring) -> str:
    """Ask git who signed the commit that the release's manifest came with.

    Raises:
        RefusedError: It is not who the release says, or the key has been revoked since.
    """
    commit = wiring.repository.introduced(release.manifest_path, release.commit)
    committer = wiring.repository.signer_of(commit)
    if committer != release.committer:
        raise RefusedError(f"git says that {committer} committed it, not {release.committer}")
    return committer


def contributors_of(manifest_path: str, commit: str, wiring: Wiring) -> tuple[str, ...]:
    """Ask git who signed anything that a release is made of, since the version in use.

    The manifest alone says little: a suite that was weakened makes a release as well.
    """
    estate = wiring.estate(wiring.repository.at(commit))
    manifest = estate.manifest(manifest_path)
    paths = [manifest_path, *estate.folders_of(manifest)]
    live = in_use(manifest.product, wiring)
    found = wiring.repository.contributors(paths, commit, live.commit if live else None)
    return tuple(sorted(found))


def record_signature(
    record: ReleaseRecord,
    evidence: Evidence,
    envelope: Envelope,
    meaning: Meaning,
    wiring: Wiring,
) -> None:
    """Append a signature that counts; raises RefusedError, and writes nothing, for any other."""
    now = timestamp(wiring.clock())
    signature = check(envelope.to_bytes(), now, wiring.signatures.verify)
    before = gate_report(record, evidence, wiring).refused
    after = gate_report(record, evidence, wiring, [signature]).refused
    objections = [one.sentence for one in after if one not in before]
    if objections:
        raise RefusedError(
            f"this signature would not count, so it was not recorded: {'; '.join(objections)}",
            mend=f"clinops release show {record.id}",
        )
    kind = Kind.SIGNED if meaning is Meaning.APPROVED else Kind.REJECTED
    wiring.ledger.append(kind, record.id, {"envelope": envelope.json_value()})


def signatures(
    entries: Iterable[Entry], verifier: Signatures
) -> list[CheckedSignature | BrokenSignature]:
    """Verify every signature among a release's entries; one that does not hold says why."""
    return [
        check(canonical(entry.body["envelope"]), entry.time, verifier.verify)
        for entry in entries
        if entry.kind in {Kind.SIGNED, Kind.REJECTED}
    ]


def reasons(report: GateReport) -> list[str]:
    """Say why a gate is not open: what is missing, and why each refused signature is."""
    if report.open:
        return []
    refused = [f"not counted: {one.sentence}" for one in report.refused]
    return [f"missing: {one}" for one in report.missing] + refused


def _ledger(wiring: Wiring) -> list[str]:
    return list(wiring.ledger.problems())[:5]


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
    return [f"changed on the protected branch since the evidence was made: {', '.join(changed)}"]


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
