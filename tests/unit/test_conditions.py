"""What ClinOps measures under: change any of it, and nothing is carried over any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from clinops.adapters import conditions as module
from clinops.adapters.conditions import conditions


def changed(before: dict[str, str]) -> set[str]:
    now = conditions()
    return {name for name in now if now[name] != before[name]}


def test_are_the_same_as_long_as_nothing_changes():
    assert changed(conditions()) == set()


@pytest.mark.parametrize("name", ["TZ", "DOCKER_HOST", "PATH"])
def test_change_with_a_variable_that_reaches_suites(monkeypatch, name):
    before = conditions()
    monkeypatch.setenv(name, "/elsewhere")
    assert changed(before) == {"variables"}


def test_do_not_change_with_a_variable_that_reaches_nothing(monkeypatch):
    before = conditions()
    monkeypatch.setenv("SOME_PASSWORD", "secret")
    assert changed(before) == set()


def test_change_with_a_package(monkeypatch, tmp_path: Path):
    before = conditions()
    (tmp_path / "pytest_flaky-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert changed(before) == {"python"}


@pytest.mark.parametrize("name", ["clinops/domain/evidence.py", "flows/qualify.py"])
def test_change_with_a_line_of_our_own(monkeypatch, tmp_path: Path, name):
    monkeypatch.setattr(module, "_HOME", tmp_path)
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text("x = 1\n")
    before = conditions()
    file.write_text("x = 2\n")
    assert changed(before) == {"clinops"}


def test_cover_the_code_that_runs():
    names = {name for name, _ in module._code()}
    assert {"clinops/adapters/conditions.py", "flows/inputs.py"} <= names
