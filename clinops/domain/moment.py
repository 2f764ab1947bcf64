"""Moments: times as systems write them, of which only the difference matters here."""

from __future__ import annotations

import datetime as dt
import re
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue

_DAY: Final = 86400.0
_EARLIEST, _LATEST = 946684800.0, 4102444800.0
"""Seconds since 1970 that are taken for a time: the years 2000 to 2099."""
_COMPACT = re.compile(r"([12][0-9]{13})(\.[0-9]{1,6})?(Z|[+-][0-9]{4})?")
"""DICOM DT (PS3.5, 6.2) and HL7 v2 TS, to the second."""
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):?([0-5][0-9]):?([0-5][0-9])(\.[0-9]{1,6})?")
"""DICOM TM, and ISO 8601 without its day."""
_HTTP = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT")
_ISO = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[T ][0-9]{2}.*")
_FRACTION = re.compile(r"(?<=[0-9])\.[0-9]+")
_DIGIT = re.compile(r"[0-9]")


class Moment(NamedTuple):
    """One time."""

    seconds: float
    form: str
    """How it is written, digits apart: another form is another answer."""
    scale: Literal["instant", "local", "clock"]
    """Whether it is one moment, one without its time zone, or one of every day."""


def moment_of(value: JsonValue) -> Moment | None:
    """Read a time to the second or finer; None where the value is none. A day alone is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _epoch(float(value), type(value).__name__)
    if not isinstance(value, str) or not 6 <= len(value) <= 40:  # noqa: PLR2004
        return None
    form = _DIGIT.sub("9", _FRACTION.sub(".9", _without_zone(value))) + _zone(value)
    try:
        return _text(value, form)
    except (ValueError, OverflowError):
        return None


def seconds_between(one: Moment, other: Moment) -> float | None:
    """Say how far two times are apart; None where they are not written in the same form."""
    if (one.form, one.scale) != (other.form, other.scale):
        return None
    apart = abs(one.seconds - other.seconds)
    return min(apart, _DAY - apart) if one.scale == "clock" else apart


def _text(value: str, form: str) -> Moment | None:
    if _HTTP.fullmatch(value):
        return Moment(parsedate_to_datetime(value).timestamp(), "http", "instant")
    if found := _CLOCK.fullmatch(value):
        hours, minutes, seconds = (int(found[group]) for group in (1, 2, 3))
        rest = float(found[4] or 0)
        return Moment(hours * 3600 + minutes * 60 + seconds + rest, form, "clock")
    if found := _COMPACT.fullmatch(value):
        value = f"{found[1][:8]}T{found[1][8:]}{found[2] or ''}{found[3] or ''}"
    elif value.isdecimal():
        return _epoch(float(value), form)
    if not _ISO.fullmatch(value):
        return None
    read = dt.datetime.fromisoformat(value)
    if read.tzinfo is None:
        return Moment(read.replace(tzinfo=dt.UTC).timestamp(), form, "local")
    return Moment(read.timestamp(), form, "instant")


def _epoch(number: float, form: str) -> Moment | None:
    for unit in (1.0, 1e3, 1e6):
        if _EARLIEST <= number / unit < _LATEST:
            return Moment(number / unit, f"{form} {unit}", "instant")
    return None


_ZONE = re.compile(r"(?<=[0-9])(Z|[+-][0-9]{2}:?[0-9]{2})$")


def _zone(value: str) -> str:
    found = _ZONE.search(value)
    return found[0] if found else ""


def _without_zone(value: str) -> str:
    return _ZONE.sub("", value)
