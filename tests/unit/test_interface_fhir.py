"""FHIR for suites: the client of the plugin, against a small server."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from clinops.adapters.pytest_plugin.fhir import FhirClient, FhirError
from tests.fakes.web import FakeWeb, Request

PATIENT = b'{"resourceType": "Patient", "id": "p1", "active": true}'
DOSE = (
    b'{"resourceType": "Observation", "status": "final", "code": {"text": "dose"},'
    b' "valueQuantity": {"value": 0.50, "unit": "mg"}}'
)


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    server = FakeWeb()
    yield server
    server.close()


@pytest.fixture
def fhir(web: FakeWeb) -> Iterator[FhirClient]:
    with httpx.Client(base_url=f"http://{web.door}/fhir", trust_env=False) as client:
        yield FhirClient(client)


def bundle(*ids: str, following: str = "") -> bytes:
    entries = ",".join(
        f'{{"search": {{"mode": "match"}}, "resource": {{"resourceType": "Patient", "id": "{i}"}}}}'
        for i in ids
    )
    link = f'"link": [{{"relation": "next", "url": "{following}"}}],' if following else ""
    text = f'{{"resourceType": "Bundle", "type": "searchset", {link} "entry": [{entries}]}}'
    return text.encode()


def test_reads_a_resource(web: FakeWeb, fhir: FhirClient):
    web.respond = lambda request: request.answer(200, PATIENT)
    assert fhir.read("Patient", "p1").active is True
    assert web.requests == ["GET /fhir/Patient/p1"]


def test_no_decimal_loses_a_digit(web: FakeWeb, fhir: FhirClient):
    web.respond = lambda request: request.answer(200, DOSE)
    value = fhir.read("Observation", "o1").valueQuantity.value
    assert (value, str(value)) == (Decimal("0.50"), "0.50")


def test_searches_all_pages_under_its_own_address(web: FakeWeb, fhir: FhirClient):
    def respond(request: Request) -> None:
        last = "page=2" in request.path
        elsewhere = "http://elsewhere.example/fhir?page=2"
        request.answer(200, bundle("p3") if last else bundle("p1", "p2", following=elsewhere))

    web.respond = respond
    found = fhir.search("Patient", identifier="nhs|9990000018")
    assert [each.id for each in found] == ["p1", "p2", "p3"]
    assert web.requests == ["GET /fhir/Patient?identifier=nhs%7C9990000018", "GET /fhir?page=2"]


def test_leaves_out_what_was_not_searched_for(web: FakeWeb, fhir: FhirClient):
    included = bundle("p1").replace(b"match", b"include")
    web.respond = lambda request: request.answer(200, included)
    assert fhir.search("Patient") == []


def test_a_search_that_goes_round_in_a_circle_ends(
    web: FakeWeb, fhir: FhirClient, monkeypatch: Any
):
    monkeypatch.setattr("clinops.adapters.pytest_plugin.fhir._MAX_PAGES", 3)
    web.respond = lambda request: request.answer(200, bundle("p", following="/fhir/Patient"))
    with pytest.raises(FhirError, match="more than 3 pages"):
        fhir.search("Patient")


@pytest.mark.parametrize("echoes", [True, False])
def test_creates_and_updates(web: FakeWeb, fhir: FhirClient, echoes: bool):
    def respond(request: Request) -> None:
        sent = request.content()
        body = PATIENT if echoes or not sent else b""
        request.answer(201 if sent else 200, body, Location="/fhir/Patient/p1/_history/1")

    web.respond = respond
    patient = fhir.model("Patient")(active=True)
    assert fhir.create(patient).id == "p1"
    assert fhir.update(fhir.read("Patient", "p1")).id == "p1"
    written = [line for line in web.requests if not line.startswith("GET")]
    assert written == ["POST /fhir/Patient", "PUT /fhir/Patient/p1"]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            404,
            b'{"resourceType": "OperationOutcome", "issue": [{"diagnostics": "gone"}]}',
            r"GET Patient/x \(gone\): status 404",
        ),
        (500, b"<html>", "GET Patient/x: status 500"),
        (500, b'{"issue": [1]}', "GET Patient/x: status 500"),
        (200, b"<html>", "no sound resource"),
        (200, b"[1]", "no sound resource"),
        (200, b'{"resourceType": "Nothing"}', "no sound resource"),
        (200, b'{"resourceType": "Patient", "birthDate": "soon"}', "no sound resource"),
    ],
)
def test_says_what_is_wrong_with_an_answer(
    web: FakeWeb, fhir: FhirClient, status: int, body: bytes, words: str
):
    web.respond = lambda request: request.answer(status, body)
    with pytest.raises(FhirError, match=words) as caught:
        fhir.read("Patient", "x")
    assert caught.value.status == status


def test_reads_what_the_server_can_do_in_another_release(web: FakeWeb, fhir: FhirClient):
    statement = (
        b'{"resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01",'
        b' "kind": "instance", "fhirVersion": "5.0.0", "format": ["json"]}'
    )
    web.respond = lambda request: request.answer(200, statement)
    assert FhirClient(fhir.client, release="R5").capabilities().fhirVersion == "5.0.0"
