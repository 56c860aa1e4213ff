"""Abnormally low offers of a reverse auction: who is asked, how a review stands, and whose offer is taken.

Source: 财库〔2026〕2号; rules §2.5, §4.8.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bidding.rules.auction.terms import Direction
from kernel.errors import NotNow, NotValid
from kernel.money import Money
from kernel.rulebook import Rulebook
from trading.rules.abnormal import Trigger, abnormal_prices

GROUND = "abnormally_low"
"""The ground of a rejection that a failed review makes."""


class ReviewState(StrEnum):
    """How the review of a low price stands; what time alone decides is derived.

    ``ASKED``: the bidder may still explain. ``EXPLAINED``: the review group decides. ``SILENT``: nothing came in time, the
    rule rejects. ``PASSED``, ``REJECTED``: decided. ``MOOT``: the result was confirmed without needing it.
    """

    ASKED = "asked"
    EXPLAINED = "explained"
    SILENT = "silent"
    PASSED = "passed"
    REJECTED = "rejected"
    MOOT = "moot"


@dataclass(frozen=True, slots=True)
class Vote:
    """How one named member of the buyer's review group voted on an explanation."""

    name: str
    convinced: bool

    def to_plain(self) -> dict[str, Any]:
        """As rows and facts hold it."""
        return {"name": self.name, "convinced": self.convinced}


def votes_of(plain: Sequence[Mapping[str, Any]]) -> tuple[Vote, ...]:
    """The votes that a row or a fact holds."""
    return tuple(Vote(str(one["name"]), bool(one["convinced"])) for one in plain)


@dataclass(frozen=True)
class Choice:
    """The offer that is taken.

    Attributes:
        rank: place in the ranking, from 1.
        passed_over: better plates with their grounds.
        fallen: those of them that the rule rejects now, because nothing was explained in time.
    """

    rank: int
    plate: str
    price: Money
    passed_over: Mapping[str, str]
    fallen: tuple[str, ...]


def low_offers(
    law: Rulebook, result: Mapping[str, Any], direction: Direction, ceiling: Money
) -> dict[str, tuple[Trigger, ...]]:
    """The plates whose final price sets off a test, in the order of the ranking; none in a sale.

    The prices are those of every valid bidder in the ranking, the ceiling is the lot's.

    Source: 财库〔2026〕2号 (AL-1, AL-2, AL-3); rules §4.8.
    """
    if direction is Direction.UP:
        return {}
    prices = {str(one["plate"]): Money.from_yuan(one["price"]) for one in result["ranking"]}
    return abnormal_prices(law, prices, ceiling=ceiling)


def review_state(
    *, accepted: bool | None, explained: bool, due_at: datetime, settled_at: datetime | None, now: datetime
) -> ReviewState:
    """How a review stands at an instant; at ``due_at`` it is already too late to explain."""
    if accepted is not None:
        return ReviewState.PASSED if accepted else ReviewState.REJECTED
    if settled_at is not None:
        return ReviewState.MOOT
    if explained:
        return ReviewState.EXPLAINED
    return ReviewState.ASKED if now < due_at else ReviewState.SILENT


def require_explainable(state: ReviewState, due_at: datetime) -> None:
    """Refuse an explanation that comes too late or a second time.

    Raises:
        NotNow: ``explanation_given``, ``explanation_over``.

    Source: 财库〔2026〕2号.
    """
    if state is ReviewState.EXPLAINED:
        raise NotNow("explanation_given", source="财库〔2026〕2号")
    if state is not ReviewState.ASKED:
        raise NotNow("explanation_over", source="财库〔2026〕2号", due_at=due_at)


def require_judgeable(state: ReviewState, due_at: datetime) -> None:
    """Refuse a decision before there is something to decide about, and a second one.

    Raises:
        NotNow: ``answer_not_due`` while the bidder may still explain; ``explanation_missing`` where nothing came, so that
            the rule decides and no vote; ``already_decided``.

    Source: 财库〔2026〕2号; rules §2.5.
    """
    if state is ReviewState.ASKED:
        raise NotNow("answer_not_due", source="财库〔2026〕2号", due_at=due_at)
    if state is ReviewState.SILENT:
        raise NotNow("explanation_missing", source="财库〔2026〕2号", due_at=due_at)
    if state is not ReviewState.EXPLAINED:
        raise NotNow("already_decided")


def choose(
    result: Mapping[str, Any],
    direction: Direction,
    grounds: Mapping[str, str],
    reviews: Mapping[str, ReviewState],
    due: Mapping[str, datetime],
) -> Choice:
    """Whose offer is taken: the winner's, or the best one left after those passed over, each checked in its turn.

    Args:
        grounds: plate → the buyer's ground, in words, on which a better offer is not taken.
        reviews: plate → how the review of its price stands, for prices that set off a test.
        due: plate → until when it may be explained.

    Raises:
        NotValid: ``reason_missing``; ``plate_unknown``; ``sale_is_final`` for a rejection where the highest offer buys;
            ``nothing_left`` when no offer remains.
        NotNow: ``price_review_open`` while the price of the offer to be taken, or of one to be passed over, waits for its
            explanation or its decision.

    Source: rules §4.8, §2.5; 拍卖法 第五十一条.
    """
    ranking = result["ranking"]
    if any(not reason for reason in grounds.values()):
        raise NotValid("reason_missing", field="rejected")
    if strangers := sorted(grounds.keys() - {one["plate"] for one in ranking}):
        raise NotValid("plate_unknown", field="rejected", plates=strangers)
    if grounds and direction is Direction.UP:
        raise NotValid("sale_is_final", source="拍卖法 第五十一条", field="rejected")
    for plate in sorted(grounds):
        _require_closed(plate, reviews, due)
    passed = dict(grounds)
    failed = {ReviewState.REJECTED, ReviewState.SILENT}
    passed |= {plate: GROUND for plate in grounds if reviews.get(plate) in failed}
    while True:
        rank, plate, price = _first_left(result, passed)
        _require_closed(plate, reviews, due)
        if reviews.get(plate) not in failed:
            break
        passed[plate] = GROUND
    fallen = [plate for plate in passed if reviews.get(plate) is ReviewState.SILENT]
    return Choice(rank, plate, price, passed, tuple(sorted(fallen)))


def _require_closed(plate: str, reviews: Mapping[str, ReviewState], due: Mapping[str, datetime]) -> None:
    if reviews.get(plate) in (ReviewState.ASKED, ReviewState.EXPLAINED):
        raise NotNow("price_review_open", source="财库〔2026〕2号", plate=plate, due_at=due[plate])


def _first_left(result: Mapping[str, Any], passed: Collection[str]) -> tuple[int, str, Money]:
    """The winner, or the first of the ranking who is not passed over."""
    ranking, winner = result["ranking"], str(result["winner"])
    if winner not in passed:
        place = next((n for n, one in enumerate(ranking, 1) if one["plate"] == winner), 1)
        return place, winner, Money.from_yuan(result["price"])
    left = [(n, one) for n, one in enumerate(ranking, 1) if one["plate"] not in passed]
    if not left:
        raise NotValid("nothing_left", source="rules §4.8", field="rejected")
    rank, best = left[0]
    return rank, str(best["plate"]), Money.from_yuan(best["price"])
