from __future__ import annotations

import datetime as dt

import pytest

from clinops.adapters.advisory_files import read_advisories
from clinops.domain.advisory import AdvisorySource, Affected, Interval, Severity, severity_of
from clinops.domain.cvss import base_score
from clinops.domain.materials import Component
from clinops.domain.package_source import Origin, origins, usual_ecosystem
from tests.fakes.advisories import PLANTED, csaf, osv, written
from tests.fakes.materials import deb

NOW = dt.datetime(2025, 6, 10, tzinfo=dt.UTC)


def zlib(version: str) -> Origin:
    return Origin("Debian:13", "zlib", version)


def read(document):
    (found,) = read_advisories("advisory.json", written(document))
    return found


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:N/I:L/A:N", 3.1),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:N/AC:L", None),
        ("CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", None),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", None),
        ("", None),
    ],
)
def test_scores_are_those_of_the_standard(vector, score):
    assert base_score(vector) == score


@pytest.mark.parametrize(
    ("score", "word", "severity"),
    [
        (None, "", Severity.UNDISCLOSED),
        (None, "not yet assigned", Severity.UNDISCLOSED),
        (None, "not disclosed", Severity.UNDISCLOSED),
        (None, "MODERATE", Severity.MEDIUM),
        (None, "Important", Severity.HIGH),
        (9.0, "low", Severity.CRITICAL),
        (3.9, "", Severity.LOW),
        (4.0, "", Severity.MEDIUM),
        (7.0, "medium", Severity.HIGH),
        (0.0, "critical", Severity.CRITICAL),
    ],
)
def test_the_worse_of_score_and_word_counts(score, word, severity):
    assert severity_of(score, word) is severity


def test_versions_between_introduction_and_fix_are_affected():
    found = Affected(
        ecosystem="Debian:13",
        name="zlib",
        versions=("0.5",),
        intervals=(
            Interval(introduced="1.0", fixed="1.4~"),
            Interval(introduced="2.0", last="2.1"),
        ),
    )
    answers = {
        "0.5": True, "0.9": False, "1.0": True, "1.3-1": True, "1.4~": False, "1.4": False,
        "2.0": True, "2.1": True, "2.1-1": False, "§": None,
    }  # fmt: skip
    assert {version: found.holds(zlib(version)) for version in answers} == answers
    assert found.fixed_in == ("1.4~",)


def test_what_can_not_be_compared_is_neither_affected_nor_clean():
    assert Affected(ecosystem="Debian:13", name="zlib").holds(zlib("1")) is None
    assert (
        Affected(ecosystem="Elsewhere", name="x", intervals=(Interval(),)).holds(zlib("1")) is None
    )
    odd = Affected(ecosystem="Debian:13", name="x", intervals=(Interval(introduced="§"),))
    assert odd.holds(zlib("1")) is None
    odd = Affected(ecosystem="Debian:13", name="x", intervals=(Interval(fixed="§"),))
    assert odd.holds(zlib("1")) is None
    odd = Affected(ecosystem="Debian:13", name="x", intervals=(Interval(last="§"),))
    assert odd.holds(zlib("1")) is None
    for range_ in ("vers:npm/<2.0.0", "vers:deb/≥§", "less than 2"):
        assert Affected(ecosystem="Debian:13", name="x", range=range_).holds(zlib("1")) is None
    assert Affected(ecosystem="Debian:13", name="x", range="vers:deb/<1:2").holds(zlib("1")) is True


def test_an_advisory_is_about_its_release_of_the_distribution_or_about_all():
    of_thirteen = Affected(ecosystem="Debian:13", name="zlib")
    assert of_thirteen.is_of(zlib("1"))
    assert of_thirteen.is_of(Origin("Debian", "zlib", "1"))
    assert not of_thirteen.is_of(Origin("Debian:12", "zlib", "1"))
    assert not of_thirteen.is_of(Origin("Debian:13", "zlib1g", "1"))
    assert not of_thirteen.is_of(Origin("Ubuntu:13", "zlib", "1"))
    assert Affected(ecosystem="Debian", name="zlib").is_of(zlib("1"))


@pytest.mark.parametrize(
    ("purl", "version", "expected"),
    [
        (deb("zlib1g", "1:1.3", "zlib").purl, "1:1.3",
         [("Debian:13", "zlib1g", "1:1.3"), ("Debian:13", "zlib", "1:1.3")]),
        (deb("b", "2+b1", "src@1:2").purl, "2+b1",
         [("Debian:13", "b", "2+b1"), ("Debian:13", "src", "1:2")]),
        ("pkg:pypi/Foo_Bar@1.0", "1.0", [("PyPI", "foo-bar", "1.0")]),
        ("pkg:npm/%40acme/ui@1.0.0", "1.0.0", [("npm", "@acme/ui", "1.0.0")]),
        ("pkg:maven/org.acme/core@1.0", "1.0", [("Maven", "org.acme:core", "1.0")]),
        ("pkg:golang/golang.org/x/net@v0.1.0", "v0.1.0", [("Go", "golang.org/x/net", "0.1.0")]),
        ("pkg:apk/alpine/libssl3@3.3-r0?distro=alpine-3.20.1&upstream=openssl", "3.3-r0",
         [("Alpine:3.20", "libssl3", "3.3-r0"), ("Alpine:3.20", "openssl", "3.3-r0")]),
        ("pkg:deb/ubuntu/a@1?distro=ubuntu-22.04", "1", [("Ubuntu:22.04", "a", "1")]),
        ("pkg:deb/debian/a@1?distro=debian", "1", [("Debian", "a", "1")]),
        ("pkg:rpm/redhat/a@1", "1", []),
        ("pkg:pypi/a", "", []),
        ("no purl", "1", []),
    ],
)  # fmt: skip
def test_packages_are_found_by_the_names_that_advisories_use(purl, version, expected):
    component = Component(name="a", version=version, purl=purl)
    assert [tuple(origin) for origin in origins(component)] == expected


def test_ecosystems_are_written_in_one_way():
    assert usual_ecosystem("Ubuntu:22.04:LTS") == "Ubuntu:22.04"
    assert usual_ecosystem("Alpine:v3.20") == "Alpine:3.20"
    assert usual_ecosystem("PyPI") == "PyPI"


def test_reads_osv():
    found = read(
        osv(severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}])
    )
    assert found.names == {"DEBIAN-CVE-2025-1000", PLANTED}
    assert (found.severity, found.score) == (Severity.CRITICAL, 9.8)
    (affected,) = found.affected
    assert affected.holds(zlib("1:1.3")) is True
    assert affected.holds(zlib("1:1.4")) is False


def test_reads_severities_in_the_words_of_whoever_published_them():
    assert read(osv()).severity is Severity.UNDISCLOSED
    assert read(osv(database_specific={"severity": "MODERATE"})).severity is Severity.MEDIUM
    assert read(osv(severity=[{"type": "Ubuntu", "score": "high"}])).severity is Severity.HIGH
    affected = {**osv()["affected"][0], "ecosystem_specific": {"urgency": "low"}}
    assert read(osv(affected=[affected])).severity is Severity.LOW


def test_what_was_withdrawn_is_no_advisory():
    withdrawn = osv(withdrawn="2025-06-09T00:00:00Z")
    assert read_advisories("advisory.json", written(withdrawn)) == []


def test_events_that_stand_in_no_order_affect_rather_too_many_versions():
    events = [{"introduced": "0"}, {"introduced": "2"}, {"fixed": "3"}, {"fixed": "1"}]
    package = {"ecosystem": "Debian:13", "name": "zlib"}
    entry = {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    (affected,) = read(osv(affected=[entry])).affected
    assert affected.holds(zlib("1")) is True


def test_packages_are_read_from_package_urls_and_repositories_are_left_out():
    entries = [
        {"package": {"purl": "pkg:deb/debian/zlib?distro=debian-13"}, "versions": ["1"]},
        {"package": {"purl": "no purl"}},
        {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]},
    ]
    (affected,) = read(osv(affected=entries)).affected
    assert (affected.ecosystem, affected.name, affected.versions) == ("Debian:13", "zlib", ("1",))


def test_reads_csaf():
    found = read(csaf())
    assert found.names == {"ACME-2025-1", PLANTED}
    assert found.severity is Severity.HIGH
    (affected,) = found.affected
    assert affected.name == "zlib1g"
    assert affected.holds(Origin("Debian:13", "zlib1g", "1:1.3")) is True
    assert affected.holds(Origin("Debian:13", "zlib1g", "1:1.4")) is False


def test_a_csaf_document_may_be_about_several_and_about_what_has_no_package_url():
    document = csaf()
    second = {
        "ids": [{"system_name": "Acme", "text": "A-7"}],
        "product_status": {"known_affected": ["pas", "nobody"]},
        "scores": [{"cvss_v3": {"baseScore": 9.1}, "products": ["pas"]}, {"products": []}],
    }
    document["vulnerabilities"].append(second)
    document["product_tree"]["full_product_names"] = [{"product_id": "nobody", "name": "x"}]
    first, other = read_advisories("advisory.json", written(document))
    assert first.id == f"ACME-2025-1 {PLANTED}"
    assert (other.id, other.score, other.affected) == ("ACME-2025-1 A-7", 9.1, ())


def test_a_csaf_product_without_a_version_is_affected_in_all():
    document = csaf()
    document["product_tree"]["branches"][0]["category"] = "product_name"
    (affected,) = read(document).affected
    assert affected.holds(Origin("Debian:13", "zlib1g", "99")) is True


def test_data_grows_stale_and_what_has_no_date_always_was():
    source = AdvisorySource(
        name="debian",
        imported=NOW,
        as_of=NOW - dt.timedelta(days=7, hours=1),
        digest="sha256:0",
        advisories=1,
        skipped=0,
    )
    assert source.is_stale(NOW, 7)
    assert not source.is_stale(NOW, 8)
    assert source.told(NOW, 7) == "debian: 7 days old, older than 7 days: STALE"
    fresh = source.model_copy(update={"as_of": NOW - dt.timedelta(days=1)})
    assert fresh.told(NOW, 7) == "debian: 1 day old"
    today = source.model_copy(update={"as_of": NOW})
    assert today.told(NOW, 7) == "debian: less than a day old"
    undated = source.model_copy(update={"as_of": None})
    assert undated.is_stale(NOW, 365)
    assert "an age that nobody knows" in undated.told(NOW, 7)
