"""The images that store probes send: synthetic, small, and the same each time."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

_CLASSES = {
    "ct": ("1.2.840.10008.5.1.4.1.1.2", "CT"),
    "mr": ("1.2.840.10008.5.1.4.1.1.4", "MR"),
    "cr": ("1.2.840.10008.5.1.4.1.1.1", "CR"),
    "sc": ("1.2.840.10008.5.1.4.1.1.7", "OT"),
}
_SIDE = 16
_WHOLE = {"US", "UL", "SS", "SL", "UV", "SV"}
_FRACTION = {"FL", "FD"}


def image(sample: str, attributes: Mapping[str, str]) -> Dataset:
    """Make an image; the same sample with the same attributes is the same instance.

    Args:
        sample: `ct`, `mr`, `cr` or `sc` (secondary capture).
        attributes: What to write into it, by keyword.

    Raises:
        ValueError: An attribute can't have that value, or there is no such attribute.
    """
    sop_class, modality = _CLASSES[sample]
    said = [sample, *(f"{keyword}={value}" for keyword, value in sorted(attributes.items()))]
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID = sop_class
    made.Modality = modality
    made.PatientName, made.PatientID = "PROBE^SYNTHETIC", "PROBE"
    made.StudyInstanceUID = generate_uid(entropy_srcs=["study", *said])
    made.SeriesInstanceUID = generate_uid(entropy_srcs=["series", *said])
    made.SOPInstanceUID = generate_uid(entropy_srcs=["instance", *said])
    _add_pixels(made)
    for keyword, value in attributes.items():
        put(made, keyword, value)
    return made


def _add_pixels(made: Dataset) -> None:
    made.Rows = made.Columns = _SIDE
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.PixelRepresentation = 0
    made.PixelData = b"".join((n * 16).to_bytes(2, "little") for n in range(_SIDE * _SIDE))


def put(dataset: Dataset, keyword: str, value: str) -> None:
    """Write an attribute from text; raises ValueError where that can't be."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"there is no attribute {keyword}")
    kind = dictionary_VR(tag)
    if value == "":
        setattr(dataset, keyword, [] if kind == "SQ" else None)
    elif kind in _WHOLE:
        setattr(dataset, keyword, int(value))
    elif kind in _FRACTION:
        setattr(dataset, keyword, float(value))
    else:
        setattr(dataset, keyword, value)
