"""What a machine needs for ClinOps, and the command that mends what it lacks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from clinops.adapters import settings
from clinops.adapters.settings import Settings

_BASES = ("clinops/base:bookworm", "clinops/base:trixie")


_FREE_BYTES = 5_000_000_000


class Check(NamedTuple):
    """One thing that was looked at."""

    what: str
    good: bool
    mend: str


def examine(estate: Path) -> list[Check]:
    """Look at this machine, and at the estate if there is one."""
    return [*_programs(), *_engine(), *_estate(estate)]


def _programs() -> Iterator[Check]:
    yield Check("Python 3.11 or later", sys.version_info >= (3, 11), "apt-get install python3.11")
    for program, package in (("git", "git"), ("ssh-keygen", "openssh-client")):
        found = shutil.which(program) is not None
        yield Check(program, found, f"apt-get install -y {package}")
    if shutil.which("git") is None:
        return
    version = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False)
    number = tuple(int(part) for part in version.stdout.split()[2].split(".")[:2])
    yield Check("git 2.34 or later (SSH signatures)", number >= (2, 34), "apt-get install -y git")


def _engine() -> Iterator[Check]:
    from clinops.adapters.docker_engine import connect
    from clinops.errors import EngineError

    start = "make setup   (or: systemctl start docker)"
    try:
        client = connect(timeout=10)
    except EngineError:
        yield Check("a Docker engine that answers", False, start)
        return
    yield Check("a Docker engine that answers", True, start)
    tags = {tag for image in client.api.images() for tag in image["RepoTags"] or ()}
    for base in _BASES:
        yield Check(f"base image {base}", base in tags, "make setup")
    free = shutil.disk_usage("/").free
    yield Check("5 GB of free disk", free > _FREE_BYTES, "docker system prune")
    client.close()


def _secrets(estate: Path, found: Settings) -> Iterator[Check]:
    password = found.password_file(estate)
    for file in (password, estate / settings.FILE if found.notify else None):
        if file and file.exists():
            only = not file.stat().st_mode & 0o077
            yield Check(f"{file.name} is its owner's only", only, f"chmod 600 {file}")
    if found.notify:
        from clinops.adapters.notifications import unreadable

        bad = ", ".join(unreadable(found.notify))
        what = f"addresses of reminders that can be read{bad and ': not '}{bad}"
        yield Check(what, not bad, f"mend them in {estate / settings.FILE}: docs/reminders.md")


def _estate(estate: Path) -> Iterator[Check]:
    from clinops.adapters.embedded import Embedded

    if not (estate / settings.FILE).is_file():
        return
    found = settings.load(estate)
    hooks = estate / found.repository / "hooks"
    installed = all((hooks / name).is_file() for name in ("pre-receive", "post-receive"))
    install = f"clinops --estate {estate} hook install {estate / found.repository}"
    yield Check("git hooks", installed, install)
    yield from _secrets(estate, found)
    for name, running in Embedded(estate.resolve(), found).status().items():
        yield Check(f"the {name} runs", running, f"clinops --estate {estate} up")
