"""A small FHIR client for suites: interactions over `httpx`, resources by `fhir.resources`.

Decimals keep their digits (`0.50` is not `0.5`), as FHIR demands of every reader.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from clinops.errors import ClinOpsError

_JSON = "application/fhir+json"
_PACKAGES = {"R5": "fhir.resources", "R4B": "fhir.resources.R4B", "STU3": "fhir.resources.STU3"}
_MAX_PAGES = 1000


class FhirError(ClinOpsError):
    """The server refused an interaction, or answered with something that is no sound resource.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(f"{message}: status {status}")
        self.status = status


class FhirClient:
    """Talks to one FHIR server; `client` is there for whatever has no method here."""

    def __init__(self, client: httpx.Client, *, release: str = "R4B") -> None:
        """Take a client whose base address is the server's root.

        Args:
            client: With sign-in, if one is needed.
            release: `R5`, `R4B` (which reads R4 as well) or `STU3`.
        """
        self.client = client
        self._models = importlib.import_module(_PACKAGES[release])

    def capabilities(self) -> Any:
        """Return the server's CapabilityStatement."""
        return self._resource(self._ask("GET", "metadata"))

    def read(self, kind: str, identity: str) -> Any:
        """Return a resource; raises FhirError, with status 404 or 410 where there is none."""
        return self._resource(self._ask("GET", f"{kind}/{identity}"))

    def create(self, resource: BaseModel) -> Any:
        """Create a resource and return what the server made of it."""
        answer = self._ask("POST", _kind(resource), resource)
        if answer.content:
            return self._resource(answer)
        made = urljoin(str(answer.url), answer.headers.get("location", ""))
        return self._resource(self._ask("GET", made))

    def update(self, resource: BaseModel) -> Any:
        """Replace a resource and return what the server made of it."""
        path = f"{_kind(resource)}/{cast('Any', resource).id}"
        answer = self._ask("PUT", path, resource)
        return self._resource(answer if answer.content else self._ask("GET", path))

    def search(self, kind: str, **matching: str) -> list[Any]:
        """Return everything that matches, from all pages of the answer.

        Raises:
            FhirError: An answer is no bundle, or the next page is not this server's.
        """
        bundle = self._resource(self._ask("GET", kind, query=matching))
        found: list[Any] = []
        for _ in range(_MAX_PAGES):
            found += [entry.resource for entry in bundle.entry or () if _matches(entry)]
            following = [link.url for link in bundle.link or () if link.relation == "next"]
            if not following:
                return found
            bundle = self._resource(self._ask("GET", self._own(str(following[0]))))
        raise FhirError(f"the answer has more than {_MAX_PAGES} pages", httpx.codes.OK)

    def model(self, kind: str) -> Any:
        """Return the class of a kind of resource, such as `Patient`, to make one with."""
        return self._models.get_fhir_model_class(kind)

    def _own(self, link: str) -> str:
        """Follow a link to its path alone: the server may know itself by another name."""
        parts = urlsplit(link)
        return str(self.client.base_url.copy_with(raw_path=_raw(parts.path, parts.query)))

    def _ask(
        self,
        method: str,
        path: str,
        resource: BaseModel | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        content = resource.model_dump_json(exclude_none=True) if resource else None
        headers = {"accept": _JSON} | ({"content-type": _JSON} if resource else {})
        answer = self.client.request(
            method, path, content=content, headers=headers, params=query or None
        )
        if not answer.is_success:
            raise FhirError(f"{method} {path}{_outcome(answer)}", answer.status_code)
        return answer

    def _resource(self, answer: httpx.Response) -> Any:
        try:
            tree = json.loads(answer.content, parse_float=Decimal)
            return self.model(tree["resourceType"]).model_validate(tree)
        except (ValueError, LookupError, TypeError, ValidationError) as error:
            raise FhirError(f"no sound resource: {error}", answer.status_code) from None


def _kind(resource: BaseModel) -> str:
    return str(cast("Any", resource).get_resource_type())


def _matches(entry: Any) -> bool:
    # An included resource or an outcome was not searched for.
    return entry.resource is not None and (not entry.search or entry.search.mode in {None, "match"})


def _raw(path: str, query: str) -> bytes:
    return f"{path}?{query}".encode() if query else path.encode()


def _outcome(answer: httpx.Response) -> str:
    try:
        issues = answer.json()["issue"]
        texts = [issue.get("diagnostics") or issue.get("code", "") for issue in issues]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return f" ({'; '.join(map(str, texts))})" if texts else ""
