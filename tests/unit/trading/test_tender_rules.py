"""Moves, procedures, objections, eligibility, notices."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from kernel import rulebook
from kernel.calendar import Calendar, without_notice
from kernel.errors import NotAllowed, NotNow, NotValid
from kernel.money import Money
from trading import procedures
from trading.procedures import PROCEDURES, procedure
from trading.rules import notices
from trading.rules.eligibility import (
    Applicant,
    Party,
    Relation,
    invalid_for_relation,
    related,
    require_eligible,
)
from trading.rules.lifecycle import FINAL, MOVES, Move, Stage, after, choices, require_not_suspended
from trading.rules.notices import NoticeKind
from trading.rules.objections import (
    Effect,
    Matter,
    Standing,
    file,
    require_no_open_objection,
    require_standing,
    window,
)
from trading.rules.seats import require_lawful_seats

CALENDAR = Calendar([without_notice(2026), without_notice(2027)])
NOW = datetime(2026, 12, 1, 1, tzinfo=UTC)
TM = rulebook.in_force("TM", "CN", NOW)
GP = rulebook.in_force("GP", "CN", NOW)
SM = rulebook.in_force("SM", "CN", NOW)
LA = rulebook.in_force("LA", "CN", NOW)


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("move", list(Move))
def test_a_move_is_in_the_table_or_refused(stage: Stage, move: Move) -> None:
    if (stage, move) in MOVES:
        assert after(stage, move) is MOVES[stage, move]
        assert move in choices(stage)
    else:
        with pytest.raises(NotNow, match="wrong_stage") as refused:
            after(stage, move)
        assert refused.value.details["choices"] == tuple(one.value for one in choices(stage))


def test_no_move_leads_out_of_a_final_stage_and_every_stage_is_reached() -> None:
    assert all(not choices(stage) for stage in FINAL)
    assert {*MOVES.values(), Stage.DRAFT} == set(Stage)


def test_nothing_is_awarded_without_opening_evaluation_and_standstill() -> None:
    stage = Stage.DRAFT
    for move in (
        Move.PUBLISH,
        Move.OPEN_BIDS,
        Move.EVALUATE,
        Move.PROPOSE_AWARD,
        Move.CONFIRM_AWARD,
        Move.CONTRACT,
    ):
        stage = after(stage, move)
    assert stage is Stage.CONTRACTED
    assert [pair for pair, to in MOVES.items() if to is Stage.AWARDED] == [
        (Stage.STANDSTILL, Move.CONFIRM_AWARD)
    ]
    assert after(Stage.STANDSTILL, Move.EVALUATE) is Stage.EVALUATION


def test_a_suspended_lot_stands_still() -> None:
    require_not_suspended(False)
    with pytest.raises(NotNow, match="suspended"):
        require_not_suspended(True)


@pytest.mark.parametrize(
    ("code", "regime", "refusal"),
    [
        ("open", "TM", None),
        ("open", "GP", None),
        ("negotiation", "GP", None),
        ("negotiation", "TM", "procedure_not_in_regime"),
        ("listing", "LA", None),
        ("listing", "GP", "procedure_not_in_regime"),
        ("raffle", "GP", "unknown_procedure"),
    ],
)
def test_a_procedure_belongs_to_its_regimes(code: str, regime: str, refusal: str | None) -> None:
    if refusal is None:
        assert procedure(code, regime).code == code
    else:
        with pytest.raises(NotValid, match=refusal):
            procedure(code, regime)


def test_every_procedure_names_rows_that_exist() -> None:
    on_file = {limit.name for limit in rulebook.rows()}

    for one in PROCEDURES.values():
        assert {one.tendering, one.documents, *([one.bids] if one.bids else [])} <= on_file, one.code
        assert set(one.regimes) <= {regime.value for regime in rulebook.Regime}


def test_a_procedure_with_a_panel_is_open_only_where_the_law_knows_panels() -> None:
    for one in PROCEDURES.values():
        for regime in one.regimes if one.needs_panel else ():
            law = rulebook.in_force(regime, "CN", NOW)
            needed = ("panel_seats_min", "panel_expert_share_min", "weights_sum", "trimmed_mean_members_min")
            assert all(name in law for name in needed), (one.code, regime)


def test_how_many_bids_are_needed_is_a_row() -> None:
    least = procedures.OPEN.bids_min(TM)

    assert least is not None
    assert least.count == 3
    assert procedures.LISTING.bids_min(LA) is None


def at(day: str, clock: str = "09:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}+08:00")


def test_dv_3_objections_to_documents_end_ten_days_before_the_deadline() -> None:
    until = window(TM, Matter.DOCUMENTS, calendar=CALENDAR, closes_at=at("2026-12-21"))

    assert (until.rule, until.last_day) == ("T-107", date(2026, 12, 11))
    assert until.ends_at == at("2026-12-12", "00:00")


@pytest.mark.parametrize(
    ("filed", "in_time", "effect"),
    [("2026-12-11T23:59:59", True, Effect.SUSPEND), ("2026-12-12T00:00:00", False, Effect.NONE)],
)
def test_a_late_objection_is_taken_marked_and_holds_nothing(
    filed: str, in_time: bool, effect: Effect
) -> None:
    until = window(TM, Matter.DOCUMENTS, calendar=CALENDAR, closes_at=at("2026-12-21"))

    filing = file(TM, Matter.DOCUMENTS, until, datetime.fromisoformat(f"{filed}+08:00"), calendar=CALENDAR)

    assert (filing.in_time, filing.effect) == (in_time, effect)
    assert filing.answer.rule == "T-108"


def test_t_106_objections_to_prequalification_end_two_days_before() -> None:
    until = window(TM, Matter.PREQUALIFICATION, calendar=CALENDAR, closes_at=at("2026-12-21"))

    assert (until.rule, until.last_day) == ("T-106", date(2026, 12, 19))


def test_t_112_objections_to_the_result_end_with_the_publicity() -> None:
    until = window(TM, Matter.RESULT, calendar=CALENDAR, ends_at=at("2026-12-08", "00:00"))

    assert (until.rule, until.ends_at) == ("T-112", at("2026-12-08", "00:00"))
    filing = file(TM, Matter.RESULT, until, at("2026-12-07", "23:59"), calendar=CALENDAR)
    assert filing.effect is Effect.SUSPEND


def test_t_109_an_objection_at_the_opening_holds_the_session() -> None:
    until = window(TM, Matter.OPENING, calendar=CALENDAR, ends_at=at("2026-12-21", "10:00"))

    assert until.rule == "T-109"
    assert (
        file(TM, Matter.OPENING, until, at("2026-12-21", "09:59"), calendar=CALENDAR).effect
        is Effect.HOLD_SESSION
    )


def test_t_230_a_challenge_runs_seven_working_days_from_its_anchor() -> None:
    until = window(GP, Matter.RESULT, calendar=CALENDAR, anchor_at=at("2026-12-02"))

    assert (until.rule, until.last_day) == ("T-230", date(2026, 12, 11))
    filing = file(GP, Matter.RESULT, until, at("2026-12-11"), calendar=CALENDAR)
    assert (filing.answer.rule, filing.answer.last_day) == ("T-231", date(2026, 12, 22))
    assert filing.effect is Effect.HOLD_CONTRACT
    assert file(GP, Matter.DOCUMENTS, until, at("2026-12-11"), calendar=CALENDAR).effect is Effect.NONE


def test_a_window_needs_the_instant_it_is_counted_from() -> None:
    with pytest.raises(NotValid, match="anchor_missing"):
        window(GP, Matter.RESULT, calendar=CALENDAR)


def test_a_regime_without_objections_says_so() -> None:
    until = window(LA, Matter.RESULT, calendar=CALENDAR, ends_at=NOW + timedelta(days=1))

    with pytest.raises(NotValid, match="no_objections_in_regime"):
        file(LA, Matter.RESULT, until, NOW, calendar=CALENDAR)


@pytest.mark.parametrize(
    ("law", "matter", "standing", "allowed"),
    [
        (TM, Matter.DOCUMENTS, Standing.INTERESTED, True),
        (GP, Matter.DOCUMENTS, Standing.INTERESTED, False),
        (GP, Matter.DOCUMENTS, Standing.PROSPECT, True),
        (TM, Matter.OPENING, Standing.BIDDER, True),
        (TM, Matter.OPENING, Standing.PROSPECT, False),
        (TM, Matter.RESULT, Standing.INTERESTED, True),
        (TM, Matter.RESULT, Standing.NONE, False),
        (GP, Matter.RESULT, Standing.BIDDER, True),
        (GP, Matter.RESULT, Standing.PROSPECT, False),
    ],
)
def test_who_may_object_depends_on_the_matter(
    law: rulebook.Rulebook, matter: Matter, standing: Standing, allowed: bool
) -> None:
    if allowed:
        require_standing(law, matter, standing)
    else:
        with pytest.raises(NotAllowed, match="no_standing"):
            require_standing(law, matter, standing)


def test_an_open_objection_holds_the_award() -> None:
    require_no_open_objection(0)
    with pytest.raises(NotNow, match="objection_open"):
        require_no_open_objection(1)


DEADLINE = date(2026, 12, 21)


@pytest.mark.parametrize(
    ("applicant", "code"),
    [
        (Applicant("o", {"B1": None}), None),
        (Applicant("o", {"B1": DEADLINE}), None),
        (Applicant("o", {"B1": DEADLINE - timedelta(days=1)}), "not_qualified"),
        (Applicant("o"), "not_qualified"),
        (Applicant("o", {"B1": None}, debarred_until=DEADLINE), None),
        (Applicant("o", {"B1": None}, debarred_until=DEADLINE + timedelta(days=1)), "debarred"),
        (Applicant("o", {"B1": None}, serves_buyer=True), "serves_buyer"),
    ],
)
def test_who_may_bid(applicant: Applicant, code: str | None) -> None:
    if code is None:
        require_eligible(applicant, ["B1"], on=DEADLINE)
    else:
        with pytest.raises((NotAllowed, NotValid), match=code):
            require_eligible(applicant, ["B1"], on=DEADLINE)


@pytest.mark.parametrize(
    ("one", "other", "relations"),
    [
        (Party("a", "Li"), Party("b", "Wang"), []),
        (Party("a", "Li"), Party("b", "Li"), [Relation.SAME_HEAD]),
        (Party("a", ""), Party("b", ""), []),
        (Party("a", "Li", controls=frozenset({"b"})), Party("b", "Wang"), [Relation.CONTROL]),
        (Party("a", "Li"), Party("b", "Wang", manages=frozenset({"a"})), [Relation.MANAGEMENT]),
        (
            Party("a", "Li", controls=frozenset({"m"})),
            Party("b", "Wang", members=frozenset({"b", "m"})),
            [Relation.CONTROL],
        ),
        (
            Party("a", "Li", members=frozenset({"a", "m"})),
            Party("b", "Wang", members=frozenset({"b", "m"})),
            [Relation.SAME_MEMBER],
        ),
    ],
)
def test_rj_12_parties_too_close_cannot_bid_against_each_other(
    one: Party, other: Party, relations: list[Relation]
) -> None:
    found = related([other, one])

    assert [(pair.first, pair.second, pair.relation) for pair in found] == [
        ("a", "b", how) for how in relations
    ]
    for law in (TM, GP):
        assert invalid_for_relation(law, [one, other]) == (
            frozenset({"a", "b"}) if relations else frozenset()
        )
    assert invalid_for_relation(SM, [one, other]) == frozenset()


def filled(paths: tuple[str, ...]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for path in paths:
        here: Any = body
        *heads, last = path.split(".")
        for head in heads:
            here = here.setdefault(head[:-2], [{}])[0] if head.endswith("[]") else here.setdefault(head, {})
        here[last] = 0
    return body


@pytest.mark.parametrize("kind", list(NoticeKind))
@pytest.mark.parametrize("law", [TM, GP])
def test_nr_01_every_required_field_is_missed_when_it_lacks(law: rulebook.Rulebook, kind: NoticeKind) -> None:
    paths = notices.required_fields(law, kind, has_agent=True)

    notices.require_complete_notice(law, kind, filled(paths), has_agent=True)
    for path in paths:
        rest = tuple(one for one in paths if one != path)
        assert notices.missing_fields(law, kind, filled(rest), has_agent=True) == [path]


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_nr_01_an_empty_field_is_a_missing_one(empty: object) -> None:
    with pytest.raises(NotValid, match="notice_incomplete") as refused:
        notices.require_complete_notice(TM, NoticeKind.TERMINATION, {"reason": empty, "refunds": "in full"})

    assert refused.value.details["missing"] == ["reason"]


def test_nr_01_every_element_of_a_list_is_asked() -> None:
    body = {
        "changes": [{"item": 1, "before": 2, "after": 3}, {"item": 1, "before": 2}],
        "affects_bids": False,
        "closes_at": 0,
    }

    assert notices.missing_fields(TM, NoticeKind.CLARIFICATION, body) == ["changes[].after"]


WEIGHTS = {"price": Decimal(30), "technical": Decimal(50), "business": Decimal(20)}


def test_nr_05_weights_sum_to_a_hundred() -> None:
    assert notices.require_sound_weights(TM, WEIGHTS) == ()
    for business in ("19.99", "20.01"):
        with pytest.raises(NotValid, match="weights_not_100"):
            notices.require_sound_weights(TM, {**WEIGHTS, "business": Decimal(business)})
    with pytest.raises(NotValid, match="weight_not_positive"):
        notices.require_sound_weights(TM, {**WEIGHTS, "charm": Decimal(0)})


@pytest.mark.parametrize(
    ("category", "price", "consultation", "warned"),
    [
        ("goods", 30, False, False),
        ("goods", 29, False, True),
        ("services", 10, False, False),
        ("services", 9, False, True),
        ("goods", 60, True, False),
        ("goods", 61, True, True),
        ("services", 31, True, True),
        ("works", 5, False, False),
    ],
)
def test_nr_05_the_price_share_of_procurement_is_watched(
    category: str, price: int, consultation: bool, warned: bool
) -> None:
    weights = {"price": Decimal(price), "technical": Decimal(100 - price)}

    cautions = notices.require_sound_weights(
        GP, weights, price_factor="price", category=category, consultation=consultation
    )

    assert [caution.code for caution in cautions] == (["price_share"] if warned else [])


def test_nr_05_procurement_scores_the_price() -> None:
    with pytest.raises(NotValid, match="price_not_scored"):
        notices.require_sound_weights(GP, WEIGHTS)


@pytest.mark.parametrize(
    ("law", "bond", "estimate", "category", "cash_only", "outcome"),
    [
        (TM, "20000.00", 1_000_000, "works", False, None),
        (TM, "20000.01", 1_000_000, "works", False, "bond_share"),
        (TM, "800000.01", 100_000_000, "works", False, "caution bond_cap"),
        (TM, "800000", 100_000_000, "works", False, None),
        (TM, "100000.01", 100_000_000, "survey", False, "caution bond_cap"),
        (TM, "1", 1_000_000, "works", True, "bond_cash_only"),
        (GP, "20000.01", 1_000_000, "goods", False, "bond_share"),
        (GP, "0", 0, "goods", True, None),
        (SM, "20000.01", 1_000_000, "goods", False, "caution bond_share"),
        (TM, "-1", 1_000_000, "works", False, "bond_negative"),
    ],
)
def test_sf_02_bid_bonds_have_their_caps(
    law: rulebook.Rulebook, bond: str, estimate: int, category: str, cash_only: bool, outcome: str | None
) -> None:
    def check() -> list[str]:
        found = notices.require_lawful_bond(
            law, Money.from_yuan(bond), Money.from_yuan(estimate), category=category, cash_only=cash_only
        )
        return [f"caution {caution.code}" for caution in found]

    if outcome is None or outcome.startswith("caution"):
        assert check() == ([outcome] if outcome else [])
    else:
        with pytest.raises(NotValid, match=outcome):
            check()


@pytest.mark.parametrize(
    ("seats", "buyer", "code"),
    [
        (5, 1, None),
        (7, 2, None),
        (4, 1, "panel_size"),  # even
        (3, 1, "panel_size"),
        (6, 2, "panel_size"),
        (5, 2, "too_few_experts"),  # three of five are less than two thirds
        (5, 5, "too_few_experts"),
    ],
)
def test_a_notice_prints_no_panel_that_could_never_form(seats: int, buyer: int, code: str | None) -> None:
    if code is None:
        assert require_lawful_seats(TM, seats=seats, buyer_seats=buyer) == ()
        return
    with pytest.raises(NotValid, match=code) as no:
        require_lawful_seats(TM, seats=seats, buyer_seats=buyer)
    assert no.value.field in ("seats", "buyer_seats")
