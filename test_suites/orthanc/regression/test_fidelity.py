"""ORT-003 and ORT-010: what comes out is what went in."""

import hashlib

import pytest
from images import sample

SAMPLES = [
    pytest.param("CT_small.dcm", id="CT"),
    pytest.param("MR_small.dcm", id="MR"),
    pytest.param("examples_rgb_color.dcm", id="US-rgb"),
    pytest.param("examples_palette.dcm", id="US-palette"),
    pytest.param("liver_1frame.dcm", id="SEG"),
    pytest.param("rtdose.dcm", id="RTDOSE"),
    pytest.param("MR_small_implicit.dcm", id="implicit"),
    pytest.param("MR_small_bigendian.dcm", id="big-endian"),
    pytest.param("MR_small_RLE.dcm", id="rle"),
    pytest.param("MR_small_jpeg_ls_lossless.dcm", id="jpeg-ls"),
    pytest.param("MR_small_jp2klossless.dcm", id="jpeg-2000-lossless"),
    pytest.param("693_J2KI.dcm", id="jpeg-2000"),
    pytest.param("SC_rgb_jpeg_dcmtk.dcm", id="jpeg"),
]
TO_SHOW_IT = [
    "PhotometricInterpretation",
    "WindowCenter",
    "WindowWidth",
    "RescaleIntercept",
    "RescaleSlope",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "Rows",
    "Columns",
]
TO_MEASURE_IT = [
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "SliceLocation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
]


def pixel_hash(image):
    return hashlib.sha256(image.PixelData).hexdigest()


def values(image, keywords):
    return {keyword: image.get(keyword) for keyword in keywords}


@pytest.mark.hazard("ORT-003")
@pytest.mark.parametrize("name", SAMPLES)
def test_pixels_are_kept_byte_for_byte(make, dicom, archive, name):
    image = make(name)
    dicom.store(image)
    kept = archive.fetch(image)
    assert pixel_hash(kept) == pixel_hash(sample(name))
    assert kept.file_meta.TransferSyntaxUID == image.file_meta.TransferSyntaxUID


@pytest.mark.hazard("ORT-003")
@pytest.mark.parametrize("name", SAMPLES[:6])
def test_what_is_needed_to_show_an_image_is_kept(make, archive, name):
    image = make(name)
    archive.upload(image)
    assert values(archive.fetch(image), TO_SHOW_IT) == values(sample(name), TO_SHOW_IT)


@pytest.mark.hazard("ORT-003")
def test_several_windows_are_kept_in_their_order(make, archive):
    image = make(WindowCenter=["40", "-600"], WindowWidth=["400", "1500"])
    archive.upload(image)
    kept = archive.fetch(image)
    assert (list(kept.WindowCenter), list(kept.WindowWidth)) == ([40, -600], [400, 1500])


@pytest.mark.hazard("ORT-010")
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "rtdose.dcm"])
def test_geometry_is_kept(make, archive, name):
    image = make(name)
    archive.upload(image)
    assert values(archive.fetch(image), TO_MEASURE_IT) == values(sample(name), TO_MEASURE_IT)


@pytest.mark.hazard("ORT-010")
def test_decimal_strings_are_not_rounded(make, archive):
    spacing = ["0.66146800000001", "0.5"]
    image = make(PixelSpacing=spacing)
    archive.upload(image)
    assert [str(each) for each in archive.fetch(image).PixelSpacing] == spacing


@pytest.mark.hazard("ORT-010")
@pytest.mark.parametrize("side", ["L", "R"])
def test_the_side_is_kept(make, archive, side):
    image = make(Laterality=side, ImageLaterality=side, PatientOrientation=["L", "P"])
    archive.upload(image)
    kept = archive.fetch(image)
    assert (kept.Laterality, kept.ImageLaterality) == (side, side)
    assert list(kept.PatientOrientation) == ["L", "P"]


@pytest.mark.hazard("ORT-010")
@pytest.mark.parametrize("side", ["L", "R"])
def test_side_and_accession_number_come_back_together(make, dicom, archive, side):
    image = make(Laterality=side, AccessionNumber=f"SYN77-{side}")
    archive.upload(image)
    (found,) = dicom.find(
        "SERIES", StudyInstanceUID=image.StudyInstanceUID, SeriesInstanceUID="", Laterality=""
    )
    kept = archive.fetch(image)
    assert (found.Laterality, kept.Laterality, kept.AccessionNumber) == (
        side,
        side,
        f"SYN77-{side}",
    )


@pytest.mark.hazard("ORT-003")
@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        pytest.param("waveform_ecg.dcm", "WaveformSequence", id="ECG"),
        pytest.param("test-SR.dcm", "ContentSequence", id="SR"),
        pytest.param("rtplan.dcm", "BeamSequence", id="RTPLAN"),
    ],
)
def test_objects_without_pixels_are_kept(make, dicom, archive, name, keyword):
    image = make(name)
    dicom.store(image)
    assert str(archive.fetch(image)[keyword]) == str(sample(name)[keyword])


@pytest.mark.hazard("ORT-003")
def test_private_elements_are_kept(make, archive):
    image = make()
    block = image.private_block(0x0BAD, "SYNTHETIC VENDOR", create=True)
    block.add_new(0x01, "LO", "kept as it is")
    archive.upload(image)
    kept = archive.fetch(image).private_block(0x0BAD, "SYNTHETIC VENDOR")
    assert kept[0x01].value == "kept as it is"
