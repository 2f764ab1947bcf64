"""The clinical safety case report of a release, to read and to file."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from clinops.adapters.safety_case_report import content_security_policy
from clinops.gatehouse.headers import RAW_POLICY
from clinops.gatehouse.reader import Reader
from flows.safety_case import SafetyCase, as_html, as_pdf, safety_case


def as_page(request: Request) -> Response:
    """Show the report as a page."""
    headers = {"Content-Security-Policy": content_security_policy()}
    return Response(as_html(_case(request)), media_type="text/html", headers=headers)


def as_file(request: Request) -> Response:
    """Give the report as a PDF to keep."""
    case = _case(request)
    name = f"{case.dossier.record.id}.safety-case.pdf"
    headers = {
        "Content-Security-Policy": RAW_POLICY,
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return Response(as_pdf(case), media_type="application/pdf", headers=headers)


def _case(request: Request) -> SafetyCase:
    """Gather it anew: what is filed is not taken from what was remembered for pages."""
    reader: Reader = request.app.state.reader
    record = reader.record(request.path_params["release"])
    return safety_case(record, reader.wiring)
