"""An estate's documents by what they are for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, TypeVar

from clinops.domain import board_policy
from clinops.domain.agreement import Acceptance, Agreement, acceptance_path, agreement_path
from clinops.domain.board_policy import BoardPolicy
from clinops.domain.environment import Environment
from clinops.domain.gate import GatePolicy
from clinops.domain.hazard import HazardLog
from clinops.domain.manifest import BuildPackage, Manifest
from clinops.domain.noise import Noise, NoiseRule
from clinops.domain.parsing import Parsed, parse_with_places
from clinops.domain.probe import PROBES_FOLDER, ProbeCase, ProbeFile
from clinops.domain.release import Inputs, pin_inputs, release_id
from clinops.domain.request import FOLDER as REQUESTS
from clinops.domain.request import Request
from clinops.domain.signer import Signers, Vendor
from clinops.domain.site import Sites
from clinops.domain.value import Document
from clinops.domain.vex import Statement
from clinops.domain.waiver import Waiver, Waivers
from clinops.domain.wording import nearest
from clinops.errors import BadInputError, NotFoundError
from clinops.ports import EstateTree

SIGNERS = "environments/signers.yaml"
SITES = "environments/sites.yaml"
FOLDERS = ("environments", REQUESTS, "test_suites", "vendor_manifests")
"""What an estate consists of."""

_MANIFEST = re.compile(
    r"vendor_manifests/[^/]+/(?!(?:vendor|agreement|acceptance)\.yaml$)[^/]+\.yaml"
)
_VEX = re.compile(r"vendor_manifests/([^/]+)/vex/[^/]+\.json")
_COMPOSE = re.compile(r"environments/([^/]+)/compose\.yaml")
_REQUEST = re.compile(rf"{REQUESTS}/[^/]+\.yaml")
_SUITE = re.compile(r"test_suites/([^/]+)/([^/]+)/(?:.+/)?test_[^/]*\.py")

D = TypeVar("D", bound=Document)


def hazard_log_path(product: str) -> str:
    """Return where a product's hazard log lies."""
    return f"environments/{product}/hazards.yaml"


class Estate:
    """The documents of one tree. Each file is read and parsed once."""

    def __init__(self, tree: EstateTree) -> None:
        self.tree = tree
        self._documents: dict[str, Parsed[Any] | BadInputError] = {}

    @cached_property
    def files(self) -> dict[str, None]:
        """The paths of all files that belong to the estate, in order."""
        return dict.fromkeys(path for folder in FOLDERS for path in self.tree.paths(folder))

    def parsed(self, path: str, model: type[D]) -> Parsed[D]:
        """Return a document with its lines; raises BadInputError, NotFoundError."""
        if path not in self._documents:
            try:
                self._documents[path] = parse_with_places(path, self.tree.read(path), model)
            except BadInputError as error:
                self._documents[path] = error
        found = self._documents[path]
        if isinstance(found, BadInputError):
            raise found
        return found

    def manifest_paths(self) -> list[str]:
        """Return where the manifests lie."""
        return [path for path in self.files if _MANIFEST.fullmatch(path)]

    def manifest(self, path: str) -> Manifest:
        """Return one manifest."""
        return self.parsed(path, Manifest).document

    def manifest_for(self, product: str) -> tuple[str, Manifest]:
        """Return a product's manifest and where it lies.

        Raises:
            NotFoundError: There is none.
            BadInputError: There are several, or it has problems.
        """
        paths = [path for path in self.manifest_paths() if path.endswith(f"/{product}.yaml")]
        if not paths:
            known = [
                path.rpartition("/")[2].removesuffix(".yaml") for path in self.manifest_paths()
            ]
            raise NotFoundError(f"{product}: no manifest", mend=nearest(product, known))
        if len(paths) > 1:
            raise BadInputError(f"{product} has several manifests: {', '.join(paths)}")
        return paths[0], self.manifest(paths[0])

    @cached_property
    def products(self) -> list[str]:
        """The products that have an environment."""
        return [found[1] for path in self.files if (found := _COMPOSE.fullmatch(path))]

    def environment(self, product: str) -> Environment:
        """Return how a product is stood up."""
        if product not in self.products:
            raise NotFoundError(f"{product}: no environment", mend=nearest(product, self.products))
        return self.parsed(f"environments/{product}/compose.yaml", Environment).document

    def gate(self, product: str) -> GatePolicy:
        """Return what must be met before a release of a product is deployed."""
        return self.parsed(f"environments/{product}/gate.yaml", GatePolicy).document

    def hazard_log(self, product: str) -> HazardLog:
        """Return the hazards of a product; raises NotFoundError where there is no log."""
        return self.parsed(hazard_log_path(product), HazardLog).document

    def waivers(self, product: str) -> tuple[Waiver, ...]:
        """Return the waivers of a product, expired ones too; most products have none."""
        path = f"environments/{product}/waivers.yaml"
        if path not in self.files:
            return ()
        return tuple(self.parsed(path, Waivers).document.waivers)

    def noise_rules(self, product: str) -> tuple[NoiseRule, ...]:
        """Return what explains how identical baselines differ, expired rules too."""
        path = f"environments/{product}/noise.yaml"
        if path not in self.files:
            return ()
        return tuple(self.parsed(path, Noise).document.rules)

    def suites(self, product: str) -> list[str]:
        """Return the names of a product's suites."""
        return sorted(self._suites.get(product, ()))

    @cached_property
    def _suites(self) -> dict[str, set[str]]:
        suites: dict[str, set[str]] = {}
        for path in self.files:
            if (found := _SUITE.fullmatch(path)) and found[2] != PROBES_FOLDER:
                suites.setdefault(found[1], set()).add(found[2])
        return suites

    def probe_paths(self, product: str) -> list[str]:
        """Return where a product's probes lie."""
        folder = f"test_suites/{product}/{PROBES_FOLDER}/"
        return [path for path in self.files if path.startswith(folder) and path.endswith(".yaml")]

    def probes(self, product: str) -> list[ProbeCase]:
        """Return everything that a product's probes ask, in order; nothing where it has none."""
        files = (self.parsed(path, ProbeFile).document for path in self.probe_paths(product))
        return [case for file in files for case in file.cases]

    def signers(self) -> Signers:
        """Return who of the trust may sign or push."""
        return self.parsed(SIGNERS, Signers).document

    def sites(self) -> Sites:
        """Return where releases go."""
        return self.parsed(SITES, Sites).document

    def request_paths(self) -> list[str]:
        """Return where the requests lie."""
        return [path for path in self.files if _REQUEST.fullmatch(path)]

    def requests(self) -> Iterator[Request]:
        """Yield what was commissioned, by id; what nobody can read is left out."""
        for path in self.request_paths():
            try:
                yield self.parsed(path, Request).document
            except BadInputError:
                continue  # it was so before pushes were held to it: no other waits for that

    def board(self) -> BoardPolicy:
        """Return what the board decided; raises NotFoundError where it has not."""
        return self.parsed(board_policy.PATH, BoardPolicy).document

    def vendor(self, name: str) -> Vendor:
        """Return one vendor."""
        return self.parsed(f"vendor_manifests/{name}/vendor.yaml", Vendor).document

    def agreement(self, vendor: str) -> Agreement:
        """Return what is offered to a vendor; raises NotFoundError where nothing is."""
        return self.parsed(agreement_path(vendor), Agreement).document

    def acceptance(self, vendor: str) -> Acceptance:
        """Return what a vendor has accepted; raises NotFoundError where nothing."""
        return self.parsed(acceptance_path(vendor), Acceptance).document

    def vex_paths(self, vendor: str | None = None) -> list[str]:
        """Return where the VEX of one vendor lie, or of all."""
        return [
            path
            for path in self.files
            if (found := _VEX.fullmatch(path)) and vendor in {None, found[1]}
        ]

    def statements_in(self, path: str) -> list[Statement]:
        """Return what a vendor says of vulnerabilities in one VEX; raises BadInputError."""
        from clinops.adapters.advisory_files import read_statements

        return read_statements(path, self.tree.read(path), path.split("/")[1])

    def vendors(self) -> dict[str, Vendor]:
        """Return all vendors by the name of their folder."""
        folders = (path.split("/") for path in self.files)
        names = [f[1] for f in folders if f[0] == "vendor_manifests" and f[2:] == ["vendor.yaml"]]
        return {name: self.vendor(name) for name in names}

    @staticmethod
    def folders_of(manifest: Manifest) -> list[str]:
        """Return the folders that a release of a manifest depends on."""
        folders = [f"environments/{manifest.product}", f"test_suites/{manifest.product}"]
        if isinstance(manifest.package, BuildPackage):
            folders.append(manifest.package.build.folder)
        return folders

    def inputs(self, manifest_path: str) -> tuple[Manifest, Inputs, str]:
        """Pin a manifest's inputs and name the release that they make."""
        manifest = self.manifest(manifest_path)
        wanted = tuple(f"{folder}/" for folder in self.folders_of(manifest))
        files = {path: self.tree.read(path) for path in self.files if path.startswith(wanted)}
        inputs = pin_inputs(manifest, self.tree.read(manifest_path), files)
        return manifest, inputs, release_id(manifest, inputs)
