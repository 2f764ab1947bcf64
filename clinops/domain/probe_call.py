"""What one call of a probe says: for each kind a door (where, as whom) and the call through it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from clinops.domain.fault import Fault, Shape, refuse
from clinops.domain.manifest import Name
from clinops.domain.value import Document

Path = Annotated[
    str, Shape(r"/[^\s\x00-\x1f\x7f]*", "must be a path", "begin it with `/`, without spaces")
]
HeaderName = Annotated[
    str, Shape(r"[A-Za-z0-9-]{1,100}", "is not the name of a header", "write it like Accept")
]
HeaderValue = Annotated[str, Shape(r"[\x20-\x7e]*", "must be one line of plain ASCII text")]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
EntityTitle = Annotated[
    str,
    Shape(
        r"(?! )[\x20-\x5b\x5d-\x7e]{1,16}(?<! )", "is not an AE title", "at most 16 ASCII letters"
    ),
]
Keyword = Annotated[
    str,
    Shape(
        r"[A-Z][A-Za-z0-9]{1,99}", "is not the keyword of an attribute", "write it like PatientID"
    ),
]
_READING = ("select", "with", "values", "table", "show", "explain")
_IN_ANY_CASE = ("".join(f"[{c}{c.upper()}]" for c in verb) for verb in _READING)
# Without flags: editors read this pattern as well, in the dialect of JSON Schema.
_READS = rf"\s*({'|'.join(_IN_ANY_CASE)})\b[\s\S]*"
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")
_BOUND = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
"""As SQLAlchemy finds them, in quotes too; a cast (`::text`) or a time (`10:30`) is none."""


def _one_statement(query: str) -> str:
    bare = _QUOTED.sub("", query)
    if ";" in bare.rstrip().removesuffix(";"):
        raise refuse(Fault("is more than one statement", "make a probe of each"))
    return query.rstrip().removesuffix(";")


Query = Annotated[
    str,
    Shape(_READS, "must be a query that only reads", "begin it with `select` or `with`"),
    AfterValidator(_one_statement),
]


class HttpDoor(Document):
    """Where HTTP calls go."""

    endpoint: Name = "http"
    auth: tuple[str, str] | None = None
    """User and password (HTTP Basic): synthetic ones."""
    headers: dict[HeaderName, HeaderValue] = {}


class HttpCall(HttpDoor):
    """One HTTP request. A redirect is an answer."""

    method: Method = "GET"
    path: Path
    """With its query, if it has one; parameters are percent-encoded."""
    body: str | None = None
    json_body: JsonValue = Field(default=None, alias="json")
    """Parameters stand for text inside its texts."""

    @model_validator(mode="after")
    def _one_body(self) -> HttpCall:
        if self.body is not None and self.json_body is not None:
            raise refuse(Fault("has two bodies", "leave out `body` or `json`"))
        return self


class FhirDoor(HttpDoor):
    """Where FHIR calls go."""

    base: Annotated[str, Shape(r"|(/[^/\s?#]+)+", "must be a path", "write it like /fhir")] = ""


class FhirCall(FhirDoor):
    """One FHIR interaction; resources are JSON."""

    method: Method = "GET"
    path: Annotated[
        str, Shape(r"[^/\s\x00-\x1f\x7f][^\s\x00-\x1f\x7f]*", "must be a path below the base")
    ]
    """Below the base: `Patient/{id}`."""
    json_body: JsonValue = Field(default=None, alias="json")


class DicomDoor(Document):
    """Where DICOM calls go."""

    endpoint: Name = "dicom"
    called: EntityTitle = "ANY-SCP"
    calling: EntityTitle = "PROBE"


class DicomCall(DicomDoor):
    """One DIMSE operation (DICOM PS3.4)."""

    verb: Literal["echo", "find", "get", "store"]
    model: Literal["study-root", "patient-root", "worklist"] = "study-root"
    level: Literal["PATIENT", "STUDY", "SERIES", "IMAGE"] = "STUDY"
    query: dict[Keyword, str | list[dict[Keyword, str]]] = {}
    """Keys by keyword; `""` asks for a value, a list holds the items of a sequence."""
    sample: Literal["ct", "mr", "cr", "sc"] = "ct"
    """What kind of image a store makes: always the same one, of the probe's own."""
    attributes: dict[Keyword, str] = {}
    """What is written into that image."""

    @model_validator(mode="after")
    def _fits_the_verb(self) -> DicomCall:
        allowed = {
            "echo": set[str](),
            "find": {"model", "level", "query"},
            "get": {"model", "level", "query"},
            "store": {"sample", "attributes"},
        }
        said = self.model_fields_set - DicomDoor.model_fields.keys() - {"verb"}
        faults = [
            Fault(f"means nothing for {self.verb}", "leave it out", at=(name,))
            for name in sorted(said - allowed[self.verb])
        ]
        if self.verb == "get" and self.model == "worklist":
            mend = "write study-root or patient-root"
            faults.append(Fault("can't be retrieved from", mend, at=("model",)))
        if self.verb in {"find", "get"} and not self.query:
            faults.append(Fault("has no keys", "add `query`"))
        if faults:
            raise refuse(*faults)
        return self


class Hl7Door(Document):
    """Where HL7 v2 messages go."""

    endpoint: Name = "mllp"


class Hl7Call(Hl7Door):
    """One HL7 v2 message over MLLP, and its acknowledgement."""

    message: Annotated[
        str,
        Shape(r"MSH[^\w\s].{4}[\s\S]*", "must be an HL7 v2 message", "begin it with MSH|^~\\&|"),
    ]
    """One segment a line; parameters are escaped."""


class SqlDoor(Document):
    """Which database is asked."""

    database: Name | None = None


class SqlCall(SqlDoor):
    """One query, in a transaction that can't write."""

    query: Query
    """Parameters are bound: `:patient`; a colon that is none is written `\\:`."""

    @property
    def bound(self) -> set[str]:
        """The names of its parameters."""
        return set(_BOUND.findall(self.query))


class CommandDoor(Document):
    """In which service commands are run."""

    service: Name | None = None


class CommandCall(CommandDoor):
    """One command inside a service; no shell reads it."""

    argv: Annotated[list[str], Field(min_length=1)]


Call = HttpCall | DicomCall | Hl7Call | FhirCall | SqlCall | CommandCall
