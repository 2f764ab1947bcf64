"""WRK-003, WRK-004, WRK-007: an item says all that was ordered, and nothing of another's."""

import pytest

SIDES = [("XR knee left", "XRKNL"), ("XR knee right", "XRKNR")]


def _code(value, meaning):
    from pydicom import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SYN", meaning
    return code


@pytest.mark.hazard("WRK-003")
@pytest.mark.parametrize(("procedure", "code"), SIDES, ids=["left", "right"])
def test_accession_number_and_side_come_back_as_they_were_ordered(
    schedule, worklist, procedure, code
):
    coded = [_code(code, procedure)]
    accession = schedule(
        {"ScheduledProcedureStepDescription": procedure, "ScheduledProtocolCodeSequence": coded},
        RequestedProcedureDescription=procedure,
        RequestedProcedureCodeSequence=coded,
    )
    (found,) = worklist.find(AccessionNumber=accession)
    (step,) = found.ScheduledProcedureStepSequence
    assert found.AccessionNumber == accession
    assert found.RequestedProcedureDescription == procedure
    assert step.ScheduledProcedureStepDescription == procedure
    for (each,) in (found.RequestedProcedureCodeSequence, step.ScheduledProtocolCodeSequence):
        assert (each.CodeValue, each.CodeMeaning) == (code, procedure)


@pytest.mark.hazard("WRK-003")
def test_both_sides_of_one_patient_are_two_items(schedule, worklist):
    sides = {
        schedule(PatientID="T-KNEES", RequestedProcedureDescription=procedure): procedure
        for procedure, _ in SIDES
    }
    found = worklist.find(PatientID="T-KNEES")
    assert {each.AccessionNumber: each.RequestedProcedureDescription for each in found} == sides


@pytest.mark.hazard("WRK-003")
def test_all_codes_of_a_protocol_are_given_in_their_order(schedule, worklist):
    codes = [_code(f"C{number}", f"Part {number}") for number in range(3)]
    accession = schedule({"ScheduledProtocolCodeSequence": codes})
    (found,) = worklist.find(AccessionNumber=accession)
    given = found.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence
    assert [each.CodeValue for each in given] == ["C0", "C1", "C2"]


@pytest.mark.hazard("WRK-007")
@pytest.mark.parametrize("weight", ["0.5", ".5", "0.50", "61.5", "101", "110"])
def test_a_weight_is_given_digit_by_digit(schedule, worklist, weight):
    accession = schedule(PatientWeight=weight)
    (found,) = worklist.find(AccessionNumber=accession)
    assert str(found.PatientWeight) == weight


@pytest.mark.hazard("WRK-007")
def test_allergies_and_alerts_are_given_with_their_own_patient(schedule, worklist):
    alone = schedule(PatientID="T-SAFE")
    other = schedule(
        PatientID="T-ALLERGIC", Allergies="Iodinated contrast", MedicalAlerts="Pacemaker: no MR"
    )
    (found,) = worklist.find(AccessionNumber=other)
    assert (found.Allergies, found.MedicalAlerts) == ("Iodinated contrast", "Pacemaker: no MR")
    (found,) = worklist.find(AccessionNumber=alone)
    assert not found.Allergies
    assert not found.MedicalAlerts


@pytest.mark.hazard("WRK-007")
def test_a_pregnancy_is_told(schedule, worklist):
    accession = schedule(PregnancyStatus=3)
    (found,) = worklist.find(AccessionNumber=accession)
    assert found.PregnancyStatus == 3


@pytest.mark.hazard("WRK-004")
def test_a_cancelled_examination_is_off_the_list_at_once(schedule, worklist, folder, request):
    accession = schedule()
    assert worklist.accessions(AccessionNumber=accession) == [accession]
    folder.remove(f"{accession.removeprefix('T')}.wl")
    assert worklist.accessions(AccessionNumber=accession) == []


@pytest.mark.hazard("WRK-003")
def test_a_corrected_item_replaces_the_first(schedule, worklist, put):
    from folder import file_of, item_of

    accession = schedule(RequestedProcedureDescription="XR knee left")
    corrected = item_of(accession, {}, {"RequestedProcedureDescription": "XR knee right"})
    put(f"{accession.removeprefix('T')}.wl", file_of(corrected))
    (found,) = worklist.find(AccessionNumber=accession)
    assert found.RequestedProcedureDescription == "XR knee right"


@pytest.mark.hazard("WRK-004")
def test_an_item_with_gaps_is_given_nevertheless(schedule, worklist):
    accession = schedule(StudyInstanceUID="", RequestedProcedureID="", PatientBirthDate="")
    assert worklist.accessions(AccessionNumber=accession) == [accession]


@pytest.mark.hazard("WRK-004", "WRK-006")
@pytest.mark.parametrize(
    "content",
    [b"", b"no DICOM at all", b"\0" * 128 + b"DICM\xff\xff"],
    ids=["empty", "text", "cut"],
)
def test_a_broken_file_hides_no_other_item(schedule, put, worklist, content):
    accession = schedule()
    before = worklist.accessions()
    put("broken.wl", content)
    assert worklist.accessions(AccessionNumber=accession) == [accession]
    assert set(worklist.accessions()) >= set(before)
