"""One part of a suite that is split over several replicas: what runs here, and of how many tests.

Whole files are kept together, as fixtures may hold what their tests have in common.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

PART_VARIABLE = "CLINOPS_PART"
"""Which part this is, as `2/3`."""
COLLECTED_VARIABLE = "CLINOPS_COLLECTED"
"""The file that is told how many tests the whole suite has."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what belongs to other parts."""
    wanted = os.environ.get(PART_VARIABLE)
    if not wanted:
        return
    part, parts = (int(number) for number in wanted.split("/"))
    Path(os.environ[COLLECTED_VARIABLE]).write_text(str(len(items)), encoding="utf-8")
    mine = shares((item.nodeid for item in items), parts)[part - 1]
    others = [item for item in items if _file_of(item.nodeid) not in mine]
    items[:] = [item for item in items if _file_of(item.nodeid) in mine]
    config.hook.pytest_deselected(items=others)


def shares(tests: Iterable[str], parts: int) -> list[set[str]]:
    """Share files out, so that all parts have about as many tests; the same in every part.

    Args:
        tests: `file::test`, of all tests.
        parts: How many.
    """
    files = Counter(map(_file_of, tests))
    shared: list[set[str]] = [set() for _ in range(parts)]
    for file, _ in sorted(files.items(), key=lambda each: (-each[1], each[0])):
        min(shared, key=lambda share: sum(files[one] for one in share)).add(file)
    return shared


def _file_of(test: str) -> str:
    return test.partition("::")[0]
