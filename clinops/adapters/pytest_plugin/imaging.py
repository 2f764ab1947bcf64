"""DICOM and DICOMweb for suites of imaging products: the fixtures `dicom` and `dicomweb`.

A suite's `pytest.ini` names the product's AE title (`dicom_aet`) and the root of its DICOMweb
interface (`dicomweb_root`). pynetdicom is imported on first use: other suites don't pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from clinops.adapters.pytest_plugin.dicom import DicomClient
    from clinops.adapters.pytest_plugin.dicomweb import DicomWebClient


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini values that describe an imaging product."""
    parser.addini("dicom_aet", "AE title of the product", default="ANY-SCP")
    parser.addini("dicomweb_root", "path of the product's DICOMweb interface", default="dicom-web")


@pytest.fixture(scope="session")
def dicom(pytestconfig: pytest.Config, address_of: Callable[[str], tuple[str, int]]) -> DicomClient:
    """A DICOM client on the endpoint `dicom`."""
    from clinops.adapters.pytest_plugin.dicom import DicomClient

    return DicomClient(*address_of("dicom"), called=str(pytestconfig.getini("dicom_aet")))


@pytest.fixture(scope="session")
def dicomweb(pytestconfig: pytest.Config, http: Any) -> Iterator[DicomWebClient]:
    """A DICOMweb client beside the fixture `http`, with the same sign-in."""
    import httpx

    from clinops.adapters.pytest_plugin.dicomweb import DicomWebClient

    root = str(http.base_url.join(str(pytestconfig.getini("dicomweb_root"))))
    with httpx.Client(base_url=root, auth=http.auth, trust_env=False, timeout=20) as client:
        yield DicomWebClient(client)
