"""Stages that may begin together begin in the order in which they had better begin."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from rich.console import Console

from clinops.adapters.plain_stages import PlainStages
from clinops.domain.plan import Plan
from clinops.ports import Begin, Pending
from flows.in_order import in_order
from tests.fakes.stages import FakeStages

T = TypeVar("T")


class BreaksAt(PlainStages):
    """Stages of which one can't begin."""

    def __init__(self, name: str) -> None:
        super().__init__(Console(quiet=True))
        self._name = name

    @contextmanager
    def beside(self) -> Iterator[Begin]:
        with super().beside() as begin:

            def broken(name: str, stage: Callable[[], T], /) -> Pending[T]:
                if name == self._name:
                    raise OSError("no thread")
                return begin(name, stage)

            yield broken


def plan(**ways: int) -> Plan:
    return Plan.model_construct(ways=ways)


def nothing() -> None:
    pass


def test_what_is_named_before_the_flow_waits_begins_the_longest_way_first():
    stages = FakeStages()
    with in_order(stages, plan(a=1, b=3, c=2, d=5, e=9)) as begin:
        begin("a", nothing)
        second = begin("b", lambda: 7)
        begin("c", nothing)
        assert stages.names == []
        assert second.result() == 7
        assert stages.names == ["b", "c", "a"]
        begin("d", nothing)
        begin("e", nothing)
    assert stages.names == ["b", "c", "a", "e", "d"]


def test_without_history_stages_begin_as_they_were_named():
    stages = FakeStages()
    with in_order(stages, plan()) as begin:
        for name in "badc":
            begin(name, nothing)
    assert "".join(stages.names) == "badc"


def test_a_stage_may_wait_for_one_that_begins_after_it():
    stages = PlainStages(Console(quiet=True))
    with in_order(stages, plan(waits=9, slow=1)) as begin:
        slow = begin("slow", lambda: time.sleep(0.02) or threading.get_ident())
        waits = begin("waits", slow.result)
        assert waits.result() == slow.result() != threading.get_ident()


def test_where_stages_run_in_the_flow_itself_one_may_wait_for_a_later_one_too():
    stages = FakeStages()
    with in_order(stages, plan(waits=9, slow=1)) as begin:
        slow = begin("slow", lambda: 7)
        assert begin("waits", slow.result).result() == 7
    assert stages.names == ["waits", "slow"]


def test_nobody_waits_for_ever_for_a_stage_that_could_not_begin():
    heard: list[str] = []

    def wait_for(pending: Pending[None]) -> None:
        try:
            pending.result()
        except OSError as error:
            heard.append(str(error))

    def run() -> None:
        with in_order(BreaksAt("b"), plan(a=9, b=5, c=1)) as begin:
            broken, never = begin("b", nothing), begin("c", nothing)
            begin("a", lambda: (wait_for(broken), wait_for(never)))

    with pytest.raises(OSError, match="no thread"):
        run()
    assert heard == ["no thread", "no thread"]


def test_what_was_only_named_when_the_flow_failed_never_begins():
    stages = FakeStages()

    def run() -> None:
        with in_order(stages, plan()) as begin:
            begin("a", nothing)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run()
    assert stages.names == []
