"""Secrets at rest: scrypt over a passphrase, AES-256-GCM around the secret.

Used for a bidder's ``.sbkey``, a custodian's seeds and identity keys in files.

Source: sealing specification §2 (custodian keys), §6.1 (``.sbkey``), T17.
"""

from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.octets import b64, unb64

Entropy = Callable[[int], bytes]

COST = 1 << 15  # 32 MiB and about 80 ms: a guess costs a thief as much
COST_MAX = 1 << 20
SALT_BYTES, NONCE_BYTES = 16, 12
_MEMBERS = {"v", "kdf", "n", "salt", "nonce", "purpose", "box"}


def lock(secret: bytes, passphrase: str, purpose: str, entropy: Entropy, *, cost: int = COST) -> bytes:
    """The file content that keeps ``secret`` under a passphrase.

    Args:
        purpose: what it is for; bound to the box, so a seed cannot pose as a key.
        entropy: returns that many fresh random bytes.
        cost: scrypt's N, a power of two.

    Raises:
        SealError: ``passphrase`` if it is shorter than 8 characters.
    """
    if len(passphrase) < 8:
        raise SealError("passphrase", "A passphrase needs at least eight characters.")
    salt, nonce = entropy(SALT_BYTES), entropy(NONCE_BYTES)
    box = AESGCM(_key(passphrase, salt, cost)).encrypt(nonce, secret, purpose.encode())
    return jcs.encode(
        {
            "v": 1,
            "kdf": "scrypt",
            "n": cost,
            "salt": b64(salt),
            "nonce": b64(nonce),
            "purpose": purpose,
            "box": b64(box),
        }
    )


def unlock(data: bytes, passphrase: str, purpose: str) -> bytes:
    """Open a box again.

    Raises:
        SealError: ``lockbox_shape`` for another file, ``lockbox_purpose`` for a box of
            another kind, ``passphrase`` when it does not open.
    """
    found: dict[str, Any] = jcs.decode_object(data)
    cost = found.get("n")
    if set(found) != _MEMBERS or found["kdf"] != "scrypt" or not isinstance(cost, int):
        raise SealError("lockbox_shape", "This is not a locked file.")
    if not 2 <= cost <= COST_MAX or cost & (cost - 1):
        raise SealError("lockbox_shape", "The cost of this locked file is not acceptable.")
    if found["purpose"] != purpose:
        raise SealError("lockbox_purpose", f"This file keeps {found['purpose']!r}, not {purpose!r}.")
    key = _key(passphrase, unb64(found["salt"], SALT_BYTES), cost)
    try:
        return AESGCM(key).decrypt(unb64(found["nonce"], NONCE_BYTES), unb64(found["box"]), purpose.encode())
    except InvalidTag as error:
        raise SealError("passphrase", "The passphrase does not open this file.") from error


def _key(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(passphrase.encode())
