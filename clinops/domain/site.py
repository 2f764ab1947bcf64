"""Sites: where releases go, in ring order (`environments/sites.yaml`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from clinops.domain.digest import Digest
from clinops.domain.manifest import Name
from clinops.domain.value import Document, Value


class Site(Document):
    """One place that runs products: a Docker engine, by default the local one."""

    description: str = ""
    ring: Annotated[int, Field(ge=0, le=99)]
    """Rings are deployed in rising order; each must be live before the next."""
    engine: str | None = None
    """`DOCKER_HOST` of the site's engine; none for the local one."""
    products: list[Name]


class Sites(Document):
    """All sites, by name."""

    schema_version: Literal[1] = Field(alias="schema")
    sites: dict[Name, Site]

    def running(self, product: str) -> list[str]:
        """Names of the sites that run a product, in ring order."""
        found = [(site.ring, name) for name, site in self.sites.items() if product in site.products]
        return [name for _, name in sorted(found)]


class LiveSystem(Value):
    """What is live at a site, as the ledger has it."""

    product: str
    site: str
    version: str
    images: dict[str, Digest]
    commit: str
    """The commit whose environment and manifest describe it."""
    release: str | None = None
    """None where it was adopted: there before ClinOps came."""


class Backup(Value):
    """What was kept before a deployment: volumes by the name of their copy, and the old images."""

    site: str
    product: str
    version: str
    images: dict[str, Digest]
    volumes: dict[str, str]
    """Volume → the volume that holds its copy."""
    taken: str
