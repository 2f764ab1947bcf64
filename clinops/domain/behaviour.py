"""Behaviour: what follows from a comparison, as differences and findings.

It is derived when evidence is assembled, and again by whoever verifies the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from clinops.domain.comparison import Comparison, Example, Group, Speed
from clinops.domain.difference import Difference
from clinops.domain.finding import Finding, Weight
from clinops.domain.speed import is_slower

MOST_CAUSES: Final = 500
"""Causes that are told one by one."""
_LONGEST: Final = 300
_MOST_LINES: Final = 20


def differing_behaviour(comparison: Comparison) -> list[Difference]:
    """Make one difference of each cause, however many answers show it."""
    return [_difference(group) for group in comparison.groups]


def bounded(comparison: Comparison) -> Comparison:
    """Put what nobody would read any more into one cause, which no declaration covers.

    A candidate that answers at random must not fill the evidence. What touches something
    protected comes first, so that it is told by itself as long as there is room.
    """
    told, rest = comparison.groups[:MOST_CAUSES], comparison.groups[MOST_CAUSES:]
    if not rest:
        return comparison
    together = "\n".join(f"{group.subject} {group.change} {group.count}" for group in rest)
    others = Group(
        subject=f"{len(rest)} more causes ({_short_digest(together)})",
        change="changed",
        protected=any(group.protected for group in rest),
        count=sum(group.count for group in rest),
        hazards=tuple(sorted({hazard for group in rest for hazard in group.hazards})),
        examples=rest[0].examples,
        together=True,
    )
    return comparison.model_copy(update={"groups": (*told, others)})


def examples(comparison: Comparison) -> dict[str, tuple[Example, ...]]:
    """Tell where each difference shows, by its subject."""
    return {
        difference.subject: group.examples
        for difference, group in zip(
            differing_behaviour(comparison), comparison.groups, strict=True
        )
    }


def _difference(group: Group) -> Difference:
    shown = group.examples[0] if group.examples else None
    absent = {"added": ("not there", "there"), "removed": ("there", "not there")}
    before, after = absent.get(group.change, ("not shown", "not shown"))
    return Difference(
        kind="behaviour",
        subject=f"behaviour: {_subject(group.subject)}",
        before=cut(shown.before) if shown else before,
        after=cut(shown.after) if shown else after,
        change=group.change,
        protected=group.protected,
        hazards=group.hazards,
        count=group.count,
        where=cut(f"{shown.probe} {shown.path}".strip()) if shown else "",
        together=group.together,
    )


def _subject(text: str) -> str:
    """Shorten a subject so that two different ones stay different: people declare by it."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…{_short_digest(text)}"


def _short_digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def cut(text: str) -> str:
    """Cut what a system answered to what a person reads of it."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def findings(comparison: Comparison) -> list[Finding]:
    """Find why nothing can be told, and what has become slower."""
    return [
        *_unanswered(comparison),
        *_noise(comparison),
        *(_slower(speed) for speed in comparison.speeds if speed.slower or is_slower(speed)),
        *_unmeasured(comparison),
    ]


def _unanswered(comparison: Comparison) -> Iterator[Finding]:
    if comparison.unanswered:
        yield Finding(
            kind="probe-unanswered",
            weight=Weight.INCONCLUSIVE,
            summary=f"{len(comparison.unanswered)} of {comparison.probes} probes were not answered "
            "in a way that could be compared",
            detail=_lines(comparison.unanswered),
        )
    elif not comparison.answers:
        yield Finding(
            kind="probe-unanswered",
            weight=Weight.INCONCLUSIVE,
            summary="No answer of the candidate was held against the baseline's",
        )


def _noise(comparison: Comparison) -> Iterator[Finding]:
    if comparison.noise:
        places = [f"{e.probe} {e.path}: {cut(e.before)} / {cut(e.after)}" for e in comparison.noise]
        yield Finding(
            kind="unexplained-noise",
            weight=Weight.INCONCLUSIVE,
            summary="Two identical baselines differ, and no noise rule says why, "
            f"in {len(places)} places",
            detail=_lines(places),
        )


def _slower(speed: Speed) -> Finding:
    low, high = speed.ratio_p95
    return Finding(
        kind="slower",
        weight=Weight.REFUSES,
        summary=f"{speed.probe} has become slower beyond doubt",
        detail=f"median {speed.median_before:.1f} ms, now {speed.median_after:.1f} ms; longer in "
        f"{speed.superiority:.0%} of {speed.pairs} pairs held against each other "
        f"(p = {speed.p_value:.2g}); 95th percentile {low:.2f} to {high:.2f} times as long",
        occurrence=f"speed: {speed.probe}",
    )


def _unmeasured(comparison: Comparison) -> Iterator[Finding]:
    if comparison.unmeasured:
        yield Finding(
            kind="speed-not-measured",
            weight=Weight.NOTE,
            summary=f"The speed of {len(comparison.unmeasured)} probes was not measured: "
            "there was no time for it",
            detail=_lines(comparison.unmeasured),
        )


def _lines(texts: Sequence[str]) -> str:
    shown = [cut(text.replace("\n", " ")) for text in texts[:_MOST_LINES]]
    more = len(texts) - len(shown)
    return "\n".join([*shown, *([f"and {more} more"] if more else [])])
