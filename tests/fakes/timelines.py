"""Timelines, made by hand."""

from __future__ import annotations

import datetime as dt

from clinops.domain.ledger import timestamp
from clinops.domain.timeline import Span, Timeline, Wait
from tests.fakes.ledger import START

BEGAN = START + dt.timedelta(seconds=10)


def at(second: float) -> str:
    """Write a moment, in seconds after the run began."""
    return timestamp(BEGAN + dt.timedelta(seconds=second))


def span(name: str, begun: int, ended: int, *after: int, asked: int | None = None) -> Span:
    asked = begun if asked is None else asked
    return Span(name=name, asked=asked, begun=begun, ended=ended, after=after)


def timeline(*spans: Span, ended: int, created: float | None = None) -> Timeline:
    moment = None if created is None else at(created)
    return Timeline(at=at(0), created=moment, spans=spans, ended=ended)


QUALIFICATION = timeline(
    span("pin inputs", 100, 300),
    span("rehearse the upgrade", 320, 5000, 0, asked=300),
    span("smoke suite on baseline 1.0", 320, 4000, 0, asked=300),
    span("rehearse the restore", 320, 8000, 0, asked=300),
    Span(
        name="rehearse the way back",
        asked=5000,
        begun=5010,
        ended=9000,
        after=(1,),
        waits=(Wait(stage=2, since=6000, until=6000), Wait(stage=3, since=6500, until=8010)),
    ),
    span("regression suite on candidate 2.0", 5010, 7000, 1, asked=5000),
    span("assemble evidence", 9050, 9150, 1, 2, 3, 4, 5, asked=9040),
    ended=9200,
)
