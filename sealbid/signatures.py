"""Signatures of actors: bidders, custodians, supervisors, the platform.

What is signed is always ``m = L("sealbid/1 sign") ‖ L(type) ‖ JCS(body)``. Public keys travel as
SubjectPublicKeyInfo in DER; ``kid`` is the first 16 hex digits of their SHA-256 and is a hint for finding
the key, never a proof.

Source: spec sealing §2, §10.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.octets import b64, label, unb64

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

RSA_BITS_MIN = 2048
CHAIN_LENGTH_MAX = 6

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
_NAMING = (
    x509.NameOID.ORGANIZATION_NAME,
    x509.NameOID.ORGANIZATION_IDENTIFIER,
    x509.NameOID.SERIAL_NUMBER,
)
_USER_PRESENT, _USER_VERIFIED = 0x01, 0x04


class Algorithm(StrEnum):
    """How an actor signs; ``sm2`` is reserved for a suite that is not present here."""

    ED25519 = "ed25519"
    ES256 = "es256"
    RSA_PSS_256 = "rsa-pss-256"
    SM2 = "sm2"
    WEBAUTHN = "webauthn"


@dataclass(frozen=True)
class RelyingParty:
    """Where a passkey was asked to sign: its relying party id and the origins that may have asked."""

    rp_id: str
    origins: frozenset[str]
    user_verified: bool = True


@dataclass(frozen=True)
class SignatureObject:
    """A signature as it stands in records, manifests and receipts.

    ``sig`` is 64 bytes for ed25519 and es256 (r ‖ s), the modulus length for rsa-pss-256; for webauthn it is
    the authenticator's own format, and the two fields it signed over travel with it.
    """

    alg: Algorithm
    kid: str
    sig: bytes
    chain: tuple[bytes, ...] = ()
    authenticator_data: bytes = b""
    client_data_json: bytes = b""

    def to_json(self) -> dict[str, Any]:
        """Return the JCS-ready object; empty optional fields are left out."""
        found: dict[str, Any] = {"alg": str(self.alg), "kid": self.kid, "sig": b64(self.sig)}
        if self.chain:
            found["chain"] = [b64(certificate) for certificate in self.chain]
        if self.alg is Algorithm.WEBAUTHN:
            found["authenticator_data"] = b64(self.authenticator_data)
            found["client_data_json"] = b64(self.client_data_json)
        return found

    @classmethod
    def from_json(cls, found: object) -> Self:
        """Parse the object strictly; ``signature_format`` names anything missing, unknown or misspelt."""
        if not isinstance(found, Mapping):
            raise SealError("signature_format", "A signature is an object.")
        required, optional = {"alg", "kid", "sig"}, {"chain"}
        if found.get("alg") == Algorithm.WEBAUTHN:
            required |= {"authenticator_data", "client_data_json"}
        if not required <= set(found) <= required | optional:
            raise SealError("signature_format", "A signature has a field too few or too many.")
        kid, chain = found["kid"], found.get("chain", [])
        if not isinstance(kid, str) or len(kid) != 16 or set(kid) - set("0123456789abcdef"):
            raise SealError("signature_format", "A key id is sixteen hex digits.")
        if not isinstance(chain, list) or len(chain) > CHAIN_LENGTH_MAX or ("chain" in found and not chain):
            raise SealError("signature_format", "A certificate chain is a short list.")
        try:
            alg = Algorithm(found["alg"])
            return cls(
                alg,
                kid,
                unb64(found["sig"]),
                tuple(unb64(certificate) for certificate in chain),
                unb64(found.get("authenticator_data", "")),
                unb64(found.get("client_data_json", "")),
            )
        except (ValueError, SealError) as problem:
            raise SealError("signature_format", "A field of this signature cannot be read.") from problem


def message(kind: str, body: object) -> bytes:
    """Return ``m``, the bytes that a signature of type ``kind`` over ``body`` covers.

    Source: spec sealing §2.
    """
    return label("sealbid/1 sign") + label(kind) + jcs.encode(body)


def challenge(kind: str, body: object) -> bytes:
    """Return the 32-byte WebAuthn challenge of a document: ``SHA-256(m)``."""
    return hashlib.sha256(message(kind, body)).digest()


def spki(key: PrivateKey | PublicKey) -> bytes:
    """Return the public half of ``key`` as SubjectPublicKeyInfo, DER."""
    public = key if isinstance(key, PublicKey) else key.public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def ed25519_spki(raw: bytes) -> bytes:
    """Return the SPKI of a raw 32-byte Ed25519 public key, such as a bid's ``bk``."""
    try:
        return spki(ed25519.Ed25519PublicKey.from_public_bytes(raw))
    except ValueError as problem:
        raise SealError("public_key", "An Ed25519 public key has 32 bytes.") from problem


def kid_of(public_key: bytes) -> str:
    """Return the key id of a DER SubjectPublicKeyInfo: sixteen hex digits."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def sign(kind: str, body: object, key: PrivateKey, *, chain: Sequence[bytes] = ()) -> SignatureObject:
    """Sign ``body`` as a document of type ``kind``.

    Args:
        chain: certificates in DER, the signer's own first, without the root.

    Raises:
        SealError: ``public_key`` for a curve or modulus that the protocol does not admit.

    Source: spec sealing §2.
    """
    m = message(kind, body)
    public = load_public_key(spki(key))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        alg, sig = Algorithm.ED25519, key.sign(m)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(m, ec.ECDSA(hashes.SHA256())))
        alg, sig = Algorithm.ES256, r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        alg, sig = Algorithm.RSA_PSS_256, key.sign(m, _PSS, hashes.SHA256())
    return SignatureObject(alg, kid_of(spki(public)), sig, tuple(chain))


def verify(
    signature: SignatureObject,
    kind: str,
    body: object,
    public_key: bytes,
    *,
    relying_party: RelyingParty | None = None,
) -> None:
    """Return quietly when ``signature`` by ``public_key`` covers exactly this document.

    Args:
        public_key: DER SubjectPublicKeyInfo that the caller trusts for this purpose.
        relying_party: needed for passkeys, ignored otherwise.

    Raises:
        SealError: ``signature_key`` when the key id names another key, ``signature_algorithm`` when key and
            algorithm do not fit, ``signature_origin`` when a passkey signed elsewhere or without the user,
            ``bad_signature`` when the mathematics says no.

    Source: spec sealing §2.
    """
    if signature.kid != kid_of(public_key):
        raise SealError("signature_key", "The signature names another key.")
    key = load_public_key(public_key)
    try:
        if signature.alg is Algorithm.WEBAUTHN:
            _verify_webauthn(signature, challenge(kind, body), key, relying_party)
        else:
            _verify_plain(signature, message(kind, body), key)
    except InvalidSignature as problem:
        raise SealError("bad_signature", "The signature does not fit this document and key.") from problem


@functools.lru_cache(maxsize=1024)
def load_public_key(der: bytes) -> PublicKey:
    """Load an admitted public key from DER: Ed25519, P-256, or RSA from 2048 bits; else ``public_key``."""
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise SealError("public_key", "This is not a public key that we can read.") from problem
    admitted = (
        isinstance(key, ed25519.Ed25519PublicKey)
        or (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1))
        or (isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN)
    )
    if not admitted or not isinstance(key, PublicKey):
        raise SealError("public_key", "This kind of key is not admitted.")
    return key


@dataclass(frozen=True)
class Certified:
    """What a chain to a pinned root proves: a public key (SPKI, DER) and the names its owner goes by."""

    public_key: bytes
    names: frozenset[str]


@dataclass(frozen=True)
class Trust:
    """Whom a verifier believes, and when.

    Attributes:
        pinned: organization → its public keys (SPKI, DER) that the verifier knows beforehand.
        roots: DER certificates of authorities.
        at: the instant at which certificates must have been valid; UTC, aware.
        relying_party: needed where passkeys may sign.
    """

    at: datetime
    pinned: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    roots: Sequence[bytes] = ()
    relying_party: RelyingParty | None = None

    def require_signed(self, signature: SignatureObject, kind: str, body: object, *, by: str) -> None:
        """Refuse unless the organization ``by`` signed this document.

        Raises:
            SealError: ``signer_unknown`` when neither a pinned key nor a certificate ties the signature to
                that organization, ``certificate_chain``, or any refusal of ``verify``.
        """
        keys = [key for key in self.pinned.get(by, ()) if kid_of(key) == signature.kid]
        if not keys and signature.chain:
            certified = certified_key(signature.chain, self.roots, self.at)
            keys = [certified.public_key] if by in certified.names else []
        if not keys:
            raise SealError("signer_unknown", "Nothing ties this signature to that organization.", org=by)
        verify(signature, kind, body, keys[0], relying_party=self.relying_party)


def certified_key(chain: Sequence[bytes], roots: Sequence[bytes], at: datetime) -> Certified:
    """Return what the first certificate says when the chain leads to a pinned root at the instant ``at``.

    Names are the subject's organization, organization identifier and serial number; national authorities put
    the unified social credit code into one of them. Revocation is not looked up here: a verifier works
    without a network.

    Args:
        chain: DER certificates, the signer's own first, without the root.
        roots: DER certificates that the caller pins.

    Raises:
        SealError: ``certificate_chain`` naming the step that fails.
    """
    try:
        path = [x509.load_der_x509_certificate(der) for der in chain[:CHAIN_LENGTH_MAX]]
        anchors = [x509.load_der_x509_certificate(der) for der in roots]
    except ValueError as problem:
        raise SealError("certificate_chain", "A certificate cannot be read.") from problem
    if not path:
        raise SealError("certificate_chain", "No certificate came with the signature.")
    anchor = next((root for root in anchors if root.subject == path[-1].issuer), None)
    if anchor is None:
        raise SealError("certificate_chain", "The chain does not end at a pinned root.")
    for below, (certificate, issuer) in enumerate(zip(path, [*path[1:], anchor], strict=True)):
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise SealError("certificate_chain", "A certificate was not valid at that time.")
        _require_may_issue(issuer, below)
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as problem:
            raise SealError("certificate_chain", "A certificate was not issued by the next one.") from problem
    leaf = path[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    names = {str(attribute.value) for attribute in path[0].subject if attribute.oid in _NAMING}
    return Certified(spki(load_public_key(leaf)), frozenset(names))


def _require_may_issue(issuer: x509.Certificate, below: int) -> None:
    """Refuse an issuer that is no authority; ``below`` counts the authorities between it and the signer."""
    found = {type(extension.value): extension.value for extension in issuer.extensions}
    basic, usage = found.get(x509.BasicConstraints), found.get(x509.KeyUsage)
    may = isinstance(basic, x509.BasicConstraints) and basic.ca
    if isinstance(basic, x509.BasicConstraints) and basic.path_length is not None:
        may = may and basic.path_length >= below
    # An old root may lack the key usage; where it stands, it counts.
    if isinstance(usage, x509.KeyUsage):
        may = may and usage.key_cert_sign
    if not may:
        raise SealError("certificate_chain", "A certificate was issued by something that is no authority.")


def _verify_plain(signature: SignatureObject, m: bytes, key: PublicKey) -> None:
    match signature.alg, key:
        case Algorithm.ED25519, ed25519.Ed25519PublicKey():
            key.verify(signature.sig, m)
        case Algorithm.ES256, ec.EllipticCurvePublicKey():
            key.verify(_der_of_raw(signature.sig), m, ec.ECDSA(hashes.SHA256()))
        case Algorithm.RSA_PSS_256, rsa.RSAPublicKey():
            key.verify(signature.sig, m, _PSS, hashes.SHA256())
        case _:
            raise SealError(
                "signature_algorithm", f"{signature.alg} does not fit the key, or is not built in."
            )


def _der_of_raw(sig: bytes) -> bytes:
    if len(sig) != 64:
        raise InvalidSignature
    return utils.encode_dss_signature(int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big"))


def _verify_webauthn(
    signature: SignatureObject, expected: bytes, key: PublicKey, relying_party: RelyingParty | None
) -> None:
    if relying_party is None:
        raise SealError("signature_origin", "Nobody said which site this passkey belongs to.")
    _require_client_data(signature.client_data_json, expected, relying_party)
    data = signature.authenticator_data
    rp_hash = hashlib.sha256(relying_party.rp_id.encode()).digest()
    wanted = _USER_PRESENT | (_USER_VERIFIED if relying_party.user_verified else 0)
    if len(data) < 37 or data[:32] != rp_hash or data[32] & wanted != wanted:
        raise SealError("signature_origin", "The passkey signed for another site, or without its person.")
    signed = data + hashlib.sha256(signature.client_data_json).digest()
    match key:
        case ed25519.Ed25519PublicKey():
            key.verify(signature.sig, signed)
        case ec.EllipticCurvePublicKey():
            key.verify(signature.sig, signed, ec.ECDSA(hashes.SHA256()))
        case rsa.RSAPublicKey():
            key.verify(signature.sig, signed, padding.PKCS1v15(), hashes.SHA256())


def _require_client_data(raw: bytes, expected: bytes, relying_party: RelyingParty) -> None:
    try:
        client = json.loads(raw)
    except (ValueError, RecursionError) as problem:
        raise SealError("signature_format", "The passkey's client data is no JSON text.") from problem
    if not isinstance(client, dict) or client.get("type") != "webauthn.get":
        raise SealError("signature_format", "The passkey's client data is of another type.")
    spelled = urlsafe_b64encode(expected).rstrip(b"=").decode()
    if not hmac.compare_digest(str(client.get("challenge")).encode(), spelled.encode()):
        raise InvalidSignature
    if client.get("origin") not in relying_party.origins or client.get("crossOrigin") not in (None, False):
        raise SealError("signature_origin", "The passkey was asked by another site.")
