"""Who fills which role of a gate, where one person may fill one role only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def seat(offers: Mapping[str, Sequence[str]], places: Mapping[str, int]) -> dict[str, str]:
    """Give everybody one of the roles that they offer, so that as many places as can be are filled.

    This is bipartite matching by augmenting paths (Kuhn): a person moves to another role of theirs
    where that makes room. First come, first served would let an additional sign-off close a gate.

    Args:
        offers: The roles that each person has signed off in, at least one.
        places: How many people each role needs.

    Returns:
        Everybody's role. Those for whom no place is left get the first that they offer.
    """
    seated: dict[str, list[str]] = {role: [] for role in places}

    def find_place(person: str, tried: set[str]) -> bool:
        for role in offers[person]:
            if role in tried:
                continue
            tried.add(role)
            if len(seated[role]) < places[role]:
                seated[role].append(person)
                return True
            for other in seated[role]:
                if find_place(other, tried):
                    seated[role][seated[role].index(other)] = person
                    return True
        return False

    for person in offers:
        find_place(person, set())
    placed = {person: role for role, people in seated.items() for person in people}
    return {person: placed.get(person, roles[0]) for person, roles in offers.items()}
