"""OpenVEX 0.2: what vendors say of vulnerabilities in their products, as much as is read of it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import AwareDatetime, BaseModel, Field

from clinops.domain.vex import Stance, Statement, Target

CONTEXT = "https://openvex.dev/ns"


class _Part(BaseModel):
    id: str = Field(default="", alias="@id")
    identifiers: dict[str, str] = {}

    def purl(self) -> str:
        return self.identifiers.get("purl", self.id)


class _Product(_Part):
    subcomponents: list[_Part] = []


class _Vulnerability(BaseModel):
    name: str
    aliases: list[str] = []


class _Statement(BaseModel):
    vulnerability: _Vulnerability
    products: list[_Product] = Field(default=[], max_length=10_000)
    status: Stance
    justification: str = ""
    impact_statement: str = ""
    timestamp: AwareDatetime | None = None

    def reason(self) -> str:
        found = (self.justification.replace("_", " "), self.impact_statement)
        return "; ".join(one for one in found if one)


class OpenVex(BaseModel):
    """One document."""

    context: str = Field(alias="@context", pattern=rf"^{CONTEXT}")
    timestamp: AwareDatetime
    statements: list[_Statement] = Field(max_length=10_000)

    def said(self, vendor: str, file: str) -> Iterator[Statement]:
        """Yield its statements, as a vendor's."""
        for one in self.statements:
            yield Statement(
                vendor=vendor,
                file=file,
                vulnerability=frozenset({one.vulnerability.name, *one.vulnerability.aliases}),
                stance=one.status,
                reason=one.reason()[:4000],
                said=one.timestamp or self.timestamp,
                targets=tuple(
                    Target(
                        product=product.purl(),
                        parts=tuple(part.purl() for part in product.subcomponents),
                    )
                    for product in one.products
                ),
            )
