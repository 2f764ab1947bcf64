"""Fill a fresh records system with 10,000 synthetic patients."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx

from clinops.domain.replica import Replica

LONG = "Wolfeschlegelsteinhausenbergerdorff-Fitzgerald, Maximiliana-Theo"
NAMES = (LONG, "Núñez, José", "O'Brien, Siân", "Müller, Jörg", "山田, 太郎", "D'Arcy, Zoë")
VALUES = ("0.5", ".5", "<0.1", "71")
UNITS = ("µmol/L", "mmol/L", "mg", "mcg")
SIZE = 10_000
SIDE = 16


def nhs_numbers() -> Iterator[str]:
    """Yield numbers of the range that is kept for tests, each with its check digit."""
    for number in range(10**6):
        digits = f"999{number:06}"
        check = -sum((10 - place) * int(digit) for place, digit in enumerate(digits)) % 11
        if check < 10:
            yield f"{digits}{check}"


def patients() -> list[dict[str, str]]:
    # The last one is as near to another as can be: only a leading zero tells them apart.
    ids = list(islice(nhs_numbers(), SIZE - 1))
    return [_patient(place, name) for place, name in enumerate([*ids, f"0{ids[1]}"])]


def _patient(place: int, name: str) -> dict[str, str]:
    made = {
        "id": name,
        "name": NAMES[place % 7] if place % 7 < len(NAMES) else f"Person {place}",
        "born": f"19{place % 100:02}-{place % 12 + 1:02}-{place % 28 + 1:02}",
        "value": VALUES[place % 4],
        "unit": UNITS[place // 4 % 4],
    }
    # On the night on which that hour comes twice.
    return made | ({"starts": "2026-10-25T01:30:00+01:00"} if place % 50 == 0 else {})


def pictures() -> Iterator[tuple[str, bytes]]:
    for name in islice(nhs_numbers(), 5):
        pixels = bytes((int(name) * step) % 251 for step in range(SIDE * SIDE))
        yield f"{name}.raw", pixels
        yield f"{name}.png", _png(pixels)


def _png(pixels: bytes) -> bytes:
    rows = b"".join(b"\0" + pixels[row * SIDE :][:SIDE] for row in range(SIDE))
    header = SIDE.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    checked = zlib.crc32(name + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + name + data + checked


def system() -> httpx.Client:
    replica = Replica.model_validate_json(Path(os.environ["CLINOPS_REPLICA"]).read_bytes())
    return httpx.Client(base_url=f"http://{replica.endpoints['http']}", timeout=60)


if __name__ == "__main__":
    with system() as records:
        records.put("/patients", json=patients()).raise_for_status()
        for name, image in pictures():
            records.put(f"/images/{name}", content=image).raise_for_status()
