"""A browser's answers to WebAuthn's ceremonies, as strangers send them: read and held to account.

The cryptography is the `webauthn` library's; what that library does not look at is checked here.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import webauthn
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers import parse_authentication_credential_json as parse_assertion
from webauthn.helpers.structs import AuthenticationCredential, AuthenticatorAssertionResponse

from clinops.domain.signer import PASSKEY
from clinops.errors import ClinOpsError, RefusedError

MOST_BYTES: Final = 16 * 1024
"""Of one part of a browser's answer; real ones are below 2 KiB."""

_IN_PLAIN_WORDS = {
    "Unexpected RP ID hash": "the passkey belongs to another site",
    "User was not present": "nobody touched the passkey",
    "User presence was required": "nobody touched the passkey",
    "User verification is required": (
        "the passkey did not check who used it, by PIN, fingerprint or face"
    ),
    "Could not verify authentication signature": (
        "the signature does not match what it is said to sign"
    ),
    "Unsupported credential public key alg": "the passkey uses an algorithm that is not accepted",
}
"""How the library begins its sentences, and ours."""


def parsed(assertion: Mapping[str, Any]) -> AuthenticationCredential:
    """Read an answer to `credentials.get`; raises RefusedError."""
    with refusing():
        return parse_assertion(dict(assertion))


def ensure_holds(
    response: AuthenticatorAssertionResponse, public_key: str, challenge: bytes
) -> str:
    """Verify an answer against a passkey and a challenge.

    Args:
        response: What the authenticator and the browser say.
        public_key: `webauthn@<rp id> <base64 of the COSE key>`.
        challenge: What was asked.

    Returns:
        The origin that the answer was given to: at the passkey's site, or below it.

    Raises:
        RefusedError: It does not hold.
    """
    kind, encoded = public_key.split()
    rp = kind.removeprefix(PASSKEY)
    origin = ensure_made_at(response.client_data_json, "webauthn.get", challenge, rp)
    with refusing():
        webauthn.verify_authentication_response(
            # The id is not signed, and so it proves nothing: any will do.
            credential=AuthenticationCredential(bytes_to_base64url(b"any"), b"any", response),
            expected_challenge=challenge,
            expected_rp_id=rp,
            expected_origin=origin,
            credential_public_key=base64.b64decode(encoded),
            # Passkeys that are synchronised count nothing, and the ledger tells a replay anyway.
            credential_current_sign_count=-1,
            require_user_verification=True,
        )
    return origin


def ensure_made_at(client_data: bytes, purpose: str, challenge: bytes, rp: str) -> str:
    """Check what the browser vouches for: purpose, challenge and place; return the origin."""
    found = _read_client_data(client_data)
    if found.get("type") != purpose:
        raise RefusedError(f"the passkey was not used for this: it was not {purpose}")
    if found.get("challenge") != bytes_to_base64url(challenge):
        raise RefusedError("the passkey answered another challenge: it signed something else")
    if found.get("crossOrigin", False) is not False or "topOrigin" in found:
        raise RefusedError("the passkey was used inside another site's page")
    origin = found.get("origin")
    if not isinstance(origin, str) or not _is_at(rp, origin):
        raise RefusedError(f"the passkey was not used at {rp}")
    return origin


def ensure_same(found: str, origin: str) -> None:
    """Refuse an answer that was given to another address of the same host."""
    if found != origin:
        raise RefusedError("the answer was given to another address")


def _read_client_data(data: bytes) -> dict[str, Any]:
    try:
        if len(data) > MOST_BYTES:
            raise ValueError
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RefusedError("the browser's part of the passkey's answer can't be read")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _is_at(rp: str, origin: str) -> bool:
    port = r"(:[0-9]{1,5})?"
    if rp == "localhost" and re.fullmatch(rf"http://localhost{port}", origin):
        return True
    return re.fullmatch(rf"https://([a-z0-9-]+\.)*{re.escape(rp)}{port}", origin) is not None


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever the library throws at a stranger's bytes into a refusal in plain words."""
    try:
        yield
    except ClinOpsError:
        raise
    except Exception as error:
        # NOTE: besides its own errors it lets through those of its CBOR reader and of OpenSSL.
        said = (ours for theirs, ours in _IN_PLAIN_WORDS.items() if str(error).startswith(theirs))
        raise RefusedError(next(said, "the passkey's answer can't be read")) from error
