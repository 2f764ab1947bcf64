"""Sign-offs with passkeys (WebAuthn): made in a browser, verifiable later without any server.

The challenge that the authenticator signs is the SHA-256 of the statement's DSSE encoding, so that
the browser's ceremony is a signature over exactly this statement.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import webauthn
from pydantic import StringConstraints
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict
from webauthn.helpers import parse_registration_credential_json as parse_registration
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm
from webauthn.helpers.structs import (
    AuthenticatorAssertionResponse,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from clinops.adapters.webauthn_answers import (
    MOST_BYTES,
    ensure_holds,
    ensure_made_at,
    ensure_same,
    parsed,
    refusing,
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
from clinops.errors import BadInputError, RefusedError

_PATIENCE_MS: Final = 5 * 60 * 1000
_ALGORITHMS = [
    Algorithm.ECDSA_SHA_256,
    Algorithm.EDDSA,
    # Windows Hello on older machines has no other.
    Algorithm.RSASSA_PKCS1_v1_5_SHA_256,
]
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
        ensure_holds(
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
    envelope = sealed(statement, key_public, assertion)
    PasskeySignatures().verify(envelope)
    return envelope


def sealed(statement: bytes, key_public: str, assertion: Mapping[str, Any]) -> Envelope:
    """Put a browser's answer into an envelope, unproven: whoever records it verifies it.

    Raises:
        RefusedError: It is no passkey's answer at all.
    """
    response = parsed(assertion).response
    public_key = without_comment(key_public)
    with refusing():
        answer = Assertion(
            authenticatorData=_base64(response.authenticator_data),
            clientDataJSON=_base64(response.client_data_json),
            publicKey=public_key,
            signature=_base64(response.signature),
        )
        keyid = fingerprint(public_key)
        return Envelope.around(statement, keyid=keyid, signature=answer.to_bytes())


def credential_of(assertion: Mapping[str, Any]) -> str:
    """Return which credential a browser answered with, unproven; raises RefusedError."""
    return bytes_to_base64url(parsed(assertion).raw_id)


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
    answer = parsed(assertion)
    if not is_passkey(key.public) or bytes_to_base64url(answer.raw_id) != key.credential:
        raise RefusedError("another passkey answered")
    found = ensure_holds(answer.response, without_comment(key.public), challenge)
    ensure_same(found, origin)


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
    with refusing():
        answer = parse_registration(dict(response))
        found = ensure_made_at(answer.response.client_data_json, "webauthn.create", challenge, rp)
        ensure_same(found, origin)
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
