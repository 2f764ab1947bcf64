from __future__ import annotations

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from clinops.domain.materials import Component, bill_from
from clinops.domain.materials_change import What, as_json, changes, changes_in
from clinops.domain.package_version import order
from clinops.errors import EvidenceError
from tests.fakes.materials import bill, deb

IMAGE = "sha256:" + "a" * 64
SYFT = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "serialNumber": "urn:uuid:7a654f40-d748-4588-8000-000000000000",
    "version": 1,
    "metadata": {
        "timestamp": "2026-11-23T21:46:00Z",
        "tools": {"components": [{"type": "application", "name": "syft", "version": "1.18.1"}]},
        "component": {"type": "container", "name": "something else"},
    },
    "components": [
        {"type": "library", "name": "zlib1g", "version": "1:1.3", "purl": "pkg:deb/debian/zlib1g"},
        {"type": "library", "name": "apt", "version": "2.6.1", "properties": [{"name": "x"}]},
        {"type": "library", "name": "apt", "version": "2.6.1", "licenses": []},
        {"type": "file", "name": "/etc/passwd"},
        {"type": "operating-system", "name": "debian", "version": "13"},
    ],
}


def npm(name: str, version: str) -> Component:
    return Component(name=name, version=version, purl=f"pkg:npm/{name}@{version}")


def only(before: list[Component], after: list[Component]):
    (found,) = changes(bill(*before), bill(*after)).packages
    return found


def test_a_bill_keeps_packages_and_leaves_out_times_numbers_and_files():
    found = bill_from(json.dumps(SYFT).encode(), IMAGE)
    assert (found.image, found.lister, found.system) == (IMAGE, "syft 1.18.1", "debian 13")
    assert [one.name for one in found.components] == ["apt", "zlib1g"]
    assert b"serialNumber" not in found.cyclonedx()
    assert b"2026" not in found.cyclonedx()


def test_the_same_packages_in_another_order_give_the_same_bytes():
    turned = {**SYFT, "components": SYFT["components"][::-1], "serialNumber": "urn:uuid:other"}
    first, second = (bill_from(json.dumps(one).encode(), IMAGE) for one in (SYFT, turned))
    assert first.cyclonedx() == second.cyclonedx()
    assert bill_from(first.cyclonedx()) == first


def test_a_bill_is_cyclonedx_as_its_schema_has_it():
    written = bill_from(json.dumps(SYFT).encode(), IMAGE).cyclonedx()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written.decode()) is None


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"[]",
        b'{"components": 7}',
        b'{"components": [{"type": "library"}]}',
        json.dumps({"components": [{"type": "library", "name": "x" * 301}]}).encode(),
        json.dumps({"components": [{"type": "a", "name": "b"}] * 50_001}).encode(),
        b'{"components": ' + b"[" * 5000,
    ],
)
def test_what_is_no_bill_or_beyond_measure_is_refused(hostile):
    with pytest.raises(EvidenceError, match="no bill of materials"):
        bill_from(hostile)


def test_tells_up_from_down_as_debian_orders_versions():
    assert only([deb("a", "1.9")], [deb("a", "1.10")]).what is What.UPGRADED
    assert only([deb("a", "1:1.0")], [deb("a", "2.0")]).what is What.DOWNGRADED
    assert only([deb("a", "1.0")], [deb("a", "1.0~rc1")]).what is What.DOWNGRADED
    assert only([deb("a", "1.0-1")], [deb("a", "1.0-1+b1")]).what is What.UPGRADED
    assert only([], [deb("a", "1")]).what is What.ADDED
    assert only([deb("a", "1")], []).what is What.REMOVED


def test_where_nobody_can_tell_a_package_is_changed():
    odd = [Component(name="x", version=version) for version in ("one", "two")]
    assert only(odd[:1], odd[1:]).what is What.CHANGED
    assert only([npm("a", "1.0.0")], [npm("a", "1.0.0"), npm("a", "2.0.0")]).what is What.CHANGED
    assert only([deb("a", "§§")], [deb("a", "2")]).what is What.CHANGED


def test_the_same_packages_are_no_change():
    found = changes(bill(deb("a", "1")), bill(deb("a", "1")))
    assert found.packages == ()
    assert found.summary() == "the same 1 package as before"


def test_tells_what_changed_by_kind_what_surprises_most_first():
    before = bill(deb("a", "2"), deb("b", "1"), deb("c", "1"), npm("d", "1.0.0"))
    after = bill(deb("a", "1"), deb("b", "2"), deb("e", "1"), npm("d", "2.0.0"))
    found = changes(before, after)
    assert found.summary() == (
        "Debian packages: 1 downgraded, 1 removed, 1 added, 1 upgraded; "
        "JavaScript packages: 1 upgraded"
    )
    assert found.told()[1:] == [
        "Debian packages:",
        "  downgraded a 2 → 1",
        "  removed c 1",
        "  added e 1",
        "  upgraded b 1 → 2",
        "JavaScript packages:",
        "  upgraded d 1.0.0 → 2.0.0",
    ]
    assert as_json(found)["summary"] == found.summary()
    assert as_json(None) is None


def test_no_name_of_a_package_adds_a_line_or_moves_anything():
    hostile = Component(name="x\n  removed\x1b[2J openssl\u202e", version="1\r2")
    found = changes(bill(), bill(hostile))
    assert found.told()[2:] == ["  added x removed\ufffd[2J openssl\ufffd 1\ufffd2"]
    assert found.text().count(b"\n") == 3


def test_packages_of_one_name_and_several_groups_are_told_apart():
    found = [
        Component(name="core", version="1", purl=f"pkg:maven/{group}/core@1")
        for group in ("org.a", "org.b")
    ]
    assert only(found[:1], found).name == "org.b/core"


def test_without_both_bills_nobody_knows_what_changed():
    one = bill(deb("a", "1")).cyclonedx()
    assert changes_in({}) is None
    assert changes_in({"materials/candidate.cdx.json": one}) is None
    both = {f"materials/{role}.cdx.json": one for role in ("baseline", "candidate")}
    assert changes_in(both).packages == ()


@pytest.mark.parametrize(
    ("kind", "one", "other", "expected"),
    [
        ("deb", "1.0", "1.0", 0),
        ("deb", "2.36-9+deb12u10", "2.36-9+deb12u9", 1),
        ("pypi", "1.0rc1", "1.0", -1),
        ("npm", "1.10.0", "1.9.0", 1),
        ("maven", "1.0-SNAPSHOT", "1.0", -1),
        ("unheard-of", "1", "2", None),
        ("intdot", "7_7:2~", "7.07+27", None),
        ("none", "1", "2", None),
        ("deb", "1" * 301, "2", None),
    ],
)
def test_orders_versions_as_their_package_manager_does(kind, one, other, expected):
    assert order(kind, one, other) == expected
