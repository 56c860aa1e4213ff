"""An award, computed again from its published inputs.

Pure arithmetic on JSON: no float, no clock, no platform. The platform's own
engine and this module were written apart, so that each can catch the other.
Money is a decimal string in yuan, ratios and scores are decimal strings.

Source: rules specification §2.2, §2.3, §2.6, §2.7, §2.9, §2.10.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sealbid.benchmarks import benchmark
from sealbid.errors import SealError
from sealbid.exact import exact, half_up

Json = Mapping[str, Any]

METHODS = ("lowest_price", "evaluated_lowest", "comprehensive")


def recompute(lot: Json) -> dict[str, Any]:
    """Results of one lot from its inputs.

    Args:
        lot: ``{"method", "bids", "price"?, "factors"?, "ties"?}``, see ``docs/formats/evidence.md``.

    Returns:
        ``{"results": [{"bid","rank","price"…}], "benchmark"?}``; results ordered by rank, then bid.

    Raises:
        SealError: ``award_inputs`` when the inputs do not determine a result.
    """
    method = lot.get("method")
    valid = [bid for bid in _objects(lot, "bids") if not bid.get("rejected")]
    names = [str(bid["bid"]) for bid in _objects(lot, "bids")]
    if len(set(names)) != len(names) or not valid:
        raise SealError("award_inputs", "no valid bid, or one bid twice")
    if method == "lowest_price":
        return {"results": _by_price(valid, {str(b["bid"]): deducted(b) for b in valid})}
    if method == "evaluated_lowest":
        return {"results": _by_price(valid, {str(b["bid"]): evaluated(b) for b in valid})}
    if method == "comprehensive":
        return _comprehensive(lot, valid)
    raise SealError("award_inputs", f"unknown method {method!r}")


def deducted(bid: Json) -> Fraction:
    """``e_i``: the price less every policy deduction, each counted on the original price.

    Source: rules specification §2.2 (财库〔2022〕19号).
    """
    price = exact(bid["price"])
    return price - sum((price * exact(rate) for rate in bid.get("deductions", [])), Fraction(0))


def evaluated(bid: Json) -> Fraction:
    """The price plus its monetised deviations. Source: rules specification §2.6."""
    return exact(bid["price"]) + sum((exact(a) for a in bid.get("adjustments", [])), Fraction(0))


def price_scores(price: Json, bids: Sequence[Json]) -> tuple[dict[str, Decimal], Fraction]:
    """Price score per bid, two decimals, and the benchmark they were measured by.

    ``price["formula"]`` is ``ratio`` (government procurement: base / e × 100 × W,
    base = lowest e, never trimmed) or ``deviation`` (construction: F less E1 per
    percent above the benchmark, less E2 per percent below it).

    Source: rules specification §2.2 and §2.7.
    """
    formula = price.get("formula")
    if formula == "ratio":
        adjusted = {str(bid["bid"]): deducted(bid) for bid in bids}
        base, share = min(adjusted.values()), exact(price["weight"])
        if base <= 0:
            raise SealError("award_inputs", "a price of nothing cannot be scored")
        return {name: half_up(base / e * 100 * share, 2) for name, e in adjusted.items()}, base
    if formula == "deviation":
        # The benchmark set was frozen at the opening; a later rejection does not move it.
        base = benchmark(price["benchmark"], price["prices"])
        return {str(bid["bid"]): deviation_score(price, exact(bid["price"]), base) for bid in bids}, base
    raise SealError("award_inputs", f"unknown price formula {formula!r}")


def deviation_score(price: Json, offered: Fraction, base: Fraction) -> Decimal:
    """``F − |dev| × 100 × E``, dev a ratio of four decimals, floor 0. Source: rules specification §2.7."""
    rate = half_up((offered - base) / base, 4)
    slope = exact(price["e1"]) if rate > 0 else exact(price["e2"])
    score = exact(price["full"]) - abs(Fraction(rate)) * 100 * slope
    return half_up(max(score, Fraction(0)), 2)


def member_mean(scores: Sequence[str], aggregate: str) -> Decimal:
    """Mean of the members' scores, two decimals; ``trimmed`` leaves out one high and one low (≥ 5 members).

    Source: rules specification §2.9.
    """
    values = sorted(exact(score) for score in scores)
    if aggregate == "trimmed":
        if len(values) < 5:
            raise SealError("award_inputs", "trimming needs at least five members")
        values = values[1:-1]
    elif aggregate != "mean":
        raise SealError("award_inputs", f"unknown aggregate {aggregate!r}")
    if not values:
        raise SealError("award_inputs", "a factor without scores")
    return half_up(sum(values, Fraction(0)) / len(values), 2)


def _comprehensive(lot: Json, valid: Sequence[Json]) -> dict[str, Any]:
    price = lot.get("price")
    if not isinstance(price, Mapping):
        raise SealError("award_inputs", "the comprehensive method needs a price formula")
    scores, base = price_scores(price, valid)
    factors = _objects(lot, "factors")
    results: list[dict[str, Any]] = []
    for bid in valid:
        name = str(bid["bid"])
        parts = {str(f["code"]): _factor(f, name) for f in factors}
        # Each printed step is rounded once; the ratio formula already carries its weight.
        weighted = [half_up(Fraction(scores[name]) * exact(price.get("factor_weight", "1")), 2)]
        weighted += [
            half_up(Fraction(parts[str(f["code"])]) * exact(f.get("weight", "1")), 2) for f in factors
        ]
        results.append(
            {
                "bid": name,
                "price": str(bid["price"]),
                "price_score": str(scores[name]),
                "factors": {code: str(value) for code, value in sorted(parts.items())},
                "total": str(sum(weighted, Decimal("0.00"))),
            }
        )
    prices = {str(bid["bid"]): exact(bid["price"]) for bid in valid}
    tie_order = lot.get("ties", ["lower_price"])
    _rank(results, {r["bid"]: _total_key(r, prices, tie_order) for r in results})
    return {"results": results, "benchmark": str(half_up(base, 2))}


def _factor(factor: Json, bid: str) -> Decimal:
    given = [str(s["score"]) for s in _objects(factor, "scores") if s["bid"] == bid]
    members = [str(s["member"]) for s in factor["scores"] if s["bid"] == bid]
    everyone = {str(s["member"]) for s in factor["scores"]}
    if len(set(members)) != len(members) or set(members) != everyone:
        raise SealError("award_inputs", f"factor {factor.get('code')}: every member scores every bid once")
    if any(not 0 <= exact(score) <= exact(factor["max"]) for score in given):
        raise SealError("award_inputs", f"factor {factor.get('code')}: a score out of range")
    return member_mean(given, str(factor.get("aggregate", "mean")))


def _total_key(result: Json, prices: Mapping[str, Fraction], ties: Sequence[str]) -> tuple[Fraction, ...]:
    """Sorting key: printed total first, then each printed tie rule; equal keys share a rank."""
    key = [-exact(result["total"])]
    for rule in ties:
        if rule == "lower_price":
            key.append(prices[result["bid"]])
        elif rule.startswith("factor:") and rule[7:] in result["factors"]:
            key.append(-exact(result["factors"][rule[7:]]))
        else:
            raise SealError("award_inputs", f"unknown tie rule {rule!r}")
    return tuple(key)


def _by_price(bids: Sequence[Json], adjusted: Mapping[str, Fraction]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = [
        {
            "bid": str(bid["bid"]),
            "price": str(bid["price"]),
            "evaluated": str(half_up(adjusted[str(bid["bid"])], 2)),
        }
        for bid in bids
    ]
    _rank(results, {r["bid"]: (exact(r["evaluated"]),) for r in results})
    return results


def _rank(results: list[dict[str, Any]], keys: Mapping[str, tuple[Fraction, ...]]) -> None:
    results.sort(key=lambda r: (keys[r["bid"]], r["bid"]))
    for place, result in enumerate(results):
        same = place and keys[results[place - 1]["bid"]] == keys[result["bid"]]
        result["rank"] = results[place - 1]["rank"] if same else place + 1


def _objects(holder: Json, key: str) -> list[Json]:
    found = holder.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise SealError("award_inputs", f"{key} is a list of objects")
    return found
