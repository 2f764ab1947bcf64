"""Additions to `environments/signers.yaml` that leave its other lines, comments too, as they are.

Whoever reads the difference of two versions must see what was decided, and nothing else.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml

from clinops.domain.fault import Place
from clinops.domain.yaml_text import read_yaml
from clinops.errors import BadInputError

Addition = dict[str, Any] | list[Any]


def extended(file: str, data: bytes, at: Place, addition: Addition) -> bytes:
    """Add entries to a mapping, or items to a list, of a YAML document.

    Args:
        file: How the file is called in problems.
        data: Its bytes.
        at: Where the mapping or the list stands.
        addition: What to put behind its last entry.

    Raises:
        BadInputError: The file is broken, or what is added can't be written.
    """
    wanted = _with(read_yaml(file, data).data, at, addition)
    text = data.decode("utf-8-sig")
    for made in (_inserted(text, at, addition), _rewritten(text, wanted)):
        if _says(made, wanted):
            return made.encode()
    raise BadInputError(f"{file} can't be written with this in it", mend="use plain letters")


def _says(text: str, wanted: Any) -> bool:
    try:
        found = read_yaml("", text.encode())
    except BadInputError:
        return False
    return not found.problems and bool(found.data == wanted)


def _with(data: Any, at: Place, addition: Addition) -> Any:
    changed = copy.deepcopy(data)
    place = changed
    for step in at:
        place = place[step]
    plain = json.loads(json.dumps(addition, default=str))
    if isinstance(place, dict):
        place.update(plain)
    else:
        place.extend(plain)
    return changed


def _inserted(text: str, at: Place, addition: Addition) -> str:
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for step in at:
        node = _child(node, step)
    if node.flow_style or not node.value:
        return text  # there is no line of its own to put anything behind
    first = node.value[0][0] if isinstance(node, yaml.MappingNode) else node
    margin = " " * first.start_mark.column
    lines = text.splitlines(keepends=True)
    end = _last(node).end_mark.line + 1
    lines[end - 1] = lines[end - 1].rstrip("\n") + "\n"
    lines[end:end] = [f"{margin}{line}" for line in _dumped(addition).splitlines(keepends=True)]
    return "".join(lines)


def _child(node: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return node.value[step]
    return next(value for key, value in node.value if key.value == step)


def _last(node: Any) -> Any:
    while node.value and not isinstance(node, yaml.ScalarNode) and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node


def _rewritten(text: str, wanted: Any) -> str:
    lines = text.splitlines(keepends=True)
    body = next((n for n, line in enumerate(lines) if line.strip() and line[0] != "#"), 0)
    return "".join(lines[:body]) + _dumped(wanted)


class _Writer(yaml.SafeDumper):
    """Writes text so that no reader of YAML takes it for a number."""


def _write_text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text[:1].isalpha() else '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _write_text)


def _dumped(data: Any) -> str:
    # One line for a value, however long: a key is looked for with grep.
    return yaml.dump(data, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=10**6)
