"""When a record behind a log entry may be shown, and why not yet.

Before the opening nothing about a bid may be guessed from the public log, neither who nor how many: so a
hidden record shows neither its type nor its tender, and every reason for hiding reads the same.

Source: spec sealing §7.1 (every leaf must be explained); 招标投标法 第二十二条.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

EXPLAIN_DAYS = 90
"""Days after the opening (after the entry, for records of no tender) when a record is shown at the latest."""

AT_ONCE = frozenset(
    {
        "genesis",
        "policy",
        "notice",
        "custodian-key",
        "tender-close",
        "share-release",
        "bid-open",
        "draw-commit",
        "draw-result",
        "award",
        "contract",
        "sealer-release",
        "key-change",
    }
)
"""Types that are public as soon as they are logged; their confidential parts stay digests."""

WITH_OPENING = frozenset({"bid-commit", "bid-complete", "bid-withdraw", "custodian-ack"})
"""Types that would tell how many bid; they are shown once the opening of their tender is complete."""


@dataclass(frozen=True)
class TenderState:
    """What disclosure depends on.

    Attributes:
        opened_at: when the opening was complete; None before, and for a tender whose bids were never opened.
        finished: every lot is awarded, failed or terminated.
        close_at: the deadline for bids.
    """

    opened_at: datetime | None
    finished: bool
    close_at: datetime | None


def disclosed(kind: str, at: datetime, tender: TenderState | None, now: datetime) -> bool:
    """Whether a record may be shown at ``now``.

    Args:
        kind: the record type. at: when it was written.
        tender: the state of its tender; None for a record of the platform itself.

    Source: spec sealing §7.1.
    """
    if kind in AT_ONCE:
        return True
    term = timedelta(days=EXPLAIN_DAYS)
    if tender is None:
        return now >= at + term
    if tender.finished:
        return True
    if kind in WITH_OPENING and tender.opened_at is not None:
        return True
    return tender.opened_at is not None and now >= tender.opened_at + term


def overdue(at: datetime, tender: TenderState | None, now: datetime) -> bool:
    """Whether a record that is still hidden should have been shown by now: a finding in itself.

    The term runs from the opening; from the deadline where no opening took place; from the entry otherwise.
    """
    term = timedelta(days=EXPLAIN_DAYS)
    if tender is None:
        return now >= at + term
    start = tender.opened_at or tender.close_at
    return start is not None and now >= max(start, at) + term
