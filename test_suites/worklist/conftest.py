"""What both suites of the worklist share: a modality that asks."""

import pytest
from asking import Worklist

from clinops.adapters.pytest_plugin.dicom import DicomClient


@pytest.fixture(scope="session")
def worklist(dicom: DicomClient) -> Worklist:
    """Searches under the title that the worklist serves."""
    return Worklist(dicom)
