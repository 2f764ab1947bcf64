"""Plain words: what a code of a document means, and foreign text that may stand among them.

Terminal, pages and report say the same in the same words.
"""

from __future__ import annotations

from typing import Final

RISK_CLASSES: Final = {
    5: "unacceptable",
    4: "must be eliminated, or brought down by a further control",
    3: "undesirable; acceptable only where further reduction is impractical",
    2: "acceptable where the cost of further reduction outweighs the benefit",
    1: "acceptable; no further action is required",
}
"""What each class of risk means (DCB0129 and DCB0160)."""

ROLLBACKS: Final = {
    "binary": (
        "The old version is put back on the data as the new version left it. Nothing that was "
        "entered meanwhile is lost, provided that the old version can read it."
    ),
    "script": (
        "The vendor's script changes the data back, then the old version is started. What was "
        "entered meanwhile stays as far as that script carries it back."
    ),
    "restore": (
        "The backup from right before the deployment is put back. Everything entered between "
        "deployment and rollback is lost and must be entered again."
    ),
}
"""What each way back does, and what it costs, by the strategy that a manifest declares."""

CHANGE_KINDS: Final = {
    "security-patch": "a security patch",
    "patch": "a patch",
    "upgrade": "an upgrade",
    "legislative": "a change required by law",
    "new-system": "a new system",
}
"""What a release is, by the kind that its manifest declares."""


def harmless(text: str) -> str:
    """Replace control, invisible and direction letters: nothing left can move, hide or reorder."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\ufffd"
        for letter in text.expandtabs(4)
    )


def count(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: `1 test`, `1,200 tests`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def seconds(number: float) -> str:
    """Write a length of time: 0.4 s, 12 s, 3 min 20 s."""
    if number < 60:  # noqa: PLR2004
        return f"{number:.1f} s" if number < 10 else f"{number:.0f} s"  # noqa: PLR2004
    return f"{round(number) // 60} min {round(number) % 60} s"
