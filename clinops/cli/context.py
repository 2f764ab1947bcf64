"""What every command shares: where the estate is, and how to speak."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from clinops.wiring import Wiring

err = Console(stderr=True)
out = Console(soft_wrap=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@dataclass
class Context:
    """The options of the root command."""

    estate: Path

    @cached_property
    def wiring(self) -> Wiring:
        """The served estate; raises NotFoundError where there is none."""
        return Wiring(self.estate)

    def command(self, rest: str) -> str:
        """Write a command that the reader can paste."""
        return f"clinops --estate {self.estate} {rest}"


def of(context: typer.Context) -> Context:
    """Return the shared options of a command."""
    shared: Context = context.find_object(Context) or Context(Path())
    return shared


def print_json(value: Any) -> None:
    """Print a result as JSON on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def say(text: str) -> None:
    """Print a plain line of progress on standard error; foreign text can't style it."""
    err.print(text, markup=False, highlight=False, soft_wrap=True)


def show(text: str) -> None:
    """Print a plain line of the result on standard output."""
    out.print(text, markup=False)


def next_step(text: str) -> None:
    """Say what to do next."""
    err.print(f"next: {text}", markup=False, highlight=False, style="bold", soft_wrap=True)
