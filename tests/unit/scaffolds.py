"""What the tests of scaffolds share: newcomers, what was seen of them, hostile words."""

from __future__ import annotations

import ast

from hypothesis import strategies as st

from clinops.domain.carried_over import Draft, draft_of_image
from clinops.domain.environment import Environment
from clinops.domain.gate import GatePolicy
from clinops.domain.hazard import HazardLog
from clinops.domain.manifest import Manifest
from clinops.domain.newcomer import Newcomer
from clinops.domain.parsing import parse
from clinops.domain.probe import ProbeFile
from clinops.domain.sighting import Answer, Door, Sighting
from tests.fakes.looking import SEEN, facts

HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "x'); import os; os.system('id') #",
            '"""\nimport os\n"""',
            "x\nprivileged: true",
            "x\r# y\u2028privileged: true",
            "\x1b[2J\u202e",
            "{{ 7*7 }} {evil} %s",
            "'",
            '"',
            "\\",
            "${HOME}",
            "- *a",
            "!!python/object:os.system",
            "0x1F",
            "1e5",
            "08",
        ]
    ),
)


def newcomer(draft: Draft | None = None, **said: object) -> Newcomer:
    """Make a system whose image says nothing but what is given."""
    seen = facts("acme/portal:3.1", **said)
    draft = draft or draft_of_image("portal", seen)
    return Newcomer(
        product="portal",
        vendor="acme",
        version="3.1",
        draft=draft,
        facts=dict.fromkeys(draft.data["services"], seen),
        package={"image": f"acme/portal@sha256:{'a' * 64}"},
    )


def sighting(**said: object) -> Sighting:
    """Say what was seen: one port that speaks HTTP, unless something else is given."""
    about = {
        "services": {"portal": SEEN},
        "doors": (Door(name="http", service="portal", port=8080, speaks="http"),),
        "answers": (
            Answer(
                door="http", kind="http", path="/", status=200, media_type="text/html", title="Hi"
            ),
        ),
        **said,
    }
    return Sighting.model_validate(about)


def text_of(files: dict[str, bytes], end: str) -> str:
    """Return the file whose path ends so."""
    return next(text for path, text in files.items() if path.endswith(end)).decode()


def assert_readable(files: dict[str, bytes]) -> Environment:
    """Return the environment; every file must be what its reader takes."""
    parse("hazards", text_of(files, "hazards.yaml").encode(), HazardLog)
    parse("gate", text_of(files, "gate.yaml").encode(), GatePolicy)
    parse("manifest", text_of(files, "acme/portal.yaml").encode(), Manifest)
    for path, content in files.items():
        if path.endswith(".py"):
            ast.parse(content)
        if "/probes/" in path:
            parse(path, content, ProbeFile)
    return parse("compose", text_of(files, "compose.yaml").encode(), Environment)
