"""Cipher suites: the only place that names an algorithm for sealing.

A suite is eight functions and a few sizes. A policy lists the suites it allows; nothing is negotiated.

Source: spec sealing §3, §4.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import ClassVar

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sealbid.errors import SealError

Octets = bytes | bytearray | memoryview

SEED_BYTES = 32
SHARE_BYTES = 32


class Suite(ABC):
    """One set of algorithms under one name."""

    id: ClassVar[str]
    hash_bytes: ClassVar[int] = 32
    key_bytes: ClassVar[int] = 32
    tag_bytes: ClassVar[int] = 16
    public_key_bytes: ClassVar[int]
    envelope_bytes: ClassVar[int]

    @abstractmethod
    def public_key(self, seed: bytes) -> bytes:
        """Return a custodian's public key for a 32-byte seed; ``seed_format`` for another length."""

    @abstractmethod
    def wrap(self, public_key: bytes, info: bytes, share: bytes) -> bytes:
        """Encrypt 32 bytes to a custodian, bound to ``info``; ``public_key`` when the key is no key.

        The encapsulation draws its coins from the operating system: the library offers no other way.
        """

    @abstractmethod
    def unwrap(self, seed: bytes, info: bytes, envelope: bytes) -> bytes:
        """Decrypt an envelope of ``wrap``; ``envelope_unreadable`` when made for another key or info."""

    def hash(self, *parts: Octets) -> bytes:
        """Hash the concatenation of ``parts``, without concatenating."""
        state = hashlib.sha256()
        for part in parts:
            state.update(part)
        return state.digest()

    def hkdf(self, ikm: bytes, salt: bytes, info: bytes, size: int) -> bytes:
        """Derive ``size`` bytes (RFC 5869)."""
        return HKDF(algorithm=hashes.SHA256(), length=size, salt=salt, info=info).derive(ikm)

    def aead_seal(self, key: bytes, nonce: bytes, plain: Octets, out: bytearray | memoryview) -> None:
        """Write ciphertext and tag into ``out``, which is exactly 16 bytes longer than ``plain``."""
        AESGCM(key).encrypt_into(nonce, plain, None, out)

    def aead_open(self, key: bytes, nonce: bytes, sealed: Octets, out: bytearray | memoryview) -> bool:
        """Write the plaintext into ``out`` and return whether the tag fits; on False ``out`` is worthless."""
        try:
            AESGCM(key).decrypt_into(nonce, sealed, None, out)
        except InvalidTag:
            return False
        return True

    def sign(self, private_key: bytes, message: bytes) -> bytes:
        """Sign with a raw 32-byte private key."""
        return ed25519.Ed25519PrivateKey.from_private_bytes(private_key).sign(message)

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Return whether ``signature`` fits; an unreadable key is a plain no."""
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class International1(Suite):
    """``intl-1``: HPKE with X-Wing (ML-KEM-768 and X25519), AES-256-GCM, SHA-256, Ed25519."""

    id = "intl-1"
    public_key_bytes = 1216
    envelope_bytes = 1120 + SHARE_BYTES + 16
    _split = 1184
    _hpke = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)

    def public_key(self, seed: bytes) -> bytes:
        kem, curve = self._halves(seed)
        return kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()

    def wrap(self, public_key: bytes, info: bytes, share: bytes) -> bytes:
        if len(public_key) != self.public_key_bytes:
            raise SealError("public_key", "A custodian's key has 1216 bytes in this suite.")
        try:
            key = hpke.MLKEM768X25519PublicKey(
                mlkem.MLKEM768PublicKey.from_public_bytes(public_key[: self._split]),
                x25519.X25519PublicKey.from_public_bytes(public_key[self._split :]),
            )
            return self._hpke.encrypt(share, key, info=info)
        except ValueError as problem:
            raise SealError("public_key", "This is not a custodian's key of this suite.") from problem

    def unwrap(self, seed: bytes, info: bytes, envelope: bytes) -> bytes:
        key = hpke.MLKEM768X25519PrivateKey(*self._halves(seed))
        try:
            return self._hpke.decrypt(envelope, key, info=info)
        except (InvalidTag, ValueError) as problem:
            raise SealError("envelope_unreadable", "This envelope does not open with this seed.") from problem

    @staticmethod
    def _halves(seed: bytes) -> tuple[mlkem.MLKEM768PrivateKey, x25519.X25519PrivateKey]:
        """The X-Wing key format: 64 bytes for ML-KEM, 32 for X25519, all from one seed."""
        _require_seed(seed)
        expanded = hashlib.shake_256(seed).digest(96)
        return (
            mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
            x25519.X25519PrivateKey.from_private_bytes(expanded[64:]),
        )


class International0(Suite):
    """``intl-0``: as ``intl-1`` with X25519 alone, for devices without ML-KEM; seed = private key."""

    id = "intl-0"
    public_key_bytes = 32
    envelope_bytes = 32 + SHARE_BYTES + 16
    _hpke = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)

    def public_key(self, seed: bytes) -> bytes:
        _require_seed(seed)
        return x25519.X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()

    def wrap(self, public_key: bytes, info: bytes, share: bytes) -> bytes:
        try:
            return self._hpke.encrypt(share, x25519.X25519PublicKey.from_public_bytes(public_key), info=info)
        except ValueError as problem:
            raise SealError("public_key", "This is not a custodian's key of this suite.") from problem

    def unwrap(self, seed: bytes, info: bytes, envelope: bytes) -> bytes:
        _require_seed(seed)
        try:
            return self._hpke.decrypt(envelope, x25519.X25519PrivateKey.from_private_bytes(seed), info=info)
        except (InvalidTag, ValueError) as problem:
            raise SealError("envelope_unreadable", "This envelope does not open with this seed.") from problem


SUITES: dict[str, Suite] = {suite.id: suite for suite in (International1(), International0())}


def suite_named(name: str) -> Suite:
    """Return the suite of that name, or refuse with ``suite_unknown``."""
    suite = SUITES.get(name)
    if suite is None:
        raise SealError("suite_unknown", f"Suite {name[:20]!r} is not built in.")
    return suite


def _require_seed(seed: bytes) -> None:
    if len(seed) != SEED_BYTES:
        raise SealError("seed_format", "A custodian's seed has 32 bytes.")
