"""What the red flags read out of a release, and the order statistics they are judged by.

Source: detection §6.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

Json = Mapping[str, Any]
UNSUBMITTED = ("invited", "withdrawn")
FINISHED_WITHOUT = ("cancelled", "unsuccessful")
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def quantile(values: Sequence[float], share: float) -> float:
    """The median-unbiased quantile (Hyndman–Fan type 8) of some values; NaN when there are none.

    Source: detection §6.
    """
    if not values:
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
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def fences(values: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, lower fence Q1 − 1.5·IQR, upper fence Q3 + 1.5·IQR."""
    first, third = quantile(values, 0.25), quantile(values, 0.75)
    spread = third - first
    return first, fused(spread, -1.5, first), fused(spread, 1.5, third)


def instant(value: object) -> datetime | None:
    """An RFC 3339 instant, or None; fractions beyond microseconds are cut."""
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    *parts, fraction, sign, hours, minutes = found.groups()
    try:
        year, month, day, hour, minute, second = map(int, parts)
        local = datetime(
            year, month, day, hour, minute, min(second, 59), int((fraction or "0")[:6].ljust(6, "0")), UTC
        )
        shift = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return local + (shift if sign == "-" else -shift) + timedelta(seconds=int(second > 59))
    except (ValueError, OverflowError):
        return None


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
