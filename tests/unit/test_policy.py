"""Gates that compose: what they ask for, and whether people meet it."""

from __future__ import annotations

from itertools import combinations, permutations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.gate import GatePolicy
from clinops.domain.parsing import parse
from clinops.domain.policy import (
    AllOf,
    Among,
    AnyOf,
    Need,
    NOf,
    Requirement,
    count_ways,
    requirements,
    ways,
)
from clinops.domain.seating import Offer, seat
from clinops.errors import BadInputError

quick = settings(max_examples=200, deadline=None)
SITES = ("north", "south")
ROLES = st.sampled_from("xyz")

plain = st.builds(lambda role, count: Requirement(role=role, count=count), ROLES, st.integers(1, 2))
quorums = st.builds(lambda role, sites: Requirement(role=role, sites=sites), ROLES,
                    st.integers(1, 3))  # fmt: skip


def composed(inner: st.SearchStrategy[Need]) -> st.SearchStrategy[Need]:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        some.map(lambda needs: AllOf(all_of=needs)),
        some.map(lambda needs: AnyOf(any_of=needs)),
        some.flatmap(
            lambda needs: st.integers(1, len(needs)).map(
                lambda count: NOf(n_of=Among(count=count, among=needs))
            )
        ),
    )


needs = st.recursive(st.one_of(plain, quorums), composed, max_leaves=4)
offers = st.dictionaries(
    st.sampled_from("abcd"),
    st.lists(
        st.builds(Offer, ROLES, st.sampled_from([None, "north", "south", "west"])),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    max_size=4,
)


def opens(asked: list[Need], offered: dict[str, list[Offer]]) -> bool:
    return any(seat(offered, way, SITES).empty == 0 for way in ways(asked))


def by_hand(need: Need) -> list[tuple[Requirement, ...]]:
    """Choose every subset of everything that is named, and keep those that meet the need."""
    named = list(requirements([need]))
    marks = [(number, one) for number, one in enumerate(named)]
    chosen = (c for size in range(len(marks) + 1) for c in combinations(marks, size))
    return [tuple(one for _, one in c) for c in chosen if _met(need, iter(range(99)), dict(c))]


def _met(need: Need, numbers: Any, chosen: dict[int, Requirement]) -> bool:
    if isinstance(need, Requirement):
        return next(numbers) in chosen
    inner = (
        need.all_of
        if isinstance(need, AllOf)
        else need.any_of
        if isinstance(need, AnyOf)
        else need.n_of.among
    )
    # Each of them takes its numbers, whether the answer is known before or not.
    met = [_met(one, numbers, chosen) for one in inner]
    if isinstance(need, AllOf):
        return all(met)
    return any(met) if isinstance(need, AnyOf) else sum(met) >= need.n_of.count


def filled_by_hand(offered: dict[str, list[Offer]], way: tuple[Requirement, ...]) -> int:
    """Try every way to put people on places; each place is one unit of one requirement."""
    places = [number for number, one in enumerate(way) for _ in range(one.places)]
    people = [*offered, *([None] * len(places))]
    best = 0
    for order in set(permutations(people, len(places))):
        sites: set[tuple[int, str | None]] = set()
        choices = [[None, *offered[person]] if person is not None else [None] for person in order]
        for picked in product(*choices):
            sites.clear()
            filled = 0
            for number, offer in zip(places, picked, strict=True):
                asked = way[number]
                if offer is None or offer.role != asked.role:
                    continue
                if asked.sites is not None:
                    if offer.site not in SITES or (number, offer.site) in sites:
                        continue
                    sites.add((number, offer.site))
                filled += 1
            best = max(best, filled)
    return best


@settings(max_examples=60, deadline=None)
@given(
    offers.filter(lambda o: len(o) <= 3),
    st.lists(st.one_of(plain, quorums), min_size=1, max_size=2),
)
def test_seats_as_many_as_any_assignment_could(offered, way):
    seating = seat(offered, way, SITES)
    total = sum(one.places for one in way)
    assert total - seating.empty == filled_by_hand(offered, tuple(way))
    assert len(seating.seats) == total - seating.empty
    assert all(offer in offered[person] for person, offer in seating.seats.items())


@quick
@given(needs, offers)
def test_a_composed_gate_opens_exactly_where_some_choice_of_its_parts_can_be_filled(need, offered):
    expected = any(seat(offered, way, SITES).empty == 0 for way in by_hand(need))
    assert opens([need], offered) == expected


@quick
@given(st.lists(needs, min_size=1, max_size=2), offers, st.sampled_from("abcd"), st.data())
def test_one_more_offer_never_closes_a_gate_and_one_fewer_never_opens_it(asked, before, who, data):
    offer = data.draw(st.builds(Offer, ROLES, st.sampled_from([None, *SITES])))
    after = {**before, who: [*before.get(who, []), offer]}
    assert opens(asked, before) <= opens(asked, after)


@quick
@given(st.lists(needs, min_size=1, max_size=2), offers, st.randoms())
def test_the_order_of_people_offers_and_needs_does_not_matter(asked, offered, random):
    people = list(offered.items())
    random.shuffle(people)
    shuffled = {who: random.sample(found, len(found)) for who, found in people}
    assert opens(random.sample(asked, len(asked)), shuffled) == opens(asked, offered)


@quick
@given(st.lists(needs, min_size=1, max_size=3))
def test_counts_the_ways_without_making_them(asked):
    assert count_ways(asked) == len(ways(asked))


def test_a_quorum_takes_people_who_speak_for_different_sites():
    asked = [Requirement(role="lead", sites=2)]
    north, south, west = (Offer("lead", site) for site in ("north", "south", "west"))
    assert opens(asked, {"ann": [north], "bob": [south]})
    assert not opens(asked, {"ann": [north], "bob": [north]})
    assert not opens(asked, {"ann": [north, south]}), "one person speaks for one site"
    assert not opens(asked, {"ann": [north], "bob": [west]}), "it does not go to that site"
    assert not opens(asked, {"ann": [north], "bob": [Offer("lead")]})


def written(requires: str) -> bytes:
    return f"schema: 1\nsign_offs_expire_after_days: 14\nrequires:\n{requires}".encode()


def problems(requires: str) -> list[str]:
    with pytest.raises(BadInputError) as caught:
        parse("gate.yaml", written(requires), GatePolicy)
    return [str(problem) for problem in caught.value.problems]


def test_reads_a_policy_as_people_write_it():
    policy = parse(
        "gate.yaml",
        written("""
  - {role: safety, count: 2}
  - any_of: [{role: operations}, {role: head-of-radiology}]
  - n_of: {count: 2, among: [{role: a}, {role: b}, all_of: [{role: c}, {role: d}]]}
  - {role: site-lead, sites: 2}
""").replace(b"all_of: [{role: c}, {role: d}]", b"{all_of: [{role: c}, {role: d}]}"),
        GatePolicy,
    )
    assert count_ways(policy.requires) == 6
    assert policy.roles == {
        *("safety", "operations", "head-of-radiology", "a", "b", "c", "d", "site-lead"),
        "clinical-safety-officer",
    }


@pytest.mark.parametrize(
    ("requires", "problem"),
    [
        ("- {role: a}\n- {role: a}\n", "gate.yaml:3: `requires` lists a role twice; raise its"),
        ("- {role: a, count: 0}\n", "gate.yaml:4: `requires[0].count` must be at least 1"),
        ("- {count: 2}\n", "gate.yaml:4: `requires[0].role` is missing"),
        ("- {rule: a}\n", "did you mean `role`?"),
        ("- {role: a, count: 2, sites: 2}\n", "`requires[0].count` counts people, where `sites`"),
        ("- any_of: []\n", "`requires[0].any_of` must have at least 1 item(s)"),
        ("- n_of: {count: 2, among: [{role: a}]}\n", "is more than the 1 that are listed"),
        ("- any_of: [{role: a, count: x}]\n", "`requires[0].any_of[0].count` must be a whole"),
        ("- porter\n", "gate.yaml:4: "),
    ],
)
def test_says_what_is_wrong_with_a_policy_and_where(requires: str, problem: str):
    assert problem in "\n".join(problems(requires))


def test_refuses_a_policy_with_more_ways_than_anybody_can_check():
    listed = ", ".join(f"{{role: r{number}}}" for number in range(40))
    (problem,) = problems(f"- n_of: {{count: 20, among: [{listed}]}}\n")
    assert "can be met in 137846528820 ways" in problem
    assert "ask for fewer alternatives" in problem
