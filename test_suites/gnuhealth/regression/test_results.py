"""GNU-004: a result reads as it was reported."""

import pytest
from people import LINE, RESULT

pytestmark = pytest.mark.hazard("GNU-004")

MICRO = "µmol/L"
GREEK_MU = "μmol/L"


def unit_of(record, name):
    (found,) = record.search("gnuhealth.lab.test.units", ["name", "=", name])
    return found


@pytest.mark.parametrize("value", [0.5, 0.1, 0.05, 84.0, 6.4, 1e-7, 123456789.125, -1.5])
def test_a_number_is_kept(people, value):
    result = people.result(people.patient(), {"result": value})
    assert [line["result"] for line in people.lines(result)] == [value]


def test_zero_is_not_taken_for_nothing(people):
    result = people.result(people.patient(), {"result": 0.0}, {"result": None})
    assert [line["result"] for line in people.lines(result)] == [0.0, None]


@pytest.mark.parametrize(
    "text", ["<0.1", "0.5", ".5", "0.50", ">=138", "≤ 5", "1:1280", "+++", "0"]
)
def test_a_text_is_kept_to_the_letter(people, text):
    result = people.result(people.patient(), {"result_text": text})
    assert [line["result_text"] for line in people.lines(result)] == [text]


@pytest.mark.parametrize("unit", [MICRO, GREEK_MU, "mmol/L", "mg/L", "10^9/L"])
def test_a_unit_is_kept_to_the_letter(record, people, unit):
    result = people.result(people.patient(), {"result": 1.0, "units": unit_of(record, unit)})
    assert [line["units."]["name"] for line in people.lines(result)] == [unit]


def test_units_that_look_alike_are_two(record):
    assert unit_of(record, MICRO) != unit_of(record, GREEK_MU)


def test_limits_are_kept(people):
    result = people.result(people.patient(), {"lower_limit": 0.05, "upper_limit": 5.3})
    (line,) = people.lines(result)
    assert (line["lower_limit"], line["upper_limit"]) == (0.05, 5.3)


@pytest.mark.parametrize(
    ("value", "expected"), [(3.4, True), (5.4, True), (3.5, None), (5.3, None), (4.4, None)]
)
def test_a_value_beyond_its_limits_gives_a_warning(record, value, expected):
    line = {"result": value, "lower_limit": 3.5, "upper_limit": 5.3}
    assert record.call(f"model.{LINE}.on_change_with_warning", line) == expected


def test_a_warning_is_kept(record, people):
    result = people.result(people.patient(), {"warning": True}, {"warning": False})
    warnings = [record.read(LINE, line["id"], "warning") for line in people.lines(result)]
    assert [each["warning"] for each in warnings] == [True, False]


def test_a_corrected_result_replaces_the_original(record, people):
    result = people.result(people.patient(), {"result": 64.0, "result_text": "64"})
    (line,) = people.lines(result)
    record.write(LINE, line["id"], result=6.4, result_text="6.4")
    (corrected,) = people.lines(result)
    assert (corrected["result"], corrected["result_text"]) == (6.4, "6.4")


def test_lines_stay_in_their_report_and_in_their_order(people):
    patient = people.patient()
    names = ["Sodium", "Potassium", "Urea", "Creatinine"]
    report = people.result(patient, *({"name": name} for name in names))
    people.result(patient, {"name": "Sodium"})
    assert [line["name"] for line in people.lines(report)] == names


@pytest.mark.parametrize("unit", [MICRO, None], ids=["with-a-unit", "without-a-unit"])
def test_the_summary_of_a_report_has_every_value(record, people, unit):
    number = {"name": "INR", "result": 6.4, "units": unit and unit_of(record, unit)}
    text = {"name": "Troponin", "result_text": "<0.1"}
    result = people.result(people.patient(), number, text)
    summary = record.read(RESULT, result, "analytes_summary")["analytes_summary"]
    assert [each in summary for each in ("INR", "6.4", "Troponin", "<0.1")] == [True] * 4
