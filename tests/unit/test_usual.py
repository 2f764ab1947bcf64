from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinops.domain.usual import longest_first, usual_name, usual_ways
from tests.fakes.timelines import QUALIFICATION, span, timeline


@pytest.mark.parametrize(
    ("stage", "usual"),
    [
        ("smoke suite on candidate 1.12.7", "smoke suite on candidate"),
        ("snapshot of baseline 4.4.1.post2", "snapshot of baseline"),
        ("fault: the disk is full on candidate 2.0", "fault: the disk is full on candidate"),
        ("candidate suite on baseline 1.0", "candidate suite on baseline"),
        ("rehearse the upgrade", "rehearse the upgrade"),
    ],
)
def test_a_stage_is_called_the_same_whichever_version_it_is_about(stage, usual):
    assert usual_name(stage) == usual


def test_what_is_usual_is_the_median_over_versions():
    runs = [
        timeline(span(f"smoke suite on candidate {version}", 0, ended), ended=ended)
        for version, ended in (("1.0", 10), ("2.0", 900), ("3.0", 30))
    ]
    assert usual_ways(runs) == {"smoke suite on candidate": 30}
    assert usual_ways(runs[:2]) == {"smoke suite on candidate": 10}
    assert usual_ways([]) == {}


def test_what_the_end_waits_for_begins_before_what_only_takes_longer():
    ways = usual_ways([QUALIFICATION])
    stages = [
        "smoke suite on baseline 2.0",
        "rehearse the upgrade",
        "rehearse the restore",
    ]
    assert sorted(stages, key=longest_first(ways)) == [
        "rehearse the upgrade",
        "rehearse the restore",
        "smoke suite on baseline 2.0",
    ]


def test_what_nobody_has_seen_yet_comes_first():
    key = longest_first({"smoke suite on candidate": 10, "rehearse the upgrade": 20})
    stages = ["smoke suite on candidate 2.0", "new suite on candidate 2.0", "rehearse the upgrade"]
    assert sorted(stages, key=key) == [
        "new suite on candidate 2.0",
        "rehearse the upgrade",
        "smoke suite on candidate 2.0",
    ]


@given(st.lists(st.text()))
def test_without_history_the_order_stays(stages: list[str]):
    assert sorted(stages, key=longest_first({})) == stages
