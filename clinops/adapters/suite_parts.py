"""A suite that was split over several replicas, put together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from junitparser import JUnitXml, JUnitXmlError

from clinops.adapters.junit import cases_in
from clinops.domain.suite import CaseResult

_NOTHING_COLLECTED: Final = 5
_RAN: Final = frozenset({0, 1, _NOTHING_COLLECTED})
_NOT_WHOLE: Final = -1


class Part(NamedTuple):
    """What one pytest left."""

    exit_code: int
    milliseconds: int
    log: bytes
    report: bytes
    """Its JUnit file; empty where it got not so far."""
    of: int | None = None
    """How many tests the whole suite has, as this part collected it."""

    @property
    def cases(self) -> tuple[CaseResult, ...] | None:
        """What the file tells of; none where it is no whole JUnit file."""
        return cases_in(self.report)


def put_together(parts: Sequence[Part]) -> Part:
    """Make one run of all parts, which took as long as the longest.

    Where a part did not get to its end, or a test is in none, the whole did not either: what is
    missing must not pass.
    """
    if len(parts) == 1:
        return parts[0]
    log = b"".join(
        b"== part %d of %d\n%s\n" % (number, len(parts), part.log)
        for number, part in enumerate(parts, 1)
    )
    slowest = max(part.milliseconds for part in parts)
    broken = next((part.exit_code for part in parts if part.exit_code not in _RAN), None)
    report = None if broken is not None else _merged(parts)
    if report is None:
        told = log + b"The parts are not the whole suite.\n"
        return Part(_NOT_WHOLE if broken is None else broken, slowest, told, b"")
    codes = {part.exit_code for part in parts} - {_NOTHING_COLLECTED}
    return Part(max(codes, default=_NOTHING_COLLECTED), slowest, log, report)


def _merged(parts: Sequence[Part]) -> bytes | None:
    """Merge the JUnit files of parts that have all tests between them, each once; else none."""
    whole = JUnitXml()
    names: list[str] = []
    for part in parts:
        cases = part.cases
        if cases is None:
            return None
        names += [case.name for case in cases]
        try:
            whole += JUnitXml.fromstring(part.report)
        except (SyntaxError, JUnitXmlError):
            return None
    if {part.of for part in parts} != {len(names)} or len(set(names)) != len(names):
        return None
    return bytes(whole.tostring())  # type: ignore[no-untyped-call]
