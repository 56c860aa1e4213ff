"""Handing in, replacing and taking back a bid: the deadline is an instant, and at it it is too late.

Source: rules.md §0.2 (C-06, C-07), §1.1 (BIDDING), §10 trap 4.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from kernel.errors import NotNow, NotValid


class Loss(StrEnum):
    """What became of a bid that was not opened; decides about the bond."""

    WITHDRAWN = "withdrawn"  # 撤回: the bond goes back
    REVOKED = "revoked"  # 撤销: the bond may be kept


class Cause(StrEnum):
    """Whose fault it was that a bid could not be opened."""

    BIDDER = "bidder"
    PLATFORM = "platform"
    CUSTODIANS = "custodians"
    TENDERER = "tenderer"


def require_open_for_bids(*, opens_at: datetime, closes_at: datetime, now: datetime) -> None:
    """Refuse to begin handing in before bids are taken, or at and after the deadline.

    Raises:
        NotNow: ``bids_not_open_yet`` or ``bids_closed``.

    Source: 招标投标法 第二十八条.
    """
    if now < opens_at:
        raise NotNow("bids_not_open_yet", source="招标投标法 第二十八条", opens_at=opens_at)
    if now >= closes_at:
        raise NotNow("bids_closed", source="招标投标法 第二十八条", closes_at=closes_at)


def arrived_in_time(
    *, committed_at: datetime, last_byte_at: datetime, closes_at: datetime, grace: timedelta = timedelta(0)
) -> bool:
    """Whether a bid counts: committed before the deadline, its last byte accepted before deadline plus grace.

    Without grace, the default and the profile of Chinese law, an incomplete transfer at the deadline
    counts as withdrawn. Raises ValueError for a negative grace or a last byte before the commitment.

    Source: 招标投标法 第二十八条; 电子签名法 第十一条 (C-07).
    """
    if grace < timedelta(0) or last_byte_at < committed_at:
        raise ValueError("a transfer follows its commitment, and grace is not negative")
    return committed_at < closes_at and last_byte_at < closes_at + grace


def require_replaceable(*, closes_at: datetime, now: datetime) -> None:
    """Refuse to replace or take back a bid at or after the deadline.

    Raises:
        NotNow: ``bids_closed``.

    Source: 招标投标法 第二十九条; 招标投标法实施条例 第三十五条.
    """
    if now >= closes_at:
        raise NotNow("bids_closed", source="招标投标法 第二十九条", closes_at=closes_at)


def require_small_enough(size: int, most: int) -> None:
    """Refuse an empty bid or one larger than the documents allow, in bytes.

    Raises:
        NotValid: ``bid_empty``, ``bid_too_large``.

    Source: rules.md O-03.
    """
    if size <= 0:
        raise NotValid("bid_empty", source="rules.md O-03", field="size")
    if size > most:
        raise NotValid("bid_too_large", source="rules.md O-03", field="size", bytes_max=most)


def loss_of(cause: Cause) -> Loss:
    """What an unopened bid counts as: revoked by the bidder's cause, withdrawn by any other.

    Source: 电子招标投标办法 第三十一条; rules.md O-09, §3.4.
    """
    return Loss.REVOKED if cause is Cause.BIDDER else Loss.WITHDRAWN
