"""Canonical JSON, RFC 8785, in the restricted profile that everything signed or hashed uses.

Objects with keys ``[a-z0-9_]+``, strings, integers with ``|n| < 2**53``, booleans, arrays. No floats, null,
duplicate keys or depth beyond 16. One value has one encoding, so a reader accepts only that one.

Source: spec sealing §2.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from sealbid.errors import SealError

DEPTH_MAX = 16
INTEGER_BOUND = 2**53

_KEY = re.compile(r"[a-z0-9_]+")
_WRITER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)
"""Within the profile this is RFC 8785: keys are ASCII, so code points sort as UTF-16 does, and there are no floats."""


def encode(value: object) -> bytes:
    """Return the canonical UTF-8 bytes of ``value``.

    Raises:
        SealError: ``json_profile`` when the value does not fit the restricted profile.

    Source: spec sealing §2; RFC 8785.
    """
    _require_profile(value, depth=1)
    try:
        return _WRITER.encode(value).encode()
    except UnicodeEncodeError as problem:
        raise SealError("json_profile", "A string holds half a surrogate pair.") from problem


def decode(data: bytes) -> Any:
    """Parse canonical bytes and return the value they encode.

    Raises:
        SealError: ``json_syntax`` for bytes that are no JSON text, ``json_profile`` for a value outside the
            profile (floats, null, duplicate keys, depth …), ``json_not_canonical`` when re-encoding gives
            other bytes.

    Source: spec sealing §2.
    """
    try:
        text = bytes(data).decode("utf-8")
        value = _READER.decode(text)
        if encode(value) == data:
            return value
        _STRICT_READER.decode(text)  # a key that is named twice has a refusal of its own
    except (ValueError, RecursionError) as problem:
        raise SealError("json_syntax", "These bytes are not a JSON text.") from problem
    raise SealError("json_not_canonical", "Re-encoding this JSON text gives other bytes.")


def decode_object(data: bytes) -> dict[str, Any]:
    """Like ``decode``, for texts that must be an object at the top; ``json_not_object`` otherwise."""
    value = decode(data)
    if not isinstance(value, dict):
        raise SealError("json_not_object", "An object was expected here.")
    return value


def _require_profile(value: object, depth: int) -> None:
    """Refuse what has no place in the profile; half surrogate pairs are found by the encoding itself."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or not _is_key(key):
                raise SealError("json_profile", "A key is not made of a-z, 0-9 and the underscore.")
        inside: Any = value.values()
    elif isinstance(value, list | tuple):
        inside = value
    elif isinstance(value, str | int):  # a bool is an int to Python
        if isinstance(value, int) and not -INTEGER_BOUND < value < INTEGER_BOUND:
            raise SealError("json_profile", "An integer is too large to survive JavaScript.")
        return
    else:
        raise SealError("json_profile", f"A {type(value).__name__} has no place in this profile.")
    if depth > DEPTH_MAX:
        raise SealError("json_profile", f"Nesting goes deeper than {DEPTH_MAX}.")
    for item in inside:
        if type(item) is not str:  # most values are plain strings
            _require_profile(item, depth + 1)


@functools.lru_cache(maxsize=4096)
def _is_key(text: str) -> bool:
    """Records use the same few keys again and again."""
    return _KEY.fullmatch(text) is not None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise SealError("json_profile", "An object names the same key twice.")
    return found


_READER = json.JSONDecoder()
_STRICT_READER = json.JSONDecoder(object_pairs_hook=_unique_keys)
