"""Speed: whether answers have become slower beyond doubt.

A candidate is slower only if three things agree: the rank test (Mann-Whitney) is significant, the
candidate's answer takes longer in most pairs (probability of superiority), and the whole interval
of the ratio of the 95th percentiles lies beyond the budget. One of them alone is often chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clinops.domain.comparison import Speed

PAIRS: Final = 20
"""Fewer pairs say nothing."""
WARM_UPS: Final = 3
"""Pairs that are asked first and dropped: caches fill, connections open."""
SIGNIFICANT: Final = 0.01
"""Many probes are measured, so that one in twenty would be too many false alarms."""
SUPERIOR: Final = 0.7
BUDGET: Final = 1.2
"""The slowest answers may take so many times as long before anybody is told."""
NOTICEABLE: Final = 5.0
"""Milliseconds between the medians; nobody waits for less."""

_TICK: Final = 0.001
"""Milliseconds; nothing that was asked took none."""
_RESAMPLES: Final = 2_000
_SEED: Final = 20_250_707
"""The same measurements must always give the same digits: the evidence digest covers them."""


def measured(probe: str, before: Sequence[float], after: Sequence[float]) -> Speed:
    """Hold the times of interleaved pairs against each other.

    Args:
        probe: The probe that was measured.
        before: Milliseconds of the baseline's answers, without warm-up.
        after: Those of the candidate's, pair by pair; as many.

    Returns:
        The measurement, with its verdict; the same numbers always give the same one.
    """
    # NOTE: Importing SciPy takes most of a second, which commands that measure nothing need not.
    import numpy as np
    from scipy import stats

    old, new = (np.maximum(np.asarray(times, dtype=float), _TICK) for times in (before, after))
    test = stats.mannwhitneyu(new, old, alternative="greater")
    picks = np.random.default_rng(_SEED).integers(0, len(old), size=(_RESAMPLES, len(old)))
    # Whole pairs are drawn: what slowed the machine down slowed both down.
    ratios = np.percentile(new[picks], 95, axis=1) / np.percentile(old[picks], 95, axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    speed = Speed(
        probe=probe,
        pairs=len(old),
        median_before=_rounded(np.median(old)),
        median_after=_rounded(np.median(new)),
        p_value=float(test.pvalue),
        superiority=_rounded(test.statistic / (len(old) * len(new))),
        ratio_p95=(_rounded(low), _rounded(high)),
        slower=False,
    )
    return speed.model_copy(update={"slower": is_slower(speed)})


def _rounded(number: float) -> float:
    return round(float(number), 4)


def is_slower(speed: Speed) -> bool:
    """Whether the numbers of a measurement say that the candidate is slower."""
    return (
        speed.pairs >= PAIRS
        and speed.p_value < SIGNIFICANT
        and speed.superiority >= SUPERIOR
        and speed.ratio_p95[0] > BUDGET
        and speed.median_after - speed.median_before >= NOTICEABLE
    )
