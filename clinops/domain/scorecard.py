"""Scorecards: what a vendor and the trust kept of what they agreed, by month, and what they owe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from clinops.domain.agreement import Agreement, Measure, Target
from clinops.domain.figure import Figure, Source, Unit, in_words, total
from clinops.domain.keeping import Case, cases_of, figure_of
from clinops.domain.lead_time import Change
from clinops.domain.period import Period


class Line(NamedTuple):
    """One measure of a month or of a whole period."""

    measure: Measure
    figure: Figure
    target: Target | None
    """What is agreed; none where nothing is, or not for all of that time."""

    @property
    def kept(self) -> bool | None:
        """Whether the target was met; none where there is none, or nothing to tell it by."""
        if self.target is None or self.figure.value is None:
            return None
        return self.target.is_kept(self.figure.value)

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "measure": self.measure.value,
            "figure": self.figure.told(),
            "target": self.target.target if self.target else None,
            "kept": self.kept,
        }


class Card(NamedTuple):
    """A month."""

    period: Period
    over: bool
    """Whether the month has ended: nothing is owed before."""
    lines: tuple[Line, ...]
    vendor_owes: Figure
    """In percent of the fee that is agreed."""
    trust_owes: Figure

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "period": self.period.told(),
            "over": self.over,
            "lines": [line.told() for line in self.lines],
            "vendor_owes": self.vendor_owes.told(),
            "trust_owes": self.trust_owes.told(),
        }


class Scorecard(NamedTuple):
    """A vendor's scorecard."""

    vendor: str
    agreed: Agreement | None
    standing: str
    """What is agreed, in plain words."""
    lines: tuple[Line, ...]
    """Of the whole period."""
    months: tuple[Card, ...]
    """The trend, the oldest month first."""
    vendor_owes: Figure
    """The sum over the months."""
    trust_owes: Figure

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "vendor": self.vendor,
            "standing": self.standing,
            "agreement": self.agreed.model_dump(mode="json") if self.agreed else None,
            "lines": [line.told() for line in self.lines],
            "months": [month.told() for month in self.months],
            "vendor_owes": self.vendor_owes.told(),
            "trust_owes": self.trust_owes.told(),
        }


def scorecard(
    vendor: str,
    changes: Iterable[Change],
    period: Period,
    now: str,
    *,
    agreed: Agreement | None = None,
    standing: str = "",
) -> Scorecard:
    """Compute a vendor's scorecard.

    Args:
        vendor: The vendor.
        changes: Every change on record, of other vendors too.
        period: The days that count.
        now: When the ledger was read, as it writes times.
        agreed: What both sides have agreed.
        standing: How that stands, in words.
    """
    found = [change for change in changes if change.last.vendor == vendor]
    cases = {measure: cases_of(measure, found, now) for measure in Measure}
    months = tuple(_card(month, cases, agreed, now) for month in period.months())
    return Scorecard(
        vendor,
        agreed,
        standing,
        _lines(period, cases, agreed),
        months,
        _owed_in_all("vendor", [(month, month.vendor_owes) for month in months]),
        _owed_in_all("trust", [(month, month.trust_owes) for month in months]),
    )


Cases = Mapping[Measure, Sequence[Case]]


def _card(month: Period, cases: Cases, agreed: Agreement | None, now: str) -> Card:
    lines = _lines(month, cases, agreed)
    over = month.is_over(now)
    counting = lines if over else ()
    most = agreed.most_percent if agreed else 0
    return Card(
        month,
        over,
        lines,
        _owed("vendor", (_of_vendor(line) for line in counting), most),
        _owed("trust", (_of_trust(line) for line in counting), most),
    )


def _lines(period: Period, cases: Cases, agreed: Agreement | None) -> tuple[Line, ...]:
    in_force = agreed if agreed and agreed.holds_in(*period) else None
    return tuple(
        Line(
            measure,
            figure_of(measure, [one.source for one in cases[measure] if period.holds(one.time)]),
            in_force.target_of(measure) if in_force else None,
        )
        for measure in Measure
    )


def _of_vendor(line: Line) -> Source | None:
    missed = line.kept is False and not line.measure.is_the_trusts
    return _consequence(line, line.target.credit_percent) if missed and line.target else None


def _of_trust(line: Line) -> Source | None:
    if line.target and line.kept and line.target.reward_percent:
        return _consequence(line, line.target.reward_percent)
    missed = line.kept is False and line.measure.is_the_trusts
    return _consequence(line, line.target.credit_percent) if missed and line.target else None


def _consequence(line: Line, percent: float) -> Source:
    assert line.target is not None  # noqa: S101  # what has no target has no consequence
    bound = "at least" if line.measure.is_a_floor else "at most"
    what = "met" if line.kept else "missed"
    said = f"{what}: {in_words(line.figure)}, agreed {bound} {line.target.target:g}"
    entries = tuple(dict.fromkeys(n for one in line.figure.inputs for n in one.entries))
    return Source(line.measure.value, percent, said, entries)


def _owed(who: str, found: Iterable[Source | None], most: float) -> Figure:
    how = f"what the {who} owes for the month, in percent of the fee, at most {most:g}"
    sums = total(how, Unit.PERCENT, (one for one in found if one is not None))
    return sums._replace(value=min(sums.value or 0, most))


def _owed_in_all(who: str, months: Sequence[tuple[Card, Figure]]) -> Figure:
    return total(
        f"the sum of what the {who} owes for each month, in percent of a month's fee",
        Unit.PERCENT,
        (
            Source(str(card.period), owed.value, "", _entries(owed))
            for card, owed in months
            if owed.value
        ),
    )


def _entries(figure: Figure) -> tuple[int, ...]:
    return tuple(dict.fromkeys(entry for one in figure.inputs for entry in one.entries))
