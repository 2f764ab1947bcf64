"""The witness: which signatures this machine saw recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clinops.adapters.sql_ledger import SqlLedger
from clinops.adapters.witness import Witness
from clinops.domain.ledger import Anchor, Kind
from clinops.errors import InfrastructureError
from tests.fakes.ledger import FakeClock, release_body


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "witness"


@pytest.fixture
def ledger(tmp_path: Path, file: Path) -> Iterator[SqlLedger]:
    opened = SqlLedger(f"sqlite:///{tmp_path}/ledger.sqlite", FakeClock(), Witness(file))
    yield opened
    opened.close()


def stop(ledger: SqlLedger) -> Anchor:
    entry = ledger.append(Kind.LINE_STOPPED, "pas", {"envelope": {}})
    return Anchor(sequence=entry.sequence, digest=entry.digest)


def test_remembers_what_people_signed_and_nothing_else(ledger, file):
    ledger.append(Kind.RELEASE_KNOWN, "pas-1", release_body("pas-1"))
    places = [stop(ledger), stop(ledger)]
    assert list(Witness(file).places()) == places
    assert list(ledger.problems()) == []
    assert file.stat().st_mode & 0o077 == 0


def test_misses_a_signature_that_is_gone(ledger, file):
    stop(ledger)
    file.write_text(f"{file.read_text()}2 sha256:{'a' * 64}\n")
    (problem,) = ledger.problems()
    assert problem == f"entry 2 was a signature with the digest sha256:{'a' * 64}"


def test_misses_a_signature_that_another_took_the_place_of(ledger, file):
    stop(ledger)
    file.write_text(f"1 sha256:{'a' * 64}\n")
    (problem,) = ledger.problems()
    assert problem.startswith("entry 1 was a signature")


@pytest.mark.parametrize("line", ["one sha256:1", "1", "", "1 sha256:", "é"])
def test_a_line_that_nobody_can_read_is_a_problem_and_no_traceback(ledger, file, line):
    stop(ledger)
    file.write_text(f"{line}\n")
    (problem,) = ledger.problems()
    assert "line 1 can't be read" in problem


def test_says_what_was_recorded_but_not_remembered(ledger, file):
    file.mkdir()
    with pytest.raises(InfrastructureError, match="entry 1 is on the ledger, but not in"):
        stop(ledger)
    assert ledger.head().sequence == 1
    (problem,) = ledger.problems()
    assert "witness can't be read" in problem


def test_a_ledger_without_one_is_judged_by_its_chain(tmp_path):
    alone = SqlLedger(f"sqlite:///{tmp_path}/alone.sqlite", FakeClock())
    stop(alone)
    assert list(alone.problems()) == []
    alone.close()
