"""The audit against whoever changes a single character, or everything but what was signed."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinops.domain.audit import Audit
from clinops.domain.ledger import GENESIS, Kind, Row
from tests.fakes.ledger import (
    FakeClock,
    FakeLedger,
    live_body,
    release_body,
    signed_upon,
    to_live,
)

SIGNED = [
    Kind.SIGNED,
    Kind.REJECTED,
    Kind.DOCUMENT_APPROVED,
    Kind.LINE_STOPPED,
    Kind.LINE_RESUMED,
]


def a_ledger() -> FakeLedger:
    ledger = FakeLedger(FakeClock())
    ledger.append(Kind.SYSTEM_ADOPTED, "pas@ward", {"live": live_body(version="1.1.0")})
    to_live(ledger)
    body = {**release_body("pas-2"), "note": "5 µg", "dose": 0.5, "\ue000": 1, "𝄞": [-1, None]}
    ledger.append(Kind.RELEASE_KNOWN, "pas-2", body)
    ledger.append(Kind.LINE_STOPPED, "pas", signed_upon(ledger.head().json_value()))
    return ledger


ROWS = [entry.row() for entry in a_ledger().entries()]


def said_of(rows: Iterable[Row], *, quickly: bool = True) -> list[str]:
    audit = Audit()
    audit._whole = quickly
    last = ROWS[-1]
    said = list(itertools.chain.from_iterable(audit.follow(row) for row in rows))
    return [*said, *audit.end(last.sequence, last.digest)]


def chained(rows: Sequence[Row]) -> list[Row]:
    """Forge with care: every digest is right for what stands there now."""
    made: list[Row] = []
    for row in rows:
        linked = row._replace(previous=made[-1].digest if made else GENESIS)
        made.append(linked._replace(digest=linked.recomputed()))
    return made


def test_finds_nothing_in_what_was_never_touched():
    assert said_of(ROWS) == said_of(ROWS, quickly=False) == []


@pytest.mark.parametrize("column", [name for name in Row._fields if name != "sequence"])
@pytest.mark.parametrize("place", range(len(ROWS)))
def test_one_changed_character_anywhere_is_found(place, column):
    text = getattr(ROWS[place], column) or "-"
    for at, character in enumerate(text):
        other = "1" if character == "0" else "0"
        changed = ROWS[place]._replace(**{column: text[:at] + other + text[at + 1 :]})
        assert said_of([*ROWS[:place], changed, *ROWS[place + 1 :]]), (place, column, at)


@pytest.mark.parametrize("place", range(len(ROWS)))
@pytest.mark.parametrize("by", [-1, 1, 100])
def test_another_sequence_number_is_found(place, by):
    changed = ROWS[place]._replace(sequence=ROWS[place].sequence + by)
    assert said_of([*ROWS[:place], changed, *ROWS[place + 1 :]])


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[1:])
def test_every_other_order_is_found(order):
    assert said_of([*(ROWS[place] for place in order), *ROWS[4:]])


@pytest.mark.parametrize("place", range(len(ROWS)))
def test_every_deletion_and_every_doubling_is_found(place):
    assert said_of([*ROWS[:place], *ROWS[place + 1 :]])
    assert said_of([*ROWS[: place + 1], *ROWS[place:]])


@given(
    place=st.integers(0, len(ROWS) - 1),
    column=st.sampled_from(["time", "kind", "subject", "body"]),
    where=st.floats(0, 1),
    text=st.sampled_from([*'"\\ {}[]:,0-.e\n\x1fé\ue000𝄞', "", "\\u00e9", "1e3", ':1,"a"'])
    | st.text(max_size=2),
)
def test_the_quick_way_finds_what_the_slow_way_finds(place, column, where, text):
    whole = getattr(ROWS[place], column)
    at = int(where * len(whole))
    changed = ROWS[place]._replace(**{column: whole[:at] + text + whole[at + 1 :]})
    try:
        forged = chained([*ROWS[:place], changed, *ROWS[place + 1 :]])
    except UnicodeEncodeError:  # half a character: no database holds one
        forged = [*ROWS[:place], changed, *ROWS[place + 1 :]]
    assert said_of(forged) == said_of(forged, quickly=False)


@pytest.mark.parametrize(
    "body",
    ['{"\U0001d11e":1,"\ue000":1}', '{"\ue000":1,"\U0001d11e":1}'],
    ids=["RFC 8785", "Python"],
)
def test_keys_that_python_orders_otherwise_are_judged_by_the_standard(body):
    row = chained([ROWS[0]._replace(kind="push.refused", subject="estate", body=body)])[0]
    said = Audit().follow(row)
    expected = [] if body.startswith('{"\U0001d11e"') else ["entry 1 has a body that is not in "]
    assert len(said) == len(expected)
    assert all(one.startswith(start) for one, start in zip(said, expected, strict=True))


@pytest.mark.parametrize("kind", SIGNED)
def test_a_rewritten_past_contradicts_what_was_signed_upon_it(kind):
    ledger = FakeLedger(FakeClock())
    ledger.append(Kind.RELEASE_KNOWN, "pas-1", release_body("pas-1"))
    ledger.append(Kind.QUALIFICATION_STARTED, "pas-1", {"attempt": 1})
    evidence = {"outcome": "qualified", "evidence": "sha256:" + "e" * 64}
    ledger.append(Kind.VERDICT, "pas-1", evidence)
    ledger.append(kind, "pas-1", signed_upon(ledger.head().json_value()))
    rows = [entry.row() for entry in ledger.entries()]
    assert [one for row in rows for one in (audit_of(rows[: row.sequence]))] == []
    rows[1] = rows[1]._replace(time="2025-06-10T12:00:00.000000+00:00", body='{"attempt":1,"x":1}')
    [problem] = audit_of(chained(rows))
    assert problem.startswith("entry 4 was signed upon a ledger whose entry 3 was sha256:")


def audit_of(rows: Iterable[Row]) -> list[str]:
    audit = Audit()
    return [problem for row in rows for problem in audit.follow(row)]


@pytest.mark.parametrize(
    ("sequence", "why"),
    [
        (2, "was signed upon a ledger whose entry 2 was"),
        (3, "was signed upon a ledger whose entry 3 was"),
        (-1, "holds a signed statement that can't be read"),
        (10**30, "holds a signed statement that can't be read"),
    ],
)
def test_nobody_signs_upon_what_came_later_or_never(sequence, why):
    ledger = FakeLedger(FakeClock())
    ledger.append(Kind.LINE_STOPPED, "pas", signed_upon(None))
    place = {"sequence": sequence, "digest": GENESIS}
    ledger.append(Kind.LINE_RESUMED, "pas", signed_upon(place | {"sequence": str(sequence)}))
    rows = [entry.row() for entry in ledger.entries()]
    text = json.dumps({"predicate": {"ledger": place}})
    body = {"envelope": {"payload": base64.b64encode(text.encode()).decode()}}
    rows[1] = rows[1]._replace(body=json.dumps(body, separators=(",", ":")))
    [problem] = audit_of(chained(rows))
    assert problem.startswith(f"entry 2 {why}")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no JSON",
        b"\xff",
        b"[]",
        b"{}",
        b'{"predicate":3}',
        b"[" * 100_000,
        b'{"predicate":{"ledger":3}}',
        b'{"predicate":{"ledger":{}}}',
        b'{"predicate":{"ledger":{"sequence":1}}}',
        b'{"predicate":{"ledger":{"sequence":"0","digest":"%b"}}}' % GENESIS.encode(),
        b'{"predicate":{"ledger":{"sequence":false,"digest":"%b"}}}' % GENESIS.encode(),
        b'{"predicate":{"ledger":{"sequence":0,"digest":"short"}}}',
    ],
    ids=lambda payload: payload[:50].decode(errors="replace"),
)
def test_a_statement_that_nobody_can_read_is_a_problem_and_no_traceback(payload):
    ledger = FakeLedger(FakeClock())
    envelope = {"payload": base64.b64encode(payload).decode()}
    ledger.append(Kind.LINE_STOPPED, "pas", {"envelope": envelope})
    said = ["entry 1 holds a signed statement that can't be read"]
    assert list(ledger.problems()) == said


@pytest.mark.parametrize("envelope", [3, "x", [], None, {"payload": 3}, {"payload": "%"}])
def test_an_envelope_that_is_none_is_a_problem_and_no_traceback(envelope):
    ledger = FakeLedger(FakeClock())
    ledger.append(Kind.LINE_STOPPED, "pas", {"envelope": envelope})
    assert list(ledger.problems()) == ["entry 1 holds a signed statement that can't be read"]


@given(body=st.binary(max_size=40))
def test_no_payload_ends_the_audit(body):
    ledger = FakeLedger(FakeClock())
    envelope = {"payload": base64.b64encode(body).decode()}
    ledger.append(Kind.LINE_STOPPED, "pas", {"envelope": envelope})
    assert len(list(ledger.problems())) <= 1
