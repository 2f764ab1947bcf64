from __future__ import annotations

import threading
import time

import pytest
from rich.console import Console

from clinops.adapters.plain_stages import PlainStages


def test_stages_run_beside_each_other_and_what_came_of_each_is_known():
    barrier = threading.Barrier(2, timeout=10)
    with PlainStages(Console(quiet=True)).beside() as begin:
        first, second = begin("a", lambda: barrier.wait() >= 0), begin("b", barrier.wait)
        assert first.result() is True
    assert second.result() in {0, 1}


def test_a_stage_can_be_begun_once_another_has_ended():
    with PlainStages(Console(quiet=True)).beside() as begin:
        assert begin("b", begin("a", lambda: lambda: 7).result()).result() == 7


@pytest.mark.parametrize("asked", [False, True])
def test_the_first_error_is_raised_after_all_have_ended(asked):
    ended = threading.Event()

    def fails():
        raise ValueError("first")

    def run():
        with PlainStages(Console(quiet=True)).beside() as begin:
            first, _ = begin("a", fails), begin("b", lambda: time.sleep(0.05) or ended.set())
            if asked:
                first.result()

    with pytest.raises(ValueError, match="first"):
        run()
    assert ended.is_set()


def test_an_interrupt_stops_the_stages_under_way_and_waits_for_them():
    stopped, ended = threading.Event(), []

    def interrupted():
        with PlainStages(Console(quiet=True), stopped.set).beside() as begin:
            begin("a", lambda: ended.append(stopped.wait(10)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ended == [True]
