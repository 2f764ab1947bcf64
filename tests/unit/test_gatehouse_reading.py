"""What the gatehouse remembers, skims, watches and sends."""

from __future__ import annotations

import asyncio

import pytest

from clinops.domain.ledger import Kind
from clinops.gatehouse import live
from clinops.gatehouse.reader import Reader
from clinops.gatehouse.remembered import Remembered
from clinops.gatehouse.rendering import duration, listed, span
from clinops.gatehouse.skim import Skim
from clinops.gatehouse.watch import LedgerWatch
from clinops.gatehouse.wording import readable
from tests.fakes.ledger import FakeClock, FakeLedger, to_sign_off
from tests.fakes.wiring import SIGNERS, signers


class Stopwatch:
    """A clock in seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_remembers_an_answer_until_its_time_is_up():
    watch, asked = Stopwatch(), []
    memory: Remembered[int] = Remembered(15, now=watch)

    def find_out() -> int:
        asked.append(watch.now)
        return len(asked)

    assert [memory.get("a", find_out), memory.get("a", find_out)] == [1, 1]
    watch.now = 15.0
    assert memory.get("a", find_out) == 2


def test_remembers_no_error():
    memory: Remembered[int] = Remembered(15)
    with pytest.raises(ZeroDivisionError):
        memory.get("a", lambda: 1 // 0)
    assert memory.get("a", lambda: 1) == 1


def test_forgets_what_was_asked_for_longest_ago():
    memory: Remembered[str] = Remembered(15, limit=2)
    for question in ("a", "b", "a", "c"):
        memory.get(question, lambda question=question: question)
    assert memory.get("a", lambda: "again") == "a"
    assert memory.get("b", lambda: "again") == "again"


def test_gathers_a_dossier_once_for_many_views(wiring):
    record = wiring.qualify(wiring.offer())
    reader = Reader(wiring)
    assert reader.dossier(record) is reader.dossier(record)


def test_gathers_a_dossier_again_when_the_ledger_says_more_about_it(wiring):
    record = wiring.qualify(wiring.offer())
    reader = Reader(wiring)
    first = reader.dossier(record)
    wiring.sign(record, "joy")
    second = reader.dossier(record)
    wiring.approve()
    assert len({id(one) for one in (first, second, reader.dossier(record))}) == 3


def test_gathers_a_dossier_again_when_the_protected_branch_moves(wiring):
    record = wiring.qualify(wiring.offer())
    reader = Reader(wiring, head_seconds=0.0)
    first = reader.dossier(record)
    wiring.commit({SIGNERS: signers()})
    wiring.commit({"environments/pas/notes.txt": b"more"})
    assert reader.dossier(record) is not first


def test_skims_only_what_was_added_since():
    ledger = FakeLedger(FakeClock())
    skim = Skim(ledger)
    assert not skim.ever_stopped()
    to_sign_off(ledger)
    owed = {"deadline": "2025-06-13T12:00:00.000000+00:00", "missing": ["one"], "awaited": []}
    ledger.append(Kind.DEPLOYMENT_STARTED, "pas-1", {"sites": [], "gate": {"owed": owed}})
    ledger.append(Kind.LINE_STOPPED, "pas", {"envelope": {}})
    assert skim.emergencies() == ["pas-1"]
    assert skim.ever_stopped() == {"pas"}


def test_takes_a_deployment_without_debts_for_none():
    ledger = FakeLedger(FakeClock())
    to_sign_off(ledger)
    ledger.append(Kind.DEPLOYMENT_STARTED, "pas-1", {"sites": [], "gate": {"owed": None}})
    assert not Skim(ledger).emergencies()


def test_watches_over_the_ledger(wiring):
    watch = LedgerWatch(wiring)
    assert watch.audit().problems == ()
    wiring.edit_ledger()
    assert watch.audit().problems
    assert watch.last is not None
    assert watch.last.problems


def test_tells_a_listener_when_the_ledger_grew(wiring, monkeypatch):
    monkeypatch.setattr(live, "LOOK_EVERY", 0.0)
    record = wiring.offer()
    listeners = live.Listeners()

    async def listen() -> str:
        events = live.events(record.id, Reader(wiring), listeners)
        await anext(events)
        assert listeners.number == 1
        quiet = await anext(events)
        wiring.ledger.append(Kind.QUALIFICATION_STARTED, record.id, {"attempt": 1})
        news = await anext(events)
        await events.aclose()
        return quiet + news

    told = asyncio.run(listen())
    assert told.startswith(":\n\nevent: changed\ndata: ")
    assert listeners.number == 0


def test_sends_listeners_home_when_the_server_ends(wiring, monkeypatch):
    monkeypatch.setattr(live, "LOOK_EVERY", 0.0)
    record = wiring.offer()
    listeners = live.Listeners()

    async def listen() -> list[str]:
        events = live.events(record.id, Reader(wiring), listeners)
        first = await anext(events)
        listeners.sent_home = True
        return [first, *[event async for event in events]]

    assert len(asyncio.run(listen())) == 1
    assert listeners.number == 0


def test_writes_numbers_and_names_as_people_do():
    assert [listed([]), listed(["a"]), listed(["a", "b", "c"])] == ["none", "a", "a, b and c"]
    assert [span(59), span(-7200), span(86400 * 3)] == ["less than a minute", "2 hours", "3 days"]
    assert [duration(12), duration(1500)] == ["12 ms", "1.5 s"]


def test_makes_a_sentence_of_a_tests_name():
    assert readable("test_x.py::test_a_name_stays[long]") == "A name stays (long)"
    assert readable("test_") == "Test_"
