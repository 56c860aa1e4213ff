"""Terms that contradict themselves, the rules, or the visibility matrix are refused before they are printed.

Source: rules §4.1–§4.8.
"""

from __future__ import annotations

from decimal import Decimal

from bidding.rules.auction.terms import (
    BLIND,
    LISTED,
    SEALED,
    Direction,
    ExtensionMode,
    Format,
    LimitMode,
    Norm,
    PricesShown,
    RankShown,
    Terms,
)
from kernel.errors import NotValid
from kernel.money import Money

UPWARD = frozenset({Format.LISTING, Format.ASCENDING, Format.CAPPED, Format.MULTI_OFFER})
DOWNWARD = frozenset(
    {Format.OPEN_REVERSE, Format.BLIND_REVERSE, Format.SEALED_ROUNDS, Format.SMALL, Format.TURN_BASED}
)
STEPPED = frozenset({Format.OPEN_REVERSE, Format.BLIND_REVERSE, Format.ASCENDING, Format.TURN_BASED}) | LISTED
EXTENDED = frozenset({Format.OPEN_REVERSE, Format.BLIND_REVERSE, Format.ASCENDING})
PARTS = {
    "rounds": frozenset({Format.SEALED_ROUNDS}),
    "listing": LISTED,
    "cap": frozenset({Format.CAPPED}),
    "clock": frozenset({Format.DUTCH, Format.JAPANESE}),
    "turns": frozenset({Format.TURN_BASED}),
    "base": frozenset({Format.SMALL}),
}
"""Which formats print which part: they must have it, the others must not."""


def _require(kept: bool, name: str, rule: str) -> None:
    if not kept:
        raise NotValid("auction_terms_invalid", source="rules §4", field=name, name=name, rule=rule)


def require_sound(terms: Terms) -> None:
    """Refuse terms that no auction could be held by, or that would show what the matrix hides.

    Raises:
        NotValid: ``auction_terms_invalid`` with the field and the rule it breaks.

    Source: rules §4.1, §4.2 (matrix), §4.3 A-04…A-13, §4.4.
    """
    for name, formats in PARTS.items():
        given = getattr(terms, name) is not None
        _require(
            given == (terms.format in formats), name, "must be given" if not given else "not in this format"
        )
    if terms.base is not None:
        _require(terms.base in {Format.OPEN_REVERSE, Format.BLIND_REVERSE}, "base", "open or blind reverse")
    _require_prices(terms)
    _require_times(terms)
    _require_secrecy(terms)
    _require_parts(terms)


def _require_prices(terms: Terms) -> None:
    if terms.format in UPWARD or terms.format is Format.DUTCH:
        _require(terms.direction is Direction.UP, "direction", "up: the highest price wins")
    if terms.format in DOWNWARD:
        _require(terms.direction is Direction.DOWN, "direction", "down: the lowest price wins")
    for name in ("start", "ceiling"):
        amount: Money | None = getattr(terms, name)
        if amount is not None:
            _require(amount.currency == terms.currency, name, "in the currency of the auction")
            _require(amount.minor >= 0, name, "not negative")
    if terms.format not in {Format.ONE_OFFER, Format.WEIGHTED}:
        _require(terms.first_minor is not None, "start", "must be given")
    _require(
        terms.ceiling is None or terms.direction is Direction.DOWN, "ceiling", "only where prices go down"
    )
    stepped = terms.acts_as in STEPPED
    _require(
        (terms.step is not None) == stepped, "step", "must be given" if stepped else "not in this format"
    )
    if terms.step is not None:
        step = terms.step
        _require(
            (step.amount is None) != (step.percent is None), "step", "an amount or a percentage, not both"
        )
        _require(step.amount is None or step.amount.minor > 0, "step.amount", "more than nothing")
        _require(
            step.percent is None or Decimal(0) < step.percent <= 50, "step.percent", "more than 0, at most 50"
        )
        _require(step.unit.minor > 0, "step.unit", "more than nothing")
        _require(step.most is None or step.most >= 1, "step.most", "at least 1")
    band = terms.lottery_band_percent
    if band is not None:
        _require(terms.format is Format.SMALL, "lottery_band_percent", "only for small purchases")
        _require(Decimal(0) <= band <= 100, "lottery_band_percent", "0 to 100")


def _require_times(terms: Terms) -> None:
    _require(terms.free_seconds > 0, "free_seconds", "more than 0")
    _require(terms.tail_seconds_max >= 0, "tail_seconds_max", "not negative")
    _require(terms.tie_seconds > 0, "tie_seconds", "more than 0")
    _require(terms.bidders_min >= 1, "bidders_min", "at least 1")
    hidden_end = terms.tail_seconds_max == 0 or terms.acts_as in EXTENDED
    _require(hidden_end, "tail_seconds_max", "not in this format")
    one = terms.extension
    if one is None:
        return
    _require(terms.acts_as in EXTENDED, "extension", "not in this format")
    _require(terms.tail_seconds_max == 0, "tail_seconds_max", "a hidden end is not extended")
    _require(one.extend_seconds > 0, "extension.extend_seconds", "more than 0")
    if one.mode is not ExtensionMode.LAST_BID_COUNTDOWN:
        _require(one.window_seconds > 0, "extension.window_seconds", "more than 0")
    for name in ("count_max", "total_minutes_max"):
        cap: int | None = getattr(one, name)
        _require(cap is None or cap >= 0, f"extension.{name}", "not negative")


def _require_secrecy(terms: Terms) -> None:
    shown = terms.visible
    if terms.blind:
        _require(not shown.best, "visible.best", "hidden in this format")
        _require(shown.prices is PricesShown.NONE, "visible.prices", "hidden in this format")
        _require(not shown.public_live, "visible.public_live", "hidden in this format")
        _require(terms.sealed or terms.equal_prices, "equal_prices", "a refusal would show another's price")
        knows = shown.rank is not RankShown.NONE
        _require(
            terms.sealed or terms.self_outbid or knows, "self_outbid", "a refusal would show who is best"
        )
        _require(
            terms.sealed or terms.limits is not LimitMode.HELD or knows,
            "limits",
            "its execution would show who is best",
        )
    if terms.acts_as in {Format.ONE_OFFER, Format.WEIGHTED}:
        _require(shown.rank is RankShown.NONE, "visible.rank", "hidden in this format")
    if terms.sealed:
        _require(not shown.count, "visible.count", "hidden in this format")
    if terms.format in UPWARD:
        _require(not shown.count, "visible.count", "only plates that have offered are known in this format")
    if terms.acts_as is Format.OPEN_REVERSE:
        _require(shown.prices is not PricesShown.PLATES, "visible.prices", "masked in this format")
    if terms.direction is Direction.DOWN:
        _require(not shown.public_live, "visible.public_live", "hidden from the public until the end")
    if shown.public_live:
        _require(shown.prices is PricesShown.PLATES, "visible.prices", "what the public sees bidders see too")
    if terms.limits is not LimitMode.NONE:
        _require(
            terms.acts_as in STEPPED and terms.format is not Format.TURN_BASED, "limits", "not in this format"
        )


def _require_parts(terms: Terms) -> None:
    if terms.rounds is not None:
        _require(terms.rounds.count >= 1, "rounds.count", "at least 1")
        _require(terms.rounds.seconds > 0, "rounds.seconds", "more than 0")
        _require(terms.rounds.pause_seconds >= 0, "rounds.pause_seconds", "not negative")
    if terms.listing is not None:
        _require(
            0 <= terms.listing.inquiry_seconds < terms.free_seconds,
            "listing.inquiry_seconds",
            "shorter than the listing",
        )
        _require(terms.listing.countdown_seconds > 0, "listing.countdown_seconds", "more than 0")
        asks = (
            terms.listing.inquiry_seconds > 0 or terms.listing.offerers_only or terms.listing.everyone_enters
        )
        _require(asks, "listing.inquiry_seconds", "more than 0 where the willing go on")
        both = terms.listing.offerers_only and terms.listing.everyone_enters
        _require(not both, "listing.everyone_enters", "not together with offerers_only")
    if terms.cap is not None:
        _require_cap(terms)
    if terms.clock is not None:
        _require(terms.clock.move.minor > 0, "clock.move", "more than nothing")
        _require(terms.clock.tick_seconds > 0, "clock.tick_seconds", "more than 0")
        assert terms.start is not None, "formats with a clock have a start price"
        falls = terms.format is Format.DUTCH or terms.direction is Direction.DOWN
        ahead = terms.clock.stop < terms.start if falls else terms.clock.stop > terms.start
        _require(ahead, "clock.stop", "where the price moves to")
    if terms.priority is not None:
        _require(
            terms.acts_as in STEPPED - {Format.CAPPED} and terms.direction is Direction.UP,
            "priority",
            "only in open ascending formats",
        )
        plates = [holder.plate for holder in terms.priority.holders]
        _require(len(set(plates)) == len(plates), "priority.holders", "each plate once")
        _require(all(h.rank >= 1 for h in terms.priority.holders), "priority.holders", "ranks from 1")
        _require(terms.priority.uses is None or terms.priority.uses >= 1, "priority.uses", "at least 1")
        _require(terms.priority.ask_minutes >= 1, "priority.ask_minutes", "at least 1")
    if terms.turns is not None:
        for name in ("rounds", "first_pause_seconds", "pause_seconds", "turn_seconds"):
            _require(getattr(terms.turns, name) > 0, f"turns.{name}", "more than 0")
    _require_items(terms)
    _require(terms.outage.resume_notice_minutes >= 0, "outage.resume_notice_minutes", "not negative")
    _require(terms.outage.remaining_seconds_min >= 0, "outage.remaining_seconds_min", "not negative")


def _require_cap(terms: Terms) -> None:
    cap = terms.cap
    assert cap is not None
    assert terms.first_minor is not None
    _require(cap.price.minor > terms.first_minor, "cap.price", "above the start price")
    _require(cap.inquiry_seconds > 0, "cap.inquiry_seconds", "more than 0")
    _require(cap.wait_seconds > 0, "cap.wait_seconds", "more than 0")
    _require(cap.start >= 0, "cap.start", "not negative")
    _require(cap.step > 0, "cap.step", "more than 0")
    _require(cap.maximum is None or cap.maximum >= cap.start, "cap.maximum", "at least the start")


def _require_items(terms: Terms) -> None:
    weighted = terms.format is Format.WEIGHTED
    _require(weighted == bool(terms.items), "items", "must be given" if weighted else "not in this format")
    if not weighted:
        return
    names = [item.name for item in terms.items]
    _require(len(set(names)) == len(names), "items", "each name once")
    _require("price" in names, "items", "one of them is the price")
    _require(sum(item.weight for item in terms.items) == 100, "items", "weights add up to 100")
    for item in terms.items:
        _require(item.weight > 0, f"items.{item.name}.weight", "more than 0")
        bounds = item.worst is not None and item.best is not None and item.worst != item.best
        _require(item.norm is not Norm.LINEAR or bounds, f"items.{item.name}", "two different bounds")
        _require(item.name != "price" or item.norm is not Norm.POINTS, "items.price", "by ratio or linear")


__all__ = ["BLIND", "SEALED", "require_sound"]
