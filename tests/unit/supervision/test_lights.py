"""Each light on both sides of its boundary. Source: rules.md §6.2."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kernel import calendar as calendars
from kernel import rulebook
from supervision.rules.clocks import clocks
from supervision.rules.lights import (
    Clarified,
    Colour,
    Light,
    LotWatch,
    Moved,
    Objected,
    Read,
    Watched,
    colour_of,
    lights,
)
from trading.rules.lifecycle import Stage

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # a Monday, 09:00 in Shanghai
DAY = timedelta(days=1)


def watched(**changes: object) -> Watched:
    plain = Watched(
        law=rulebook.in_force("TM", "CN", START),
        calendar=calendars.official(),
        documents_row="document_days_min",
        tendering_row="tendering_days_min",
        documents_from_at=START,
        documents_until_at=START + 8 * DAY,
        bids_close_at=START + 22 * DAY,
        notice_entry=1,
        close_entry=None,
        clarifications=(),
        objections=(),
        moves=(),
        reads=(),
        lots=(LotWatch(1, Stage.TENDERING),),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def seen(w: Watched, now: datetime) -> list[tuple[str, str]]:
    return [(light.rule, light.colour.value) for light in lights(w, now)]


def found(w: Watched, now: datetime, rule: str) -> list[Light]:
    return [one for one in lights(w, now) if one.rule == rule]


def test_a_lawful_tender_shows_no_light() -> None:
    assert seen(watched(), START + DAY) == []
    assert colour_of([]) is Colour.GREEN


def test_sx01_and_sx02_too_few_days() -> None:
    assert seen(watched(documents_until_at=START + 3 * DAY), START) == [("SX-01", "red")]
    assert seen(watched(bids_close_at=START + 19 * DAY), START) == [("SX-02", "red")]


def test_sx02_is_yellow_for_the_lawful_day_at_an_earlier_hour() -> None:
    at_the_hour = watched(bids_close_at=START + 20 * DAY)

    assert seen(at_the_hour, START) == []
    assert seen(replace(at_the_hour, bids_close_at=START + 20 * DAY - timedelta(hours=1)), START) == [
        ("SX-02", "yellow")
    ]


def test_sx03_a_clarification_ten_days_before_a_deadline_that_stayed() -> None:
    near = Clarified(START + 10 * DAY, START + 22 * DAY, 7)
    far = Clarified(START + 6 * DAY, START + 22 * DAY, 7)

    (light,) = lights(watched(clarifications=(near,)), START + 10 * DAY)
    assert (light.rule, light.colour, light.entries) == ("SX-03", Colour.RED, (7,))
    assert lights(watched(clarifications=(far,)), START + 10 * DAY) == []


@pytest.mark.parametrize(("days", "colour"), [(0, None), (1, None), (2, "yellow"), (3, "yellow"), (4, "red")])
def test_sx04_an_objection_waits(days: int, colour: str | None) -> None:
    """Day 2 is yellow, after day 3 is red (T-108)."""
    waiting = Objected("a", "documents", START, None, True, 9)

    expected = [] if colour is None else [("SX-04", colour)]
    assert seen(watched(objections=(waiting,)), START + days * DAY) == expected


def test_sx04_an_answer_in_time_puts_the_light_out_and_a_late_one_does_not() -> None:
    in_time = Objected("a", "documents", START, START + 3 * DAY, True)
    late = replace(in_time, answered_at=START + 5 * DAY)

    assert seen(watched(objections=(in_time,)), START + 30 * DAY) == []
    assert seen(watched(objections=(late,)), START + 30 * DAY) == [("SX-04", "red")]


def test_sx05_speaks_for_procurement() -> None:
    law = rulebook.in_force("GP", "CN", START)
    w = watched(law=law, objections=(Objected("a", "documents", START, None, True),))

    assert ("SX-05", "red") in seen(w, START + 20 * DAY)
    assert ("SX-05", "red") not in seen(w, START + 2 * DAY)


def test_sx06_candidates_wait_for_publication() -> None:
    lot = LotWatch(1, Stage.EVALUATION, reported_at=START)

    assert seen(watched(lots=(lot,)), START + DAY) == []
    assert seen(watched(lots=(lot,)), START + 2 * DAY) == [("SX-06", "yellow")]
    assert seen(watched(lots=(lot,)), START + 4 * DAY) == [("SX-06", "red")]
    published = replace(
        lot, stage=Stage.STANDSTILL, candidates_at=START + DAY, publicity_until_at=START + 9 * DAY
    )
    assert seen(watched(lots=(published,)), START + 4 * DAY) == []


def test_sx07_a_publicity_that_is_too_short() -> None:
    short = LotWatch(1, Stage.STANDSTILL, candidates_at=START, publicity_until_at=START + 2 * DAY)
    full = replace(short, publicity_until_at=START + 4 * DAY)

    assert ("SX-07", "red") in seen(watched(lots=(short,)), START + DAY)
    assert seen(watched(lots=(full,)), START + DAY) == []
    hasty = replace(full, stage=Stage.AWARDED, awarded_at=START + DAY)
    assert ("SX-07", "red") in seen(watched(lots=(hasty,)), START + DAY)


def test_sx09_a_contract_that_is_late() -> None:
    lot = LotWatch(1, Stage.AWARDED, awarded_at=START)

    assert seen(watched(lots=(lot,)), START + 19 * DAY) == []
    assert seen(watched(lots=(lot,)), START + 20 * DAY) == [("SX-09", "yellow")]
    assert seen(watched(lots=(lot,)), START + 31 * DAY) == [("SX-09", "red")]
    signed = replace(lot, stage=Stage.CONTRACTED, contracted_at=START + 25 * DAY)
    assert seen(watched(lots=(signed,)), START + 60 * DAY) == []


def test_lc01_a_step_out_of_order() -> None:
    lawful = (
        Moved(1, "open_bids", "opening", START),
        Moved(1, "evaluate", "evaluation", START),
        Moved(1, "propose_award", "standstill", START),
    )
    skipped = (Moved(1, "propose_award", "standstill", START, 5),)

    assert seen(watched(moves=lawful), START) == []
    assert seen(watched(moves=skipped), START) == [("LC-01", "red")]


def test_lc03_an_opening_with_two_bids() -> None:
    assert seen(watched(lots=(LotWatch(1, Stage.OPENING, delivered=3, opened=3),)), START) == []
    assert seen(watched(lots=(LotWatch(1, Stage.OPENING, delivered=2, opened=2),)), START) == [
        ("LC-03", "red")
    ]
    assert seen(watched(lots=(LotWatch(1, Stage.FAILED, delivered=2, opened=0),)), START) == []


def test_lc04_work_that_went_on_during_an_objection() -> None:
    objection = Objected("a", "result", START, START + DAY, True, 10)
    before = Moved(1, "open_bids", "opening", START, 9)
    during = replace(before, entry=11)
    after = replace(before, at=START + DAY, entry=12)

    assert seen(watched(objections=(objection,), moves=(before,)), START + DAY) == []
    assert seen(watched(objections=(objection,), moves=(during,)), START + DAY) == [("LC-04", "red")]
    assert seen(watched(objections=(objection,), moves=(after,)), START + DAY) == []
    late = replace(objection, in_time=False)
    assert seen(watched(objections=(late,), moves=(during,)), START + DAY) == []


def test_lc07_names_read_before_the_award() -> None:
    assert seen(watched(reads=(Read("names", START, None),)), START) == [("LC-07", "red")]
    assert seen(watched(reads=(Read("names", START, None, "核查投诉"),)), START) == [("LC-07", "yellow")]
    assert seen(watched(reads=(Read("names", START, START),)), START) == []


def test_sx10_a_signed_contract_is_published_and_filed_in_procurement() -> None:
    law = rulebook.in_force("GP", "CN", START)
    lot = LotWatch(1, Stage.CONTRACTED, contracted_at=START, published_at=START)
    w = watched(law=law, lots=(lot,))
    assert found(w, START + 2 * DAY, "SX-10") == []
    assert [one.key for one in found(w, START + 7 * DAY, "SX-10")] == ["lot-1-filing"]
    assert found(w, START + 7 * DAY, "SX-10")[0].colour is Colour.YELLOW
    assert found(w, START + 12 * DAY, "SX-10")[0].colour is Colour.RED
    filed = replace(lot, filed_at=START + 3 * DAY)
    assert found(watched(law=law, lots=(filed,)), START + 60 * DAY, "SX-10") == []
    hidden = replace(filed, published_at=None)
    assert [one.colour for one in found(watched(law=law, lots=(hidden,)), START + 5 * DAY, "SX-10")] == [
        Colour.RED
    ]
    assert found(watched(lots=(lot,)), START + 60 * DAY, "SX-10") == [], "tendering law files nothing here"
    assert [one.what for one in clocks(w, START)] == ["contract_filing_days_max"]


def test_a_lapsed_award_starts_the_terms_of_the_next_decision() -> None:
    lot = LotWatch(
        1,
        Stage.STANDSTILL,
        reported_at=START - 40 * DAY,
        candidates_at=START - 39 * DAY,
        publicity_until_at=START - 35 * DAY,
    )
    local = rulebook.in_force("TM", "CN-50", START)
    late = found(watched(law=local, lots=(lot,)), START + DAY, "SX-08")
    assert [one.colour for one in late] == [Colour.RED]
    assert found(watched(law=local, lots=(replace(lot, lapsed_at=START),)), START + DAY, "SX-08") == []
    gp = rulebook.in_force("GP", "CN", START)
    waiting = LotWatch(1, Stage.STANDSTILL, reported_at=START - 40 * DAY)
    assert found(watched(law=gp, lots=(waiting,)), START + DAY, "SX-06")[0].colour is Colour.RED
    assert found(watched(law=gp, lots=(replace(waiting, lapsed_at=START),)), START + DAY, "SX-06") == []


def test_clocks_run_to_the_nearest_end_first() -> None:
    w = watched(objections=(Objected("a", "documents", START, None, True),))

    assert [clock.what for clock in clocks(w, START)] == ["objection_answer", "bids_close"]
    assert clocks(watched(lots=(LotWatch(1, Stage.FAILED),)), START) == []
