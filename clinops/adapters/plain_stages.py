"""Stages as plain calls with a progress line each, for `clinops qualify` (port Stages)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.markup import escape

from clinops.ports import Begin

T = TypeVar("T")

_AT_ONCE: Final = 64


class PlainStages:
    """Runs stages here and tells about them on standard error."""

    def __init__(self, console: Console, stop: Callable[[], None] = lambda: None) -> None:
        """Tell a console; on an interrupt call `stop`, so that stages under way come to an end."""
        self._console = console
        self._stop = stop

    @property
    def created(self) -> None:
        """There is no flow run."""

    def run(self, name: str, stage: Callable[[], T]) -> T:
        """Run one stage and say how long it took."""
        begun = time.monotonic()
        try:
            result = stage()
        except BaseException:
            self._console.print(f"  [red]✗[/red] {escape(name)}")
            raise
        seconds = time.monotonic() - begun
        self._console.print(f"  [green]✓[/green] {escape(name)} [dim]{seconds:.1f} s[/dim]")
        return result

    @contextmanager
    def beside(self) -> Iterator[Begin]:
        """Run stages in threads; all have ended when the context has."""
        begun: list[Future[Any]] = []
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:

            def begin(name: str, stage: Callable[[], T], /) -> Future[T]:
                begun.append(pool.submit(self.run, name, stage))
                return begun[-1]

            try:
                yield begin
                wait(begun)
            except Exception:
                raise
            except BaseException:
                self._stop()
                raise
        for future in begun:
            future.result()

    def progress(self, fraction: float, text: str) -> None:
        """Say where the work stands."""
        self._console.print(f"[dim]{fraction:4.0%}[/dim] {escape(text)}")

    def report(self, key: str, markdown: str) -> None:
        """Reports are printed by the command itself."""

    def table(self, key: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Tables are printed by the command itself."""

    def link(self, key: str, address: str, text: str) -> None:
        """Links are printed by the command itself."""
