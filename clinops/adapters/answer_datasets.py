"""DICOM data sets as trees: DICOM JSON (PS3.18, annex F) with keywords in place of tags.

Values stay as they were sent; bytes are digested; pixels are decoded first where pydicom can, so
that the same picture in another compression shows as what it is.
"""

from __future__ import annotations

import io
from typing import Any

from pydicom import Dataset, config, dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.multival import MultiValue
from pydicom.pixels.utils import pixel_array
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from clinops.domain.digest import digest_bytes

# What a system sent is compared, not corrected.
config.settings.reading_validation_mode = config.IGNORE

_PIXELS = BaseTag(0x7FE00010)
_MAX_DECODED = 256_000_000


def dataset_file_tree(data: bytes) -> dict[str, Any]:
    """Read a DICOM file (PS3.10); raises whatever pydicom does where it is none."""
    if DeflatedExplicitVRLittleEndian.encode() in data:
        raise ValueError("deflated, to what size only inflating it would say")
    dataset = dcmread(io.BytesIO(data))
    return {"FileMeta": dataset_tree(dataset.file_meta), **dataset_tree(dataset)}


def dataset_tree(dataset: Dataset) -> dict[str, Any]:
    """Write a data set as a tree; private elements go by their tag, in 8 hex digits."""
    return {
        keyword_for_tag(tag) or f"{tag:08X}": _element(dataset, tag)
        for tag in sorted(dataset.keys())
    }


def _element(dataset: Dataset, tag: BaseTag) -> dict[str, Any]:
    if tag == _PIXELS:
        return _pixels(dataset)
    try:
        element = dataset[tag]
    except Exception:  # noqa: BLE001 - a value that is against the rules of its type
        raw = dataset.get_item(tag)
        return {"vr": str(raw.VR), "Value": [repr(raw.value)]}
    values = _values(element.value)
    return {"vr": str(element.VR), **values}


def _values(value: Any) -> dict[str, Any]:
    if isinstance(value, bytes):
        return _digest(value) if value else {}
    if value is None or value == "":
        return {}
    many = isinstance(value, MultiValue | list) or hasattr(value, "is_undefined_length")
    return {"Value": [_value(each) for each in value] if many else [_value(value)]}


def _value(value: Any) -> Any:
    if isinstance(value, Dataset):
        return dataset_tree(value)
    # IS and DS are numbers to pydicom, but text on the wire, and text is what must stay.
    plain = type(value) in {int, float}
    return value if plain else str(value)


def _pixels(dataset: Dataset) -> dict[str, Any]:
    raw = dataset.get_item(_PIXELS)
    vr = {"vr": str(raw.VR)}
    try:
        if _decoded_size(dataset) > _MAX_DECODED:
            return {**vr, **_digest(raw.value)}
        pixels = pixel_array(dataset)
    except Exception:  # noqa: BLE001 - no decoder for it, or it is not what it says
        return {**vr, **_digest(raw.value)}
    shape = "x".join(str(side) for side in pixels.shape)
    return {**vr, "pixels": digest_bytes(pixels.tobytes()), "shape": f"{shape} {pixels.dtype}"}


def _decoded_size(dataset: Dataset) -> int:
    size = dataset.Rows * dataset.Columns * dataset.get("SamplesPerPixel", 1)
    return int(size * int(dataset.get("NumberOfFrames") or 1) * dataset.BitsAllocated // 8)


def _digest(data: bytes) -> dict[str, Any]:
    return {"length": len(data), "sha256": digest_bytes(data)}
