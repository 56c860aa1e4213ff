"""Figures about the live rooms for whoever is on watch."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models_auction import AuctionHead
from kernel.gauges import Gauge, Reading, age, one

if TYPE_CHECKING:
    from kernel.platform import Platform

_GOING = AuctionHead.over.is_(False)


def _auctions(_platform: Platform, session: Session, _now: datetime) -> Reading:
    counted = sa.select(AuctionHead.stage, sa.func.count()).where(_GOING).group_by(AuctionHead.stage)
    return [(stage, float(count)) for stage, count in session.execute(counted)]


def _silent(_platform: Platform, session: Session, now: datetime) -> Reading:
    return one(age(session.scalar(sa.select(sa.func.min(AuctionHead.alive_at)).where(_GOING)), now))


GAUGES = (
    Gauge("auctions_going", "Auctions that are not over, by stage.", _auctions, "stage"),
    Gauge(
        "hall_silent_seconds",
        "How long the owner of an auction that is not over has said nothing; above 5 a hall is down.",
        _silent,
    ),
)
"""The bidding room's."""
