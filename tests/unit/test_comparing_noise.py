"""Noise: what its rules explain, what shows through it, and which rules are proposed."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from typing import Any

import pytest

from clinops.domain.comparing import compare, proposed
from clinops.domain.noise import NoisePattern, NoiseRule
from tests.fakes.observations import DAY, TOKENS, compared, observed, rule, subjects


class System:
    """A system whose answers are noisy: times, ids made anew, serials, counters, orders."""

    def __init__(self, seed: int, *, swapped: bool = False, hours: int = 0) -> None:
        self._ids = (str(uuid.UUID(int=seed * 1000 + n, version=4)) for n in itertools.count())
        self._seed = seed
        self._swapped = swapped
        self._hours = hours

    def answer(self) -> dict[str, Any]:
        ids = [next(self._ids) for _ in range(3)]
        people = [{"id": ids[n], "serial": 100 * self._seed + n, "name": f"P{n}"} for n in range(3)]
        orders = [{"patient": ids[n], "text": f"Order for P{n}"} for n in range(3)]
        if self._swapped:
            orders[0]["patient"], orders[1]["patient"] = ids[1], ids[0]
        return {
            "status": 200,
            "headers": {
                "date": f"Sat, 31 Jan 2026 10:00:0{self._seed} GMT",
                "set-cookie": f"session={next(self._ids)}; Path=/",
            },
            "body": {
                "people": people[self._seed :] + people[: self._seed],
                "orders": orders,
                "by_id": {ids[2]: {"ward": 1}, ids[0]: {"ward": 2}},
                "made": f"2026-01-31T{10 + self._hours}:00:0{self._seed}Z",
                "uptime": 17 * self._seed,
                "took": 0.01 * self._seed,
            },
        }


RULES = [
    rule("headers/date", "header", id="date"),
    rule("body/people", "unordered", id="order"),
    rule("body/people/#/serial", "sequence", id="serial"),
    rule("body/made", "timestamp", id="made"),
    rule("body/uptime", "counter", id="uptime"),
    rule("body/took", "duration", id="took"),
]


def test_noise_gives_nothing_once_its_rules_are_approved():
    found = compared(System(1).answer(), System(2).answer(), System(3).answer(), *RULES)
    assert (found.groups, found.noise) == ((), ())
    assert set(found.rules_used) == {"date", "order", "serial", "made", "uptime", "took"}


def test_noise_without_rules_is_told_and_is_no_difference():
    found = compared(System(1).answer(), System(2).answer(), System(3).answer())
    assert {example.path for example in found.noise} >= {"headers/date", "body/made", "body/took"}
    assert (found.groups, found.rules_used) == ((), ())


@pytest.mark.parametrize("missing", range(len(RULES)))
def test_every_rule_is_needed(missing: int):
    rules = [each for number, each in enumerate(RULES) if number != missing]
    assert compared(System(1).answer(), System(2).answer(), System(3).answer(), *rules).noise


def test_a_rule_that_has_expired_explains_nothing():
    answers = System(1).answer(), System(2).answer(), System(3).answer()
    assert compared(*answers, *RULES, day=DAY + dt.timedelta(days=1)).noise


def test_a_rule_for_another_probe_explains_nothing():
    rules = [each.model_copy(update={"probe": "stu*"}) for each in RULES]
    assert compared(System(1).answer(), System(2).answer(), System(3).answer(), *rules).noise


def test_a_broken_reference_shows_through_noise():
    offered = System(3, swapped=True).answer()
    found = compared(System(1).answer(), System(2).answer(), offered, *RULES)
    assert subjects(found) == ["patients body/orders/*/patient: changed"]
    [group] = found.groups
    assert group.count == 2
    assert all(
        "#" in each.before and "#" in each.after and each.before != each.after
        for each in group.examples
    )


def test_a_broken_serial_shows_through_noise():
    offered = System(3).answer()
    people = offered["body"]["people"]
    people[0]["serial"], people[1]["serial"] = people[1]["serial"], people[0]["serial"]
    found = compared(System(1).answer(), System(2).answer(), offered, *RULES)
    assert "patients body/people/*/serial: changed" in subjects(found)


def test_what_stands_for_another_record_than_elsewhere_says_so():
    both = [{"x": [{"k": 5}, {"k": 6}]}, {"x": [{"k": 5}, {"k": 6}]}, {"x": [{"k": 6}, {"k": 6}]}]
    [group] = compared(*both, rule("x/#/k", "sequence")).groups
    assert group.examples[0].after.endswith("which stands for another one than elsewhere")


def test_an_hour_more_shows_through_noise():
    offered = System(3, hours=1).answer()
    found = compared(System(1).answer(), System(2).answer(), offered, *RULES)
    assert subjects(found) == ["patients body/made: changed"]


def test_a_difference_beside_noise_counts_and_one_below_it_does_not():
    one, other, offered = ({"a": {"n": n}, "b": 1, "c": {"n": 1}} for n in (1, 2, 3))
    offered |= {"b": 2, "c": {"n": 2}, "a": 7}
    found = compared(one, other, offered)
    assert [example.path for example in found.noise] == ["a/n"]
    assert len(found.groups) == 3
    assert compared({"a": [1]}, {"a": 1}, {"a": [2]}).groups == ()


def test_no_more_noise_is_listed_than_a_person_reads():
    answers = ({str(n): f"text {n * seed}" for n in range(1, 99)} for seed in (1, 2, 3))
    assert len(compared(*answers).noise) == 50


def test_masks_nothing_protected_even_if_a_rule_got_past_the_check():
    forged = NoiseRule.model_construct(
        **{**rule("x", "counter").model_dump(), "path": "body/#/PatientID"}
    )
    answers = [{"body": [{"PatientID": n}]} for n in (1, 2, 3)]
    assert compared(*answers, forged).noise
    assert compared(answers[0], answers[0], answers[2], forged).groups


# --- proposals


def ruled(patterns: list[NoisePattern]) -> list[NoiseRule]:
    more = {"reason": "Seen.", "owner": "Ada", "expires": DAY}
    return [NoiseRule.model_validate({**each.model_dump(), **more}) for each in patterns]


def test_proposes_the_narrowest_types_and_they_explain_the_noise():
    a, a2, b = ([observed(System(n).answer())] for n in (1, 2, 3))
    patterns = proposed(a, a2)
    assert {(each.path, each.type) for each in patterns} == {
        ("headers/date", "timestamp"),
        ("body/people", "unordered"),
        ("body/people/#/serial", "sequence"),
        ("body/made", "timestamp"),
        ("body/uptime", "counter"),
        ("body/took", "duration"),
    }
    found = compare(a, a2, b, ruled(patterns), DAY)
    assert (found.groups, found.noise) == ((), ())


def test_proposes_one_rule_for_a_header_of_all_probes():
    answers = [{"headers": {"x-request": f"no {n} at all"}} for n in (1, 2)]
    a, a2 = ([observed(answer, probe) for probe in ("p[x=1]", "p[x=2]", "q")] for answer in answers)
    [pattern] = proposed(a, a2)
    assert (pattern.probe, pattern.path, pattern.type) == ("*", "headers/x-request", "header")


def test_proposes_nothing_for_what_no_type_explains_or_what_is_protected():
    a = {
        "text": "one",
        "PatientID": 1,
        "gone": 1,
        "list": [[1, 2]],
        "9990000018": 1,
        "at": "10:00:00",
    }
    a2 = {
        "text": "two",
        "PatientID": 2,
        "new": 1,
        "list": [[2, 1]],
        "9990000018": 2,
        "at": "12:00:00",
    }
    assert proposed([observed(a)], [observed(a2)]) == []


def test_proposes_under_ids_of_their_own():
    a, a2 = ([observed({"a": {"n": n}, "b": {"n": n}, "#!": n, "~/": n})] for n in (1, 2))
    assert sorted(each.id for each in proposed(a, a2)) == [
        "patients",
        "patients-0-1",
        "patients-n",
        "patients-n-2",
    ]


def test_proposes_for_what_both_have_answered():
    a = [observed({"n": 1}, "p"), observed({"n": 1}, "q"), observed(1, "r", problem="refused")]
    a2 = [observed({"n": 2}, "q"), observed(2, "r")]
    assert [each.probe for each in proposed(a, a2)] == ["q"]


@pytest.mark.parametrize(
    ("apart", "tolerance"), [(1, 5), (4, 15), (20, 60), (400, 900), (800, 900)]
)
def test_proposes_a_tolerance_with_something_to_spare(apart: int, tolerance: int):
    moment = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
    later = moment + dt.timedelta(seconds=apart)
    [pattern] = proposed(
        [observed({"at": moment.isoformat()})], [observed({"at": later.isoformat()})]
    )
    assert pattern.tolerance_seconds == tolerance


def test_takes_tokens_that_stand_for_each_other_for_ids():
    a = {"x": [{"k": TOKENS[0]}, {"k": TOKENS[1]}, {"k": TOKENS[0]}]}
    a2 = {"x": [{"k": TOKENS[2]}, {"k": TOKENS[3]}, {"k": TOKENS[2]}]}
    [pattern] = proposed([observed(a)], [observed(a2)])
    assert (pattern.path, pattern.type) == ("x/#/k", "uuid")
    a2["x"][2]["k"] = TOKENS[3]
    assert proposed([observed(a)], [observed(a2)]) == []
