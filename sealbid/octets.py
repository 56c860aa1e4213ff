"""Bytes and their spellings: labels, big-endian integers, strict base64 and hex.

Source: spec sealing §2 (notation).
"""

from __future__ import annotations

import binascii
import re
from unicodedata import category

from sealbid.errors import SealError

_HIDING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_HEX = re.compile(r"(?:[0-9a-f]{2})*")


def label(text: str) -> bytes:
    """``L("x")``: UTF-8 followed by one zero byte; a zero inside would make two labels out of one."""
    if "\0" in text:
        raise SealError("label_zero", "A label must not contain the zero character.")
    return text.encode() + b"\0"


def is_display_text(text: object, longest: int) -> bool:
    """Whether ``text`` may be shown to people: 1 … ``longest`` characters, none that control or hide others.

    Refused are control, format (bidi overrides, zero width) and line separator characters. Rare characters
    that this Unicode version does not know yet, or of private use, occur in Chinese names and are welcome.
    """
    return (
        isinstance(text, str)
        and 1 <= len(text) <= longest
        and not any(category(character) in _HIDING for character in text)
    )


def u8(number: int) -> bytes:
    return number.to_bytes(1, "big")


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def b64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 §4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def unb64(text: object, size: int | None = None) -> bytes:
    """Decode base64 strictly: one spelling per value, and ``size`` bytes when given; else ``bad_base64``."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True) if isinstance(text, str) else None
    except ValueError as problem:  # binascii.Error is one, and so are characters beyond ASCII
        raise SealError("bad_base64", "This is not base64.") from problem
    if data is None or b64(data) != text or (size is not None and len(data) != size):
        raise SealError("bad_base64", "This is not the base64 of the expected number of bytes.")
    return data


def unhex(text: object, size: int | None = None) -> bytes:
    """Decode lower-case hex strictly, ``size`` bytes when given; else ``bad_hex``."""
    if not isinstance(text, str) or not _HEX.fullmatch(text) or (size is not None and len(text) != 2 * size):
        raise SealError("bad_hex", "This is not lower-case hex of the expected number of bytes.")
    return bytes.fromhex(text)
