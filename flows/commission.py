"""Commissioning from a page: a request becomes a commit that waits for somebody who may push.

Nothing is in force by it: the commit is unsigned, on a branch of its own beside the protected one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from clinops.adapters.estate import Estate
from clinops.adapters.estate_validation import request_problems
from clinops.domain.parsing import parse_with_places
from clinops.domain.plain_words import harmless
from clinops.domain.request import Request, request_path
from clinops.domain.yaml_text import read_yaml
from clinops.errors import BadInputError, Problem
from clinops.wiring import Wiring

Content = Mapping[str, Any]


class Wrong(NamedTuple):
    """What is wrong with one part of a request, and how to mend it."""

    at: str
    """The key, such as `title` or `deadline.by`."""
    what: str
    mend: str


class NotARequestError(BadInputError):
    """What somebody wrote is no request that the estate could take."""

    def __init__(self, wrong: Sequence[Wrong]) -> None:
        """Take what is wrong with which part."""
        super().__init__(f"{len(wrong)} parts of the request can't be taken as they are")
        self.wrong = tuple(wrong)


class Commissioned(NamedTuple):
    """A request that waits to be brought in."""

    request: Request
    branch: str
    text: str
    """The file."""


def commission(content: Content, who: str, wiring: Wiring) -> Commissioned:
    """Put a request on a branch, for somebody who may push to bring in.

    Args:
        content: The document, plain.
        who: The person of the trust who wrote it, by name and id.
        wiring: The estate.

    Raises:
        NotARequestError: With everything that is wrong, by part.
    """
    estate = wiring.estate(wiring.repository.head())
    text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    path = request_path(str(content.get("id") or "request"))
    try:
        parsed = parse_with_places(path, text.encode(), Request)
        problems = list(request_problems(parsed, estate, _board(estate)))
    except BadInputError as error:
        problems = list(error.problems)
    if problems:
        raise NotARequestError(_by_part(text, problems))
    request = parsed.document
    branch = f"request/{request.id}"
    if estate.tree.exists(path) or wiring.proposals.tip(branch):
        taken = Wrong("id", "is the name of another request", "choose another")
        raise NotARequestError([taken])
    # Who wrote it stands in a message that holds nothing else of theirs.
    message = f"Commission {request.id}\n\nWritten by {who}"
    wiring.proposals.propose(branch, {path: text.encode()}, message)
    return Commissioned(request, branch, text)


def _board(estate: Estate) -> Any:
    try:
        return estate.board()
    except BadInputError:
        return None  # without one, no team is known to be wrong


def _by_part(text: str, problems: Sequence[Problem]) -> list[Wrong]:
    """Find the part of the document that each problem's line belongs to."""
    lines = read_yaml("", harmless(text).encode()).lines
    parts = sorted((line, ".".join(map(str, at))) for at, line in lines.items() if 0 < len(at) < 3)  # noqa: PLR2004
    return [
        Wrong(
            max((part for part in parts if part[0] <= one.line), default=(0, ""))[1],
            one.what,
            one.mend,
        )
        for one in problems
    ]
