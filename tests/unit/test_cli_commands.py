from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import typer

from clinops.adapters import settings
from clinops.cli import app, context
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.suite import Verdict
from flows.reconcile import adoption
from tests.fakes.evidence import case
from tests.fakes.wiring import MANIFEST, FakeWiring, manifest

HOSTILE = "\x1b[2J\x9b31m[red]bold[/red]\u202e\r\x07\nfinding   none\n"


def commands(group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        elif not command.hidden:
            yield (*words, name)


ALL = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_has_an_example_of(terminal, words):
    said = terminal.run(*words, "--help")
    assert said.code == 0
    assert "Example: clinops " in said.out
    assert re.search(rf"clinops\s(--estate \S+\s)?{words[0]}", said.out)


def test_the_commands_are_those_of_the_design():
    assert {words[0] for words in ALL} >= {
        *("doctor", "up", "down", "status", "init", "hook", "validate", "adopt", "reconcile"),
        *("release", "qualify", "sign", "reject", "promote", "evidence", "ledger"),
        *("approve", "stop", "resume", "ask", "answer", "signer", "gatehouse"),
    }


def test_without_a_command_the_help_is_shown(terminal):
    said = terminal.run()
    assert said.code == 2
    assert "May this vendor release touch patients?" in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    "words", [["nosuch"], ["validate", "--nosuch"], ["release", "show"], ["sign", "x"]]
)
def test_a_command_that_cannot_be_understood_is_bad_input(terminal, words):
    said = terminal.run(*words)
    assert said.code == 2
    assert said.err.endswith("mend: clinops --help\n")


BROKEN_SETTINGS = {
    "no TOML": b"estate = ",
    "not UTF-8": b"\xff\xfe",
    "no identity": b"port = 4200\n",
    "an identity of another form": b'estate = "me"\n',
    "an unknown key": b'estate = "0123456789ab"\nprot = 1\n',
    "a port that is none": b'estate = "0123456789ab"\nport = 99999\n',
    "a port that is text": b'estate = "0123456789ab"\nport = "high"\n',
}


@pytest.mark.parametrize("name", BROKEN_SETTINGS)
@pytest.mark.parametrize("words", [["status"], ["validate"], ["release", "list"]], ids=" ".join)
def test_broken_settings_are_bad_input(terminal, tmp_path, name, words):
    (tmp_path / settings.FILE).write_bytes(BROKEN_SETTINGS[name])
    said = terminal.run("--estate", tmp_path, *words)
    assert said.code == 2
    assert said.err.startswith(f"{tmp_path / settings.FILE}:")


@pytest.mark.parametrize(
    "words",
    [["status"], ["reconcile"], ["ledger", "verify"], ["release", "show", "x"], ["down"], ["up"]],
    ids=" ".join,
)
def test_a_folder_that_is_no_estate_is_bad_input(terminal, tmp_path, words):
    said = terminal.run("--estate", tmp_path, *words)
    assert said.code == 2
    assert "has no clinops.toml" in said.err
    assert list(tmp_path.iterdir()) == []


def test_every_read_command_speaks_json(terminal, wiring, tmp_path):
    release = wiring.qualify(wiring.offer())
    bundle = tmp_path / "release.tar"
    assert terminal.run("release", "list", "--json").json[0]["id"] == release.id
    shown = terminal.run("release", "show", release.id, "--json").json
    assert (shown["state"], shown["gate"]["open"]) == ("awaiting-sign-off", False)
    assert terminal.run("release", "watch", release.id, "--json").json == shown
    assert terminal.run("status", "--json").json["open"] == {release.id: "awaiting-sign-off"}
    assert terminal.run("ledger", "verify", "--json").json == {"holds": True, "problems": []}
    assert terminal.run("reconcile", "--json").json["problems"] == []
    exported = terminal.run("evidence", "export", release.id, "--to", bundle, "--json").json
    assert exported == {"bundle": str(bundle), "evidence": release.evidence}
    verified = terminal.run("evidence", "verify", bundle, "--json")
    assert (verified.code, verified.json["holds"]) == (0, True)


def test_doctor_speaks_json(terminal, tmp_path):
    said = terminal.run("--estate", tmp_path, "doctor", "--json")
    assert {frozenset(check) for check in said.json} == {frozenset({"what", "good", "mend"})}
    assert said.code == int(not all(check["good"] for check in said.json))


def test_doctor_tells_what_is_missing_and_how_to_mend_it(terminal, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    said = terminal.run("--estate", tmp_path, "doctor")
    assert said.code == 1
    for what in ("git", "ssh-keygen", "a Docker engine that answers"):
        assert f"MISSING {what}\n        mend: " in said.out


def test_doctor_looks_at_the_estate(terminal, tmp_path):
    settings.create(tmp_path, 4299)
    checks = {c["what"]: c for c in terminal.run("-e", tmp_path, "doctor", "--json").json}
    assert not checks["git hooks"]["good"]
    assert "hook install" in checks["git hooks"]["mend"]
    assert not checks["the worker runs"]["good"]


def test_a_release_is_found_by_the_only_beginning_of_its_id(terminal, wiring):
    release = wiring.offer()
    assert terminal.run("release", "show", "pas-2.0", "--json").json["id"] == release.id
    assert terminal.run("release", "show", "pas-9").code == 2
    wiring.offer("2.1")
    said = terminal.run("release", "show", "pas-2")
    assert (said.code, "2 releases start with pas-2" in said.err) == (2, True)


def test_a_list_is_never_cut_where_it_is_not_read_by_a_person(terminal, wiring):
    ids = [wiring.offer(f"2.0.post{number}00000000000000000000000000").id for number in (1, 2)]
    said = terminal.run("release", "list")
    assert all(release in said.out for release in ids)


def test_commands_to_paste_are_on_one_line(terminal, wiring):
    release = wiring.qualify(wiring.offer())
    said = terminal.run("--estate", "/" + "a" * 120, "release", "show", release.id)
    assert len(said.err.splitlines()) == 1


def test_hostile_text_of_a_vendor_is_shown_harmlessly(terminal, wiring):
    wiring.suites.cases["smoke", "2.0"] = (
        case(f"t::{HOSTILE}", Verdict.FAILED, message=HOSTILE, detail=HOSTILE),
    )
    release = wiring.qualify(wiring.offer())
    assert release.state is State.REFUSED
    plain = terminal.run("release", "show", release.id)
    assert "[red]bold[/red]" in plain.out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", plain.out + plain.err)
    assert "finding   none" not in plain.out.splitlines()
    in_json = terminal.run("release", "show", release.id, "--json")
    assert in_json.out.isascii()


def test_hostile_text_in_an_error_is_shown_harmlessly(terminal, wiring):
    said = terminal.run("release", "show", HOSTILE)
    assert said.code == 2
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said.err)
    assert "[red]bold[/red]" in said.err


def test_a_file_that_cannot_be_written_is_a_text(terminal, wiring, tmp_path):
    release = wiring.qualify(wiring.offer())
    (tmp_path / "file").touch()
    said = terminal.run("evidence", "export", release.id, "--to", tmp_path / "file" / "x.tar")
    assert said.code == 3
    assert "file" in said.err


def test_signers_that_are_not_there_are_a_text(terminal, wiring, tmp_path):
    release = wiring.signed_off()
    bundle = tmp_path / "release.tar"
    terminal.run("evidence", "export", release.id, "--to", bundle)
    said = terminal.run("evidence", "verify", bundle, "--signers", tmp_path / "none.yaml")
    assert said.code == 3
    assert "none.yaml" in said.err


def test_a_bundle_whose_signatures_are_forged_does_not_verify(terminal, wiring, tmp_path):
    release = wiring.signed_off()  # signatures of the fakes are nothing to OpenSSH
    bundle = tmp_path / "release.tar"
    terminal.run("evidence", "export", release.id, "--to", bundle)
    said = terminal.run("evidence", "verify", bundle)
    assert said.code == 1
    assert "DOES NOT   not counted: the signature does not verify" in said.out


def test_evidence_that_there_is_none_of_cannot_be_exported(terminal, wiring, tmp_path):
    release = wiring.offer()
    said = terminal.run("evidence", "export", release.id, "--to", tmp_path / "x.tar")
    assert said.code == 1
    assert not (tmp_path / "x.tar").exists()


SIGN = ("--reason", "Read it.", "--yes")


def test_the_second_sign_off_opens_the_gate_and_creates_the_run(terminal, wiring):
    release = wiring.qualify(wiring.offer())
    first = terminal.run("sign", release.id, "--role", "safety", "--key", "joy", *SIGN, "--json")
    assert (first.code, first.json["open"], first.json["run"]) == (0, False, None)
    assert f"release {release.id} of acme, committed by vendor:acme" in first.err
    second = terminal.run("sign", release.id, "--role", "operations", "--key", "sam", *SIGN)
    assert second.code == 0
    assert "the gate is open" in second.out
    assert list(wiring.orchestrator.runs)[-1] == f"promote:{release.id}:1"
    assert wiring.kinds(release.id)[-2:] == [Kind.SIGNED, Kind.SIGNED]


@pytest.mark.parametrize(
    ("role", "key", "code"),
    [
        ("safety", "stranger", 1),
        ("safety", "acme", 1),
        ("safety", "nosuch", 2),
        ("porter", "joy", 2),
    ],
)
def test_a_sign_off_that_would_not_count_is_not_recorded(terminal, wiring, role, key, code):
    release = wiring.qualify(wiring.offer())
    said = terminal.run("sign", release.id, "--role", role, "--key", key, *SIGN)
    assert said.code == code
    assert Kind.SIGNED not in wiring.kinds(release.id)


def test_only_what_awaits_sign_off_can_be_signed(terminal, wiring):
    release = wiring.offer()
    said = terminal.run("sign", release.id, "--role", "safety", "--key", "joy", *SIGN)
    assert said.code == 1
    assert "only a release that awaits sign-off can be signed" in said.err


def test_a_rejection_is_for_good(terminal, wiring):
    release = wiring.qualify(wiring.offer())
    said = terminal.run("reject", release.id, "--role", "safety", "--key", "joy", *SIGN)
    assert (said.code, wiring.release(release.id).state) == (0, State.REJECTED)
    assert terminal.run("promote", release.id).code == 1
    assert wiring.orchestrator.runs == {
        key: run for key, run in wiring.orchestrator.runs.items() if run["flow"] == "qualify"
    }


def test_a_closed_gate_is_told_with_every_reason_and_recorded(terminal, wiring):
    release = wiring.qualify(wiring.offer())
    said = terminal.run("promote", release.id)
    assert said.code == 1
    assert "nobody has signed yet" in said.err
    assert "1 more sign-off by role operations" in said.err
    assert wiring.kinds(release.id)[-1] is Kind.PROMOTION_REFUSED


def test_an_open_gate_gets_one_promote_run_however_often_it_is_asked(terminal, wiring):
    release = wiring.signed_off()
    runs = [terminal.run("promote", release.id, "--json").json["run"] for _ in range(2)]
    assert runs[0] == runs[1]
    assert [run["flow"] for run in wiring.orchestrator.runs.values()].count("promote") == 1


def test_what_is_live_is_not_promoted_again(terminal, wiring):
    release = wiring.signed_off()
    wiring.promote(release)
    said = terminal.run("promote", release.id)
    assert (said.code, "nothing to do" in said.err) == (0, True)


def test_what_was_rolled_back_says_no(terminal, wiring):
    release = wiring.signed_off()
    wiring.suites.failing = {("smoke", "2.0")}
    wiring.promote(release)
    assert terminal.run("promote", release.id).code == 1
    assert terminal.run("release", "watch", release.id).code == 1
    assert "smoke suite failed" in terminal.run("release", "show", release.id).out


def test_a_flow_server_that_is_down_is_an_outside_failure(terminal, wiring):
    release = wiring.signed_off()
    wiring.orchestrator.down = True
    assert terminal.run("promote", release.id).code == 3


def test_a_broken_ledger_is_said_and_exits_with_one(terminal, wiring):
    wiring.edit_ledger()
    said = terminal.run("ledger", "verify")
    assert (said.code, said.out) == (1, "")
    assert "entry 1 was changed after it was written" in said.err
    assert terminal.run("ledger", "verify", "--json").json["holds"] is False


def test_a_broken_manifest_makes_reconcile_say_no(terminal, wiring):
    wiring.commit({MANIFEST: b"schema: ["}, "acme")
    said = terminal.run("reconcile")
    assert said.code == 1
    assert f"{MANIFEST}:1: " in said.err


def test_watching_gives_up_in_time(terminal, wiring):
    release = wiring.offer()
    said = terminal.run("release", "watch", release.id, "--time-limit", "0")
    assert said.code == 1
    assert "is the worker up?" in said.err


def test_adopts_only_what_runs_and_is_described(terminal, tmp_path, monkeypatch):
    wiring = FakeWiring(tmp_path)
    monkeypatch.setattr(context, "Wiring", lambda root: wiring)
    site = ("--site", "cottage-hospital")
    assert terminal.run("adopt", "pas", "1.0", *site).code == 2
    assert terminal.run("adopt", "pas", "0.9", *site, "--install").code == 2
    assert terminal.run("adopt", "lab", "1.0", *site, "--install").code == 2
    assert terminal.run("adopt", "pas", "1.0", "--site", "none", "--install").code == 2
    assert list(wiring.ledger.entries()) == []
    assert terminal.run("adopt", "pas", "1.0", *site, "--install", "--seed").code == 0
    assert wiring.live_versions() == {"cottage-hospital": "1.0"}
    assert len(wiring.suites.seeded) == 1
    assert terminal.run("adopt", "pas", "1.0", *site).code == 2


def test_one_adoption_of_a_site_at_a_time(terminal, tmp_path, monkeypatch):
    wiring = FakeWiring(tmp_path)
    monkeypatch.setattr(context, "Wiring", lambda root: wiring)
    with wiring.lease(adoption("pas", "cottage-hospital")):
        said = terminal.run("adopt", "pas", "1.0", "--site", "cottage-hospital", "--install")
    assert (said.code, "another process is at work" in said.err) == (3, True)
    assert wiring.running() == {}


def test_adoption_is_no_way_around_the_gate(terminal, tmp_path, monkeypatch):
    wiring = FakeWiring(tmp_path)
    monkeypatch.setattr(context, "Wiring", lambda root: wiring)
    wiring.adopt("cottage-hospital")
    wiring.commit({MANIFEST: manifest("2.0")}, "acme")
    said = terminal.run("adopt", "pas", "2.0", "--site", "general-hospital", "--install")
    assert (said.code, "goes through the gate" in said.err) == (1, True)
    assert wiring.running() == {"cottage-hospital": "1.0"}


def test_adopts_the_version_of_an_earlier_commit(terminal, tmp_path, monkeypatch):
    wiring = FakeWiring(tmp_path)
    monkeypatch.setattr(context, "Wiring", lambda root: wiring)
    first = wiring.git.head().commit
    wiring.commit({MANIFEST: manifest("2.0")}, "acme")
    words = ("adopt", "pas", "1.0", "--site", "cottage-hospital", "--install", "--commit", first)
    assert terminal.run(*words).code == 0
    (live,) = wiring.ledger.live("pas")
    assert (live.version, live.commit) == ("1.0", first)
