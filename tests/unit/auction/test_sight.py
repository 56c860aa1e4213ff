"""What each party sees, cell by cell of the matrix: rules §4.2."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from bidding.rules.auction import (
    Bidder,
    Format,
    Host,
    Public,
    State,
    Supervisor,
    Viewer,
    apply,
    audience,
    begin,
    news,
    private,
    snapshot,
)
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import AfterEnd, Clock, LimitMode, RankShown, Rounds, Sealing, Visible
from tests.unit.auction.kit import extension, later, offer, over, running, terms, tick, yuan

F1, F2, F3, F5, F8 = (
    Format.OPEN_REVERSE,
    Format.BLIND_REVERSE,
    Format.SEALED_ROUNDS,
    Format.ASCENDING,
    Format.ONE_OFFER,
)
A, B = Bidder("A"), Bidder("B")
EVERYBODY: tuple[Viewer, ...] = (A, Host(), Supervisor(), Public())


def live(format_: Format, **printed: Any) -> State:
    """A 90 and B 80 going down, A 100 and B 110 going up; handed in, still running."""
    if format_ is F3:
        printed.setdefault("rounds", Rounds(2, 600, 60))
    if format_ is F8:
        printed.setdefault("sealing", Sealing.HELD)
    state = running(terms(format_, **printed))
    first, second = (90, 80) if state.terms.sign > 0 else (100, 110)
    return offer(offer(state, "A", first, 1), "B", second, 2)


def said(view: object) -> str:
    return json.dumps(view, ensure_ascii=False)


@pytest.mark.parametrize(
    ("format_", "best"), [(F1, "80.00"), (F2, None), (F3, None), (F5, "110.00"), (F8, None)]
)
def test_a_bidder_sees_the_best_price_only_where_it_is_open(format_: Format, best: str | None) -> None:
    view = snapshot(live(format_), A)
    assert (view["best"]["amount"] if view["best"] else None) == best
    if best is None:
        assert "80.00" not in said(view)
        assert "110.00" not in said(view)


@pytest.mark.parametrize("viewer", [Host(), Supervisor(), Public()], ids=str)
@pytest.mark.parametrize("format_", [F1, F2, F3, F8])
def test_nobody_else_sees_a_price_before_the_end(format_: Format, viewer: Viewer) -> None:
    view = snapshot(live(format_), viewer)
    assert (view["best"], view["list"], view["next"], view["result"]) == (None, [], None, None)


@pytest.mark.parametrize("viewer", EVERYBODY, ids=str)
def test_an_ascending_auction_lists_offers_by_plate_for_all(viewer: Viewer) -> None:
    view = snapshot(live(F5), viewer)
    assert [(one["plate"], one["amount"]) for one in view["list"]] == [("A", "100.00"), ("B", "110.00")]
    assert (view["best"]["plate"], view["next"]) == ("B", "115.00")


def test_an_open_reverse_auction_lists_prices_without_plates() -> None:
    view = snapshot(live(F1), A)
    assert [one["amount"] for one in view["list"]] == ["90.00", "80.00"]
    assert "plate" not in said(view)


@pytest.mark.parametrize(
    ("format_", "viewer", "bidders", "offers"),
    [
        (F1, A, 3, 2),
        (F2, A, None, None),
        (F3, A, None, None),
        (F5, A, None, 2),
        (F8, A, None, None),
        (F2, Supervisor(), 3, 2),
        (F8, Supervisor(), 3, 2),
        (F2, Host(), None, None),
        (F2, Public(), None, None),
        (F5, Public(), None, 2),
    ],
)
def test_counts(format_: Format, viewer: Viewer, bidders: int | None, offers: int | None) -> None:
    view = snapshot(live(format_), viewer)
    assert (view["bidders"], view["offers"]) == (bidders, offers)


def test_the_count_can_be_printed_for_back_to_back() -> None:
    assert snapshot(live(F2, visible=Visible(count=True)), A)["bidders"] == 3


@pytest.mark.parametrize(
    ("rank", "ranks"),
    [
        (RankShown.NONE, (None, None)),
        (RankShown.BEST_OR_NOT, (False, True)),
        (RankShown.TOP_THREE, (2, 1)),
        (RankShown.EXACT, (2, 1)),
    ],
)
def test_the_own_rank_is_what_was_printed(rank: RankShown, ranks: tuple[object, object]) -> None:
    state = live(F2, visible=Visible(rank=rank))
    assert tuple((private(None, state, plate) or {})["rank"] for plate in "AB") == ranks
    assert (private(None, state, "C") or {})["rank"] is None


def test_the_top_three_light_does_not_tell_the_fourth_from_the_fifth() -> None:
    state = running(terms(F2, visible=Visible(rank=RankShown.TOP_THREE)), tuple("ABCDE"))
    for n, plate in enumerate("ABCDE"):
        state = offer(state, plate, 90 + n, n + 1)
    assert [(private(None, state, plate) or {})["rank"] for plate in "ABCDE"] == [1, 2, 3, False, False]


def test_own_offers_are_private_and_tell_no_place_among_all() -> None:
    state = live(F2)
    own = private(None, state, "B")
    assert own is not None
    assert [(one["nr"], one["amount"]) for one in own["own"]] == [(1, "80.00")]
    assert "seq" not in said(own)
    assert own["next"] == "75.00"


def test_back_to_back_an_offer_of_another_is_no_news_at_all() -> None:
    before = live(F2)
    after = offer(before, "A", 85, 3)
    assert [news(before, after, viewer) for viewer in (B, Host(), Public())] == [None, None, None]
    assert private(before, after, "B") is None
    assert private(before, after, "C") is None
    assert news(before, after, Supervisor()) == {"offers": 3}


def test_back_to_back_who_loses_the_lead_learns_that_and_nothing_more() -> None:
    before = live(F2)
    after = offer(before, "A", 70, 3)
    assert private(before, after, "B") == {"rank": False}
    assert news(before, after, B) is None


def test_the_end_moving_is_news_for_all_and_says_only_that() -> None:
    before = running(terms(F2, extension=extension()))
    after = offer(before, "A", 90, 3500)
    told = news(before, after, B)
    assert told == {"stage": "extended", "ends_at": "2026-12-01T02:03:20.000000Z", "extensions": 1}
    assert news(before, after, Public()) == told


def test_news_of_an_open_auction_is_a_small_delta() -> None:
    before = live(F5)
    after = offer(before, "A", 115, 3)
    told = news(before, after, Public())
    assert told is not None
    assert set(told) == {"best", "next", "offers", "list"}
    assert len(told["list"]) == 1


@pytest.mark.parametrize(("format_", "third", "fourth"), [(F1, 75, 70), (F2, 75, 70), (F5, 115, 200)])
def test_news_applied_to_a_snapshot_give_the_next_snapshot(format_: Format, third: int, fourth: int) -> None:
    states = [live(format_)]
    states.append(offer(states[-1], "A", third, 3))
    states.append(offer(states[-1], "B", fourth, 4))
    states.append(over(states[-1]))
    for viewer in EVERYBODY:
        view = snapshot(states[0], viewer)
        for before, after in pairwise(states):
            told = dict(news(before, after, viewer) or {})
            fresh, again = told.pop("list", []), told.pop("relist", False)
            view = {**view, **told, "list": fresh if again else view["list"] + fresh}
        assert view == snapshot(states[-1], viewer)


def test_a_standing_limit_is_its_owners_affair() -> None:
    before = live(F5, limits=LimitMode.HELD)
    after = apply(before, ev.StandingLimit("A", yuan(200)), later(3))
    assert private(before, after, "A") == {
        "rank": 1,
        "limit": "200.00",
        "own": [
            {
                "nr": 2,
                "amount": "115.00",
                "at": "2026-12-01T01:00:03.000000Z",
                "kind": "limit",
                "round": 1,
                "digest": None,
            }
        ],
    }
    told = news(before, after, Public())
    assert told is not None
    assert told["list"][0]["kind"] == "offer"
    assert "200.00" not in said(told)


def test_a_sealed_round_shows_its_best_only_when_opened_and_where_printed() -> None:
    for shown in (True, False):
        state = live(F3, rounds=Rounds(2, 600, 60, best_after_each=shown))
        state = tick(state)
        best = snapshot(state, A)["best"]
        assert (best["amount"] if best else None) == ("80.00" if shown else None)
        second_round = tick(state)
        hidden = offer(second_round, "B", 60, 700)
        assert snapshot(hidden, A)["best"] == best
        assert news(second_round, hidden, A) is None


@pytest.mark.parametrize("format_", [F1, F2, F3, F8])
@pytest.mark.parametrize("after_end", AfterEnd)
def test_after_the_end_everybody_sees_the_result_and_the_offers_where_printed(
    format_: Format, after_end: AfterEnd
) -> None:
    shown = live(format_).terms.visible.but(after_end=after_end)
    state = over(live(format_, visible=shown))
    for viewer in EVERYBODY:
        view = snapshot(state, viewer)
        winner = "A" if format_ is F8 and state.terms.sign > 0 else "B"
        assert view["result"]["winner"] == winner
        inside = isinstance(viewer, (Host, Supervisor))
        assert (len(view["list"]) == 2) is (inside or after_end is AfterEnd.ALL)
        assert ("ranking" in view["result"]) is (inside or after_end is AfterEnd.ALL)


@pytest.mark.parametrize("format_", [F1, F5])
def test_the_reserve_price_is_never_shown(format_: Format) -> None:
    state = tick(live(format_, reserve=True))
    reserve = "70.50" if format_ is F1 else "170.50"
    state = apply(state, ev.ReserveRevealed(yuan(reserve)), later(4000))
    for viewer in EVERYBODY:
        view = snapshot(state, viewer)
        assert reserve not in said(view)
        tells = format_ is F5 or isinstance(viewer, (Host, Supervisor))
        assert view["result"]["reason"] == ("reserve_not_met" if tells else "no_result")
        reached = False if tells and not isinstance(viewer, Public) else None
        assert view["result"]["reserve_met"] is reached


def test_no_view_holds_the_version_or_a_key() -> None:
    state = offer(live(F5), "A", 115, 3, key="secret-key")
    for viewer in EVERYBODY:
        assert "version" not in said(snapshot(state, viewer))
        assert "secret-key" not in said(snapshot(state, viewer))


def test_the_drawn_tail_is_not_shown() -> None:
    state = apply(begin(terms(F2, tail_seconds_max=120), ("A", "B")), ev.Begin(77), later(0))
    for viewer in EVERYBODY:
        assert snapshot(state, viewer)["ends_at"] == "2026-12-01T02:00:00.000000Z"


def test_who_is_willing_is_not_told_to_others() -> None:
    before = tick(running(terms(Format.LISTING, free_seconds=7200)))
    after = apply(before, ev.WillContinue("A"), later(3700))
    assert [news(before, after, viewer) for viewer in EVERYBODY] == [None] * 4
    assert private(before, after, "A") == {"willing": True}
    assert private(before, after, "B") is None


def test_a_dutch_clock_is_public() -> None:
    state = running(terms(Format.DUTCH, clock=Clock(yuan(10), 30, yuan(50))))
    assert snapshot(state, Public())["special"] == {"price": "100.00", "tick": 1, "inside": None}


def test_a_japanese_clock_hides_who_stays() -> None:
    before = running(terms(Format.JAPANESE, clock=Clock(yuan(10), 30, yuan(50))))
    after = apply(before, ev.StayIn("A"), later(1))
    assert [news(before, after, viewer) for viewer in (B, Host(), Public())] == [None] * 3
    assert snapshot(before, Public())["special"] is None
    assert snapshot(before, A)["special"] == {"price": "100.00", "tick": 1, "inside": None}


def test_a_turn_hides_its_offer_until_it_ends() -> None:
    waiting = begin(terms(Format.TURN_BASED), ("A", "B"))
    waiting = offer(offer(waiting, "A", 90, 1), "B", 80, 2)
    before = tick(apply(waiting, ev.Begin(), later(10)))
    assert snapshot(before, A)["special"] == {"turn": 1, "turns": 2, "order": ["A", "B"]}
    after = apply(before, ev.TurnBid("A", Decimal(70)), later(320))
    assert [news(before, after, viewer) for viewer in EVERYBODY] == [None] * 4
    assert private(before, after, "B") is None
    mine = private(before, after, "A")
    assert mine == {"turn": {"place": 1, "mine": True, "offer": "70.00"}}
    published = news(after, tick(after), B)
    assert published is not None
    assert published["best"]["amount"] == "70.00"


def test_audiences_share_what_they_get() -> None:
    state = live(F2)
    assert audience(state, A) == audience(state, B)
    assert snapshot(state, A) == snapshot(state, B)
    assert len({audience(state, viewer) for viewer in EVERYBODY}) == 4
