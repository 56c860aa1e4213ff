"""Sealing that can be repeated: the simulator's own HPKE sender, whose ephemeral keys come from seeded
entropy.

The library draws the coins of an encapsulation from the operating system, so two runs of one seed would
seal different bytes. Here the sender's half of RFC 9180 (base mode, DHKEM X25519, HKDF-SHA256, AES-256-GCM)
is written out once more with the ephemeral key handed in. What it makes is opened by the real suite
``intl-0`` and by nothing of ours: if this code were wrong, no simulated bid would ever open.

Source: RFC 9180 §4.1, §5.1, §6.1; spec sealing §3.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from sealbid.suites import SUITES, International0

SUITE = "intl-0"
_KEM = b"KEM" + (0x0020).to_bytes(2, "big")
_HPKE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0002))


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.new(salt or b"\0" * 32, b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    told = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(hashes.SHA256(), size, told).derive(prk)


def seal_base(public_key: bytes, info: bytes, plain: bytes, ephemeral: bytes) -> bytes:
    """``enc ‖ ciphertext`` of one message to a key.

    Args:
        ephemeral: 32 bytes, the sender's private key for this one message; never used twice.
    """
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    enc = private.public_key().public_bytes_raw()
    dh = private.exchange(X25519PublicKey.from_public_bytes(public_key))
    shared = _expand(_KEM, _extract(_KEM, b"", b"eae_prk", dh), b"shared_secret", enc + public_key, 32)
    context = b"\0" + _extract(_HPKE, b"", b"psk_id_hash", b"") + _extract(_HPKE, b"", b"info_hash", info)
    secret = _extract(_HPKE, shared, b"secret", b"")
    key = _expand(_HPKE, secret, b"key", context, 32)
    nonce = _expand(_HPKE, secret, b"base_nonce", context, 12)
    return enc + AESGCM(key).encrypt(nonce, plain, b"")


class SeededSender(International0):
    """``intl-0`` with another source of coins; everything but ``wrap`` is the suite itself."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy

    def wrap(self, public_key: bytes, info: bytes, share: bytes) -> bytes:
        return seal_base(public_key, info, share, self._entropy(32))


@contextmanager
def seeded(entropy: Callable[[int], bytes]) -> Iterator[None]:
    """While open, bids of suite ``intl-0`` are sealed with these coins. One thread only: the simulator's."""
    real = SUITES[SUITE]
    SUITES[SUITE] = SeededSender(entropy)
    try:
        yield
    finally:
        SUITES[SUITE] = real
