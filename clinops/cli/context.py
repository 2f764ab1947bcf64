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

from clinops.domain.plain_words import harmless
from clinops.wiring import Wiring

err = Console(stderr=True, soft_wrap=True)
# A program that reads a table gets its lines whole.
out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 1000)

Release = Annotated[str, typer.Argument(help="Its id, or the only prefix of one.")]
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
    """Print a result as JSON on standard output, in ASCII: vendors' text is hostile."""
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def complain(text: str) -> None:
    """Print an error on standard error."""
    err.print(harmless(text), markup=False, highlight=False, style="red")


def say(text: str) -> None:
    """Print progress on standard error; foreign text can't style it."""
    err.print(harmless(text), markup=False, highlight=False)


def show(text: str) -> None:
    """Print one line of the result on standard output: foreign text can't add lines of its own."""
    out.print(harmless(text).replace("\n", " "), markup=False)


def next_step(text: str) -> None:
    """Say what to do next."""
    err.print(f"next: {harmless(text)}", markup=False, highlight=False, style="bold")
