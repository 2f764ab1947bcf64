"""Gathering a release's dossier from the ledger, the evidence and the estate."""

from __future__ import annotations

from typing import Final

from clinops.domain.dossier import Dossier
from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import GatePolicy, GateReport
from clinops.domain.hazard import HazardLog
from clinops.domain.manifest import Manifest
from clinops.domain.outcome import State
from clinops.domain.parsing import parse
from clinops.domain.release import Release
from clinops.domain.reuse import dropped
from clinops.errors import BadInputError, EvidenceError, RefusedError
from clinops.wiring import Wiring
from flows.gate import about_reuse, changed_inputs, gate_report, load_evidence, owed_for
from flows.judgement import WENT_LIVE

HAZARDS: Final = "environment/hazards.yaml"
"""The hazard log among the evidence files: the version that the evidence was made with."""

JUDGED = frozenset({State.AWAITING_SIGN_OFF, State.PROMOTING, State.LIVE})
"""States in which signatures are asked for, or still owed."""


def dossier(record: ReleaseRecord, wiring: Wiring) -> Dossier:
    """Gather everything about a release.

    Raises:
        InfrastructureError: Database, disk or git does not answer.
    """
    gathering = _Gathering(record, wiring)
    return Dossier(
        record=record,
        release=gathering.release,
        manifest=gathering.manifest(),
        policy=gathering.policy(),
        evidence=gathering.evidence,
        log=gathering.hazard_log(),
        gate=gathering.gate(),
        entries=tuple(wiring.ledger.about(record.id)),
        live=tuple(wiring.ledger.live(record.product)),
        sites=gathering.sites(),
        changed=gathering.changed(),
        problems=tuple(gathering.problems),
    )


class _Gathering:
    """One pass over ledger, evidence and estate that notes what it can't have."""

    def __init__(self, record: ReleaseRecord, wiring: Wiring) -> None:
        self.problems: list[str] = []
        self._record = record
        self._wiring = wiring
        self.release = Release.model_validate(record.release)
        self.evidence = self._load() if record.evidence else None
        if self.evidence is not None and record.state in WENT_LIVE:
            self._note_dropped(self.evidence)

    def _note_dropped(self, evidence: Evidence) -> None:
        """What is live stays so, but whoever reads on must know what it does not rest on now."""
        found = dropped(evidence, about_reuse(evidence, self._wiring))
        self.problems += [f"It went live without {one}" for one in found]

    def _load(self) -> Evidence | None:
        try:
            return load_evidence(self._record, self._wiring)
        except EvidenceError as error:
            self.problems.append(f"The evidence does not hold: {error}")
            return None

    def manifest(self) -> Manifest | None:
        try:
            tree = self._wiring.repository.at(self.release.commit)
            return self._wiring.estate(tree).manifest(self.release.manifest_path)
        except BadInputError as error:
            self.problems.append(f"The vendor's manifest can't be read: {error}")
            return None

    def policy(self) -> GatePolicy | None:
        head = self._wiring.estate(self._wiring.repository.head())
        try:
            return head.gate(self._record.product)
        except BadInputError as error:
            self.problems.append(f"The gate's policy can't be read: {error.diagnostics()}")
            return None

    def hazard_log(self) -> HazardLog | None:
        if self.evidence is None:
            return None
        if HAZARDS not in self.evidence.files:
            self.problems.append("The evidence holds no hazard log")
            return None
        try:
            return parse(
                HAZARDS, self._wiring.evidence.get(self.evidence.files[HAZARDS]), HazardLog
            )
        except BadInputError as error:
            self.problems.append(f"The hazard log can't be read: {error.diagnostics()}")
            return None

    def gate(self) -> GateReport | None:
        if self.evidence is None or not self._is_judged():
            return None
        try:
            return gate_report(self._record, self.evidence, self._wiring)
        except (BadInputError, EvidenceError, RefusedError) as error:
            self.problems.append(f"The gate can't be judged: {error.diagnostics()}")
            return None

    def _is_judged(self) -> bool:
        # What was rolled back, too, owes sign-offs as long as it stayed at a site as an emergency.
        return self._record.state in JUDGED or owed_for(self._record, self._wiring) is not None

    def sites(self) -> tuple[str, ...]:
        head = self._wiring.estate(self._wiring.repository.head())
        return tuple(head.sites().running(self._record.product))

    def changed(self) -> tuple[str, ...]:
        if self._record.state not in {State.AWAITING_SIGN_OFF, State.SUPERSEDED}:
            return ()
        try:
            return tuple(changed_inputs(self._record, self._wiring))
        except BadInputError as error:
            self.problems.append(f"What changed since can't be told: {error}")
            return ()
