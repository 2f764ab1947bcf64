"""GNU-008: what is attached to a patient is kept, byte for byte, in files of its own."""

import hashlib

import pytest

pytestmark = pytest.mark.hazard("GNU-008")

LETTERS = [
    pytest.param("Auto-injector 300 µg, twice.\r\n".encode(), id="text"),
    pytest.param(bytes(range(256)) * 4096, id="a-megabyte"),
    pytest.param("Größe".encode("latin-1"), id="latin-1"),
]


def attach(record, patient, name, data):
    resource = f"gnuhealth.patient,{patient.id}"
    return record.create("ir.attachment", name=name, resource=resource, data=data, type="data")


@pytest.mark.parametrize("data", LETTERS)
def test_an_attached_letter_is_kept_byte_for_byte(record, people, data):
    letter = attach(record, people.patient(), "Letter", data)
    assert record.read("ir.attachment", letter, "data")["data"] == data


def test_letters_that_were_attached_before_can_be_read(record):
    found = record.search("ir.attachment", ["name", "=", "Letter of 2 June 2025"])
    (letter,) = [record.read("ir.attachment", each, "data")["data"] for each in found]
    assert letter.decode() == "Dear Dr Núñez,\npotassium 6.4 mmol/L: please repeat.\n"


def test_a_letter_lies_in_the_folder_that_is_backed_up(host, record, people):
    data = people.code().encode()
    attach(record, people.patient(), "Letter", data)
    # Tryton names the file by the digest of what is in it.
    name = hashlib.md5(data, usedforsecurity=False).hexdigest()
    found = host.check_output("find /var/lib/gnuhealth/attachments -name %s", name)
    assert found.splitlines() != []


@pytest.mark.hazard("GNU-001")
def test_a_letter_is_shown_with_its_own_patient_only(record, people):
    mine, other = people.patient(), people.patient()
    letter = attach(record, mine, "Letter", b"x")
    for patient, expected in ((mine, [letter]), (other, [])):
        asked = ["resource", "=", f"gnuhealth.patient,{patient.id}"]
        assert record.search("ir.attachment", asked) == expected
