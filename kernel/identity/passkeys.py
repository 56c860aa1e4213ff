"""Passkeys: registering one, signing in with one, and keys made inside a browser.

Source: spec sealing §10; W3C Web Authentication Level 3.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import webauthn
from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography
from webauthn.helpers.base64url_to_bytes import base64url_to_bytes
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from kernel.errors import NotSignedIn, NotValid
from kernel.identity.actions import register_key
from kernel.identity.models import Challenge, Person, PersonKey
from kernel.identity.signing import keys_of, relying_party
from kernel.work import Work
from sealbid import signatures

CHALLENGE_MINUTES = 5
ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


def _new_challenge(work: Work, purpose: str, person_id: UUID | None) -> bytes:
    work.session.execute(sa.delete(Challenge).where(Challenge.expires_at <= work.now))
    value = work.entropy(32)
    work.add(
        Challenge(
            id=work.new_id(),
            purpose=purpose,
            person_id=person_id,
            value=value,
            expires_at=work.now + timedelta(minutes=CHALLENGE_MINUTES),
        )
    )
    return value


def _spend_challenge(work: Work, purpose: str, person_id: UUID | None, value: bytes) -> None:
    """Use a challenge up; ``challenge_unknown`` when it was never given, was used or has expired."""
    row = work.one(sa.select(Challenge).where(Challenge.value == value, Challenge.purpose == purpose))
    if row is None or row.expires_at <= work.now or row.person_id != person_id:
        raise NotValid("challenge_unknown")
    work.session.delete(row)


def _challenge_in(credential: dict[str, Any]) -> bytes:
    try:
        client = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        return base64url_to_bytes(client["challenge"])
    except (KeyError, TypeError, ValueError):
        raise NotValid("passkey_unreadable") from None


def registration_options(work: Work, person_id: UUID) -> dict[str, Any]:
    """What the browser needs to make a passkey for this person."""
    person = work.lock(Person, person_id)
    options = webauthn.generate_registration_options(
        rp_id=relying_party(work.platform.settings).rp_id,
        rp_name="Sunroad 阳光路",
        user_id=person.id.bytes,
        user_name=person.email,
        user_display_name=person.name,
        challenge=_new_challenge(work, "register", person.id),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        supported_pub_key_algs=ALGORITHMS,
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=key.credential_id)
            for key in keys_of(work.session, person.id)
            if key.credential_id is not None
        ],
    )
    found: dict[str, Any] = json.loads(webauthn.options_to_json(options))
    return found


def register_passkey(work: Work, person_id: UUID, credential: dict[str, Any], *, name: str) -> PersonKey:
    """Enter the passkey a browser has just made.

    Raises:
        NotValid: ``challenge_unknown``, ``passkey_unreadable``, ``passkey_wrong``, and those of
            ``register_key``.
    """
    party = relying_party(work.platform.settings)
    challenge = _challenge_in(credential)
    _spend_challenge(work, "register", person_id, challenge)
    try:
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.rp_id,
            expected_origin=sorted(party.origins),
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
        decoded = decode_credential_public_key(verified.credential_public_key)
        public = decoded_public_key_to_cryptography(decoded)
    except WebAuthnException as no:
        raise NotValid("passkey_wrong", why=type(no).__name__) from no
    transports = credential.get("response", {}).get("transports") or ()
    known = {transport.value for transport in AuthenticatorTransport}
    return register_key(
        work,
        person_id,
        spki=signatures.spki(public),  # type: ignore[arg-type]
        name=name,
        kind="passkey",
        credential_id=verified.credential_id,
        sign_count=verified.sign_count,
        transports=[name for name in transports if name in known],
    )


def sign_in_options(work: Work, person_id: UUID | None = None) -> dict[str, Any]:
    """What the browser needs to sign in, or with a person to prove presence again."""
    keys = keys_of(work.session, person_id) if person_id else ()
    options = webauthn.generate_authentication_options(
        rp_id=relying_party(work.platform.settings).rp_id,
        challenge=_new_challenge(work, "sign_in", person_id),
        user_verification=UserVerificationRequirement.REQUIRED,
        allow_credentials=[
            PublicKeyCredentialDescriptor(id=key.credential_id)
            for key in keys
            if key.credential_id is not None
        ],
    )
    found: dict[str, Any] = json.loads(webauthn.options_to_json(options))
    return found


def check_passkey(work: Work, credential: dict[str, Any], person_id: UUID | None = None) -> Person:
    """The person whose passkey answered a challenge of ``sign_in_options``.

    Raises:
        NotValid: ``challenge_unknown``, ``passkey_unreadable``, ``passkey_wrong``.
        NotSignedIn: ``passkey_unknown``.
    """
    party = relying_party(work.platform.settings)
    challenge = _challenge_in(credential)
    _spend_challenge(work, "sign_in", person_id, challenge)
    try:
        wanted = base64url_to_bytes(str(credential["id"]))
    except (KeyError, ValueError):
        raise NotValid("passkey_unreadable") from None
    key = work.one(
        sa.select(PersonKey).where(PersonKey.credential_id == wanted, PersonKey.revoked_at.is_(None))
    )
    if key is None or person_id not in (None, key.person_id):
        raise NotSignedIn("passkey_unknown")
    cose = _cose_of(key.spki)
    try:
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.rp_id,
            expected_origin=sorted(party.origins),
            credential_public_key=cose,
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except WebAuthnException as no:
        raise NotValid("passkey_wrong", why=type(no).__name__) from no
    # Stamps of use are no history: they change without a fact, so by a plain UPDATE.
    work.session.execute(
        sa.update(PersonKey)
        .where(PersonKey.id == key.id)
        .values(sign_count=verified.new_sign_count, used_at=work.now)
        .execution_options(synchronize_session=False)
    )
    return work.lock(Person, key.person_id)


def _cose_of(spki: bytes) -> bytes:
    """A public key as COSE, the form the WebAuthn library reads."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from webauthn.helpers import encode_cbor

    key = signatures.load_public_key(spki)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return encode_cbor({1: 1, 3: -8, -1: 6, -2: key.public_bytes(Encoding.Raw, PublicFormat.Raw)})
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return encode_cbor(
            {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        )
    numbers = key.public_numbers()
    modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
    return encode_cbor({1: 3, 3: -257, -1: modulus, -2: numbers.e.to_bytes(3, "big")})
