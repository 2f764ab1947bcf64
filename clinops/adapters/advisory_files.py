"""Files of advisories and VEX: found, bounded, and read in whichever form they are."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from clinops.adapters.csaf import Csaf
from clinops.adapters.openvex import CONTEXT, OpenVex
from clinops.adapters.osv import Osv
from clinops.domain.advisory import Advisory
from clinops.domain.vex import Statement
from clinops.errors import BadInputError, Problem

LARGEST: Final = 64 * 2**20
"""Bytes of one document."""
MOST: Final = 2_000_000
"""Documents of one import."""


def documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every JSON document of a file, a folder or a zip, by its name, in order.

    Raises:
        BadInputError: There is no such thing, or it is beyond measure.
    """
    if path.is_dir():
        found = sorted(one for one in path.rglob("*.json") if one.is_file())
        inside = path.resolve()
        for one in found:
            # A link may lead anywhere: what is outside was not what somebody meant to import.
            if one.resolve().is_relative_to(inside):
                yield str(one), _bounded(str(one), one.stat().st_size, one)
    elif path.suffix == ".zip":
        yield from _zipped(path)
    elif path.is_file():
        yield str(path), _bounded(str(path), path.stat().st_size, path)
    else:
        raise BadInputError(f"{path}: no such file or folder", mend="check the spelling")


def _bounded(name: str, size: int, path: Path) -> bytes:
    _measure(name, size)
    return path.read_bytes()


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as packed:
            members = sorted(packed.infolist(), key=lambda one: one.filename)
            if len(members) > MOST:
                raise BadInputError(f"{path}: holds more than {MOST:,} documents")
            for one in members:
                if one.filename.endswith(".json"):
                    name = f"{path}/{one.filename}"
                    _measure(name, one.file_size)
                    yield name, packed.read(one)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BadInputError(f"{path}: this is no zip that can be read: {error}") from error


def _measure(name: str, size: int) -> None:
    if size > LARGEST:
        raise BadInputError(f"{name}: is larger than {LARGEST // 2**20} MB")


def digest(path: Path) -> str:
    """Digest what was imported."""
    if path.is_file():
        with path.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    found = hashlib.sha256()
    for name, data in documents(path):
        found.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(data).digest())
    return "sha256:" + found.hexdigest()


def read_advisories(name: str, data: bytes) -> list[Advisory]:
    """Read one document, OSV or CSAF 2.0.

    Raises:
        BadInputError: It is neither, with file and line.
    """
    content = _json(name, data)
    form: type[Csaf | Osv] = Csaf if "document" in content else Osv
    if str(content.get("@context", "")).startswith(CONTEXT):
        mend = "put it into vendor_manifests/<vendor>/vex/ and push it"
        raise _bad(name, 1, "this is a VEX, no advisory", mend)
    try:
        return list(form.model_validate(content).advisories())
    except (ValidationError, ValueError, RecursionError) as error:
        raise _unreadable(name, error, "OSV" if form is Osv else "CSAF 2.0") from None


def read_statements(file: str, data: bytes, vendor: str) -> list[Statement]:
    """Read one VEX document, OpenVEX or CSAF 2.0, as a vendor's word.

    Raises:
        BadInputError: It is neither, or silences something without a reason.
    """
    _measure(file, len(data))
    content = _json(file, data)
    try:
        if "document" in content:
            found = list(Csaf.model_validate(content).statements(vendor, file))
        else:
            found = list(OpenVex.model_validate(content).said(vendor, file))
    except (ValidationError, ValueError, RecursionError) as error:
        form = "CSAF 2.0" if "document" in content else "OpenVEX"
        raise _unreadable(file, error, form) from None
    problems = [
        Problem(file, 1, f"{name} is said to be not affected, and nothing says why",
                "give a justification or an impact statement")
        for one in found
        if one.stance == "not_affected" and not one.reason.strip()
        for name in sorted(one.vulnerability)
    ]  # fmt: skip
    if problems:
        raise BadInputError(f"{file} silences without a reason", problems=problems)
    return found


def _json(name: str, data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except json.JSONDecodeError as error:
        raise _bad(name, error.lineno, f"is no JSON: {error.msg}", "get it again") from None
    except (ValueError, RecursionError) as error:
        raise _bad(name, 1, f"is no JSON: {type(error).__name__}", "get it again") from None
    if not isinstance(content, dict):
        raise _bad(name, 1, "is no document: it has no keys", "import OSV or CSAF 2.0")
    return content


def _unreadable(name: str, error: Exception, form: str) -> BadInputError:
    what = str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return _bad(name, 1, f"can't be read as {form}: {what}", "get it again from its source")


def _bad(name: str, line: int, what: str, mend: str) -> BadInputError:
    return BadInputError(f"{name}: {what}", problems=[Problem(name, line, what, mend)])
