"""The keywords that are known to a push are those that are known to pydicom."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydicom.datadict import DicomDictionary, tag_for_keyword

from clinops.adapters.dicom_keywords import is_keyword


def test_every_keyword_of_pydicoms_is_one():
    keywords = [entry[4] for entry in DicomDictionary.values() if entry[4]]
    assert len(keywords) > 4000
    assert [one for one in keywords if not is_keyword(one)] == []


@pytest.mark.parametrize("name", ["patientname", "Patient Name", "00100010", "NoSuchKeyword"])
def test_nothing_else_is(name):
    assert tag_for_keyword(name) is None
    assert not is_keyword(name)


def test_an_attribute_without_a_keyword_has_none():
    assert not is_keyword("")


def test_the_library_itself_is_not_imported_for_it():
    program = (
        "import sys; from clinops.adapters.dicom_keywords import is_keyword; "
        "assert is_keyword('PatientName'); assert 'pydicom' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
