"""The hand-back of a system: what a new colleague is told, and that what it says works."""

from __future__ import annotations

import datetime as dt
import shlex

import typer.main

from clinops.cli import app
from clinops.domain.handover import Skill
from clinops.domain.ledger import Kind
from clinops.gatehouse.app import application
from flows.handover import handover
from tests.fakes.browser import Browser
from tests.fakes.wiring import (
    COMPOSE,
    GATE,
    HAZARDS,
    MANIFEST,
    PROBES,
    REVOKED,
    SMOKE,
    FakeWiring,
    compose,
    document,
    gate,
    hazard,
    hazards,
    key,
    manifest,
    signer,
    signers,
)

HOSTILE = "<script>alert(1)</script>"


def skill(wiring: FakeWiring, what: str) -> Skill:
    return next(one for one in handover("pas", wiring).skills if one.what == what)


def test_says_what_the_replica_is_made_of_and_what_is_asked_at_each_interface(wiring):
    found = handover("pas", wiring)
    app_part, database = found.parts
    assert (app_part.name, app_part.image) == ("app", "the release's own package")
    assert (app_part.needs, app_part.data) == (("db",), ("data",))
    assert database.image == f"acme/db@sha256:{'d' * 64}"
    (door,) = found.interfaces
    assert (door.name, door.door, door.asked) == ("http", "app:8080", (("http", 2),))
    assert (found.vendor, found.seed, found.under_test) == ("Acme", "seed.py", "app")
    assert found.live == (("cottage-hospital", "1.0"), ("general-hospital", "1.0"))


def test_says_where_an_image_is_built_and_at_which_door_a_database_is_asked(wiring):
    index = {"kind": "postgresql", "endpoint": "sql", "name": "n", "user": "u", "password": "p"}
    services = {
        "app": {"image": "package"},
        "db": {"build": {"context": "images/db"}},
    }
    section = {"under_test": "app", "endpoints": {"http": "app:80", "sql": "db:5432"},
               "databases": {"index": index}}  # fmt: skip
    content = {"name": "pas", "services": services, "x-clinops": section}
    asked = [
        {"id": "rows", "sql": {"query": "select 1"}},
        {"id": "disk", "command": {"argv": ["df"]}},
    ]
    listed = {"schema": 1, "product": "pas", "probes": asked}
    wiring.commit({COMPOSE: document(content), PROBES: document(listed)})
    found = handover("pas", wiring)
    assert found.parts[1].image == "built from images of the environment, folder images/db"
    assert [(one.name, one.asked) for one in found.interfaces] == [
        ("http", ()),
        ("sql", (("sql", 1),)),
    ]


def test_lists_open_hazards_with_the_graver_ones_first(wiring):
    grave = {"severity": "catastrophic", "likelihood": "high"}
    closed = hazard("PAS-003", status="closed", evidence=["minutes of 3 June"])
    wiring.commit({HAZARDS: hazards(hazard(), hazard("PAS-002", initial=grave), closed)})
    found = [(one.id, one.before, one.after) for one in handover("pas", wiring).hazards]
    assert found == [("PAS-002", 5, 2), ("PAS-001", 3, 2)]


def test_lists_noise_rules_waivers_and_declared_changes_as_known_differences(wiring):
    waiver = {"id": "W-001", "version": "2.0", "finding": "test-failed", "occurrence": "smoke: x",
              "reason": "No printer.", "owner": "Sam", "expires": dt.date(2025, 6, 20)}  # fmt: skip
    rule = {"id": "N-001", "probe": "patient", "path": "body/seen", "type": "timestamp",
            "reason": "A clock.", "owner": "Joy", "expires": dt.date(2025, 7, 1)}  # fmt: skip
    wiring.commit(
        {
            "environments/pas/waivers.yaml": document(
                {"schema": 1, "product": "pas", "waivers": [waiver]}
            ),
            "environments/pas/noise.yaml": document(
                {"schema": 1, "product": "pas", "rules": [rule]}
            ),
            MANIFEST: manifest("2.0", changes=[{"summary": "Finds faster", "area": "search"}]),
        }
    )
    found = [(one.what, one.owner, one.until) for one in handover("pas", wiring).known]
    assert found == [
        ("Noise rule N-001: timestamp at body/seen", "Joy", dt.date(2025, 7, 1)),
        ("Waiver W-001 of 2.0: smoke: x", "Sam", dt.date(2025, 6, 20)),
        ("Declared of 2.0, search", "acme", None),
    ]


def test_who_knows_it_is_who_committed_to_its_folders(wiring):
    found = skill(wiring, "Changed its tests")
    assert (found.people, found.alone) == (("Ops",), True)
    assert found.said == "Only Ops: whoever takes over does it once with them"
    wiring.commit({SMOKE: b"def test_other(): ...\n"}, who="joy")
    found = skill(wiring, "Changed its tests")
    assert (found.said, found.alone) == ("Joy and Ops", False)


def test_a_vendor_and_who_has_left_are_named_and_not_counted(wiring):
    wiring.commit({SMOKE: b"def test_more(): ...\n"}, who="acme")
    left = signer("ops", may_push=True, keys=[key("ops", revoked=REVOKED)])
    wiring.commit({"environments/signers.yaml": signers(ops=left)})
    found = skill(wiring, "Changed its tests")
    assert (found.people, found.others) == ((), ("acme", "ops"))
    assert found.said == "Nobody who is here has"


def test_who_signed_and_when_is_read_from_the_ledger(wiring):
    wiring.signed_off()
    found = skill(wiring, "Signed a release of it")
    assert found.people == ("Joy", "Sam")
    assert found.last == wiring.clock().isoformat(timespec="microseconds")
    assert skill(wiring, "Approved its hazard log").people == ("Joy",)


def test_an_entry_that_can_not_be_read_makes_nobody_a_knower(wiring):
    record = wiring.qualify(wiring.offer())
    wiring.ledger.append(Kind.SIGNED, record.id, {"envelope": {"payload": "?"}})
    assert skill(wiring, "Signed a release of it").people == ()


def test_who_may_sign_leaves_out_administrators_and_demonstrations(wiring):
    wiring.commit(
        {
            "environments/signers.yaml": signers(
                ops=signer("ops", "safety", may_push=True),
                sam=signer("sam", "safety", demonstration=True),
            )
        }
    )
    found = skill(wiring, "May sign as safety")
    assert found.said == "Only Joy may: without them it waits"
    assert skill(wiring, "May sign as operations").people == ("Joy",)
    wiring.commit({"environments/signers.yaml": signers(joy=signer("joy"), sam=signer("sam"))})
    assert skill(wiring, "May sign as safety").said == "Nobody may"


def test_every_command_of_a_runbook_is_one_that_the_command_line_takes(wiring):
    needs = [{"role": "safety"}, {"role": "operations", "sites": 2}]
    wiring.commit({GATE: gate(requires=needs)})
    root = typer.main.get_command(app)
    commands = [
        step.command
        for runbook in handover("pas", wiring).runbooks
        for step in runbook.steps
        if step.command
    ]
    assert len(commands) == 13
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "clinops"
        place = root
        while (name := words.pop(0)) and hasattr(found := place.commands[name], "commands"):
            place = found
        assert found.make_context(name, words).params, command


def test_runbooks_name_the_release_that_waits(wiring):
    record = wiring.qualify(wiring.offer())
    said = {one.name: one for one in handover("pas", wiring).runbooks}
    assert said["Sign"].steps[0].command == f"clinops release show {record.id}"
    assert said["Promote"].steps[0].command == f"clinops promote {record.id} --wait"
    assert "cottage-hospital, then general-hospital" in said["Promote"].steps[0].text
    assert said["Qualify"].steps[0].command == f"clinops qualify {MANIFEST}"


def test_the_way_back_names_its_strategy_the_backups_and_the_route_for_emergencies(wiring):
    wiring.commit(
        {GATE: gate(emergency={"requires": [{"role": "safety"}], "owed_within_hours": 72})}
    )
    wiring.promote(wiring.signed_off())
    (*_, back) = handover("pas", wiring).runbooks
    text = " ".join(step.text for step in back.steps)
    assert "declares: binary" in text
    assert "At cottage-hospital, the data as 1.0 left it on" in text
    assert "it needs only safety beforehand; the others sign within 72 hours" in text


def test_the_command_says_all_of_it(wiring, terminal):
    said = terminal.run("handover", "pas")
    assert said.code == 0
    for text in ("pas: Acme; live: 1.0 at cottage-hospital", "db: acme/db@sha256", "2 by http",
                 "PAS-001 A patient is taken for another: class 3, 2 with controls",
                 "! Changed its tests: Only Ops", "Roll back"):  # fmt: skip
        assert text in said.out
    assert terminal.run("handover", "pas", "--json").json["skills"][1]["people"] == ["Ops"]


def test_the_command_names_what_keeps_a_system_from_being_handed_over(wiring, terminal):
    wiring.commit({GATE: b"schema: 1\n"})
    said = terminal.run("handover", "pas")
    assert said.code == 2
    assert GATE in said.err
    assert terminal.run("handover", "pass").code == 2


def test_a_page_tells_it_and_a_vendors_text_stays_text(wiring):
    wiring.commit({MANIFEST: manifest("2.0", changes=[{"summary": HOSTILE}])})
    wiring.commit({COMPOSE: compose(endpoints={"http": "app:8080", "sql": "db:5432"})})
    text = Browser(application(wiring)).text("/systems/pas")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    for part in ("What it is", "Who knows it", "4 things rest on one person", "Runbooks",
                 "<strong>nothing</strong>", "clinops handover pas"):  # fmt: skip
        assert part in text


def test_a_page_says_why_a_system_can_not_be_handed_over(wiring):
    wiring.commit({GATE: None})
    assert "be handed over as it is" in Browser(application(wiring)).text("/systems/pas")


def test_the_list_of_systems_names_the_gravest_hazard(wiring):
    page = Browser(application(wiring)).text("/systems")
    assert "the gravest of class 3" in page
