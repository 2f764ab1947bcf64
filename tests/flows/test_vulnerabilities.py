"""Known vulnerabilities of releases and live systems, from imported files, VEX and clocks."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from pathlib import Path

import pytest

from clinops.adapters.estate_validation import validate
from clinops.domain.vulnerability import Status
from clinops.errors import BadInputError, InfrastructureError, NotFoundError
from flows.materials import clocks, import_advisories, vulnerabilities
from tests.fakes.advisories import PLANTED, VEX, csaf, openvex, osv, written
from tests.fakes.materials import bill, deb, offered
from tests.fakes.wiring import BOTH_ON_OLD, MANIFEST, FakeWiring, document, key, manifest

ZLIB = deb("zlib1g", "1:1.3", "zlib")
CLEAN = osv("DEBIAN-CVE-2025-2", upstream=[], affected=[
    {"package": {"ecosystem": "Debian:13", "name": "elsewhere"}, "versions": ["1"]}
])  # fmt: skip


@pytest.fixture
def dump(tmp_path: Path):
    """Write documents into a folder, as a distributor's dump has them."""

    def write(*documents: dict) -> Path:
        folder = tmp_path / "debian"
        folder.mkdir(exist_ok=True)
        for number, one in enumerate(documents):
            (folder / f"{number}.json").write_bytes(written(one))
        return folder

    return write


def imported(wiring: FakeWiring, path: Path):
    """Import all that there is."""
    return import_advisories(wiring, path, whole=True)


def only(wiring: FakeWiring, name: str):
    (found,) = vulnerabilities(wiring, name)
    return found


def test_a_planted_package_is_found_from_an_imported_dump(wiring, dump):
    record = offered(wiring, ZLIB)
    imported(wiring, dump(osv(), CLEAN))
    found = only(wiring, record.id)
    (one,) = found.found
    assert (one.status, one.package, one.version) == (Status.AFFECTED, "zlib1g", "1:1.3")
    assert one.fixed_in == ("1:1.4",)
    assert not found.is_clean
    assert found.unknown == ()
    assert found.summary() == "1 affected"
    assert found.ages == ("debian: 1 day old",)
    assert "affected: DEBIAN-CVE-2025-1000 (CVE-2025-1000) in zlib1g 1:1.3" in one.told()


def test_a_vendors_vex_silences_it_with_its_reason_as_the_vendors(wiring, dump):
    wiring.commit({VEX: written(openvex())}, "acme")
    record = offered(wiring, ZLIB)
    imported(wiring, dump(osv()))
    found = only(wiring, record.id)
    (one,) = found.found
    assert one.status is Status.NOT_AFFECTED
    assert one.why == (
        "acme says that it is not affected: vulnerable code not in execute path; "
        "The server never inflates what it is sent."
    )
    assert found.is_clean
    assert found.summary() == "1 not affected, no known vulnerability in 1 package"


def test_a_vex_that_the_trust_put_on_file_is_told_as_that(wiring, dump):
    wiring.commit({VEX: written(openvex())}, "ops")
    record = offered(wiring, ZLIB)
    imported(wiring, dump(osv()))
    (one,) = only(wiring, record.id).found
    assert one.status is Status.NOT_AFFECTED
    assert one.why.startswith("acme says (put on file by trust:ops) that it is not affected")


def test_a_vex_that_nobody_known_has_signed_silences_nothing(wiring, dump):
    wiring.commit({VEX: written(openvex())}, "stranger")
    record = offered(wiring, ZLIB)
    imported(wiring, dump(osv()))
    found = only(wiring, record.id)
    assert [one.status for one in found.found] == [Status.AFFECTED]
    assert "signed by nobody known here" in found.unknown[0]


def test_a_product_that_two_claim_is_silenced_by_neither(wiring, dump):
    record = offered(wiring, ZLIB)
    wiring.commit({VEX: written(openvex())}, "acme")
    second = MANIFEST.replace("acme", "other")
    wiring.commit({second: manifest("2.0", vendor="other")})
    imported(wiring, dump(osv()))
    found = only(wiring, record.id)
    assert [one.status for one in found.found] == [Status.AFFECTED]
    assert "nobody can tell whose product it is" in found.unknown[0]


def test_csaf_silences_as_openvex_does(wiring, dump):
    wiring.commit({VEX: written(csaf(known_not_affected=["pas:zlib"]))}, "acme")
    record = offered(wiring, ZLIB)
    imported(wiring, dump(osv()))
    (one,) = only(wiring, record.id).found
    assert one.status is Status.NOT_AFFECTED
    assert one.why == "acme says that it is not affected: vulnerable code not present"


def statement(**changes):
    return openvex(**changes)


ELSEWHERE = [{"@id": "pkg:generic/acme/other@2.0"}]
ANOTHER_VERSION = [{"@id": "pkg:generic/acme/pas@1.9"}]
ANOTHER_PACKAGE = [
    {"@id": "pkg:generic/acme/pas@2.0", "subcomponents": [{"@id": "pkg:deb/debian/openssl"}]}
]


@pytest.mark.parametrize(
    "vex",
    [
        statement(products=ELSEWHERE),
        statement(products=ANOTHER_VERSION),
        statement(products=ANOTHER_PACKAGE),
        statement(products=[{"@id": "pkg:pypi/pas"}]),
        statement(products=[{"@id": "pas"}]),
        statement(products=[]),
        statement(vulnerability={"name": "CVE-2025-9"}),
        openvex("affected"),
        openvex("fixed"),
        openvex("under_investigation"),
        csaf(known_affected=["pas:zlib"]),
        csaf(fixed=["pas:zlib"]),
    ],
)
def test_nothing_else_silences(wiring, dump, vex):
    wiring.commit({VEX: written(vex)}, "acme")
    record = offered(wiring, ZLIB)
    imported(wiring, dump(osv()))
    (one,) = only(wiring, record.id).found
    assert one.status is Status.AFFECTED


def test_a_vendor_speaks_for_its_own_products_only(wiring, dump):
    other = document({"schema": 1, "name": "Other", "keys": [key("stranger")]})
    wiring.commit(
        {
            "vendor_manifests/other/vendor.yaml": other,
            "vendor_manifests/other/vex/zlib.json": written(openvex()),
        }
    )
    record = offered(wiring, ZLIB)
    imported(wiring, dump(osv()))
    (one,) = only(wiring, record.id).found
    assert one.status is Status.AFFECTED


def test_what_was_said_last_counts(wiring, dump):
    later = openvex("affected") | {"timestamp": "2025-06-06T00:00:00Z"}
    wiring.commit({VEX: written(openvex()), VEX.replace("zlib", "b"): written(later)}, "acme")
    record = offered(wiring, ZLIB)
    imported(wiring, dump(osv()))
    (one,) = only(wiring, record.id).found
    assert one.status is Status.AFFECTED
    assert "acme says that it is affected" in one.why


def test_a_vex_without_a_reason_never_gets_in(wiring):
    mute = openvex(justification="", impact_statement="")
    wiring.commit({VEX: written(mute), VEX.replace(".json", ".txt"): b"we are fine"})
    problems = {one.file: one for one in validate(wiring.git.head(), live={})}
    assert "nothing says why" in problems[VEX].what
    assert "not read" in problems[VEX.replace(".json", ".txt")].what


def test_a_vex_that_can_not_be_read_silences_nothing_and_is_told(wiring, dump):
    record = offered(wiring, ZLIB)
    wiring.commit({VEX: b"{"})
    imported(wiring, dump(osv()))
    found = only(wiring, record.id)
    assert [one.status for one in found.found] == [Status.AFFECTED]
    assert f"{VEX} does not count" in found.unknown[0]
    assert not found.is_clean


def test_without_a_match_fresh_and_whole_data_says_clean(wiring, dump):
    record = offered(wiring, deb("zlib1g", "1:1.4", "zlib"))
    imported(wiring, dump(osv()))
    found = only(wiring, record.id)
    assert found.is_clean
    assert found.summary() == "no known vulnerability in 1 package"


def test_stale_data_says_unknown_and_still_finds_what_it_knows(wiring, dump):
    clean = offered(wiring, deb("zlib1g", "1:1.4", "zlib"))
    imported(wiring, dump(osv()))
    wiring.clock.advance(8 * 86_400)
    found = only(wiring, clean.id)
    assert not found.is_clean
    assert found.unknown == (
        "1 package of Debian:13: there is no data that is whole and at most 7 days old",
    )
    assert found.summary() == "otherwise unknown"
    assert "STALE" in found.ages[0]
    wiring.materials.listed = {image: bill(ZLIB, image=image) for image in wiring.materials.listed}
    assert {one.advisory for one in only(wiring, "pas").found} == {"DEBIAN-CVE-2025-1000"}


def test_data_dated_in_the_future_is_not_fresh_for_it(wiring, dump):
    record = offered(wiring, deb("zlib1g", "1:1.4", "zlib"))
    source, _ = imported(wiring, dump(osv(modified="2099-01-01T00:00:00Z")))
    assert source.as_of is None
    assert not only(wiring, record.id).is_clean


@pytest.mark.parametrize("what", ["a part", "elsewhere", "broken", "nothing"])
def test_what_is_not_covered_whole_is_unknown(wiring, dump, what):
    record = offered(wiring, deb("zlib1g", "1:1.4", "zlib"))
    folder = dump(osv() if what != "elsewhere" else {**osv(), "affected": []})
    if what == "broken":
        (folder / "broken.json").write_text("{")
    if what != "nothing":
        import_advisories(wiring, folder, whole=what != "a part")
    found = only(wiring, record.id)
    assert not found.is_clean
    assert any("1 package of Debian:13" in one for one in found.unknown)


def test_packages_that_nobody_publishes_about_are_unknown(wiring, dump):
    odd = deb("zlib1g", "1:1.4", "zlib").model_copy(update={"name": "odd", "purl": ""})
    record = offered(wiring, odd)
    imported(wiring, dump(osv()))
    assert "1 package of other packages" in only(wiring, record.id).unknown[0]


def test_what_could_not_be_listed_is_unknown(wiring, dump):
    wiring.materials.fails = True
    record = wiring.qualify(wiring.offer())
    imported(wiring, dump(osv()))
    found = only(wiring, record.id)
    assert (found.packages, found.is_clean) == (0, False)
    assert "nobody knows what it is made of" in found.unknown[0]


def test_a_version_that_nobody_can_compare_is_unknown_and_its_clock_runs(wiring, dump):
    imported(wiring, dump(osv()))
    wiring.materials.components = dict.fromkeys(images(wiring), (deb("zlib1g", "§", "zlib"),))
    (one,) = only(wiring, "pas").found
    assert one.status is Status.UNKNOWN
    assert "nobody can tell whether it is about §" in one.why
    assert len(clocks(wiring).clocks) == 1


def images(wiring: FakeWiring) -> set[str]:
    return {system.images["app"] for system in wiring.ledger.live("pas")}


def test_a_live_system_is_listed_when_it_is_asked_about(wiring, dump):
    imported(wiring, dump(osv()))
    assert "nobody knows" in clocks(wiring).unknown[0]
    found = only(wiring, "pas")
    assert (found.version, found.sites) == ("1.0", tuple(sorted(BOTH_ON_OLD)))
    assert [one.status for one in found.found] == [Status.AFFECTED]
    assert clocks(wiring).unknown == ()


def test_the_clock_runs_from_the_day_of_publication(wiring, dump):
    imported(wiring, dump(osv()))
    only(wiring, "pas")
    (clock,) = clocks(wiring).clocks
    assert (clock.rule, clock.why) == ("14 days", "a severity that nobody discloses")
    assert clock.due == dt.datetime(2025, 6, 15, tzinfo=dt.UTC)
    assert (clock.product, clock.sites) == ("pas", tuple(sorted(BOTH_ON_OLD)))
    assert not clock.overdue
    assert clock.told().startswith("due 2025-06-15 00:00: pas 1.0 at ")
    wiring.clock.advance(6 * 86_400)
    (clock,) = clocks(wiring).clocks
    assert clock.overdue
    assert clock.told().startswith("OVERDUE since 2025-06-15")


@pytest.mark.parametrize(
    ("severity", "why"),
    [
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "a CVSS score of 7.8"),
        ("high", "a severity that is said to be high"),
        ("critical", "a severity that is said to be critical"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
         "a severity that nobody discloses"),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:N/I:L/A:N", None),
        ("medium", None),
    ],
)  # fmt: skip
def test_a_clock_runs_for_what_is_high_or_not_disclosed(wiring, dump, severity, why):
    imported(wiring, dump(osv(severity=[{"type": "any", "score": severity}])))
    only(wiring, "pas")
    assert [clock.why for clock in clocks(wiring).clocks] == ([why] if why else [])


def test_an_nhs_alert_gives_48_hours_whatever_the_severity(wiring, dump, tmp_path):
    imported(wiring, dump(osv(severity=[{"type": "any", "score": "low"}])))
    alert = tmp_path / "CC-4500.json"
    published = osv("CC-4500", published="2025-06-09T12:00:00Z", affected=[])
    alert.write_bytes(written(published))
    source, _ = import_advisories(wiring, alert, alert=True)
    assert source.covers == ()
    only(wiring, "pas")
    (clock,) = clocks(wiring).clocks
    assert (clock.rule, clock.why) == ("48 hours", "an NHS high-severity alert")
    assert clock.due == dt.datetime(2025, 6, 11, 12, tzinfo=dt.UTC)


def test_no_clock_runs_for_what_the_vendor_silences(wiring, dump):
    vex = openvex(products=[{"@id": "pkg:deb/debian/zlib1g@1:1.3"}])
    wiring.commit({VEX: written(vex)}, "acme")
    imported(wiring, dump(osv()))
    (one,) = only(wiring, "pas").found
    assert one.status is Status.NOT_AFFECTED
    assert clocks(wiring).clocks == ()


def test_what_is_overdue_comes_first(wiring, dump):
    first = osv("A", upstream=["CVE-2025-1"], published="2025-06-08T00:00:00Z")
    second = osv("B", upstream=["CVE-2025-2"], published="2025-05-01T00:00:00Z")
    imported(wiring, dump(first, second))
    only(wiring, "pas")
    found = clocks(wiring).clocks
    assert [(one.vulnerability.advisory, one.overdue) for one in found] == [
        ("B", True),
        ("A", False),
    ]


def test_an_import_takes_the_place_of_the_one_before(wiring, dump):
    folder = dump(osv(), CLEAN)
    before, _ = import_advisories(wiring, folder)
    (folder / "0.json").unlink()
    after, _ = import_advisories(wiring, folder)
    assert [one.advisories for one in wiring.advisories.sources()] == [1]
    assert before.digest != after.digest
    assert only(wiring, "pas").found == ()


def test_a_zip_is_read_as_a_folder_is(wiring, dump, tmp_path):
    packed = tmp_path / "debian.zip"
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("a.json", json.dumps(osv()))
        file.writestr("readme.txt", "nothing")
    source, unread = imported(wiring, packed)
    assert (source.advisories, source.covers, unread) == (1, ("Debian:13",), ())


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", b"{", "a.json:1: is no JSON"),
        ("a.json", b'{"id":\n\n"x",}', "a.json:3: is no JSON"),
        ("a.json", b"\xff\xfe\xff", "a.json:1: is no JSON"),
        ("a.json", b'{"a": ' + b"9" * 5000 + b"}", "a.json:1: is no JSON"),
        ("a.json", b"[" * 100_000, "a.json:1: is no JSON"),
        ("a.json", b"[]", "a.json:1: is no document"),
        ("a.json", b"{}", "a.json:1: can't be read as OSV"),
        ("a.json", b'{"document": {}}', "a.json:1: can't be read as CSAF 2.0"),
        ("a.json", written(openvex()), "a.json:1: this is a VEX"),
        ("a.zip", b"PK no zip", "no zip"),
        ("a.json", written(osv("x" * 201)), "can't be read as OSV"),
    ],
)
def test_what_can_not_be_read_is_told_by_file_and_line(wiring, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError) as error:
        import_advisories(wiring, tmp_path / name)
    assert told in error.value.diagnostics()
    assert wiring.advisories.sources() == []


def test_what_is_not_there_empty_or_beyond_measure_is_refused(wiring, tmp_path, monkeypatch):
    with pytest.raises(BadInputError, match="no such file"):
        import_advisories(wiring, tmp_path / "nothing.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="holds no advisories"):
        import_advisories(wiring, tmp_path / "empty")
    monkeypatch.setattr("clinops.adapters.advisory_files.LARGEST", 10)
    (tmp_path / "large.json").write_bytes(written(osv()))
    with pytest.raises(BadInputError, match="larger than"):
        import_advisories(wiring, tmp_path / "large.json")


def test_branches_that_are_too_deep_are_refused(wiring, tmp_path):
    deep: dict = {"category": "vendor", "name": "x"}
    for _ in range(40):
        deep = {"category": "vendor", "name": "x", "branches": [deep]}
    document = csaf()
    document["product_tree"]["branches"] = [deep]
    (tmp_path / "deep.json").write_bytes(written(document))
    with pytest.raises(BadInputError) as error:
        import_advisories(wiring, tmp_path / "deep.json")
    assert "too deep" in error.value.diagnostics()


def test_a_link_out_of_the_folder_is_not_followed(wiring, dump, tmp_path):
    folder = dump(CLEAN)
    (tmp_path / "elsewhere.json").write_bytes(written(osv()))
    (folder / "link.json").symlink_to(tmp_path / "elsewhere.json")
    source, _ = import_advisories(wiring, folder)
    assert source.advisories == 1


def test_nothing_of_that_name_is_not_found(wiring):
    with pytest.raises(NotFoundError):
        vulnerabilities(wiring, "nobody")


def test_the_cve_behind_an_advisory_is_among_its_names(wiring, dump):
    imported(wiring, dump(osv()))
    (one,) = only(wiring, "pas").found
    assert PLANTED in one.names


def test_advisories_that_were_damaged_are_ours_to_mend(wiring, dump):
    imported(wiring, dump(osv()))
    (wiring.root / "state" / "advisories.sqlite").write_bytes(b"damaged" * 1000)
    with pytest.raises(InfrastructureError, match="can't be read or kept"):
        clocks(wiring)
