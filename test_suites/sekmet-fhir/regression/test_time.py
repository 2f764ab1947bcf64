"""FHR-006: events keep their time, in the nights when the clock is changed too."""

import pytest

pytestmark = pytest.mark.hazard("FHR-006")


@pytest.mark.parametrize(
    "taken",
    [
        pytest.param("2025-10-26T01:30:00+01:00", id="first-of-the-two"),
        pytest.param("2025-10-26T01:30:00+00:00", id="second-of-the-two"),
        pytest.param("2026-03-29T02:00:00+01:00", id="after-the-gap"),
        pytest.param("2026-12-31T23:59:59.999Z", id="last-millisecond"),
        pytest.param("2024-02-29", id="a-day"),
        pytest.param("2024-02", id="a-month"),
    ],
)
def test_a_time_comes_back_as_it_was_written(record, taken):
    result = record.observation("at", record.patient(), effectiveDateTime=taken, valueString="x")
    assert record.read(f"Observation/{result}")["effectiveDateTime"] == taken


def test_an_hour_that_comes_twice_is_in_its_right_order(record, fhir):
    patient = record.patient()
    second = record.observation(
        "2", patient, effectiveDateTime="2025-10-26T01:30:00+00:00", valueString="x"
    )
    first = record.observation(
        "1", patient, effectiveDateTime="2025-10-26T01:30:00+01:00", valueString="x"
    )
    found = fhir.search("Observation", subject=f"Patient/{patient}", _sort="date")
    assert [each.id for each in found] == [first, second]


def test_an_hour_that_comes_twice_is_searched_by_its_zone(record, fhir):
    patient = record.patient()
    times = ("2025-10-26T01:30:00+01:00", "2025-10-26T01:30:00+00:00")
    ids = [
        record.observation(str(n), patient, effectiveDateTime=time, valueString="x")
        for n, time in enumerate(times)
    ]
    for identity, time in zip(ids, times, strict=True):
        found = fhir.search("Observation", subject=f"Patient/{patient}", date=time)
        assert [each.id for each in found] == [identity]


@pytest.mark.hazard("FHR-001")
@pytest.mark.parametrize("born", ["2025-10-26", "2026-03-29", "2024-02-29", "1899-12-31"])
def test_a_date_of_birth_is_not_moved_by_a_zone(record, fhir, born):
    patient = record.patient(birthDate=born, name=[{"family": f"Tborn{born}"}])
    assert record.read(f"Patient/{patient}")["birthDate"] == born
    found = fhir.search("Patient", birthdate=born, family=f"Tborn{born}")
    assert [each.id for each in found] == [patient]
