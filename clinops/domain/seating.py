"""Who fills which place of a gate, where one person may fill one place only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from clinops.domain.policy import Requirement


class Offer(NamedTuple):
    """The role that a person has signed off in, and the site that they spoke for."""

    role: str
    site: str | None = None


class Lack(NamedTuple):
    """A requirement and how many people it still lacks."""

    requirement: Requirement
    people: int


class Seating(NamedTuple):
    """Where people sit, and which places are empty."""

    seats: dict[str, Offer]
    """By person; who is not needed has no seat."""
    lacks: tuple[Lack, ...]

    @property
    def empty(self) -> int:
        """How many places are empty."""
        return sum(lack.people for lack in self.lacks)


def seat(
    offers: Mapping[str, Sequence[Offer]], way: Sequence[Requirement], sites: Sequence[str]
) -> Seating:
    """Seat people so that as many places as can be are filled.

    This is a maximum flow with whole units, from people to places: a person moves to another place
    of theirs where that makes room. First come, first served would let an additional sign-off
    close a gate.

    Args:
        offers: What each person has offered, at least one each.
        way: The requirements to be met together. Each place takes a person of its own.
        sites: The sites that count for a quorum.
    """
    flow = _Flow()
    for person, offered in offers.items():
        flow.pipe("source", _Person(person), 1)
        for offer in offered:
            for number, requirement in enumerate(way):
                flow.connect(_Person(person), offer, number, requirement, sites)
    for number, requirement in enumerate(way):
        flow.pipe(_Place(number), "sink", requirement.places)
    while flow.augment("source", set()):
        pass
    taken = {person: flow.taken(_Person(person)) for person in offers}
    return Seating(
        {person: offer for person, offer in taken.items() if offer is not None},
        tuple(
            Lack(requirement, free)
            for number, requirement in enumerate(way)
            if (free := flow.room[_Place(number)]["sink"])
        ),
    )


class _Person(NamedTuple):
    id: str


class _Place(NamedTuple):
    """A requirement, by its number; with a site, the one seat that this site has in a quorum."""

    number: int
    site: str | None = None


@dataclass
class _Flow:
    """A residual network: how much more may go from one node to another."""

    room: defaultdict[Hashable, dict[Hashable, int]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    offered: dict[tuple[_Person, Hashable], Offer] = field(default_factory=dict)

    def pipe(self, start: Hashable, end: Hashable, capacity: int) -> None:
        self.room[start].setdefault(end, capacity)
        self.room[end].setdefault(start, 0)

    def connect(
        self,
        person: _Person,
        offer: Offer,
        number: int,
        requirement: Requirement,
        sites: Sequence[str],
    ) -> None:
        if offer.role != requirement.role:
            return
        place = _Place(number)
        if requirement.sites is not None:
            if offer.site not in sites:
                return
            place = _Place(number, offer.site)
            self.pipe(place, _Place(number), 1)
        self.pipe(person, place, 1)
        self.offered.setdefault((person, place), offer)

    def augment(self, node: Hashable, tried: set[Hashable]) -> bool:
        """Send one more unit to the sink, by taking back what went another way if need be."""
        if node == "sink":
            return True
        tried.add(node)
        for end, free in self.room[node].items():
            if free and end not in tried and self.augment(end, tried):
                self.room[node][end] -= 1
                self.room[end][node] += 1
                return True
        return False

    def taken(self, person: _Person) -> Offer | None:
        """Return the offer of a person that was taken up, if any was."""
        full = [end for end, free in self.room[person].items() if end != "source" and not free]
        return next((self.offered[person, end] for end in full), None)
