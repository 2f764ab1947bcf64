"""What the tests of a push's rules share."""

from __future__ import annotations

from clinops.adapters.git_push import PushVerdict, Update, check
from clinops.errors import Problem
from clinops.ports import EstateTree
from tests.fakes.git_estate import GitEstate

MAIN = "refs/heads/main"
SIGNERS = "environments/signers.yaml"


def nothing_wrong(tree: EstateTree) -> list[Problem]:
    """Validate a tree, and find nothing."""
    return []


def pushed(estate: GitEstate, new: str, *, old: str | None = None, ref: str = MAIN) -> PushVerdict:
    """Judge a push of one ref, from the branch's tip unless something else is said."""
    return check(estate.repository, Update(old or estate.tip(), new, ref), nothing_wrong)


def only_problem(verdict: PushVerdict) -> str:
    """Return why a push was refused; there must be one reason."""
    assert len(verdict.problems) == 1, verdict.problems
    assert not verdict.accepted
    return verdict.problems[0]
