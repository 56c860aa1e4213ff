"""Offers that stay closed: sealed rounds (F3), one offer (F8), weighted (F9). Rules §4.1, §4.6."""

from __future__ import annotations

from decimal import Decimal

from bidding.rules.auction import Format, Outcome, Stage, State, apply, result, sight
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import Direction, Item, Norm, Rounds, Sealing, TieRule
from tests.unit.auction.kit import later, offer, over, refused, running, terms, tick, yuan

F3, F8, F9 = Format.SEALED_ROUNDS, Format.ONE_OFFER, Format.WEIGHTED


def shut(state: State, plate: str, seconds: float, key: str | None = None) -> State:
    return apply(state, ev.SealedMade(plate, f"digest of {plate}", key), later(seconds))


def reveal(state: State, seconds: float, **prices: int | None) -> State:
    opened = tuple(ev.Opened(p, None if price is None else yuan(price)) for p, price in prices.items())
    return apply(state, ev.SealedRevealed(opened), later(seconds))


def rounds(count: int = 2, pause: int = 60, **printed: object) -> State:
    return running(terms(F3, rounds=Rounds(count, 600, pause), **printed))


def test_f3_the_best_after_the_last_round_wins() -> None:
    state = offer(offer(rounds(), "A", 90, 1), "B", 95, 2)
    assert state.standing == ()
    state = tick(state)
    assert (state.stage, state.round, state.leader) == (Stage.BREAK, 1, "A")
    refused(lambda: offer(state, "B", 80, 610), "auction_wrong_stage")
    state = tick(state)
    assert (state.stage, state.round, state.ends_at) == (Stage.RUNNING, 2, later(1260))
    state = offer(state, "B", 80, 700)
    assert result(over(state)).ranking == (("B", yuan(80)), ("A", yuan(90)))


def test_f3_each_offer_is_no_worse_than_the_own_previous_and_one_a_round() -> None:
    state = offer(rounds(pause=0), "A", 90, 1)
    refused(lambda: offer(state, "A", 80, 2), "auction_one_offer")
    state = tick(state)
    refused(lambda: offer(state, "A", 91, 700), "auction_own_worse")
    assert result(over(offer(state, "A", 90, 700))).price == yuan(90)


def test_f3_an_offer_above_the_ceiling_is_refused() -> None:
    refused(lambda: offer(rounds(), "A", 101, 1), "auction_first_offer")


def test_f3_silence_in_a_later_round_keeps_the_price() -> None:
    state = offer(rounds(count=3, pause=0), "A", 90, 1)
    assert result(over(state)).price == yuan(90)


def test_f3_sealed_by_the_bidder_the_round_waits_until_all_are_opened() -> None:
    state = rounds(sealing=Sealing.SEALED)
    refused(lambda: offer(state, "A", 90, 1), "auction_sealing")
    state = tick(shut(shut(state, "A", 1, "k"), "B", 2))
    assert shut(state, "A", 700, "k") is state
    assert state.stage is Stage.SETTLING
    refused(lambda: reveal(state, 601, A=90), "auction_reveal")
    state = reveal(state, 601, A=90, B=80)
    assert (state.stage, state.leader) == (Stage.BREAK, "B")
    refused(lambda: reveal(state, 602, A=90), "auction_nothing_sealed")


def test_f3_what_cannot_be_opened_or_breaks_a_rule_is_void_and_the_earlier_offer_stands() -> None:
    state = tick(shut(shut(rounds(sealing=Sealing.SEALED, pause=0), "A", 1), "B", 2))
    state = reveal(state, 601, A=90, B=101)
    assert [rung[3] for rung in state.standing] == ["A"]
    state = tick(shut(shut(state, "A", 700), "B", 701))
    state = reveal(state, 1300, A=None, B=70)
    assert result(state).ranking == (("B", yuan(70)), ("A", yuan(90)))


def test_f8_all_are_opened_together_and_the_best_wins() -> None:
    state = shut(shut(running(terms(F8)), "A", 1), "B", 2)
    refused(lambda: shut(state, "A", 3), "auction_one_offer")
    refused(lambda: reveal(state, 3, A=1, B=2), "auction_nothing_sealed")
    ended = result(reveal(tick(state), 3601, A=100, B=120))
    assert (ended.outcome, ended.winner, ended.price) == (Outcome.SOLD, "B", yuan(120))


def test_f8_equals_the_first_received_wins_where_printed() -> None:
    state = shut(shut(running(terms(F8, ties=TieRule.FIRST)), "B", 1), "A", 2)
    assert result(reveal(tick(state), 3601, A=100, B=100)).winner == "B"


def equals() -> State:
    state = shut(shut(shut(running(terms(F8)), "A", 1), "B", 2), "C", 3)
    return reveal(tick(state), 3601, A=100, B=100, C=90)


def test_f8_equals_offer_once_more_among_themselves() -> None:
    state = equals()
    assert (state.stage, state.ends_at) == (Stage.SECOND, later(4201))
    refused(lambda: shut(state, "C", 3700), "auction_not_entered")
    state = tick(shut(state, "B", 3700))
    assert result(reveal(state, 4202, B=101)).winner == "B"


def test_f8_equals_again_are_drawn() -> None:
    state = tick(shut(shut(equals(), "A", 3700), "B", 3701))
    state = reveal(state, 4202, A=105, B=105)
    assert state.stage is Stage.SETTLING
    refused(lambda: apply(state, ev.LotteryDrawn("C"), later(4203)), "auction_not_a_candidate")
    ended = result(apply(state, ev.LotteryDrawn("B", "proof"), later(4203)))
    assert (ended.winner, ended.price, ended.reason) == ("B", yuan(105), "lottery")


def test_f8_held_by_the_platform() -> None:
    state = running(terms(F8, sealing=Sealing.HELD, direction=Direction.DOWN))
    refused(lambda: shut(state, "A", 1), "auction_sealing")
    state = offer(offer(state, "A", 100, 1), "B", 90, 2)
    assert result(over(state)).winner == "B"


def weighted(items: tuple[Item, ...], direction: Direction = Direction.UP) -> State:
    return running(terms(F9, sealing=Sealing.HELD, items=items, direction=direction))


def points(state: State, item: str, seconds: float, **given: int) -> State:
    made = tuple((plate, Decimal(value)) for plate, value in given.items())
    return apply(state, ev.PointsGiven(item, made), later(seconds))


PRICE_70 = Item("price", Decimal(70), Norm.RATIO)
PLAN_30 = Item("plan", Decimal(30), Norm.POINTS)


def test_f9_price_seventy_and_plan_thirty() -> None:
    state = offer(offer(weighted((PRICE_70, PLAN_30)), "A", 100, 1), "B", 90, 2)
    state = tick(state)
    assert state.stage is Stage.SETTLING
    refused(lambda: points(state, "plan", 3601, A=60), "auction_points")
    refused(lambda: points(state, "plan", 3601, A=60, B=101), "auction_points")
    refused(lambda: points(state, "price", 3601, A=60, B=90), "auction_points")
    ended = result(points(state, "plan", 3601, A=60, B=90))
    assert ended.points == (("B", "90.00"), ("A", "88.00"))  # 63.00 + 27.00; 70.00 + 18.00
    assert (ended.winner, ended.price, ended.reason) == ("B", yuan(90), "highest_score")


def test_f9_descending_the_price_score_is_that_of_government_procurement() -> None:
    items = (Item("price", Decimal(30), Norm.RATIO), Item("plan", Decimal(70), Norm.POINTS))
    state = weighted(items, Direction.DOWN)
    for n, (plate, price) in enumerate({"A": 810000, "B": 860000, "C": 950000}.items()):
        state = offer(state, plate, price, n + 1)
    ended = result(points(tick(state), "plan", 3601, A=0, B=0, C=0))
    assert ended.points == (("A", "30.00"), ("B", "28.26"), ("C", "25.58"))  # EX-1


def test_f9_linear_items_are_offered_and_bounded() -> None:
    years = Item("years", Decimal(30), Norm.LINEAR, worst=Decimal(10), best=Decimal(2))
    state = weighted((PRICE_70, years))
    refused(lambda: offer(state, "A", 100, 1), "auction_items")

    def offered(state: State, plate: str, price: int, value: int, seconds: float) -> State:
        made = ev.OfferMade(plate, yuan(price), items=(("years", Decimal(value)),))
        return apply(state, made, later(seconds))

    state = offered(offered(state, "A", 100, 12, 1), "B", 80, 4, 2)
    assert result(over(state)).points == (("B", "78.50"), ("A", "70.00"))  # 56.00 + 22.50; 70.00 + 0.00


def test_f9_points_come_after_the_opening() -> None:
    state = offer(weighted((PRICE_70, PLAN_30)), "A", 100, 1)
    refused(lambda: points(state, "plan", 2, A=50), "auction_still_running")


def test_after_the_opening_the_best_has_its_price_and_each_offer_counts_once() -> None:
    state = shut(shut(shut(running(terms(F8)), "A", 1), "B", 2), "C", 3)
    state = reveal(tick(state), 4000, A=90, B=70, C=None)

    assert state.best is not None
    assert (state.best.plate, state.best.amount) == (state.leader, yuan(70 if state.terms.sign > 0 else 90))
    seen = sight.snapshot(state, sight.Public())
    assert seen["offers"] == 3
    assert seen["best"]["amount"] == f"{state.best.amount.minor // 100}.00"
    said = [(one["plate"], one["amount"], one["kind"]) for one in seen["list"]]
    assert said == [("C", None, "sealed"), ("A", "90.00", "revealed"), ("B", "70.00", "revealed")]
