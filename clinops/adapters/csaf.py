"""CSAF 2.0: advisories and VEX of vendors and distributors, as much as is read of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from packageurl import PackageURL
from pydantic import AwareDatetime, BaseModel, Field

from clinops.domain.advisory import Advisory, Affected, Interval, severity_of
from clinops.domain.package_source import ecosystem_of, name_of
from clinops.domain.vex import Stance, Statement, Target

_DEEPEST: Final = 32
"""Branches in branches; the standard's own examples have five."""
_AFFECTED: Final = ("known_affected", "first_affected", "last_affected")
_STANCES: Final[Mapping[str, Stance]] = {
    "known_not_affected": "not_affected",
    "known_affected": "affected",
    "fixed": "fixed",
    "under_investigation": "under_investigation",
}


class _Helper(BaseModel):
    purl: str = ""


class _Product(BaseModel):
    product_id: str
    product_identification_helper: _Helper = _Helper()


class _Branch(BaseModel):
    category: str
    name: str = ""
    product: _Product | None = None
    branches: list[_Branch] = []


class _Relation(BaseModel):
    product_reference: str
    relates_to_product_reference: str
    full_product_name: _Product


class _Tree(BaseModel):
    branches: list[_Branch] = []
    full_product_names: list[_Product] = []
    relationships: list[_Relation] = []


class _Tracking(BaseModel):
    id: str
    initial_release_date: AwareDatetime
    current_release_date: AwareDatetime


class _Word(BaseModel):
    text: str = ""


class _Document(BaseModel):
    category: str
    title: str = ""
    tracking: _Tracking
    aggregate_severity: _Word = _Word()


class _Cvss(BaseModel):
    base_score: float = Field(alias="baseScore", ge=0, le=10)


class _Score(BaseModel):
    cvss_v3: _Cvss | None = None
    cvss_v4: _Cvss | None = None

    def given(self) -> list[float]:
        return [cvss.base_score for cvss in (self.cvss_v3, self.cvss_v4) if cvss]


class _Flag(BaseModel):
    label: str
    product_ids: list[str] = []


class _Threat(BaseModel):
    category: str
    details: str = ""
    product_ids: list[str] = []


class _Id(BaseModel):
    text: str


class _Vulnerability(BaseModel):
    cve: str = ""
    ids: list[_Id] = []
    title: str = ""
    product_status: dict[str, list[str]] = {}
    scores: list[_Score] = []
    flags: list[_Flag] = []
    threats: list[_Threat] = []

    def names(self) -> list[str]:
        return [name for name in (self.cve, *(one.text for one in self.ids)) if name]

    def reason(self, product: str) -> str:
        """Say why a product is not affected, as the document has it."""
        flags = (one.label for one in self.flags if product in one.product_ids)
        impacts = (
            one.details
            for one in self.threats
            if one.category == "impact" and (product in one.product_ids or not one.product_ids)
        )
        return "; ".join([*(label.replace("_", " ") for label in flags), *impacts])


@dataclass
class _Named:
    """What a product id stands for."""

    purl: str = ""
    range: str = ""
    within: str = ""
    """The product id of what it is a part of."""


@dataclass
class _Products:
    """Every product of a document by its id."""

    by_id: dict[str, _Named] = field(default_factory=dict)

    @classmethod
    def of(cls, tree: _Tree) -> _Products:
        made = cls()
        for product in tree.full_product_names:
            made._add(product, "")
        for branch in tree.branches:
            made._walk(branch, "", _DEEPEST)
        for one in tree.relationships:
            part = made.by_id.get(one.product_reference, _Named())
            whole = one.relates_to_product_reference
            made.by_id[one.full_product_name.product_id] = _Named(part.purl, part.range, whole)
        return made

    def _walk(self, branch: _Branch, range_: str, depth: int) -> None:
        if not depth:
            raise ValueError("its branches are too deep")
        if branch.category == "product_version_range":
            range_ = branch.name
        if branch.product is not None:
            self._add(branch.product, range_)
        for one in branch.branches:
            self._walk(one, range_, depth - 1)

    def _add(self, product: _Product, range_: str) -> None:
        purl = product.product_identification_helper.purl
        self.by_id[product.product_id] = _Named(purl, range_)

    def affected(self, product: str) -> Affected | None:
        """Return the package behind an id in our form; none where it is none that we know."""
        named = self.by_id.get(product, _Named())
        try:
            url = PackageURL.from_string(named.purl)
        except ValueError:
            return None
        ecosystem = ecosystem_of(url)
        if ecosystem is None:
            return None
        versions = (url.version,) if url.version else ()
        all_of_them = not versions and not named.range
        return Affected(
            ecosystem=ecosystem,
            name=name_of(url),
            versions=versions,
            intervals=(Interval(),) if all_of_them else (),
            range=named.range or None,
        )

    def target(self, product: str) -> Target | None:
        """Return what a statement about an id is about; none where no package URL tells."""
        named = self.by_id.get(product, _Named())
        whole = self.by_id.get(named.within, _Named()).purl
        if whole and named.purl:
            return Target(product=whole, parts=(named.purl,))
        # A part of something that no package URL tells may be anything: nothing is said of it.
        return Target(product=named.purl) if named.purl and not named.within else None


class Csaf(BaseModel):
    """One document."""

    document: _Document
    product_tree: _Tree = _Tree()
    vulnerabilities: list[_Vulnerability] = Field(default=[], max_length=10_000)

    def advisories(self) -> Iterator[Advisory]:
        """Yield an advisory for each vulnerability."""
        products, tracking = _Products.of(self.product_tree), self.document.tracking
        several = len(self.vulnerabilities) > 1
        for one in self.vulnerabilities:
            ids = [id_ for status in _AFFECTED for id_ in one.product_status.get(status, ())]
            read = (products.affected(id_) for id_ in dict.fromkeys(ids))
            score = max((score for each in one.scores for score in each.given()), default=None)
            names = one.names()
            yield Advisory(
                id=f"{tracking.id} {names[0]}" if several and names else tracking.id,
                aliases=tuple(names),
                published=tracking.initial_release_date,
                modified=tracking.current_release_date,
                severity=severity_of(score, self.document.aggregate_severity.text),
                score=score,
                summary=(one.title or self.document.title)[:1000],
                affected=tuple(found for found in read if found is not None),
            )

    def statements(self, vendor: str, file: str) -> Iterator[Statement]:
        """Yield what it says of products, as a vendor's statements."""
        products = _Products.of(self.product_tree)
        for one in self.vulnerabilities:
            for status, stance in _STANCES.items():
                for product in one.product_status.get(status, ()):
                    target = products.target(product)
                    if target is not None and one.names():
                        yield Statement(
                            vendor=vendor,
                            file=file,
                            vulnerability=frozenset(one.names()),
                            stance=stance,
                            reason=one.reason(product)[:4000],
                            said=self.document.tracking.current_release_date,
                            targets=(target,),
                        )
