"""The keywords of DICOM's attributes (PS3.6), for whoever needs nothing else of pydicom.

Pydicom as a whole takes a fifth of a second to import, NumPy with it, which everybody who pushes
would wait for. Its dictionary takes some milliseconds.
"""

from __future__ import annotations

from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.metadata import distribution
from types import ModuleType


def is_keyword(name: str) -> bool:
    """Whether an attribute has that keyword."""
    return name in _keywords()


@cache
def _keywords() -> frozenset[str]:
    path = distribution("pydicom").locate_file("pydicom/_dicom_dict.py")
    dictionary = ModuleType("dicom_dictionary")
    SourceFileLoader(dictionary.__name__, str(path)).exec_module(dictionary)
    return frozenset(keyword for *_, keyword in dictionary.DicomDictionary.values() if keyword)
