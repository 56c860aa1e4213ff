"""What of an auction is sealed to the custodians, in which parts, and which part is to be opened next.

A part of the policy is one moment of opening: ``lot-3`` for what is opened at the end of lot 3 (standing limits, the
reserve price), ``lot-3-r2`` for the sealed offers of its second round. What lies in another part stays closed.

Source: rules §4.2 (reserve: sealed like a bid), §4.6 F8, §4.7; spec sealing §4.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bidding.rules.auction.sealed import Closed
from bidding.rules.auction.state import Stage, State
from bidding.rules.auction.terms import Format, LimitMode, Norm, Sealing, Terms, TieRule

EARLY = frozenset({Format.DUTCH, Format.JAPANESE, Format.TURN_BASED, Format.CAPPED})
"""Formats that may be over before their printed length has run."""
_PART = re.compile(r"lot-[0-9]{1,4}(?:b[0-9]{1,3})?(?:-r[0-9]{1,3})?")


def is_part(name: str) -> bool:
    """Whether a part of a policy belongs to an auction."""
    return _PART.fullmatch(name) is not None


def prefix_of(lot: int, round_: int) -> str:
    """How the parts of a lot's auction begin; a lot auctioned again has its own."""
    return f"lot-{lot}" if round_ <= 1 else f"lot-{lot}b{round_}"


def end_part(prefix: str) -> str:
    """The part of what is opened at the end: standing limits and the reserve price."""
    return prefix


def round_part(prefix: str, round_: int) -> str:
    """The part of the sealed offers of one round."""
    return f"{prefix}-r{round_}"


def parts_of(prefix: str, terms: Terms) -> tuple[str, ...]:
    """Every part of an auction with these terms, in the order in which they may be opened; empty: nothing is sealed."""
    parts: tuple[str, ...] = ()
    if terms.sealing is Sealing.SEALED and terms.sealed:
        rounds = terms.rounds.count if terms.rounds is not None else 1
        rounds += terms.rounds is None and terms.ties is TieRule.ROUND_THEN_DRAW
        parts = tuple(round_part(prefix, number) for number in range(1, rounds + 1))
    if terms.reserve or terms.limits is LimitMode.SEALED:
        parts = (*parts, end_part(prefix))
    return parts


def opens_at(terms: Terms) -> datetime | None:
    """The earliest instant at which anything sealed may have to be opened; None while no start is printed.

    Extensions, pauses and further rounds only make it later; what has to be opened then is said by the record of the
    closing, which the custodians want to see witnessed.
    """
    if terms.starts_at is None:
        return None
    if terms.acts_as in EARLY:
        return terms.starts_at
    seconds = terms.rounds.seconds if terms.rounds is not None else terms.free_seconds
    return terms.starts_at + timedelta(seconds=seconds)


def due_part(state: State, prefix: str) -> str | None:
    """The part an auction waits for now; None when it waits for nothing that is sealed.

    Offers before limits, limits and reserve together, and the reserve only when nothing else is waited for: whoever
    gives points to offers shall not know it.
    """
    if state.stage is not Stage.SETTLING:
        return None
    if any(seat.sealed is not None for seat in state.seats.values()):
        return round_part(prefix, state.round)
    if any(seat.limit_digest is not None for seat in state.seats.values()):
        return end_part(prefix)
    if state.terms.reserve and state.reserve is None and not _points_missing(state):
        return end_part(prefix)
    return None


def _points_missing(state: State) -> bool:
    closed = state.special
    if not state.terms.items or not isinstance(closed, Closed) or not state.standing:
        return False
    wanted = {item.name for item in state.terms.items if item.norm is Norm.POINTS}
    return bool(wanted - {name for name, _ in closed.points})
