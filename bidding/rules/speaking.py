"""Messages in the opening hall: who may write there, how much and how often.

Who bids is secret until the close (招标投标法 第二十二条). From then on the opening record names the bidders whose
bids are opened, and only those: a bidder whose lot failed, or who withdrew, stays unnamed and therefore silent.

Source: design guide §6 (04); 招标投标法 第二十二条, 第三十六条.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from kernel.errors import NotAllowed, NotValid, TooMany

LENGTH_MAX = 500
"""Characters of one message."""

PACE_MESSAGES = 8
"""Messages one person may write within ``PACE_WINDOW``."""

PACE_WINDOW = timedelta(minutes=1)

REPEAT_WINDOW = timedelta(seconds=10)
"""The same words of the same person within this time are one message that arrived twice."""

_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Voice(StrEnum):
    """In which capacity somebody writes."""

    HOST = "host"  # the buyer of the tender, or the agency that acts for him
    CUSTODIAN = "custodian"  # keeps a share of this tender's key
    SUPERVISOR = "supervisor"
    BIDDER = "bidder"  # named in the opening record


def voice(*, hosts: bool, keeps_share: bool, supervises: bool, named: bool) -> Voice | None:
    """In which capacity somebody may write, or None: an observer reads.

    Args:
        hosts: he runs the tender.
        keeps_share: his organisation has a custodian's seat at the tender.
        supervises: he is a supervisor.
        named: his organisation stands in the opening record, which everybody can read.
    """
    if hosts:
        return Voice.HOST
    if keeps_share:
        return Voice.CUSTODIAN
    if supervises:
        return Voice.SUPERVISOR
    return Voice.BIDDER if named else None


def require_voice(found: Voice | None) -> Voice:
    """The capacity, or the refusal of somebody who only reads.

    Raises:
        NotAllowed: ``hall_no_voice``; the same words for everybody, so that they say nothing about a bid.
    """
    if found is None:
        raise NotAllowed("hall_no_voice", source="招标投标法 第二十二条")
    return found


def message_text(text: str) -> str:
    """What is kept of a typed message: line ends are newlines, marks that nobody can see are left out.

    Raises:
        NotValid: ``text_missing``; ``text_too_long`` beyond ``LENGTH_MAX`` characters.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    seen = (one for one in lines if one == "\n" or (_printable(one) and one not in _DIRECTIONS))
    kept = "".join(seen).strip()
    if not kept:
        raise NotValid("text_missing", field="text")
    if len(kept) > LENGTH_MAX:
        raise NotValid("text_too_long", field="text", length_max=LENGTH_MAX)
    return kept


def require_pace(earlier: Sequence[datetime], now: datetime) -> None:
    """Refuse a person who writes faster than the others can read.

    Args:
        earlier: when this person wrote in this hall before.

    Raises:
        TooMany: ``hall_pace``.
    """
    if sum(now - one < PACE_WINDOW for one in earlier) >= PACE_MESSAGES:
        raise TooMany("hall_pace", most=PACE_MESSAGES, seconds=int(PACE_WINDOW.total_seconds()))


def is_repeat(text: str, earlier: str, earlier_at: datetime, now: datetime) -> bool:
    """Whether a message is an earlier one of this person once more: a second press, or a browser that sent it again."""
    return earlier == text and now - earlier_at < REPEAT_WINDOW


def _printable(one: str) -> bool:
    return unicodedata.category(one) not in ("Cc", "Cs")
