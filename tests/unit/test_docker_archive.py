from __future__ import annotations

import io
import json
import tarfile

import pytest

from clinops.adapters.docker_archive import tags_in
from clinops.errors import BadInputError, PackageError


def archive(**files: object) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(f"{name}.json")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    packed.seek(0)
    return packed


def saved(*images: object) -> io.BytesIO:
    return archive(manifest=list(images))


def test_reads_the_tags_of_a_saved_image():
    image = {"Config": "c.json", "RepoTags": ["acme/archive:1.0", "reg.test:5000/acme/a_b:x"]}
    assert tags_in(saved(image), "a.tar") == ["acme/archive:1.0", "reg.test:5000/acme/a_b:x"]


def test_an_image_needs_no_tag():
    assert tags_in(saved({"Config": "c.json", "RepoTags": None}), "a.tar") == []


def test_reads_an_oci_layout():
    name = {"io.containerd.image.name": "docker.io/acme/archive:1.0"}
    index = {"schemaVersion": 2, "manifests": [{"digest": "sha256:0", "annotations": name}]}
    assert tags_in(archive(index=index), "a.tar") == ["docker.io/acme/archive:1.0"]


def test_refuses_two_images():
    with pytest.raises(BadInputError, match=r"a\.tar: holds 2 images"):
        tags_in(saved({"RepoTags": []}, {"RepoTags": []}), "a.tar")


@pytest.mark.parametrize("tag", ["clinops/base:bookworm", "docker.io/clinops/held:x"])
def test_refuses_a_name_that_is_ours(tag: str):
    with pytest.raises(BadInputError, match="keeps for itself"):
        tags_in(saved({"RepoTags": [tag]}), "a.tar")


@pytest.mark.parametrize(
    "tag", ["../containers/abc:1", "acme/../x:1", "/acme:1", "acme", "ACME:1", "a:1\n", "a:../b"]
)
def test_refuses_a_tag_that_could_lead_elsewhere_in_the_engine(tag: str):
    with pytest.raises(BadInputError, match="no image archive"):
        tags_in(saved({"RepoTags": [tag]}), "a.tar")


@pytest.mark.parametrize(
    "file",
    [
        io.BytesIO(b""),
        io.BytesIO(b"PK\x03\x04 a zip"),
        archive(),
        archive(manifest={"a": 1}),
        archive(manifest=["text"]),
        archive(manifest=7),
        archive(index=[]),
        archive(index={}),
        archive(index={"manifests": [{"annotations": None}]}),
    ],
)
def test_refuses_what_is_no_archive(file: io.BytesIO):
    with pytest.raises(BadInputError, match="no image archive"):
        tags_in(file, "a.tar")


def test_refuses_an_index_nested_so_deeply_that_reading_it_would_fail():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = 100_000
        tar.addfile(entry, io.BytesIO(b"[" * entry.size))
    packed.seek(0)
    with pytest.raises(PackageError, match="no image archive"):
        tags_in(packed, "a.tar")


def test_refuses_an_index_that_is_a_link_to_itself():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.type, entry.linkname = tarfile.SYMTYPE, "manifest.json"
        tar.addfile(entry)
    packed.seek(0)
    with pytest.raises(PackageError, match="no image archive"):
        tags_in(packed, "a.tar")
