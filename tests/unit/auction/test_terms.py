"""Terms: read exactly as written, refused when they contradict the rules or the matrix."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bidding.rules.auction import Format, Terms, default_terms
from bidding.rules.auction.events import (
    EVENTS,
    Begin,
    Event,
    OfferMade,
    Opened,
    Pause,
    SealedRevealed,
    event_from_plain,
)
from bidding.rules.auction.soundness import DOWNWARD, UPWARD
from bidding.rules.auction.terms import (
    Basis,
    Cap,
    Clock,
    Direction,
    Extension,
    ExtensionMode,
    Holder,
    Item,
    LimitMode,
    Listing,
    Norm,
    PricesShown,
    Priority,
    PriorityMode,
    RankShown,
    Rounds,
    Step,
    Turns,
    Visible,
)
from kernel.errors import NotValid
from kernel.money import Money
from tests.unit.auction.kit import START, yuan

ALL: dict[Format, dict[str, Any]] = {
    one: {} if one in {Format.ONE_OFFER, Format.WEIGHTED} else {"start": yuan("1000.50")} for one in Format
}
ALL[Format.CAPPED]["cap"] = Cap(price=yuan(2000), start=Decimal("1.5"))
ALL[Format.DUTCH]["clock"] = Clock(yuan(10), 30, yuan(500))
ALL[Format.JAPANESE]["clock"] = Clock(yuan(10), 30, yuan(500))


@pytest.mark.parametrize("format_", Format)
def test_the_defaults_of_every_format_are_sound_and_read_back_exactly(format_: Format) -> None:
    terms = default_terms(format_, **ALL[format_])
    plain = terms.to_plain()
    assert Terms.from_plain(json.loads(json.dumps(plain))) == terms
    assert Terms.from_plain(plain).to_plain() == plain


def test_the_default_profile_of_back_to_back_is_that_of_the_specification() -> None:
    terms = default_terms(Format.BLIND_REVERSE, start=yuan(100))
    rule = terms.extension
    assert rule is not None
    assert (terms.free_seconds, terms.bidders_min, terms.basis) == (3600, 3, Basis.OWN)
    assert (rule.mode, rule.window_seconds, rule.extend_seconds, rule.count_max) == (
        ExtensionMode.FROM_BID,
        300,
        300,
        10,
    )
    assert terms.visible == Visible(rank=RankShown.BEST_OR_NOT)
    assert terms.step is not None
    assert terms.step.percent == Decimal("0.5")


def test_terms_with_other_fields_are_checked_again_and_worked_out_again() -> None:
    terms = default_terms(Format.ONE_OFFER)
    assert (terms.sign, terms.but(direction=Direction.DOWN).sign) == (-1, 1)
    step = Step(percent=Decimal(1))
    assert (step.minor(1000), step.but(percent=Decimal(2)).minor(1000)) == (10, 20)
    with pytest.raises(NotValid):
        terms.but(bidders_min=0)


def changed(**fields: Any) -> dict[str, Any]:
    return {**default_terms(Format.BLIND_REVERSE, start=yuan(100)).to_plain(), **fields}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"start": 100}, "start"),
        ({"start": "100.001"}, "start"),
        ({"start": "abc"}, "start"),
        ({"free_seconds": "60"}, "free_seconds"),
        ({"free_seconds": True}, "free_seconds"),
        ({"reserve": 1}, "reserve"),
        ({"format": "raffle"}, "format"),
        ({"starts_at": "2026-12-01T09:00:00"}, "starts_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"surprise": 1}, "surprise"),
        ({"visible": {"best": False, "colour": "red"}}, "visible.colour"),
        ({"visible": []}, "visible"),
        ({"step": {"percent": "NaN"}}, "step.percent"),
        ({"items": "price"}, "items"),
        ({"priority": {"mode": "in_session", "holders": [{"rank": 1}]}}, "priority.holders.0.plate"),
    ],
)
def test_a_value_that_does_not_read_names_its_field(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(NotValid) as caught:
        Terms.from_plain(changed(**fields))
    assert (caught.value.code, caught.value.field) == ("auction_value_invalid", name)


def test_a_missing_field_is_named() -> None:
    plain = changed()
    del plain["direction"]
    with pytest.raises(NotValid) as caught:
        Terms.from_plain(plain)
    assert caught.value.field == "direction"


STEP = Step(amount=Money(500))
BAD: list[tuple[Format, dict[str, Any], str]] = [
    (Format.BLIND_REVERSE, {"visible": Visible(best=True)}, "visible.best"),
    (Format.BLIND_REVERSE, {"visible": Visible(prices=PricesShown.MASKED)}, "visible.prices"),
    (Format.BLIND_REVERSE, {"visible": Visible(public_live=True)}, "visible.public_live"),
    (Format.BLIND_REVERSE, {"equal_prices": False}, "equal_prices"),
    (Format.BLIND_REVERSE, {"self_outbid": False, "visible": Visible()}, "self_outbid"),
    (Format.BLIND_REVERSE, {"limits": LimitMode.HELD, "visible": Visible()}, "limits"),
    (Format.BLIND_REVERSE, {"direction": Direction.UP}, "direction"),
    (Format.BLIND_REVERSE, {"start": None}, "start"),
    (Format.BLIND_REVERSE, {"start": Money(100, "USD")}, "start"),
    (Format.BLIND_REVERSE, {"start": Money(-1)}, "start"),
    (Format.BLIND_REVERSE, {"step": None}, "step"),
    (Format.BLIND_REVERSE, {"step": Step()}, "step"),
    (Format.BLIND_REVERSE, {"step": Step(amount=Money(0))}, "step.amount"),
    (Format.BLIND_REVERSE, {"step": Step(percent=Decimal(51))}, "step.percent"),
    (Format.BLIND_REVERSE, {"step": Step(amount=Money(1), unit=Money(0))}, "step.unit"),
    (Format.BLIND_REVERSE, {"step": Step(amount=Money(1), most=0)}, "step.most"),
    (Format.BLIND_REVERSE, {"bidders_min": 0}, "bidders_min"),
    (Format.BLIND_REVERSE, {"free_seconds": 0}, "free_seconds"),
    (Format.BLIND_REVERSE, {"tail_seconds_max": 60}, "tail_seconds_max"),
    (Format.BLIND_REVERSE, {"tail_seconds_max": -1}, "tail_seconds_max"),
    (
        Format.BLIND_REVERSE,
        {"extension": Extension(ExtensionMode.FROM_BID, 0, 300)},
        "extension.window_seconds",
    ),
    (
        Format.BLIND_REVERSE,
        {"extension": Extension(ExtensionMode.FROM_BID, 300, 0)},
        "extension.extend_seconds",
    ),
    (
        Format.BLIND_REVERSE,
        {"extension": Extension(ExtensionMode.FROM_BID, 300, 300, count_max=-1)},
        "extension.count_max",
    ),
    (Format.BLIND_REVERSE, {"rounds": Rounds(3, 60)}, "rounds"),
    (Format.BLIND_REVERSE, {"lottery_band_percent": Decimal(5)}, "lottery_band_percent"),
    (Format.BLIND_REVERSE, {"priority": Priority(PriorityMode.IN_SESSION)}, "priority"),
    (
        Format.OPEN_REVERSE,
        {"visible": Visible(public_live=True, prices=PricesShown.MASKED)},
        "visible.public_live",
    ),
    (Format.ASCENDING, {"visible": Visible(public_live=True)}, "visible.prices"),
    (Format.ASCENDING, {"visible": Visible(count=True)}, "visible.count"),
    (Format.OPEN_REVERSE, {"visible": Visible(prices=PricesShown.PLATES)}, "visible.prices"),
    (Format.ASCENDING, {"ceiling": yuan(5)}, "ceiling"),
    (Format.ASCENDING, {"base": Format.OPEN_REVERSE}, "base"),
    (
        Format.ASCENDING,
        {"priority": Priority(PriorityMode.IN_SESSION, (Holder("A"), Holder("A")))},
        "priority.holders",
    ),
    (
        Format.ASCENDING,
        {"priority": Priority(PriorityMode.IN_SESSION, (Holder("A", 0),))},
        "priority.holders",
    ),
    (Format.ASCENDING, {"priority": Priority(PriorityMode.IN_SESSION, uses=0)}, "priority.uses"),
    (
        Format.ASCENDING,
        {"priority": Priority(PriorityMode.POST_SESSION, ask_minutes=0)},
        "priority.ask_minutes",
    ),
    (Format.LISTING, {"extension": Extension(ExtensionMode.FROM_BID, 300, 300)}, "extension"),
    (Format.LISTING, {"listing": Listing(inquiry_seconds=10**9)}, "listing.inquiry_seconds"),
    (Format.LISTING, {"listing": Listing(inquiry_seconds=0)}, "listing.inquiry_seconds"),
    (Format.LISTING, {"listing": Listing(countdown_seconds=0)}, "listing.countdown_seconds"),
    (
        Format.LISTING,
        {"listing": Listing(offerers_only=True, everyone_enters=True)},
        "listing.everyone_enters",
    ),
    (Format.LISTING, {"tail_seconds_max": 5}, "tail_seconds_max"),
    (Format.CAPPED, {"cap": None}, "cap"),
    (Format.CAPPED, {"cap": Cap(price=yuan(100))}, "cap.price"),
    (Format.CAPPED, {"cap": Cap(price=yuan(2000), step=Decimal(0))}, "cap.step"),
    (Format.CAPPED, {"cap": Cap(price=yuan(2000), start=Decimal(5), maximum=Decimal(4))}, "cap.maximum"),
    (Format.CAPPED, {"cap": Cap(price=yuan(2000), wait_seconds=0)}, "cap.wait_seconds"),
    (Format.SEALED_ROUNDS, {"rounds": None}, "rounds"),
    (Format.SEALED_ROUNDS, {"rounds": Rounds(0, 60)}, "rounds.count"),
    (Format.SEALED_ROUNDS, {"visible": Visible(count=True)}, "visible.count"),
    (Format.SEALED_ROUNDS, {"step": STEP}, "step"),
    (Format.ONE_OFFER, {"visible": Visible(rank=RankShown.EXACT)}, "visible.rank"),
    (Format.ONE_OFFER, {"limits": LimitMode.SEALED}, "limits"),
    (Format.ONE_OFFER, {"tie_seconds": 0}, "tie_seconds"),
    (Format.WEIGHTED, {"items": ()}, "items"),
    (Format.WEIGHTED, {"items": (Item("price", Decimal(99), Norm.RATIO),)}, "items"),
    (Format.WEIGHTED, {"items": (Item("plan", Decimal(100), Norm.POINTS),)}, "items"),
    (Format.WEIGHTED, {"items": (Item("price", Decimal(100), Norm.POINTS),)}, "items.price"),
    (Format.WEIGHTED, {"items": (Item("price", Decimal(100), Norm.LINEAR),)}, "items.price"),
    (Format.DUTCH, {"clock": Clock(yuan(1), 30, yuan(2000))}, "clock.stop"),
    (Format.DUTCH, {"clock": Clock(yuan(1), 0, yuan(5))}, "clock.tick_seconds"),
    (Format.JAPANESE, {"clock": Clock(yuan(0), 5, yuan(5))}, "clock.move"),
    (Format.SMALL, {"base": Format.DUTCH}, "base"),
    (Format.SMALL, {"lottery_band_percent": Decimal(101)}, "lottery_band_percent"),
    (Format.TURN_BASED, {"turns": None}, "turns"),
    (Format.TURN_BASED, {"turns": Turns(rounds=0)}, "turns.rounds"),
    (Format.TURN_BASED, {"turns": Turns(turn_seconds=0)}, "turns.turn_seconds"),
]


@pytest.mark.parametrize(
    ("format_", "fields", "name"), BAD, ids=[f"{f.value}-{n}-{i}" for i, (f, _, n) in enumerate(BAD)]
)
def test_terms_that_break_a_rule_name_it(format_: Format, fields: dict[str, Any], name: str) -> None:
    with pytest.raises(NotValid) as caught:
        default_terms(format_, **{**ALL[format_], **fields})
    assert (caught.value.code, caught.value.field) == ("auction_terms_invalid", name)
    assert caught.value.details["rule"]


def test_every_format_has_its_direction() -> None:
    assert not UPWARD & DOWNWARD
    free = set(Format) - UPWARD - DOWNWARD
    assert free == {Format.ONE_OFFER, Format.WEIGHTED, Format.DUTCH, Format.JAPANESE}


EXAMPLES: list[Event] = [
    Begin(7),
    OfferMade("A", yuan("1.05"), "k", True, (("years", Decimal("2.5")),)),
    SealedRevealed((Opened("A", yuan(3)), Opened("B", None))),
    Pause("fault", since=START),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.kind)
def test_events_read_back_exactly(event: Event) -> None:
    assert event_from_plain(json.loads(json.dumps(event.to_plain()))) == event


def test_an_event_of_another_currency_reads_back_in_it() -> None:
    event = OfferMade("A", Money(105, "USD"))
    assert event_from_plain(event.to_plain(), currency="USD") == event


@pytest.mark.parametrize(
    "plain", [None, [], {"kind": "riot"}, {"kind": "offer", "plate": "A"}, {"kind": "tick", "x": 1}]
)
def test_what_is_no_event_is_refused(plain: object) -> None:
    with pytest.raises(NotValid) as caught:
        event_from_plain(plain)
    assert caught.value.code == "auction_value_invalid"


def test_every_event_has_a_kind_of_its_own() -> None:
    assert all(one.kind == kind for kind, one in EVENTS.items())
    assert datetime(2026, 1, 1, tzinfo=UTC) < START
