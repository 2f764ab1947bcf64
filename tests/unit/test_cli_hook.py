"""The hooks as they are installed: real pushes through the real command."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from clinops.adapters import settings
from clinops.adapters.git_hooks import install
from clinops.domain.ledger import Entry, Kind
from clinops.wiring import Wiring
from tests.conftest import HOME
from tests.fakes.git_estate import MANIFEST, GitEstate, Keys, signer, two_who_push

SIGNERS = "environments/signers.yaml"
GATE = "environments/pas/gate.yaml"
BOARD = "environments/board.yaml"
DOWN = "the flow server is down"


@pytest.fixture
def estate(tmp_path: Path, keys: Keys) -> Iterator[GitEstate]:
    settings.create(tmp_path, 4299)
    made = GitEstate(tmp_path, keys)
    install(made.path, tmp_path, Path(sys.executable))
    yield made
    made.repository.close()


def push(estate: GitEstate, commit: str, ref: str = "main") -> tuple[bool, str]:
    """Push a commit; return whether it entered, and what the pusher read."""
    done = subprocess.run(
        ["git", "--git-dir", str(estate.path), "push", estate.path.as_uri(),
         f"{commit}:refs/heads/{ref}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode == 0, done.stderr


def recorded(estate: GitEstate) -> list[Entry]:
    return list(Wiring(estate.path.parent).ledger.entries())


def test_a_refused_push_is_on_the_ledger_and_a_good_one_is_not(estate: GitEstate) -> None:
    entered, said = push(estate, estate.commit({GATE: b"evil\n"}))
    assert not entered
    assert f"{GATE}: vendor:acme may only touch" in said
    (entry,) = recorded(estate)
    assert (entry.kind, entry.subject) == (Kind.PUSH_REFUSED, "estate")
    assert entry.body["principal"] == "vendor:acme"
    assert entry.body["problems"][0].startswith(f"{GATE}: vendor:acme may only touch")
    entered, said = push(estate, estate.commit({"README.md": b"hello\n"}, key="ops"))
    assert entered, said
    assert DOWN in said
    assert len(recorded(estate)) == 1


def test_a_ledger_that_takes_no_entry_neither_opens_the_estate_nor_hides_the_answer(
    estate: GitEstate,
) -> None:
    push(estate, estate.commit({MANIFEST: b"2\n"}, key=None))
    with sqlite3.connect(estate.path.parent / "state" / "ledger.sqlite") as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    database.close()
    entered, said = push(estate, estate.commit({GATE: b"evil\n"}))
    assert not entered
    assert f"{GATE}: vendor:acme may only touch" in said
    assert "the ledger took no entry" in said
    assert len(recorded(estate)) == 1
    assert estate.tip() == estate.first


def test_two_people_let_a_signer_in_by_way_of_a_review_branch(estate: GitEstate) -> None:
    entered, said = push(estate, estate.commit({SIGNERS: two_who_push(estate.keys)}, key="ops"))
    assert entered, said
    assert "note: nobody confirmed this change" in said
    eve = {SIGNERS: two_who_push(estate.keys, eve=signer(estate.keys.entry("eve")))}
    change = estate.commit(dict(eve), key="ops")
    entered, said = push(estate, change)
    assert not entered
    assert "needs a second person" in said
    entered, said = push(estate, change, "review/eve")
    assert entered, said
    assert "nothing is in force yet" in said
    assert DOWN not in said
    tip = estate.tip()
    confirmed = estate.commit(dict(eve), key="ben", parents=[tip, change])
    entered, said = push(estate, confirmed)
    assert entered, said
    assert "accepted, signed by trust:ben" in said
    assert estate.tip() == confirmed


def test_a_hazard_is_never_deleted(estate: GitEstate) -> None:
    log = Path(__file__).parents[2] / "environments" / "orthanc" / "hazards.yaml"
    path = "environments/orthanc/hazards.yaml"
    estate.advance(estate.commit({path: log.read_bytes()}, key="ops"))
    entered, said = push(estate, estate.commit({path: None}, key="ops"))
    assert not entered
    assert f"{path}:1: the hazard " in said
    assert "put it back with `status: closed`" in said


def test_an_agreement_takes_both_sides_and_lasts(estate: GitEstate) -> None:
    folder = "vendor_manifests/acme/"
    text = (
        "schema: 1\nvendor: acme\nsince: 2026-01-01\nuntil: 2026-12-31\n"
        "targets: [{measure: days-to-fix, target: 7}]\n"
    )
    entered, said = push(
        estate, estate.commit({f"{folder}agreement.yaml": text.encode()}, key="ops")
    )
    assert entered, said
    word = "schema: 1\nvendor: acme\naccepted_by: Wile E.\nagreement: "
    acceptance = f"{folder}acceptance.yaml"
    entered, said = push(estate, estate.commit({acceptance: f"{word}{'0' * 64}\n".encode()}))
    assert not entered
    real = sha256(text.encode()).hexdigest()
    assert f"{acceptance}:4: this is not the agreement that is offered" in said
    entered, said = push(estate, estate.commit({acceptance: f"{word}{real}\n".encode()}))
    assert entered, said
    entered, said = push(estate, estate.commit({acceptance: None}))
    assert not entered
    assert "what was accepted can't be taken back" in said


def test_a_push_is_not_held_up_by_a_manifest_that_was_wrong_before(estate: GitEstate) -> None:
    entered, said = push(estate, estate.commit({"README.md": b"hello\n"}, key="ops"))
    assert entered, said
    assert MANIFEST not in said


def test_a_policy_of_the_board_that_changes_has_another_version(estate: GitEstate) -> None:
    board = (HOME / BOARD).read_bytes()
    entered, said = push(estate, estate.commit({BOARD: board}, key="ops"))
    assert entered, said
    changed = board.replace(b"risk: 40", b"risk: 10")
    entered, said = push(estate, estate.commit({BOARD: changed}, key="ops"))
    assert not entered
    assert f"{BOARD}:6: version 1 said something else; write `version: 2`" in said
    newer = changed.replace(b"\nversion: 1", b"\nversion: 2")
    entered, said = push(estate, estate.commit({BOARD: newer}, key="ops"))
    assert entered, said


def test_a_request_enters_with_its_problems_named_and_never_leaves(estate: GitEstate) -> None:
    path, board = "requests/structured-reports.yaml", (HOME / BOARD).read_bytes()
    asked = (HOME / path).read_bytes()
    entered, said = push(
        estate, estate.commit({path: asked.replace(b"research", b"whim"), BOARD: board}, key="ops")
    )
    assert not entered
    assert f"{path}:7: `kind` must be 'security-patch'" in said
    good = estate.commit({path: asked, BOARD: board}, key="ops")
    entered, said = push(estate, good)
    assert entered, said
    entered, said = push(estate, estate.commit({path: None}, key="ops"))
    assert not entered
    assert f"{path}:1: the request is deleted; put it back, with `closed:" in said
