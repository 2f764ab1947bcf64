"""What the gate is judged by: signatures, documents and circumstances, gathered and checked now.

Nothing is taken from a projection or a cache: signatures are verified again, evidence is hashed
again, policy and signers are read from the tip of the protected branch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from clinops.domain.calendar import PATH as CALENDAR
from clinops.domain.calendar import Calendar, Freeze
from clinops.domain.circumstances import GATE, HAZARD_LOG, Circumstances, Deployed, Wanted
from clinops.domain.coverage import coverage
from clinops.domain.digest import canonical
from clinops.domain.envelope import envelope_from
from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import GatePolicy, GateReport, Owed
from clinops.domain.hazard import HazardLog
from clinops.domain.identity import Register
from clinops.domain.judgement import evaluate
from clinops.domain.ledger import Entry, Kind, timestamp
from clinops.domain.line import Order, Stop, stop_in_force
from clinops.domain.outcome import State
from clinops.domain.parsing import parse
from clinops.domain.release import Release
from clinops.domain.reuse import DECIDES_ON_REUSE, dropped
from clinops.domain.signed import S
from clinops.domain.signoff import (
    Approval,
    BrokenSignature,
    ChangeType,
    Checked,
    CheckedSignature,
    LineAction,
    LineOrder,
    SignOff,
    check,
    signed_from,
)
from clinops.domain.value import Document
from clinops.errors import BadInputError, EvidenceError, RefusedError
from clinops.ports import Signatures
from clinops.wiring import Wiring
from flows.baseline import changed_since, in_use

D = TypeVar("D", bound=Document)

IN_EVIDENCE = "environment/"
"""Where the files of a product's environment lie among the evidence files."""

WENT_LIVE = frozenset({State.LIVE, State.ROLLED_BACK})
"""States of what was deployed; what was rolled back may have stayed at its first sites."""

_ORDERS = {Kind.LINE_STOPPED: LineAction.STOP, Kind.LINE_RESUMED: LineAction.RESUME}


def load_evidence(record: ReleaseRecord, wiring: Wiring) -> Evidence:
    """Read a release's evidence and hash every file of it; raises EvidenceError."""
    if record.evidence is None:
        raise EvidenceError(f"{record.id} has no evidence yet")
    evidence = evidence_at(record.evidence, wiring)
    if evidence.release.id != record.id or evidence.release.json_value() != record.release:
        raise EvidenceError(f"the evidence {record.evidence} is about another release")
    for name, digest in evidence.files.items():
        try:
            wiring.evidence.get(digest)
        except EvidenceError as error:
            raise EvidenceError(f"{name}: {error}") from error
    return evidence


def evidence_at(digest: str, wiring: Wiring) -> Evidence:
    """Read evidence, and nothing of its files; raises EvidenceError."""
    data = wiring.evidence.get(digest)
    try:
        evidence = Evidence.model_validate_json(data)
    except ValueError:
        raise EvidenceError(f"{digest} is no evidence") from None
    if canonical(evidence.json_value()) != data:
        raise EvidenceError(f"the evidence {digest} is not in its canonical form")
    if contradictions := evidence.contradictions():
        raise EvidenceError(f"the evidence contradicts itself: {'; '.join(contradictions)}")
    return evidence


def origins_of(evidence: Evidence, wiring: Wiring) -> dict[str, Evidence]:
    """Read the evidence that results were carried over from, as far as it can be had."""
    found = {}
    for digest in {origin.evidence for _, origin in evidence.carried}:
        with suppress(EvidenceError):
            found[digest] = evidence_at(digest, wiring)
    return found


def about_reuse(evidence: Evidence, wiring: Wiring) -> list[Entry]:
    """Return what the ledger has about carried results: what became of origins, mismatches."""
    releases = {origin.release for _, origin in evidence.carried}
    if not releases:
        return []
    return [
        entry
        for subject in (*sorted(releases), evidence.release.product)
        for entry in wiring.ledger.entries(subject)
        if entry.kind in DECIDES_ON_REUSE
    ]


def gate_report(
    record: ReleaseRecord,
    evidence: Evidence,
    wiring: Wiring,
    also: Sequence[CheckedSignature | BrokenSignature] = (),
) -> GateReport:
    """Evaluate the gate as the protected branch has it now, with signatures not yet recorded.

    What is live is judged by the policy that it went live under.
    """
    around = circumstances(record, evidence, wiring)
    release = evidence.release
    register = register_of(record, evidence, wiring)
    return evaluate(
        register.policy,
        register.signers,
        register.vendors,
        [*signatures(wiring.ledger.entries(record.id), wiring.signatures), *also],
        evidence=evidence,
        committer=release.committer if around.deployed else committer_of(release, wiring),
        contributors={
            *release.contributors,
            *contributors_of(release.manifest_path, release.commit, wiring),
        },
        circumstances=around,
        now=wiring.clock(),
    )


def register_of(record: ReleaseRecord, evidence: Evidence, wiring: Wiring) -> Register:
    """Return the people of the protected branch, and the policy that a release is judged by."""
    if record.state in WENT_LIVE:
        policy = _from_evidence(evidence, GATE, GatePolicy, wiring)
        if policy is None:
            raise EvidenceError(f"there is no {GATE} in the evidence")
        return register(record.product, wiring, policy)
    return register(record.product, wiring)


def register(product: str, wiring: Wiring, policy: GatePolicy | None = None) -> Register:
    """Return the people of the protected branch, and a product's policy there."""
    head = wiring.estate(wiring.repository.head())
    return Register(policy or head.gate(product), head.signers(), head.vendors(), wiring.clock())


def circumstances(record: ReleaseRecord, evidence: Evidence, wiring: Wiring) -> Circumstances:
    """Gather what the gate must know besides the signatures under a release."""
    product = record.product
    head = wiring.estate(wiring.repository.head())
    sites = tuple(head.sites().running(product))
    log = _from_evidence(evidence, HAZARD_LOG, HazardLog, wiring)
    entries = list(wiring.ledger.entries(product))
    known = Circumstances(
        sites=sites,
        hazard_log=log,
        hazard_log_digest=evidence.files.get(IN_EVIDENCE + HAZARD_LOG, ""),
        coverage=coverage(log, evidence.runs) if log else (),
        stop=stop_of(entries, register_of(record, evidence, wiring), product, wiring.signatures),
        freezes=freezes(product, sites, wiring),
        overdue=tuple(_overdue(record, wiring)),
        changed=changed_since(evidence.release, wiring),
        dropped=tuple(_dropped(record, evidence, wiring)),
        deployed=_deployed(record, wiring),
    )
    wanted = list(known.wanted(evidence))
    commit = evidence.release.commit
    return replace(
        known,
        approvals=tuple(approvals(entries, wiring.signatures, wanted)),
        authors={one.document: authors_of(one.document, commit, wiring) for one in wanted},
    )


def _dropped(record: ReleaseRecord, evidence: Evidence, wiring: Wiring) -> Iterator[str]:
    """What is live is judged by what was on record when it went live."""
    if record.state not in WENT_LIVE:
        yield from dropped(evidence, about_reuse(evidence, wiring))


def _from_evidence(evidence: Evidence, name: str, form: type[D], wiring: Wiring) -> D | None:
    """Read a document of the product's environment out of the evidence, as the tests met it."""
    digest = evidence.files.get(IN_EVIDENCE + name)
    if digest is None:
        return None
    try:
        return parse(name, wiring.evidence.get(digest), form)
    except BadInputError as error:
        raise EvidenceError(f"the evidence can't be judged: {error.diagnostics()}") from None


def freezes(product: str, sites: Sequence[str], wiring: Wiring) -> tuple[Freeze, ...]:
    """Return the freezes that keep a product from going to its sites now."""
    head = wiring.estate(wiring.repository.head())
    if not head.tree.exists(CALENDAR):
        return ()
    calendar = head.parsed(CALENDAR, Calendar).document
    return calendar.in_force(product, sites, wiring.clock())


def line_stop(product: str, wiring: Wiring) -> Stop | None:
    """Return the stop of a product's line that is in force, if there is one."""
    people = register(product, wiring)
    return stop_of(wiring.ledger.entries(product), people, product, wiring.signatures)


def stop_of(
    entries: Iterable[Entry], people: Register, product: str, verifier: Signatures
) -> Stop | None:
    """Return the stop that is in force after some entries about a product."""
    orders = (
        Order(_ORDERS[entry.kind], checked(LineOrder, entry, verifier))
        for entry in entries
        if entry.kind in _ORDERS
    )
    return stop_in_force(orders, product, people)


def _deployed(record: ReleaseRecord, wiring: Wiring) -> Deployed | None:
    """Return how a release that has gone live, or is just about to, came to be so."""
    if record.state is not State.PROMOTING and record.state not in WENT_LIVE:
        return None
    entries = list(wiring.ledger.entries(record.id))
    starts = [entry for entry in entries if entry.kind is Kind.DEPLOYMENT_STARTED]
    if not starts:
        raise EvidenceError(f"{record.id} is on file as {record.state}, but nothing began that")
    gate = starts[-1].body.get("gate")
    return Deployed(
        route=ChangeType(gate["route"]) if gate else ChangeType.NORMAL,
        time=starts[0].time,
        live=record.state in WENT_LIVE,
        settled=owed_for(record, wiring) is None,
    )


def owed_for(record: ReleaseRecord, wiring: Wiring) -> Owed | None:
    """Return what is still owed for a release as long as any site has it; none where nothing is."""
    sites = (live.release for live in wiring.ledger.live(record.product))
    if record.state is State.ROLLED_BACK and record.id not in sites:
        return None
    return still_owed(wiring.ledger.entries(record.id))


def still_owed(entries: Iterable[Entry]) -> Owed | None:
    """Return what is still owed for a release, as its entries have it; none where nothing is."""
    owed: object = None
    for entry in entries:
        if entry.kind is Kind.DEPLOYMENT_STARTED:
            owed = (entry.body.get("gate") or {}).get("owed")
        elif entry.kind is Kind.SIGNED and "owed" in entry.body:
            owed = entry.body["owed"]
    return None if owed is None else Owed.model_validate(owed)


def _overdue(record: ReleaseRecord, wiring: Wiring) -> Iterator[str]:
    now = timestamp(wiring.clock())
    for other in wiring.ledger.releases(record.product, WENT_LIVE):
        owed = owed_for(other, wiring) if other.id != record.id else None
        if owed is not None and owed.deadline < now:
            yield (
                f"the sign-offs that {other.id} has owed since it went live as an emergency; "
                f"they were due by {owed.deadline}"
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


def authors_of(path: str, commit: str, wiring: Wiring) -> frozenset[str]:
    """Ask git who changed a document last, or at all since the version in use.

    Where the last one's key is good no more, everybody who ever changed it is an author: that is
    the safe side.
    """
    repository, live = wiring.repository, in_use(path.split("/")[1], wiring)
    last = repository.introduced(path, commit)
    since = repository.contributors([path], commit, live.commit if live else None)
    try:
        return since | {repository.signer_of(last)}
    except RefusedError:
        return repository.contributors([path], last)


def signatures(
    entries: Iterable[Entry], verifier: Signatures
) -> list[CheckedSignature | BrokenSignature]:
    """Verify every sign-off among a release's entries; one that does not hold says why."""
    return [
        checked(SignOff, entry, verifier)
        for entry in entries
        if entry.kind in {Kind.SIGNED, Kind.REJECTED}
    ]


def approvals(
    entries: Iterable[Entry], verifier: Signatures, wanted: Collection[Wanted] | None = None
) -> Iterator[Checked[Approval] | BrokenSignature]:
    """Verify approvals among a product's entries: all, or those said to be of what is wanted.

    Those of earlier versions pile up, and to verify one takes a process.
    """
    digests = None if wanted is None else {one.digest for one in wanted}
    for entry in entries:
        if entry.kind is Kind.DOCUMENT_APPROVED and (
            digests is None or _claimed_digest(entry) in digests
        ):
            yield checked(Approval, entry, verifier)


def _claimed_digest(entry: Entry) -> str:
    try:
        claimed = signed_from(envelope_from(canonical(entry.body.get("envelope"))).statement)
    except RefusedError:
        return ""
    return claimed.digest if isinstance(claimed, Approval) else ""


def checked(form: type[S], entry: Entry, verifier: Signatures) -> Checked[S] | BrokenSignature:
    """Verify the envelope of an entry."""
    envelope = canonical(entry.body.get("envelope"))
    return check(form, envelope, entry.time, entry.sequence, verifier.verify)
