"""The safety case report says what is known, says what is missing, and makes up nothing."""

from __future__ import annotations

import datetime as dt
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import LineAction, Meaning, statement_bytes
from clinops.domain.suite import CaseResult, Verdict
from flows.gate import answer, ask, prepare_sign_off
from flows.gate import record as take_in
from flows.safety_case import as_html, safety_case
from tests.fakes.evidence import case
from tests.fakes.wiring import (
    GATE,
    HAZARDS,
    KEYS,
    SIGNERS,
    FakeWiring,
    document,
    gate,
    hazard,
    hazards,
    signer,
    signers,
)

MARKUP = "<script>alert(1)</script>\"'><img src=http://acme.example/x.png><style>*{}</style>"
REORDERED = "safe \u202edeliaf\u202c \u200b"
WAIVERS = "environments/pas/waivers.yaml"
SUPPLIERS = b"# What we found safe"
SECTIONS = [
    "Executive statement",
    "Introduction",
    "System definition and version",
    "Clinical risk management system",
    "Medical device declaration",
    "Risk analysis",
    "Risk evaluation",
    "Risk control",
    "Hazard log",
    "Test issues",
    "Clinical safety officer\N{RIGHT SINGLE QUOTATION MARK}s statement",
    "Quality assurance and approval",
    "Configuration management",
]


class Parsed(HTMLParser):
    """The elements, headings and table cells of a report."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._skipping = False
        self.feed(text)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._skipping = tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self.text += f" {data}"

    def handle_endtag(self, tag: str) -> None:
        self._skipping = False

    def section(self, number: int) -> str:
        """Return the text from one section's heading to the next."""
        begin = self.text.rindex(f"{number}. {SECTIONS[number - 1]}")
        end = f"{number + 1}. {SECTIONS[number]}" if number < len(SECTIONS) else "Annex A."
        return self.text[begin : self.text.rindex(end)]


def report(wiring: FakeWiring, record: ReleaseRecord) -> Parsed:
    return Parsed(as_html(safety_case(wiring.release(record.id), wiring)))


def test_has_the_sections_of_a_safety_case_report_in_their_order(wiring):
    text = as_html(safety_case(wiring.signed_off(), wiring))
    places = [
        text.index(f">{number}. {title}</h2>") for number, title in enumerate(SECTIONS, start=1)
    ]
    assert places == sorted(places)


def test_tells_a_signed_release_with_every_signature_in_full(wiring):
    wiring.commit(
        {
            SIGNERS: signers(
                joy=signer("joy", "safety", registration={"body": "GMC", "number": "7000001"})
            )
        }
    )
    wiring.approve()
    record = wiring.signed_off()
    found = report(wiring, record)
    assert "everybody whom the gate asks for has signed" in found.section(1)
    statement = found.section(11)
    entry = next(e for e in wiring.ledger.entries(record.id) if e.kind is Kind.SIGNED)
    for part in (
        *("Joy", "safety", "GMC 7000001", "approved", "Read it.", "10 June 2025", "counts"),
        entry.body["envelope"]["signatures"][0]["keyid"],
        f"this rests on the evidence {record.evidence}",
    ):
        assert part in statement
    assert "Sam" in found.section(12)
    assert "Nothing: the gate is open." in found.section(12)


def test_says_plainly_that_nobody_signed(wiring):
    found = report(wiring, wiring.qualify(wiring.offer()))
    assert "passed its tests and is not approved" in found.section(1)
    assert "Not signed yet." in found.section(11)
    assert "1 more sign-off by role safety" in found.section(12)


def test_a_signature_that_does_not_count_is_no_statement(wiring):
    record = wiring.qualify(wiring.offer())
    wiring.sign(record, "joy", with_key="stranger")
    found = report(wiring, record)
    assert "Not signed yet." in found.section(11)
    assert "does not count: " in found.section(12)


def test_counts_initial_and_residual_classes_and_leaves_closed_hazards_out(wiring):
    closed = hazard("PAS-002", status="closed", evidence=["minutes of May"])
    wiring.commit({HAZARDS: hazards(hazard(), closed)})
    wiring.approve()
    found = safety_case(wiring.signed_off(), wiring)
    assert found.classes("initial") == {5: 0, 4: 0, 3: 1, 2: 0, 1: 0}
    assert found.classes("residual") == {5: 0, 4: 0, 3: 0, 2: 1, 1: 0}
    text = Parsed(as_html(found))
    assert "1 hazard is closed, and still in the log" in text.section(1)
    assert "PAS-002" in text.section(9)


def test_places_every_hazard_in_the_matrix(wiring):
    found = safety_case(wiring.signed_off(), wiring)
    cells = {
        (likelihood.value, number, *ids)
        for likelihood, row in found.matrix("initial")
        for number, ids in row
        if ids
    }
    assert cells == {("medium", 3, "PAS-001")}


def test_names_what_has_no_evidence_and_who_accepted_that_and_why(wiring):
    wiring.commit({HAZARDS: hazards(hazard(), hazard("PAS-007", name="A letter is lost"))})
    wiring.approve()
    record = wiring.qualify(wiring.offer())
    assert "PAS-007, A letter is lost (class 3), has none: No test names it." in (
        report(wiring, record).section(1)
    )
    assert "Nobody has accepted that." in report(wiring, record).section(1)
    wiring.sign(record, "joy", accepts={"PAS-007": "Letters are counted by hand."})
    found = report(wiring, record)
    assert "Accepted by Joy, safety: Letters are counted by hand." in found.section(1)
    assert "Accepted without passing evidence by Joy" in found.section(8)


def test_says_which_tests_verify_a_hazard_with_their_result_on_both_versions(wiring):
    control = report(wiring, wiring.signed_off()).section(8)
    assert "regression: test_regression.py::test_works passed passed" in control
    assert "controls by training and by ways of working are in place" in control


def test_tells_the_hazard_log_in_full(wiring):
    log = report(wiring, wiring.signed_off()).section(9)
    written = hazard()
    for field in ("name", "type", "description", "effect", "harm", "owner", "status"):
        assert str(written[field]) in log
    for field in ("causes", "existing_controls"):
        assert "; ".join(written[field]) in log
    assert "major severity, medium likelihood" in log
    assert "major severity, very low likelihood" in log


def test_tells_waivers_with_owner_expiry_and_who_approved_them(wiring):
    wiring.suites.cases["smoke", "2.0"] = (case("test_smoke.py::test_works", Verdict.FAILED),)
    waiver: dict[str, Any] = {
        "id": "W-001",
        "version": "2.0",
        "finding": "test-failed",
        "occurrence": "smoke: test_smoke.py::test_works",
        "reason": "The vendor's mend comes on Friday.",
        "owner": "Joy",
        "expires": dt.date(2025, 6, 30),
    }
    other = {**waiver, "id": "W-002", "version": "3.0", "expires": dt.date(2025, 1, 1)}
    content = {"schema": 1, "product": "pas", "waivers": [waiver, other]}
    wiring.commit({WAIVERS: document(content)})
    record = wiring.qualify(wiring.offer())
    issues = report(wiring, record).section(10)
    assert "The vendor's mend comes on Friday. Joy 30 June 2025" in issues
    assert "nobody whose approval counts" in issues
    assert "1 January 2025 EXPIRED" in issues
    wiring.approve(document=WAIVERS, item="W-001")
    found = report(wiring, record)
    assert "Joy, safety" in found.section(10)
    assert "the waiver W-001" in found.section(12)


def test_tells_questions_refused_signatures_and_stops(wiring):
    record = wiring.qualify(wiring.offer())
    ask(record, wiring, "joy", "Were leap days tested?")
    assert "Not answered." in report(wiring, record).section(12)
    answer(record, wiring, "sam", "Q1", "Yes, in regression.")
    refusal = {"reasons": ["it is another's key"], "signer": "joy", "role": "safety"}
    wiring.ledger.append(Kind.SIGNATURE_REFUSED, record.id, refusal)
    approval = report(wiring, record).section(12)
    for part in ("Were leap days tested?", "Yes, in regression.", "it is another's key"):
        assert part in approval


def test_states_nothing_about_a_medical_device(wiring):
    declaration = report(wiring, wiring.signed_off()).section(5)
    assert "To be stated by the manufacturer" in declaration
    assert "ClinOps concludes nothing" in declaration


def test_says_in_words_what_the_gate_asks_for_and_who_holds_which_role(wiring):
    management = report(wiring, wiring.signed_off()).section(4)
    assert "signed off by one person as safety and one person as operations" in management
    assert "safety Joy none on file valid today" in management


def test_pins_the_configuration(wiring):
    record = wiring.signed_off()
    configuration = report(wiring, record).section(13)
    evidence = safety_case(record, wiring).dossier.evidence
    assert evidence is not None
    for digest in (
        record.evidence,
        record.release["commit"],
        *record.release["inputs"].values(),
        *(image for images in evidence.images for image in images.services.values()),
        wiring.ledger.head().digest,
    ):
        assert str(digest) in configuration


def test_is_the_same_text_for_the_same_records_and_time(wiring):
    record = wiring.signed_off()
    assert as_html(safety_case(record, wiring)) == as_html(safety_case(record, wiring))


def test_before_there_is_evidence_it_says_that_nothing_is_shown(wiring):
    found = report(wiring, wiring.offer())
    assert "There is no evidence yet" in found.section(1)
    assert "not tested yet" in found.section(8)
    assert "no test has met it yet" in found.section(9)


@pytest.mark.parametrize(
    ("verdict", "state", "said"),
    [
        (Verdict.FAILED, State.REFUSED, "may not be deployed"),
        (Verdict.SKIPPED, State.INCONCLUSIVE, "Its tests ended inconclusive"),
    ],
)
def test_what_did_not_qualify_is_reported_as_such(wiring, verdict, state, said):
    wiring.suites.cases["smoke", "2.0"] = (case("test_smoke.py::test_works", verdict),)
    record = wiring.qualify(wiring.offer())
    assert record.state is state
    found = report(wiring, record)
    assert said in found.section(1)
    assert f"smoke: test_smoke.py::test_works {'fails' if state is State.REFUSED else 'was'}" in (
        found.section(10)
    )


def test_a_live_release_says_that_its_gate_was_open_when_it_was_deployed(wiring):
    record = wiring.signed_off()
    assert wiring.promote(record) is State.LIVE
    summary = report(wiring, record).section(1)
    assert "Its gate was open when deployment began" in summary


def test_altered_evidence_makes_it_incomplete_and_shows_no_result(wiring):
    record = wiring.signed_off()
    assert record.evidence is not None
    wiring.alter(record.evidence, lambda data: data.replace(b"passed", b"PASSED"))
    found = report(wiring, record)
    assert "This report is incomplete" in found.text
    assert "There is no evidence that holds" in found.section(1)
    assert "Not signed yet." in found.section(11)


def test_says_whether_the_suppliers_safety_case_is_the_one_that_it_named(wiring):
    path = "vendor_manifests/acme/case.md"
    wiring.commit({path: SUPPLIERS})
    named = {"document": "case.md", "sha256": sha256(SUPPLIERS).hexdigest()}
    record = wiring.qualify(wiring.offer(safety_case=named))
    assert "has this digest" in report(wiring, record).section(2)


@pytest.mark.parametrize(
    "changes",
    [
        {HAZARDS: hazards().replace(b"schema: 1\n", b"schema: 1\ndemonstration: true\n")},
        {GATE: gate(accept_demonstration=True)},
        {SIGNERS: signers(joy=signer("joy", "safety", demonstration=True))},
    ],
)
def test_labels_a_demonstration_on_every_page(wiring, changes):
    assert "DEMONSTRATION" not in report(wiring, wiring.offer()).text
    wiring.commit(changes)
    found = report(wiring, wiring.qualify(wiring.offer("3.0")))
    head = found.text.index("DEMONSTRATION: scores or signers are made up")
    # The head of the page is the first thing in the body, and the style repeats it on each page.
    assert head < found.text.index("Evidence sha256:")


def test_hostile_text_stays_text(wiring):
    plain = wiring.qualify(wiring.offer())
    allowed = {tag for tag, _ in report(wiring, plain).tags}
    failed = CaseResult(
        name=f"test_x.py::test_a[{MARKUP}]",
        verdict=Verdict.FAILED,
        milliseconds=1,
        message=MARKUP + REORDERED + "W" * 10_000,
        hazards=("PAS-001",),
    )
    wiring.suites.cases["smoke", "3.0"] = (failed,)
    declared = [{"summary": MARKUP, "covers": [MARKUP]}]
    record = wiring.qualify(wiring.offer("3.0", changes=declared))
    ask(record, wiring, "joy", MARKUP)
    found = report(wiring, record)
    assert {tag for tag, _ in found.tags} <= allowed | {"br", "blockquote"}
    assert MARKUP in found.section(2)
    assert not set("\u202e\u202c\u200b") & set(found.text)
    assert "W" * 10_000 not in found.text
    assert "cut here; the rest is in the evidence" in found.text


def test_asks_for_nothing_outside_itself(wiring):
    tags = report(wiring, wiring.signed_off()).tags
    assert not [tag for tag, _ in tags if tag in {"img", "link", "script", "iframe", "object"}]
    assert all((dict(attrs).get("href") or "#").startswith("#") for _, attrs in tags)
    assert not any("src" in attrs or "style" in attrs for _, attrs in tags)


def test_can_be_read_by_those_who_do_not_see_it(wiring):
    found = report(wiring, wiring.signed_off())
    tags = [tag for tag, _ in found.tags]
    assert ("html", {"lang": "en-GB"}) in found.tags
    assert "Clinical safety case report: pas 2.0" in found.text
    levels = [int(tag[1]) for tag in tags if tag in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all("scope" in attrs for tag, attrs in found.tags if tag == "th")
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_the_officers_rejection_is_their_statement(wiring):
    record = wiring.qualify(wiring.offer())
    made = prepare_sign_off(
        record, wiring, "joy", role="safety", meaning=Meaning.REJECTED, reason="Names are cut."
    )
    take_in(KEYS.sign(statement_bytes(made), "joy"), wiring)
    found = report(wiring, record)
    assert "rejected by a person" in found.section(1)
    assert "Meaning rejected Reason Names are cut." in found.section(11)


def test_sign_offs_of_a_release_that_is_over_are_told_as_what_they_are(wiring):
    record = wiring.signed_off()
    wiring.ledger.append(Kind.SUPERSEDED, record.id, {"by": "pas-3.0-0123456789ab"})
    found = report(wiring, record)
    assert "Not signed yet." in found.section(11)
    assert "holds, but is not judged any more" in found.section(12)


def test_an_envelope_that_does_not_verify_is_told_without_its_claims(wiring):
    record = wiring.qualify(wiring.offer())
    wiring.sign(record, "joy")
    envelope = wiring.last_body(record.id)["envelope"]
    forged = {**envelope, "payload": envelope["payload"][:-4] + "AAAA"}
    wiring.ledger.append(Kind.SIGNED, record.id, {"envelope": forged})
    approval = report(wiring, record).section(12)
    assert "does not count: " in approval
    assert f"Entry {wiring.ledger.head().sequence} , recorded" in approval


def test_tells_who_stopped_the_line_and_who_let_it_go_on(wiring):
    record = wiring.qualify(wiring.offer())
    wiring.order(LineAction.STOP)
    wiring.order(LineAction.RESUME)
    approval = report(wiring, record).section(12)
    assert "Joy stopped the line of pas" in approval
    assert "Joy resumed the line of pas" in approval


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (None, "The file is not in the estate."),
        (b"# Something else", "does NOT have this digest"),
    ],
)
def test_says_so_where_the_suppliers_safety_case_is_missing_or_another(wiring, there, said):
    wiring.commit({"vendor_manifests/acme/case.md": SUPPLIERS})
    named = {"document": "case.md", "sha256": sha256(SUPPLIERS).hexdigest()}
    record = wiring.qualify(wiring.offer(safety_case=named))
    tree = wiring.git.at(record.release["commit"])
    del tree.files["vendor_manifests/acme/case.md"]
    tree.files |= {"vendor_manifests/acme/case.md": there} if there else {}
    found = report(wiring, record)
    assert said in found.section(2)
    assert "This report is incomplete" in found.text
