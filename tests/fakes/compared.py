"""Comparisons and rehearsals as a qualification brings them home."""

from __future__ import annotations

from typing import Any

from clinops.domain.comparison import Comparison, Example, Group, Speed
from clinops.domain.rehearsal import Loss, Rehearsal, Step, WayBack


def group(subject: str = "http body/*/Name: changed", **changes: Any) -> Group:
    """Make a cause that one answer shows."""
    example = Example(probe="study[patient=1]", path="body/0/Name", before="Ann", after="Anne")
    made = {"change": "changed", "protected": False, "count": 1, "examples": (example,)}
    return Group.model_validate({"subject": subject, **made, **changes})


def comparison(*groups: Group, **changes: Any) -> Comparison:
    """Make a comparison of forty probes that were all answered."""
    made = {"probes": 40, "answers": 40, "groups": groups}
    return Comparison.model_validate({**made, **changes})


def speed(**changes: Any) -> Speed:
    """Make a measurement that says that nothing has become slower."""
    made = {
        "probe": "search",
        "pairs": 20,
        "median_before": 100.0,
        "median_after": 101.0,
        "p_value": 0.4,
        "superiority": 0.52,
        "ratio_p95": (0.9, 1.1),
        "slower": False,
    }
    return Speed.model_validate({**made, **changes})


SLOWER = speed(
    median_after=200.0, p_value=1e-8, superiority=0.99, ratio_p95=(1.9, 2.2), slower=True
)


def rehearsal(**changes: Any) -> Rehearsal:
    """Make a rehearsal whose way back lost nothing."""
    made = {
        "steps": (Step(name="stop", seconds=1.0), Step(name="start", seconds=2.5)),
        "upgraded": True,
        "strategy": "binary",
        "way_back": WayBack.CLEAN,
        "point_of_no_return": "There is none: the old version reads what the candidate wrote.",
        "seconds_up": 3.5,
        "seconds_back": 4.0,
        "read": {"patients": 12},
        "written": {"patients": 2},
    }
    return Rehearsal.model_validate({**made, **changes})


def loss(number: int = 1, **changes: Any) -> Loss:
    """Make the loss of one patient."""
    made = {"collection": "patients", "record": f"{number:05}", "before": "Ann"}
    return Loss.model_validate({**made, **changes})


LOST = Loss(collection="patients", record="9990000018", before="Ann Öberg")


def lossy(**changes: Any) -> Rehearsal:
    """Make a rehearsal whose way back lost a patient."""
    made = {"way_back": WayBack.LOSSY, "losses": (LOST,), "lost": 1}
    return rehearsal(**{**made, **changes})
