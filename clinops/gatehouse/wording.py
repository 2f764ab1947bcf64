"""Wording: what the pages say, in plain words.

A tone goes with each statement; it is shown beside the words and never instead of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from clinops.domain.dossier import Dossier, SuiteFile
from clinops.domain.fault_trial import IN_WORDS, FaultTrial
from clinops.domain.finding import Weight
from clinops.domain.outcome import State
from clinops.domain.plain_words import count
from clinops.domain.rehearsal import WayBack
from clinops.domain.suite import Verdict
from clinops.gatehouse.rendering import TEMPLATES, listed

SAID = {
    State.KNOWN: ("wait", "Not tested yet"),
    State.QUALIFYING: ("wait", "Being tested"),
    State.AWAITING_SIGN_OFF: ("wait", "Waits for sign-off"),
    State.REFUSED: ("bad", "Refused by its tests"),
    State.INCONCLUSIVE: ("doubt", "Inconclusive"),
    State.ERRORED: ("doubt", "Testing broke off"),
    State.REJECTED: ("bad", "Rejected"),
    State.PROMOTING: ("wait", "Being deployed"),
    State.LIVE: ("good", "Live"),
    State.ROLLED_BACK: ("bad", "Rolled back"),
    State.SUPERSEDED: ("doubt", "Overtaken"),
}
WEIGHTS = {
    Weight.REFUSES: ("bad", "Refuses the release"),
    Weight.INCONCLUSIVE: ("doubt", "Leaves the answer open"),
    Weight.NOTE: ("wait", "To be known"),
}
VERDICTS = {
    Verdict.PASSED: ("good", "passed"),
    Verdict.FAILED: ("bad", "failed"),
    Verdict.ERROR: ("bad", "broke"),
    Verdict.SKIPPED: ("doubt", "skipped"),
    None: ("doubt", "not run"),
}
WAYS_BACK = {
    WayBack.CLEAN: ("good", "Nothing is lost"),
    WayBack.LOSSY: ("doubt", "Something is lost"),
    WayBack.UNPROVEN: ("doubt", "Not proven"),
    WayBack.IMPOSSIBLE: ("bad", "There is no way back"),
    WayBack.NOT_TRIED: ("doubt", "Not tried"),
}


@dataclass(frozen=True)
class Outcome:
    """The first thing on a release's page."""

    tone: str
    title: str
    sentence: str


def outcome(dossier: Dossier) -> Outcome:
    """Say in one sentence where a release stands."""
    tone, title = SAID[dossier.record.state]
    if dossier.record.state is not State.AWAITING_SIGN_OFF:
        return Outcome(tone, title, _SENTENCES[dossier.record.state](dossier))
    if dossier.evidence is None or dossier.gate is None:
        return Outcome("bad", "Cannot be signed", "Its evidence or its gate does not hold.")
    if dossier.changed:
        return Outcome("bad", "Out of date", _out_of_date(dossier))
    if dossier.gate.open:
        return Outcome("good", "Signed off", f"{_passed(dossier)} and everyone required signed.")
    return Outcome(tone, title, f"{_passed(dossier)}{_but(dossier)}.")


def _passed(dossier: Dossier) -> str:
    if dossier.passed < dossier.tests:
        tests = count(dossier.tests, "test")
        return f"{dossier.passed} of {tests} passed, and the others are waived"
    return f"All {count(dossier.tests, 'test')} passed"


def _but(dossier: Dossier) -> str:
    without = sum(one.without_evidence for one in dossier.hazards)
    noted = len(dossier.undeclared)
    doubts = []
    if without:
        doubts.append(f"{count(without, 'hazard has', 'hazards have')} no passing evidence")
    if noted:
        doubts.append(f"{count(noted, 'difference was', 'differences were')} not declared")
    return f", but {listed(doubts)}" if doubts else ", and every hazard has passing evidence"


def _out_of_date(dossier: Dossier) -> str:
    return (
        f"{listed(dossier.changed)} changed on the protected branch after the tests: signatures "
        "for this evidence no longer count."
    )


def _refused(dossier: Dossier) -> str:
    failures = dossier.tests - dossier.passed
    brought = _refusing(dossier)
    if failures:
        what = f"{count(failures, 'test does', 'tests do')} not pass on {dossier.record.version}."
    elif brought:
        what = f"It brings {brought}."
    else:
        what = f"{dossier.record.version} could not be tested as it was delivered."
    return f"{what} It can't be signed; the vendor must send another release."


def _refusing(dossier: Dossier) -> str:
    """Say what of behaviour, data, speed or the rehearsal refuses; empty where none of it does."""
    found = Counter(one.kind for one in dossier.findings if one.weight is Weight.REFUSES)
    rehearsed = any(kind.startswith(("upgrade", "rollback", "written-over")) for kind in found)
    broken = any(kind.startswith("fault") for kind in found)
    said = [
        *([f"{count(n, 'change')} that nobody declared"] if (n := found["regression"]) else []),
        *([f"{count(n, 'slower answer')}"] if (n := found["slower"]) else []),
        *(["an upgrade or a way back that fails"] if rehearsed else []),
        *(["data lost when something breaks"] if broken else []),
    ]
    return listed(said) if said else ""


def _live(dossier: Dossier) -> str:
    sites = [one.site for one in dossier.live if one.release == dossier.record.id]
    return f"In use at {listed(sites)}." if sites else "It went live, and others followed it."


_SENTENCES: dict[State, Callable[[Dossier], str]] = {
    State.KNOWN: lambda _: "It was taken in and is tested as soon as there is room.",
    State.QUALIFYING: lambda _: "Its tests are running. This box follows them by itself.",
    State.REFUSED: _refused,
    State.INCONCLUSIVE: lambda _: (
        "Its tests give no answer, so it can't be signed. What is missing stands below."
    ),
    State.ERRORED: lambda _: (
        "ClinOps failed while it was being tested, which says nothing about the product. "
        "It is tried again by itself."
    ),
    State.REJECTED: lambda _: "A person rejected it, and that is final for this release.",
    State.PROMOTING: lambda dossier: f"It is being deployed to {listed(dossier.sites)}.",
    State.LIVE: _live,
    State.ROLLED_BACK: lambda _: "It was deployed, did not pass its check, and was taken back.",
    State.SUPERSEDED: lambda _: (
        "A newer release took its place. Nothing more happens to this one, unless its content is "
        "put on the protected branch again."
    ),
}


def way_back(dossier: Dossier) -> str:
    """Say which way back is declared, and what came of trying it."""
    declared = dossier.rollback.strategy if dossier.rollback else "not known"
    rehearsal = dossier.evidence.rehearsal if dossier.evidence else None
    if rehearsal is None:
        return f"{declared}, not rehearsed"
    if rehearsal.way_back is WayBack.NOT_TRIED:
        return f"{declared}, could not be tried"
    _, said = WAYS_BACK[rehearsal.way_back]
    return f"{declared}, rehearsed: {said[:1].lower()}{said[1:]}"


def not_compared(dossier: Dossier) -> str:
    """Say why there is no comparison of behaviour."""
    rehearsal = dossier.evidence.rehearsal if dossier.evidence else None
    if rehearsal is not None and not rehearsal.upgraded:
        return "the upgrade gave nothing to compare with"
    if any(finding.kind == "replica-never-ready" for finding in dossier.findings):
        return "a replica never got ready"
    return "there are no probes"


def fault_mark(trial: FaultTrial) -> tuple[str, str]:
    """Say what came of a fault trial."""
    if not trial.struck:
        return "doubt", "Not tried"
    if trial.problem:
        return "bad", "It did not come back"
    if trial.lost:
        return "bad", "Records are lost"
    if trial.doubt:
        return "doubt", "It proves nothing"
    return "good", "Nothing is lost"


def suite_line(suite: SuiteFile) -> str:
    """Say how a suite ended on the candidate."""
    if suite.candidate is None:
        return "did not run on the offered version"
    if not suite.candidate.completed:
        return "broke off on the offered version"
    passed = len(suite.candidate.cases) - len(suite.failures)
    if suite.failures:
        return f"{len(suite.failures)} not passed, {passed} passed"
    return f"all {count(passed, 'test')} passed"


def readable(name: str) -> str:
    """Make a sentence of a test's name: `test_x.py::test_a_name_stays[long]`."""
    last = name.rpartition("::")[2]
    what, _, parameters = last.partition("[")
    words = what.removeprefix("test_").replace("_", " ").strip() or last
    shown = words[:1].upper() + words[1:]
    return f"{shown} ({parameters.removesuffix(']')})" if parameters else shown


TEMPLATES.filters |= {
    "readable": readable,
    "fault_mark": fault_mark,
    "suite_line": suite_line,
    "way_back": way_back,
    "not_compared": not_compared,
    "source": lambda name: name.partition("::")[0],
}
TEMPLATES.globals |= {
    "SAID": SAID,
    "WEIGHTS": WEIGHTS,
    "VERDICTS": VERDICTS,
    "WAYS_BACK": WAYS_BACK,
    "FAULTS": IN_WORDS,
}
