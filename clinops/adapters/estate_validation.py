"""The check of a whole estate at once."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TypeVar

from clinops.adapters.dicom_keywords import is_keyword
from clinops.adapters.estate import SIGNERS, SITES, Estate, hazard_log_path
from clinops.domain import board_policy, calendar, probe_rules, request_rules
from clinops.domain import estate_rules as rules
from clinops.domain.agreement import Acceptance, Agreement, acceptance_path, agreement_path
from clinops.domain.board_policy import BoardPolicy
from clinops.domain.environment import Environment
from clinops.domain.fault import Place
from clinops.domain.gate import GatePolicy
from clinops.domain.hazard import HazardLog
from clinops.domain.manifest import Manifest
from clinops.domain.noise import Noise
from clinops.domain.parsing import Parsed
from clinops.domain.probe import PROBES_FOLDER, ProbeFile
from clinops.domain.request import Request
from clinops.domain.signer import Signers, Vendor
from clinops.domain.site import Sites
from clinops.domain.value import Document
from clinops.domain.waiver import Waivers
from clinops.domain.wording import nearest
from clinops.errors import BadInputError, NotFoundError, Problem
from clinops.ports import EstateTree

FIRST_SUITE = "smoke"
"""The suite that every product has: it is run on sites too."""

_MISNAMED = re.compile(r"vendor_manifests/([^/]+\.ya?ml|[^/]+/[^/]+\.yml)")
_UNREAD_REQUEST = re.compile(r"requests/(?!.*\.md$)(?:.+/.+|.+(?<!\.yaml))")
_BELOW_VEX = re.compile(r"vendor_manifests/[^/]+/vex/")

D = TypeVar("D", bound=Document)


def validate(
    tree: EstateTree, *, live: Mapping[str, str], paths: Sequence[str] | None = None
) -> list[Problem]:
    """Find everything that is wrong in an estate.

    Args:
        tree: The estate.
        live: The version that is live, by product.
        paths: Files and folders whose problems are wanted; all by default.

    Raises:
        BadInputError: The tree itself can't be read, for instance because of a symbolic link.
    """
    problems = sorted(set(_Validation(Estate(tree), live).problems()))
    if paths is None:
        return problems
    found: list[Problem] = []
    for path in (path.strip("/") for path in paths):
        below = [p for p in problems if p.file == path or p.file.startswith(f"{path}/")]
        found += below
        if not below and not tree.exists(path) and not tree.paths(path):
            found.append(Problem(path, 1, "there is no such file or folder", "check the spelling"))
    return sorted(set(found))


def problems_in(path: str, error: BadInputError) -> Sequence[Problem]:
    """Return what an error says of a file, problem by problem."""
    return error.problems or [Problem(path, 1, str(error), error.mend)]


def request_problems(
    request: Parsed[Request], estate: Estate, policy: BoardPolicy | None
) -> Iterator[Problem]:
    """Yield what is wrong between one request and the rest of an estate."""
    yield from request_rules.request_is_in_place(request)
    yield from request_rules.request_names_known_systems(request, estate.products)
    if (logged := _logged(request.document, estate)) is not None:
        yield from request_rules.request_names_known_hazards(request, logged)
    if policy:
        yield from request_rules.request_is_for_known_teams(request, policy)


def _logged(request: Request, estate: Estate) -> list[str] | None:
    """Return the hazards of a request's systems; none where one's log can't be read."""
    found = []
    for system in request.systems:
        if system not in estate.products:
            continue
        try:
            found += estate.hazard_log(system).hazards
        except BadInputError:
            return None
    return [hazard.id for hazard in found]


class _Validation:
    """One walk through an estate. A document that is broken itself is not held against others."""

    def __init__(self, estate: Estate, live: Mapping[str, str]) -> None:
        self._estate = estate
        self._live = live
        self._broken: list[Problem] = []

    def problems(self) -> Iterator[Problem]:
        """Yield every problem, those of broken documents last."""
        yield from self._manifests()
        yield from self._people()
        for product in self._estate.products:
            yield from self._product(product)
        if sites := self._read(SITES, Sites):
            yield from rules.sites_run_known_products(sites, self._estate.products)
        if self._estate.tree.exists(calendar.PATH):
            self._read(calendar.PATH, calendar.Calendar)
        yield from self._requests()
        yield from self._agreements()
        yield from self._vex()
        yield from (
            Problem(
                path, 1, "this file is not read", "call it <product>.yaml, in a vendor's folder"
            )
            for path in self._estate.files
            if _MISNAMED.fullmatch(path)
        )
        yield from self._broken

    def _read(self, path: str, model: type[D]) -> Parsed[D] | None:
        try:
            return self._estate.parsed(path, model)
        except NotFoundError:
            self._broken.append(Problem(path, 1, "there is no such file", "add it"))
        except BadInputError as error:
            self._broken += problems_in(path, error)
        return None

    def _manifests(self) -> Iterator[Problem]:
        read = (self._read(path, Manifest) for path in self._estate.manifest_paths())
        manifests = [manifest for manifest in read if manifest]
        yield from rules.products_have_one_manifest(manifests)
        products = self._estate.products
        for manifest in manifests:
            product = manifest.document.product
            yield from rules.manifest_is_in_place(manifest)
            yield from rules.manifest_follows_what_is_live(manifest, self._live.get(product))
            yield from rules.build_is_in_place(manifest, self._estate.files)
            yield from self._safety_case(manifest)
            if product not in products:
                what = f"there is no environment for the product {product}"
                yield manifest.problem(("product",), what, nearest(product, products))

    def _safety_case(self, manifest: Parsed[Manifest]) -> Iterator[Problem]:
        case = manifest.document.safety_case
        if case is None:
            return
        path = f"{manifest.file.rpartition('/')[0]}/{case.document}"
        if path not in self._estate.files:
            what, mend = f"there is no file {path}", "add it, or correct the path"
            yield manifest.problem(("safety_case", "document"), what, mend)
        elif (real := sha256(self._estate.tree.read(path)).hexdigest()) != case.sha256:
            what = "the safety case is another file than this SHA-256 says"
            mend = f"if the file is right, write {real}"
            yield manifest.problem(("safety_case", "sha256"), what, mend)

    def _people(self) -> Iterator[Problem]:
        folders = {path.split("/")[1] for path in self._estate.manifest_paths()}
        folders |= {f.split("/")[1] for f in self._estate.files if f.endswith("/vendor.yaml")}
        read = [
            self._read(f"vendor_manifests/{name}/vendor.yaml", Vendor) for name in sorted(folders)
        ]
        vendors = [vendor for vendor in read if vendor]
        signers = self._read(SIGNERS, Signers)
        yield from rules.keys_have_one_owner(signers, vendors)
        if signers:
            yield from rules.people_are_on_file_once(signers)

    def _agreements(self) -> Iterator[Problem]:
        for path in self._estate.files:
            *_, vendor, _ = ["", *path.split("/")]
            if path == agreement_path(vendor) and (agreement := self._read(path, Agreement)):
                yield from rules.is_of_vendor(vendor, agreement)
            elif path == acceptance_path(vendor) and (accepted := self._read(path, Acceptance)):
                yield from rules.is_of_vendor(vendor, accepted)

    def _vex(self) -> Iterator[Problem]:
        """A VEX that silences without a reason, or can't be read, never gets in."""
        read = self._estate.vex_paths()
        for path in self._estate.files:
            if _BELOW_VEX.match(path) and path not in read:
                yield Problem(path, 1, "this file is not read", "call it vex/<name>.json")
        for path in read:
            try:
                self._estate.statements_in(path)
            except BadInputError as error:
                self._broken += problems_in(path, error)

    def _requests(self) -> Iterator[Problem]:
        estate = self._estate
        paths = estate.request_paths()
        asked_for = paths or estate.tree.exists(board_policy.PATH)
        policy = self._read(board_policy.PATH, BoardPolicy) if asked_for else None
        for path in estate.files:
            if _UNREAD_REQUEST.fullmatch(path):
                yield Problem(path, 1, "this file is not read", "call it requests/<id>.yaml")
        for request in filter(None, (self._read(path, Request) for path in paths)):
            yield from request_problems(request, estate, policy.document if policy else None)

    def _product(self, product: str) -> Iterator[Problem]:
        environment = self._read(f"environments/{product}/compose.yaml", Environment)
        if environment:
            yield from self._environment(product, environment)
        gate = self._read(f"environments/{product}/gate.yaml", GatePolicy)
        signers = self._read(SIGNERS, Signers)
        if gate and signers:
            yield from rules.gate_can_be_met(gate, signers.document)
        yield from self._hazards(product)
        yield from self._probes(product, environment)
        yield from self._noise(product)
        if FIRST_SUITE not in self._estate.suites(product):
            folder = f"test_suites/{product}/{FIRST_SUITE}"
            what = f"the product has no suite {folder}"
            yield Problem(
                f"environments/{product}/compose.yaml", 1, what, f"add {folder}/test_….py"
            )

    def _hazards(self, product: str) -> Iterator[Problem]:
        estate = self._estate
        if log := self._read(hazard_log_path(product), HazardLog):
            yield from rules.document_is_of(product, log)
            paths = estate.tree.paths(f"test_suites/{product}")
            tests = ((path, estate.tree.read(path)) for path in paths if path.endswith(".py"))
            yield from rules.tests_name_known_hazards(log.document, tests)
        path = f"environments/{product}/waivers.yaml"
        if path in estate.files and (waivers := self._read(path, Waivers)):
            yield from rules.document_is_of(product, waivers)

    def _noise(self, product: str) -> Iterator[Problem]:
        path = f"environments/{product}/noise.yaml"
        if path in self._estate.files and (noise := self._read(path, Noise)):
            yield from rules.document_is_of(product, noise)
            files = [self._read(each, ProbeFile) for each in self._estate.probe_paths(product)]
            if all(files):
                known = [probe.id for file in files if file for probe in file.document.probes]
                yield from rules.noise_rules_name_known_probes(noise, known)

    def _probes(self, product: str, environment: Parsed[Environment] | None) -> Iterator[Problem]:
        folder = f"test_suites/{product}/{PROBES_FOLDER}"
        paths = self._estate.probe_paths(product)
        for path in self._estate.tree.paths(folder):
            if path not in paths:
                yield Problem(path, 1, "this file is not read", f"call it {folder}/….yaml")
        read = (self._read(path, ProbeFile) for path in paths)
        files = [file for file in read if file]
        yield from probe_rules.probes_have_one_id(files)
        log = self._read(hazard_log_path(product), HazardLog)
        for file in files:
            yield from probe_rules.probes_are_of(product, file)
            yield from probe_rules.probes_name_known_attributes(file, is_keyword)
            if log:
                yield from probe_rules.probes_name_known_hazards(file, log.document)
            if environment:
                yield from probe_rules.probes_find_their_doors(file, environment.document)

    def _environment(self, product: str, environment: Parsed[Environment]) -> Iterator[Problem]:
        home = f"environments/{product}"
        place: Place
        wanted: dict[Place, str] = {
            ("services", name, "build", "context"): f"{home}/{service.build.context}/Dockerfile"
            for name, service in environment.document.services.items()
            if service.build
        }
        section = environment.document.clinops
        if section.seed:
            wanted["x-clinops", "seed"] = f"{home}/{section.seed}"
        for place, path in wanted.items():
            if posixpath.normpath(path) not in self._estate.files:
                what = f"there is no file {path}"
                yield environment.problem(place, what, "add it, or correct the path")
        suites = self._estate.suites(product)
        for position, check in enumerate(section.site_checks):
            if check not in suites:
                place = ("x-clinops", "site_checks", position)
                what = f"the product has no suite {check}"
                yield environment.problem(place, what, nearest(check, suites))
