"""Puts new files into folders: all of them or none."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staging(root: Path) -> Iterator[Path]:
    """Give a temporary folder inside another, so that moving out of it is one step."""
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".clinops-new-", dir=root) as temporary:
        yield Path(temporary)


def place(staged: Mapping[Path, Path]) -> None:
    """Move files to where they belong; where one can't be moved, all is as it was before.

    Args:
        staged: Where each file goes, by where it lies now: on the same file system.
    """
    placed: list[tuple[Path, Path]] = []
    made: list[Path] = []
    try:
        for source, target in staged.items():
            made += _make(target.parent)
            kept = source.with_name(f"{source.name}.before")
            placed.append((target, kept))
            if target.exists():
                target.replace(kept)
            source.replace(target)
    except BaseException:
        for target, kept in reversed(placed):
            if kept.exists():
                kept.replace(target)
            elif not target.is_dir():
                target.unlink(missing_ok=True)
        for folder in reversed(made):
            folder.rmdir()
        raise


def _make(folder: Path) -> list[Path]:
    """Make a folder and what is missing above it; return what was made, from the top."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()][::-1]
    for one in missing:
        one.mkdir()
    return missing
