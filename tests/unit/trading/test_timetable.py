"""The dates of a notice against the law: DV-1…DV-9 through the rulebook, both sides of every bound."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from kernel import rulebook
from kernel.calendar import SHANGHAI, Calendar, Verdict, without_notice
from kernel.errors import NotNow, NotValid
from trading.procedures import CONSULTATION, NEGOTIATION
from trading.rules.dues import AFTER, due, dues_after, require_standstill_over, standstill
from trading.rules.timetable import (
    Plan,
    Prequalification,
    check_clarification,
    check_timetable,
    repaired,
    require_lawful_timetable,
    require_timely_clarification,
)

CALENDAR = Calendar([without_notice(2026), without_notice(2027)])


def at(day: str, clock: str = "09:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=SHANGHAI).astimezone(UTC)


NOW = at("2026-12-01")
TM = rulebook.in_force("TM", "CN", NOW)
TV = rulebook.in_force("TV", "CN", NOW)
GP = rulebook.in_force("GP", "CN", NOW)
SM = rulebook.in_force("SM", "CN", NOW)

SOUND = Plan(
    published_at=NOW,
    documents_from_at=NOW,
    documents_until_at=at("2026-12-08", "17:00"),
    bids_close_at=at("2026-12-21"),
    opens_at=at("2026-12-21"),
    validity_days=90,
    bond_validity_days=90,
)


def verdicts(law: rulebook.Rulebook, plan: Plan, **more: object) -> dict[str, str]:
    found = check_timetable(law, plan, calendar=CALENDAR, **more)  # type: ignore[arg-type]
    return {f"{one.rule} {one.code}": one.verdict.value for one in found if one.verdict is not Verdict.OK}


def closing(day: str, clock: str = "09:00") -> Plan:
    return replace(SOUND, bids_close_at=at(day, clock), opens_at=at(day, clock))


@pytest.mark.parametrize("law", [TM, TV, GP, SM])
def test_a_sound_plan_passes_without_a_word(law: rulebook.Rulebook) -> None:
    assert verdicts(law, SOUND) == {}
    assert require_lawful_timetable(law, SOUND, calendar=CALENDAR) == ()


@pytest.mark.parametrize(
    ("day", "clock", "tm", "tv"),
    [
        ("2026-12-20", "23:59", "block", "warn"),
        ("2026-12-21", "08:00", "warn", "warn"),
        ("2026-12-21", "09:00", None, None),
        ("2026-12-22", "00:00", None, None),
    ],
)
def test_dv_1_t_102_twenty_days_for_bids(day: str, clock: str, tm: str | None, tv: str | None) -> None:
    for law, expected in ((TM, tm), (TV, tv)):
        found = verdicts(law, closing(day, clock))
        assert [verdict for key, verdict in found.items() if key.startswith("T-102")] == (
            [expected] if expected else []
        )


def test_dv_1_t_201_procurement_counts_the_same_days() -> None:
    assert verdicts(GP, closing("2026-12-20")) == {"T-201 period_too_short": "block"}
    assert verdicts(GP, closing("2026-12-21")) == {}


@pytest.mark.parametrize(
    ("law", "row", "last_unlawful", "first_lawful"),
    [(TM, "T-101", "2026-12-05", "2026-12-06"), (GP, "T-202", "2026-12-07", "2026-12-08")],
)
def test_dv_5_documents_are_available_five_days_natural_or_working(
    law: rulebook.Rulebook, row: str, last_unlawful: str, first_lawful: str
) -> None:
    short = replace(SOUND, documents_until_at=at(last_unlawful, "17:00"))
    enough = replace(SOUND, documents_until_at=at(first_lawful, "17:00"))

    assert verdicts(law, short) == {f"{row} period_too_short": "block"}
    assert verdicts(law, enough) == {}


def test_a_refused_plan_names_bound_actual_and_the_earliest_lawful_date() -> None:
    with pytest.raises(NotValid) as refused:
        require_lawful_timetable(TM, closing("2026-12-15"), calendar=CALENDAR)

    (told,) = refused.value.details["rules"]  # type: ignore[misc]
    assert refused.value.code == "unlawful_timetable"
    assert refused.value.field == "bids_close_at"
    assert told["rule"] == "T-102"
    assert (told["bound"], told["actual"]) == ("2026-12-21", "2026-12-15")
    assert told["earliest"] == at("2026-12-21").isoformat()
    assert told["calendar"] == ["2026.0"]
    assert told["source"] == "招标投标法 第二十四条"


def test_c05_a_short_last_day_is_a_caution_that_can_be_recorded() -> None:
    (caution,) = require_lawful_timetable(TM, closing("2026-12-21", "08:00"), calendar=CALENDAR)

    assert caution.code == "last_day_too_short"
    assert caution.details["earliest"] == at("2026-12-21").isoformat()


@pytest.mark.parametrize(
    "plan",
    [
        closing("2026-12-10"),
        closing("2026-12-21", "08:00"),
        replace(SOUND, documents_until_at=at("2026-12-02")),
        replace(closing("2026-12-03"), documents_until_at=at("2026-12-02")),
        replace(SOUND, opens_at=at("2026-12-22")),
        replace(SOUND, documents_until_at=at("2026-12-28")),
        replace(SOUND, objections_until_at=at("2026-12-05")),
    ],
)
@pytest.mark.parametrize("law", [TM, GP])
def test_one_press_repairs_a_plan(law: rulebook.Rulebook, plan: Plan) -> None:
    changes = repaired(law, plan, calendar=CALENDAR)

    assert require_lawful_timetable(law, replace(plan, **changes), calendar=CALENDAR) == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"opens_at": at("2026-12-21", "09:01")}, "opening_is_not_the_deadline"),
        ({"documents_from_at": at("2026-11-30")}, "documents_before_notice"),
        ({"documents_until_at": NOW}, "documents_end_before_start"),
        ({"documents_until_at": at("2026-12-22")}, "documents_end_after_deadline"),
    ],
)
@pytest.mark.parametrize("law", [TM, TV, GP, SM])
def test_the_plain_order_of_events_is_never_relaxed(
    law: rulebook.Rulebook, change: dict[str, datetime], code: str
) -> None:
    found = verdicts(law, replace(SOUND, **change))  # type: ignore[arg-type]

    assert found[f"order {code}"] == "block"


def test_t_121_bid_and_bond_bind_equally_long() -> None:
    assert verdicts(TM, replace(SOUND, bond_validity_days=89)) == {"T-121 bond_validity_differs": "block"}
    assert verdicts(TM, replace(SOUND, bond_validity_days=None)) == {}


@pytest.mark.parametrize(("day", "blocked"), [("2026-12-11", True), ("2026-12-12", False)])
def test_t_107_a_printed_end_may_not_cut_the_objection_window(day: str, blocked: bool) -> None:
    found = verdicts(TM, replace(SOUND, objections_until_at=at(day, "00:00")))

    assert found == ({"T-107 objection_window_cut": "block"} if blocked else {})


@pytest.mark.parametrize(
    ("law", "close", "expected"),
    [
        (TM, "2026-12-13", {}),
        (TM, "2026-12-12", {"T-103 period_too_short": "block"}),
        (TV, "2026-12-12", {"T-103 period_too_short": "warn"}),
        (GP, "2026-12-08", {}),
        (GP, "2026-12-07", {"T-205 period_too_short": "block"}),
    ],
)
def test_prequalification_leaves_its_days(
    law: rulebook.Rulebook, close: str, expected: dict[str, str]
) -> None:
    stage = Prequalification(at("2026-12-08"), at(close))

    assert verdicts(law, replace(SOUND, prequalification=stage)) == expected


def test_t_203_is_unverified_and_only_warns() -> None:
    assert verdicts(GP, replace(SOUND, notice_until_at=at("2026-12-07"))) == {
        "T-203 period_too_short": "warn"
    }
    assert verdicts(GP, replace(SOUND, notice_until_at=at("2026-12-08"))) == {}


@pytest.mark.parametrize(
    ("procedure", "close", "rows"),
    [
        (NEGOTIATION, "2026-12-03", {"T-211"}),
        (NEGOTIATION, "2026-12-04", set()),
        (CONSULTATION, "2026-12-10", {"T-213"}),
        (CONSULTATION, "2026-12-11", set()),
    ],
)
def test_other_procedures_have_rows_of_their_own(procedure: object, close: str, rows: set[str]) -> None:
    plan = replace(closing(close), documents_until_at=min(at(close), at("2026-12-08", "17:00")))

    found = verdicts(GP, plan, procedure=procedure)

    assert {key.split()[0] for key in found if key.startswith("T-")} == rows


@pytest.mark.parametrize(
    ("issued", "verdict"),
    [("2026-12-06", Verdict.OK), ("2026-12-07", Verdict.BLOCK), ("2026-12-08", Verdict.BLOCK)],
)
@pytest.mark.parametrize("law", [TM, GP])
def test_dv_2_a_clarification_comes_fifteen_days_before_or_moves_the_deadline(
    law: rulebook.Rulebook, issued: str, verdict: Verdict
) -> None:
    result = check_clarification(
        law,
        issued_at=at(issued, "23:59"),
        bids_close_at=at("2026-12-21"),
        affects_bids=True,
        calendar=CALENDAR,
    )

    assert result is not None
    assert (result.verdict, result.bound) == (verdict, date(2026, 12, 6))


def test_dv_2_the_proposed_deadline_is_lawful_and_the_day_before_is_not() -> None:
    with pytest.raises(NotValid, match="clarification_too_late") as refused:
        require_timely_clarification(
            TM,
            issued_at=at("2026-12-08"),
            bids_close_at=at("2026-12-21"),
            affects_bids=True,
            calendar=CALENDAR,
        )

    assert refused.value.details["earliest"] == at("2026-12-23").isoformat()
    for close, lawful in (("2026-12-23", True), ("2026-12-22", False)):
        result = check_clarification(
            TM, issued_at=at("2026-12-08"), bids_close_at=at(close), affects_bids=True, calendar=CALENDAR
        )
        assert result is not None
        assert (result.verdict is Verdict.OK) is lawful


def test_a_clarification_that_cannot_affect_bids_is_free() -> None:
    common = {"issued_at": at("2026-12-20"), "bids_close_at": at("2026-12-21"), "calendar": CALENDAR}

    assert check_clarification(TM, affects_bids=False, **common) is None  # type: ignore[arg-type]
    assert require_timely_clarification(TM, affects_bids=False, **common) == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("vector", "law", "name", "start", "last_day"),
    [
        ("DV-4", TM, "candidate_publicity_days_min", "2026-12-03", "2026-12-07"),
        ("DV-6", GP, "result_notice_period_days", "2026-12-01", "2026-12-02"),
        ("DV-6", GP, "challenge_days_max", "2026-12-02", "2026-12-11"),
        ("DV-6", GP, "objection_answer_days_max", "2026-12-11", "2026-12-22"),
        ("DV-6", GP, "complaint_days_max", "2026-12-22", "2027-01-13"),
        ("DV-7", TM, "contract_days_max", "2026-12-10", "2027-01-11"),
        ("DV-8", TM, "bond_refund_days_max", "2026-12-28", "2027-01-04"),
        ("DV-8", GP, "bond_refund_days_max", "2026-12-28", "2027-01-05"),
        ("T-108", TM, "objection_answer_days_max", "2026-12-01", "2026-12-04"),
        ("T-221", GP, "report_days_max", "2026-12-04", "2026-12-08"),
    ],
)
def test_periods_given_to_a_party_end_at_midnight_of_their_last_day(
    vector: str, law: rulebook.Rulebook, name: str, start: str, last_day: str
) -> None:
    found = due(law, name, at(start), calendar=CALENDAR)

    assert found is not None, vector
    assert found.last_day == date.fromisoformat(last_day)
    assert found.due_at == at(last_day, "00:00") + timedelta(days=1)
    assert found.source


def test_a_due_across_an_unannounced_year_says_so() -> None:
    found = due(GP, "complaint_days_max", at("2026-12-22"), calendar=CALENDAR)

    assert found is not None
    assert found.calendar == ("2026.0", "2027.0")
    assert found.provisional


def test_a_row_the_regime_lacks_runs_never() -> None:
    assert due(TM, "challenge_days_max", NOW, calendar=CALENDAR) is None


@pytest.mark.parametrize(
    ("law", "event", "rows"),
    [
        (TM, "report_received", ["T-110"]),
        (GP, "report_received", ["T-222"]),
        (GP, "evaluation_ended", ["T-221"]),
        (TM, "evaluation_ended", []),
        (TM, "award_decided", ["T-115"]),
        (GP, "award_decided", ["T-223"]),
        (GP, "contract_signed", ["T-228", "T-226", "T-227"]),
        (TM, "bid_withdrawn", ["T-117"]),
        (TM, "complaint_received", ["T-119"]),
        (GP, "complaint_accepted", ["T-233"]),
        (GP, "inquiry_received", ["T-229"]),
    ],
)
def test_every_event_starts_its_rows(law: rulebook.Rulebook, event: str, rows: list[str]) -> None:
    assert [one.rule for one in dues_after(law, event, NOW, calendar=CALENDAR)] == rows


def test_every_row_that_runs_is_in_some_book() -> None:
    on_file = {limit.name for limit in rulebook.rows()}

    assert {name for names in AFTER.values() for name in names} <= on_file


def test_sx_04_an_unanswered_objection_turns_yellow_then_red() -> None:
    found = due(TM, "objection_answer_days_max", at("2026-12-01"), calendar=CALENDAR)

    assert found is not None
    assert found.light(at("2026-12-02", "23:59")) is None
    assert found.light(at("2026-12-03", "00:00")) == "yellow"
    assert found.light(at("2026-12-04", "23:59")) == "yellow"
    assert found.light(at("2026-12-05", "00:00")) == "red"


@pytest.mark.parametrize(
    ("law", "row", "ends"),
    [(TM, "T-111", "2026-12-08"), (GP, "T-224", "2026-12-05"), (SM, "SM-2", "2026-12-05")],
)
def test_the_standstill_lasts_what_its_regime_says(law: rulebook.Rulebook, row: str, ends: str) -> None:
    found = standstill(law, at("2026-12-03"), calendar=CALENDAR)

    assert found is not None
    assert (found.rule, found.due_at) == (row, at(ends, "00:00"))


def test_t_111_an_award_waits_for_the_last_second() -> None:
    ends_at = at("2026-12-08", "00:00")

    require_standstill_over(ends_at, ends_at, source="T-111")
    with pytest.raises(NotNow, match="standstill_running"):
        require_standstill_over(ends_at, ends_at - timedelta(seconds=1), source="T-111")
