"""A newcomer's package and files: from what a person named to what lies in the estate."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from clinops.adapters.placing import place
from clinops.domain.carried_over import (
    Draft,
    draft_of_compose,
    draft_of_image,
    images_of,
    pinned,
)
from clinops.domain.manifest import PINNED, Archive, ArchivePackage, ImagePackage
from clinops.domain.newcomer import UNKNOWN_VERSION, Newcomer, version_in
from clinops.domain.sighting import ImageFacts
from clinops.errors import BadInputError
from clinops.ports import EstateTree, Images


class ImageLook(Protocol):
    """What looks at images of the engine."""

    def image(self, reference: str) -> ImageFacts:
        """Return what an image says about itself; raises NotFoundError."""

    def save(self, image: str, file: Path) -> str:
        """Write an image as an archive; return its SHA-256."""


@dataclass(frozen=True)
class Asked:
    """What a person asked `clinops new` for."""

    product: str
    vendor: str
    image: str | None = None
    """A reference, or the file of an archive."""
    compose: Path | None = None
    service: str | None = None
    version: str | None = None


@dataclass
class Desk:
    """Where a newcomer's files are made, before any of them is put in place."""

    estate: Path
    tree: EstateTree
    drop: Path
    """The folder that archives of packages are dropped into."""
    papers: Path
    """A temporary folder inside the estate."""
    crate: Path
    """A temporary folder inside the drop folder."""
    images: Images
    look: ImageLook
    archive: Path | None = field(default=None, init=False)
    """Where the package's archive goes, if it is one."""

    def newcomer(self, asked: Asked) -> Newcomer:
        """Find out what the images say, and pin the package.

        Raises:
            BadInputError: The images are not there, or the Compose file leaves nothing to run.
        """
        if asked.compose is not None:
            draft, facts = self._of_compose(asked, asked.compose)
        else:
            file = Path(asked.image or "")
            one = self._loaded(file) if file.is_file() else self._facts(asked.image or "")
            facts = {asked.product: one}
            draft = draft_of_image(asked.product, facts[asked.product])
        tested = facts[draft.under_test]
        version = asked.version or version_in(tested) or UNKNOWN_VERSION
        return Newcomer(
            product=asked.product,
            vendor=asked.vendor,
            version=version,
            draft=draft,
            facts=facts,
            package=self._package(f"{asked.product}-{version}.tar", tested),
        )

    def file(self, files: Mapping[str, bytes], once: Mapping[str, bytes]) -> list[str]:
        """Put files in place, those of the whole estate only where there are none.

        Returns:
            Their paths in the estate.
        """
        wanted = {**files, **{path: x for path, x in once.items() if not self.tree.exists(path)}}
        staged: dict[Path, Path] = {}
        for number, (path, content) in enumerate(wanted.items()):
            # Asked for each: it refuses a symbolic link on the way there.
            self.tree.exists(path)
            source = self.papers / str(number)
            source.write_bytes(content)
            staged[source] = self.estate / path
        if self.archive is not None:
            staged[self._crated] = self.archive
        place(staged)
        return sorted(wanted)

    @property
    def _crated(self) -> Path:
        return self.crate / "package.tar"

    def _of_compose(self, asked: Asked, file: Path) -> tuple[Draft, dict[str, ImageFacts]]:
        if not file.is_file():
            raise BadInputError(f"{file}: no such file", mend="give the vendor's Compose file")
        name, content = str(file), file.read_bytes()
        draft = draft_of_compose(asked.product, name, content, asked.service)
        named = images_of(name, content)
        if missing := sorted(draft.data["services"].keys() - named.keys()):
            raise BadInputError(
                f"{name}: no image is named for {', '.join(missing)}",
                mend="build it, and name what was built as `image`",
            )
        facts = {service: self._facts(named[service]) for service in draft.data["services"]}
        return pinned(draft, name, facts), facts

    def _facts(self, reference: str) -> ImageFacts:
        if re.fullmatch(PINNED, reference):
            package = ImagePackage(image=reference)
            held = self.images.obtain(package, self.tree, name="new")
            return self.look.image(held).model_copy(
                update={"reference": reference, "pinned": reference}
            )
        return self.look.image(reference)

    def _loaded(self, file: Path) -> ImageFacts:
        shutil.copyfile(file, self._crated)
        inside = self._crated.relative_to(self.drop).as_posix()
        archive = Archive(path=inside, sha256=_sha256(self._crated))
        held = self.images.obtain(ArchivePackage(archive=archive), self.tree, name="new")
        return self.look.image(held).model_copy(update={"reference": file.name, "pinned": None})

    def _package(self, name: str, facts: ImageFacts) -> dict[str, Any]:
        if facts.pinned is not None and re.fullmatch(PINNED, facts.pinned):
            return {"image": facts.pinned}
        self.archive = self.drop / name
        if not self._crated.exists():
            self.look.save(facts.id, self._crated)
        return {"archive": {"path": name, "sha256": _sha256(self._crated)}}


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
