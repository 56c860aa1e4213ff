"""Unified social credit codes: eighteen characters with a check character."""

from __future__ import annotations

from kernel.errors import NotValid

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 characters of the standard: no I, O, S, V, Z."""
SOURCE = "GB 32100-2015"


def check_character(first: str) -> str:
    """The eighteenth character for the first seventeen.

    Source: GB 32100-2015 §4.2.5: weights 3^(i-1) mod 31, check = 31 - sum mod 31 (31 counts as 0).
    """
    total = sum(ALPHABET.index(letter) * pow(3, place, 31) for place, letter in enumerate(first))
    return ALPHABET[-total % 31]


def require_uscc(text: str) -> str:
    """The code in upper case without blanks, or a refusal.

    Raises:
        NotValid: ``uscc_format`` for a wrong length or letter, ``uscc_check`` for a wrong check character.

    Source: GB 32100-2015.
    """
    code = "".join(text.split()).upper()
    if len(code) != 18 or set(code) - set(ALPHABET):
        raise NotValid("uscc_format", source=SOURCE, field="uscc", given=code[:40])
    if check_character(code[:17]) != code[17]:
        raise NotValid("uscc_check", source=SOURCE, field="uscc", given=code)
    return code


def a_uscc(number: int, *, authority: str = "91", region: str = "310000") -> str:
    """A well-formed code for demonstrations and simulations, different for every number.

    The organisation part is ``number`` in nine characters, so it belongs to nobody: real bodies do not count
    from nought.
    """
    body = ""
    for _ in range(9):
        number, digit = divmod(number, 31)
        body = ALPHABET[digit] + body
    first = f"{authority}{region}{body}"
    return first + check_character(first)
