"""Priced bills of quantities compared item by item, on items whose price was free.

Items the tender prices itself (provisional sums, statutory fees, safety measures, supplied materials) are equal in
every honest bid and say nothing. How many free prices would be equal by chance is computed from these very bills.

Source: rules §5.2 (Q-03, Q-04, Q-05, Q-06, Q-09); detection §5.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from typing import Any

from supervision.rules.signals.combine import Indicator, Kind, Light, decimal_text

ITEMS_LEAST = 20
RATIO_NEAR = Fraction(1, 1000)
RATIO_SHARE = Fraction(60, 100)
EQUAL_ORANGE, EQUAL_RED = Fraction(30, 100), Fraction(60, 100)
CHANCE = 1e-6
SPREAD_LEAST = 0.03
"""Independent bidders differ by this much (mean absolute difference of log prices) at the very least."""
ERRORS_LEAST = 3
TOTALS_NEAR = Fraction(2, 100)
RANKS_LOW = 0.2
UNBALANCED_LEAST = 10
FIXED_WORDS = (
    "暂列金额", "暂估价", "暂估", "规费", "税金", "增值税", "社会保险", "住房公积金", "安全文明施工", "安全生产费",
    "甲供", "招标人供应", "专业工程暂估", "计日工", "优质优价", "provisional", "statutory", "by the purchaser",
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One priced line: unit price and amount in yuan; ``quantity`` as the bidder wrote it.

    ``fixed``: the bill says the price was given.
    """

    code: str
    name: str
    quantity: Decimal
    price: Decimal
    amount: Decimal | None = None
    fixed: bool = False


Bill = Mapping[str, Item]
"""Lines by their code."""


def is_free(item: Item) -> bool:
    """Whether a bidder could choose the price."""
    return not item.fixed and item.price > 0 and not _fixed_by_name(item.name)


@lru_cache(maxsize=1 << 16)
def _fixed_by_name(name: str) -> bool:
    """Bills repeat the names of their lines from bidder to bidder and from night to night."""
    text = name.casefold()
    return any(word in text for word in FIXED_WORDS)


def comparable(one: Bill, other: Bill, given: Bill) -> list[tuple[Item, Item]]:
    """Lines both bills price freely and the tender's own bill does not price, by code.

    A tender bill with a ceiling for every line would hide all; a given price counts as given only when both use it.
    """
    pairs = []
    for code in sorted(one.keys() & other.keys()):
        mine, theirs = one[code], other[code]
        printed = given.get(code)
        if not (is_free(mine) and is_free(theirs)):
            continue
        if printed is not None and printed.price > 0 and mine.price == theirs.price == printed.price:
            continue
        pairs.append((mine, theirs))
    return pairs


def chance_of_equal(pairs: Sequence[tuple[Item, Item]]) -> float:
    """The chance of at least as many equal prices, were both bills made independently.

    Null: each line's second price is the first one times a ratio, rounded as coarsely as the first price is written.
    The ratio comes from these two bills: shuffled over their lines, or from a peaked (Laplace) spread, the narrower
    of what all lines together and their median show, equal ones included, whichever makes equality likelier. The
    number of equal lines is then a sum of independent coins whose upper tail is summed exactly.

    Source: detection §5 (number of equal free items against a shuffled null).
    """
    equal = sum(a.price == b.price for a, b in pairs)
    logs = [math.log(b.price / a.price) for a, b in pairs]
    wide = math.sqrt(sum(d * d for d in logs) / len(logs)) / math.sqrt(2)
    spread = max(SPREAD_LEAST, min(wide, statistics.median(map(abs, logs)) / math.log(2)))
    sizes = sorted(abs(d) for d in logs if d)
    coins = []
    for mine, _ in pairs:
        half = float(_grain(mine.price) / mine.price) / 2
        shuffled = (bisect_left(sizes, half) + 1) / (len(sizes) + 2) if sizes else 0.0
        coins.append(max(shuffled, -math.expm1(-half / spread)))
    return upper_tail(coins, equal)


def _grain(price: Decimal) -> Decimal:
    """The last place that is not zero: 5.20 is written to tenths, 120 to tens."""
    exponent = price.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(exponent)


def upper_tail(coins: Sequence[float], least: int) -> float:
    """P(at least ``least`` heads) of independent coins, summed exactly term by term."""
    if least <= 0:
        return 1.0
    if least > len(coins):
        return 0.0
    heads = [1.0] + [0.0] * least  # the last place gathers "that many or more"
    for coin in coins:
        heads[least] += heads[least - 1] * coin
        for place in range(least - 1, 0, -1):
            heads[place] = heads[place] * (1 - coin) + heads[place - 1] * coin
        heads[0] *= 1 - coin
    return min(1.0, heads[least])


def item_traces(bills: Mapping[str, Bill], given: Bill, totals: Mapping[str, int]) -> list[Indicator]:
    """Q-03 … Q-06 for every pair and Q-09 for every firm.

    Args:
        bills: firm → its bill; ``given``: the tender's bill, empty when unknown.
        totals: firm → bid price in fen.
    """
    found: list[Indicator] = []
    errors = {firm: errors_of(bill, given) for firm, bill in bills.items()}
    for one, other in combinations(sorted(bills), 2):
        pairs = comparable(bills[one], bills[other], given)
        found += _equal_prices(one, other, pairs)
        found += _fixed_ratio(one, other, pairs)
        found += _same_errors(one, other, errors)
        found += _close_totals(one, other, pairs, totals)
    return found + _unbalanced(bills)


def _equal_prices(one: str, other: str, pairs: Sequence[tuple[Item, Item]]) -> list[Indicator]:
    """Q-04: equal unit prices on at least 30 % (orange) or 60 % (red) of at least twenty free items.

    Red needs the chance below one in a million as well; otherwise the indicator stays yellow.
    """
    if len(pairs) < ITEMS_LEAST:
        return []
    equal = [(a, b) for a, b in pairs if a.price == b.price]
    share = Fraction(len(equal), len(pairs))
    if share < EQUAL_ORANGE:
        return []
    chance = chance_of_equal(pairs)
    light = Light.RED if share >= EQUAL_RED else Light.ORANGE
    light = light if chance < CHANCE else Light.YELLOW
    sample = [f"{a.code} {a.name} {a.price}" for a, _ in equal[:12]]
    facts = {"items": len(pairs), "equal": len(equal), "share": decimal_text(share), "sample": sample}
    return [
        Indicator(
            "Q-04",
            light,
            Kind.ITEMS,
            (one, other),
            facts,
            f"{chance:.2e}",
            "independent prices, ratios shuffled over the items",
        )
    ]


def _fixed_ratio(one: str, other: str, pairs: Sequence[tuple[Item, Item]]) -> list[Indicator]:
    """Q-03: one bill is the other times a constant on at least 60 % of at least twenty free items."""
    if len(pairs) < ITEMS_LEAST or not _may_be_scaled(pairs):
        return []
    ratios = sorted(Fraction(b.price) / Fraction(a.price) for a, b in pairs)
    best, factor = 0, Fraction(1)
    start = 0
    for end, ratio in enumerate(ratios):
        while ratio - ratios[start] > 2 * RATIO_NEAR:
            start += 1
        if end - start + 1 > best:
            best, factor = end - start + 1, ratios[(start + end) // 2]
    near = sum(abs(ratio - factor) <= RATIO_NEAR for ratio in ratios)
    share = Fraction(near, len(pairs))
    if share < RATIO_SHARE or abs(factor - 1) <= RATIO_NEAR:
        return []
    facts = {"items": len(pairs), "near": near, "share": decimal_text(share), "factor": decimal_text(factor)}
    return [Indicator("Q-03", Light.RED, Kind.ITEMS, (one, other), facts)]


def _may_be_scaled(pairs: Sequence[tuple[Item, Item]]) -> bool:
    """False where even a window a little too wide, in quick arithmetic, holds too few ratios; the exact count decides."""
    ratios = sorted(float(b.price) / float(a.price) for a, b in pairs)
    least = math.ceil(RATIO_SHARE * len(ratios))
    wide = float(2 * RATIO_NEAR)
    return any(
        ratios[n + least - 1] - ratios[n] <= wide + 1e-9 * ratios[n + least - 1]
        for n in range(len(ratios) - least + 1)
    )


def errors_of(bill: Bill, given: Bill) -> dict[str, str]:
    """Lines whose amount is not quantity times price, or whose quantity is not the tender's; code → what it says."""
    found = {}
    for code, item in bill.items():
        if item.amount is not None and abs(item.quantity * item.price - item.amount) > max(
            Decimal("0.02"), abs(item.amount) * Decimal("0.0001")
        ):
            found[code] = f"{item.quantity} × {item.price} ≠ {item.amount}"
        elif code in given and given[code].quantity > 0 and item.quantity != given[code].quantity:
            found[code] = f"{item.quantity} ≠ {given[code].quantity}"
    return found


def _same_errors(one: str, other: str, errors: Mapping[str, Mapping[str, str]]) -> list[Indicator]:
    """Q-05: at least three identical errors of arithmetic or quantity that no third bid shares."""
    mine, theirs = errors[one], errors[other]
    rest = [said for firm, said in errors.items() if firm not in (one, other)]
    same = [
        code
        for code, said in sorted(mine.items())
        if theirs.get(code) == said and not any(r.get(code) == said for r in rest)
    ]
    if len(same) < ERRORS_LEAST:
        return []
    facts = {"count": len(same), "errors": [f"{code}: {mine[code]}" for code in same[:12]]}
    return [Indicator("Q-05", Light.RED, Kind.ITEMS, (one, other), facts)]


def _close_totals(
    one: str, other: str, pairs: Sequence[tuple[Item, Item]], totals: Mapping[str, int]
) -> list[Indicator]:
    """Q-06: totals within 2 % while the items do not correspond at all (rank correlation below 0.2)."""
    if len(pairs) < ITEMS_LEAST or one not in totals or other not in totals:
        return []
    low, high = sorted((totals[one], totals[other]))
    if low <= 0 or Fraction(high - low, low) > TOTALS_NEAR:
        return []
    ranks = rank_correlation([float(a.price) for a, _ in pairs], [float(b.price) for _, b in pairs])
    if ranks is None or ranks >= RANKS_LOW:
        return []
    facts = {
        "items": len(pairs),
        "correlation": f"{ranks:.3f}",
        "apart": decimal_text(Fraction(high - low, low)),
    }
    return [Indicator("Q-06", Light.ORANGE, Kind.ITEMS, (one, other), facts)]


def _unbalanced(bills: Mapping[str, Bill]) -> list[Indicator]:
    """Q-09: at least ten free items outside half to twice the lot's median; three bills are needed for a median."""
    if len(bills) < 3:
        return []
    middle = medians(bills)
    found = []
    for firm, bill in sorted(bills.items()):
        far = [
            code
            for code, item in sorted(bill.items())
            if code in middle and is_free(item) and not middle[code] / 2 <= item.price <= middle[code] * 2
        ]
        if len(far) >= UNBALANCED_LEAST:
            sample = [f"{code} {bill[code].price} / {middle[code]}" for code in far[:12]]
            found.append(
                Indicator("Q-09", Light.YELLOW, Kind.ITEMS, (firm,), {"count": len(far), "sample": sample})
            )
    return found


def medians(bills: Mapping[str, Bill]) -> dict[str, Decimal]:
    """The median free price of every line that at least three bills price."""
    prices: dict[str, list[Decimal]] = {}
    for bill in bills.values():
        for code, item in bill.items():
            if is_free(item):
                prices.setdefault(code, []).append(item.price)
    return {code: statistics.median(found) for code, found in prices.items() if len(found) >= 3}


def correlations(bills: Mapping[str, Bill], given: Bill) -> dict[tuple[str, str], tuple[float, int]]:
    """How alike two bills deviate from the lot's medians: correlation of log price ratios, and over how many items.

    Bills of independent bidders correlate near zero here; raw prices would correlate near one for everybody,
    because a pump costs more than a nail in every bill.
    """
    middle = medians(bills)
    found = {}
    for one, other in combinations(sorted(bills), 2):
        pairs = [
            (a, b, middle[a.code]) for a, b in comparable(bills[one], bills[other], given) if a.code in middle
        ]
        if len(pairs) < ITEMS_LEAST:
            continue
        mine = [math.log(a.price / m) for a, _, m in pairs]
        theirs = [math.log(b.price / m) for _, b, m in pairs]
        value = correlation(mine, theirs)
        if value is not None:
            found[one, other] = (value, len(pairs))
    return found


def correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Pearson's correlation, or None where one side does not vary."""
    if len(one) < 2 or max(one) - min(one) < 1e-12 or max(other) - min(other) < 1e-12:
        return None
    return statistics.correlation(one, other)


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's correlation with mean ranks for ties."""
    return correlation(_ranks(one), _ranks(other))


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    place = 0
    while place < len(order):
        last = place
        while last + 1 < len(order) and values[order[last + 1]] == values[order[place]]:
            last += 1
        for position in order[place : last + 1]:
            ranks[position] = (place + last) / 2
        place = last + 1
    return ranks


def describe(item: Item) -> dict[str, Any]:
    """A line as plain values for evidence."""
    return {"code": item.code, "name": item.name, "price": str(item.price), "quantity": str(item.quantity)}
