"""Bills of materials without an engine: images hold the same, unless a test says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinops.domain.fold import ReleaseRecord
from clinops.domain.materials import Bill, Component
from clinops.errors import InfrastructureError

if TYPE_CHECKING:
    from tests.fakes.wiring import FakeWiring


def deb(name: str, version: str, upstream: str = "", release: str = "13") -> Component:
    """Describe a Debian package as syft does."""
    source = f"&upstream={upstream.replace('@', '%40')}" if upstream else ""
    purl = f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-{release}{source}"
    return Component(name=name, version=version, purl=purl)


def bill(*components: Component, image: str = "sha256:" + "0" * 64) -> Bill:
    """Make a bill, in the order in which one is kept."""
    ordered = tuple(sorted(components, key=lambda one: (one.name, one.version, one.purl)))
    return Bill(image=image, lister="syft 1.18.1", system="debian 13", components=ordered)


class FakeMaterials:
    """Implements Materials in memory."""

    def __init__(self) -> None:
        self.components: dict[str, tuple[Component, ...]] = {}
        """What an image is made of, where it is not the usual."""
        self.listed: dict[str, Bill] = {}
        self.fails = False

    def of_image(self, image: str) -> Bill:
        if image not in self.listed:
            if self.fails:
                raise InfrastructureError("syft did not come to an end within 300 s")
            usual = (deb("zlib1g", "1:1.3", "zlib"),)
            made = self.components.get(image, usual)
            self.listed[image] = bill(*made, image=image)
        return self.listed[image]

    def known(self, image: str) -> Bill | None:
        return self.listed.get(image)


def offered(wiring: FakeWiring, *components: Component) -> ReleaseRecord:
    """Offer a version that is made of these, and qualify it."""
    record = wiring.offer()
    package = wiring.estate(wiring.git.head()).manifest("vendor_manifests/acme/pas.yaml").package
    image = wiring.images.obtain(package, wiring.git.head(), name=record.id)
    wiring.materials.components[image] = components
    return wiring.qualify(record)
