"""The comparison that is kept in evidence: of a release, or of a bundle's file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clinops.adapters import bundle
from clinops.domain.evidence import Evidence
from clinops.errors import EvidenceError
from clinops.wiring import Wiring
from flows.compare import PROPOSED
from flows.gate import load_evidence


def kept(name: str, wiring: Callable[[], Wiring]) -> tuple[Evidence, list[dict[str, Any]]]:
    """Return the evidence of a release or of a bundle, and the noise rules that it proposes.

    Args:
        name: A bundle's file, or else a release's id or the only prefix of one.
        wiring: Gives the estate where it is asked for; a bundle needs none.

    Raises:
        EvidenceError: There is no evidence, or it was altered.
        NotFoundError: There is no such release.
    """
    if Path(name).is_file():
        found = bundle.read(Path(name))
        if wrong := found.evidence.contradictions():
            raise EvidenceError(f"{name} contradicts itself: {wrong[0]}")
        return found.evidence, _rules(found.files.get(PROPOSED))
    estate = wiring()
    record = estate.release(name)
    if record.evidence is None:
        raise EvidenceError(f"{record.id} is {record.state}: it has no evidence yet")
    evidence = load_evidence(record, estate)
    digest = evidence.files.get(PROPOSED)
    return evidence, _rules(estate.evidence.get(digest) if digest else None)


def _rules(data: bytes | None) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads(data) if data else []
    return rules
