"""Bank accounts before they are hashed and when they are shown. Source: rules §5.2 (B-01)."""

from __future__ import annotations

import re
import unicodedata


def account(value: str) -> str:
    """A bank account's characters alone; empty when too short or made of one digit."""
    plain = re.sub(r"[^0-9A-Z]", "", unicodedata.normalize("NFKC", value).upper())
    return plain if 6 <= len(plain) <= 34 and len(set(plain)) > 1 else ""


def masked(value: str, *, keep: int = 4) -> str:
    """The last characters of a personal value, the rest as dots; short values keep their first character."""
    if len(value) <= keep + 1:
        return value[:1] + "•" * max(1, len(value) - 1)
    return "•" * 4 + value[-keep:]


def same_name(one: str, other: str) -> bool:
    """Whether two names of a company are one: blanks, widths and the shape of brackets aside."""
    return _folded(one) == _folded(other) != ""


def _folded(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).casefold())
