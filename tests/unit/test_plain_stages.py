from __future__ import annotations

import threading

import pytest
from rich.console import Console

from clinops.adapters import plain_stages
from clinops.adapters.plain_stages import PlainStages


def test_runs_stages_together_and_keeps_their_order():
    barrier = threading.Barrier(2, timeout=10)
    stages = PlainStages(Console(quiet=True))
    assert stages.together([("a", lambda: barrier.wait() >= 0), ("b", barrier.wait)])[0] is True
    assert stages.together([]) == []


def test_the_first_error_is_raised_after_all_have_ended():
    ended = []

    def fails():
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        PlainStages(Console(quiet=True)).together([("a", fails), ("b", lambda: ended.append(1))])
    assert ended == [1]


def test_an_interrupt_stops_the_stages_under_way_and_waits_for_them(monkeypatch):
    stopped, ended = threading.Event(), []

    def stage():
        ended.append(stopped.wait(10))

    def interrupted(_futures):
        raise KeyboardInterrupt

    monkeypatch.setattr(plain_stages, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        PlainStages(Console(quiet=True), stopped.set).together([("a", stage)])
    assert ended == [True]
