"""What other accounts of the machine would try."""

from __future__ import annotations

from pathlib import Path

from clinops.adapters import settings
from clinops.wiring import Wiring


def test_nobody_else_reads_the_ledger_or_the_evidence(tmp_path: Path):
    settings.create(tmp_path, 4299)
    wiring = Wiring(tmp_path)
    wiring.ledger.problems()
    wiring.ledger.close()  # type: ignore[attr-defined]
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
