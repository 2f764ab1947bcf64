"""Protected places: what no rule may mask, and what must stay maskable beside it."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.protected import is_protected, matches, reachable, touches

PROTECTED = [
    # DICOM keywords and tags, in data sets and in DICOM JSON
    "body/0/PatientName/Value/0/Alphabetic",
    "body/0/PatientID/Value/0",
    "body/0/PatientBirthDate/Value/0",
    "body/0/OtherPatientIDs/Value/0",
    "body/0/AccessionNumber/Value/0",
    "body/0/ImageLaterality/Value/0",
    "body/0/SOPInstanceUID/Value/0",
    "body/0/PixelData/pixels",
    "body/0/MainDicomTags/PatientID",
    "body/0/00100010/Value/0",
    "body/0/00080050/Value/0",
    "body/0/7FE00010/BulkDataURI",
    "body/0/0040A30A/Value/0",
    "body/0/300A0026/Value/0",
    "body/0/Allergies/Value/0",
    # FHIR
    "body/entry/0/resource/name/0/family",
    "body/entry/0/resource/identifier/0/value",
    "body/birthDate",
    "body/valueQuantity/value",
    "body/valueQuantity/unit",
    "body/valueQuantity/code",
    "body/valueString",
    "body/medicationCodeableConcept/coding/0/code",
    "body/dosage/0/doseAndRate/0/doseQuantity/value",
    "body/interpretation/0/text",
    "body/parameter/0/value/0",
    # HL7 v2
    "body/PID/0/3/0/1",
    "body/PID/0/5/0/1",
    "body/PID/0/7/0/1",
    "body/OBX/3/5/0/1",
    "body/OBX/3/6/0/1",
    "body/OBX/3/8/0/1",
    "body/AL1/0/3",
    "body/RXE/0/2/0/1",
    # columns and JSON
    "body/0/patient_name",
    "body/0/patientid",
    "body/0/firstName",
    "body/0/nhs_number",
    "body/0/dob",
    "body/0/date_of_birth",
    "body/0/result",
    "body/0/result_value",
    "body/0/unit",
    "body/0/abnormal_flag",
    "body/0/drug",
    "body/0/dose_mg",
    "body/pixels",
    "body/sha256",
    "body/Observations/0/Value",
    "body/Weight/Value",
    "headers/content-type",
]
FREE = [
    "",
    "status",
    "headers/date",
    "headers/content-length",
    "body/0/ID",
    "body/0/InstanceCreationTime/Value/0",
    "body/0/InstanceCreationTime/vr",
    "body/0/00080013/Value/0",
    "body/0/LastUpdate",
    "body/meta/lastUpdated",
    "body/entry/0/resource/id",
    "body/MSH/0/7/0/1",
    "body/MSH/0/10/0/1",
    "body/PID/0/33/0/1",
    "body/result/0/create_date",
    "body/result/1",
    "body/result_time",
    "body/value/0/updated",
    "body/uptime",
]


HL7 = re.compile(r"[A-Z][A-Z0-9]{2}")


def place(text: str) -> tuple[str | int, ...]:
    """Read a path; below a segment of HL7 v2 fields and components are keys, not positions."""
    found: list[str | int] = []
    below = 0
    for segment in filter(None, text.split("/")):
        below = 1 if HL7.fullmatch(segment) else below and below + 1
        is_key = not segment.isdecimal() or len(segment) == 8 or below in {3, 5}
        found.append(segment if is_key else int(segment))
    return tuple(found)


@pytest.mark.parametrize("path", PROTECTED)
def test_protects_what_a_clinician_acts_on(path: str):
    assert is_protected(place(path))
    assert touches((), _tree(path))


@pytest.mark.parametrize("path", FREE)
def test_leaves_the_rest_to_rules(path: str):
    assert not is_protected(place(path))


def _tree(path: str) -> object:
    tree: object = "x"
    for segment in reversed(place(path)):
        tree = [*([None] * segment), tree] if isinstance(segment, int) else {segment: tree}
    return tree


def pattern(text: str) -> tuple[str, ...]:
    return tuple(text.split("/"))


@pytest.mark.parametrize("path", PROTECTED)
def test_no_pattern_reaches_a_protected_place_by_its_name(path: str):
    assert reachable(pattern(path))


@pytest.mark.parametrize("path", FREE[1:])
def test_a_pattern_may_name_what_is_free(path: str):
    assert not reachable(pattern(path))


@pytest.mark.parametrize(
    "text",
    [
        "**", "*", "body/*", "body/**", "body/*/#", "headers/*", "**/PatientName", "body/*/name/#",
        "body/**/Value/#", "body/*/Value/#", "body/*/#/3", "body/PID/*/3/#", "body/**/5/#/1",
        "body/rows/#/#", "body/*/*/3", "PID/#/3", "OBX/0/5", "body/OBX/**/5",
    ],
)  # fmt: skip
def test_no_wildcard_reaches_a_protected_place(text: str):
    assert reachable(pattern(text))


@pytest.mark.parametrize(
    "text",
    [
        "#", "body/#/00080013/Value/#", "body/#/InstanceCreationTime/Value/#", "body/**/created",
        "body/*/updated", "body/MSH/#/7/#/1", "body/entry/#/resource/meta/lastUpdated",
        "body/**/ContentTime/Value/#", "body/patients",
    ],
)  # fmt: skip
def test_wildcards_are_allowed_where_nothing_protected_can_end(text: str):
    assert not reachable(pattern(text))


SEGMENTS = ["body", "PatientName", "name", "value", "Value", "00080013", "created", "PID", "3", "7"]


def test_a_cell_of_a_row_without_names_could_be_anything():
    assert is_protected(("body", "rows", 0, 1))
    assert not is_protected(("body", "rows", 0, "1"))


patterns = st.lists(st.sampled_from([*SEGMENTS, "*", "**", "#"]), min_size=1, max_size=5)
paths = st.lists(st.sampled_from([*SEGMENTS, 0, 3]), max_size=6)


@settings(max_examples=1000, deadline=None)
@given(patterns, paths)
def test_a_pattern_that_is_allowed_meets_protected_places_only_below_a_wildcard(
    segments: list[str], path: list[str | int]
):
    """And there it masks nothing: what is protected by a key above is seen when it is applied."""
    if reachable(tuple(segments)) or not matches(tuple(segments), tuple(path)):
        return
    if is_protected(tuple(path)):
        assert {"*", "**"} & set(segments)
        assert path[-1] not in {"PatientName", "name", "value"}
        assert path[-3:] not in (["PID", 0, "3"], ["PID", 3, "3"], ["PID", 0, "7"])


@given(patterns, paths)
def test_matching_is_what_it_is_by_definition(segments: list[str], path: list[str | int]):
    assert matches(tuple(segments), tuple(path)) == _by_definition(segments, path)


def _by_definition(segments: list[str], path: list[str | int]) -> bool:
    """Try every way to write `**` as that many `*`."""
    deep = [at for at, segment in enumerate(segments) if segment == "**"]
    for lengths in itertools.product(range(len(path) + 1), repeat=len(deep)):
        counts = dict(zip(deep, lengths, strict=True))
        spelled = [
            each
            for at, segment in enumerate(segments)
            for each in ([segment] if at not in counts else ["*"] * counts[at])
        ]
        if len(spelled) == len(path) and all(map(_one, spelled, path)):
            return True
    return False


def _one(segment: str, step: str | int) -> bool:
    return segment == "*" or (isinstance(step, int) and segment == "#") or segment == str(step)
