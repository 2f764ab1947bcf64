"""The gate as a bundle has it: judged anew from what is in the bundle alone, and told in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from clinops.adapters.bundle import Bundle
from clinops.domain.calendar import PATH as CALENDAR
from clinops.domain.calendar import Calendar
from clinops.domain.circumstances import GATE, HAZARD_LOG, Circumstances, Deployed
from clinops.domain.coverage import coverage
from clinops.domain.evidence import Evidence
from clinops.domain.gate import GatePolicy, GateReport
from clinops.domain.hazard import HazardLog
from clinops.domain.identity import Register
from clinops.domain.judgement import evaluate
from clinops.domain.ledger import Entry, Kind
from clinops.domain.parsing import parse
from clinops.domain.reuse import dropped
from clinops.domain.saying import who_signed
from clinops.domain.signer import Signers, Vendor
from clinops.domain.signoff import Approval, ChangeType, Checked, LineOrder, SignOff
from clinops.domain.site import Sites
from clinops.ports import Signatures
from flows.judgement import IN_EVIDENCE, approvals, checked, signatures, stop_of

SIGNERS, SITES = "environments/signers.yaml", "environments/sites.yaml"
OF_PRODUCT = frozenset({Kind.DOCUMENT_APPROVED, Kind.LINE_STOPPED, Kind.LINE_RESUMED})
"""Entries about a product that its releases' gates depend on."""

OF_REUSE = frozenset({Kind.VERDICT, Kind.REUSE_MISMATCH})
"""Entries that what was carried over depends on, about other releases, too."""

_FORMS: dict[Kind, type[SignOff | Approval | LineOrder]] = {
    Kind.SIGNED: SignOff,
    Kind.REJECTED: SignOff,
    Kind.DOCUMENT_APPROVED: Approval,
    Kind.LINE_STOPPED: LineOrder,
    Kind.LINE_RESUMED: LineOrder,
}


@dataclass(frozen=True)
class BundledGate:
    """A bundle, whom the verifier trusts, and what verifies signatures."""

    bundle: Bundle
    known: bytes
    """The signers.yaml by which to judge."""
    verifier: Signatures

    @cached_property
    def register(self) -> Register:
        """The people as the verifier knows them, and the policy that was signed with the evidence.

        Not the policy that lies beside it: whoever made the bundle chose that one.
        """
        vendors = {
            name.split("/")[1]: parse(name, data, Vendor)
            for name, data in self.bundle.policy_files.items()
            if name.endswith("/vendor.yaml")
        }
        policy = parse(GATE, self.bundle.files[IN_EVIDENCE + GATE], GatePolicy)
        people = parse(SIGNERS, self.known, Signers)
        return Register(policy, people, vendors, dt.datetime.fromisoformat(self.moment.time))

    @cached_property
    def start(self) -> Entry | None:
        """The entry with which the last deployment began."""
        starts = [e for e in self.bundle.entries if e.kind is Kind.DEPLOYMENT_STARTED]
        return starts[-1] if starts else None

    @cached_property
    def signed(self) -> tuple[Entry, ...]:
        """The entries that hold a signature."""
        return tuple(entry for entry in self.bundle.entries if entry.kind in _FORMS)

    @property
    def is_signed(self) -> bool:
        """Whether anybody has signed the release, or deployed it without."""
        kinds = {entry.kind for entry in self.bundle.entries}
        return not kinds.isdisjoint({Kind.SIGNED, Kind.REJECTED, Kind.DEPLOYMENT_STARTED})

    @cached_property
    def moment(self) -> Entry:
        """When it mattered: the start of the deployment, or else the last signature."""
        return self.start or next(
            entry
            for entry in reversed(self.bundle.entries)
            if entry.kind in {Kind.SIGNED, Kind.REJECTED}
        )

    def report(self) -> GateReport:
        """Judge the gate as of that moment, by what was on record then."""
        before = [e for e in self.bundle.entries if e.sequence <= self.moment.sequence]
        return self._evaluate(before, self.register, self._circumstances(before))

    def owed(self) -> GateReport | None:
        """Judge what was signed after an emergency as well; none where it was no emergency."""
        gate = self.start.body.get("gate") if self.start else None
        if self.start is None or not gate or gate["route"] != ChangeType.EMERGENCY:
            return None
        last = dt.datetime.fromisoformat(self.bundle.entries[-1].time)
        around = replace(
            self._circumstances(self.bundle.entries),
            deployed=Deployed(ChangeType.EMERGENCY, self.start.time),
        )
        return self._evaluate(self.bundle.entries, replace(self.register, now=last), around)

    def _evaluate(
        self, entries: Sequence[Entry], register: Register, around: Circumstances
    ) -> GateReport:
        release = self.bundle.evidence.release
        return evaluate(
            register.policy,
            register.signers,
            register.vendors,
            signatures(entries, self.verifier),
            evidence=self.bundle.evidence,
            committer=release.committer,
            contributors=release.contributors,
            circumstances=around,
            now=register.now,
        )

    def _circumstances(self, entries: Sequence[Entry]) -> Circumstances:
        product, now = self.bundle.evidence.release.product, self.register.now
        name = IN_EVIDENCE + HAZARD_LOG
        log = self.bundle.files.get(name)
        read = parse(name, log, HazardLog) if log is not None else None
        sites = self._sites(product)
        plan = self.bundle.policy_files.get(CALENDAR)
        freezes = parse(CALENDAR, plan, Calendar).in_force(product, sites, now) if plan else ()
        known = Circumstances(
            sites=sites,
            hazard_log=read,
            hazard_log_digest=self.bundle.evidence.files.get(name, ""),
            coverage=coverage(read, self.bundle.evidence.runs) if read else (),
            stop=stop_of(entries, self.register, product, self.verifier),
            freezes=freezes,
            dropped=tuple(dropped(self.bundle.evidence, entries)),
        )
        wanted = list(known.wanted(self.bundle.evidence))
        return replace(known, approvals=tuple(approvals(entries, self.verifier, wanted)))

    def _sites(self, product: str) -> tuple[str, ...]:
        if self.start is not None:
            return tuple(str(site) for site in self.start.body["sites"])
        return tuple(parse(SITES, self.bundle.policy_files[SITES], Sites).running(product))

    def anchors(self) -> Iterator[str]:
        """Say which signatures were made upon another ledger than the bundle's."""
        digests = {entry.sequence: entry.digest for entry in self.bundle.entries}
        for entry in self.signed:
            found = checked(_FORMS[entry.kind], entry, self.verifier)
            if not isinstance(found, Checked):
                continue
            anchor, who = found.signed.ledger, found.signed.name
            if digests.get(anchor.sequence, anchor.digest) != anchor.digest:
                yield (
                    f"{who} signed upon a ledger whose entry {anchor.sequence} was another one "
                    "than the bundle's"
                )
            if anchor.sequence >= entry.sequence:
                yield f"{who} signed upon entry {anchor.sequence}, recorded after the signature"

    def left_out(self) -> str:
        """Say what no bundle can prove: that no entry was left out of it."""
        last = self.bundle.entries[-1].sequence
        return (
            f"that no entry was left out: {len(self.bundle.entries)} of the ledger's first {last} "
            "entries are here, as the others are about other releases; every signature fixes the "
            "ledger up to it, so hold the digests against the ledger itself: clinops ledger verify"
        )


def origins_in(bundle: Bundle) -> dict[str, Evidence]:
    """Read the evidence that results were carried over from, as far as it is evidence."""
    found = {}
    for name, data in bundle.origins.items():
        with suppress(ValueError):
            found[f"sha256:{name.removesuffix('.json')}"] = Evidence.model_validate_json(data)
    return found


def in_sentences(report: GateReport) -> Iterator[str]:
    """Tell each signature that counts: by whom, in which role, over what."""
    for one in report.counted:
        how = " as an emergency" if one.change is ChangeType.EMERGENCY else ""
        where = f" for {one.site}" if one.site else ""
        yield f"signed: {who_signed(one)} {one.meaning} it{how}{where} at {one.time}: {one.reason}"
    for accepted in report.accepted:
        yield (
            f"accepted: {who_signed(accepted)} accepted the hazard {accepted.hazard} without "
            f"passing evidence at {accepted.time}: {accepted.reason}"
        )
    for approved in report.approved:
        what = f"{approved.document} {approved.item}".rstrip()
        yield (
            f"approved: {who_signed(approved)} approved {what} with the digest {approved.digest} "
            f"at {approved.time}: {approved.reason}"
        )
