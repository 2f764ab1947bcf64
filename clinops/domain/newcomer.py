"""A newcomer: a product that nobody has described yet, and what is known about its package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from clinops.domain.carried_over import Draft
from clinops.domain.sighting import ImageFacts

UNKNOWN_VERSION: Final = "0"


@dataclass(frozen=True)
class Newcomer:
    """What a person asked for: a product, and what is known about its package."""

    product: str
    vendor: str
    version: str
    draft: Draft
    facts: Mapping[str, ImageFacts]
    """What the images say about themselves, by service."""
    package: Mapping[str, Any]
    """As the manifest has it."""

    @property
    def under_test(self) -> ImageFacts:
        """What the package's image says."""
        return self.facts[self.draft.under_test]


def version_in(facts: ImageFacts) -> str | None:
    """Return the version that an image's label or tag gives, if it can be ordered."""
    tag = facts.reference.partition("@")[0].rpartition("/")[2].partition(":")[2]
    for text in (facts.version or "", tag):
        for candidate in (text, text.removeprefix("v"), *re.findall(r"^v?(\d+(?:\.\d+)+)", text)):
            if re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63}", candidate):
                try:
                    Version(candidate)
                except InvalidVersion:
                    continue
                return str(candidate)
    return None
