"""DICOM objects for the tests: real samples from pydicom, synthetic people."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file


@cache
def sample_bytes(name: str) -> bytes:
    """One of the samples that pydicom's wheel carries, by file name."""
    path = get_testdata_file(name, download=False)
    assert path is not None, f"pydicom carries no {name}"
    return Path(str(path)).read_bytes()


def sample(name: str) -> Dataset:
    """A fresh copy of a sample, free to change."""
    return dcmread(io.BytesIO(sample_bytes(name)))


def file_of(image: Dataset) -> bytes:
    """Write an image as a DICOM file."""
    written = io.BytesIO()
    image.save_as(written)
    return written.getvalue()
