"""The bundle: all that somebody needs to check a release's evidence, in one file.

A plain tar that is written the same way every time, so that reading it can end in the strictest
check there is: pack what was read again and compare every byte. Nothing is ever extracted to disk.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from clinops.adapters.evidence_files import write_durably
from clinops.domain.digest import canonical, digest_bytes
from clinops.domain.evidence import Evidence, FileName
from clinops.domain.ledger import Entry
from clinops.errors import EvidenceError
from clinops.ports import EvidenceStore

MAX_BYTES = 512 * 1024 * 1024
"""The largest bundle that is written or read; all of it is held in memory."""

EVIDENCE, LEDGER, SUMS, README = "evidence.json", "ledger.jsonl", "SHA256SUMS", "README.txt"
FILES, POLICY, SIGNATURES, ATTESTATION = "files/", "policy/", "signatures/", "attestation/"
ORIGINS = "origins/"

_README_TEXT = b"""\
The evidence of one release as ClinOps gathered it, with its sign-offs and the policy they met.
Check all of it, signatures included, without a server or a network: clinops evidence verify FILE
Check the files alone with ordinary tools: tar -xf FILE && sha256sum -c SHA256SUMS
"""

_NAME = TypeAdapter(FileName)


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds. Its parts agree with each other; who signed what is not checked yet."""

    evidence: Evidence
    files: Mapping[str, bytes]
    """Every evidence file by its name in `evidence.files`."""
    envelopes: tuple[bytes, ...]
    """DSSE envelopes, in the order in which they were recorded."""
    policy_files: Mapping[str, bytes]
    """Gate policy and public keys, by their path in the estate."""
    entries: tuple[Entry, ...]
    """The ledger's entries about the release, by rising sequence."""
    attestation: Mapping[str, bytes] = field(default_factory=dict)
    """What the engine attested, and the public key that it verifies with; empty where it did not.
    """
    origins: Mapping[str, bytes] = field(default_factory=dict)
    """The evidence that results were carried over from, by its digest in hex, `.json`."""


def export(  # noqa: PLR0917  # the parts of a bundle, in its own order
    evidence: Evidence,
    store: EvidenceStore,
    envelopes: Sequence[bytes],
    policy_files: Mapping[str, bytes],
    entries: Sequence[Entry],
    target: Path,
    attestation: Mapping[str, bytes] | None = None,
    origins: Mapping[str, bytes] | None = None,
) -> None:
    """Write a bundle; equal contents give equal bytes.

    Raises:
        EvidenceError: A file is missing from the store or was altered there, or what was given
            would make a bundle that `read` refuses.
    """
    bundle = Bundle(
        evidence=evidence,
        files={name: store.get(digest) for name, digest in evidence.files.items()},
        envelopes=tuple(envelopes),
        policy_files=dict(policy_files),
        entries=tuple(sorted(entries, key=lambda entry: entry.sequence)),
        attestation=dict(attestation or {}),
        origins=dict(origins or {}),
    )
    data = _pack(bundle)
    _parse(data)
    write_durably(target, data)


def read(path: Path) -> Bundle:
    """Read a bundle and check that not one byte of it was changed.

    Raises:
        EvidenceError: It was, or this is no bundle; the message names the file within it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise EvidenceError(f"{path} can't be read: {error.strerror}") from None
    try:
        return _parse(data)
    except EvidenceError as error:
        raise EvidenceError(f"{path}: {error}") from None


def _parse(data: bytes) -> Bundle:
    if len(data) > MAX_BYTES:
        raise EvidenceError(f"the bundle is larger than {MAX_BYTES} bytes")
    members = _unpack(data)
    _check_sums(members)
    evidence = _evidence(members)
    bundle = Bundle(
        evidence=evidence,
        files=_below(FILES, members),
        envelopes=tuple(_below(SIGNATURES, members).values()),
        policy_files=_below(POLICY, members),
        entries=tuple(_entries(members)),
        attestation=_below(ATTESTATION, members),
        origins=_below(ORIGINS, members),
    )
    _check_files(bundle)
    _check_origins(bundle)
    if _pack(bundle) != data:
        raise EvidenceError(f"{_first_difference(bundle, members)} was altered")
    return bundle


def _unpack(data: bytes) -> dict[str, bytes]:
    """Split a tar of plain files into its members, in memory and without trusting a number."""
    members: dict[str, bytes] = {}
    offset = 0
    while (header := data[offset : offset + tarfile.BLOCKSIZE]).strip(b"\0"):
        try:
            info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
        except (tarfile.TarError, ValueError) as error:
            where = f"after {next(reversed(members))}" if members else "at its beginning"
            raise EvidenceError(f"the archive is damaged {where}: {error}") from None
        start = offset + tarfile.BLOCKSIZE
        if not info.isreg() or not 0 <= info.size <= len(data) - start:
            raise EvidenceError(f"{info.name!r} is no plain file, or is cut off")
        _check_name(info.name)
        if info.name in members:
            raise EvidenceError(f"{info.name} is there twice")
        members[info.name] = data[start : start + info.size]
        offset = start + -(-info.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return members


def _check_name(name: str) -> None:
    try:
        _NAME.validate_python(name)
    except ValueError:
        raise EvidenceError(f"{name!r} is no name for a file of a bundle") from None


def _check_sums(members: Mapping[str, bytes]) -> None:
    found = _member(members, SUMS)
    # A set: a hostile archive may have a hundred thousand members.
    lines = set(found.splitlines(keepends=True))
    for name, data in members.items():
        if name != SUMS and _sum_line(name, data) not in lines:
            raise EvidenceError(f"{name} does not have the digest that {SUMS} gives")
    if found != _sums(members):
        raise EvidenceError(f"{SUMS} was altered, or a file that it names is missing")


def _check_files(bundle: Bundle) -> None:
    for name in sorted(bundle.evidence.files.keys() | bundle.files.keys()):
        if name not in bundle.files:
            raise EvidenceError(f"{FILES}{name} is missing")
        if name not in bundle.evidence.files:
            raise EvidenceError(f"{FILES}{name} is no part of the evidence")
        if digest_bytes(bundle.files[name]) != bundle.evidence.files[name]:
            raise EvidenceError(f"{FILES}{name} does not have the digest that {EVIDENCE} gives")


def _check_origins(bundle: Bundle) -> None:
    named = {origin_name(origin.evidence) for _, origin in bundle.evidence.carried}
    for name in sorted(named | bundle.origins.keys()):
        if name not in bundle.origins:
            raise EvidenceError(f"{ORIGINS}{name} is missing: results were carried over from it")
        if name not in named:
            raise EvidenceError(f"{ORIGINS}{name}: nothing was carried over from that")
        if origin_name(digest_bytes(bundle.origins[name])) != name:
            raise EvidenceError(f"{ORIGINS}{name} does not have the digest that it is named after")


def origin_name(digest: str) -> str:
    """Name the evidence with a digest among the origins of a bundle."""
    return f"{digest.removeprefix('sha256:')}.json"


def _evidence(members: Mapping[str, bytes]) -> Evidence:
    try:
        return Evidence.model_validate_json(_member(members, EVIDENCE))
    except ValueError:
        raise EvidenceError(f"{EVIDENCE} is no evidence that this version understands") from None


def _entries(members: Mapping[str, bytes]) -> Iterator[Entry]:
    last = 0
    for number, line in enumerate(_member(members, LEDGER).splitlines(), start=1):
        try:
            entry = Entry.model_validate_json(line)
            intact = entry.recomputed() == entry.digest and entry.sequence > last
        except (ValueError, RecursionError):
            intact = False
        if not intact:
            raise EvidenceError(f"{LEDGER} line {number} is no intact entry of the ledger")
        last = entry.sequence
        yield entry


def _member(members: Mapping[str, bytes], name: str) -> bytes:
    if name not in members:
        raise EvidenceError(f"{name} is missing")
    return members[name]


def _below(folder: str, members: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        name.removeprefix(folder): data for name, data in members.items() if name.startswith(folder)
    }


def _pack(bundle: Bundle) -> bytes:
    members = _members(bundle)
    sink = io.BytesIO()
    try:
        with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name in sorted(members):
                _check_name(name)
                info = tarfile.TarInfo(name)
                info.size = len(members[name])
                archive.addfile(info, io.BytesIO(members[name]))
    except ValueError as error:
        raise EvidenceError(f"this can't be put into a bundle: {error}") from None
    return sink.getvalue()


def _members(bundle: Bundle) -> dict[str, bytes]:
    try:
        members = {
            README: _README_TEXT,
            EVIDENCE: canonical(bundle.evidence.json_value()),
            LEDGER: b"".join(canonical(e.json_value()) + b"\n" for e in bundle.entries),
            **{FILES + name: data for name, data in bundle.files.items()},
            **{POLICY + name: data for name, data in bundle.policy_files.items()},
            **{ATTESTATION + name: data for name, data in bundle.attestation.items()},
            **{ORIGINS + name: data for name, data in bundle.origins.items()},
            **{
                f"{SIGNATURES}{number:03}.dsse.json": envelope
                for number, envelope in enumerate(bundle.envelopes, start=1)
            },
        }
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"this can't be put into a bundle: {error}") from None
    return {**members, SUMS: _sums(members)}


def _sums(members: Mapping[str, bytes]) -> bytes:
    return b"".join(_sum_line(name, members[name]) for name in sorted(members) if name != SUMS)


def _sum_line(name: str, data: bytes) -> bytes:
    return f"{digest_bytes(data).removeprefix('sha256:')}  {name}\n".encode()


def _first_difference(bundle: Bundle, members: Mapping[str, bytes]) -> str:
    packed = _members(bundle)
    # The sums differ wherever anything does, so they are the last to blame.
    for name in sorted(packed.keys() | members.keys(), key=lambda name: (name == SUMS, name)):
        if packed.get(name) != members.get(name):
            return name
    return "the archive's own structure"
