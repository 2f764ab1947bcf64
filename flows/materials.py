"""Materials: what releases and live systems are made of, and which vulnerabilities are known in it.

Everything is looked up in what was listed and imported before: nothing here calls out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from clinops.adapters import advisory_files
from clinops.domain.advisory import Advisory, AdvisorySource
from clinops.domain.evidence import Evidence
from clinops.domain.materials import Bill, bill_from, file_of
from clinops.domain.materials_change import Changes, changes
from clinops.domain.package_source import origins
from clinops.domain.patch_clock import Clocks, clocks_of
from clinops.domain.site import LiveSystem
from clinops.domain.suite import Role
from clinops.domain.vex import Statement
from clinops.domain.vulnerability import Knowledge, Published, Vulnerabilities, held_against
from clinops.errors import BadInputError, ClinOpsError, RefusedError
from clinops.ports import EstateTree, EvidenceStore
from clinops.wiring import Wiring
from flows.judgement import load_evidence


def bill_of(evidence: Evidence, role: Role, store: EvidenceStore) -> Bill | None:
    """Return what one of the two versions is made of, as the evidence has it; raises EvidenceError.

    None where it was not listed.
    """
    digest = evidence.files.get(file_of(role))
    return bill_from(store.get(digest)) if digest else None


def changes_of(evidence: Evidence, store: EvidenceStore) -> Changes | None:
    """Return what changed of what the image is made of; None where one of the bills is missing.

    Raises:
        EvidenceError: A bill is missing from the store, was altered, or is none.
    """
    before, after = (bill_of(evidence, role, store) for role in (Role.BASELINE, Role.CANDIDATE))
    return changes(before, after) if before and after else None


def import_advisories(
    wiring: Wiring,
    path: Path,
    *,
    name: str | None = None,
    whole: bool = False,
    alert: bool = False,
) -> tuple[AdvisorySource, tuple[str, ...]]:
    """Import OSV or CSAF documents, in place of what was imported by that name before.

    Args:
        wiring: The estate.
        path: A document, a folder of them, or a zip.
        name: What to call the source; by default as the file.
        whole: Whether it is all that its publisher has about the ecosystems in it.
        alert: Whether these are NHS high-severity alerts: their clock is 48 hours.

    Returns:
        The source, and what of it could not be read, in words.

    Raises:
        BadInputError: Nothing in it can be read; nothing was changed.
    """
    found: list[Advisory] = []
    unread: list[BadInputError] = []
    for file, data in advisory_files.documents(path):
        try:
            found += advisory_files.read_advisories(file, data)
        except BadInputError as error:
            unread.append(error)
    if not found:
        raise unread[0] if unread else BadInputError(f"{path}: holds no advisories")
    now = wiring.clock()
    # What is dated later than now says nothing of how old it is.
    dates = [one.modified for one in found if one.modified <= now]
    ecosystems = {affected.ecosystem for one in found for affected in one.affected}
    source = AdvisorySource(
        name=name or path.resolve().stem,
        imported=now,
        as_of=max(dates, default=None),
        digest=advisory_files.digest(path),
        advisories=len(found),
        skipped=len(unread),
        covers=tuple(sorted(ecosystems)) if whole and not unread else (),
        alert=alert,
    )
    wiring.advisories.replace(source, found)
    return source, tuple(error.diagnostics() for error in unread)


def vulnerabilities(wiring: Wiring, name: str) -> list[Vulnerabilities]:
    """Return what is known of a release, or of each version of a product that is live.

    What a live version is made of is listed now where that was not done before.

    Args:
        wiring: The estate.
        name: A product that is live, or a release by its id or the only prefix of one.

    Raises:
        NotFoundError: There is no such thing.
    """
    live = wiring.ledger.live(name)
    if live:
        for system in live:
            with suppress(ClinOpsError):
                wiring.materials.of_image(_image_of(system, wiring))
        return list(_of_live(live, wiring))
    record = wiring.release(name)
    bill = bill_of(load_evidence(record, wiring), Role.CANDIDATE, wiring.evidence)
    known = _Now(wiring, wiring.repository.head()).known(record.product, bill)
    return [held_against(bill, record.product, record.version, known)]


def clocks(wiring: Wiring) -> Clocks:
    """Return every patch clock of the systems that are live, overdue first.

    Systems that nobody has listed yet are told as unknown; nothing is listed here.
    """
    systems = list(_of_live(wiring.ledger.live(), wiring))
    sources = wiring.advisories.sources()
    now, days = wiring.clock(), wiring.settings.advisories_days
    return Clocks(
        clocks=clocks_of(systems, _alerts(sources, wiring), now),
        unknown=tuple(
            f"{system.product} {system.version}: {what}"
            for system in systems
            for what in system.unknown
        ),
        ages=tuple(source.told(now, days) for source in sources),
    )


def _of_live(live: Sequence[LiveSystem], wiring: Wiring) -> Iterator[Vulnerabilities]:
    """Yield what is known of each version that is live, with the sites that run it."""
    sites: dict[tuple[str, str, str], list[str]] = {}
    for system in live:
        which = system.product, system.version, _image_of(system, wiring)
        sites.setdefault(which, []).append(system.site)
    now = _Now(wiring, wiring.repository.head())
    for (product, version, image), names in sorted(sites.items()):
        bill = wiring.materials.known(image)
        yield held_against(bill, product, version, now.known(product, bill), sorted(names))


def _image_of(system: LiveSystem, wiring: Wiring) -> str:
    """Return the image of the service under test; empty where the estate can't say which."""
    try:
        estate = wiring.estate(wiring.repository.at(system.commit))
        return system.images[estate.environment(system.product).clinops.under_test]
    except (BadInputError, KeyError):
        return ""


class _Now:
    """What is known at one moment; what each vendor says, and of each package, is read once."""

    def __init__(self, wiring: Wiring, head: EstateTree) -> None:
        self._wiring, self._head = wiring, head
        self._estate = wiring.estate(head)
        self._sources = wiring.advisories.sources()
        self._published: dict[tuple[str, str], list[Published]] = {}
        self._said: dict[str, tuple[list[Statement], tuple[str, ...]]] = {}

    def known(self, product: str, bill: Bill | None) -> Knowledge:
        """Gather what is known about the packages of one bill."""
        names = {
            (origin.ecosystem.partition(":")[0], origin.name)
            for component in (bill.components if bill else ())
            for origin in origins(component)
        }
        self._published |= self._wiring.advisories.about(names - self._published.keys())
        statements, unread = self._of_product(product)
        return Knowledge(
            published=self._published,
            sources=self._sources,
            statements=statements,
            now=self._wiring.clock(),
            days=self._wiring.settings.advisories_days,
            unread=unread,
        )

    def _of_product(self, product: str) -> tuple[list[Statement], tuple[str, ...]]:
        """Return what a product's own vendor says, and what of it can't be read, in words."""
        try:
            _, manifest = self._estate.manifest_for(product)
        except BadInputError as error:
            return [], (f"nobody can tell whose product it is: {error}",)
        if manifest.vendor not in self._said:
            said: list[Statement] = []
            unread: list[str] = []
            for path in self._estate.vex_paths(manifest.vendor):
                try:
                    said += self._in_file(path, manifest.vendor)
                except (BadInputError, RefusedError) as error:
                    unread.append(f"{path} does not count: {error}")
            self._said[manifest.vendor] = said, tuple(unread)
        return self._said[manifest.vendor]

    def _in_file(self, path: str, vendor: str) -> list[Statement]:
        """Read one VEX; raises RefusedError where nobody with a good key put it there."""
        commit = self._wiring.repository.introduced(path, self._head.commit)
        who = self._wiring.repository.signer_of(commit)
        filed_by = "" if who == f"vendor:{vendor}" else who
        statements = self._estate.statements_in(path)
        return [one.model_copy(update={"filed_by": filed_by}) for one in statements]


def _alerts(sources: Sequence[AdvisorySource], wiring: Wiring) -> dict[str, dt.datetime]:
    """Return when an alert about each vulnerability was published first."""
    found: dict[str, dt.datetime] = {}
    for one in wiring.advisories.of([source.name for source in sources if source.alert]):
        for name in one.names:
            found[name] = min(one.published, found.get(name, one.published))
    return found
