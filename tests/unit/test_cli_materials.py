from __future__ import annotations

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
