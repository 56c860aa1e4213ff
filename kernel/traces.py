"""Keyed hashes of personal values that are compared but never shown: addresses, devices, accounts.

The key is derived from the installation's secret, so a copy of a table alone tells nothing.
"""

from __future__ import annotations

import hmac
from functools import lru_cache

from kernel.settings import Settings


def trace_hash(settings: Settings, kind: str, value: str) -> str:
    """The keyed hash of a trace, or empty for an empty one. Kinds do not mix: one value hashes apart in each."""
    if not value:
        return ""
    return hmac.digest(_trace_key(settings.secret_key), f"{kind}\0{value}".encode(), "sha256").hex()


@lru_cache(maxsize=8)
def _trace_key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"sunroad traces v1", "sha256")
