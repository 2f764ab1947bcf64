"""Readers: from the bytes of an answer to a tree that can be compared place by place.

What was answered is hostile. Whatever a reader can't take is compared by digest and length: still
evidence, and never a crash.
"""

from __future__ import annotations

import email.message
import hashlib
import io
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import defusedxml.ElementTree
import hl7
from PIL import Image
from pydantic import JsonValue
from pydicom.datadict import keyword_for_tag

from clinops.adapters.answer_datasets import dataset_file_tree
from clinops.domain.digest import digest_bytes
from clinops.domain.observation import WRITTEN_NUMBER

MAX_TEXT = 1_000_000
"""Bytes of an answer that are read into a tree value by value."""
MAX_BYTES = 64_000_000
"""Bytes of an answer of which the tree is small: images, data sets. Longer ones are not taken."""
_MAX_DEPTH = 60
_MAX_PARTS = 1000
_MAX_PIXELS = 50_000_000
_EXACT = 2**53
"""From here on JSON numbers are not the same for everyone who reads them."""
_CHARSETS = {"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"}


class _UnreadableError(Exception):
    """An answer is not what it says that it is, or more than a tree can hold."""


def tree_of(body: bytes, content_type: str) -> JsonValue:
    """Read an answer by its media type; digest and length where that can't be done."""
    if not body:
        return None
    media = media_type(content_type)
    for reader in _READERS:
        if re.fullmatch(reader.media, media):
            if len(body) > reader.longest:
                return unread(body, f"longer than {reader.longest} bytes")
            try:
                return tidy(reader.read(body, content_type))
            except Exception:  # noqa: BLE001 - the libraries raise whatever they like
                return unread(body, f"not {media}")
    return unread(body, "")


def unread(body: bytes, why: str) -> JsonValue:
    """Return what stands for bytes that no reader takes; `why` may be empty."""
    tree: dict[str, JsonValue] = {"length": len(body), "sha256": digest_bytes(body)}
    return {"unread": why, **tree} if why else tree


def media_type(content_type: str) -> str:
    """Return a media type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def tidy(tree: Any, depth: int = 0) -> JsonValue:
    """Make a tree plain JSON that is the same for everyone who reads it.

    Raises `_UnreadableError` where it is nested too deep.
    """
    if depth > _MAX_DEPTH:
        raise _UnreadableError
    if isinstance(tree, dict):
        return {_clean(str(key)): tidy(each, depth + 1) for key, each in tree.items()}
    if isinstance(tree, list | tuple):
        return [tidy(each, depth + 1) for each in tree]
    if tree is None or isinstance(tree, bool):
        return tree
    if isinstance(tree, int):
        return int(tree) if abs(tree) < _EXACT else f"{WRITTEN_NUMBER}{tree}"
    if isinstance(tree, float):
        return float(tree) if abs(tree) < float("inf") else f"{WRITTEN_NUMBER}{tree}"
    return _clean(str(tree))


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def json_tree(body: bytes, _: str = "") -> Any:
    """Read JSON; no number loses a digit, no key that comes twice hides the other one."""
    return json.loads(
        body.decode("utf-8-sig"),
        object_pairs_hook=_pairs,
        parse_float=_exact_float,
        parse_int=_exact_int,
        parse_constant=lambda text: f"{WRITTEN_NUMBER}{text}",
    )


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in pairs:
        tree[_free(key, tree)] = value
    return tree


def _free(key: str, taken: dict[str, Any]) -> str:
    return key if key not in taken else f"{key}#{sum(k.split('#')[0] == key for k in taken) + 1}"


def _exact_float(text: str) -> float | str:
    # A dose of 0.50 is not written like one of 0.5, and FHIR gives that a meaning.
    return float(text) if repr(float(text)) == text else f"{WRITTEN_NUMBER}{text}"


def _exact_int(text: str) -> int | str:
    return int(text) if len(text) < len(str(_EXACT)) and text != "-0" else f"{WRITTEN_NUMBER}{text}"


def _dicom_json_tree(body: bytes, _: str) -> Any:
    return _with_keywords(json_tree(body))


def _with_keywords(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_with_keywords(each) for each in tree]
    if isinstance(tree, dict):
        return {_keyword(key): _with_keywords(each) for key, each in tree.items()}
    return tree


def _keyword(key: str) -> str:
    return (re.fullmatch(r"[0-9A-F]{8}", key) and keyword_for_tag(int(key, 16))) or key


def xml_tree(body: bytes, _: str = "") -> Any:
    """Read XML: attributes as `@name`, text as `#text`, children in lists by their name."""
    root = defusedxml.ElementTree.fromstring(body)
    return {root.tag: _element(root)}


def _element(element: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {f"@{name}": value for name, value in element.attrib.items()}
    for child in element:
        tree.setdefault(child.tag, []).append(_element(child))
    if len({child.tag for child in element}) > 1:
        # Lists by name alone would hide that a child has moved between its siblings.
        tree["#order"] = " ".join(child.tag for child in element)
    text = "<>".join([element.text or "", *(child.tail or "" for child in element)])
    if text.strip("<> \t\r\n"):
        tree["#text"] = text
    return tree


def hl7_tree(body: bytes, _: str = "") -> Any:
    """Read an HL7 v2 message: segments by name, fields by number, repetitions, components.

    Encoded as it was sent: escapes stay. Empty fields are left out, `""` is not empty.
    """
    message = hl7.parse(body.decode().strip("\r\n"))
    tree: dict[str, Any] = {"segments": " ".join(str(segment[0]) for segment in message)}
    for segment in message:
        fields = {str(number): _field(field) for number, field in enumerate(segment) if number}
        tree.setdefault(str(segment[0]), []).append({n: f for n, f in fields.items() if f})
    return tree


def _field(field: Any) -> list[dict[str, str]]:
    if not str(field):
        return []
    repetitions = [list(each) if isinstance(each, list) else [each] for each in field]
    return [
        {str(n): str(component) for n, component in enumerate(each, 1) if str(component)}
        for each in repetitions
    ]


def text_tree(body: bytes, content_type: str = "") -> Any:
    """Read text as its lines; a carriage return stays in sight."""
    charset = _parameter(content_type, "charset").lower()
    return body.decode(charset if charset in _CHARSETS else "utf-8").split("\n")


def image_tree(body: bytes, _: str = "") -> Any:
    """Read an image as its size, its mode and a digest of its pixels."""
    with Image.open(io.BytesIO(body), formats=["PNG", "JPEG"]) as image:
        width, height = image.size
        if width * height > _MAX_PIXELS or getattr(image, "n_frames", 1) != 1:
            raise _UnreadableError
        pixels = hashlib.sha256(image.tobytes()).hexdigest()
        return {"size": f"{width}x{height}", "mode": image.mode, "pixels": f"sha256:{pixels}"}


def multipart_tree(body: bytes, content_type: str) -> Any:
    """Read the parts of a multipart answer (RFC 2046, 5.1); each by its own media type."""
    boundary = _parameter(content_type, "boundary").encode()
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if not boundary or len(parts) > _MAX_PARTS or not parts[-1].startswith(b"--"):
        raise _UnreadableError
    return [_part(part) for part in parts[1:-1]]


def _part(part: bytes) -> dict[str, Any]:
    head, _, body = part.partition(b"\r\n\r\n")
    lines = (line.partition(":") for line in head.decode("latin-1").strip().splitlines())
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    kind = headers.get("content-type", "")
    nested = media_type(kind).startswith("multipart/")
    return {"headers": headers, "body": unread(body, "nested") if nested else tree_of(body, kind)}


def _parameter(content_type: str, name: str) -> str:
    message = email.message.Message()
    message["content-type"] = content_type
    return str(message.get_param(name, ""))


class _Reader(NamedTuple):
    media: str
    longest: int
    read: Callable[[bytes, str], Any]


_READERS = (
    _Reader(r"application/dicom\+json", MAX_TEXT, _dicom_json_tree),
    _Reader(r"application/json|text/json|.+\+json", MAX_TEXT, json_tree),
    _Reader(r"application/xml|text/xml|.+\+xml", MAX_TEXT, xml_tree),
    _Reader(r"(application|x-application)/hl7-v2.*", MAX_TEXT, hl7_tree),
    _Reader(r"text/.+|application/x-www-form-urlencoded", MAX_TEXT, text_tree),
    _Reader(r"image/(png|jpe?g)", MAX_BYTES, image_tree),
    _Reader(r"application/dicom", MAX_BYTES, lambda body, _: dataset_file_tree(body)),
    _Reader(r"multipart/.+", MAX_BYTES, multipart_tree),
)
