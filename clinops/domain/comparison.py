"""Comparison of behaviour: two identical baselines and the candidate, on the same stimuli."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clinops.domain.value import Value


class Example(Value):
    """One place where a difference shows."""

    probe: str
    path: str
    """Place in the answer, segments joined by `/`: `body/0/PatientName/value/0`."""
    before: str
    after: str


class Group(Value):
    """One cause: the same change at the same place, however many answers show it."""

    subject: str
    """The same in every run, and what a vendor's `covers` names: `http body/*/Foo: added`."""
    change: Literal["added", "removed", "changed"]
    protected: bool
    """Whether it touches what may never differ unseen: identifiers, names, doses, values …"""
    count: int
    hazards: tuple[str, ...] = ()
    examples: tuple[Example, ...]
    """At most 5."""
    together: bool = Field(default=False, exclude_if=lambda together: not together)
    """Whether it stands for the causes that are not told one by one."""


class Speed(Value):
    """One probe that has become slower beyond doubt, or the measurement that says otherwise."""

    probe: str
    pairs: int
    median_before: float
    """Milliseconds."""
    median_after: float
    p_value: float
    superiority: float
    """Probability that the candidate's answer takes longer."""
    ratio_p95: tuple[float, float]
    """Bootstrap interval (95 %) of the ratio of the 95th percentiles."""
    slower: bool


class Comparison(Value):
    """What came of all probes."""

    probes: int
    answers: int
    """Answers of the candidate that were held against the baseline's."""
    groups: tuple[Group, ...]
    noise: tuple[Example, ...] = ()
    """Where the two baselines differ and no rule says why: then nothing is known. At most 50."""
    rules_used: tuple[str, ...] = ()
    """Ids of the noise rules that explained something."""
    unanswered: tuple[str, ...] = ()
    """Probes that a baseline did not answer, with the reason: missing evidence."""
    speeds: tuple[Speed, ...] = ()
    unmeasured: tuple[str, ...] = ()
    """Probes whose speed was to be measured, and for which there was no time."""
