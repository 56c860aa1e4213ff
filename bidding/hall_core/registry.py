"""Which hall a platform runs in this process, if it runs one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

from kernel.platform import Platform

if TYPE_CHECKING:
    from bidding.hall_core.core import HallCore

_HALLS: WeakKeyDictionary[Platform, HallCore] = WeakKeyDictionary()


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
    if hall is None:
        _HALLS.pop(platform, None)
    else:
        _HALLS[platform] = hall


def halls() -> list[HallCore]:
    """Every hall of this process; a hot command finds the one that owns its auction."""
    return list(_HALLS.values())
