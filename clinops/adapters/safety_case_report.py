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
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clinops.domain.hazard import Severity
from clinops.domain.outcome import State
from clinops.errors import InfrastructureError, RefusedError

RISK_CLASSES: Final = {
    5: "unacceptable",
    4: "mandatory elimination, or a further control to bring it down",
    3: "undesirable; acceptable only where further reduction is impractical",
    2: "acceptable where the cost of further reduction outweighs the benefit",
    1: "acceptable; no further action is required",
}
"""What each class means (DCB0129 and DCB0160)."""

_ROLLBACKS = {
    "binary": "the old version is put back on the data as the new one left it",
    "script": "the vendor's script changes the data back, then the old version is started",
    "restore": "the backup from right before the deployment is put back; what was entered since "
    "then is lost and must be entered again",
}
_KINDS = {
    "security-patch": "a security patch",
    "patch": "a patch",
    "upgrade": "an upgrade",
    "legislative": "a change required by law",
    "new-system": "a new system",
}
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
    templates = Environment(
        loader=PackageLoader("clinops.adapters"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"moment": moment, "day": day, "spaced": spaced, "in_short": in_short}
    templates.globals |= {
        "RISK_CLASSES": RISK_CLASSES,
        "ROLLBACKS": _ROLLBACKS,
        "KINDS": _KINDS,
        "STATES": _STATES,
        "SEVERITIES": [severity.value for severity in Severity],
        "count": count,
    }
    return templates


def harmless(value: Any) -> Any:
    """Replace letters that could move, hide or reorder others; no template can forget it."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    kept = str(value).expandtabs(4)
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in kept
    )


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


def count(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"
