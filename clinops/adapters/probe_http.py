"""HTTP and FHIR probes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import quote

import httpx
from pydantic import JsonValue

from clinops.adapters.answer_trees import MAX_BYTES, tree_of
from clinops.adapters.probe_runner import Answered, NoAnswerError, door, timed
from clinops.domain.parameter import fill, fill_tree
from clinops.domain.probe_call import FhirCall, HttpCall

_FHIR = "application/fhir+json"
_LEFT_OUT = {
    # Of the connection, not of the answer (RFC 9110, 7.6.1).
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
    # Says when it was asked.
    "date",
}
_BOUNDARY = re.compile(r'(boundary=)("[^"]*"|[^;]*)', re.IGNORECASE)


class HttpProbes:
    """Sends the requests of one replica's probes."""

    def __init__(self, endpoints: Mapping[str, str]) -> None:
        """Nothing is sent before the first probe."""
        self._endpoints = endpoints
        # trust_env off: a proxy of the machine must not come between a probe and its replica.
        self._client = httpx.Client(
            trust_env=False,
            follow_redirects=False,
            headers={"accept-encoding": "identity", "user-agent": "clinops-probe"},
        )

    def ask(self, call: HttpCall | FhirCall, values: Mapping[str, str], seconds: float) -> Answered:
        """Send a request; every status is an answer."""
        request = self._request(call, values, seconds)
        try:
            (response, body), milliseconds = timed(lambda: self._exchange(request))
        except httpx.HTTPError as error:
            raise NoAnswerError(f"no HTTP answer: {type(error).__name__}: {error}") from None
        tree: dict[str, JsonValue] = {
            "status": response.status_code,
            "headers": dict(_headers(response)),
            "body": tree_of(body, response.headers.get("content-type", "")),
        }
        return Answered(tree, milliseconds)

    def forget(self) -> None:
        """Forget cookies: a sign-in counts for the steps of one probe."""
        self._client.cookies.clear()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _request(
        self, call: HttpCall | FhirCall, values: Mapping[str, str], seconds: float
    ) -> httpx.Request:
        address, port = door(self._endpoints, call.endpoint)
        path = fill(_path(call), values, lambda value: quote(value, safe=""))
        headers, content = _content(call, values)
        headers |= {name.lower(): fill(value, values) for name, value in call.headers.items()}
        return self._client.build_request(
            call.method,
            f"http://{address}:{port}{path}",
            headers=headers | _authorization(call),
            content=content,
            timeout=seconds,
        )

    def _exchange(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        response = self._client.send(request, stream=True)
        try:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise NoAnswerError(f"the answer is longer than {MAX_BYTES} bytes")
            return response, bytes(body)
        finally:
            response.close()


def _path(call: HttpCall | FhirCall) -> str:
    return f"{call.base}/{call.path}" if isinstance(call, FhirCall) else call.path


def _content(
    call: HttpCall | FhirCall, values: Mapping[str, str]
) -> tuple[dict[str, str], bytes | None]:
    headers = {"accept": _FHIR} if isinstance(call, FhirCall) else {}
    if call.json_body is not None:
        headers["content-type"] = _FHIR if isinstance(call, FhirCall) else "application/json"
        return headers, json.dumps(fill_tree(call.json_body, values)).encode()
    if isinstance(call, HttpCall) and call.body is not None:
        return headers, fill(call.body, values).encode()
    return headers, None


def _authorization(call: HttpCall | FhirCall) -> dict[str, str]:
    if call.auth is None:
        return {}
    signed = next(httpx.BasicAuth(*call.auth).auth_flow(httpx.Request("GET", "http://replica")))
    return {"authorization": signed.headers["authorization"]}


def _headers(response: httpx.Response) -> Mapping[str, JsonValue]:
    length = set() if response.request.method == "HEAD" else {"content-length"}
    return {
        name: _BOUNDARY.sub(r"\1…", value) if name == "content-type" else value
        for name, value in response.headers.items()
        # The length says nothing that the body does not, except where there is none.
        if name not in _LEFT_OUT | length
    }
