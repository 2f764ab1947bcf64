"""What must hold between an estate's documents, beyond what each says by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from clinops.domain.agreement import Acceptance, Agreement
from clinops.domain.fault import Place
from clinops.domain.gate import GatePolicy
from clinops.domain.hazard import HazardLog
from clinops.domain.manifest import BuildPackage, Manifest, is_above
from clinops.domain.noise import Noise
from clinops.domain.parsing import Parsed
from clinops.domain.policy import Need, Requirement, Way, ways
from clinops.domain.signer import Key, Signers, Vendor, without_comment
from clinops.domain.site import Sites
from clinops.domain.waiver import Waivers
from clinops.domain.wording import nearest
from clinops.errors import Problem

_MARKER = re.compile(r"\bhazard\(([^()]*)\)")
_HAZARD = re.compile(r"[\"']([A-Z]{3}-[0-9]{3})[\"']")


def manifest_is_in_place(manifest: Parsed[Manifest]) -> Iterator[Problem]:
    """A manifest lies at `vendor_manifests/<vendor>/<product>.yaml`."""
    _, vendor, file = manifest.file.split("/")
    if manifest.document.vendor != vendor:
        mend = f"write `vendor: {vendor}`, or move the file to that vendor's folder"
        yield manifest.problem(("vendor",), f"the folder is that of the vendor {vendor}", mend)
    if file != f"{manifest.document.product}.yaml":
        mend = f"call the file {manifest.document.product}.yaml"
        yield manifest.problem(("product",), "the file is not named after its product", mend)


def manifest_follows_what_is_live(manifest: Parsed[Manifest], live: str | None) -> list[Problem]:
    """A manifest offers something newer than what is live and says what it replaces."""
    version, supersedes = manifest.document.version, manifest.document.supersedes
    if live is None or version == live:
        return []
    if not is_above(version, live):
        what = f"{version} is not above {live}, which is live"
        return [manifest.problem(("version",), what, "offer a newer version")]
    if supersedes != live:
        what = f"`supersedes` is {supersedes or 'missing'}, but {live} is live"
        return [manifest.problem(("supersedes",), what, f'write `supersedes: "{live}"`')]
    return []


def live_manifest_is_unchanged(
    manifest: Parsed[Manifest], before: Manifest | None, live: str | None
) -> list[Problem]:
    """A manifest of the version that is live stays as it is: another content is a new version."""
    document = manifest.document
    if document.version != live or before is None or before == document:
        return []
    what = f"{live} is live, and this is not the manifest that it went live with"
    return [manifest.problem(("version",), what, "give the change a newer version")]


def build_is_in_place(manifest: Parsed[Manifest], files: Mapping[str, object]) -> list[Problem]:
    """A package is built from the product's or the vendor's own folder, by a Dockerfile."""
    package = manifest.document.package
    if not isinstance(package, BuildPackage):
        return []
    place: Place = ("package", "build", "folder")
    folder = package.build.folder
    own = [f"environments/{manifest.document.product}", manifest.file.rpartition("/")[0]]
    if not any(folder == home or folder.startswith(f"{home}/") for home in own):
        what = "the build folder is neither the product's nor the vendor's own"
        return [manifest.problem(place, what, f"move it below {own[0]}/ or {own[1]}/")]
    if f"{folder}/Dockerfile" not in files:
        what = f"there is no file {folder}/Dockerfile"
        return [manifest.problem(place, what, "add it, or correct the folder")]
    return []


def products_have_one_manifest(manifests: Iterable[Parsed[Manifest]]) -> Iterator[Problem]:
    """No product is offered by two manifests."""
    first: dict[str, str] = {}
    for manifest in manifests:
        other = first.setdefault(manifest.document.product, manifest.file)
        if other != manifest.file:
            what = f"the product has a manifest already: {other}"
            yield manifest.problem(("product",), what, "delete one of the two")


def keys_have_one_owner(
    signers: Parsed[Signers] | None, vendors: Iterable[Parsed[Vendor]]
) -> Iterator[Problem]:
    """A key tells who someone is only as long as nobody else has it."""
    owners: dict[str, str] = {}
    for file, owner, place, key in _keys(signers, vendors):
        first = owners.setdefault(without_comment(key.public), owner)
        if first != owner:
            mend = "everyone makes a key of their own with `ssh-keygen -t ed25519`"
            yield file.problem(place, f"this key belongs to {first} as well", mend)


def _keys(
    signers: Parsed[Signers] | None, vendors: Iterable[Parsed[Vendor]]
) -> Iterator[tuple[Parsed[Signers] | Parsed[Vendor], str, Place, Key]]:
    if signers is not None:
        for name, signer in signers.document.signers.items():
            for position, key in enumerate(signer.keys):
                yield signers, f"signer {name}", ("signers", name, "keys", position, "public"), key
    for vendor in vendors:
        name = vendor.file.split("/")[1]
        for position, key in enumerate(vendor.document.keys):
            yield vendor, f"vendor {name}", ("keys", position, "public"), key


def people_are_on_file_once(signers: Parsed[Signers]) -> Iterator[Problem]:
    """One person under two ids would fill two roles of a gate; a registration tells them."""
    first: dict[tuple[str, str], str] = {}
    for name, signer in signers.document.signers.items():
        if signer.registration is None or signer.demonstration:
            continue
        registered = signer.registration.body.casefold(), signer.registration.number.casefold()
        other = first.setdefault(registered, name)
        if other != name:
            what = f"this is the registration of signer {other} as well"
            mend = "file all keys of a person under one id"
            yield signers.problem(("signers", name, "registration"), what, mend)


def gate_can_be_met(gate: Parsed[GatePolicy], signers: Signers) -> Iterator[Problem]:
    """Enough people hold the roles that a gate asks for; else it could never open.

    An estate without anybody in it (the reference estate) is not held to that yet.
    """
    if not signers.signers:
        return
    policy = gate.document
    needs: list[tuple[Place, Need]] = [
        (("requires", position), need) for position, need in enumerate(policy.requires)
    ]
    # Without an approved hazard log no gate opens.
    needs.append((("hazards", "approved_by"), Requirement(role=policy.hazards.approved_by)))
    for place, need in needs:
        lacking = [_lacking(way, policy, signers) for way in ways([need])]
        if all(lacking):
            least = min(lacking, key=len)
            what = " and ".join(least)
            mend = "give the role to someone in environments/signers.yaml"
            yield gate.problem(place, what, mend)


def _lacking(way: Way, policy: GatePolicy, signers: Signers) -> list[str]:
    found = []
    for requirement in way:
        holders = [
            name
            for name, signer in signers.signers.items()
            if requirement.role in signer.roles
            and (policy.accept_demonstration or not signer.demonstration)
        ]
        if len(holders) < requirement.places:
            held = ", ".join(holders) or "nobody"
            must = f"{requirement.places} must sign as {requirement.role}"
            found.append(f"{must}, which is held by {held}")
    return found


def sites_run_known_products(sites: Parsed[Sites], products: list[str]) -> Iterator[Problem]:
    """A site runs products that the estate can stand up."""
    for name, site in sites.document.sites.items():
        for position, product in enumerate(site.products):
            if product not in products:
                place = ("sites", name, "products", position)
                what = f"there is no product {product}"
                yield sites.problem(place, what, nearest(product, products))


def document_is_of(
    product: str, document: Parsed[HazardLog] | Parsed[Waivers] | Parsed[Noise]
) -> Iterator[Problem]:
    """What lies in a product's folder speaks of that product: nobody copies another's log."""
    if document.document.product != product:
        what = f"the folder is that of the product {product}"
        yield document.problem(("product",), what, f"write `product: {product}`")


def is_of_vendor(vendor: str, found: Parsed[Agreement] | Parsed[Acceptance]) -> Iterator[Problem]:
    """What lies in a vendor's folder is between the trust and that vendor."""
    if found.document.vendor != vendor:
        what = f"the folder is that of the vendor {vendor}"
        yield found.problem(("vendor",), what, f"write `vendor: {vendor}`")


def noise_rules_name_known_probes(noise: Parsed[Noise], known: list[str]) -> Iterator[Problem]:
    """A noise rule for a probe that nobody asks explains nothing, or not what its author thinks."""
    for position, rule in enumerate(noise.document.rules):
        if not any(map(rule.is_for, known)):
            what = f"the product has no probe {rule.probe}"
            yield noise.problem(("rules", position, "probe"), what, nearest(rule.probe, known))


def tests_name_known_hazards(
    log: HazardLog, tests: Iterable[tuple[str, bytes]]
) -> Iterator[Problem]:
    """A test that names a hazard which nobody logged verifies nothing.

    Args:
        log: The product's hazard log.
        tests: Path and content of each Python file of the product's suites.
    """
    known = [hazard.id for hazard in log.hazards]
    for path, content in tests:
        text = content.decode(errors="replace")
        for marker in _MARKER.finditer(text):
            for named in _HAZARD.finditer(text, *marker.span(1)):
                if named[1] not in known:
                    line = text.count("\n", 0, named.start()) + 1
                    what = f"the hazard log has no {named[1]}"
                    yield Problem(path, line, what, nearest(named[1], known))


def hazards_are_kept(path: str, before: HazardLog, after: HazardLog | None) -> Iterator[Problem]:
    """Hazards are closed, never deleted, not even with their whole log (DCB0129)."""
    kept = {hazard.id for hazard in after.hazards} if after else set()
    for hazard in before.hazards:
        if hazard.id not in kept:
            what = f"the hazard {hazard.id} is deleted"
            yield Problem(path, 1, what, "put it back with `status: closed` and the evidence")
