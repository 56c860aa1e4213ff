"""What can have happened around an abnormally low price of a reverse auction.

The request, the fact that an answer came, and the decision are public; the answer itself is not.

Source: 财库〔2026〕2号; rules §2.5, §4.8.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kernel.facts import Fact


@dataclass(frozen=True, kw_only=True)
class PriceAsked(Fact):
    """The price of an offer set off a test of the law, and its bidder is asked in writing until ``due_at``."""

    name = "bidding.auction_price.asked"
    kind = "auction"
    auction: UUID
    lot: UUID
    plate: str
    triggers: tuple[dict[str, Any], ...]
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class PriceExplained(Fact):
    """A written explanation came in time; ``digest`` is the SHA-256 of its text."""

    name = "bidding.auction_price.explained"
    kind = "auction"
    auction: UUID
    lot: UUID
    plate: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class PriceJudged(Fact):
    """The offer stays or is rejected: by the majority of the review group, or by the rule where nothing was explained.

    ``members`` are the named members with their votes; none where the rule decided.
    """

    name = "bidding.auction_price.judged"
    kind = "auction"
    auction: UUID
    lot: UUID
    plate: str
    triggers: tuple[dict[str, Any], ...]
    accepted: bool
    explained: bool
    members: tuple[dict[str, Any], ...]
    reason: str
