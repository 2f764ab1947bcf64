"""FHR-002: names stay as they were written, and people are found by them."""

import pytest

pytestmark = pytest.mark.hazard("FHR-002")

NAMES = [
    *("Tnúñez", "Tmüller", "TÓ Súilleabháin", "TO'Brien", "TŞahin", "T山田"),
    "TИванова",  # noqa: RUF001 - Cyrillic
]


@pytest.mark.parametrize("family", [*NAMES, "T" * 200])
def test_a_name_comes_back_as_it_was_written(record, family):
    patient = record.patient(name=[{"family": family, "given": ["Änne", "María"]}])
    (name,) = record.read(f"Patient/{patient}")["name"]
    assert name == {"family": family, "given": ["Änne", "María"]}


@pytest.mark.parametrize("family", NAMES)
def test_a_person_is_found_by_their_name(record, fhir, family):
    patient = record.patient(name=[{"family": family}])
    assert [each.id for each in fhir.search("Patient", family=family)] == [patient]


@pytest.mark.parametrize(("typed", "family"), [("tnunez", "Tnúñez"), ("tmuller", "Tmüller")])
def test_a_person_is_found_without_accents(record, fhir, typed, family):
    patient = record.patient(name=[{"family": family}])
    assert [each.id for each in fhir.search("Patient", family=typed)] == [patient]


@pytest.mark.hazard("FHR-001")
def test_an_exact_search_tells_names_apart_by_their_accents(record, fhir):
    record.patient("with", name=[{"family": "Tpeña"}])
    without = record.patient("without", name=[{"family": "Tpena"}])
    assert [each.id for each in fhir.search("Patient", **{"family:exact": "Tpena"})] == [without]


def test_composed_and_decomposed_letters_are_kept_as_they_are(record):
    for position, family in enumerate(("Tn\u00fa\u00f1ez", "Tnu\u0301n\u0303ez")):
        patient = record.patient(str(position), name=[{"family": family}])
        assert record.read(f"Patient/{patient}")["name"][0]["family"] == family
