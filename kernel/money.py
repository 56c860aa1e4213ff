"""Money in minor units (fen) with a currency: no floats, no silent rounding.

Source: rules.md §2.10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from kernel.score import Exact, exact, half_up

_PLAIN = re.compile(r"([0-9]{1,15})(?:\.([0-9]{2}))?")
_DIGITS = "零壹贰叁肆伍陆柒捌玖"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units: ``Money(minor=1_250_00)`` is 1,250.00 yuan.

    Adding and comparing want the same currency; a mismatch is a ValueError, a float a TypeError.
    """

    minor: int
    currency: str = "CNY"

    def __post_init__(self) -> None:
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            raise TypeError(f"minor units are whole, not {type(self.minor).__name__}")
        if len(self.currency) != 3 or not (self.currency.isascii() and self.currency.isupper()):
            raise ValueError(f"not a currency code: {self.currency!r}")

    @classmethod
    def from_yuan(cls, yuan: Decimal | int | str, currency: str = "CNY") -> Money:
        """The amount written as ``yuan`` in major units with at most two decimals.

        Raises:
            TypeError: for a float.
            ValueError: when it is no finite number or has a third decimal that is not zero.
        """
        if type(yuan) is str and (plain := _PLAIN.fullmatch(yuan)):  # what pages and hot commands send
            whole, fen = plain.groups()
            return cls(int(whole) * 100 + (int(fen) if fen else 0), currency)
        if isinstance(yuan, bool) or not isinstance(yuan, (Decimal, int, str)):
            raise TypeError(f"an exact amount is needed, not {type(yuan).__name__}")
        try:
            amount = Decimal(yuan)
        except InvalidOperation as error:
            raise ValueError(f"not an amount: {yuan!r}") from error
        if not amount.is_finite():
            raise ValueError(f"not an amount: {yuan!r}")
        minor = Fraction(amount) * 100
        if minor.denominator != 1:
            raise ValueError(f"more than two decimals: {yuan!r}")
        return cls(minor.numerator, currency)

    @property
    def yuan(self) -> Decimal:
        """The amount in major units, always with two decimals."""
        return Decimal((int(self.minor < 0), tuple(map(int, str(abs(self.minor)))), -2))

    @property
    def exact(self) -> Fraction:
        """The amount in major units as a fraction, for computing with."""
        return Fraction(self.minor, 100)

    def times(self, ratio: Exact, *, quantum: Decimal = Decimal("0.01")) -> Money:
        """The amount multiplied by ``ratio`` and rounded once, HALF_UP, to ``quantum`` yuan."""
        return Money.rounded(self.exact * exact(ratio), quantum=quantum, currency=self.currency)

    @classmethod
    def rounded(cls, yuan: Exact, *, quantum: Decimal = Decimal("0.01"), currency: str = "CNY") -> Money:
        """An exact number of yuan rounded once, HALF_UP, to ``quantum`` yuan (a multiple of one fen)."""
        return cls.from_yuan(half_up(yuan, quantum), currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __mul__(self, count: int) -> Money:
        if isinstance(count, bool) or not isinstance(count, int):
            raise TypeError("money is multiplied by whole numbers; use times() for ratios")
        return Money(self.minor * count, self.currency)

    __rmul__ = __mul__

    def __truediv__(self, other: Money) -> Fraction:
        """How many times ``other`` fits, exactly. Raises ZeroDivisionError for nothing."""
        return Fraction(self.minor, self._same(other).minor)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other).minor

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other).minor

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other).minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def _same(self, other: Money) -> Money:
        if not isinstance(other, Money):
            raise TypeError(f"money meets only money, not {type(other).__name__}")
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other

    def capitals(self) -> str:
        """The amount in Chinese capitals (人民币大写), without the prefix 人民币.

        ``1_0050.00`` reads 壹万零伍拾元整. One 零 stands for any run of zeros inside the number, none is
        written before 元, 万 or 亿; 整 closes an amount without 分.

        Raises:
            ValueError: for a currency other than CNY.

        Source: 支付结算办法 附一 正确填写票据和结算凭证的基本规定.
        """
        if self.currency != "CNY":
            raise ValueError("capitals are written for CNY only")
        yuan, rest = divmod(abs(self.minor), 100)
        jiao, fen = divmod(rest, 10)
        words = f"{_whole(yuan)}元" if yuan or not rest else ""
        if jiao:
            words += f"{_DIGITS[jiao]}角"
        elif fen and yuan:
            words += "零"
        words += f"{_DIGITS[fen]}分" if fen else "整"
        return f"负{words}" if self.minor < 0 else words


def _whole(number: int) -> str:
    """A whole number in capitals; a missing leading place of the lower part becomes one 零."""
    if number < 10:
        return _DIGITS[number]
    for unit, size in (("亿", 10**8), ("万", 10**4), ("仟", 1000), ("佰", 100), ("拾", 10)):
        if number >= size:
            high, low = divmod(number, size)
            gap = "零" if low and low < size // 10 else ""
            return f"{_whole(high)}{unit}{gap}{_whole(low) if low else ''}"
    raise AssertionError("every number from ten up has a unit")
