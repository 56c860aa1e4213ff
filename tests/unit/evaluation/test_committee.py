"""Panels, draws, rejections, awards and anomalies."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from evaluation.rules import award, draw, outliers, panel, rejection
from evaluation.rules.outliers import Light
from evaluation.rules.panel import Panelist, Seat, require_lawful_panel
from evaluation.rules.ranking import Place
from evaluation.rules.rejection import Consequence, Ground, Rejection
from kernel import rulebook
from kernel.calendar import official
from kernel.errors import NotNow, NotValid
from kernel.money import Money

NOW = datetime(2026, 12, 1, 2, tzinfo=UTC)
TODAY = date(2026, 12, 1)
TM = rulebook.in_force("TM", "CN", NOW)
TV = rulebook.in_force("TV", "CN", NOW)
GP = rulebook.in_force("GP", "CN", NOW)
WR = rulebook.in_force("WR", "CN", NOW)
SM = rulebook.in_force("SM", "CN", NOW)
CHONGQING = rulebook.in_force("TM", "CN-50", NOW)
BIDDERS = frozenset({"org-1", "org-2"})


def seated(experts: int, buyers: int = 0) -> list[Panelist]:
    members = [Panelist(f"e{n}", Seat.EXPERT, "university", years=10) for n in range(experts)]
    return members + [Panelist(f"b{n}", Seat.BUYER, "buyer") for n in range(buyers)]


def refusal(members: list[Panelist], law: rulebook.Rulebook = TM, **more: object) -> str | None:
    try:
        require_lawful_panel(members, BIDDERS, law, on=TODAY, **more)  # type: ignore[arg-type]
    except NotValid as refused:
        return refused.code
    return None


@pytest.mark.parametrize(
    ("law", "experts", "buyers", "code"),
    [
        (TM, 4, 1, None),
        (TM, 5, 0, None),
        (TM, 4, 0, "panel_size"),
        (TM, 3, 0, "panel_size"),
        (TM, 4, 2, "panel_size"),
        (TM, 3, 2, "too_few_experts"),
        (TM, 6, 3, None),
        (TM, 5, 4, "too_few_experts"),
        (CHONGQING, 6, 3, "too_many_buyer_seats"),
        (CHONGQING, 5, 2, None),
        (WR, 5, 0, "panel_size"),
        (WR, 7, 0, None),
        (GP, 5, 0, None),
        (GP, 4, 0, "panel_size"),
    ],
)
def test_a_panel_has_its_size_and_shares(
    law: rulebook.Rulebook, experts: int, buyers: int, code: str | None
) -> None:
    assert refusal(seated(experts, buyers), law) == code


@pytest.mark.parametrize(
    ("amount", "seats", "warned"), [(10_000_000, 5, 1), (9_999_999, 5, 0), (10_000_000, 7, 0)]
)
def test_a_large_procurement_with_five_seats_is_warned_about(amount: int, seats: int, warned: int) -> None:
    cautions = require_lawful_panel(seated(seats), BIDDERS, GP, on=TODAY, amount=Money.from_yuan(amount))

    assert [caution.code for caution in cautions] == ["panel_size"] * warned


def test_a_negotiation_group_may_be_three() -> None:
    assert refusal(seated(3), GP, group=True) is None
    assert refusal(seated(2), GP, group=True) == "panel_size"
    assert refusal(seated(4), GP, group=True) == "panel_size"


def test_small_works_only_warn() -> None:
    cautions = require_lawful_panel(seated(2, 1), BIDDERS, SM, on=TODAY)

    assert [caution.code for caution in cautions] == ["panel_size"]


def test_nobody_sits_twice() -> None:
    assert refusal([*seated(4), seated(1)[0]]) == "panel_doubled"


@pytest.mark.parametrize(
    ("member", "code"),
    [
        (Panelist("x", Seat.EXPERT, "org-1"), "conflict_of_interest"),
        (Panelist("x", Seat.EXPERT, "org-3"), None),
        (Panelist("x", Seat.EXPERT, None, past={"org-2": date(2023, 12, 2)}), "conflict_of_interest"),
        (Panelist("x", Seat.EXPERT, None, past={"org-2": date(2023, 12, 1)}), None),
        (Panelist("x", Seat.EXPERT, None, kin=frozenset({"org-1"})), "conflict_of_interest"),
        (Panelist("x", Seat.EXPERT, None, supervises=True), "conflict_of_interest"),
    ],
)
def test_nobody_judges_whom_he_is_tied_to(member: Panelist, code: str | None) -> None:
    assert refusal([*seated(4), member], GP) == code


def test_three_years_before_a_leap_day() -> None:
    assert panel.years_before(date(2028, 2, 29), 3) == date(2025, 2, 28)


def test_experts_have_eight_years_where_the_law_counts_them() -> None:
    short = [Panelist("e", Seat.EXPERT, None, years=7)]

    assert panel.require_qualified_experts([Panelist("e", Seat.EXPERT, None, years=8)], TM) == ()
    assert panel.require_qualified_experts(short, GP) == ()
    with pytest.raises(NotValid, match="expert_years"):
        panel.require_qualified_experts(short, TM)


@pytest.mark.parametrize(("asking", "extend"), [(1, False), (2, True), (0, False)])
def test_more_than_a_third_may_ask_for_more_time(asking: int, extend: bool) -> None:
    assert panel.must_extend_time(TM, asking=asking, members=5) is extend
    assert not panel.must_extend_time(TM, asking=3, members=9)


def test_a_report_is_signed_or_reasonedly_dissented_from() -> None:
    members = {"a", "b", "c"}

    panel.require_signed(members, {"a"}, {"b": "the price"}, {"c"})
    with pytest.raises(NotNow, match="signatures_missing"):
        panel.require_signed(members, {"a"}, {"b": "the price"}, set())
    with pytest.raises(NotValid, match="dissent_without_reason"):
        panel.require_signed(members, {"a", "c"}, {"b": " "}, set())


MEMBERS = ["m1", "m2", "m3", "m4", "m5"]


def rejected(ground: Ground = Ground.NO_RESPONSE, *, yes: int = 3, **blank: str) -> Rejection:
    parts = {"clause": "3.2", "page": "17", "reason": "no ★ warranty", **blank}
    return Rejection("bid", ground, votes={m: n < yes for n, m in enumerate(MEMBERS)}, **parts)


def test_a_reasoned_rejection_with_a_majority_stands() -> None:
    rejection.require_reasoned(TM, rejected(), MEMBERS)


@pytest.mark.parametrize("part", ["clause", "page", "reason"])
def test_cl_03_a_rejection_names_clause_page_and_reason(part: str) -> None:
    with pytest.raises(NotValid, match="rejection_unreasoned") as refused:
        rejection.require_reasoned(TM, rejected(**{part: " "}), MEMBERS)

    assert refused.value.details["missing"] == [part]


def test_a_rejection_needs_more_than_half_of_all_members() -> None:
    with pytest.raises(NotValid, match="no_majority"):
        rejection.require_reasoned(TM, rejected(yes=2), MEMBERS)
    with pytest.raises(NotNow, match="votes_missing"):
        rejection.require_reasoned(TM, rejected(), [*MEMBERS, "m6"])
    with pytest.raises(NotValid, match="not_a_member"):
        rejection.require_reasoned(TM, rejected(), MEMBERS[:4])


@pytest.mark.parametrize(
    ("code", "tm", "gp"),
    [
        ("RJ-01", True, False),
        ("RJ-02", True, False),
        ("RJ-03", True, True),
        ("RJ-04", True, False),
        ("RJ-05", True, True),
        ("RJ-06", True, True),
        ("RJ-07", True, True),
        ("RJ-08", True, True),
        ("RJ-09", False, True),
        ("RJ-10", True, True),
        ("RJ-11", False, True),
        ("RJ-12", True, True),
    ],
)
def test_every_ground_belongs_to_its_regimes(code: str, tm: bool, gp: bool) -> None:
    ground = Ground(code)

    assert (ground in rejection.grounds_of(TM), ground in rejection.grounds_of(GP)) == (tm, gp)
    assert rejection.source_of(ground)
    if not tm:
        with pytest.raises(NotValid, match="ground_not_in_regime"):
            rejection.require_reasoned(TM, rejected(ground), MEMBERS)


def test_rj_05_a_price_equal_to_the_ceiling_is_valid() -> None:
    assert not rejection.is_above(Money(100), Money(100))
    assert rejection.is_above(Money(101), Money(100))


@pytest.mark.parametrize(
    ("law", "remaining", "lacking", "consequence"),
    [
        (TM, 3, None, Consequence.CONTINUE),
        (TM, 2, None, Consequence.VOTE),
        (TM, 2, True, Consequence.FAIL),
        (TM, 2, False, Consequence.CONTINUE),
        (TM, 0, False, Consequence.FAIL),
        (GP, 3, None, Consequence.CONTINUE),
        (GP, 2, False, Consequence.FAIL),
        (SM, 1, None, Consequence.CONTINUE),
        (SM, 0, None, Consequence.FAIL),
    ],
)
def test_few_remaining_bids_mean_what_the_regime_says(
    law: rulebook.Rulebook, remaining: int, lacking: bool | None, consequence: Consequence
) -> None:
    assert rejection.when_few_remain(law, remaining, competition_lacking=lacking) is consequence


PLACES = [Place(1, "A", False), Place(2, "B", False), Place(3, "C", False)]
GAVE_UP = award.Passed("A", award.PassOver.GAVE_UP, "letter of 3 December")


def test_lc_05_rank_one_wins_under_state_funds() -> None:
    assert award.require_lawful_award(TM, "A", PLACES, {}, state_funds=True) == 1
    with pytest.raises(NotValid, match="better_candidate") as refused:
        award.require_lawful_award(TM, "B", PLACES, {}, state_funds=True)
    assert refused.value.details["bids"] == ["A"]


def test_lc_05_a_listed_reason_lets_the_next_one_win() -> None:
    assert award.require_lawful_award(TM, "B", PLACES, {"A": GAVE_UP}, state_funds=True) == 2
    with pytest.raises(NotValid, match="better_candidate"):
        award.require_lawful_award(TM, "C", PLACES, {"A": GAVE_UP}, state_funds=True)
    bare = award.Passed("A", award.PassOver.GAVE_UP, " ")
    with pytest.raises(NotValid, match="passed_over_without_evidence"):
        award.require_lawful_award(TM, "B", PLACES, {"A": bare}, state_funds=True)


def test_the_buyer_is_freer_without_state_money_and_never_in_procurement() -> None:
    assert award.require_lawful_award(TM, "B", PLACES, {}, state_funds=False) == 2
    assert award.require_lawful_award(TV, "B", PLACES, {}, state_funds=True) == 2
    with pytest.raises(NotValid, match="better_candidate"):
        award.require_lawful_award(GP, "B", PLACES, {}, state_funds=False)


def test_only_a_candidate_can_win() -> None:
    with pytest.raises(NotValid, match="not_a_candidate"):
        award.require_lawful_award(TM, "D", PLACES, {}, state_funds=False)


@pytest.mark.parametrize(
    ("seconds", "open_objections", "suspended", "code"),
    [
        (0, 0, False, None),
        (-1, 0, False, "standstill_running"),
        (0, 1, False, "objection_open"),
        (0, 1, True, "suspended"),
    ],
)
def test_an_award_follows_the_standstill_with_nothing_open(
    seconds: int, open_objections: int, suspended: bool, code: str | None
) -> None:
    def confirm() -> None:
        award.require_award_may_follow(
            standstill_ends_at=NOW,
            now=NOW + timedelta(seconds=seconds),
            open_objections=open_objections,
            suspended=suspended,
            source="x",
        )

    if code is None:
        confirm()
    else:
        with pytest.raises(NotNow, match=code):
            confirm()


def test_t_113_every_loser_is_told_with_the_letter() -> None:
    award.require_everyone_told({"a", "b"}, {"a", "b"})
    with pytest.raises(NotValid, match="losers_not_told"):
        award.require_everyone_told({"a", "b"}, {"a"})


EX_13 = {
    "A": dict(zip(("E1", "E2", "E3", "E4", "E5"), (78, 80, 79, 95, 81), strict=True)),
    "B": dict(zip(("E1", "E2", "E3", "E4", "E5"), (85, 84, 86, 70, 85), strict=True)),
    "C": dict(zip(("E1", "E2", "E3", "E4", "E5"), (74, 75, 73, 72, 74), strict=True)),
}


@pytest.mark.parametrize(("bid", "z"), [("A", "10.12"), ("B", "-10.12"), ("C", "-1.35")])
def test_ex_13_robust_z_of_e4(bid: str, z: str) -> None:
    found = outliers.robust_z(EX_13[bid]["E4"], list(EX_13[bid].values()))

    assert found is not None
    assert outliers.score(found) == Decimal(z)


def test_ex_13_x_01_is_red_on_a_and_b_with_opposite_signs() -> None:
    found = outliers.far_from_others(EX_13, 100)

    assert [(one.check, one.light, one.member, one.bid) for one in found] == [
        ("X-01", Light.RED, "E4", "A"),
        ("X-01", Light.RED, "E4", "B"),
    ]
    assert found[0].figure > 0 > found[1].figure


def test_ex_13_x_04_the_winner_flips_without_e4_and_without_nobody_else() -> None:
    found = outliers.flips(EX_13)

    assert [(one.member, one.bid, one.light, one.figure) for one in found] == [("E4", "B", Light.ORANGE, 2)]


def test_ex_13_x_05_e4_gives_the_top_its_best_and_the_rival_its_worst() -> None:
    found = outliers.opposite_extremes(EX_13, top="A", rival="B")

    assert [(one.member, one.light, one.figure) for one in found] == [("E4", Light.RED, 25)]
    assert outliers.opposite_extremes(EX_13, top="B", rival="A") == []


def test_x_01_a_floor_keeps_small_quarrels_quiet_and_unanimity_has_no_z() -> None:
    close = {"A": {"E1": 80, "E2": 80, "E3": 80, "E4": 82, "E5": 80}}

    assert outliers.far_from_others(close, 100) == []
    assert outliers.robust_z(82, list(close["A"].values())) is None


@pytest.mark.parametrize(("given", "fires"), [("70", False), ("70.01", True)])
def test_x_02_fires_beyond_a_fifth_of_the_full_score(given: str, fires: bool) -> None:
    points = {"A": {"E1": Decimal(given), "E2": 40, "E3": 50, "E4": 60}}

    assert any(one.check == "X-02" for one in outliers.far_from_others(points, 100)) is fires


def test_x_03_three_items_in_one_direction_are_sustained_bias() -> None:
    item = ({"A": {"E1": Decimal(10), "E2": Decimal(6), "E3": Decimal(6), "E4": Decimal(6)}}, Decimal(10))
    three = {"i1": item, "i2": item, "i3": item}

    assert [(one.member, one.light, one.figure) for one in outliers.sustained_bias(three)] == [
        ("E1", Light.ORANGE, 3)
    ]
    assert outliers.sustained_bias(three, winners=["A"])[0].light is Light.RED
    assert outliers.sustained_bias({"i1": item, "i2": item}) == []


def test_a_base_of_other_points_takes_part_in_the_flip_test() -> None:
    decide = outliers.best_mean({"A": 0, "B": 30, "C": 0})

    assert decide(EX_13) == {"B"}
    assert outliers.flips(EX_13, decide) == []


PLAN = draw.Plan(seats=5, specialty="A08", home_region="51", non_local_min=2, spare=2)


def roster() -> list[draw.Expert]:
    return [
        draw.Expert(f"x{n}", frozenset({"A08"}), "51" if n < 6 else "50", employer_id="univ", years=9)
        for n in range(9)
    ]


def test_the_pool_holds_only_who_may_judge() -> None:
    bad = [
        draw.Expert("i", frozenset({"A08"}), "51", active=False, years=9),
        draw.Expert("s", frozenset({"B01"}), "51", years=9),
        draw.Expert("c", frozenset({"A08"}), "51", employer_id="org-1", years=9),
        draw.Expert("y", frozenset({"A08"}), "51", years=7),
    ]

    found = draw.pool([*reversed(roster()), *bad], PLAN, BIDDERS, TM, on=TODAY)

    assert [expert.expert_id for expert in found] == [f"x{n}" for n in range(9)]


def test_a_cool_down_keeps_the_same_faces_away() -> None:
    plan = draw.Plan(seats=1, specialty="A08", home_region="51", cool_down_days=30)
    recent = draw.Expert("r", frozenset({"A08"}), "51", years=9, served_buyer_on=TODAY - timedelta(days=29))
    rested = draw.Expert("o", frozenset({"A08"}), "51", years=9, served_buyer_on=TODAY - timedelta(days=30))

    assert draw.pool([recent, rested], plan, BIDDERS, TM, on=TODAY) == [rested]


def test_a_pool_that_cannot_fill_the_seats_is_refused_without_names() -> None:
    with pytest.raises(NotValid, match="pool_too_small") as refused:
        draw.pool(roster()[:6], PLAN, BIDDERS, TM, on=TODAY)
    assert refused.value.details == {"found": 6, "needed": 7}
    with pytest.raises(NotValid, match="too_few_non_locals"):
        draw.pool(roster()[:7], PLAN, BIDDERS, TM, on=TODAY)


ORDER = ["x0", "x1", "x2", "x3", "x6", "x4", "x7", "x5", "x8"]
REGIONS = {expert.expert_id: expert.region for expert in roster()}


def test_seats_are_filled_down_the_drawn_order_with_room_for_non_locals() -> None:
    assert draw.next_to_invite(ORDER, REGIONS, PLAN, {}) == ["x0", "x1", "x2", "x6", "x7"]


def test_a_refusal_is_the_next_place_of_the_same_order() -> None:
    answers = dict.fromkeys(["x0", "x1", "x2", "x6", "x7"], draw.Answer.ACCEPTED)

    assert draw.next_to_invite(ORDER, REGIONS, PLAN, answers) == []
    assert draw.next_to_invite(ORDER, REGIONS, PLAN, {**answers, "x1": draw.Answer.DECLINED}) == ["x3"]
    assert draw.next_to_invite(ORDER, REGIONS, PLAN, {**answers, "x7": draw.Answer.AVOIDS}) == ["x8"]
    gone: dict[str, draw.Answer | None] = {**answers, "x7": draw.Answer.LEFT, "x8": draw.Answer.DECLINED}
    with pytest.raises(NotValid, match="pool_exhausted"):
        draw.next_to_invite(ORDER, REGIONS, PLAN, gone)


def test_nobody_answers_who_was_not_drawn() -> None:
    with pytest.raises(NotValid, match="not_drawn"):
        draw.next_to_invite(ORDER, REGIONS, PLAN, {"stranger": None})


def test_t_122_binds_in_chongqing_only() -> None:
    drawn_at = NOW - timedelta(hours=25)

    assert draw.require_late_draw(TM, drawn_at=drawn_at, evaluation_at=NOW, calendar=official()) == ()


@pytest.mark.parametrize(
    ("law", "ahead", "warned"), [(CHONGQING, 24, 0), (CHONGQING, 25, 1), (GP, 96, 0), (GP, 120, 1)]
)
def test_v_03_experts_are_drawn_late(law: rulebook.Rulebook, ahead: int, warned: int) -> None:
    found = draw.require_late_draw(
        law, drawn_at=NOW - timedelta(hours=ahead), evaluation_at=NOW, calendar=official()
    )

    assert [caution.code for caution in found] == ["drawn_too_early"] * warned
    with pytest.raises(NotValid, match="draw_after_evaluation"):
        draw.require_late_draw(law, drawn_at=NOW, evaluation_at=NOW - timedelta(1), calendar=official())


def test_ratios_stay_fractions() -> None:
    assert TM["panel_expert_share_min"].ratio == Fraction(2, 3)
