"""What only a process of its own can show: imports, a terminal, an interrupt."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clinops.adapters import settings
from tests.fakes.git_estate import GitEstate, Keys

HOME = Path(__file__).parents[2]
SLOW = ("prefect", "docker", "sqlalchemy", "pytest", "pydicom", "pynetdicom", "fastapi")
REPORT = f"""
import sys
from clinops.cli import main
try:
    main()
finally:
    found = [name for name in {SLOW!r} if name in sys.modules]
    print("imported:", *found, file=sys.stderr)
"""


def imported(*arguments: object, given: str = "") -> set[str]:
    """Run a command in a process of its own and return which slow packages it imported."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *map(str, arguments)],
        cwd=HOME,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("imported:"))
    return set(line.split()[1:])


@pytest.mark.parametrize("words", [["--help"], ["release", "list", "--help"]])
def test_quick_commands_import_nothing_slow(words):
    assert imported("--estate", HOME, *words) == set()


def test_validation_looks_up_the_attributes_that_dicom_probes_name_and_imports_no_more():
    assert imported("--estate", HOME, "validate") <= {"pydicom"}


@pytest.fixture
def served(tmp_path) -> GitEstate:
    keys = tmp_path / "keys"
    keys.mkdir()
    settings.create(tmp_path, 4299)
    return GitEstate(tmp_path, Keys(keys))


@pytest.mark.parametrize("key", ["acme", None], ids=["signed", "unsigned"])
def test_the_hook_before_a_push_imports_only_the_database(served, tmp_path, key):
    new = served.commit({"vendor_manifests/acme/pas.yaml": b"version: 2\n"}, key=key)
    update = f"{served.first} {new} refs/heads/main\n"
    hook = ("--estate", tmp_path, "hook", "pre-receive")
    assert imported(*hook, given=update) == {"sqlalchemy"}


def test_the_hook_after_a_push_imports_nothing_slow_and_outlives_a_server_that_is_down(
    served, tmp_path
):
    update = f"{served.first} {served.first} refs/heads/main\n"
    assert imported("--estate", tmp_path, "hook", "post-receive", given=update) == set()


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """Return what a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "clinops", *arguments],
        cwd=HOME,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        said = b""
        try:
            while data := os.read(ours, 65536):
                said += data
        except OSError:  # Linux says so when the other end is closed
            pass
    os.close(ours)
    return said.decode()


COLOUR = re.compile("\x1b\\[[0-9;]*3[0-9]")


def test_an_error_is_in_colour_on_a_terminal():
    assert COLOUR.search(on_a_terminal("--estate", "/none", "validate"))


def test_no_color_is_heeded_on_a_terminal():
    said = on_a_terminal("--estate", "/none", "validate", NO_COLOR="1")
    assert "/none is no folder" in said
    assert not COLOUR.search(said)
