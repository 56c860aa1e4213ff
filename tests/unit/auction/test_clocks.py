"""Prices on a clock (F10 Dutch, F11 Japanese), small purchases (F12). Rules §4.1."""

from __future__ import annotations

from decimal import Decimal

from bidding.rules.auction import Format, Outcome, Stage, State, apply, result
from bidding.rules.auction import events as ev
from bidding.rules.auction.clocks import Dial
from bidding.rules.auction.terms import Clock, Direction
from tests.unit.auction.kit import later, offer, over, refused, running, terms, tick, yuan

FALL = Clock(move=yuan(10), tick_seconds=30, stop=yuan(75))


def dutch(**printed: object) -> State:
    return running(terms(Format.DUTCH, clock=FALL, **printed))


def price(state: State) -> object:
    assert isinstance(state.special, Dial)
    return state.special.price


def test_f10_the_price_falls_on_the_clock_down_to_its_stop() -> None:
    state = dutch()
    shown = [price(state)]
    for _ in range(3):
        state = tick(state)
        shown.append(price(state))
    assert shown == [yuan(100), yuan(90), yuan(80), yuan(75)]
    assert result(tick(state)).reason == "no_offer"


def test_f10_the_first_to_accept_wins_at_the_price_of_his_instant() -> None:
    state = apply(dutch(), ev.Accept("B", "k"), later(30))  # the tick itself already shows the next price
    ended = result(state)
    assert (ended.outcome, ended.winner, ended.price) == (Outcome.SOLD, "B", yuan(90))
    refused(lambda: apply(state, ev.Accept("A"), later(30)), "auction_over")
    assert apply(state, ev.Accept("B", "k"), later(31)) is state


def test_f10_a_reserve_is_tested_after_the_acceptance() -> None:
    state = apply(dutch(reserve=True), ev.Accept("B"), later(31))
    assert state.stage is Stage.SETTLING
    assert result(apply(state, ev.ReserveRevealed(yuan(95)), later(32))).reason == "reserve_not_met"


def japanese(**printed: object) -> State:
    return running(terms(Format.JAPANESE, clock=FALL, **printed))


def stay(state: State, seconds: float, *plates: str) -> State:
    for plate in plates:
        state = apply(state, ev.StayIn(plate), later(seconds))
    return state


def test_f11_who_does_not_stay_drops_out_and_the_last_wins() -> None:
    state = tick(stay(japanese(), 1, "A", "B", "C"))
    assert price(state) == yuan(90)
    state = tick(stay(state, 31, "A", "B"))
    refused(lambda: stay(state, 61, "C"), "auction_dropped_out")
    ended = result(tick(stay(state, 61, "B")))
    assert (ended.outcome, ended.winner, ended.price) == (Outcome.AWARDED, "B", yuan(80))
    assert ended.ranking == (("B", yuan(80)), ("A", yuan(90)), ("C", yuan(100)))


def test_f11_if_all_drop_out_at_once_the_earliest_at_the_best_price_wins() -> None:
    state = tick(stay(japanese(), 1, "C", "A"))
    assert result(tick(state)).winner == "C"


def test_f11_at_the_last_price_the_earliest_wins() -> None:
    state = japanese()
    for seconds in (1, 31, 61, 91):
        state = tick(stay(state, seconds, "B", "A"))
    assert (result(state).winner, result(state).price) == ("B", yuan(75))


def test_f11_leaving_is_for_good_and_staying_cannot_be_taken_back() -> None:
    state = stay(japanese(), 1, "A")
    assert stay(state, 2, "A") is state
    refused(lambda: apply(state, ev.DropOut("A"), later(3)), "auction_stayed")
    state = apply(state, ev.DropOut("B"), later(3))
    refused(lambda: stay(state, 4, "B"), "auction_dropped_out")


def test_f11_nobody_stays() -> None:
    assert result(tick(japanese())).reason == "no_offer"


def test_f11_rises_where_the_direction_is_up() -> None:
    clock = Clock(move=yuan(10), tick_seconds=30, stop=yuan(120))
    state = running(terms(Format.JAPANESE, clock=clock, direction=Direction.UP))
    state = tick(stay(state, 1, "A", "B"))
    assert price(state) == yuan(110)
    assert result(tick(stay(state, 31, "B"))).outcome is Outcome.SOLD


def small(band: str | None) -> State:
    printed = terms(Format.SMALL, lottery_band_percent=None if band is None else Decimal(band), bidders_min=3)
    state = running(printed)
    for n, (plate, amount) in enumerate({"A": 90, "B": 80, "C": 84}.items()):
        state = offer(state, plate, amount, n + 1)
    return over(state)


def test_f12_is_held_like_its_base() -> None:
    ended = result(small(None))
    assert (ended.winner, ended.price) == ("B", yuan(80))
    open_base = running(terms(Format.SMALL, base=Format.OPEN_REVERSE))
    assert offer(open_base, "A", 90, 1).leader == "A"


def test_f12_a_draw_among_offers_within_the_band() -> None:
    state = small("5")
    assert state.stage is Stage.SETTLING
    refused(lambda: apply(state, ev.LotteryDrawn("A"), later(9999)), "auction_not_a_candidate")
    ended = result(apply(state, ev.LotteryDrawn("C"), later(9999)))
    assert (ended.winner, ended.price, ended.reason) == ("C", yuan(84), "lottery")


def test_f12_one_alone_in_the_band_needs_no_draw() -> None:
    assert result(small("4.99")).winner == "B"
