"""Readers of answers: trees of what was said, and harmless evidence of what is hostile."""

from __future__ import annotations

import io
import json
import time
import zlib
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000Lossless

from clinops.adapters.answer_trees import MAX_TEXT, tree_of
from clinops.domain.digest import canonical, digest_bytes
from clinops.domain.observation import Observation


def dicom_file(name: str) -> bytes:
    return Path(str(get_testdata_file(name, download=False))).read_bytes()


def is_opaque(tree: object, body: bytes) -> bool:
    return (
        isinstance(tree, dict)
        and tree["length"] == len(body)
        and tree["sha256"] == (digest_bytes(body))
    )


def test_reads_json_without_losing_a_digit():
    body = b'{"dose": 0.50, "half": 0.5, "count": 5, "big": 12345678901234567890, "nan": NaN}'
    assert tree_of(body, "application/json; charset=utf-8") == {
        "dose": "number 0.50",
        "half": 0.5,
        "count": 5,
        "big": "number 12345678901234567890",
        "nan": "number NaN",
    }


def test_a_key_that_comes_twice_hides_nothing():
    assert tree_of(b'{"a": 1, "a": 2, "a": 3}', "application/fhir+json") == {
        "a": 1,
        "a#2": 2,
        "a#3": 3,
    }


def test_gives_dicom_json_its_keywords():
    body = b'[{"00100020": {"vr": "LO", "Value": ["9990000018"]}, "00091010": {"vr": "UN"}}]'
    assert tree_of(body, "application/dicom+json") == [
        {"PatientID": {"vr": "LO", "Value": ["9990000018"]}, "00091010": {"vr": "UN"}}
    ]


def test_reads_xml_with_attributes_order_and_text():
    body = b'<r xmlns="urn:x"><a n="1">dose</a><b/><a>2</a> tail</r>'
    assert tree_of(body, "application/xml") == {
        "{urn:x}r": {
            "{urn:x}a": [{"@n": "1", "#text": "dose"}, {"#text": "2"}],
            "{urn:x}b": [{}],
            "#order": "{urn:x}a {urn:x}b {urn:x}a",
            "#text": "<><><> tail",
        }
    }


def test_reads_hl7_by_segment_field_repetition_and_component():
    body = b'MSH|^~\\&|LAB||WARD\rPID|||1^^^NHS~2||O\\T\\D^A&B\rOBX|1||""\rNTE|1\rOBX|2\r'
    tree = tree_of(body, "application/hl7-v2+er7; charset=utf-8")
    assert tree["segments"] == "MSH PID OBX NTE OBX"
    assert tree["PID"] == [
        {"3": [{"1": "1", "4": "NHS"}, {"1": "2"}], "5": [{"1": "O\\T\\D", "2": "A&B"}]}
    ]
    assert tree["OBX"][0] == {"1": [{"1": "1"}], "3": [{"1": '""'}]}


def test_reads_text_as_lines_and_keeps_what_ends_them():
    assert tree_of(b"a\r\n\xb5mol", "text/plain; charset=ISO-8859-1") == ["a\r", "µmol"]


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_reads_an_image_as_size_mode_and_pixels(kind: str):
    picture = Image.new("L", (4, 2), 128)
    file = io.BytesIO()
    picture.save(file, kind)
    assert tree_of(file.getvalue(), f"image/{kind}") == {
        "size": "4x2",
        "mode": "L",
        "pixels": digest_bytes(bytes([128] * 8)),
    }


def test_reads_a_dicom_file_with_a_digest_of_its_pixels():
    image = dcmread(io.BytesIO(dicom_file("CT_small.dcm")))
    tree = tree_of(dicom_file("CT_small.dcm"), "application/dicom")
    assert tree["PatientID"] == {"vr": "LO", "Value": ["1CT1"]}
    assert tree["SliceThickness"] == {"vr": "DS", "Value": ["5.000000"]}
    assert tree["Rows"] == {"vr": "US", "Value": [128]}
    assert tree["FileMeta"]["TransferSyntaxUID"]["Value"] == [image.file_meta.TransferSyntaxUID]
    assert tree["PixelData"] == {
        "vr": "OW",
        "pixels": digest_bytes(image.pixel_array.tobytes()),
        "shape": "128x128 int16",
    }


def test_the_same_picture_in_another_compression_has_the_same_pixels():
    plain = dcmread(io.BytesIO(dicom_file("CT_small.dcm")))
    packed = dcmread(io.BytesIO(dicom_file("CT_small.dcm")))
    packed.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    trees = []
    for image in (plain, packed):
        file = io.BytesIO()
        image.save_as(file)
        trees.append(tree_of(file.getvalue(), "application/dicom"))
    assert trees[0]["PixelData"]["pixels"] == trees[1]["PixelData"]["pixels"]
    assert trees[0]["FileMeta"] != trees[1]["FileMeta"]


def test_pixels_that_nobody_can_decode_are_told_apart_by_their_bytes():
    image = dcmread(io.BytesIO(dicom_file("CT_small.dcm")))
    image.file_meta.TransferSyntaxUID = JPEG2000Lossless
    image.PixelData = b"\xfe\xff\x00\xe0" + bytes(4) + b"\xfe\xff\x00\xe0\x04\x00\x00\x00JUNK"
    image["PixelData"].is_undefined_length = True
    image["PixelData"].VR = "OB"
    file = io.BytesIO()
    image.save_as(file)
    leaf = tree_of(file.getvalue(), "application/dicom")["PixelData"]
    assert set(leaf) == {"vr", "length", "sha256"}


def test_reads_each_part_of_a_multipart_answer_by_its_own_type():
    body = (
        b"--x\r\nContent-Type: application/dicom\r\n\r\n"
        + dicom_file("MR_small.dcm")
        + b'\r\n--x\r\nContent-Type: application/json\r\n\r\n{"a": 1}\r\n--x--\r\n'
    )
    first, second = tree_of(body, 'multipart/related; type="application/dicom"; boundary="x"')
    assert first["body"]["Modality"]["Value"] == ["MR"]
    assert second == {"headers": {"content-type": "application/json"}, "body": {"a": 1}}


def test_a_type_that_no_reader_knows_is_told_by_digest_and_length():
    assert tree_of(b"%PDF-1.7", "application/pdf") == {
        "length": 8,
        "sha256": f"sha256:{sha256(b'%PDF-1.7').hexdigest()}",
    }


def test_nothing_is_nothing():
    assert tree_of(b"", "application/json") is None


_BOMB = (
    b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(
        b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10)
        for n in range(9)
    )
    + b"]><a>&j;</a>"
)  # fmt: skip


def _deflated() -> bytes:
    image = dcmread(io.BytesIO(dicom_file("CT_small.dcm")))
    file = io.BytesIO()
    image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    image.save_as(file)
    meta = file.getvalue()[:400].replace(b"1.2.840.10008.1.2.1\x00", b"1.2.840.10008.1.2.1.99")
    return meta + zlib.compress(bytes(50_000_000))


def _wide_png() -> bytes:
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "application/json"),
        (b"[" * 100 + b"]" * 100, "application/json"),
        (b'{"a": ' + b"9" * 1_000_000, "application/json"),
        (b'{"a": "\xff"}', "application/json"),
        (b"", "application/json"),
        (_BOMB, "application/xml"),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', "text/xml"),
        (b"<a>" * 50_000 + b"</a>" * 50_000, "application/xml"),
        (b"\xff\xfe\xff", "text/plain"),
        (b"PID|no header", "application/hl7-v2"),
        (b"MSH|^~\\&|\xff", "application/hl7-v2"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png"),
        (b"GIF89a" + bytes(100), "image/png"),
        (_wide_png(), "image/png"),
        (b"not DICOM" * 100, "application/dicom"),
        (_deflated(), "application/dicom"),
        (b"--x\r\n\r\na", "multipart/related; boundary=x"),
        (b"--\r\n\r\na\r\n----", "multipart/related"),
        (b"--x\r\n\r\n" * 5000 + b"\r\n--x--", "multipart/related; boundary=x"),
        (b"a" * (MAX_TEXT + 1), "text/plain"),
    ],
)
def test_hostile_answers_are_told_by_digest_and_length(body: bytes, media: str):
    started = time.process_time()
    tree = tree_of(body or b"{", media)
    assert is_opaque(tree, body or b"{")
    assert tree["unread"]
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b'{"a\\ud800": "\\udfff", "b": 1e999, "c": -0, "d": 9007199254740993}', "a/b+json"),
        (json.dumps({"a": [None, True, 1.5]}).encode(), "text/json"),
        (b"\x00\x1b[31m", "text/plain; charset=zip"),
        (b"MSH|^~\\&|\x00", "x-application/hl7-v2+er7"),
        (dicom_file("CT_small.dcm"), "application/dicom"),
    ],
)
def test_every_tree_can_be_written_down_and_digested(body: bytes, media: str):
    answer = {"body": tree_of(body, media)}
    observation = Observation(probe="p", answer=answer, milliseconds=1)
    assert canonical(observation.json_value())


def test_a_declared_size_alone_takes_no_memory():
    image = dcmread(io.BytesIO(dicom_file("CT_small.dcm")))
    image.Rows = image.Columns = 65_535
    image.NumberOfFrames = 1_000_000
    file = io.BytesIO()
    image.save_as(file)
    leaf = tree_of(file.getvalue(), "application/dicom")["PixelData"]
    assert leaf["length"] == 128 * 128 * 2
