"""Passwords, kept as argon2id digests. Hashing takes long on purpose and happens outside transactions."""

from __future__ import annotations

import argon2

from kernel.errors import NotValid
from kernel.settings import Settings

LENGTH_MIN = 10
LENGTH_MAX = 200
COMMON = frozenset(
    [
        "1234567890",
        "0123456789",
        "password123",
        "passw0rd123",
        "qwertyuiop",
        "qwerty123456",
        "1q2w3e4r5t",
        "1qaz2wsx3edc",
        "iloveyou123",
        "abcd1234567",
        "abc123456789",
        "a123456789",
        "aa123456789",
        "woaini1314",
        "5201314520",
        "1111111111",
    ]
)


def hasher(settings: Settings) -> argon2.PasswordHasher:
    return argon2.PasswordHasher(time_cost=3, memory_cost=settings.password_memory_kib, parallelism=1)


def hash_password(settings: Settings, password: str, *, email: str = "") -> str:
    """The argon2id digest of a new password.

    Raises:
        NotValid: ``password_short``, ``password_long`` or ``password_common`` (also one that contains the
            name part of the e-mail address).
    """
    if len(password) < LENGTH_MIN:
        raise NotValid("password_short", field="password", least=LENGTH_MIN)
    if len(password) > LENGTH_MAX:
        raise NotValid("password_long", field="password", most=LENGTH_MAX)
    name = email.partition("@")[0].lower()
    if password.lower() in COMMON or len(set(password)) < 4 or (len(name) > 3 and name in password.lower()):
        raise NotValid("password_common", field="password")
    return hasher(settings).hash(password)


def matches(settings: Settings, digest: str, password: str) -> bool:
    """Whether a password fits a digest; an empty digest (none set) costs the same time and never fits."""
    keeper = hasher(settings)
    if not digest:
        keeper.hash(password[:LENGTH_MAX])
        return False
    try:
        return keeper.verify(digest, password[:LENGTH_MAX])
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def needs_rehash(settings: Settings, digest: str) -> bool:
    return hasher(settings).check_needs_rehash(digest)
