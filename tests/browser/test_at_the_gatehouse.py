"""What clinicians see and do: the gatehouse in a real browser, with passkeys that check people.

The tests tell one story, in order: two people are let in, and a product's line is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser

from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from tests.browser.at_the_gatehouse import Server, Visitor
from tests.ranked import BOARD, board
from tests.ward import HAZARDS, PRODUCT, WAIVERS, Ward, close, document, hazard

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.docker]

CSO, OPERATIONS = "clinical-safety-officer", "operations"
SYSTEM = f"/systems/{PRODUCT}"
LOG, WAIVING = f"{SYSTEM}/hazard-log/approve", f"{SYSTEM}/waivers/W-001/approve"
WAIVER = {
    "id": "W-001",
    "version": "2.0",
    "finding": "undeclared-difference",
    "occurrence": "image: environment BOARD_VERSION",
    "reason": "The board tells its own version by it, and nothing else.",
    "owner": "Ward systems",
    "expires": "2099-12-31",
}
NEWCOMERS = {
    "p-lind": ("Dr Petra Lind", (CSO, OPERATIONS), "GMC:7000002"),
    "o-hale": ("Owen Hale", (OPERATIONS,), None),
}


@dataclass
class Story:
    """The estate, its gatehouse, and the people at it."""

    ward: Ward
    server: Server
    petra: Visitor
    owen: Visitor
    release: str = ""

    @property
    def address(self) -> str:
        """The page of the release that it is about."""
        return f"/releases/{self.release}"

    def kinds(self, subject: str) -> list[Kind]:
        """Return what is on record about something, in order."""
        return [entry.kind for entry in self.ward.entries(subject)]

    def state(self) -> State:
        """Return where the release stands."""
        wiring = self.ward.wiring
        state = wiring.release(self.release).state
        close(wiring)
        return state


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """An estate whose gate has a route for emergencies, and whose log a hazard without a test."""
    site = "test-gatehouse"
    emergency = {"requires": [{"role": CSO}], "owed_within_hours": 72, "passes": ["freeze"]}
    try:
        ward = Ward(tmp_path_factory.mktemp("ward"), port=4986, site=site, emergency=emergency)
        log = [hazard(1, "The board is unavailable"), hazard(2, "A name is garbled"),
               hazard(3, "A patient is shown on the wrong ward")]  # fmt: skip
        pushed = ward.push(
            {
                HAZARDS: document({"schema": 1, "product": PRODUCT, "hazards": log}),
                WAIVERS: document({"schema": 1, "product": PRODUCT, "waivers": [WAIVER]}),
                BOARD: board().decode(),
            },
            who="a-admin",
        )
        assert pushed.returncode == 0, pushed.stderr
        yield ward
    finally:
        Ward.remove(site)


@pytest.fixture(scope="module")
def story(ward: Ward, browser: Browser) -> Iterator[Story]:
    """A ward's estate, and two people who are nobody there yet."""
    server = Server(ward)
    yield Story(ward, server, Visitor(browser, server), Visitor(browser, server))
    server.close()


def invited(ward: Ward, who: str) -> str:
    name, roles, registration = NEWCOMERS[who]
    more = [part for role in roles for part in ("--role", role)]
    more += ["--registration", registration] if registration else []
    return ward.must("signer", "enrol", who, "--name", name, *more).strip()


def let_in(ward: Ward, who: str) -> None:
    """Two administrators let somebody in: one accepts, the other confirms."""
    ward.must("signer", "accept", who, "--key", ward.key("a-admin"), "--yes")
    ward.must("signer", "confirm", who, "--key", ward.key("b-admin"), "--yes")


def test_people_make_passkeys_and_two_administrators_let_them_in(story):
    for who, visitor in (("p-lind", story.petra), ("o-hale", story.owen)):
        page = visitor.go(invited(story.ward, who))
        if who == "p-lind":
            visitor.look("enrol")
        visitor.click("Make my passkey")
        digits = page.get_by_label("Your code").inner_text()
        assert re.fullmatch(r"\d{5}( \d{5}){4}", digits)
        if who == "p-lind":
            visitor.look("enrolled")
            visitor.go("/sign-in")
            visitor.click("Sign in with your passkey")
            visitor.sees("Nobody on file has this passkey")
            assert f"code: {digits}" in story.ward.must("signer", "review", who)
        let_in(story.ward, who)


def test_without_scripts_a_page_says_that_a_passkey_needs_them(story, browser):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{story.server.address}/sign-in")
    assert page.get_by_text("A passkey takes a browser that runs scripts").is_visible()


def test_they_sign_in_and_see_what_waits_for_them(story):
    story.petra.go("/sign-in")
    story.petra.look("sign-in")
    story.petra.sign_in()
    story.petra.sees("Nothing waits for you, Dr Petra Lind")
    story.owen.sign_in()
    story.release = story.ward.offer("2.0")
    assert story.ward.qualify(story.release) is State.AWAITING_SIGN_OFF
    story.petra.go("/")
    story.petra.sees(f"Approve the hazard log of {PRODUCT}")
    story.petra.look("actions")
    story.petra.go("/releases")
    story.petra.look("releases")


def test_the_hazard_log_is_approved_in_one_role_only(story):
    story.owen.go(LOG)
    story.owen.sees("You hold no role that may do this")
    story.petra.go(LOG)
    story.petra.look("hazard-log")
    story.petra.sign(LOG, "Scores reviewed with the ward sister.", CSO)
    story.petra.sees("On record")
    assert story.kinds(PRODUCT)[-1] is Kind.DOCUMENT_APPROVED


def test_a_waiver_is_approved_by_its_own_signature(story):
    story.petra.go(WAIVING)
    story.petra.look("waiver")
    story.petra.sign(WAIVING, "Seen on the board itself; it changes nothing else.", CSO)
    story.petra.sees("I approve the waiver W-001")


def test_a_question_is_answered_before_anybody_signs(story):
    petra, owen = story.petra, story.owen
    petra.go(f"{story.address}/ask")
    petra.page.get_by_label("Your question").fill("Does the board show names with ñ as before?")
    petra.click("Put the question on record")
    owen.go("/")
    owen.click(f"Answer Dr Petra Lind about {PRODUCT} 2.0")
    owen.look("ask")
    owen.page.get_by_label("Your answer").fill("Yes: regression, a name keeps its letters.")
    owen.click("Put the answer on record")
    petra.go(story.address)
    petra.sees("Yes: regression, a name keeps its letters.")


def test_two_people_open_the_gate_and_one_person_does_not(story):
    petra, owen, address = story.petra, story.owen, f"{story.address}/sign"
    petra.go(address)
    petra.look("sign")
    petra.choose("Read the evidence; WRD-001 and WRD-002 are covered.", CSO)
    petra.page.get_by_label("I accept WRD-003").fill("The ward checks it by hand each morning.")
    petra.click("Show me what I would sign")
    petra.sees("I accept the hazard WRD-003 without passing evidence")
    petra.look("statement")
    petra.click("Sign with my passkey")
    petra.sees("Still missing: 1 more sign-off by role operations.")
    petra.sign(address, "I can do this as well.", OPERATIONS)
    petra.sees("one person fills one role")
    petra.look("refused")
    assert story.kinds(story.release)[-1] is Kind.SIGNATURE_REFUSED
    owen.sign(address, "A window is agreed with the ward.")
    owen.sees("The gate is open.")
    owen.sees("Nothing is lost")
    owen.look("signed")
    owen.go(story.address)
    owen.look("release")
    owen.go(f"{story.address}/history")
    owen.look("history")


def test_anybody_stops_the_line_and_the_safety_officer_lets_it_go_on(story):
    petra, owen = story.petra, story.owen
    owen.go(f"{SYSTEM}/stop")
    owen.look("stop")
    owen.sign(f"{SYSTEM}/stop", "A patient was shown on the wrong ward.")
    owen.sees("On record")
    owen.go(f"{SYSTEM}/resume")
    owen.sees("You hold no role that may do this")
    petra.go(SYSTEM)
    petra.sees("The line is stopped")
    petra.look("system")
    petra.go("/systems")
    petra.look("systems")
    petra.go(f"{SYSTEM}/resume")
    petra.look("resume")
    petra.sign(f"{SYSTEM}/resume", "A typing error at admission; not the board.", CSO)
    petra.sees("go live by themselves")
    assert story.kinds(PRODUCT)[-2:] == [Kind.LINE_STOPPED, Kind.LINE_RESUMED]


def test_a_session_that_has_ended_signs_nothing(story):
    story.release = story.ward.offer("3.0")
    assert story.ward.qualify(story.release) is State.AWAITING_SIGN_OFF
    before = story.kinds(story.release)
    story.petra.fill(f"{story.address}/sign", "Read the evidence.", CSO)
    story.server.restart()
    story.petra.click("Sign with my passkey")
    story.petra.sees("You are not signed in, or not any more")
    story.petra.go(f"{story.address}/sign")
    story.petra.sees("Sign in to sign here.")
    story.petra.look("signed-out")
    assert story.kinds(story.release) == before


def test_a_rejection_is_final_and_says_why(story):
    story.petra.sign_in()
    story.petra.go(f"{story.address}/reject")
    story.petra.look("reject")
    story.petra.sign(f"{story.address}/reject", "Names are cut after eight letters.", CSO)
    story.petra.sees("That is final for this release")
    story.petra.go(story.address)
    story.petra.sees("Names are cut after eight letters.")
    story.petra.go("/releases/no-such-release")
    story.petra.look("not-found")
    assert story.state() is State.REJECTED


def test_a_request_that_is_written_on_a_page_waits_on_a_branch(story):
    page = story.petra.go("/requests/new")
    page.get_by_label("What is needed").fill("<b>Larger</b> letters on the board")
    page.get_by_label("A short name").fill("larger-letters")
    page.get_by_label("Who asks for it").select_option("clinical-lead")
    page.get_by_label("Who answers for it").fill("Dr Petra Lind")
    page.get_by_label("What it is").select_option("patch")
    page.get_by_label("Systems").fill("ward-bored")
    page.get_by_label("Points").fill("7")
    page.get_by_label("Reasons").fill("Names are read from the door")
    page.get_by_label("Testing").fill("2")
    page.get_by_label("How sure its owner is").select_option("medium")
    story.petra.click("Write it down")
    story.petra.sees("There is no product ward-bored")
    story.petra.look("commission-wrong")
    page.get_by_label("Systems").fill(PRODUCT)
    story.petra.click("Write it down")
    story.petra.sees("<b>Larger</b> letters on the board")
    story.petra.look("commissioned")
    wiring = story.ward.wiring
    assert wiring.proposals.tip("request/larger-letters")
    assert not wiring.repository.head().exists("requests/larger-letters.yaml")
    close(wiring)


def test_signing_out_ends_the_session(story):
    story.petra.click("Sign out")
    story.petra.go("/")
    assert story.petra.page.get_by_role("link", name="Sign in").is_visible()
