"""Identity by digest: canonical JSON (RFC 8785) and SHA-256, written `sha256:<64 hex>`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import rfc8785
from pydantic import StringConstraints

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


def canonical(value: Any) -> bytes:
    """Serialise plain JSON data so that equal data gives equal bytes (RFC 8785)."""
    return rfc8785.dumps(value)


def digest_bytes(data: bytes) -> str:
    """Digest raw bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """Digest plain JSON data over its canonical form."""
    return digest_bytes(canonical(value))


def digest_tree(files: Mapping[str, bytes]) -> str:
    """Digest a folder: the relative paths and the bytes of its files, in no order."""
    return digest_of({path: digest_bytes(data) for path, data in files.items()})
