"""ORT-005: examinations keep their time, in the nights when the clock is changed too."""

import pytest

pytestmark = pytest.mark.hazard("ORT-005")

AUTUMN, SPRING = "20251026", "20260329"


@pytest.mark.parametrize(
    ("date", "time"),
    [
        pytest.param(AUTUMN, "013000", id="comes-twice"),
        pytest.param(SPRING, "013000", id="does-not-exist"),
        pytest.param(AUTUMN, "000000", id="midnight"),
        pytest.param(AUTUMN, "235959.999999", id="last-microsecond"),
    ],
)
def test_a_time_is_found_as_it_was_sent(make, dicom, archive, date, time):
    image = make(StudyDate=date, StudyTime=time)
    archive.upload(image)
    (found,) = dicom.find("STUDY", PatientID=image.PatientID, StudyDate="", StudyTime="")
    assert (found.StudyDate, found.StudyTime) == (date, time)


def test_an_hour_that_comes_twice_keeps_its_zone(make, archive):
    images = [make(StudyTime="013000", TimezoneOffsetFromUTC=zone) for zone in ("+0100", "+0000")]
    archive.upload(*images)
    kept = [archive.fetch(each) for each in images]
    assert [each.TimezoneOffsetFromUTC for each in kept] == ["+0100", "+0000"]


@pytest.mark.hazard("ORT-001")
@pytest.mark.parametrize("born", [AUTUMN, SPRING, "20240229", "18991231"])
def test_a_date_of_birth_is_not_moved_by_a_zone(make, dicomweb, archive, born):
    image = make(PatientBirthDate=born, TimezoneOffsetFromUTC="-1200")
    archive.upload(image)
    (found,) = dicomweb.search("studies", StudyInstanceUID=image.StudyInstanceUID)
    assert found.PatientBirthDate == born
