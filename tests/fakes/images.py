"""Images without an engine: an id is the digest of what the image would be made of."""

from __future__ import annotations

from clinops.domain.digest import digest_of, digest_tree
from clinops.domain.environment import PACKAGE_IMAGE, Environment
from clinops.domain.manifest import BuildPackage, Package
from clinops.errors import ClinOpsError, EngineError, NotFoundError, PackageError
from clinops.ports import EstateTree


class FakeImages:
    """Implements Images in memory."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        """Image ids by the name that holds them."""
        self.fails_with: ClinOpsError | None = None
        """Raised instead of obtaining anything."""
        self.changed: dict[str, str] = {}
        """Image ids that come of it otherwise, by the name that holds the image."""
        self.gone: set[str] = set()
        """Names of packages that are not to be had any more."""
        self.configurations: dict[str, dict[str, str]] = {}
        """Configurations by the name that holds the image, where they are not the usual one."""

    def obtain(self, package: Package, tree: EstateTree, *, name: str) -> str:
        if self.fails_with is not None:
            raise self.fails_with
        if name in self.gone:
            raise PackageError(f"{name} is not to be had")
        built = isinstance(package, BuildPackage)
        files = self._context(package.build.folder, tree) if built else ""
        made = digest_of([package.model_dump(mode="json"), files])
        self.held[name] = self.changed.get(name, made)
        return self.held[name]

    def of_environment(self, environment: Environment, tree: EstateTree) -> dict[str, str]:
        images = {}
        for name, service in environment.services.items():
            if service.build is not None:
                folder = f"environments/{environment.name}/{service.build.context}"
                images[name] = digest_of([self._context(folder, tree), service.build.args])
            elif service.image != PACKAGE_IMAGE:
                images[name] = digest_of(service.image)
        self.held |= {f"{environment.name}-{name}": image for name, image in images.items()}
        return images

    def present(self, image: str) -> bool:
        return image in self.held.values()

    def configuration(self, image: str) -> dict[str, str]:
        names = [name for name, held in self.held.items() if held == image]
        if not names:
            raise EngineError(f"the engine has no image {image} any more")
        found = (self.configurations[name] for name in names if name in self.configurations)
        return next(found, {"user": "app"})

    def _context(self, folder: str, tree: EstateTree) -> str:
        files = {path: tree.read(path) for path in tree.paths(folder)}
        if f"{folder}/Dockerfile" not in files:
            raise NotFoundError(f"{folder}/Dockerfile: no such file")
        return digest_tree(files)
