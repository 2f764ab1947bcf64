"""Comparing: a candidate's regressions are found by no test of the product's own."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.comparing import compare, proposed
from clinops.domain.comparison import Comparison
from clinops.domain.noise import NoisePattern, NoiseRule
from clinops.domain.protected import is_protected
from clinops.domain.structure import identical
from tests.fakes.observations import DAY, compared, observed, rule

NAME = "Wolfeschlegelsteinhausenbergerdorff^Hubert Adolph Blaine Charles"
DIGEST = "sha256:" + "ab" * 32


def patients(count: int = 5) -> dict[str, Any]:
    people = [
        {
            "PatientID": f"99900{number:05d}",
            "PatientName": NAME if number == 3 else f"Smith^{number}",
            "event": f"2026-10-25T01:30:{number % 60:02d}+01:00",
            "result": {"value": f"{number}.50", "unit": "µmol/L"},
            "laterality": "L",
            "PixelData": {"pixels": DIGEST, "shape": "2x2 uint8"},
        }
        for number in range(count)
    ]
    return {"status": 200, "headers": {"content-type": "application/json"}, "body": people}


def subjects(comparison: Comparison) -> list[str]:
    return [group.subject for group in comparison.groups]


def after(change: Callable[[list[dict[str, Any]]], object], count: int = 5) -> Comparison:
    offered = patients(count)
    change(offered["body"])
    return compared(patients(count), patients(count), offered)


def test_finds_nothing_where_all_three_answer_the_same():
    found = compared(patients(), patients(), patients())
    assert found == Comparison(probes=1, answers=1, groups=())


def put(record: int, *path: str, value: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(body: list[dict[str, Any]]) -> None:
        tree = body[record]
        for key in path[:-1]:
            tree = tree[key]
        tree[path[-1]] = value

    return change


def swap_ids(body: list[dict[str, Any]]) -> None:
    body[1]["PatientID"], body[2]["PatientID"] = body[2]["PatientID"], body[1]["PatientID"]


def pixel(body: list[dict[str, Any]]) -> None:
    body[4]["PixelData"]["pixels"] = "sha256:" + "ac" * 32


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (put(3, "PatientName", value=NAME[:63]), "patients body/*/PatientName: changed"),
        (put(3, "PatientName", value=NAME[:60]), "patients body/*/PatientName: changed"),
        (put(2, "result", "unit", value="Âµmol/L"), "patients body/*/result/unit: changed"),
        (put(2, "result", "value", value="2.5"), "patients body/*/result/value: changed"),
        (put(2, "laterality", value="R"), "patients body/*/laterality: changed"),
        (pixel, "patients body/*/PixelData/pixels: changed"),
        (lambda body: body.pop(3), "patients body/*: removed"),
        (lambda body: body.append(body[0]), "patients body/*: added"),
        (lambda body: body[2].pop("PatientName"), "http body/*/PatientName: removed"),
    ],
)
def test_finds_a_single_change_of_what_is_protected(change: Any, subject: str):
    [group] = after(change).groups
    assert (group.subject, group.protected, group.count) == (subject, True, 1)


def test_finds_two_patients_whose_ids_are_swapped():
    [group] = after(swap_ids).groups
    assert (group.subject, group.count) == ("patients body/*/PatientID: changed", 2)
    assert group.protected


def test_a_record_under_another_id_is_a_protected_change():
    records = [
        [{"id": n, "text": text} for n, text in pairs]
        for pairs in ([(1, "Ann"), (2, "Bob")], [(2, "Ann"), (1, "Bob")])
    ]
    [group] = compared(records[0], records[0], records[1]).groups
    assert (group.subject, group.protected) == ("patients */id: changed", True)


def test_finds_an_event_that_is_an_hour_off_even_where_times_are_noise():
    offered = patients()
    offered["body"][2]["event"] = "2026-10-25T02:30:02+01:00"
    ruled = rule("body/#/event", "timestamp", tolerance_seconds=900)
    [group] = compared(patients(), patients(), offered, ruled).groups
    assert group.subject == "patients body/*/event: changed"
    assert "02:30:02" in group.examples[0].after
    offered["body"][2]["event"] = "2026-10-25T01:30:02+00:00"
    assert compared(patients(), patients(), offered, ruled).groups


def test_finds_one_record_missing_among_ten_thousand_and_names_it():
    [group] = after(lambda body: body.pop(6543), 10_000).groups
    assert (group.change, group.count) == ("removed", 1)
    assert group.examples[0].path == "body/6543"
    assert "9990006543" in group.examples[0].before


def test_finds_one_record_changed_among_ten_thousand():
    [group] = after(put(6543, "PatientName", value="Smith^6544"), 10_000).groups
    assert (group.count, group.examples[0].path) == (1, "body/6543/PatientName")


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


def test_says_which_questions_a_baseline_did_not_answer():
    a = [observed(1, "p[x=1]"), observed(1, "q"), observed(1, "r"), observed(None, "s")]
    a2 = [observed(1, "p[x=1]", problem="refused"), observed(1, "q")]
    b = [observed(1, "p[x=1]"), observed(1, "q"), observed(1, "s"), observed(1, "t")]
    found = compare(a, a2, b, [], DAY)
    assert found.unanswered == (
        "p[x=1]: refused",
        "r: was not asked",
        "s: was not asked",
        "t: was not asked",
    )
    assert (found.probes, found.answers) == (5, 1)


def test_an_answer_that_the_candidate_does_not_give_is_a_difference():
    a = [observed(1, "p"), observed(1, "q"), observed({"PatientID": 1}, "r")]
    b = [observed(None, "p", problem="no answer within 10 seconds"), observed(1, "q")]
    found = compare(a, a, b, [], DAY)
    assert [(g.subject, g.change, g.protected) for g in found.groups] == [
        ("r: not answered", "removed", True),
        ("p: not answered", "removed", False),
    ]
    assert found.groups[1].examples[0].after == "none: no answer within 10 seconds"
    assert found.answers == 2


def test_questions_that_are_asked_twice_are_compared_in_their_order():
    a = [observed(1, "p"), observed(2, "p")]
    assert compare(a, a, a, [], DAY).groups == ()
    assert compare(a, a, [*reversed(a)], [], DAY).groups


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [(20, 99, 0), (20, 900, 0), (20, 1000, 1), (99, 10_000, 1), (900, 10_000, 1), (900, 9000, 0)],
)
def test_an_answer_that_takes_two_classes_longer_is_a_difference(
    before: float, after: float, found: int
):
    slow = observed(1, milliseconds=before)
    comparison = compare([observed(1)], [slow], [observed(1, milliseconds=after)], [], DAY)
    assert subjects(comparison) == ["patients: time class changed"] * found


def http(probe: str, **changes: Any) -> Any:
    answer = {"status": 200, "headers": {"server": "Mongoose"}, "body": [{"Level": "Study"}]}
    return observed({**answer, **changes}, probe, hazards=("ORT-001",))


def test_one_cause_in_many_answers_is_one_line():
    probes = [f"study[patient={n}]" for n in range(8)] + ["series", "instances"]
    a = [http(probe) for probe in probes]
    b = [
        http(
            probe, headers={"server": "Mongoose 7", "vary": "*"}, body=[{"Level": "Study", "L": n}]
        )
        for n, probe in enumerate(probes)
    ]
    found = compare(a, a, b, [], DAY).groups
    assert [(group.subject, group.count, len(group.examples)) for group in found] == [
        ("http body/*/L: added", 10, 5),
        ('http headers/server: changed from "Mongoose" to "Mongoose 7"', 10, 5),
        ("http headers/vary: added", 10, 5),
    ]
    assert found[0].hazards == ("ORT-001",)
    assert found[0].examples[0].probe == "study[patient=0]"


def test_one_value_that_becomes_another_everywhere_is_one_line():
    units = [[{"unit": unit}] for unit in ("µmol/L", "Âµmol/L")]
    a = [http("labs", body=units[0]), http("chart", body=units[0]), http("ward", body=[{"a": 1}])]
    b = [http("labs", body=units[1]), http("chart", body=units[1]), http("ward", body=[{"a": "2"}])]
    assert [(g.subject, g.count) for g in compare(a, a, b, [], DAY).groups] == [
        ('http body/*/unit: changed from "µmol/L" to "Âµmol/L"', 2),
        ("ward body/*/a: changed from number to text", 1),
    ]


def test_two_causes_at_places_of_the_same_name_are_two_lines():
    a = [http("labs", body=[{"level": n}]) for n in range(3)] + [http("ward", body=[{"level": 7}])]
    b = [http("labs", body=[{"level": n + 10}]) for n in range(3)] + [http("ward", body=[{}])]
    found = compare(a, a, b, [], DAY).groups
    assert {(group.subject, group.change) for group in found} == {
        ("labs body/*/level: changed", "changed"),
        ("http body/*/level: removed", "removed"),
    }


@pytest.mark.parametrize(
    ("before", "place"),
    [
        ({"9990000018": {"ward": 1}}, "patients */ward"),
        ({str(uuid.UUID(int=7, version=4)): {"ward": 1}}, "patients */ward"),
        ({"00081030": {"vr": "LO", "Value": [1]}}, "patients 00081030/Value/*"),
        ({"00081030": {"ward": 1}}, "patients */ward"),
        ({"a/b~c": 1}, "patients a~1b~0c"),
        ({"MSH": [{"9": [{"1": 1}]}]}, "patients MSH/*/9/*/1"),
        ({"line\nbreak": 1}, "patients line\\nbreak"),
        ([[1]], "patients */*"),
        (1, "patients answer"),
    ],
)
def test_a_subject_is_the_same_for_all_records_and_runs(before: Any, place: str):
    offered = _with(before, "x")
    [group] = compared(before, before, offered).groups
    assert group.subject == f"{place}: changed from number to text"


def _with(tree: Any, value: object) -> Any:
    if isinstance(tree, dict):
        return {key: each if key == "vr" else _with(each, value) for key, each in tree.items()}
    return [_with(each, value) for each in tree] if isinstance(tree, list) else value


def test_a_data_element_that_is_added_is_named_by_its_tag():
    offered = {"00081030": {"vr": "LO", "Value": ["Chest"]}}
    assert subjects(compared({}, {}, offered)) == ["http 00081030: added"]


def test_a_subject_stays_short_and_tells_long_keys_apart():
    one, other = "k" * 500 + "1", "k" * 500 + "2"
    found = subjects(compared({one: {other: 1}}, {one: {other: 1}}, {one: {other: "x"}}))[0]
    assert len(found) < 300
    assert found != subjects(compared({one: {one: 1}}, {one: {one: 1}}, {one: {one: "x"}}))[0]
    deep: Any = 1
    for key in range(30):
        deep = {f"level of depth {key}": deep}
    assert len(subjects(compared(deep, deep, _with(deep, "x")))[0]) < 300


def test_values_of_one_run_never_stand_in_a_subject():
    a = [observed({"at": "2026-01-31T10:00:00Z", "by": {}}, probe) for probe in "pq"]
    b = [observed({"at": "2026-01-31T12:00:00Z", "by": []}, probe) for probe in "pq"]
    assert subjects(compare(a, a, b, [], DAY)) == [
        "p at: changed",
        "p by: changed from object to list",
        "q at: changed",
        "q by: changed from object to list",
    ]


def test_what_has_no_kind_is_grouped_by_its_probe():
    a, b = observed({"a": 1}, "p[x=1]", kind=""), observed({}, "p[x=1]", kind="")
    assert subjects(compare([a], [a], [b], [], DAY)) == ["p a: removed"]


def test_shows_another_order_without_its_elements():
    [group] = compared([1, 2], [1, 2], [2, 1]).groups
    assert group.subject == "patients answer: order changed"
    assert (group.examples[0].before, group.examples[0].after) == ("one order", "another")
    [group] = compared({"values": [1, 2]}, {"values": [1, 2]}, {"values": [2, 1]}).groups
    assert group.protected


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


TOKENS = [f"{letter}1b2c3d4e5f6a7b8" for letter in "abcd"]


def test_takes_tokens_that_stand_for_each_other_for_ids():
    a = {"x": [{"k": TOKENS[0]}, {"k": TOKENS[1]}, {"k": TOKENS[0]}]}
    a2 = {"x": [{"k": TOKENS[2]}, {"k": TOKENS[3]}, {"k": TOKENS[2]}]}
    [pattern] = proposed([observed(a)], [observed(a2)])
    assert (pattern.path, pattern.type) == ("x/#/k", "uuid")
    a2["x"][2]["k"] = TOKENS[3]
    assert proposed([observed(a)], [observed(a2)]) == []


# --- properties

KEYS = ["PatientID", "name", "unit", "value", "result", "created", "count", "list", "PID", "3"]
values = st.one_of(
    st.integers(0, 9),
    st.sampled_from(["a", "10:15:00", "2026-01-31T10:00:00Z", TOKENS[0], "1.2.826.0.1.3680043"]),
)
trees = st.recursive(
    values,
    lambda below: (
        st.lists(below, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), below, min_size=1, max_size=4)
    ),
    max_leaves=10,
)
TYPES = ["timestamp", "uuid", "sequence", "counter", "duration"]
segments = st.sampled_from([*KEYS, "*", "**", "#"])


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if not isinstance(tree, dict | list):
        yield path
        return
    for key, below in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from leaves(below, (*path, key))


def mutated(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.copy(tree)
    changed[path[0]] = mutated(tree[path[0]], path[1:], value)
    return changed


def possible(path: list[str], kind: str) -> NoiseRule | None:
    try:
        return rule("/".join(path), kind)
    except ValueError:
        return None


rules = st.lists(
    st.builds(possible, st.lists(segments, min_size=1, max_size=4), st.sampled_from(TYPES)),
    max_size=3,
).map(lambda made: [each for each in made if each])
relaxed = settings(max_examples=400, deadline=None)


@relaxed
@given(trees, rules)
def test_a_system_never_differs_from_itself(tree: Any, noise: list[NoiseRule]):
    named = [each.model_copy(update={"id": f"N-{n}"}) for n, each in enumerate(noise)]
    found = compared(tree, tree, tree, *named)
    assert (found.groups, found.noise) == ((), ())


@relaxed
@given(trees, values, st.data())
def test_any_single_mutation_is_found_unless_a_rule_explains_it(
    tree: Any, value: Any, data: st.DataObject
):
    place = data.draw(st.sampled_from([*leaves(tree)]))
    offered = mutated(tree, place, value)
    found = compared(tree, tree, offered)
    assert bool(found.groups) == (not identical(tree, offered))
    assert found.noise == ()


@relaxed
@given(trees, values, rules, st.data())
def test_no_rule_ever_hides_a_protected_mutation(
    tree: Any, value: Any, noise: list[NoiseRule], data: st.DataObject
):
    place = data.draw(st.sampled_from([*leaves(tree)]))
    offered = mutated(tree, place, value)
    if not is_protected(place) or identical(tree, offered):
        return
    named = [each.model_copy(update={"id": f"N-{n}"}) for n, each in enumerate(noise)]
    assert any(group.protected for group in compared(tree, tree, offered, *named).groups)


def test_a_hundred_large_answers_are_compared_within_a_second_or_so():
    def body(seed: int) -> dict[str, Any]:
        answer = patients(180)
        answer["headers"]["date"] = f"Sat, 31 Jan 2026 10:00:0{seed} GMT"
        return answer

    a, a2, b = ([observed(body(seed), f"p[n={n}]") for n in range(100)] for seed in (1, 2, 3))
    start = time.process_time()
    found = compare(a, a2, b, [rule("headers/date", "header")], DAY)
    assert time.process_time() - start < 3
    assert (found.groups, found.noise, found.answers) == ((), (), 100)
