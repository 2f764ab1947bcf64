"""Turns: the queue of qualifications follows the rank of what somebody commissioned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache

from clinops.domain.fold import ReleaseRecord
from clinops.domain.rank import Ranked
from clinops.domain.rank_case import Rule
from clinops.domain.urgency import Place, Turn, turn
from clinops.errors import BadInputError
from clinops.wiring import Wiring
from flows.board import is_asked_for, ranking


def turns(wiring: Wiring) -> Callable[[ReleaseRecord], Turn]:
    """Return what says where a release stands; everything is ranked once, and only if asked."""
    ranked = cache(lambda: _ranked(wiring))

    def turn_of(record: ReleaseRecord) -> Turn:
        asked = (one for one in ranked() if is_asked_for(record, one.request))
        return turn(dt.datetime.fromisoformat(record.since), _place(next(asked, None)))

    return turn_of


def _ranked(wiring: Wiring) -> tuple[Ranked, ...]:
    try:
        return ranking(wiring).ranked
    except BadInputError:
        # Where the board has decided nothing, or wrongly, first come is first served.
        return ()


def _place(ranked: Ranked | None) -> Place | None:
    if ranked is None:
        return None
    return Place(ranked.place, ranked.of, emergency=ranked.rule is Rule.ALERT)
