"""What a board and a vendor see: ranks, accounts and pictures in a real browser.

The estate is one of fakes that has played a quarter; what the browser makes of its pages is real.
"""

from __future__ import annotations

import datetime as dt
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from clinops.gatehouse.app import application
from clinops.gatehouse.vendors import vendors_application
from flows.materials import import_advisories, vulnerabilities
from tests.browser.at_the_gatehouse import look
from tests.browser.the_books import serving
from tests.fakes.advisories import PLANTED, osv, written
from tests.fakes.git_estate import Keys
from tests.fakes.quarter import quarter
from tests.fakes.wiring import HAZARDS, FakeWiring, document, hazard, hazards
from tests.ranked import BOARD, asked, board

pytestmark = [pytest.mark.browser, pytest.mark.server]

NARROW = (390,)
PORT, VENDORS_PORT = 4988, 4989
NAME = "Acme Clinical Systems"
HOSTILE = "<script>window.owned = true</script> & more"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def wiring(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[FakeWiring]:
    """A quarter, with requests, and with a vendor's key that signs in earnest."""
    with quarter(tmp_path_factory.mktemp("quarter")) as (made, _):
        made.settings = made.settings.model_copy(
            update={"port": PORT - 1, "vendors_port": VENDORS_PORT}
        )
        acme = {"public": keys.public("acme"), "valid_from": dt.date(2025, 1, 1),
                "valid_until": dt.date(2025, 12, 31)}  # fmt: skip
        vendor = {"schema": 1, "name": NAME, "contact": HOSTILE, "keys": [acme]}
        made.commit({**_asked(made), "vendor_manifests/acme/vendor.yaml": document(vendor)})
        made.commit({"vendor_manifests/umbra/vendor.yaml": document({**vendor, "keys": []})})
        _know_a_hole(made, tmp_path_factory.mktemp("debian"))
        yield made


def _know_a_hole(made: FakeWiring, dump: Path) -> None:
    """Import that what is live has a planted vulnerability, whose clock has run out."""
    (dump / "0.json").write_bytes(written(osv(upstream=[PLANTED, HOSTILE])))
    import_advisories(made, dump)
    vulnerabilities(made, "pas")


def _asked(made: FakeWiring) -> dict[str, bytes | None]:
    def by(days: float) -> dt.datetime:
        return made.clock() + dt.timedelta(days=days)

    patch = {"by": by(5), "source": "patch-14-days", "reference": "Cyber Essentials"}
    alert = {"by": by(1), "source": "alert-48-hours", "reference": "CC-4711"}
    law = {"by": by(300), "source": "statute", "reference": "The act, section 7"}
    openssl = {"component": "openssl", "versions": ">=3.0.16,<3.1"}
    risky = hazard("PAS-002", residual={"severity": "major", "likelihood": "low"})
    return {
        BOARD: board(),
        HAZARDS: hazards(hazard(), risky),
        **asked("tls", title="Mend TLS in the patient index", deadline=patch, releases=[],
                fix=openssl, hazards=["PAS-001"], commissioned=dt.date(2025, 8, 2)),
        **asked("alert", title="Close the hole of alert CC-4711", owner=HOSTILE, deadline=alert,
                releases=[], kind="security-patch", commissioned=dt.date(2025, 8, 9)),
        **asked("access", title="Give records out as the law asks", deadline=law, releases=[],
                commissioned_by="regulator", confidence="medium", hazards=["PAS-002"],
                effort={"integration": 12.0, "testing": 5.0}, commissioned=dt.date(2025, 8, 3)),
        **asked("gateway", title="Mend TLS in the message gateway", fix=openssl, releases=[],
                commissioned=dt.date(2025, 8, 4)),
        **asked("rewrite", title="Take the reports over from the old index", releases=[],
                commissioned_by="board", kind="upgrade", confidence="low",
                effort={"integration": 160.0, "testing": 20.0}, commissioned=dt.date(2025, 7, 9)),
        **asked("letters", title="Larger letters on the ward", releases=[],
                commissioned_by="clinical-lead", commissioned=dt.date(2025, 7, 3),
                benefit={"points": 9, "reasons": ["Fewer mistakes at night"]}),
    }  # fmt: skip


@pytest.fixture(scope="module")
def address(wiring: FakeWiring) -> Iterator[str]:
    with serving(application(wiring), PORT) as served:
        yield served


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def page(request, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=request.param)
    yield context.new_page()
    context.close()


@pytest.fixture
def looking(browser: Browser) -> Iterator[Page]:
    """A page on which everything that a browser complains of is an error."""
    context = browser.new_context()
    made = context.new_page()
    complaints: list[str] = []
    made.on("console", lambda message: complaints.append(message.text))
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    assert not complaints
    context.close()


def unfolded(page: Page) -> Page:
    """Open everything that can be unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    return page


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/board", "board"),
        ("/picture?month=2025-07", "picture"),
        ("/board/plan", "plan"),
        ("/board/clocks", "clocks"),
        ("/vendors", ""),
        ("/vendors/acme", "scorecard"),
        ("/systems/pas", "handover"),
        ("/requests/new", ""),
    ],
)
def test_everybody_can_use_the_page_folded_and_unfolded(looking, address, path, name):
    looking.goto(address + path)
    look(looking, name)
    look(unfolded(looking), widths=NARROW)
    assert "ClinOps" in looking.title()


def test_a_planted_script_stays_text(looking, address):
    for path in ("/board", "/board/clocks", "/systems/pas", "/vendors/acme", "/picture"):
        unfolded(looking).goto(address + path)
        assert looking.evaluate("window.owned") is None
        assert looking.locator("main script").count() == 0
    for path in ("/board", "/board/clocks", "/systems/pas"):
        looking.goto(address + path)
        expect(unfolded(looking).get_by_text(HOSTILE).first).to_be_visible()


def test_a_rank_and_a_figure_unfold_with_and_without_scripts(page, address):
    page.goto(f"{address}/board")
    first = page.locator("#alert")
    assert not first.get_by_text("person-days").first.is_visible()
    first.get_by_text("Why it is number 1 of 6").click()
    expect(first.get_by_text("person-days").first).to_be_visible()
    page.goto(f"{address}/vendors/acme")
    figure = page.locator("details.figure").filter(has_text="undeclared differences").first
    figure.locator("summary").click()
    expect(figure.get_by_role("link").first).to_be_visible()
    figure.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("pas")


def test_a_chart_says_in_words_what_it_draws(looking, address):
    looking.goto(f"{address}/picture?month=2025-07")
    chart = looking.get_by_role("img", name="Lead time of what went live")
    expect(chart).to_be_visible()
    figure = looking.locator("figure", has=chart)
    figure.get_by_text("The same as a table").click()
    row = figure.get_by_role("row", name="pas 4.1")
    expect(row).to_be_visible()


def test_the_picture_can_be_taken_away_as_a_pdf(looking, address):
    looking.goto(f"{address}/picture?month=2025-07")
    with looking.expect_download() as found:
        looking.get_by_role("link", name="The same as a PDF").click()
    assert found.value.suggested_filename == "clinops-picture-2025-07.pdf"
    text = subprocess.run(
        ["pdftotext", "-layout", found.value.path(), "-"], check=True, capture_output=True
    ).stdout.decode()
    for part in ("July 2025", "What was asked, and by whom", "The five DORA figures",
                 "What may be expected", "pas 4.1"):  # fmt: skip
        assert part in text


def test_a_vendor_signs_in_with_its_key_and_sees_its_own(wiring, keys, looking):
    with serving(vendors_application(wiring), VENDORS_PORT) as door:
        looking.goto(f"{door}/vendors/acme")
        expect(looking).to_have_url(f"{door}/sign-in")
        look(looking, "vendors-sign-in")
        command = looking.locator("#command").inner_text()
        _, _, text, *_ = shlex.split(command)
        signing = ["ssh-keygen", "-Y", "sign", "-n", "clinops-sign-in", "-f", keys.private("acme")]
        signed = subprocess.run(signing, input=text.encode(), check=True, capture_output=True)
        looking.get_by_label("The signature").fill(signed.stdout.decode())
        looking.get_by_role("button", name="Sign in").click()
        expect(looking.get_by_role("heading", level=1)).to_have_text(NAME)
        look(looking, "vendors-door")
        looking.get_by_role("link", name="Your scorecard").click()
        look(looking)
        looking.goto(f"{door}/")
        looking.get_by_role("table").last.get_by_role("link").first.click()
        look(looking, "vendors-release")
        for other in ("/vendors/umbra", "/vendors", "/board", "/releases", "/systems"):
            answer = looking.request.get(door + other)
            assert answer.status == 404, other
        looking.get_by_role("button", name="Sign out").click()
        expect(looking).to_have_url(f"{door}/sign-in")


def test_a_request_is_written_by_somebody_who_has_signed_in(looking, address):
    looking.goto(f"{address}/requests/new")
    expect(looking.get_by_text("Sign in to commission something.")).to_be_visible()
