"""Images by digest: pulled, loaded from what a vendor shipped, or built from the estate."""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from docker.errors import ImageLoadError, ImageNotFound, NotFound
from docker.utils import parse_repository_tag

from clinops.adapters.docker_archive import tags_in
from clinops.adapters.docker_build import build
from clinops.adapters.docker_configuration import configuration_of
from clinops.adapters.docker_engine import connect, engine_errors, plain
from clinops.domain.environment import PACKAGE_IMAGE, Environment
from clinops.domain.manifest import Archive, ArchivePackage, BuildPackage, ImagePackage, Package
from clinops.errors import EngineError, NotFoundError, PackageError
from clinops.ports import EstateTree

_HELD = "clinops/held"
_SILENCE = 1800
"""Seconds that the engine may be silent: loading a large archive or compiling says nothing."""


class DockerImages:
    """Obtains images and holds them by a tag of our own (port `Images`)."""

    def __init__(self, drop: Path, host: str | None = None, *, build_network: str = "host") -> None:
        """Connect.

        Args:
            drop: The folder that shipped archives are dropped into.
            host: `DOCKER_HOST` of the engine; none for the local one.
            build_network: Network of builds in the trust's own folders; they fetch packages.
        """
        self._drop = drop
        self._build_network = build_network
        self._client = connect(host, timeout=_SILENCE)

    def obtain(self, package: Package, tree: EstateTree, *, name: str) -> str:
        """Pull, load or build a package and return its image id."""
        match package:
            case ImagePackage():
                return self._hold(self._pull(package.image), name)
            case ArchivePackage():
                return self._load(package.archive, name)
            case BuildPackage():
                source = package.build
                return self._hold(self._build(source.folder, source.arguments, tree), name)

    def of_environment(self, environment: Environment, tree: EstateTree) -> dict[str, str]:
        """Return the image id of each service that is not under test, building where needed."""
        images = {}
        for name, service in environment.services.items():
            if service.build is not None:
                folder = f"environments/{environment.name}/{service.build.context}"
                image = self._build(folder, service.build.args, tree)
            elif service.image is not None and service.image != PACKAGE_IMAGE:
                image = self._pull(service.image)
            else:
                continue
            images[name] = self._hold(image, f"{environment.name}-{name}-{image[7:19]}")
        return images

    def present(self, image: str) -> bool:
        """Whether the engine has exactly this image."""
        with engine_errors("look for an image"):
            try:
                return bool(self._client.images.get(image).id == image)
            except ImageNotFound:
                return False

    def configuration(self, image: str) -> dict[str, str]:
        """Return how an image says that it is run, key by key."""
        with engine_errors("read an image's configuration"):
            try:
                return configuration_of(self._client.images.get(image).attrs["Config"] or {})
            except ImageNotFound:
                raise EngineError(f"the engine has no image {image} any more") from None

    def _hold(self, image: str, name: str) -> str:
        """Tag an image, so that no clean-up of dangling images takes it away."""
        tag = re.sub(r"[^A-Za-z0-9_.-]", "-", name).lstrip(".-")[:128]
        with engine_errors("tag an image"):
            self._client.images.get(image).tag(_HELD, tag)
        return image

    def _pull(self, reference: str) -> str:
        name, _, digest = reference.partition("@")
        repository, _ = parse_repository_tag(name)
        pinned = f"{repository}@{digest}"
        with engine_errors(f"pull {reference}"):
            try:
                image = self._client.images.get(pinned)
            except ImageNotFound:
                self._fetch(repository, digest)
                image = self._client.images.get(pinned)
        if not any(known.endswith(f"@{digest}") for known in image.attrs["RepoDigests"]):
            raise PackageError(f"{reference}: the registry sent an image with another digest")
        return str(image.id)

    def _fetch(self, repository: str, digest: str) -> None:
        try:
            for step in self._client.api.pull(repository, tag=digest, stream=True, decode=True):
                if "error" in step:
                    raise EngineError(f"could not pull {repository}: {plain(str(step['error']))}")
        except NotFound as error:
            raise PackageError(
                f"{repository}@{digest}: the registry has no such image, or refuses it to us: "
                + plain(str(error.explanation)),
                mend="check the digest; a private registry needs a `docker login` first",
            ) from error

    def _load(self, archive: Archive, name: str) -> str:
        with self._verified(archive) as file:
            tags = tags_in(file, archive.path)
            file.seek(0)
            with engine_errors(f"load {archive.path}"), self._keeping(tags):
                try:
                    loaded = {str(image.id) for image in self._client.images.load(file)}
                except ImageLoadError as error:
                    raise PackageError(
                        f"{archive.path}: the engine can't load it: {plain(str(error))}",
                        mend="ask the vendor for the output of `docker save`",
                    ) from error
                if len(loaded) != 1:
                    raise PackageError(f"{archive.path}: gave {len(loaded)} images, not one")
                # Before the vendor's own tags go: with the last tag the engine drops the image.
                return self._hold(loaded.pop(), name)

    @contextmanager
    def _verified(self, archive: Archive) -> Iterator[BinaryIO]:
        """Open an archive of the drop folder whose bytes are what the manifest pins."""
        path = (self._drop / archive.path).resolve()
        if not path.is_relative_to(self._drop.resolve()) or not path.is_file():
            raise NotFoundError(
                f"{archive.path}: no such archive in the drop folder",
                mend=f"put the vendor's file there as {archive.path}",
            )
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != archive.sha256:
                raise PackageError(
                    f"{archive.path}: its SHA-256 is {found}, the manifest pins {archive.sha256}",
                    mend="the file was damaged or exchanged: get it again, from the vendor",
                )
            file.seek(0)
            yield file

    @contextmanager
    def _keeping(self, tags: list[str]) -> Iterator[None]:
        """Give tags back to the images that had them: an archive must not rename ours."""
        before = {tag: self._tagged(tag) for tag in tags}
        try:
            yield
        finally:
            for tag, image in before.items():
                if image is not None:
                    self._client.images.get(image).tag(tag)
                elif self._tagged(tag) is not None:
                    self._client.images.remove(tag, noprune=True)

    def _tagged(self, tag: str) -> str | None:
        try:
            return str(self._client.images.get(tag).id)
        except ImageNotFound:
            return None

    def _build(self, folder: str, arguments: Mapping[str, str], tree: EstateTree) -> str:
        context = build_context(folder, tree)
        with engine_errors(f"build {folder}"):
            return build(self._client, folder, context, arguments, network=self._build_network)

    def close(self) -> None:
        """Hang up."""
        self._client.close()


def build_context(folder: str, tree: EstateTree) -> io.BytesIO:
    """Pack a folder of the estate, so that equal content gives equal bytes and layers are reused.

    An estate tree knows no file modes: a file that begins with `#!` is made executable.
    """
    folder = posixpath.normpath(folder)
    prefix = "" if folder == "." else f"{folder}/"
    if not tree.exists(f"{prefix}Dockerfile"):
        raise NotFoundError(f"{prefix}Dockerfile: no such file", mend="a build folder needs one")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in tree.paths(prefix):
            data = tree.read(path)
            entry = tarfile.TarInfo(path.removeprefix(prefix))
            entry.size = len(data)
            entry.mode = 0o755 if data.startswith(b"#!") else 0o644
            tar.addfile(entry, io.BytesIO(data))
    packed.seek(0)
    return packed
