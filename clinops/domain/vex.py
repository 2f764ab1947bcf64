"""VEX: what a vendor says of known vulnerabilities in its own products.

A statement is the vendor's word. It silences a match only with its reason beside it, and only for
the products of whoever said it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from packageurl import PackageURL
from pydantic import AwareDatetime, Field

from clinops.domain.advisory import AdvisoryId, Said
from clinops.domain.materials import Component
from clinops.domain.package_source import name_of, origins
from clinops.domain.value import Value

Stance = Literal["not_affected", "affected", "fixed", "under_investigation"]

IN_WORDS: Final = {
    "not_affected": "not affected",
    "affected": "affected",
    "fixed": "fixed",
    "under_investigation": "under investigation",
}

_OF_PRODUCTS: Final = frozenset({"docker", "generic", "oci"})


class Target(Value):
    """What a statement is about: a product, or packages in it; each by its package URL."""

    product: str
    parts: tuple[str, ...] = ()


class Statement(Value):
    """One statement of a vendor about one vulnerability."""

    vendor: str
    """The vendor's folder."""
    file: str
    vulnerability: frozenset[AdvisoryId]
    """Everything that it is called there."""
    stance: Stance
    filed_by: str = ""
    """Who put it there, where it was not the vendor itself."""
    reason: Said = ""
    """Justification and impact, as the vendor writes them."""
    said: AwareDatetime
    targets: tuple[Target, ...] = Field(max_length=10_000)

    def is_about(
        self, names: frozenset[str], component: Component, product: str, version: str
    ) -> bool:
        """Whether it speaks of a vulnerability in a package of a version of a product."""
        return bool(self.vulnerability & names) and any(
            _is_package(target.product, component)
            or (
                _is_product(target.product, product, version)
                and (not target.parts or any(_is_package(one, component) for one in target.parts))
            )
            for target in self.targets
        )

    def told(self) -> str:
        """Tell it, as the vendor's."""
        why = f": {self.reason}" if self.reason else ""
        by = f" (put on file by {self.filed_by})" if self.filed_by else ""
        return f"{self.vendor} says{by} that it is {IN_WORDS[self.stance]}{why}"


def last_said(statements: Iterable[Statement]) -> Statement | None:
    """Return what was said last; of what was said at once, what silences nothing."""
    key = lambda one: (one.said, one.stance != "not_affected")  # noqa: E731
    return max(statements, key=key, default=None)


def _parsed(text: str) -> PackageURL | None:
    try:
        return PackageURL.from_string(text)
    except ValueError:
        return None


def _is_product(text: str, product: str, version: str) -> bool:
    url = _parsed(text)
    # Of these types alone: a package that is called as the product is not the whole of it.
    named = url is not None and url.type in _OF_PRODUCTS and url.name == product
    return url is not None and named and url.version in {None, version}


def _is_package(text: str, component: Component) -> bool:
    url, ours = _parsed(text), component.url
    if url is None or ours is None or (url.type, url.namespace) != (ours.type, ours.namespace):
        return False
    return any(
        name_of(url) == origin.name and url.version in {None, origin.version}
        for origin in origins(component)
    )
