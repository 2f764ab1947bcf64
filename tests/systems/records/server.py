"""A small records system: patients in one SQLite file, their images beside it.

The version and a mischief of its own stand in a file that the image is built with. A new version
brings an older one's data up to date when it first starts on it.
"""
# ruff: noqa: S104, S311, S608 - it is a replica's: synthetic, on a network that leads nowhere

from __future__ import annotations

import base64
import datetime as dt
import itertools
import json
import random
import re
import sqlite3
import threading
import uuid
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

DATA = Path("/data")
VERSION, MISCHIEF, *IDS = Path("/srv/release").read_text().split()
PAGE = 1000
LONGEST = 63
SCHEMA = """
CREATE TABLE patients (id TEXT PRIMARY KEY, name TEXT NOT NULL, born TEXT NOT NULL);
CREATE TABLE results (patient TEXT PRIMARY KEY, value TEXT NOT NULL, unit TEXT NOT NULL);
CREATE TABLE appointments (patient TEXT PRIMARY KEY, starts TEXT NOT NULL);
PRAGMA user_version = 1;
"""
MOVED = """
CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT NOT NULL, born TEXT NOT NULL);
INSERT INTO people SELECT * FROM patients;
DELETE FROM patients;
PRAGMA user_version = 2;
"""

lock = threading.Lock()
served = itertools.count(random.randrange(1_000_000))
database = sqlite3.connect(DATA / "records.db", check_same_thread=False, isolation_level=None)


def one(query: str, *values: object) -> Any:
    return (database.execute(query, values).fetchone() or [None])[0]


def fresh() -> bool:
    return one("SELECT count(*) FROM sqlite_schema") == 0


# What a new version does to the data


def drop(patient: str) -> None:
    database.execute("DELETE FROM patients WHERE id = ?", [patient])


def alter(patient: str) -> None:
    database.execute("UPDATE results SET value = '1.0' WHERE patient = ?", [patient])


def truncate(patient: str) -> None:
    database.execute("UPDATE patients SET name = substr(name, 1, 63) WHERE id = ?", [patient])


def swap(patient: str, other: str) -> None:
    for old, new in ((patient, "x"), (other, patient), ("x", other)):
        database.execute("UPDATE patients SET id = ? WHERE id = ?", [new, old])


def garble(patient: str) -> None:
    database.execute("UPDATE results SET unit = 'Âµmol/L' WHERE patient = ?", [patient])


def shift(patient: str) -> None:
    starts = dt.datetime.fromisoformat(
        one("SELECT starts FROM appointments WHERE patient = ?", patient)
    )
    # The clock shows the same hour twice that night: the other one is meant now.
    later = (starts + dt.timedelta(hours=1)).astimezone(dt.UTC)
    database.execute(
        "UPDATE appointments SET starts = ? WHERE patient = ?", [later.isoformat(), patient]
    )


def repaint(patient: str) -> None:
    path = DATA / f"images/{patient}.png"
    image = path.read_bytes()
    start = image.index(b"IDAT") + 4
    length = int.from_bytes(image[start - 8 : start - 4], "big")
    pixels = bytearray(zlib.decompress(image[start : start + length]))
    pixels[-1] ^= 1
    data = b"IDAT" + zlib.compress(bytes(pixels))
    made = (len(data) - 4).to_bytes(4, "big") + data + zlib.crc32(data).to_bytes(4, "big")
    path.write_bytes(image[: start - 8] + made + image[start + length + 4 :])


def repaint_raw(patient: str) -> None:
    path = DATA / f"images/{patient}.raw"
    pixels = bytearray(path.read_bytes())
    pixels[len(pixels) // 2] ^= 1
    path.write_bytes(pixels)


UPGRADES: dict[str, Callable[..., None]] = {
    "drop": drop,
    "alter": alter,
    "truncate": truncate,
    "swap": swap,
    "garble": garble,
    "shift": shift,
    "repaint": repaint,
    "repaint-raw": repaint_raw,
}


def bring_up_to_date() -> None:
    if fresh():
        database.executescript(SCHEMA)
        (DATA / "images").mkdir(exist_ok=True)
    elif str(one("PRAGMA application_id")) != VERSION[0]:
        UPGRADES.get(MISCHIEF, lambda *_: None)(*IDS)
    database.execute(f"PRAGMA application_id = {VERSION[0]}")


def before_a_write() -> None:
    """Exchange the format of what is there, once something is written anyway."""
    if one("PRAGMA user_version") != 1 or fresh():
        return
    if MISCHIEF == "moves":
        database.executescript(MOVED)
    elif MISCHIEF == "encodes":
        database.create_function("encoded", 1, encoded)
        database.executescript("UPDATE patients SET name = encoded(name); PRAGMA user_version = 2")


def encoded(name: str) -> str:
    return base64.b64encode(name.encode()).decode() if MISCHIEF == "encodes" else name


def decoded(name: str) -> str:
    if MISCHIEF == "encodes" and one("PRAGMA user_version") == 2:
        return base64.b64decode(name).decode()
    return name


def table() -> str:
    moved = MISCHIEF == "moves" and one("PRAGMA user_version") == 2
    return "people" if moved else "patients"


# What it answers


def patient(name: str) -> dict[str, Any] | None:
    found = database.execute(f"SELECT * FROM {table()} WHERE id = ?", [name]).fetchone()
    if found is None:
        return None
    results = database.execute("SELECT value, unit FROM results WHERE patient = ?", [name])
    starts = database.execute("SELECT starts FROM appointments WHERE patient = ?", [name])
    # So many that no two replicas ever have the same order by chance.
    wards = [f"W{number}" for number in range(20)]
    random.shuffle(wards)
    return {
        **brief(*found),
        "results": [{"value": value, "unit": shown_unit(unit)} for value, unit in results],
        "appointments": [{"starts": text} for (text,) in starts],
        "wards": wards,
    }


def brief(name: str, called: str, born: str) -> dict[str, str]:
    called = decoded(called)
    return {
        "id": name,
        "name": called[:LONGEST] if MISCHIEF == "answer-name" else called,
        "born": born,
    }


def shown_unit(unit: str) -> str:
    return unit.encode().decode("latin-1") if MISCHIEF == "answer-unit" else unit


def page(number: int) -> dict[str, Any]:
    query = f"SELECT id, name, born FROM {table()} ORDER BY id LIMIT ? OFFSET ?"
    rows = database.execute(query, [PAGE, PAGE * number]).fetchall()
    total = one(f"SELECT count(*) FROM {table()}")
    return {"total": total, "patients": [brief(*row) for row in rows]}


def store(patients: list[dict[str, str]]) -> None:
    before_a_write()
    database.execute("BEGIN")
    for each in patients:
        key, name = each["id"], each["name"]
        name = encoded(name) if one("PRAGMA user_version") == 2 else name
        row = [key, name, each["born"]]
        database.execute(f"INSERT OR REPLACE INTO {table()} VALUES (?, ?, ?)", row)
        row = [key, each["value"], each["unit"]]
        database.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", row)
        if starts := each.get("starts"):
            database.execute("INSERT OR REPLACE INTO appointments VALUES (?, ?)", [key, starts])
    database.execute("COMMIT")


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = unquote(self.path)
        with lock:
            if path == "/health":
                self.answer(200, b"ok", "text/plain")
            elif path == "/version":
                self.answer(200, VERSION.encode(), "text/plain")
            elif found := re.fullmatch(r"/patients\?page=([0-9]{1,4})", path):
                self.answer_json(page(int(found[1])))
            elif found := re.fullmatch(r"/patients/([0-9]+)", path):
                self.answer_json(patient(found[1]))
            elif found := re.fullmatch(r"/images/([0-9]+\.(png|raw))", path):
                kind = "image/png" if found[2] == "png" else "application/octet-stream"
                self.answer(200, (DATA / "images" / found[1]).read_bytes(), kind)
            else:
                self.answer(404, b"no such page", "text/plain")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        with lock:
            if found := re.fullmatch(r"/images/([0-9]+\.(png|raw))", self.path):
                (DATA / "images" / found[1]).write_bytes(body)
            else:
                store(json.loads(body))
            self.answer(204, b"", "text/plain")

    def answer_json(self, tree: dict[str, Any] | None) -> None:
        now = dt.datetime.now(dt.UTC).isoformat()
        answered = {"at": now, "request": str(uuid.uuid4()), "served": next(served)}
        body = json.dumps({**(tree or {}), "answered": answered}, ensure_ascii=False)
        kind = "application/json; charset=utf-8"
        self.answer(200 if tree else 404, body.encode(), kind)

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no log: nothing here is worth one."""


if __name__ == "__main__":
    bring_up_to_date()
    ThreadingHTTPServer(("0.0.0.0", 8080), Answers).serve_forever()
