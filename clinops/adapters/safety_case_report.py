"""The safety case report as HTML and PDF: Jinja2 and WeasyPrint.

What it tells comes from vendors too, so that it is hostile until escaped; and whatever it says, a
report asks for nothing outside itself.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from functools import cache
from importlib.resources import files
from threading import Lock

from jinja2 import Environment
from markupsafe import Markup

from clinops.adapters.escaping import escaping_templates
from clinops.domain.hazard import Severity
from clinops.domain.measured import told
from clinops.domain.outcome import State
from clinops.errors import InfrastructureError, RefusedError

_STATES = {
    State.KNOWN: "not tested yet",
    State.QUALIFYING: "being tested",
    State.AWAITING_SIGN_OFF: "passed its tests, waits for sign-off",
    State.REFUSED: "refused by its tests",
    State.INCONCLUSIVE: "its tests were inconclusive",
    State.ERRORED: "its tests broke off; they are tried again",
    State.REJECTED: "rejected by a person",
    State.PROMOTING: "being deployed",
    State.LIVE: "live",
    State.ROLLED_BACK: "deployed and rolled back",
    State.SUPERSEDED: "overtaken by a newer release",
}
_LONGEST = 2_000
_MISSING = "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
_ONE_AT_A_TIME = Lock()


def as_html(case: object) -> str:
    """Write a safety case as one HTML file; `case` is what the template asks for by name."""
    template = _templates().get_template("safety_case.html")
    return template.render(case=case, style=Markup(_style()))  # noqa: S704  # our own file


def content_security_policy() -> str:
    """Return the policy under which a browser may show the report: its one style, and nothing."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; sandbox"


def as_pdf(html: str) -> bytes:
    """Turn the report into a tagged PDF (PDF/UA); the same text gives the same bytes.

    Raises:
        InfrastructureError: WeasyPrint's libraries are not installed.
        RefusedError: The text asks for something outside itself, which no report does.
    """
    try:
        from weasyprint import HTML  # type: ignore[import-untyped]
        from weasyprint.urls import FatalURLFetchingError, URLFetcher  # type: ignore[import-untyped]
    except OSError as error:
        raise InfrastructureError(f"no PDF can be made: {error}", mend=_MISSING) from error

    class NothingOutside(URLFetcher):  # type: ignore[misc]  # it comes without types
        def fetch(self, url: str, headers: object = None) -> None:
            del headers
            raise FatalURLFetchingError(f"a report asks for nothing, yet it asked for {url}")

    # Pango keeps fonts for the whole process, and one page after another is quick enough.
    try:
        with _ONE_AT_A_TIME:
            document = HTML(string=html, url_fetcher=NothingOutside())
            made: bytes = document.write_pdf(pdf_variant="pdf/ua-1")
    except FatalURLFetchingError as error:
        raise RefusedError(f"no PDF is made: {error}") from None
    return made


@cache
def _style() -> str:
    return files("clinops.adapters").joinpath("templates/safety_case.css").read_text()


@cache
def _templates() -> Environment:
    templates = escaping_templates("clinops.adapters")
    templates.filters |= {"moment": moment, "day": day, "spaced": spaced, "in_short": in_short}
    templates.filters["told"] = told
    templates.globals |= {
        "STATES": _STATES,
        "SEVERITIES": [severity.value for severity in Severity],
    }
    return templates


def in_short(text: str) -> str:
    """Cut what a test printed; the whole of it is among the evidence files."""
    return (
        f"{text[:_LONGEST]} … (cut here; the rest is in the evidence)" if text[_LONGEST:] else text
    )


def moment(value: str | dt.datetime) -> str:
    """Write a moment as people do, to the second, in UTC."""
    when = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    when = when.astimezone(dt.UTC)
    return f"{when.day} {when:%B %Y, %H:%M:%S} UTC"


def day(value: dt.date) -> str:
    """Write a day as people do."""
    return f"{value.day} {value:%B %Y}"


def spaced(value: str) -> str:
    """Write an identifier of several words as words."""
    return value.replace("-", " ").replace("_", " ")
