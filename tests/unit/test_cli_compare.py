"""`clinops compare`, and what `release show` says of rehearsals."""

from __future__ import annotations

import dataclasses
import json

from clinops.adapters import bundle as bundles
from clinops.cli import context
from clinops.domain.comparison import Example
from clinops.domain.digest import canonical
from clinops.domain.rehearsal import WayBack
from flows.bundle import export_release
from flows.compare import PROPOSED
from tests.fakes.assembled import as_compared, as_rehearsed, qualified_with
from tests.fakes.compared import LOST, SLOWER, comparison, group, rehearsal, speed
from tests.fakes.wiring import PROBES

RULE = {"id": "N-001", "probe": "study", "path": "body/created", "type": "timestamp"}
HOSTILE = "\x1b[2J[red]x[/red]\u202e\ncompared  nothing"
NOISE = Example(probe="study", path="body/created", before="1", after="2")


def test_equal_behaviour_is_a_yes(wiring, terminal):
    record = qualified_with(wiring, compared=as_compared(comparison(speeds=(speed(),))))
    said = terminal.run("compare", record.id)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "compared  40 answers to 40 probes",
        "speed     search: median 100.0 ms, now 101.0 ms",
        "differs   nothing",
    ]


def test_one_cause_is_one_line_with_where_it_shows(wiring, terminal):
    added = group("http headers/x: added", change="added")
    graver = group(count=240, protected=True, hazards=("PAS-001",))
    record = qualified_with(wiring, compared=as_compared(comparison(added, graver)))
    said = terminal.run("compare", record.id)
    assert said.code == 1
    assert said.out.splitlines()[1:3] == [
        "REFUSES   behaviour: http body/*/Name: changed (in 240 places, PAS-001, protected)",
        "            study[patient=1] body/0/Name: Ann, now Anne",
    ]
    assert "noted     behaviour: http headers/x: added (in 1 place)" in said.out
    assert "2 undeclared differences" in said.err


def test_what_is_declared_is_a_yes(wiring, terminal):
    compared = as_compared(comparison(group()))
    changes = [{"summary": "Full names", "covers": [compared.differences[0].subject]}]
    record = qualified_with(wiring, compared=compared, changes=changes)
    said = terminal.run("compare", record.id)
    assert said.code == 0
    assert "declared  behaviour: http body/*/Name: changed (in 1 place)" in said.out


def test_what_one_change_declares_stands_together(wiring, terminal):
    names = group(protected=True), group("http body/*/Sex: changed", protected=True)
    compared = as_compared(comparison(*names))
    covers = [difference.subject for difference in compared.differences]
    changes = [{"summary": "Full names", "covers": covers}]
    record = qualified_with(wiring, compared=compared, changes=changes)
    said = terminal.run("release", "show", record.id)
    lines = said.out.splitlines()
    since = lines.index("finding   [note] 2 differences, as declared: Full names")
    assert lines[since + 1 : since + 4] == [
        "            behaviour: http body/*/Name: changed",
        "              study[patient=1] body/0/Name: before: Ann; after: Anne",
        "            behaviour: http body/*/Sex: changed",
    ]


def test_noise_and_slowness_are_a_no(wiring, terminal):
    record = qualified_with(
        wiring, compared=as_compared(comparison(noise=(NOISE,), speeds=(SLOWER,)))
    )
    said = terminal.run("compare", record.id)
    assert said.code == 1
    assert "finding   [inconclusive] Two identical baselines differ" in said.out
    assert "finding   [refuses] search has become slower beyond doubt" in said.out
    assert "undeclared" not in said.err


def test_the_result_as_json_is_whole(wiring, terminal):
    record = qualified_with(wiring, compared=as_compared(comparison(group())))
    said = terminal.run("compare", record.id, "--json")
    assert said.code == 1
    result = json.loads(said.out)
    assert result["comparison"] == comparison(group()).json_value()
    assert result["differences"][0]["subject"] == "behaviour: http body/*/Name: changed"


def test_reads_a_bundle_without_an_estate(wiring, terminal, tmp_path, monkeypatch):
    record = qualified_with(wiring, compared=as_compared(comparison()))
    path = tmp_path / "release.tar"
    export_release(record, wiring, path)
    monkeypatch.setattr(context, "Wiring", None)
    said = terminal.run("compare", str(path))
    assert (said.code, said.out.splitlines()[-1]) == (0, "differs   nothing")


def test_refuses_a_bundle_that_contradicts_itself(wiring, terminal, tmp_path):
    record = qualified_with(wiring, compared=as_compared(comparison(group())))
    path = tmp_path / "release.tar"
    export_release(record, wiring, path)
    bundle = bundles.read(path)
    silent = bundle.evidence.model_copy(update={"differences": ()})
    path.write_bytes(bundles._pack(dataclasses.replace(bundle, evidence=silent)))
    said = terminal.run("compare", path)
    assert said.code == 1
    assert "contradicts itself" in said.err


def test_says_that_nothing_was_compared(wiring, terminal):
    wiring.commit({PROBES: None})
    said = terminal.run("compare", wiring.qualify(wiring.offer()).id)
    assert said.code == 2
    assert "behaviour was not compared" in said.err


def test_says_that_there_is_no_evidence_yet(wiring, terminal):
    said = terminal.run("compare", wiring.offer().id)
    assert (said.code, "it has no evidence yet" in said.err) == (1, True)


def test_proposes_noise_rules_for_a_person_to_approve(wiring, terminal):
    compared = as_compared(comparison(noise=(NOISE,)))
    proposed = type(compared)(
        compared.comparison,
        compared.differences,
        files={**compared.files, PROPOSED: canonical([RULE])},
    )
    said = terminal.run("compare", qualified_with(wiring, compared=proposed).id, "--propose")
    assert said.code == 0
    assert said.out.splitlines() == [
        "schema: 1",
        "product: pas",
        "rules:",
        "- id: N-001",
        "  path: body/created",
        "  probe: study",
        "  type: timestamp",
    ]
    assert "environments/pas/noise.yaml" in said.err


def test_has_nothing_to_propose_where_nothing_is_noise(wiring, terminal):
    said = terminal.run(
        "compare", qualified_with(wiring, compared=as_compared(comparison())).id, "--propose"
    )
    assert (said.code, said.out) == (0, "")
    assert "nothing to propose" in said.err


def test_a_vendors_text_moves_nothing_in_the_terminal(wiring, terminal):
    example = Example(probe=HOSTILE, path=HOSTILE, before=HOSTILE, after=HOSTILE)
    compared = as_compared(comparison(group(HOSTILE, examples=(example,))))
    said = terminal.run("compare", qualified_with(wiring, compared=compared).id)
    assert len([line for line in said.out.splitlines() if line.startswith("compared")]) == 1
    assert not {"\x1b", "\u202e"} & set(said.out + said.err)
    assert "[red]x[/red]" in said.out


def test_a_release_shows_what_was_rehearsed(wiring, terminal):
    losses = tuple(LOST.model_copy(update={"record": str(n)}) for n in range(12))
    found = rehearsal(way_back=WayBack.LOSSY, losses=losses, lost=300)
    record = qualified_with(wiring, as_rehearsed(found), as_compared(comparison(group())))
    said = terminal.run("release", "show", record.id)
    assert "way up    works, 3.5 s of downtime" in said.out
    assert "way back  lossy (binary), 4.0 s of downtime" in said.out
    assert "lost: patients: 9" in said.out
    assert "and 290 more" in said.out
    assert (
        f"compared  40 answers: 1 cause of differences   (clinops compare {record.id})" in said.out
    )
    shown = json.loads(terminal.run("release", "show", record.id, "--json").out)
    assert shown["rehearsal"]["way_back"] == "lossy"
    assert shown["comparison"]["answers"] == 40
    assert shown["differences"][0]["kind"] == "behaviour"
