"""Judging: what of two systems' answers is the same although it is not identical.

By aliases and by noise rules in force; a protected place is never explained by a rule.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import JsonValue

from clinops.domain.alias import Aliases, Renaming
from clinops.domain.noise import NoisePattern
from clinops.domain.protected import Path, is_protected
from clinops.domain.structure import identical

_BINDING = frozenset({"uuid", "sequence"})
"""Types by which a value stands for the same one wherever it comes up."""


class Judge:
    """All that explains differences between two systems, over all of their answers.

    Args:
        rules: The noise rules in force.
        aliases: The volatile ids of the one, and what stands for them in the other.
    """

    def __init__(self, rules: Sequence[NoisePattern], aliases: Aliases) -> None:
        self.aliases = aliases
        self.used: set[str] = set()
        """Ids of the rules that have explained something."""
        self._rules = rules
        self._renamings = {
            rule.id: Renaming(ordered=rule.type == "sequence")
            for rule in rules
            if rule.type in _BINDING
        }

    def of(self, probe: str) -> ProbeJudge:
        """Return what judges answers to the probe with that id."""
        return ProbeJudge(self, [rule for rule in self._rules if rule.is_for(probe)])

    def explains(self, rule: NoisePattern, before: JsonValue, after: JsonValue) -> bool:
        """Whether two values that fit a rule's type are what the rule lets them be."""
        renaming = self._renamings.get(rule.id)
        if renaming is None:
            return True
        read = int if rule.type == "sequence" else str
        return renaming.takes(read(str(before)), read(str(after)))


class ProbeJudge:
    """Implements Likeness for the answers to one probe."""

    def __init__(self, judge: Judge, rules: Sequence[NoisePattern]) -> None:
        self._judge = judge
        self._rules = rules
        self.binds = any(rule.type in _BINDING for rule in rules)
        """Whether even what is identical must be looked at."""

    def same(self, path: Path, before: JsonValue, after: JsonValue) -> bool:
        """Whether two values at a place are the same."""
        alike = identical(before, after)
        for rule in self._at(path):
            if rule.type != "unordered" and rule.fits(before, after):
                if not self._judge.explains(rule, before, after):
                    return False
                if not alike:
                    self._judge.used.add(rule.id)
                return True
        return alike or self._judge.aliases.same(before, after)

    def same_key(self, before: str, after: str) -> bool:
        """Whether two keys stand for the same."""
        return self._judge.aliases.same(before, after)

    def unordered(self, path: Path) -> bool:
        """Whether a rule says that the order of a list means nothing; then it is used."""
        found = [rule.id for rule in self._at(path) if rule.type == "unordered"]
        self._judge.used.update(found[:1])
        return bool(found)

    def outline(self, path: Path, tree: JsonValue) -> str:
        """Return what stays of a tree when all is taken out that may differ."""
        return json.dumps(self._blanked(path, tree), sort_keys=True)

    def _at(self, path: Path) -> list[NoisePattern]:
        rules = [rule for rule in self._rules if rule.covers(path)]
        return rules if rules and not is_protected(path) else []

    def _blanked(self, path: Path, tree: JsonValue) -> JsonValue:
        blanked = self._judge.aliases.blanked
        if isinstance(tree, dict):
            return {blanked(key): self._blanked((*path, key), child) for key, child in tree.items()}
        if isinstance(tree, list):
            below = [self._blanked((*path, place), child) for place, child in enumerate(tree)]
            if any(rule.type == "unordered" for rule in self._at(path)):
                below.sort(key=lambda child: json.dumps(child, sort_keys=True))
            return below
        if rules := self._at(path):
            return f"<{rules[0].type}>"
        return blanked(tree) if isinstance(tree, str) else tree
