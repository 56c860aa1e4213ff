"""The steps of a tender's page: what is over is over, with and without a period of law."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kernel import calendar as calendars
from kernel import rulebook
from trading import words
from trading.procedures import procedure
from trading.process import LotState, steps
from trading.rules.lifecycle import Stage
from trading.rules.timetable import Plan

PUBLISHED = datetime(2026, 10, 25, 2, tzinfo=UTC)


@pytest.mark.parametrize(("regime", "code"), [("AD", "auction"), ("TM", "open")])
def test_after_the_contract_no_step_is_going_on(regime: str, code: str) -> None:
    law = rulebook.in_force(regime, "CN", PUBLISHED)
    close = PUBLISHED + timedelta(days=30)
    plan = Plan(
        published_at=PUBLISHED,
        documents_from_at=PUBLISHED,
        documents_until_at=PUBLISHED + timedelta(days=8),
        bids_close_at=close,
        opens_at=close,
        validity_days=90,
    )
    lots = [LotState(Stage.CONTRACTED, None, close + timedelta(days=2))]

    found = steps(
        law,
        plan,
        lots,
        now=close + timedelta(days=9),
        calendar=calendars.official(),
        procedure=procedure(code, law.regime),
    )

    assert {step.key: step.state for step in found} == {step.key: "done" for step in found}


@pytest.mark.parametrize("stage", ["suspended", "tendering", "closed", "opening"])
def test_a_stage_has_another_word_in_an_auction_only_where_bids_would_be_opened(stage: str) -> None:
    assert (stage in words.LIVE_STAGES) == (stage != "suspended")


@pytest.mark.parametrize(
    ("kind", "regime", "word"),
    [
        ("notice", "TM", "Ceiling"),
        ("notice", "GP", "Budget"),
        ("notice", "AD", "Start price"),
        ("correction", "LA", "Start price"),
        ("result", "LA", "Award price"),
    ],
)
def test_what_is_sold_has_a_start_price_and_no_ceiling(kind: str, regime: str, word: str) -> None:
    assert words.amount_word(kind, regime) == word
