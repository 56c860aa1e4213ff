"""What the public log shows and when: both sides of every boundary."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sealbid.records import TYPES
from supervision.rules.disclosure import AT_ONCE, WITH_OPENING, TenderState, disclosed, overdue

NOW = datetime(2026, 12, 1, tzinfo=UTC)
BEFORE = TenderState(opened_at=None, finished=False, close_at=NOW + timedelta(days=1))
OPENED = TenderState(opened_at=NOW, finished=False, close_at=NOW)
FINISHED = TenderState(opened_at=NOW, finished=True, close_at=NOW)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_before_the_opening_only_what_is_public_by_itself_shows(kind: str) -> None:
    assert disclosed(kind, NOW, BEFORE, NOW) is (kind in AT_ONCE)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_the_opening_shows_bids_and_the_end_shows_everything(kind: str) -> None:
    assert disclosed(kind, NOW, OPENED, NOW) is (kind in AT_ONCE | WITH_OPENING)
    assert disclosed(kind, NOW, FINISHED, NOW)


def test_ninety_days_after_the_opening_nothing_stays_hidden() -> None:
    term = timedelta(days=90)

    assert not disclosed("score-sheet", NOW, OPENED, NOW + term - timedelta(seconds=1))
    assert disclosed("score-sheet", NOW, OPENED, NOW + term)


def test_ticks_hide_activity_until_their_term_is_over() -> None:
    assert not disclosed("tick", NOW, None, NOW + timedelta(days=89))
    assert disclosed("tick", NOW, None, NOW + timedelta(days=90))


def test_a_tender_that_was_never_opened_is_overdue_after_its_term() -> None:
    stuck = TenderState(opened_at=None, finished=False, close_at=NOW)

    assert not overdue(NOW, stuck, NOW + timedelta(days=89))
    assert overdue(NOW, stuck, NOW + timedelta(days=90))
    assert overdue(NOW, None, NOW + timedelta(days=90))
