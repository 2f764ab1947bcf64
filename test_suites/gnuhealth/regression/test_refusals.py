"""GNU-011: what cannot be true, or cannot be kept, is refused and not answered as done."""

import datetime as dt

import httpx
import pytest
from people import ALLERGY, MEDICATION, PATIENT, PERSON, RESULT
from record import RefusedError

pytestmark = pytest.mark.hazard("GNU-011")


def test_a_treatment_cannot_end_before_it_starts(record, people):
    patient = people.patient()
    with pytest.raises(RefusedError, match="SM-CORE-0004"):
        people.medication(
            patient,
            start_treatment=dt.datetime(2025, 2, 1, tzinfo=dt.UTC),
            end_treatment=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
        )
    assert record.count(MEDICATION, ["name", "=", patient.id]) == 0


def test_nobody_is_healed_before_the_diagnosis(record, people):
    patient = people.patient()
    with pytest.raises(RefusedError, match="SM-CORE-0002"):
        people.allergy(patient, diagnosed_date=dt.date(2025, 2, 1), healed_date=dt.date(2025, 1, 1))
    assert record.count(ALLERGY, ["name", "=", patient.id]) == 0


@pytest.mark.parametrize("born", [dt.date(2199, 1, 1), dt.date(1700, 1, 1)], ids=str)
def test_nobody_is_born_in_the_future_or_centuries_ago(record, people, born):
    ref = people.code()
    with pytest.raises(RefusedError):
        people.person(ref=ref, dob=born)
    assert record.count(PERSON, ["ref", "=", ref]) == 0


def test_a_patient_must_be_a_person(people):
    with pytest.raises(RefusedError, match="SM-CORE-0010"):
        people.person(is_person=False)


@pytest.mark.hazard("GNU-002")
def test_a_kind_of_allergy_that_does_not_exist_is_refused(people):
    with pytest.raises(RefusedError, match="allowed options"):
        people.allergy(people.patient(), allergy_type="xx")


@pytest.mark.hazard("GNU-003")
def test_a_medication_without_a_drug_is_refused(people):
    with pytest.raises(RefusedError, match="Medicament"):
        people.medication(people.patient(), medicament=None)


@pytest.mark.hazard("GNU-001")
def test_a_report_of_nobody_is_refused(record, people):
    code = people.code()
    with pytest.raises(RefusedError):
        record.create(
            RESULT, name=code, test=1, date_requested=dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
        )
    assert record.count(RESULT, ["name", "=", code]) == 0


@pytest.mark.hazard("GNU-004")
def test_two_reports_cannot_have_one_code(people):
    patient = people.patient()
    code = people.code()
    people.result(patient, name=code)
    with pytest.raises(RefusedError, match="unique"):
        people.result(patient, name=code)


def test_of_a_call_that_is_refused_nothing_is_kept(record, people):
    ref = people.code()
    person = {"ref": ref, "name": "Half", "gender": "f", "fed_country": "GBR", "is_person": True}
    bad = {**person, "ref": people.code(), "gender": "no such"}
    with pytest.raises(RefusedError):
        record.call(f"model.{PERSON}.create", [person, bad])
    assert record.count(PERSON, ["ref", "=", ref]) == 0


def test_what_is_no_json_is_refused(http):
    headers = {"Content-Type": "application/json"}
    answer = http.post("/gnuhealth/", content=b"{", headers=headers)
    assert answer.status_code >= 400


@pytest.mark.hazard("GNU-010")
def test_a_wrong_password_is_refused(http):
    stranger = httpx.BasicAuth("nobody", "wrong-password")
    call = {"id": 1, "method": f"model.{PATIENT}.search_count", "params": [[], {}]}
    assert http.post("/gnuhealth/", json=call, auth=stranger).status_code == 401
