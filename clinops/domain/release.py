"""A release: one manifest content with every input pinned by digest."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from clinops.domain.digest import Digest, digest_bytes, digest_of, digest_tree
from clinops.domain.manifest import BuildPackage, Manifest
from clinops.domain.value import Value


class Inputs(Value):
    """What a verdict depends on besides the images: change one byte and it is another release."""

    manifest: Digest
    environment: Digest
    """Compose file, seed, hazard log and gate policy of the product: its whole folder."""
    suites: Digest
    package: Digest
    """The build folder, or the manifest's own pin for an image or an archive."""


class Release(Value):
    """A manifest at a commit. The id comes from content: same content, same release."""

    id: str
    product: str
    vendor: str
    version: str
    commit: str
    """The commit (40 hex) at which this content was first seen."""
    committer: str
    """Who signed that commit: `vendor:<name>` or `trust:<signer id>`."""
    contributors: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)
    """Everybody who signed a commit that changed these inputs since the version in use."""
    manifest_path: str
    inputs: Inputs


def pin_inputs(manifest: Manifest, manifest_bytes: bytes, files: Mapping[str, bytes]) -> Inputs:
    """Pin what a release depends on.

    Args:
        manifest: The parsed manifest.
        manifest_bytes: The file it was parsed from.
        files: Every file of the estate at that commit, by path, that lies in the product's
            environment, its suites, or the package's build folder.
    """

    def below(folder: str) -> Digest:
        prefix = folder.rstrip("/") + "/"
        return digest_tree({p: d for p, d in files.items() if p.startswith(prefix)})

    package = manifest.package
    return Inputs(
        manifest=digest_bytes(manifest_bytes),
        environment=below(f"environments/{manifest.product}"),
        suites=below(f"test_suites/{manifest.product}"),
        package=below(package.build.folder)
        if isinstance(package, BuildPackage)
        else digest_of(package.model_dump(mode="json")),
    )


def release_id(manifest: Manifest, inputs: Inputs) -> str:
    """Name a release so that people can read it and content decides it."""
    return f"{manifest.product}-{manifest.version}-{digest_of(inputs.json_value())[7:19]}"
