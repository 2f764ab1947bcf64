"""Snapshots of the version in use: made once, and known by all that they are made from."""

from __future__ import annotations

import pytest

from clinops.domain.finding import Weight
from clinops.domain.suite import Role
from flows.replicas import obtain, run_suite
from flows.snapshots import baseline_snapshot, snapshot_key
from tests.fakes.wiring import COMPOSE, HAZARDS, compose, hazards
from tests.flows.rehearsing import FAILURE


def test_a_snapshot_is_made_once_and_then_found(rehearsal):
    rehearsal.goes_up()
    again = baseline_snapshot(
        rehearsal.plan, rehearsal.images[Role.BASELINE], rehearsal.tree, rehearsal.bench
    )
    assert again == rehearsal.snapshot
    assert "start 1.0" not in rehearsal.systems.done


def test_a_snapshot_of_other_images_is_made_anew(rehearsal):
    rehearsal.goes_up()
    kept, records, lease = rehearsal.systems.frozen[rehearsal.snapshot.key]
    forged = kept.model_copy(update={"bases": {**kept.bases, "app": kept.images["app"]}})
    rehearsal.systems.frozen[kept.key] = forged, records, lease
    made = baseline_snapshot(
        rehearsal.plan, rehearsal.images[Role.BASELINE], rehearsal.tree, rehearsal.bench
    )
    assert made == rehearsal.snapshot
    assert "start 1.0" in rehearsal.systems.done


@pytest.mark.parametrize(
    ("path", "content", "same"),
    [
        ("environments/pas/people.py", b"PEOPLE = []\n", False),
        (COMPOSE, compose(ready_within=61), False),
        (HAZARDS, hazards().replace(b"Two patients", b"2 patients"), True),
    ],
)
def test_a_snapshot_is_known_by_all_that_it_is_made_from(rehearsal, path, content, same):
    rehearsal.goes_up()
    images = rehearsal.images[Role.BASELINE]
    rehearsal.wiring.commit({path: content})
    plan, tree = rehearsal.planned(deadline="2027-01-01")
    assert (snapshot_key(plan, images, tree) == rehearsal.snapshot.key) is same
    assert len(rehearsal.snapshot.key) == 64


def test_a_baseline_that_never_gets_ready_or_is_not_seeded_leaves_it_open(rehearsal):
    plan, tree = rehearsal.planned()
    images = obtain(plan, tree, rehearsal.bench).images[Role.BASELINE]
    rehearsal.suites.seed_fails = True
    unseeded = baseline_snapshot(plan, images, tree, rehearsal.bench)
    rehearsal.systems.failures["1.0"] = FAILURE
    unready = baseline_snapshot(plan, images, tree, rehearsal.bench)
    assert [one.kind for one in (unseeded, unready)] == ["seed-failed", "replica-never-ready"]
    assert {one.weight for one in (unseeded, unready)} == {Weight.INCONCLUSIVE}
    assert rehearsal.systems.present == {}


def test_a_suite_runs_on_a_fork_without_being_seeded_again(rehearsal):
    rehearsal.goes_up()
    rehearsal.suites.seeded.clear()
    which = ("smoke", Role.BASELINE)
    tried = run_suite(
        which,
        rehearsal.plan,
        rehearsal.images[Role.BASELINE],
        rehearsal.tree,
        rehearsal.bench,
        snapshot=rehearsal.snapshot,
    )
    assert tried.run is not None
    assert rehearsal.systems.done[-1] == "fork 1.0"
    assert rehearsal.suites.seeded == []
