"""Decimal strings, exact fractions and one way of rounding.

Source: rules specification §2.10.
"""

import re
from decimal import Decimal
from fractions import Fraction

from sealbid.errors import SealError

_DECIMAL = re.compile(r"-?\d{1,24}(?:\.\d{1,12})?", re.ASCII)


def exact(text: object) -> Fraction:
    """The exact value of a decimal string; refuses (``award_inputs``) every other spelling."""
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise SealError("award_inputs", f"not a decimal number: {text!r}")
    return Fraction(text)


def half_up(value: Fraction, places: int) -> Decimal:
    """Round half away from zero to that many decimals."""
    scaled = abs(value) * 10**places
    units = int(scaled + Fraction(1, 2))
    return Decimal(-units if value < 0 else units).scaleb(-places)
