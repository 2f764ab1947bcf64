from __future__ import annotations

from tests.fakes.advisories import osv, written
from tests.fakes.materials import deb, offered


def test_a_terminal_shows_what_changed_and_nothing_in_it_moves_the_cursor(wiring, terminal):
    record = offered(wiring, deb("zlib1g", "1:1.4", "zlib"), deb("ev\x1b[2Jil", "1\r2"))
    shown = terminal.run("materials", "diff", record.id)
    assert shown.code == 0
    assert "upgraded zlib1g 1:1.3 → 1:1.4" in shown.out
    assert "\x1b" not in shown.out
    assert "\r" not in shown.out
    found = terminal.run("materials", "diff", record.id, "--json").json
    assert {one["what"] for one in found["packages"]} == {"added", "upgraded"}
    view = terminal.run("release", "show", record.id)
    assert "made of   Debian packages: 1 added, 1 upgraded" in view.out
    assert terminal.run("release", "show", record.id, "--json").json["materials"] == found


def test_without_bills_the_difference_is_not_found(wiring, terminal):
    wiring.materials.fails = True
    record = wiring.qualify(wiring.offer())
    shown = terminal.run("materials", "diff", record.id)
    assert shown.code == 2
    assert "no bills of materials" in shown.err


def test_a_terminal_tells_vulnerabilities_with_the_age_of_the_data(wiring, terminal, tmp_path):
    folder = tmp_path / "debian"
    folder.mkdir()
    hostile = osv(details="x\x1b[2J", severity=[{"type": "any", "score": "high"}])
    (folder / "a.json").write_bytes(written(hostile))
    said = terminal.run("advisories", "import", folder, "--whole")
    assert said.code == 0
    assert "1 advisory imported as debian" in said.out
    assert "debian: 1 day old" in terminal.run("advisories", "list").out
    assert terminal.run("advisories", "list", "--json").json[0]["covers"] == ["Debian:13"]
    said = terminal.run("materials", "vulnerabilities", "pas")
    assert "affected: DEBIAN-CVE-2025-1000 (CVE-2025-1000) in zlib1g 1:1.3" in said.out
    assert "data      debian: 1 day old" in said.out
    (found,) = terminal.run("materials", "vulnerabilities", "pas", "--json").json
    assert (found["clean"], found["found"][0]["status"]) == (False, "affected")
    said = terminal.run("materials", "clocks")
    assert "due 2025-06-15 00:00: pas 1.0" in said.out
    assert "data      debian: 1 day old" in said.out
    (clock,) = terminal.run("materials", "clocks", "--json").json["clocks"]
    assert clock["rule"] == "14 days"


def test_a_terminal_tells_that_nothing_was_imported(wiring, terminal):
    assert "nothing was imported" in terminal.run("advisories", "list").out
    said = terminal.run("materials", "clocks")
    assert "no clock runs, as far as anybody can tell" in said.out
    assert "none was imported, so that everything is unknown" in said.out


def test_a_terminal_names_what_can_not_be_imported(wiring, terminal, tmp_path):
    (tmp_path / "a.json").write_bytes(written(osv()))
    (tmp_path / "b\x1b[2J.json").write_text("{")
    said = terminal.run("advisories", "import", tmp_path, "--source", "debian", "--whole")
    assert said.code == 0
    assert "1 document can't be read, so that nothing is clean by this source" in said.out
    assert "is no JSON" in said.err
    found = terminal.run("advisories", "import", tmp_path / "a.json", "--json").json
    assert found["covers"] == []
    assert terminal.run("advisories", "import", tmp_path / "none").code == 2
