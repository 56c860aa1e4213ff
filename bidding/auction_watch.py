"""What listeners of auctions of other processes must have heard, by the journal: news between processes may be lost.

Source: rules §4.2, §4.7; docs/formats/live-channel.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from bidding import queries_auction as queries
from bidding.hall_core.registry import hall_for
from bidding.rules.auction import sight
from bidding.rules.auction.state import State
from kernel.live import MORE

_watched: dict[tuple[int, UUID], State] = {}
"""The states of rooms that other processes own, as the listeners here may have seen them; by database and auction."""


def watch(session: Session, auction_id: UUID) -> None:
    """Remember what somebody sees of a room that another process owns, if nobody looked at it before."""
    hall = hall_for(session)
    if hall is None or not hall.owns(auction_id):
        _watched.setdefault((id(session.get_bind()), auction_id), queries.state_of(session, auction_id))


def changed(
    session: Session, wanted: Sequence[tuple[UUID, str]], audiences: Mapping[str, sight.Viewer]
) -> Mapping[tuple[UUID, str], int]:
    """Which audiences of rooms of other processes must have heard something since the last look.

    Their numbers are known to the owner alone, and his news may be lost on the way. What an audience may not see
    does not count, so that nobody learns of a hidden offer by being told to ask.
    """
    found: dict[tuple[UUID, str], int] = {}
    place = id(session.get_bind())
    rooms = {one for one, _ in wanted}
    for key in [key for key in _watched if key[0] == place and key[1] not in rooms]:
        _watched.pop(key, None)
    for auction_id in rooms:
        after = queries.state_of(session, auction_id)
        before = _watched.get((place, auction_id))
        _watched[place, auction_id] = after
        if before is None or before is after or before.version == after.version:
            continue
        for one, audience in wanted:
            if one == auction_id and sight.news(before, after, audiences[audience]) is not None:
                found[one, audience] = MORE
    return found
