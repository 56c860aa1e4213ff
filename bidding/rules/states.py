"""The life of a bid, seen from outside its seal."""

from __future__ import annotations

from enum import StrEnum


class BidState(StrEnum):
    """How a bid's delivery stands.

    ``COMMITTED``: its bytes are fixed by a logged commitment, not all have arrived. ``COMPLETE``: delivered.
    ``WITHDRAWN`` (撤回): taken back before the deadline, or incomplete at it. ``REPLACED``: a newer bid took its
    place. ``REVOKED`` (撤销): could not be opened, by the bidder's cause; his bond may be forfeited.

    Source: 招标投标法 第二十九条; 实施条例 第三十五条; spec rules §10 trap 4.
    """

    COMMITTED = "committed"
    COMPLETE = "complete"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    REVOKED = "revoked"


class OpeningState(StrEnum):
    """The life of an opening: shares awaited, record read out, objections answered, confirmed; or failed."""

    RELEASING = "releasing"
    OPENED = "opened"
    CONFIRMED = "confirmed"
    FAILED = "failed"
