"""The numbers of law as data: checked at load, found by name or row, frozen by name."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest

from kernel import rulebook
from kernel.calendar import DayUnit, Period
from kernel.errors import NotValid
from kernel.money import Money
from kernel.rulebook import Funds, Object, Regime, RulebookError, Severity, Undertaking, regime_of
from kernel.rulebook.editions import check, parse_row

NOW = datetime(2026, 12, 1, 1, tzinfo=UTC)
SPAN = date(2000, 1, 1)


def yuan(amount: int) -> Money:
    return Money.from_yuan(amount)


@pytest.mark.parametrize(
    ("regime", "row", "name", "value", "unit", "severity"),
    [
        ("TM", "T-101", "document_days_min", 5, "N", "block"),
        ("TM", "T-102", "tendering_days_min", 20, "N", "block"),
        ("TV", "T-102", "tendering_days_min", 20, "N", "warn"),
        ("TM", "T-103", "prequalification_days_min", 5, "N", "block"),
        ("TV", "T-103", "prequalification_days_min", 5, "N", "warn"),
        ("TM", "T-104", "clarification_days_min", 15, "N", "block"),
        ("TV", "T-104", "clarification_days_min", 15, "N", "block"),
        ("TM", "T-105", "prequalification_clarification_days_min", 3, "N", "block"),
        ("TM", "T-106", "prequalification_objection_days_min", 2, "N", "mark"),
        ("TM", "T-107", "document_objection_days_min", 10, "N", "mark"),
        ("TM", "T-108", "objection_answer_days_max", 3, "N", "red"),
        ("TM", "T-109", "opening_objection_answered_on_the_spot", True, "flag", "block"),
        ("TM", "T-110", "candidate_publication_days_max", 3, "N", "red"),
        ("TM", "T-111", "candidate_publicity_days_min", 3, "N", "block"),
        ("TM", "T-112", "result_objection_inside_publicity", True, "flag", "mark"),
        ("TM", "T-113", "results_told_with_award_letter", True, "flag", "red"),
        ("TM", "T-114", "contract_days_max", 30, "N", "red"),
        ("TM", "T-115", "supervisor_report_days_max", 15, "N", "red"),
        ("TM", "T-116", "bond_refund_days_max", 5, "N", "red"),
        ("TM", "T-117", "withdrawn_bond_refund_days_max", 5, "N", "red"),
        ("TM", "T-118", "complaint_days_max", 10, "N", "mark"),
        ("TM", "T-119", "complaint_acceptance_days_max", 3, "W", "red"),
        ("TM", "T-120", "complaint_decision_days_max", 30, "W", "red"),
        ("TM", "T-121", "bid_validity_from_deadline", True, "flag", "block"),
        ("GP", "T-201", "tendering_days_min", 20, "N", "block"),
        ("GP", "T-202", "document_days_min", 5, "W", "block"),
        ("GP", "T-203", "notice_period_days", 5, "W", "warn"),
        ("GP", "T-204", "clarification_days_min", 15, "N", "block"),
        ("GP", "T-205", "prequalification_days_min", 5, "W", "block"),
        ("GP", "T-206", "invitees_min", 3, "count", "block"),
        ("GP", "T-211", "negotiation_response_days_min", 3, "W", "warn"),
        ("GP", "T-212", "negotiation_suppliers_min", 3, "count", "block"),
        ("GP", "T-213", "consultation_response_days_min", 10, "N", "warn"),
        ("GP", "T-214", "consultation_offers_min", 3, "count", "block"),
        ("GP", "T-215", "single_source_notice_days_min", 5, "W", "block"),
        ("GP", "T-216", "single_source_add_on_share_max", Fraction(1, 10), "ratio", "block"),
        ("GP", "T-221", "report_days_max", 2, "W", "red"),
        ("GP", "T-222", "buyer_decision_days_max", 5, "W", "red"),
        ("GP", "T-223", "result_notice_days_max", 2, "W", "red"),
        ("GP", "T-224", "result_notice_period_days", 1, "W", "warn"),
        ("GP", "T-225", "contract_days_max", 30, "N", "red"),
        ("GP", "T-226", "contract_publication_days_max", 2, "W", "red"),
        ("GP", "T-227", "contract_filing_days_max", 7, "W", "red"),
        ("GP", "T-228", "bond_refund_days_max", 5, "W", "red"),
        ("GP", "T-229", "inquiry_answer_days_max", 3, "W", "red"),
        ("GP", "T-230", "challenge_days_max", 7, "W", "mark"),
        ("GP", "T-231", "objection_answer_days_max", 7, "W", "red"),
        ("GP", "T-232", "complaint_days_max", 15, "W", "mark"),
        ("GP", "T-233", "complaint_decision_days_max", 30, "W", "red"),
        ("GP", "T-234", "retention_years_min", 15, "Y", "block"),
        ("GP", "T-235", "emergency_procedure_exists", True, "flag", "param"),
        ("TM", "CAP-TM-01", "bid_bond_share_max", Fraction(1, 50), "ratio", "block"),
        ("TM", "CAP-TM-04", "bid_bond_works_goods_max", yuan(800_000), "fen", "warn"),
        ("TM", "CAP-TM-05", "bid_bond_survey_design_max", yuan(100_000), "fen", "warn"),
        ("GP", "AL-1", "abnormal_mean_ratio", Fraction(1, 2), "ratio", "block"),
        ("GP", "AL-2", "abnormal_second_low_ratio", Fraction(1, 2), "ratio", "block"),
        ("GP", "AL-3", "abnormal_ceiling_ratio", Fraction(9, 20), "ratio", "block"),
        ("GP", "AL-6", "abnormal_group_min", 3, "count", "block"),
        ("TM", "PN-1", "panel_seats_min", 5, "count", "block"),
        ("WR", "PN-1.2", "panel_seats_min", 7, "count", "block"),
        ("TM", "PN-3", "panel_expert_share_min", Fraction(2, 3), "ratio", "block"),
        ("GP", "PN-6", "panel_seats_large_min", 7, "count", "warn"),
        ("GP", "PS-1", "price_share_goods_min", Fraction(3, 10), "ratio", "warn"),
        ("SM", "SM-2", "candidate_publicity_days_min", 1, "W", "warn"),
        ("LA", "T-301", "notice_days_min", 20, "N", "warn"),
        ("LA", "T-302", "listing_days_min", 10, "N", "warn"),
        ("EQ", "T-322", "capital_increase_disclosure_days_min", 40, "W", "warn"),
    ],
)
def test_a_row_of_the_tables_has_its_value_unit_and_severity(
    regime: str, row: str, name: str, value: object, unit: str, severity: str
) -> None:
    law = rulebook.in_force(regime, "CN", NOW)

    limit = law[name]

    assert limit is law[row]
    assert (limit.id, limit.value, limit.unit, limit.severity) == (row, value, unit, severity)
    assert limit.source


def test_every_row_from_memory_alone_only_warns_or_less() -> None:
    for limit in rulebook.rows():
        if not limit.verified:
            assert limit.severity is not Severity.BLOCK, limit.id


def test_the_rows_t_101_to_t_124_and_t_201_to_t_235_are_all_there() -> None:
    on_file = {limit.id for limit in rulebook.rows()}

    assert {f"T-{number}" for number in range(101, 125)} <= on_file
    for first, last in ((201, 206), (211, 216), (221, 235), (301, 307), (321, 327), (331, 334)):
        assert {f"T-{number}" for number in range(first, last + 1)} <= on_file


def test_a_local_row_wins_in_its_place_and_nowhere_else() -> None:
    chongqing = rulebook.in_force("TM", "CN-50", NOW)
    district = rulebook.in_force("TM", "CN-500112", NOW)
    sichuan = rulebook.in_force("TM", "CN-51", NOW)

    assert chongqing["second_round_may_continue_below_min"].flag
    assert not sichuan["second_round_may_continue_below_min"].flag
    assert district["panel_buyer_seats_max"].count == 2
    assert "panel_buyer_seats_max" not in sichuan
    assert chongqing["T-122"].value == 24
    assert sichuan.get("T-122") is None


@pytest.mark.parametrize(
    ("name", "last_day_before", "first_day"),
    [
        ("abnormal_mean_ratio", "2026-01-31", "2026-02-01"),
        ("abnormal_group_min", "2026-01-31", "2026-02-01"),
        ("domestic_rate", "2025-12-31", "2026-01-01"),
        ("emergency_procedure_exists", "2026-09-30", "2026-10-01"),
    ],
)
def test_a_law_binds_from_its_first_day_in_shanghai(name: str, last_day_before: str, first_day: str) -> None:
    before = datetime.fromisoformat(f"{last_day_before}T15:59:59+00:00")
    first = datetime.fromisoformat(f"{last_day_before}T16:00:00+00:00")

    assert name not in rulebook.in_force("GP", "CN", before)
    assert name in rulebook.in_force("GP", "CN", first)
    assert rulebook.in_force("GP", "CN", first).on.isoformat() == first_day


def test_a_frozen_name_gives_the_same_book_again() -> None:
    law = rulebook.in_force("TM", "CN-50", NOW)

    assert law.edition == "2026.1/TM/CN-50/2026-12-01"
    again = rulebook.edition(law.edition)
    assert again == law
    assert hash(again) == hash(law)
    assert len(law.digest) == 64


@pytest.mark.parametrize(
    "name", ["2026.1", "1999.1/TM/CN/2026-12-01", "2026.1/XX/CN/2026-12-01", "2026.1/TM/FR/2026-12-01", ""]
)
def test_a_name_that_was_never_issued_is_a_bug(name: str) -> None:
    with pytest.raises(RulebookError):
        rulebook.edition(name)


def test_a_book_cannot_be_changed() -> None:
    law = rulebook.in_force("TM", "CN", NOW)

    with pytest.raises(TypeError):
        law.limits["x"] = law["T-102"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        law["T-102"].value = 1  # type: ignore[misc]


def test_asking_for_a_limit_the_regime_lacks_is_a_bug() -> None:
    with pytest.raises(RulebookError, match="no limit"):
        rulebook.in_force("TM", "CN", NOW)["abnormal_mean_ratio"]


def test_a_limit_gives_its_value_in_its_own_type_only() -> None:
    law = rulebook.in_force("GP", "CN", NOW)

    assert law["T-202"].period == Period(5, DayUnit.WORKING)
    assert law["T-202"].count == 5
    assert law["AL-5"].duration.total_seconds() == 1800
    assert law["panel_large_from"].money == yuan(10_000_000)
    for wrong in ("money", "ratio", "flag", "duration"):
        with pytest.raises(RulebookError):
            getattr(law["T-202"], wrong)
    with pytest.raises(RulebookError):
        _ = law["AL-1"].period
    with pytest.raises(RulebookError):
        _ = law["AL-1"].count


@pytest.mark.parametrize(
    ("printed", "allowed"),
    [("0.10", True), ("0.20", True), ("0.15", True), ("0.0999", False), ("0.2001", False)],
)
def test_documents_print_rates_inside_the_range(printed: str, allowed: bool) -> None:
    rate = rulebook.in_force("GP", "CN", NOW)["small_goods_services_rate"]

    assert rate.allows(Fraction(printed)) is allowed


def test_a_printed_value_of_the_wrong_type_is_a_bug() -> None:
    with pytest.raises(TypeError):
        rulebook.in_force("GP", "CN", NOW)["small_goods_services_rate"].allows(1)


def test_a_blocking_row_refuses_and_a_warning_row_cautions() -> None:
    with pytest.raises(NotValid) as refused:
        rulebook.in_force("TM", "CN", NOW)["T-102"].object_to("tendering_too_short", days=19)
    caution = rulebook.in_force("TV", "CN", NOW)["T-102"].object_to("tendering_too_short", days=19)

    assert refused.value.details == {"rule": "T-102", "days": 19}
    assert refused.value.source == caution.source == "招标投标法 第二十四条"
    assert caution.details == {"rule": "T-102", "days": 19}


def a_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": "T-1",
        "name": "some_days_min",
        "regime": "TM",
        "op": ">=",
        "value": 5,
        "unit": "N",
        "severity": "block",
        "basis": ["某法 第一条"],
        "mark": ["L1"],
    }
    row.update(changes)
    return {key: value for key, value in row.items() if value is not None}


def test_a_sound_row_is_read() -> None:
    (limit,) = parse_row(a_row(), SPAN)

    assert (limit.value, limit.verified, limit.blocks) == (5, True, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": "fortnight"},
        {"regime": "ZZ"},
        {"regime": "TM TM"},
        {"regime": ""},
        {"severity": "shout"},
        {"op": "~"},
        {"mark": ["hearsay"]},
        {"mark": []},
        {"basis": []},
        {"basis": None},
        {"value": "5"},
        {"value": 5.0},
        {"value": True},
        {"value": -1},
        {"value": 1, "unit": "flag"},
        {"value": "one half", "unit": "ratio"},
        {"value": "1/0", "unit": "ratio"},
        {"lenient": "TV"},
        {"jurisdiction": "XX"},
        {"low": 6, "high": 8},
        {"low": 5},
        {"effective_from": date(2026, 1, 1), "effective_until": date(2026, 1, 1)},
        {"colour": "red"},
    ],
)
def test_a_row_that_makes_no_sense_stops_the_load(changes: dict[str, Any]) -> None:
    with pytest.raises(RulebookError):
        parse_row(a_row(**changes), SPAN)


@pytest.mark.parametrize(
    ("one", "other", "sound"),
    [
        ({}, {"id": "T-2"}, False),
        ({}, {"name": "other_days_min"}, False),
        ({}, {"id": "T-2", "regime": "GP"}, True),
        ({}, {"id": "T-2", "jurisdiction": "CN-50"}, True),
        ({"effective_until": date(2026, 2, 1)}, {"id": "T-2", "effective_from": date(2026, 2, 1)}, True),
        ({"effective_until": date(2026, 2, 2)}, {"id": "T-2", "effective_from": date(2026, 2, 1)}, False),
        ({}, {"id": "T-2", "regime": "GP", "unit": "flag", "value": True}, False),
    ],
)
def test_two_rows_never_answer_one_question(one: dict[str, Any], other: dict[str, Any], sound: bool) -> None:
    limits = parse_row(a_row(**one), SPAN) + parse_row(a_row(**other), SPAN)

    if sound:
        check(limits)
    else:
        with pytest.raises(RulebookError):
            check(limits)


@pytest.mark.parametrize(
    ("deal", "regime"),
    [
        (
            Undertaking(Object.WORKS, Funds.STATE, yuan(4_000_000), construction=True),
            Regime.COMPULSORY_TENDER,
        ),
        (Undertaking(Object.WORKS, Funds.STATE, yuan(3_999_999), construction=True), Regime.VOLUNTARY_TENDER),
        (
            Undertaking(Object.WORKS, Funds.STATE, yuan(3_999_999), construction=True, tendered=False),
            Regime.SMALL,
        ),
        (
            Undertaking(Object.GOODS, Funds.STATE, yuan(2_000_000), construction=True),
            Regime.COMPULSORY_TENDER,
        ),
        (Undertaking(Object.GOODS, Funds.STATE, yuan(1_999_999), construction=True), Regime.VOLUNTARY_TENDER),
        (
            Undertaking(Object.SURVEY, Funds.STATE, yuan(1_000_000), construction=True),
            Regime.COMPULSORY_TENDER,
        ),
        (Undertaking(Object.SURVEY, Funds.STATE, yuan(999_999), construction=True), Regime.VOLUNTARY_TENDER),
        (
            Undertaking(Object.WORKS, Funds.PRIVATE, yuan(9_000_000), construction=True),
            Regime.VOLUNTARY_TENDER,
        ),
        (
            Undertaking(Object.WORKS, Funds.PRIVATE, yuan(9_000_000), construction=True, public_safety=True),
            Regime.COMPULSORY_TENDER,
        ),
        (
            Undertaking(Object.WORKS, Funds.STATE, yuan(9_000_000), construction=True, sector="transport"),
            Regime.TRANSPORT,
        ),
        (
            Undertaking(Object.WORKS, Funds.STATE, yuan(9_000_000), construction=True, sector="water"),
            Regime.WATER,
        ),
        (
            Undertaking(Object.GOODS, Funds.BUDGET, yuan(1_000_000), procurement_threshold=yuan(1_000_000)),
            Regime.GOVERNMENT_PROCUREMENT,
        ),
        (
            Undertaking(Object.GOODS, Funds.BUDGET, yuan(999_999), procurement_threshold=yuan(1_000_000)),
            Regime.SMALL,
        ),
        (
            Undertaking(Object.GOODS, Funds.BUDGET, yuan(1), in_catalogue=True),
            Regime.GOVERNMENT_PROCUREMENT,
        ),
        (
            Undertaking(
                Object.WORKS,
                Funds.BUDGET,
                yuan(3_000_000),
                construction=True,
                tendered=False,
                in_catalogue=True,
            ),
            Regime.GOVERNMENT_PROCUREMENT,
        ),
        (
            Undertaking(Object.WORKS, Funds.BUDGET, yuan(3_000_000), construction=True, in_catalogue=True),
            Regime.VOLUNTARY_TENDER,
        ),
        (Undertaking(Object.GOODS, Funds.ENTERPRISE, yuan(500_000), tendered=False), Regime.ENTERPRISE),
        (Undertaking(Object.LAND, Funds.STATE, yuan(1)), Regime.LAND),
        (Undertaking(Object.MINERAL, Funds.STATE, yuan(1)), Regime.MINERAL),
        (Undertaking(Object.EQUITY, Funds.STATE, yuan(1)), Regime.STATE_EQUITY),
        (Undertaking(Object.ASSET, Funds.BUDGET, yuan(1)), Regime.ASSET_DISPOSAL),
        (Undertaking(Object.FOREST, Funds.PRIVATE, yuan(1)), Regime.FOREST_RURAL),
        (Undertaking(Object.MEDICINE, Funds.BUDGET, yuan(1)), Regime.MEDICINE),
        (Undertaking(Object.CONCESSION, Funds.STATE, yuan(1)), Regime.CONCESSION),
    ],
)
def test_the_regime_follows_object_money_and_amount(deal: Undertaking, regime: Regime) -> None:
    assert regime_of(deal, jurisdiction="CN", at=NOW)[0] is regime


def test_the_regime_names_the_threshold_that_decided() -> None:
    deal = Undertaking(Object.WORKS, Funds.STATE, yuan(4_000_000), construction=True)

    regime, threshold = regime_of(deal, jurisdiction="CN", at=NOW)

    assert regime is Regime.COMPULSORY_TENDER
    assert threshold is not None
    assert (threshold.id, threshold.money, threshold.verified) == ("R-TM-1", yuan(4_000_000), False)
