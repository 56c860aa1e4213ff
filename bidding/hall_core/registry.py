"""Which hall a platform runs in this process, if it runs one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID
from weakref import WeakKeyDictionary, ref

from sqlalchemy.orm import Session

from kernel.platform import Platform

if TYPE_CHECKING:
    from bidding.hall_core.core import HallCore

_HALLS: WeakKeyDictionary[Platform, HallCore] = WeakKeyDictionary()
_ROW: tuple[ref[HallCore], ...] = ()
"""The same halls for hot commands: looking through the dictionary would cost more than reading their message."""


def hall_of(platform: Platform) -> HallCore | None:
    """The hall of this process, None where it only serves pages."""
    return _HALLS.get(platform)


def hall_for(session: Session) -> HallCore | None:
    """The hall of this process that keeps the auctions of the database a session reads."""
    bind = session.get_bind()
    for platform, hall in list(_HALLS.items()):
        if bind in (platform.database.reader, platform.database.writer):
            return hall
    return None


def install(platform: Platform, hall: HallCore | None) -> None:
    """Make a hall known, or (None) take it away."""
    global _ROW
    if hall is None:
        _HALLS.pop(platform, None)
    else:
        _HALLS[platform] = hall
    _ROW = tuple(map(ref, _HALLS.values()))


def owner_here(auction_id: UUID) -> HallCore | None:
    """The hall of this process that owns an auction, if any does."""
    for one in _ROW:
        hall = one()
        if hall is not None and hall.owns(auction_id):
            return hall
    return None
