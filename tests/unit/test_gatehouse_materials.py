"""What a release is made of, on its page: differences, vulnerabilities, and what nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from clinops.gatehouse.app import application
from flows.materials import import_advisories
from tests.fakes.advisories import VEX, openvex, osv, written
from tests.fakes.browser import Browser
from tests.fakes.guests import VendorsDoor
from tests.fakes.materials import deb, offered
from tests.fakes.wiring import FakeWiring

HOSTILE = "<script>alert(1)</script>"
ZLIB = deb("zlib1g", "1:1.3", "zlib")


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """A distributor's dump with one planted vulnerability."""
    folder = tmp_path / "debian"
    folder.mkdir()
    (folder / "0.json").write_bytes(written(osv()))
    return folder


def made_of(wiring: FakeWiring, release: str) -> str:
    page = Browser(application(wiring)).text(f"/releases/{release}")
    return page.split('<h2 id="materials">')[1].split("</section>")[0]


def test_says_which_packages_changed(wiring):
    record = offered(wiring, deb("zlib1g", "1:1.4", "zlib"), deb("openssl", "3.0", HOSTILE))
    part = made_of(wiring, record.id)
    assert "1 packages before, 2 now: Debian packages: 1 added, 1 upgraded" in part
    assert "2 packages that changed" in part
    assert '<td class="breaks">1:1.3</td><td class="breaks">1:1.4</td>' in part
    assert HOSTILE not in part


def test_without_advisories_it_is_unknown_and_never_clean(wiring):
    part = made_of(wiring, offered(wiring, ZLIB).id)
    assert "No advisories were ever imported" in part
    assert 'class="mark-doubt"' in part
    assert 'class="mark-good"' not in part
    assert "What nobody can tell" in part


def test_a_planted_vulnerability_is_told_with_its_source_and_age(wiring, dump):
    record = offered(wiring, ZLIB)
    import_advisories(wiring, dump)
    part = made_of(wiring, record.id)
    assert "DEBIAN-CVE-2025-1000" in part
    assert "fixed in 1:1.4" in part
    assert "Data: debian: 1 day old" in part
    assert 'class="mark-bad"' in part


def test_a_vendors_word_silences_it_and_its_reason_is_shown(wiring, dump):
    wiring.commit({VEX: written(openvex())}, "acme")
    record = offered(wiring, ZLIB)
    import_advisories(wiring, dump)
    part = made_of(wiring, record.id)
    assert "The server never inflates what it is sent." in part
    assert 'class="mark-bad"' not in part


def test_a_bill_that_could_not_be_had_is_not_known(wiring):
    wiring.materials.fails = True
    part = made_of(wiring, wiring.qualify(wiring.offer()).id)
    assert "nobody can say what changed" in part
    assert 'class="mark-good"' not in part


def test_a_vendor_sees_what_changed_and_not_what_the_trust_imported(keys, dump):
    door = VendorsDoor(keys)
    record = offered(door.wiring, ZLIB)
    import_advisories(door.wiring, dump)
    page = door.guest("acme").text(f"/releases/{record.id}")
    assert "What it is made of" in page
    assert "DEBIAN-CVE" not in page


def test_before_any_test_nothing_is_said_of_it(wiring):
    page = Browser(application(wiring)).text(f"/releases/{wiring.offer().id}")
    assert "What it is made of" not in page
