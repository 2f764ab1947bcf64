"""The command line as a person meets it, run in this process."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from clinops.cli import main


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    """Runs commands; nothing that they write may be a traceback or an escape code."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, *arguments: object) -> Said:
        self._capsys.readouterr()
        self._monkeypatch.setattr(sys, "argv", ["clinops", *map(str, arguments)])
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        else:
            code = 0
        said = Said(code, *self._capsys.readouterr())
        assert "Traceback" not in said.out + said.err
        assert "\x1b" not in said.out + said.err
        return said
