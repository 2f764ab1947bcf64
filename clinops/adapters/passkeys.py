"""Sign-offs with passkeys (WebAuthn): made in a browser, verifiable later without any server.

The challenge that the authenticator signs is the SHA-256 of the statement's DSSE encoding, so that
the browser's ceremony is a signature over exactly this statement. The cryptography is the
`webauthn` library's; what that library does not look at is checked here.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import webauthn
from pydantic import StringConstraints
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict
from webauthn.helpers import parse_authentication_credential_json as parse_assertion
from webauthn.helpers import parse_registration_credential_json as parse_registration
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from clinops.domain.digest import canonical
from clinops.domain.enrolment import NewKey
from clinops.domain.envelope import (
    Base64,
    Envelope,
    VerifiedEnvelope,
    pre_authentication_encoding,
    read,
)
from clinops.domain.signer import PASSKEY, Key, PublicKey, fingerprint, is_passkey, without_comment
from clinops.domain.value import Value
from clinops.errors import BadInputError, ClinOpsError, RefusedError

MOST_BYTES: Final = 16 * 1024
"""Of one part of a browser's answer; real ones are below 2 KiB."""

_PATIENCE_MS: Final = 5 * 60 * 1000
_ALGORITHMS = [
    Algorithm.ECDSA_SHA_256,
    Algorithm.EDDSA,
    # Windows Hello on older machines has no other.
    Algorithm.RSASSA_PKCS1_v1_5_SHA_256,
]
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

Part = Annotated[Base64, StringConstraints(max_length=MOST_BYTES)]


class Assertion(Value):
    """An authenticator's answer as an envelope carries it, in WebAuthn's own names."""

    authenticatorData: Part  # noqa: N815
    clientDataJSON: Part  # noqa: N815
    publicKey: PublicKey  # noqa: N815
    """`webauthn@<rp id> <base64 of the COSE key>`, without a comment."""
    signature: Part

    def to_bytes(self) -> bytes:
        """Return the one byte form, canonical JSON."""
        return canonical(self.json_value())


class PasskeySignatures:
    """Verifies envelopes that were signed with a passkey; needs no server and no network."""

    def verify(self, envelope: Envelope) -> VerifiedEnvelope:
        """Verify an envelope against the public key inside its own signature, and name that key.

        Raises:
            RefusedError: The signature does not hold, or has another byte form than ours.
        """
        (signature,) = envelope.signatures
        blob = base64.b64decode(signature.sig)
        assertion = read(Assertion, blob, "passkey's signature")
        public_key = assertion.publicKey
        if assertion.to_bytes() != blob or without_comment(public_key) != public_key:
            raise RefusedError("the passkey's signature is not in canonical form")
        if not is_passkey(public_key):
            raise RefusedError("the signature names a key that is no passkey")
        if signature.keyid != fingerprint(public_key):
            raise RefusedError("the envelope's keyid is not that of the key that signed")
        _ensure_holds(
            AuthenticatorAssertionResponse(
                authenticator_data=base64.b64decode(assertion.authenticatorData),
                client_data_json=base64.b64decode(assertion.clientDataJSON),
                signature=base64.b64decode(assertion.signature),
            ),
            public_key,
            challenge_of(envelope.statement),
        )
        return VerifiedEnvelope(public_key=public_key, statement=envelope.statement)


def rp_of(address: str) -> str:
    """Return the name that passkeys of a gatehouse are bound to: its host.

    Raises:
        BadInputError: Browsers make no passkeys there.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme != "https" and host != "localhost":
        raise BadInputError(
            f"browsers make no passkeys at {address}",
            mend="put the gatehouse behind https, and name that address in clinops.toml",
        )
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    raise BadInputError(
        f"browsers make no passkeys at {address}, a bare IP address",
        mend="give the gatehouse a host name, and name it in clinops.toml",
    )


def challenge_of(statement: bytes) -> bytes:
    """Return what an authenticator is asked to sign for a statement."""
    return hashlib.sha256(pre_authentication_encoding(statement)).digest()


def fresh_challenge() -> bytes:
    """Make a challenge for a sign-in or an enrolment; the server keeps it and uses it once.

    NOTE: to turn a sign-in into a signature, it would have to equal the digest of a statement.
    Its own preimage begins unlike any DSSE encoding, and nobody but the server chooses it: no
    challenge must ever be taken from a browser.
    """
    return hashlib.sha256(b"clinops-sign-in" + secrets.token_bytes(32)).digest()


def options_for_signing(statement: bytes, keys: Sequence[Key], rp: str) -> dict[str, Any]:
    """Ask a browser for a signature over a statement (`publicKey` of `credentials.get`).

    Args:
        statement: What is signed.
        keys: The person's keys; only their passkeys for this site are asked for.
        rp: The gatehouse's host, as `rp_of` gives it.

    Raises:
        BadInputError: The person has no passkey for this site.
    """
    own = [key for key in keys if key.public.startswith(f"{PASSKEY}{rp} ")]
    if not own:
        raise BadInputError(f"there is no passkey for {rp}", mend="clinops signer enrol")
    return _request(challenge_of(statement), rp, [key.credential or "" for key in own])


def options_for_sign_in(challenge: bytes, rp: str) -> dict[str, Any]:
    """Ask a browser who is there (`publicKey` of `credentials.get`)."""
    return _request(challenge, rp, [])


def _request(challenge: bytes, rp: str, credentials: Sequence[str]) -> dict[str, Any]:
    options = webauthn.generate_authentication_options(
        rp_id=rp,
        challenge=challenge,
        timeout=_PATIENCE_MS,
        allow_credentials=_descriptors(credentials),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def _descriptors(credentials: Sequence[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(base64url_to_bytes(one)) for one in credentials]


def envelope_from_assertion(
    statement: bytes, key_public: str, assertion: Mapping[str, Any]
) -> Envelope:
    """Put a browser's answer to `options_for_signing` into an envelope that holds.

    Args:
        statement: What was to be signed.
        key_public: The public key on file whose credential answered.
        assertion: The credential's `toJSON()`.

    Raises:
        RefusedError: It is no signature of that key over that statement.
    """
    response = _parsed(assertion).response
    public_key = without_comment(key_public)
    with _refusing():
        sealed = Assertion(
            authenticatorData=_base64(response.authenticator_data),
            clientDataJSON=_base64(response.client_data_json),
            publicKey=public_key,
            signature=_base64(response.signature),
        )
    envelope = Envelope.around(
        statement, keyid=fingerprint(public_key), signature=sealed.to_bytes()
    )
    PasskeySignatures().verify(envelope)
    return envelope


def credential_of(assertion: Mapping[str, Any]) -> str:
    """Return which credential a browser answered with, unproven; raises RefusedError."""
    return bytes_to_base64url(_parsed(assertion).raw_id)


def verify_sign_in(assertion: Mapping[str, Any], challenge: bytes, origin: str, key: Key) -> None:
    """Make sure that a browser's answer proves the possession of a key.

    Args:
        assertion: The credential's `toJSON()`.
        challenge: The one that the server made and kept for this browser.
        origin: The gatehouse's address.
        key: The key on file that `credential_of` led to.

    Raises:
        RefusedError: It does not.
    """
    answer = _parsed(assertion)
    if not is_passkey(key.public) or bytes_to_base64url(answer.raw_id) != key.credential:
        raise RefusedError("another passkey answered")
    found = _ensure_holds(answer.response, without_comment(key.public), challenge)
    _ensure_same(found, origin)


def options_for_enrolment(
    signer_id: str, name: str, rp: str, challenge: bytes, known: Sequence[str] = ()
) -> dict[str, Any]:
    """Ask a browser to make a passkey (`publicKey` of `credentials.create`).

    Args:
        signer_id: The person's id in `signers.yaml`.
        name: The person's name.
        rp: The gatehouse's host, as `rp_of` gives it.
        challenge: A fresh one, kept by the server.
        known: Credential ids that the person has; no second key is made beside one of them.
    """
    options = webauthn.generate_registration_options(
        rp_id=rp,
        rp_name="ClinOps",
        user_id=signer_id.encode(),
        user_name=signer_id,
        user_display_name=name,
        challenge=challenge,
        timeout=_PATIENCE_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            # A sign-in names nobody: the authenticator itself must know whose key it is.
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(known),
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json_dict(options)


def enrolled(response: Mapping[str, Any], challenge: bytes, origin: str, rp: str) -> NewKey:
    """Read the passkey out of a browser's answer to `options_for_enrolment`.

    Raises:
        RefusedError: The answer is not for this challenge, address and site, nobody was checked,
            or the key is of a kind that is not accepted.
    """
    with _refusing():
        answer = parse_registration(dict(response))
        found = _ensure_made_at(answer.response.client_data_json, "webauthn.create", challenge, rp)
        _ensure_same(found, origin)
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=rp,
            expected_origin=origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
        return NewKey(
            public=f"{PASSKEY}{rp} {_base64(made.credential_public_key)}",
            credential=bytes_to_base64url(made.credential_id),
        )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _parsed(assertion: Mapping[str, Any]) -> AuthenticationCredential:
    with _refusing():
        return parse_assertion(dict(assertion))


def _ensure_holds(
    response: AuthenticatorAssertionResponse, public_key: str, challenge: bytes
) -> str:
    """Verify an answer against a key and a challenge; return the origin that it was given to."""
    kind, encoded = public_key.split()
    rp = kind.removeprefix(PASSKEY)
    origin = _ensure_made_at(response.client_data_json, "webauthn.get", challenge, rp)
    with _refusing():
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


def _ensure_made_at(client_data: bytes, purpose: str, challenge: bytes, rp: str) -> str:
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


def _ensure_same(found: str, origin: str) -> None:
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
def _refusing() -> Iterator[None]:
    """Turn whatever the library throws at a stranger's bytes into a refusal in plain words."""
    try:
        yield
    except ClinOpsError:
        raise
    except Exception as error:
        # NOTE: besides its own errors it lets through those of its CBOR reader and of OpenSSL.
        said = (ours for theirs, ours in _IN_PLAIN_WORDS.items() if str(error).startswith(theirs))
        raise RefusedError(next(said, "the passkey's answer can't be read")) from error
