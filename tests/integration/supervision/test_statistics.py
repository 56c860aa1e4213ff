"""Trading data: what the database adds up, the same on both databases."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from kernel.calendar import local_date, start_of_day
from simulation import figures
from simulation.figures import Row
from supervision.statistics_queries import choices
from tests.integration.supervision.trade import MIDNIGHT, NOW, SECOND, YESTERDAY, deal, fill, of
from tests.support.house import House
from trading.words import BUSINESS


@pytest.fixture
def any_trade(any_house: House) -> tuple[House, list[Row]]:
    """Two years with 150 deals each, on both databases."""
    rows = figures.years(random.Random(5), until=YESTERDAY, a_year=150)
    fill(any_house, *rows)
    return any_house, rows


def day_of(at: datetime | None) -> date:
    assert at is not None
    return local_date(at)


@pytest.mark.parametrize("asked", [{}, {"business": "procurement"}, {"region": "临江区"}, {"year": 2025}])
def test_sums_are_those_of_the_deals_one_by_one(
    any_trade: tuple[House, list[Row]], asked: dict[str, Any]
) -> None:
    house, rows = any_trade
    found = of(house, **asked)
    regimes = BUSINESS[asked["business"]][1] if "business" in asked else None
    wanted = [
        row
        for row in rows
        if (regimes is None or row.regime in regimes) and asked.get("region") in (None, row.region)
    ]
    mine = [row for row in wanted if day_of(row.awarded_at) in found.span]
    bought = [row for row in mine if row.procedure not in ("auction", "listing")]
    sold = [row for row in mine if row.procedure in ("auction", "listing")]

    assert mine
    assert found.now.deals == len(mine)
    assert found.now.fen == sum(row.price for row in mine)
    assert (found.now.ceiling, found.now.spent) == (
        sum(row.ceiling for row in bought),
        sum(row.price for row in bought),
    )
    assert (found.now.start, found.now.sold) == (
        sum(row.ceiling for row in sold),
        sum(row.price for row in sold),
    )
    assert (found.now.bidders, found.now.known) == (sum(row.bidders for row in mine), len(mine))
    assert found.now.single == sum(row.bidders == 1 for row in mine)
    assert found.then.deals == sum(day_of(row.awarded_at) in found.before for row in wanted)
    for line in found.months:
        inside = [row for row in mine if line.month.first <= day_of(row.awarded_at) <= line.month.last]
        assert (line.sums.deals, line.sums.fen) == (len(inside), sum(row.price for row in inside))
    assert {one.region: one.sums.deals for one in found.districts if one.sums.deals} == {
        region: sum(row.region == region for row in mine) for region in {row.region for row in mine}
    }


def test_every_chart_adds_up_to_the_same_deals(any_trade: tuple[House, list[Row]]) -> None:
    house, rows = any_trade
    found = of(house)
    opened = [row for row in rows if day_of(row.opened_at) in found.span]
    live = [row for row in opened if row.procedure in ("auction", "listing", "reverse_auction")]
    answered = [
        (row, row.answered_after)
        for row in rows
        if row.answered_after and day_of(row.opened_at + row.answered_after) in found.span
    ]

    assert sum(sums.deals for _, sums in found.business) == found.now.deals
    assert sum(one.now.deals for one in found.kinds) == found.now.deals
    assert sum(one.before.deals for one in found.kinds) == found.then.deals
    assert sum(one.sums.deals for one in found.districts) == found.now.deals
    assert sum(often for _, often in found.rates) == sum(
        row.procedure not in ("auction", "listing") and day_of(row.awarded_at) in found.span for row in rows
    )
    assert sum(one.auctions for one in found.days) == len(live)
    assert sum(one.openings for one in found.days) == len(opened) - len(live)
    assert sum(one.answered for one in found.districts) == len(answered)
    for one in found.districts:
        took = [int(after.total_seconds()) for row, after in answered if row.region == one.region]
        assert one.seconds == (sum(took) // len(took) if took else None)


def test_a_day_begins_and_ends_at_midnight_in_shanghai(any_house: House) -> None:
    first = start_of_day(date(2026, 1, 1))
    edges = [first - SECOND, first, MIDNIGHT - SECOND, MIDNIGHT]
    fill(any_house, *(Row(opened_at=at, awarded_at=at, bidders=2) for at in edges))

    found = of(any_house)

    assert found.now.deals == 2
    assert [line.sums.deals for line in found.months] == [1, *[0] * 9, 1]
    assert found.then.deals == 0  # the last second of 2025 lies after the same stretch of that year
    assert [(one.day, one.openings) for one in found.days] == [(date(2026, 1, 1), 1), (YESTERDAY, 1)]


def test_the_year_before_counts_up_to_the_same_day_only(any_house: House) -> None:
    fill(any_house, deal("2025-11-17"), deal("2025-11-18"), deal("2026-11-17"))

    assert of(any_house).then.deals == 1


def test_rates_are_whole_hundredths_rounded_down_below_zero_too(any_house: House) -> None:
    prices = {90_000: 1000, 89_999: 1000, 89_990: 1001, 100_000: 0, 100_001: -1, 100_010: -1, 100_011: -2}
    fill(any_house, *(deal("2026-03-03", ceiling=100_000, price=price) for price in prices))

    found = dict(of(any_house).rates)

    assert sum(found.values()) == len(prices)
    assert found == {rate: list(prices.values()).count(rate) for rate in prices.values()}


def test_what_was_taken_back_or_is_not_settled_does_not_count(any_house: House) -> None:
    at = start_of_day(date(2026, 3, 3))
    fill(any_house, deal("2026-03-03", bidders=3, withdrawn=2), Row(opened_at=at, awarded_at=None))

    found = of(any_house)

    assert (found.now.deals, found.now.bidders) == (1, 3)
    assert sum(one.openings for one in found.days) == 1 + (found.days[0].openings == 1)


def test_a_deal_without_a_ceiling_has_no_saving(any_house: House) -> None:
    fill(any_house, deal("2026-03-03", ceiling=0, price=500_00))

    found = of(any_house)

    assert (found.now.deals, found.now.fen, found.now.saving, found.rates) == (1, 500_00, None, ())


def test_the_premium_is_of_sales_alone(any_house: House) -> None:
    sale = {"regime": "LA", "category": "land", "procedure": "auction"}
    fill(
        any_house,
        deal("2026-03-03", **sale, ceiling=100_00, price=130_00, bidders=1),
        deal("2026-03-03", ceiling=100_00, price=91_00),
    )

    found = of(any_house)

    assert (found.now.premium, found.now.saving) == (Fraction(3, 10), Fraction(9, 100))
    assert found.now.single == 1


def test_choices_are_what_the_records_hold(any_house: House) -> None:
    with any_house.read() as session:
        assert choices(session, NOW).years == (2026,)
    fill(any_house, deal("2024-03-03", region="北湖区"), deal("2026-03-03"), deal("2026-03-04"))

    with any_house.read() as session:
        found = choices(session, NOW)

    assert found.years == (2026, 2025, 2024)
    assert found.regions == ("向阳区", "北湖区")


def test_on_new_years_day_the_year_that_ended_is_shown(any_house: House) -> None:
    fill(any_house, deal("2026-12-31"))
    now = start_of_day(date(2027, 1, 1)) + timedelta(hours=8)

    with any_house.read() as session:
        assert choices(session, now).years[0] == 2026
    assert of(any_house, now).span.last == date(2026, 12, 31)
    assert not of(any_house, now).months[-1].month.partial
