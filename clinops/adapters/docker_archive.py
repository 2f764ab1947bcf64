"""What a shipped image archive says of itself, read before any engine gets to see it."""

from __future__ import annotations

import json
import re
import tarfile
from typing import Any, BinaryIO

from clinops.errors import PackageError

_INDEX_LIMIT = 1_000_000
# The engine's API takes tags as a part of its paths: no `..` may come through.
_TAG = re.compile(
    r"[a-z0-9][a-z0-9._:-]*(/[a-z0-9][a-z0-9._-]*)*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
)
_NAME = "io.containerd.image.name"


def tags_in(file: BinaryIO, path: str) -> list[str]:
    """Return the tags that an archive would give to its one image.

    Args:
        file: The archive: the output of `docker save`, or an OCI image layout as a tar.
        path: What to call it in messages.

    Raises:
        PackageError: Where it is no image archive, or holds more or less than one image.
    """
    try:
        with tarfile.open(fileobj=file) as tar:
            docker = _json(tar, "manifest.json")
            images = docker if docker is not None else (_json(tar, "index.json") or {})["manifests"]
            if len(images) != 1:
                raise PackageError(
                    f"{path}: holds {len(images)} images, a package is one",
                    mend="ask the vendor for one archive an image",
                )
            return _tags(images[0], path)
    except (
        tarfile.TarError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        EOFError,
        RecursionError,
    ) as error:
        raise PackageError(
            f"{path}: this is no image archive",
            mend="ask the vendor for the output of `docker save`",
        ) from error


def _json(tar: tarfile.TarFile, name: str) -> Any:
    try:
        member = tar.extractfile(name)
    except KeyError:
        return None
    if member is None:
        return None
    with member:
        return json.loads(member.read(_INDEX_LIMIT))


def _tags(image: dict[str, Any], path: str) -> list[str]:
    named = image.get("RepoTags") or [image.get("annotations", {}).get(_NAME)]
    tags = [str(tag) for tag in named if tag]
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise ValueError("a tag that no image can have")
        if "clinops/" in tag:
            raise PackageError(
                f"{path}: the image calls itself {tag}, a name that ClinOps keeps for itself",
                mend="ask the vendor for an archive under the vendor's own name",
            )
    return tags
