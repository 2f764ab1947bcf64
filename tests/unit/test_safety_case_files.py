"""The safety case report as a file: from the command, from the gatehouse, and as a PDF."""

from __future__ import annotations

import builtins
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from clinops.adapters.safety_case_report import as_pdf
from clinops.errors import InfrastructureError, RefusedError
from clinops.gatehouse.app import application
from flows.safety_case import as_html, safety_case
from tests.fakes.browser import Browser


def inflated(pdf: bytes) -> bytes:
    """Return what the streams of a PDF hold, uncompressed."""
    # Compressed bytes can end like a line, so zlib says where a stream ends, not the text after.
    starts = (found.end() for found in re.finditer(rb"\nstream\r?\n(?=\x78)", pdf))
    return b"".join(zlib.decompressobj().decompress(pdf[start:]) for start in starts)


def test_a_pdf_is_tagged_titled_and_the_same_each_time(wiring):
    html = as_html(safety_case(wiring.qualify(wiring.offer()), wiring))
    pdf = as_pdf(html)
    assert pdf.startswith(b"%PDF-")
    inside = inflated(pdf)
    for part in (b"/StructTreeRoot", b"/Lang (en-GB)", b"/Outlines", b"/DisplayDocTitle true"):
        assert part in inside
    assert as_pdf(html) == pdf


@pytest.mark.parametrize(
    "hostile",
    [
        '<img alt="" src="http://127.0.0.1:9/x.png">',
        '<img alt="" src="file:///etc/hostname">',
        '<link rel="stylesheet" href="file:///etc/hostname">',
        '<p style="background: url(http://127.0.0.1:9/x.png)">text</p>',
        "<style>@import 'file:///etc/hostname';</style>",
        '<link rel="attachment" href="file:///etc/hostname">',
    ],
)
def test_whatever_gets_into_a_report_it_fetches_nothing(hostile):
    with pytest.raises(RefusedError, match="asks for nothing, yet it asked for"):
        as_pdf(f'<html lang="en"><title>t</title><body><h1>A report</h1>{hostile}</body></html>')


def test_a_machine_without_pango_is_told_what_to_install(monkeypatch):
    real = builtins.__import__

    def importing(name: str, *more: Any, **still: Any) -> Any:
        if name.startswith("weasyprint"):
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *more, **still)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(InfrastructureError, match="libpango") as caught:
        as_pdf("<p>text</p>")
    assert caught.value.mend == (
        "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
    )


def test_the_command_writes_the_file_that_it_is_asked_for(wiring, terminal, tmp_path):
    record = wiring.qualify(wiring.offer())
    said = terminal.run("report", "pas-2.0", "--to", tmp_path / "r.html")
    assert said.code == 0
    assert str(record.evidence) in said.out
    assert (tmp_path / "r.html").read_text() == as_html(safety_case(record, wiring))


def test_the_command_writes_a_pdf_by_itself(wiring, terminal, tmp_path, monkeypatch):
    record = wiring.offer()
    monkeypatch.chdir(tmp_path)
    said = terminal.run("report", "pas-2.0", "--json")
    assert said.json["report"] == f"{record.id}.safety-case.pdf"
    assert said.json["evidence"] is None
    assert Path(said.json["report"]).read_bytes().startswith(b"%PDF-")


def test_the_command_says_what_it_could_not_read(wiring, terminal, tmp_path):
    record = wiring.qualify(wiring.offer())
    wiring.alter(str(record.evidence), lambda _: None)
    said = terminal.run("report", record.id, "--to", tmp_path / "r.html")
    assert said.code == 0
    assert "the report is incomplete: The evidence does not hold" in said.err


def test_the_command_refuses_a_kind_of_file_that_it_does_not_write(wiring, terminal, tmp_path):
    wiring.offer()
    said = terminal.run("report", "pas-2.0", "--to", tmp_path / "r.docx")
    assert said.code == 2
    assert "end it in .pdf or .html" in said.err
    assert not (tmp_path / "r.docx").exists()


def test_the_gatehouse_shows_the_report_and_lets_nothing_in_it_run(wiring):
    record, browser = wiring.qualify(wiring.offer()), Browser(application(wiring))
    answer = browser.get(f"/releases/{record.id}/safety-case.html")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "sandbox" in policy
    assert "script" not in policy
    assert "Not signed yet." in answer.text


def test_the_gatehouse_gives_the_pdf_to_keep(wiring):
    record, browser = wiring.qualify(wiring.offer()), Browser(application(wiring))
    answer = browser.get(f"/releases/{record.id}/safety-case.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert f"{record.id}.safety-case.pdf" in answer.headers["content-disposition"]
    assert answer.content.startswith(b"%PDF-")


def test_the_release_page_leads_to_the_report(wiring):
    record, browser = wiring.qualify(wiring.offer()), Browser(application(wiring))
    page = browser.text(f"/releases/{record.id}")
    for ending in ("pdf", "html"):
        assert f'href="/releases/{record.id}/safety-case.{ending}"' in page


def test_there_is_no_report_on_a_release_that_is_not_known(wiring):
    browser = Browser(application(wiring))
    assert browser.get("/releases/pas-9.9-0123456789ab/safety-case.pdf").status_code == 404
