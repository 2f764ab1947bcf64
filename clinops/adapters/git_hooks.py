"""Putting ClinOps's two hooks into the estate's bare repository."""

from __future__ import annotations

import shlex
from pathlib import Path

from clinops.adapters.git_command import GitCommand
from clinops.errors import BadInputError, NotFoundError

HOOKS = ("pre-receive", "post-receive")
_MARK = "# Written by `clinops hook install`; run that again rather than editing this."
_KEPT = ".before-clinops"

_SETTINGS = {
    # A `core.hooksPath` of the machine would leave our hooks unread.
    "core.hooksPath": "hooks",
    "core.logAllRefUpdates": "true",
    "receive.denyDeletes": "true",
    "receive.denyNonFastForwards": "true",
    "receive.fsckObjects": "true",
    "receive.maxInputSize": "512m",
    # Git still collects garbage by itself: a release's commit is on the protected branch, so it
    # is never garbage. Only the log of who moved the branch, and when, must not be thinned out.
    "gc.reflogExpire": "never",
    "gc.reflogExpireUnreachable": "never",
}


def install(
    repository: Path, estate: Path, python: Path, *, replace: bool = False
) -> tuple[Path, ...]:
    """Put both hooks in and set what the repository must refuse by itself; idempotent.

    Args:
        repository: The estate's bare repository.
        estate: What the hooks give to `clinops hook … --estate`.
        python: The interpreter that ClinOps is installed for.
        replace: Whether a hook that somebody else wrote may be put aside, as
            `<hook>.before-clinops`.

    Returns:
        The hooks' paths.

    Raises:
        NotFoundError: There is no bare repository at that path.
        BadInputError: Another hook is in the way and `replace` was not given; nothing was written.
    """
    git = _bare(repository)
    folder = repository / "hooks"
    foreign = [folder / name for name in HOOKS if _is_foreign(folder / name)]
    for hook in foreign:
        _refuse_to_lose(hook, replace=replace)
    for hook in foreign:
        hook.rename(_kept(hook))
    folder.mkdir(exist_ok=True)
    for name in HOOKS:
        _write(folder / name, _script(name, estate.absolute(), python.absolute()))
    for setting, value in _SETTINGS.items():
        git.run("config", setting, value)
    return tuple(folder / name for name in HOOKS)


def _bare(repository: Path) -> GitCommand:
    git = GitCommand(repository)
    is_bare = repository.is_dir() and git.answer("rev-parse", "--is-bare-repository")[1].strip()
    if is_bare != b"true":
        raise NotFoundError(
            f"{repository} is not a bare git repository", mend="make one with `clinops init`"
        )
    return git


def _is_foreign(hook: Path) -> bool:
    return hook.exists() and _MARK not in hook.read_text(errors="replace")


def _kept(hook: Path) -> Path:
    return hook.with_name(hook.name + _KEPT)


def _refuse_to_lose(hook: Path, *, replace: bool) -> None:
    if not replace:
        raise BadInputError(
            f"{hook} was not written by ClinOps",
            mend=f"allow it to be kept as *{_KEPT}, or move it",
        )
    if _kept(hook).exists():
        raise BadInputError(f"{_kept(hook)} is in the way", mend="move it away")


def _script(name: str, estate: Path, python: Path) -> str:
    # -I: neither the current folder, which is the repository, nor a PYTHON* variable of whoever
    # pushes decides what is imported.
    command = [str(python), "-I", "-m", "clinops", "--estate", str(estate), "hook", name]
    return f"#!/bin/sh\n{_MARK}\nexec {shlex.join(command)}\n"


def _write(hook: Path, script: str) -> None:
    """Replace a hook in one step: a push may arrive at any moment."""
    fresh = hook.with_name(f".{hook.name}.new")
    fresh.write_text(script)
    fresh.chmod(0o755)
    fresh.replace(hook)
