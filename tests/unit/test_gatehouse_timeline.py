"""The picture of a release's time, and the table that says the same."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.timeline import Timeline
from clinops.gatehouse.app import application
from clinops.gatehouse.timeline import SHOWN, scale
from tests.fakes.browser import Browser
from tests.fakes.timelines import QUALIFICATION, span, timeline
from tests.fakes.wiring import FakeWiring

MARKUP = '"><script>alert(1)</script>\u202e'


@pytest.fixture
def client(wiring) -> Browser:
    """A browser on the gatehouse."""
    return Browser(application(wiring))


def broken_off(wiring: FakeWiring, *found: Timeline) -> ReleaseRecord:
    """Offer a version whose tests broke off so often, each time with one of these timelines."""
    record = wiring.offer()
    for attempt, one in enumerate(found, 1):
        started = {"attempt": attempt, "holder": "test"}
        wiring.ledger.append(Kind.QUALIFICATION_STARTED, record.id, started)
        body = {"reason": "disk full", "attempt": attempt, "timeline": one.json_value()}
        wiring.ledger.append(Kind.QUALIFICATION_ERRORED, record.id, body)
    return record


def section(client: Browser, record: ReleaseRecord) -> str:
    return client.text(f"/releases/{record.id}").split('id="time"')[1].split("</section>")[0]


def picture(client: Browser, record: ReleaseRecord) -> ET.Element:
    found = re.search("<svg.*?</svg>", section(client, record), re.DOTALL)
    assert found is not None
    return ET.fromstring(found[0])  # noqa: S314 - it is our own


def rows(client: Browser, record: ReleaseRecord) -> list[list[str]]:
    table = section(client, record).split("<tbody>")[1].split("</tbody>")[0]
    return [
        re.sub("<[^>]*>", "|", row).strip("| \n").split("||")
        for row in table.split("</tr>")
        if row.strip()
    ]


def test_each_stage_is_a_bar_and_a_row_of_the_table(wiring, client):
    record = broken_off(wiring, QUALIFICATION)
    drawn = picture(client, record)
    assert len(drawn.findall("rect[@class='bar']")) == len(QUALIFICATION.spans)
    assert rows(client, record)[:4] == [
        ["waiting: taken in, until its run was created", "0.0 s", "10 s", "yes"],
        ["pin inputs", "10 s", "0.2 s", "yes"],
        ["smoke suite on baseline 1.0", "10 s", "3.7 s", "no"],
        ["rehearse the upgrade", "10 s", "4.7 s", "no"],
    ]


def test_the_critical_path_is_marked_by_more_than_colour(wiring, client):
    drawn = picture(client, broken_off(wiring, QUALIFICATION))
    marked = [text.text or "" for text in drawn.findall("text[@class='critical']")]
    assert [text[:2] for text in marked] == ["● "] * len(marked)
    assert "● 7.7 s rehearse the restore" in marked
    assert len(drawn.findall("rect[@class='bar critical']")) == 4
    description = drawn.findtext("desc")
    assert description is not None
    assert "rehearse the restore, rehearse the way back, assemble evidence" in description


def test_whoever_does_not_see_the_picture_is_told_what_it_is(wiring, client):
    drawn = picture(client, broken_off(wiring, QUALIFICATION))
    assert drawn.get("role") == "img"
    named = (drawn.get("aria-labelledby") or "").split()
    assert [one.get("id") for one in drawn if one.get("id")] == named


def test_nothing_of_it_is_a_script_or_a_style_of_its_own(wiring, client):
    told = section(client, broken_off(wiring, QUALIFICATION))
    assert not re.search(r"<script|<style|style=|on[a-z]+=", told)


def test_a_hostile_name_stays_text(wiring, client):
    told = section(client, broken_off(wiring, timeline(span(MARKUP, 0, 90), ended=90)))
    assert "<script" not in told
    assert "\u202e" not in told
    assert "&lt;script&gt;" in told


def test_a_long_name_is_cut_in_the_picture_only(wiring, client):
    name = "regression suite on candidate " + "9" * 60
    record = broken_off(wiring, timeline(span(name, 0, 90), ended=90))
    labels = [text.text or "" for text in picture(client, record).findall("text")]
    assert max(map(len, labels)) <= 60
    assert name in [row[0] for row in rows(client, record)]


def test_every_bar_stays_inside_the_picture(wiring, client):
    early_and_late = timeline(span("at once", 0, 0), span("at last", 100, 100), ended=100)
    for one in picture(client, broken_off(wiring, early_and_late)).findall("rect"):
        x, width = (float((one.get(name) or "").rstrip("%")) for name in ("x", "width"))
        assert 0 <= x < x + width <= 100


def test_earlier_attempts_are_folded_away_and_very_many_left_out(wiring, client):
    record = broken_off(wiring, *[QUALIFICATION] * (SHOWN + 2))
    told = section(client, record)
    assert told.count("<svg") == SHOWN
    assert told.index("<svg") < told.index("<summary>Attempt 6,")
    assert "Attempt 2," not in told
    named = re.findall(r'\bid="([^"]+)"', told)
    assert len(named) == len(set(named)) == 2 * SHOWN


def test_a_release_without_a_timeline_has_no_such_section(wiring, client):
    page = client.text(f"/releases/{wiring.offer().id}")
    assert 'id="time"' not in page
    assert 'href="#time"' not in page


@pytest.mark.parametrize(
    ("took", "said"),
    [
        (0, ["0 s"]),
        (950, ["0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s"]),
        (36_000, ["0 s", "10 s", "20 s", "30 s"]),
        (400_000, ["0 s", "2 min", "4 min", "6 min"]),
        (7_200_000, ["0 s", "20 min", "40 min", "60 min", "80 min", "100 min"]),
    ],
)
def test_the_scale_has_round_numbers(took, said):
    assert [line.said for line in scale(took)] == said


def test_a_real_qualification_is_drawn(wiring, client):
    record = wiring.qualify(wiring.offer())
    assert "snapshot of baseline 1.0" in section(client, record)
