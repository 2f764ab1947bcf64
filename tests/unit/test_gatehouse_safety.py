"""The gatehouse against hostile text, hostile addresses and hostile pages."""

from __future__ import annotations

from hashlib import sha256

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.suite import CaseResult, Verdict
from clinops.errors import InfrastructureError
from clinops.gatehouse.app import application
from tests.fakes.browser import Browser

MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
REORDERED = "safe \u202edeliaf\u202c \u200b\u2066"
CASE = b"<html><script>alert(1)</script> the supplier's safety case"


@pytest.fixture
def client(wiring) -> Browser:
    """A browser on the gatehouse."""
    return Browser(application(wiring))


@pytest.fixture
def hostile(wiring) -> ReleaseRecord:
    """A release whose vendor writes markup wherever text is shown."""
    case = {"document": "case.html", "sha256": sha256(CASE).hexdigest()}
    wiring.commit({"vendor_manifests/acme/case.html": CASE})
    failed = CaseResult(
        name=f"test_x.py::test_a[{MARKUP}]",
        verdict=Verdict.FAILED,
        milliseconds=1,
        message=MARKUP + REORDERED,
        detail=MARKUP + "W" * 100_000,
    )
    wiring.suites.cases["smoke", "2.0"] = (failed,)
    declared = [{"summary": MARKUP, "covers": [MARKUP]}]
    offered = wiring.offer(changes=declared, safety_case=case)
    return wiring.qualify(offered)


def test_shows_hostile_text_as_text(client, hostile):
    page = client.get(f"/releases/{hostile.id}").text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_lets_no_letter_reorder_or_hide_others(client, hostile):
    page = client.get(f"/releases/{hostile.id}").text
    assert not {"\u202e", "\u202c", "\u200b", "\u2066"} & set(page)
    assert "safe \ufffddeliaf\ufffd" in page


def test_cuts_texts_without_an_end(client, hostile):
    page = client.get(f"/releases/{hostile.id}").text
    assert "(cut)" in page
    assert "W" * 30_000 not in page


@pytest.mark.parametrize(
    "address", ["/", "/releases", "/nothing", "/static/gatehouse.css", "/healthz"]
)
def test_guards_every_answer_with_headers(client, address):
    headers = client.get(address).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_has_nothing_inline_that_its_own_policy_would_stop(client, hostile):
    page = client.get(f"/releases/{hostile.id}").text
    assert "style=" not in page
    assert "<style" not in page
    assert "javascript:" not in page


def test_serves_evidence_as_text_that_can_run_nothing(wiring, client, hostile):
    answer = client.get(f"/releases/{hostile.id}/files/junit/smoke-candidate.xml")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]


def test_serves_the_safety_case_of_the_releases_commit_as_text(wiring, client, hostile):
    wiring.commit({"vendor_manifests/acme/case.html": b"another one"})
    answer = client.get(f"/releases/{hostile.id}/safety-case")
    assert answer.content == CASE
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "name",
    [
        "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/clinops.toml",
        "/etc/passwd",
        "junit%2f..%2fmanifest.yaml",
        "sha256:" + "0" * 64,
        "nothing.txt",
    ],
)
def test_finds_files_by_their_evidence_names_only(client, hostile, name):
    assert client.get(f"/releases/{hostile.id}/files/{name}").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/releases/..%2f..%2fetc",
        "/releases/<script>",
        "/releases/pas",
        "/releases/" + "a" * 300,
        "/systems/nothing",
        "/static/%2e%2e/app.py",
    ],
)
def test_knows_nothing_by_another_name(wiring, client, address):
    answer = client.get(address)
    assert answer.status_code == 404
    assert "<script>" not in answer.text


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page=" + "9" * 30, "state=x"])
def test_refuses_a_query_that_means_nothing(client, query):
    assert client.get(f"/releases?{query}").status_code == 400


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1:4201"])
def test_answers_under_no_other_name(client, host):
    assert client.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_changes_nothing_whatever_is_sent(client, method):
    assert client.request(method, "/").status_code == 405


def test_says_nothing_of_its_inside_where_it_fails(wiring, client, monkeypatch):
    def broken() -> list[object]:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(wiring.ledger, "live", lambda product=None: broken())
    answer = client.get("/systems")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "Nothing was changed" in answer.text


def test_says_what_does_not_answer(wiring, client, monkeypatch):
    def down() -> list[object]:
        raise InfrastructureError("the ledger's database does not answer")

    monkeypatch.setattr(wiring.ledger, "live", lambda product=None: down())
    answer = client.get("/systems")
    assert answer.status_code == 503
    assert "database does not answer" in answer.text


def test_serves_no_file_of_evidence_that_does_not_hold(wiring, client, hostile):
    assert hostile.evidence
    wiring.alter(hostile.evidence, lambda data: data + b" ")
    assert client.get(f"/releases/{hostile.id}/files/manifest.yaml").status_code == 404
    assert "does not hold" in client.get(f"/releases/{hostile.id}").text
