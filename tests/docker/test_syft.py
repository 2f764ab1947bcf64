"""Bills of materials by the real syft, of images of the real engine."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from docker import DockerClient

from clinops.adapters import syft
from clinops.adapters.osv import Osv
from clinops.adapters.syft import SyftMaterials
from clinops.domain.advisory import AdvisorySource
from clinops.domain.vulnerability import Knowledge, Status, held_against
from clinops.errors import InfrastructureError
from tests.docker.conftest import BASE
from tests.docker.contracts import MaterialsContract
from tests.fakes.advisories import osv
from tests.fakes.materials import FakeMaterials

NOW = dt.datetime(2025, 6, 10, tzinfo=dt.UTC)
SOURCE = AdvisorySource(
    name="debian", imported=NOW, as_of=NOW, digest="sha256:0", advisories=1, skipped=0
)


@pytest.fixture(scope="module")
def image(engine: DockerClient) -> str:
    return str(engine.images.get(BASE).id)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("materials")


class TestFakeMaterials(MaterialsContract):
    @pytest.fixture
    def materials(self) -> FakeMaterials:
        return FakeMaterials()

    @pytest.fixture
    def image(self) -> str:
        return "sha256:" + "a" * 64


@pytest.mark.docker
class TestSyftMaterials(MaterialsContract):
    @pytest.fixture
    def materials(self, folder: Path) -> SyftMaterials:
        return SyftMaterials(folder)

    def test_finds_the_packages_of_the_image(self, materials, image):
        found = materials.of_image(image)
        assert found.system == "debian 12"
        assert {"zlib1g", "libc6", "dpkg"} <= {one.name for one in found.components}

    def test_packages_are_found_by_the_source_that_advisories_name(self, materials, image):
        affected = {
            "package": {"ecosystem": "Debian:12", "name": "glibc"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}],
        }
        planted = Osv.model_validate(osv(affected=[affected]))
        published = {("Debian", "glibc"): [(SOURCE, one) for one in planted.advisories()]}
        known = Knowledge(published, [SOURCE], [], NOW, 7)
        found = held_against(materials.of_image(image), "tiny", "1", known)
        assert {"libc6", "libc-bin"} <= {one.package for one in found.found}
        assert {one.status for one in found.found} == {Status.AFFECTED}

    def test_a_bill_that_was_damaged_is_listed_again(self, materials, image, folder):
        before = materials.of_image(image)
        (kept,) = folder.rglob("*.cdx.json")
        for damage in (b"{", before.cyclonedx().replace(image.encode(), b"sha256:other")):
            kept.chmod(0o644)
            kept.write_bytes(damage)
            assert materials.known(image) is None
        assert materials.of_image(image) == before


@pytest.mark.docker
def test_an_image_that_is_not_there_or_takes_too_long_is_ours(tmp_path, image):
    with pytest.raises(InfrastructureError, match="save an image"):
        SyftMaterials(tmp_path).of_image("sha256:" + "0" * 64)
    with pytest.raises(InfrastructureError, match=r"within 0\.01 s"):
        SyftMaterials(tmp_path, seconds=0.01).of_image(image)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.docker
def test_what_is_beyond_measure_is_not_read(tmp_path, image, monkeypatch):
    monkeypatch.setattr(syft, "LARGEST_IMAGE", 1000)
    with pytest.raises(InfrastructureError, match="too large"):
        SyftMaterials(tmp_path).of_image(image)
    monkeypatch.undo()
    monkeypatch.setattr(syft, "LARGEST_BILL", 1000)
    with pytest.raises(InfrastructureError, match="beyond measure"):
        SyftMaterials(tmp_path).of_image(image)


@pytest.mark.docker
def test_without_a_place_to_keep_it_a_bill_is_listed_all_the_same(tmp_path, image):
    nobodys = tmp_path / "a-file"
    nobodys.write_text("no folder")
    materials = SyftMaterials(nobodys / "below")
    assert materials.of_image(image).components
    assert materials.known(image) is None
