"""Files behind a release, as plain text: logs, JUnit, inputs, the supplier's safety case.

A file is found by its name among those of the evidence, and read by its digest: no part of an
address ever reaches the disk.
"""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from clinops.errors import EvidenceError, NotFoundError
from clinops.gatehouse.headers import RAW_POLICY
from clinops.gatehouse.reader import Reader


def evidence_file(request: Request) -> Response:
    """Serve one file of a release's evidence."""
    reader: Reader = request.app.state.reader
    dossier = reader.dossier(reader.record(request.path_params["release"]))
    name = request.path_params["name"]
    files = dossier.evidence.files if dossier.evidence else {}
    if name not in files:
        raise NotFoundError("the evidence has no such file")
    return _as_text(reader.wiring.evidence.get(files[name]), name)


def safety_case(request: Request) -> Response:
    """Serve the supplier's safety case as it was at the release's commit."""
    reader: Reader = request.app.state.reader
    dossier = reader.dossier(reader.record(request.path_params["release"]))
    case = dossier.manifest.safety_case if dossier.manifest else None
    if case is None:
        raise NotFoundError("the supplier gave no safety case")
    folder = dossier.release.manifest_path.rpartition("/")[0]
    data = reader.wiring.repository.at(dossier.release.commit).read(f"{folder}/{case.document}")
    if sha256(data).hexdigest() != case.sha256:
        raise EvidenceError("the safety case is not the file that the manifest names")
    return _as_text(data, case.document)


def _as_text(data: bytes, name: str) -> Response:
    shown = quote(name.rpartition("/")[2], safe="")
    return Response(
        data,
        media_type="text/plain",
        headers={
            "Content-Security-Policy": RAW_POLICY,
            "Content-Disposition": f"inline; filename*=UTF-8''{shown}",
        },
    )
