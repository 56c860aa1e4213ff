"""F13, the turn-based reverse auction: peers §1.1."""

from __future__ import annotations

from decimal import Decimal

from bidding.rules.auction import Format, Outcome, Stage, State, apply, begin, result
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import Quality, Step, TurnCriterion, Turns
from bidding.rules.auction.turns import Turn, published
from tests.unit.auction.kit import later, offer, over, refused, terms, tick, yuan

OPENING = {"A": "100", "B": "90", "C": "90"}


def waiting(turns: Turns | None = None, **printed: object) -> State:
    chosen = turns if turns is not None else Turns()
    state = begin(terms(Format.TURN_BASED, turns=chosen, **printed), tuple(OPENING))
    for n, (plate, price) in enumerate(OPENING.items()):
        state = offer(state, plate, price, n + 1)
    return state


def first_turn(turns: Turns | None = None, **printed: object) -> State:
    return tick(apply(waiting(turns, **printed), ev.Begin(), later(100)))


def bid(state: State, plate: str, amount: str, seconds: float = 0) -> State:
    assert state.at is not None
    moment = later(seconds) if seconds else state.at
    return apply(state, ev.TurnBid(plate, Decimal(amount)), moment)


def turn(state: State) -> Turn:
    assert isinstance(state.special, Turn)
    return state.special


def test_the_worst_price_goes_first_and_of_equal_ones_the_later() -> None:
    state = apply(waiting(), ev.Begin(), later(100))
    assert (state.stage, state.ends_at, turn(state).order) == (Stage.BREAK, later(400), ("A", "C", "B"))


def test_a_turn_takes_offers_of_its_bidder_at_least_a_step_below_his_own_price() -> None:
    state = first_turn()
    refused(lambda: bid(state, "B", "50"), "auction_not_your_turn")
    assert refused(lambda: bid(state, "A", "95.01"), "auction_step").details["bound"] == yuan(95)
    refused(lambda: bid(state, "A", "0"), "auction_amount")
    refused(lambda: bid(state, "A", "94.999"), "auction_amount")
    assert turn(bid(state, "A", "95")).pending == yuan(95)


def test_an_offer_is_changed_and_taken_back_within_the_turn() -> None:
    state = bid(bid(first_turn(), "A", "50"), "A", "95")
    assert turn(state).pending == yuan(95)
    state = bid(state, "A", "-1")
    assert turn(state).pending is None
    assert bid(state, "A", "-1") is state
    assert tick(state).seats["A"].count == 1


def test_silence_keeps_the_price_and_the_offer_counts_from_its_own_instant() -> None:
    state = tick(bid(first_turn(), "A", "90", 450))
    last = state.seats["A"].last
    assert last is not None
    assert (last.amount, last.recv_at) == (yuan(90), later(450))
    assert turn(state).plate == "C"


def test_the_order_of_the_next_round_goes_by_the_prices_reached() -> None:
    state = tick(bid(first_turn(), "A", "80", 450), 3)
    assert (state.stage, state.round, turn(state).order) == (Stage.BREAK, 2, ("C", "B", "A"))


def test_three_rounds_and_the_lowest_price_wins_the_earlier_at_a_tie() -> None:
    state = tick(bid(first_turn(), "A", "90", 450))
    ended = result(over(state))
    assert (ended.outcome, ended.winner, ended.price) == (Outcome.AWARDED, "B", yuan(90))
    assert [plate for plate, _ in ended.ranking] == ["B", "C", "A"]


def test_its_length_is_known_beforehand() -> None:
    last = apply(waiting(), ev.Begin(), later(10))
    while last.stage not in {Stage.ENDED, Stage.FAILED}:
        last = tick(last)
    assert last.at == later(10 + 300 + 120 + 120 + 9 * 120)


def test_quality_divides_the_price_exactly() -> None:
    qualities = (Quality("A", "9/8"), Quality("B"), Quality("C"))
    turns = Turns(TurnCriterion.QUALITY, TurnCriterion.QUALITY, qualities=qualities)
    state = first_turn(turns)
    assert turn(state).order == ("C", "B", "A")  # 100 / (9/8) = 88.89
    ended = result(over(state))
    assert ended.winner == "A"
    assert ended.points == (("A", "800/9"), ("B", "90"), ("C", "90"))


def test_a_weighted_price_decides_while_the_turns_go_by_the_price() -> None:
    qualities = (Quality("A", "1.25", "0"), Quality("B", "1", "10"), Quality("C", "1", "0"))
    turns = Turns(TurnCriterion.MIXED, TurnCriterion.PRICE, qualities=qualities)
    state = first_turn(turns)
    assert turn(state).order == ("A", "C", "B")
    assert result(over(state)).winner == "A"  # 80 against 100 and 90


def test_measured_against_published_doubles_only_the_very_step_can_differ() -> None:
    opening = "16813.735999999997"  # what binary64 makes of 17892.17 / 1.25 + 2500
    qualities = (Quality("A", "1.25", "2500", opening),)
    for doubles, taken in ((True, False), (False, True)):
        turns = Turns(TurnCriterion.MIXED, TurnCriterion.PRICE, doubles=doubles, qualities=qualities)
        step = Step(amount=yuan(125))
        state = begin(terms(Format.TURN_BASED, turns=turns, start=yuan(20000), step=step), ("A",))
        state = tick(apply(offer(state, "A", "17892.17", 1), ev.Begin(), later(100)))
        if taken:
            assert turn(bid(state, "A", "17767.17")).pending == yuan("17767.17")
        else:
            refused(lambda state=state: bid(state, "A", "17767.17"), "auction_step")  # type: ignore[misc]
        assert turn(bid(state, "A", "17767.16")).pending == yuan("17767.16")


def test_the_bound_itself_is_a_published_double() -> None:
    """735.64 comes back as 735.6399999999999; less 3.33 the nearest double is that of 732.31 again."""
    qualities = (Quality("A", "3", "33.3"),)
    turns = Turns(TurnCriterion.MIXED, TurnCriterion.PRICE, doubles=True, qualities=qualities)
    state = begin(
        terms(Format.TURN_BASED, turns=turns, start=yuan(1000), step=Step(amount=yuan("3.33"))), ("A",)
    )
    state = tick(apply(offer(state, "A", "735.64", 1), ev.Begin(), later(100)))
    assert turn(bid(state, "A", "732.31")).pending == yuan("732.31")
    refused(lambda: bid(state, "A", "732.32"), "auction_step")


def test_a_published_number_is_the_shortest_decimal_of_its_double() -> None:
    assert published(Decimal("0.1") + Decimal("0.2")) == Decimal("0.3")
    assert published(Decimal(1) / Decimal(3)) == Decimal("0.3333333333333333")


def test_an_opening_price_is_handed_in_once_before_the_start() -> None:
    state = waiting()
    refused(lambda: offer(state, "A", 90, 10), "auction_one_offer")
    refused(lambda: offer(begin(state.terms, ("A",)), "A", "100.01", 10), "auction_first_offer")
    refused(lambda: offer(first_turn(), "A", 90, 500), "auction_wrong_stage")
    refused(lambda: bid(state, "A", "50", 10), "auction_not_started")


def test_without_an_opening_price_there_is_nothing_to_hold() -> None:
    empty = begin(terms(Format.TURN_BASED), ("A",))
    assert result(apply(empty, ev.Begin(), later(0))).reason == "no_offer"


def test_a_reserve_is_tested_against_the_price() -> None:
    state = over(first_turn(reserve=True))
    assert state.stage is Stage.SETTLING
    assert result(apply(state, ev.ReserveRevealed(yuan(89)), later(9000))).reason == "reserve_not_met"
