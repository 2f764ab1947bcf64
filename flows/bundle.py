"""A release's bundle: everything about it in one file, and its verification without a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from clinops.adapters import bundle as bundle_file
from clinops.adapters.attestations import verify as verify_attestation
from clinops.domain.calendar import PATH as CALENDAR
from clinops.domain.digest import canonical, digest_bytes
from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import Rule
from clinops.domain.ledger import Entry, Kind
from clinops.domain.measured import told
from clinops.domain.reuse import dropped, not_proven
from clinops.errors import ClinOpsError, EvidenceError
from clinops.wiring import Wiring, offline_signatures
from flows.bundled_evidence import disagreements
from flows.bundled_gate import (
    OF_PRODUCT,
    OF_REUSE,
    SIGNERS,
    SITES,
    BundledGate,
    in_sentences,
    origins_in,
)
from flows.gate import about_reuse, load_evidence, reasons

_WHOSE = (
    "who the signers are: they are the bundle's own, and whoever made it could have made them up; "
    "name a signers.yaml that you trust with --signers"
)
_WHO_WROTE = (
    "that nobody approved a hazard log or a waiver that they had changed, that a standard change "
    "was tested like the version in use, and that no emergency was overdue: git and the ledger know"
)
_ENVELOPE, _ENGINE_KEY = "test-result.dsse.json", "engine-key.pub"
_WHICH_ENGINE = (
    "which engine attested it: the key is the bundle's own; "
    "name the public key of the engine that you trust with --engine-key"
)


@dataclass(frozen=True)
class Verdict:
    """What a verification found, in sentences."""

    good: list[str]
    bad: list[str]
    unproven: list[str] = field(default_factory=list)
    """What the bundle can't prove by itself."""

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return not self.bad


def export_release(record: ReleaseRecord, wiring: Wiring, target: Path) -> str:
    """Write a release's bundle and return its evidence digest; raises EvidenceError."""
    if record.evidence is None:
        raise EvidenceError(f"{record.id} is {record.state}: it has no evidence yet")
    evidence = load_evidence(record, wiring)
    of_product = wiring.ledger.entries(record.product)
    found = (
        *wiring.ledger.about(record.id),
        *(entry for entry in of_product if entry.kind in OF_PRODUCT),
        *(one for one in about_reuse(evidence, wiring) if one.kind in OF_REUSE),
    )
    entries = [*{entry.sequence: entry for entry in found}.values()]
    head = wiring.repository.head()
    policy = [
        f"environments/{record.product}/gate.yaml",
        SIGNERS,
        SITES,
        *([CALENDAR] if head.exists(CALENDAR) else []),
        *(f"vendor_manifests/{name}/vendor.yaml" for name in wiring.estate(head).vendors()),
    ]
    envelopes = [
        canonical(entry.body["envelope"])
        for entry in sorted(entries, key=lambda entry: entry.sequence)
        if "envelope" in entry.body and entry.kind is not Kind.SIGNATURE_REFUSED
    ]
    bundle_file.export(
        evidence,
        wiring.evidence,
        envelopes,
        {path: head.read(path) for path in policy},
        entries,
        target,
        {
            name: wiring.evidence.get(digest)
            for name, digest in _attested(entries, record.id).items()
        },
        {
            bundle_file.origin_name(origin.evidence): wiring.evidence.get(origin.evidence)
            for _, origin in evidence.carried
        },
    )
    return record.evidence


def _verdicts(entries: Sequence[Entry], release: str) -> list[Entry]:
    """Return the verdicts on a release itself; a bundle holds those on its origins as well."""
    return [one for one in entries if one.kind is Kind.VERDICT and one.subject == release]


def _attested(entries: Sequence[Entry], release: str) -> dict[str, str]:
    """Return what the ledger names as the attestation of its last verdict, by name in a bundle."""
    verdicts = _verdicts(entries, release)
    if not verdicts or "attestation" not in verdicts[-1].body:
        return {}
    found = verdicts[-1].body["attestation"]
    return {_ENVELOPE: found["envelope"], _ENGINE_KEY: found["key"]}


def verify_bundle(
    path: Path, *, digest: str | None, signers: Path | None, engine_key: Path | None = None
) -> Verdict:
    """Verify a bundle by itself.

    The gate is judged as of the moment when it mattered: when the promotion began, or else when
    the last signature was recorded.

    Args:
        path: The bundle.
        digest: The evidence digest that the verifier expects, from elsewhere.
        signers: A `signers.yaml` that the verifier trusts more than the bundle's.
        engine_key: The public key, as PEM, of the engine that the verifier expects.
    """
    try:
        bundle = bundle_file.read(path)
    except EvidenceError as error:
        return Verdict([], [str(error)])
    evidence = bundle.evidence
    good = [f"every byte of {len(bundle.files)} evidence files", f"evidence {evidence.digest}"]
    wrong = [*evidence.contradictions(), *disagreements(evidence, bundle.files)]
    bad = [f"the evidence contradicts itself: {one}" for one in wrong]
    if digest is not None and digest != evidence.digest:
        bad.append(f"the evidence is {evidence.digest}, not {digest} as expected")
    bad += _recorded(bundle)
    bad += not_proven(evidence, origins_in(bundle), bundle.entries)
    good += told(evidence.carried)
    good.append(f"{evidence.release.id}: {evidence.outcome}")
    attested = _attests(bundle, engine_key)
    good, bad, unproven = good + attested.good, bad + attested.bad, attested.unproven
    judged = _judge(bundle, signers)
    return Verdict(good + judged.good, bad + judged.bad, unproven + judged.unproven)


def _judge(bundle: bundle_file.Bundle, signers: Path | None) -> Verdict:
    """Judge the gate, and say in words what holds of it and what does not."""
    known = signers.read_bytes() if signers else bundle.policy_files.get(SIGNERS, b"")
    gate = BundledGate(bundle, known, offline_signatures())
    if not gate.is_signed:
        closed = [f"missing: {one}" for one in dropped(bundle.evidence, bundle.entries)]
        return Verdict(["nobody has signed this release"], closed)
    try:
        report, after, bad = gate.report(), gate.owed(), list(gate.anchors())
    except (ClinOpsError, KeyError, TypeError, ValueError, OverflowError) as error:
        return Verdict([], [f"the gate can't be judged: {error}"])
    unproven = [] if signers else [_WHOSE]
    unproven += [gate.left_out(), _WHO_WROTE]
    good = list(dict.fromkeys(chain(in_sentences(report), in_sentences(after) if after else ())))
    if after and after.owed:
        missing = "; ".join(after.owed.missing)
        unproven.append(f"what is owed since the emergency, by {after.owed.deadline}: {missing}")
    if report.open:
        route = f"the gate was open at {gate.moment.time}, for a change of the type {report.route}"
        return Verdict([*good, route], bad, unproven)
    refused = reasons(report)
    # Who signs again says the same once more: nothing is wrong with that.
    wrong = any(one.rule is not Rule.SAME_PERSON for one in report.refused)
    if gate.start or wrong:
        return Verdict(good, [*bad, *refused], unproven)
    return Verdict([*good, *(f"the gate is closed; {one}" for one in refused)], bad, unproven)


def _attests(bundle: bundle_file.Bundle, engine_key: Path | None) -> Verdict:
    """Check what the engine attested, by the key that the verifier expects or the bundle's own."""
    try:
        named = _attested(bundle.entries, bundle.evidence.release.id)
        if named != {name: digest_bytes(data) for name, data in bundle.attestation.items()}:
            return Verdict([], ["the engine's attestation is not the one that the ledger names"])
        if not named:
            missing = ["that an engine measured this: none attested it"]
            return Verdict([], missing) if engine_key else Verdict([], [], missing)
        public = engine_key.read_bytes() if engine_key else bundle.attestation[_ENGINE_KEY]
        keyid = verify_attestation(bundle.attestation[_ENVELOPE], public, bundle.evidence)
    except (ClinOpsError, KeyError, TypeError) as error:
        return Verdict([], [f"the engine's attestation does not hold: {error}"])
    good = [f"the engine with the key {keyid} attested what the evidence says"]
    return Verdict(good, [], [] if engine_key else [_WHICH_ENGINE])


def _recorded(bundle: bundle_file.Bundle) -> list[str]:
    verdicts = _verdicts(bundle.entries, bundle.evidence.release.id)
    recorded = [entry.body.get("evidence") for entry in verdicts]
    if recorded[-1:] == [bundle.evidence.digest]:
        return []
    return ["the ledger's verdict is not about this evidence"]
