"""What the red flags read out of a release, and the order statistics they are judged by.

Source: detection §6.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

Json = Mapping[str, Any]
UNSUBMITTED = ("invited", "withdrawn")
FINISHED_WITHOUT = ("cancelled", "unsuccessful")
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?"
    r"(?:[Zz]|([+\-\u2212])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_SECOND, _DAY, _CYCLE = 1_000_000_000, 86_400, 146_097


def quantile(values: Sequence[float], share: float) -> float:
    """The median-unbiased quantile (Hyndman–Fan type 8) of some values.

    Args:
        values: in any order.
        share: from 0 to 1.

    Returns:
        The quantile; NaN when there are no values or the share is none.

    Source: detection §6.
    """
    if not values or not 0 <= share <= 1:
        return math.nan
    ordered = sorted(values)
    place = (len(ordered) + 1.0 / 3.0) * share + 1.0 / 3.0
    whole = int(place)
    if whole <= 0 or share == 0.0:
        return ordered[0]
    if whole >= len(ordered) or share == 1.0:
        return ordered[-1]
    low, high = ordered[whole - 1], ordered[whole]
    return low + (place - whole) * (high - low)


def fused(a: float, b: float, c: float) -> float:
    """``a·b + c`` rounded once, as one processor instruction rounds it."""
    if not all(map(math.isfinite, (a, b, c))):
        return a * b + c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def fences(values: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, lower fence Q1 − 1.5·IQR, upper fence Q3 + 1.5·IQR."""
    first, third = quantile(values, 0.25), quantile(values, 0.75)
    spread = third - first
    return first, fused(spread, -1.5, first), fused(spread, 1.5, third)


class Instant(NamedTuple):
    """An instant in UTC.

    Attributes:
        day: days since the year 0.
        second: seconds of that day, less than 86 400.
        nano: nanoseconds of that second; from 1 000 000 000 on they lie in the leap second behind it.
    """

    day: int
    second: int
    nano: int


def instant(value: object) -> Instant | None:
    """An RFC 3339 instant, or None; fractions beyond nanoseconds are cut.

    An offset is needed. Lower case ``t`` and ``z``, a space for the ``T``, the minus sign U+2212 and a 60th second
    of any minute are read, as Cardinal reads them.
    """
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    *parts, fraction, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = map(int, parts)
    try:
        ordinal = date(year or 400, month, day).toordinal() - (0 if year else _CYCLE)
    except ValueError:
        return None
    shift = (int(hours or 0) * 60 + int(minutes or 0)) * 60 * (-1 if sign == "+" else 1)
    days, seconds = divmod(hour * 3600 + minute * 60 + min(second, 59) + shift, _DAY)
    return Instant(
        ordinal + days, seconds, int((fraction or "0")[:9].ljust(9, "0")) + _SECOND * (second == 60)
    )


def whole_days(start: Instant, end: Instant) -> int:
    """Whole days of 86 400 seconds from one instant to another, cut towards nothing.

    A 60th second of either is a second of its own between its 59th and the next minute.
    """
    nanos = ((end.day - start.day) * _DAY + end.second - start.second) * _SECOND + end.nano - start.nano
    if end.second > start.second and start.nano >= _SECOND:
        nanos += _SECOND
    elif end.second < start.second and end.nano >= _SECOND:
        nanos -= _SECOND
    days = abs(nanos) // (_DAY * _SECOND)
    return days if nanos > 0 else -days


def object_at(holder: Json, key: str) -> Json:
    """The object under a key, empty when it is none."""
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def text_at(holder: Json, key: str) -> str | None:
    """The text under a key, or None."""
    value = holder.get(key)
    return value if isinstance(value, str) else None


def objects(value: object) -> list[Json]:
    """The objects of a list, nothing for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def ids(people: object) -> list[str]:
    """The text identifiers of some organisations."""
    return [who for one in objects(people) if (who := text_at(one, "id")) is not None]


def single_id(people: object) -> str | None:
    """The identifier of the only organisation of a list, or None."""
    if not isinstance(people, list) or len(people) != 1 or not isinstance(people[0], dict):
        return None
    return text_at(people[0], "id")


def single_tenderer(bid: Json) -> str | None:
    """The only tenderer of a bid, or None."""
    return single_id(bid.get("tenderers"))


def bids_of(release: Json, status: str = "") -> Iterator[Json]:
    """The bids of a release, of one status or all."""
    for bid in objects(object_at(release, "bids").get("details")):
        if not status or bid.get("status") == status:
            yield bid


def submitted(release: Json) -> list[Json]:
    """Bids with a status other than invited and withdrawn."""
    return [
        bid
        for bid in bids_of(release)
        if isinstance(bid.get("status"), str) and bid["status"] not in UNSUBMITTED
    ]


def price_of(bid: Json) -> tuple[float, str] | None:
    """Amount and currency of a bid, or None where either is missing or no finite number."""
    value = object_at(bid, "value")
    amount, currency = value.get("amount"), text_at(value, "currency")
    if currency is None or isinstance(amount, bool) or not isinstance(amount, int | float):
        return None
    try:
        number = float(amount)
    except OverflowError:
        return None
    return (number, currency) if math.isfinite(number) else None


def valid_bids(release: Json) -> Iterator[tuple[str, float, str]]:
    """Tenderer, amount and currency of valid bids of exactly one tenderer."""
    for bid in bids_of(release, "valid"):
        price, who = price_of(bid), single_tenderer(bid)
        if price is not None and who is not None:
            yield who, *price


def awards_of(release: Json, status: str) -> Iterator[Json]:
    """The awards of one status."""
    for award in objects(release.get("awards")):
        if award.get("status") == status:
            yield award


def complete_awards(release: Json) -> list[Json] | None:
    """Active awards; None when awards or bids are missing, or an award is not final yet."""
    if not isinstance(release.get("awards"), list):
        return None
    if not isinstance(object_at(release, "bids").get("details"), list):
        return None
    complete = []
    for award in objects(release["awards"]):
        status = text_at(award, "status")
        if status == "active":
            complete.append(award)
        elif status is not None and status not in FINISHED_WITHOUT:
            return None
    return complete


def only_winner(release: Json) -> str | None:
    """The single supplier of the single active award, when every award is final."""
    complete = complete_awards(release)
    if complete is None or len(complete) != 1:
        return None
    return single_id(complete[0].get("suppliers"))
