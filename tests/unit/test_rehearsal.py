"""What a person is told of a rehearsal."""

from __future__ import annotations

from typing import Any

import pytest

from clinops.domain.finding import Weight
from clinops.domain.rehearsal import SHOWN, Gap, Rehearsal, Step, WayBack, findings, shown
from tests.fakes.compared import loss, rehearsal


def told(**changes: Any) -> list[tuple[str, Weight]]:
    return [(one.kind, one.weight) for one in findings(rehearsal(**changes))]


def test_a_clean_way_back_needs_no_word():
    assert told() == []


@pytest.mark.parametrize(
    ("strategy", "new", "kind", "weight"),
    [
        ("binary", False, "rollback-lossy", Weight.REFUSES),
        ("script", False, "rollback-lossy", Weight.REFUSES),
        ("restore", False, "rollback-lossy", Weight.INCONCLUSIVE),
        ("binary", True, "rollback-lossy", Weight.REFUSES),
        ("script", True, "rollback-lossy", Weight.REFUSES),
        ("restore", True, "rollback-loses-new", Weight.NOTE),
    ],
)
def test_a_loss_weighs_by_what_is_lost_on_which_way(strategy, new, kind, weight):
    found = told(strategy=strategy, way_back=WayBack.LOSSY, losses=(loss(new=new),), lost=1)
    assert found == [(kind, weight)]


def test_losses_of_one_cause_are_told_in_one_finding_with_their_names():
    many = [loss(number, field="name", after="Anne") for number in range(7)]
    (finding,) = findings(rehearsal(way_back=WayBack.LOSSY, losses=tuple(many), lost=7))
    assert finding.summary == (
        "After the way back (binary), name reads otherwise in patients: "
        "00000, 00001, 00002, 00003, 00004 and 2 more"
    )
    assert finding.detail.splitlines()[0] == "00000: before: Ann; after: Anne"
    assert finding.occurrence == "rollback-lossy: patients: name"


def test_what_a_restore_loses_is_told_in_one_line_as_users_would_put_it():
    rows = [loss(number, collection="index.tags", new=True) for number in range(9)]
    made = (loss(4, new=True), loss(5, new=True), *rows)
    changes = {"strategy": "restore", "way_back": WayBack.LOSSY, "losses": made, "lost": 11}
    (finding,) = findings(rehearsal(**changes))
    assert finding.summary.endswith("written after the upgrade: here 2 of patients")
    assert {"00004: before: Ann", "00005: before: Ann"} <= set(finding.detail.splitlines())
    (finding,) = findings(rehearsal(**changes, written={}, read={}))[1:]
    assert finding.summary.endswith("9 of index.tags, 2 of patients")


def test_old_and_new_losses_are_told_apart():
    both = (loss(1, new=True), loss(2))
    found = findings(rehearsal(way_back=WayBack.LOSSY, losses=both, lost=2))
    assert [("00002" in one.summary) for one in found] == [True, False]


def test_of_each_sort_of_loss_one_is_kept_however_many_there_are():
    many = [loss(number, new=True) for number in range(500)]
    kept = shown([*many, loss(7, field="name")])
    assert len(kept) == SHOWN
    assert loss(7, field="name") in kept
    hidden = rehearsal(strategy="restore", way_back=WayBack.LOSSY, losses=kept, lost=501)
    assert [(one.kind, one.weight) for one in findings(hidden)] == [
        ("rollback-loses-new", Weight.NOTE),
        ("rollback-lossy", Weight.INCONCLUSIVE),
        ("rollback-more-losses", Weight.NOTE),
    ]


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({}, "00003, 00004 and 495 more"),
        ({"strategy": "restore"}, "here 500 of patients"),
    ],
)
def test_losses_are_counted_though_not_all_of_them_are_kept(changes, number):
    kept = shown([loss(number, new=True) for number in range(500)])
    hidden = rehearsal(way_back=WayBack.LOSSY, losses=kept, lost=500, **changes)
    assert number in findings(hidden)[0].summary
    again = Rehearsal.model_validate_json(hidden.model_dump_json())
    assert findings(again) == findings(hidden)


def test_how_many_losses_were_to_be_expected_makes_no_other_finding():
    def told(number: int) -> list[str]:
        kept = shown([loss(each, new=True) for each in range(number)])
        changes = {"strategy": "restore", "way_back": WayBack.LOSSY, "losses": kept}
        return [one.kind for one in findings(rehearsal(**changes, lost=number))]

    assert told(SHOWN + 1) == told(SHOWN) == ["rollback-loses-new"]


def test_a_way_back_on_which_no_interface_was_asked_leaves_it_open():
    assert told(way_back=WayBack.UNPROVEN) == [("rollback-unproven", Weight.INCONCLUSIVE)]


def test_losses_of_a_sort_that_nobody_sees_are_refused():
    many = [loss(number, collection=f"c{number:05}", new=True) for number in range(500)]
    hidden = rehearsal(way_back=WayBack.LOSSY, losses=shown(many), lost=500)
    assert ("rollback-more-losses", Weight.REFUSES) in [
        (one.kind, one.weight) for one in findings(hidden)
    ]


def test_a_lossy_way_back_that_names_no_loss_is_refused():
    assert told(way_back=WayBack.LOSSY) == [("rollback-lossy", Weight.REFUSES)]


def test_what_is_not_on_record_is_not_passed():
    assert told(way_back=WayBack.NOT_TRIED) == [("rollback-not-tried", Weight.INCONCLUSIVE)]
    failed = rehearsal(upgraded=False, way_back=WayBack.NOT_TRIED)
    (finding,) = findings(failed)
    assert (finding.kind, finding.weight) == ("upgrade-failed", Weight.REFUSES)
    assert "not on record" in finding.summary


def test_a_failed_step_is_told_with_its_problem():
    steps = (Step(name="2.0: start", seconds=3, problem="can't migrate"),)
    (finding,) = findings(rehearsal(steps=steps, upgraded=False, way_back=WayBack.NOT_TRIED))
    assert "2.0: start" in finding.summary
    assert finding.detail == "can't migrate"


def test_what_could_not_be_found_out_is_inconclusive():
    gap = Gap(kind="inventory-failed", what="the records can't be read", stopped=True)
    found = told(gaps=(gap,), upgraded=False, way_back=WayBack.NOT_TRIED, read={}, written={})
    assert found == [("inventory-failed", Weight.INCONCLUSIVE)]


def test_a_gap_does_not_hide_that_the_upgrade_failed_as_well():
    gap = Gap(kind="inventory-empty", what="no record was read")
    found = told(gaps=(gap,), upgraded=False, way_back=WayBack.NOT_TRIED)
    assert ("upgrade-failed", Weight.REFUSES) in found


def test_says_where_there_was_nothing_to_lose_and_where_nothing_new_was_written():
    assert told(read={"patients": 0}, written={}) == [("nothing-to-lose", Weight.NOTE)]
    assert told(written={}) == [("no-writer", Weight.NOTE)]


def test_what_writing_altered_is_refused_on_every_way():
    other = (loss(field="name", after="Bob"),)
    for strategy in ("binary", "script", "restore"):
        assert told(strategy=strategy, altered=other) == [("written-over", Weight.REFUSES)]


def test_the_way_back_says_what_a_site_does_when_it_fails():
    steps = (Step(name="1.0: start", seconds=3, problem="unknown schema"),)
    (finding,) = findings(rehearsal(steps=steps, way_back=WayBack.IMPOSSIBLE))
    assert "a site would put its backup back" in finding.summary
    restored = rehearsal(steps=steps, way_back=WayBack.IMPOSSIBLE, strategy="restore")
    (finding,) = findings(restored)
    assert (finding.weight, "a site would" in finding.summary) == (Weight.INCONCLUSIVE, False)


def test_a_rehearsal_outlives_its_way_through_json():
    made = rehearsal(gaps=(Gap(kind="nothing-written", what="nothing"),), altered=(loss(),))
    assert Rehearsal.model_validate_json(made.model_dump_json()) == made
