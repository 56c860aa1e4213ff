"""Signatures of people: which of their keys made one, and whether it fits.

Source: spec sealing §2, §10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.errors import NotValid
from kernel.identity.models import PersonKey
from kernel.settings import Settings
from sealbid import signatures
from sealbid.errors import SealError
from sealbid.octets import b64
from sealbid.signatures import RelyingParty

SOURCE = "sealing §10"


def relying_party(settings: Settings) -> RelyingParty:
    """Where passkeys of this platform are asked to sign: the host of its base address."""
    host = urlsplit(settings.base_url).hostname or "localhost"
    return RelyingParty(rp_id=host, origins=frozenset({settings.base_url}))


def keys_of(session: Session, person_id: UUID) -> Sequence[PersonKey]:
    """A person's keys that still sign, oldest first."""
    return session.scalars(
        sa.select(PersonKey)
        .where(PersonKey.person_id == person_id, PersonKey.revoked_at.is_(None))
        .order_by(PersonKey.created_at, PersonKey.id)
    ).all()


def require_signature(
    session: Session, settings: Settings, person_id: UUID | None, signature: object, kind: str, body: object
) -> dict[str, Any]:
    """The signature object, ready for ``work.record(…, sig=…)``, when a living key of this person made it.

    Args:
        signature: the parsed JSON object as it arrived (sealing §2); plain or passkey.
        kind, body: the record type and the very body that must have been signed.

    Raises:
        NotValid: ``signature_missing``, ``signature_unknown_key`` (not a living key of this person), or
            ``signature_wrong`` with ``why``, the protocol's own code.

    Source: spec sealing §2, §10.
    """
    if signature is None or person_id is None:
        raise NotValid("signature_missing", source=SOURCE, field="signature")
    try:
        parsed = signatures.SignatureObject.from_json(signature)
    except SealError as no:
        raise NotValid("signature_wrong", source=SOURCE, field="signature", why=no.code) from no
    key = session.scalars(
        sa.select(PersonKey).where(
            PersonKey.kid == parsed.kid, PersonKey.person_id == person_id, PersonKey.revoked_at.is_(None)
        )
    ).one_or_none()
    if key is None:
        raise NotValid("signature_unknown_key", source=SOURCE, field="signature", kid=parsed.kid)
    passkey = parsed.alg is signatures.Algorithm.WEBAUTHN
    if passkey is not (key.kind == "passkey"):
        raise NotValid("signature_wrong", source=SOURCE, field="signature", why="signature_algorithm")
    try:
        signatures.verify(
            parsed, kind, body, key.spki, relying_party=relying_party(settings) if passkey else None
        )
    except SealError as no:
        raise NotValid("signature_wrong", source=SOURCE, field="signature", why=no.code) from no
    return parsed.to_json()


def spki_of(session: Session, kid: str) -> bytes | None:
    """The public key behind a key id, also of a revoked key: old signatures stay checkable."""
    return session.scalar(sa.select(PersonKey.spki).where(PersonKey.kid == kid))


def sign_request(
    session: Session, settings: Settings, person_id: UUID, kind: str, body: object
) -> dict[str, Any]:
    """What a page needs so that its script can have a document signed (``static/js/identity/sign.js``).

    The passkey signs ``challenge``; a key kept in the browser signs ``message``. Both are standard base64.

    Source: spec sealing §2, §10.
    """
    return {
        "rp_id": relying_party(settings).rp_id,
        "challenge": b64(signatures.challenge(kind, body)),
        "message": b64(signatures.message(kind, body)),
        "keys": [
            {
                "kid": key.kid,
                "kind": key.kind,
                "credential_id": None if key.credential_id is None else b64(key.credential_id),
                "transports": list(key.transports),
            }
            for key in keys_of(session, person_id)
        ],
    }
