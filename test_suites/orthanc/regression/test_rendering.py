"""ORT-003: what a viewer shows is what the image holds, in the window that was asked for."""

import io

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.hazard("ORT-003")

ROUNDING = 2
"""Grey levels: viewers may round, and DICOM's two definitions of a window differ by half a step."""


def shown(archive, image, **window):
    """The pixels of an image as the archive renders it."""
    (instance,) = archive.instances(image)
    answer = archive.http.get(
        f"/instances/{instance}/rendered", params=window, headers={"Accept": "image/png"}
    ).raise_for_status()
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("L")).astype(float)


def in_window(image, center, width):
    """The pixels as PS3.3, C.11.2.1.2 says that a linear window shows them."""
    values = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255


@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600, 1500), (300, 2000)])
def test_a_picture_is_shown_in_the_window_asked_for(make, archive, center, width):
    image = make("CT_small.dcm")
    archive.upload(image)
    picture = shown(archive, image, **{"window-center": center, "window-width": width})
    assert np.abs(picture - in_window(image, center, width)).max() <= ROUNDING


def test_a_picture_is_shown_in_the_window_that_it_brings(make, archive):
    image = make("CT_small.dcm", WindowCenter="40", WindowWidth="400")
    archive.upload(image)
    assert np.abs(shown(archive, image) - in_window(image, 40, 400)).max() <= ROUNDING


def test_what_is_inverted_is_shown_inverted(make, archive):
    window = {"WindowCenter": "40", "WindowWidth": "400"}
    upright = make("CT_small.dcm", **window)
    inverted = make("CT_small.dcm", PhotometricInterpretation="MONOCHROME1", **window)
    archive.upload(upright, inverted)
    both = shown(archive, upright) + shown(archive, inverted)
    assert np.abs(both - 255).max() <= ROUNDING


def test_colours_are_not_exchanged(make, archive):
    image = make("examples_rgb_color.dcm")
    archive.upload(image)
    (instance,) = archive.instances(image)
    answer = archive.http.get(f"/instances/{instance}/preview", headers={"Accept": "image/png"})
    picture = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    assert np.array_equal(picture, image.pixel_array)
