"""A release's bundle: everything about it in one file, and its verification without a server."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clinops.adapters import bundle as bundle_file
from clinops.domain.digest import canonical
from clinops.domain.gate import GatePolicy
from clinops.domain.judgement import evaluate
from clinops.domain.ledger import Entry, Kind, ReleaseRecord, release_of
from clinops.domain.parsing import parse
from clinops.domain.signer import Signers, Vendor
from clinops.errors import ClinOpsError, EvidenceError
from clinops.wiring import Wiring, offline_signatures
from flows.gate import load_evidence, reasons, signatures

_SIGNERS = "environments/signers.yaml"


@dataclass(frozen=True)
class Verdict:
    """What a verification found, in sentences."""

    good: list[str]
    bad: list[str]

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return not self.bad


def export_release(record: ReleaseRecord, wiring: Wiring, target: Path) -> str:
    """Write a release's bundle and return its evidence digest; raises EvidenceError."""
    if record.evidence is None:
        raise EvidenceError(f"{record.id} is {record.state}: it has no evidence yet")
    evidence = load_evidence(record, wiring)
    entries = [entry for entry in wiring.ledger.entries() if release_of(entry) == record.id]
    head = wiring.repository.head()
    policy = [
        f"environments/{record.product}/gate.yaml",
        _SIGNERS,
        *(f"vendor_manifests/{name}/vendor.yaml" for name in wiring.estate(head).vendors()),
    ]
    envelopes = [
        canonical(entry.body["envelope"])
        for entry in entries
        if entry.kind in {Kind.SIGNED, Kind.REJECTED}
    ]
    bundle_file.export(
        evidence,
        wiring.evidence,
        envelopes,
        {path: head.read(path) for path in policy},
        entries,
        target,
    )
    return record.evidence


def verify_bundle(path: Path, *, digest: str | None, signers: Path | None) -> Verdict:
    """Verify a bundle by itself.

    The gate is judged as of the moment when it mattered: when the promotion began, or else when
    the last signature was recorded.

    Args:
        path: The bundle.
        digest: The evidence digest that the verifier expects, from elsewhere.
        signers: A `signers.yaml` that the verifier trusts more than the bundle's.
    """
    try:
        bundle = bundle_file.read(path)
    except EvidenceError as error:
        return Verdict([], [str(error)])
    evidence = bundle.evidence
    good = [f"every byte of {len(bundle.files)} evidence files", f"evidence {evidence.digest}"]
    bad = [f"the evidence contradicts itself: {one}" for one in evidence.contradictions()]
    if digest is not None and digest != evidence.digest:
        bad.append(f"the evidence is {evidence.digest}, not {digest} as expected")
    bad += _recorded(bundle.entries, evidence.digest)
    good.append(f"{evidence.release.id}: {evidence.outcome}")
    moment = _moment(bundle.entries)
    if moment is None:
        return Verdict([*good, "nobody has signed this release"], bad)
    policy = dict(bundle.policy_files)
    gate_path = f"environments/{evidence.release.product}/gate.yaml"
    if signers is not None:
        policy[_SIGNERS] = signers.read_bytes()
    try:
        report = evaluate(
            parse(gate_path, policy[gate_path], GatePolicy),
            parse(_SIGNERS, policy[_SIGNERS], Signers),
            {
                name.split("/")[1]: parse(name, data, Vendor)
                for name, data in policy.items()
                if name.endswith("/vendor.yaml")
            },
            signatures(bundle.entries, offline_signatures()),
            evidence=evidence,
            committer=evidence.release.committer,
            contributors=evidence.release.contributors,
            now=moment,
        )
    except (ClinOpsError, KeyError) as error:
        return Verdict(good, [*bad, f"the gate can't be judged: {error}"])
    good += [
        f"signed: {one.name} ({one.role}"
        + (f", {one.registration.body} {one.registration.number}" if one.registration else "")
        + f") {one.meaning} it at {one.time}: {one.reason}"
        for one in report.counted
    ]
    if report.open:
        return Verdict([*good, f"the gate was open at {moment.isoformat()}"], bad)
    deployed = any(entry.kind is Kind.DEPLOYMENT_STARTED for entry in bundle.entries)
    refused = reasons(report)
    if deployed or any(one.startswith("not counted") for one in refused):
        return Verdict(good, [*bad, *refused])
    return Verdict([*good, *(f"the gate is closed; {one}" for one in refused)], bad)


def _recorded(entries: Sequence[Entry], digest: str) -> list[str]:
    verdicts = [entry.body.get("evidence") for entry in entries if entry.kind is Kind.VERDICT]
    return [] if verdicts == [digest] else ["the ledger's verdict is not about this evidence"]


def _moment(entries: Sequence[Entry]) -> dt.datetime | None:
    for kinds in ({Kind.DEPLOYMENT_STARTED}, {Kind.SIGNED, Kind.REJECTED}):
        times = [entry.time for entry in entries if entry.kind in kinds]
        if times:
            return dt.datetime.fromisoformat(times[-1])
    return None
