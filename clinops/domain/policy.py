"""What a gate asks of people: roles, and all of, any of or some of several such needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import prod
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from clinops.domain.fault import Fault, refuse
from clinops.domain.manifest import Name
from clinops.domain.value import Document

MAX_ALTERNATIVES = 256
"""More ways to open one gate than anybody could check by reading it."""

Count = Annotated[int, Field(ge=1, le=20)]


class Requirement(Document):
    """How many people must sign off in one role, or for how many sites."""

    role: Name
    count: Count = 1
    sites: Count | None = None
    """A quorum: people in this role who speak for so many of the sites that the release goes to."""

    @model_validator(mode="after")
    def _counts_people_or_sites(self) -> Requirement:
        if self.sites is not None and self.count != 1:
            what = "counts people, where `sites` counts them already"
            raise refuse(Fault(what, "drop one of the two", at=("count",)))
        return self

    @property
    def places(self) -> int:
        """How many people it takes."""
        return self.sites or self.count


class AllOf(Document):
    """Needs that must be met together."""

    all_of: Annotated[list[Need], Field(min_length=1)]


class AnyOf(Document):
    """Needs of which one is enough."""

    any_of: Annotated[list[Need], Field(min_length=1)]


class Among(Document):
    """How many of some needs must be met."""

    count: Count
    among: Annotated[list[Need], Field(min_length=1)]

    @model_validator(mode="after")
    def _can_be_met(self) -> Among:
        if self.count > len(self.among):
            what = f"is more than the {len(self.among)} that are listed"
            raise refuse(Fault(what, "lower it, or list more", at=("count",)))
        return self


class NOf(Document):
    """Needs of which so many must be met."""

    n_of: Among


def _kind(need: Any) -> str:
    """Tell which kind of need it is by its key, so that only that kind's errors are told."""
    for key, kind in (("any_of", AnyOf), ("all_of", AllOf), ("n_of", NOf)):
        if isinstance(need, kind) or (isinstance(need, dict) and key in need):
            return f"by {key}"
    return "by role"


Need = Annotated[
    Annotated[Requirement, Tag("by role")]
    | Annotated[AnyOf, Tag("by any_of")]
    | Annotated[AllOf, Tag("by all_of")]
    | Annotated[NOf, Tag("by n_of")],
    Discriminator(_kind),
]
Way = tuple[Requirement, ...]
"""Requirements that open a gate together."""

for _form in (AllOf, AnyOf, Among, NOf):
    _form.model_rebuild()


def ways(needs: Sequence[Need]) -> list[Way]:
    """Return every way to meet some needs together; bounded where `count_ways` was asked first."""
    return [tuple(chain) for chain in map(_joined, product(*map(_ways, needs)))]


def _joined(parts: Sequence[Way]) -> Iterator[Requirement]:
    return (requirement for part in parts for requirement in part)


def _ways(need: Need) -> list[Way]:
    if isinstance(need, Requirement):
        return [(need,)]
    if isinstance(need, AllOf):
        return ways(need.all_of)
    if isinstance(need, AnyOf):
        return [way for inner in need.any_of for way in _ways(inner)]
    chosen = combinations(need.n_of.among, need.n_of.count)
    return [way for needs in chosen for way in ways(needs)]


def count_ways(needs: Sequence[Need]) -> int:
    """Count the ways to meet some needs together, without making them."""
    return prod(_count(need) for need in needs)


def _count(need: Need) -> int:
    if isinstance(need, Requirement):
        return 1
    if isinstance(need, AllOf):
        return count_ways(need.all_of)
    if isinstance(need, AnyOf):
        return sum(_count(inner) for inner in need.any_of)
    # The elementary symmetric polynomial: how many choices of so many, each in all its ways.
    choices = [1] + [0] * need.n_of.count
    for inner in need.n_of.among:
        each = _count(inner)
        for size in range(need.n_of.count, 0, -1):
            choices[size] += choices[size - 1] * each
    return choices[-1]


def requirements(needs: Sequence[Need]) -> Iterator[Requirement]:
    """Yield every requirement that is named anywhere in some needs."""
    for need in needs:
        if isinstance(need, Requirement):
            yield need
        elif isinstance(need, AllOf):
            yield from requirements(need.all_of)
        elif isinstance(need, AnyOf):
            yield from requirements(need.any_of)
        else:
            yield from requirements(need.n_of.among)


def faults(needs: Sequence[Need]) -> Iterator[Fault]:
    """Find what makes a list of needs unreadable: a role twice, too many ways to meet them."""
    alone = [need.role for need in needs if isinstance(need, Requirement)]
    if len(set(alone)) < len(alone):
        yield Fault("lists a role twice", "raise its count instead", at=("requires",))
    if (count := count_ways(needs)) > MAX_ALTERNATIVES:
        what = f"can be met in {count} ways, which nobody can check; {MAX_ALTERNATIVES} are allowed"
        yield Fault(what, "ask for fewer alternatives", at=("requires",))
