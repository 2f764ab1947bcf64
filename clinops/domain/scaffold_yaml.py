"""YAML for people: data through a dumper, and comments that foreign text can't leave."""

from __future__ import annotations

import textwrap
from typing import Any, Final

import yaml

from clinops.domain.plain_words import harmless

WIDTH: Final = 96
_LONGEST: Final = 160


class _Plain(yaml.SafeDumper):
    """Quotes whatever begins like a number: readers disagree about what is one."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text[:1].isalpha() or text[:1] == "/" else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plain.add_representer(str, _text)
_Plain.add_representer(
    type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "")
)


def dump(data: Any) -> str:
    """Write data as YAML, in the order given."""
    text: str = yaml.dump(data, Dumper=_Plain, sort_keys=False, width=WIDTH, allow_unicode=True)
    return text


def comment(*lines: str) -> str:
    """Write lines as comments: foreign text among them can't end one."""
    return "".join(
        textwrap.fill(
            " ".join(harmless(line).split()),
            width=WIDTH,
            initial_indent="# ",
            subsequent_indent="# ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
        for line in lines
    )


def cut(text: str) -> str:
    """Shorten what may be long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
