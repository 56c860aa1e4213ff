"""The land listing step by step (rules §4.5), the capped price (F6), the property auction (F7)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bidding.rules.auction import Format, Outcome, Stage, State, Terms, apply, due, result
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import Cap, LimitMode, Listing, SecondBy
from tests.unit.auction.kit import later, offer, over, refused, running, terms, tick, yuan

RULE = Listing(inquiry_seconds=600, countdown_seconds=240)


def listed(rule: Listing = RULE, **printed: object) -> Terms:
    return terms(Format.LISTING, listing=rule, **printed)


def will(state: State, plate: str, seconds: float) -> State:
    return apply(state, ev.WillContinue(plate), later(seconds))


def test_step_1_bidders_are_admitted_while_the_listing_runs() -> None:
    state = apply(running(listed()), ev.Admit("D"), later(5))
    assert offer(state, "D", 100, 6).leader == "D"
    in_inquiry = tick(state)
    refused(lambda: apply(in_inquiry, ev.Admit("E"), later(3100)), "auction_wrong_stage")


def test_step_2_offers_rise_by_steps_from_the_start_price() -> None:
    state = offer(running(listed()), "A", 100, 1)
    refused(lambda: offer(state, "B", 104, 2), "auction_step")
    assert offer(state, "B", 105, 2).leader == "B"


def test_step_3_the_inquiry_opens_before_the_end_and_takes_offers_still() -> None:
    state = running(listed())
    assert due(state) == later(3000)
    refused(lambda: will(state, "A", 2999), "auction_wrong_stage")
    state = will(state, "A", 3000)
    assert state.stage is Stage.INQUIRY
    assert will(state, "A", 3001) is state
    assert offer(state, "B", 100, 3002).leader == "B"


def test_step_4_two_willing_open_the_limited_time_round_the_leader_counting_by_himself() -> None:
    state = offer(running(listed()), "A", 100, 1)
    state = tick(will(state, "B", 3100))
    assert (state.stage, state.ends_at) == (Stage.LIMITED, later(3600 + 240))
    refused(lambda: offer(state, "C", 105, 3601), "auction_not_entered")
    assert offer(state, "B", 105, 3601).leader == "B"


def test_step_4_two_willing_go_on_even_without_an_offer_so_far() -> None:
    state = will(will(running(listed()), "A", 3100), "B", 3101)
    assert tick(state).stage is Stage.LIMITED


def test_step_4_and_7_one_alone_buys_by_listing() -> None:
    ended = result(over(offer(running(listed()), "A", 100, 1)))
    assert (ended.outcome, ended.winner, ended.price) == (Outcome.SOLD, "A", yuan(100))


def test_step_4_no_offer_is_not_sold() -> None:
    assert result(over(running(listed()))).reason == "no_offer"


def test_step_5_each_valid_offer_restarts_the_countdown() -> None:
    state = tick(will(offer(running(listed()), "A", 100, 1), "B", 3100))
    state = offer(state, "B", 105, 3700)
    assert state.ends_at == later(3940)
    state = offer(state, "A", 110, 3939)
    assert state.ends_at == later(3939 + 240)
    refused(lambda: offer(state, "B", 115, 3939 + 240), "auction_over")
    assert result(over(state)).winner == "A"


def test_step_6_the_reserve_is_tested_at_the_end_only() -> None:
    state = offer(running(listed(reserve=True)), "A", 100, 1)
    state = tick(tick(state))
    assert state.stage is Stage.SETTLING
    assert result(apply(state, ev.ReserveRevealed(yuan(101)), later(9000))).reason == "reserve_not_met"


def test_variant_only_those_who_offered_enter() -> None:
    state = running(listed(replace(RULE, offerers_only=True)))
    state = offer(offer(state, "A", 100, 1), "B", 105, 2)
    state = tick(state)
    assert state.stage is Stage.LIMITED
    refused(lambda: offer(state, "C", 110, 3700), "auction_not_entered")
    alone = offer(running(listed(replace(RULE, offerers_only=True))), "A", 100, 1)
    assert result(tick(alone)).winner == "A"


def test_variant_everybody_enters() -> None:
    state = tick(offer(running(listed(replace(RULE, everyone_enters=True))), "A", 100, 1))
    assert state.stage is Stage.LIMITED
    assert offer(state, "C", 105, 3700).leader == "C"


@pytest.mark.parametrize(("of_offerers", "reason"), [(True, "too_few_bidders"), (False, "best_offer")])
def test_variant_the_minimum_counts_offerers_or_those_admitted(of_offerers: bool, reason: str) -> None:
    printed = listed(replace(RULE, minimum_of_offerers=of_offerers), bidders_min=2)
    assert result(over(offer(running(printed), "A", 100, 1))).reason == reason


def test_the_property_auction_has_a_free_and_a_limited_time_period() -> None:
    state = running(terms(Format.MULTI_OFFER, listing=Listing(0, 60, everyone_enters=True)))
    state = offer(state, "A", 100, 1)
    state = tick(state)
    assert (state.stage, state.ends_at) == (Stage.LIMITED, later(3660))
    assert result(over(offer(state, "B", 105, 3659))).winner == "B"


def test_a_sealed_limit_of_who_did_not_enter_the_last_round_is_not_executed() -> None:
    state = running(listed(limits=LimitMode.SEALED))
    state = apply(state, ev.LimitSealed("C", "digest"), later(1))
    state = tick(will(offer(state, "A", 100, 2), "B", 3100))
    state = over(state)
    assert result(apply(state, ev.LimitRevealed("C", yuan(500)), later(9000))).winner == "A"


CAP = Cap(price=yuan(120), inquiry_seconds=300, wait_seconds=60, indicator="self-held area", indicator_unit="m²",
          start=Decimal(100), step=Decimal(10), maximum=Decimal(150))  # fmt: skip


def at_cap(**changed: object) -> State:
    printed = terms(Format.CAPPED, listing=RULE, cap=replace(CAP, **changed), limits=LimitMode.HELD)  # type: ignore[arg-type]
    state = offer(running(printed), "A", 117, 1)
    refused(lambda: offer(state, "B", 121, 2), "auction_cap")
    return offer(state, "B", 120, 2)


def bid2(state: State, plate: str, quantity: str, seconds: float) -> State:
    return apply(state, ev.Bid2(plate, Decimal(quantity)), later(seconds))


def test_f6_the_cap_may_be_offered_though_it_is_less_than_a_step_away_and_freezes_the_price() -> None:
    state = at_cap()
    assert (state.stage, state.ends_at) == (Stage.WILLING, later(302))
    refused(lambda: offer(state, "A", 120, 3), "auction_wrong_stage")


def test_f6_who_reached_the_cap_alone_gets_it() -> None:
    ended = result(over(at_cap()))
    assert (ended.reason, ended.winner, ended.price) == ("cap_alone", "B", yuan(120))


def test_f6_the_second_indicator_decides_among_the_willing() -> None:
    state = tick(will(will(at_cap(), "A", 10), "C", 11))
    assert state.stage is Stage.SECOND
    refused(lambda: bid2(state, "A", "99", 303), "auction_second_step")
    state = bid2(state, "C", "100", 310)
    assert state.ends_at == later(370)
    refused(lambda: bid2(state, "A", "109", 311), "auction_second_step")
    refused(lambda: bid2(state, "A", "151", 311), "auction_second_most")
    refused(lambda: bid2(state, "C", "110", 311), "auction_self_outbid")
    ended = result(over(bid2(state, "A", "110", 320)))
    assert (ended.reason, ended.winner, ended.price) == ("second_indicator", "A", yuan(120))
    assert ended.points == (("A", "110"), ("C", "100"))


def test_f6_the_printed_maximum_ends_it() -> None:
    state = bid2(tick(will(at_cap(), "A", 10)), "A", "150", 303)
    assert result(state).winner == "A"


def test_f6_who_did_not_answer_stays_out() -> None:
    state = tick(will(at_cap(), "A", 10))
    refused(lambda: bid2(state, "C", "100", 303), "auction_not_entered")


def test_f6_a_draw_decides_where_printed_and_only_among_the_willing() -> None:
    state = tick(will(at_cap(second=SecondBy.LOTTERY), "C", 10))
    assert state.stage is Stage.SETTLING
    refused(lambda: apply(state, ev.LotteryDrawn("A"), later(400)), "auction_not_a_candidate")
    ended = result(apply(state, ev.LotteryDrawn("C", "draw-7"), later(400)))
    assert (ended.reason, ended.winner, ended.price) == ("lottery", "C", yuan(120))


def test_f6_the_first_at_the_cap_has_no_priority_unless_printed() -> None:
    silent = tick(tick(will(at_cap(), "A", 10)))
    assert silent.stage is Stage.SETTLING  # a draw is called for
    printed = tick(tick(will(at_cap(first_has_priority=True), "A", 10)))
    assert result(printed).winner == "B"


def test_f6_a_standing_limit_reaches_the_cap_but_never_passes_it() -> None:
    printed = terms(Format.CAPPED, listing=RULE, cap=CAP, limits=LimitMode.HELD)
    state = running(printed)
    refused(lambda: apply(state, ev.StandingLimit("A", yuan(121)), later(1)), "auction_cap")
    state = apply(state, ev.StandingLimit("A", yuan(120)), later(1))
    state = offer(state, "B", 115, 2)
    assert (state.stage, state.leader) == (Stage.WILLING, "A")


def test_f6_below_the_cap_it_is_a_listing() -> None:
    printed = terms(Format.CAPPED, listing=RULE, cap=CAP)
    assert result(over(offer(running(printed), "A", 100, 1))).reason == "best_offer"
    refused(lambda: apply(running(printed), ev.LotteryDrawn("A"), later(1)), "auction_no_draw")
