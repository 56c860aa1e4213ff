"""Which hall a platform runs in this process, if it runs one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from kernel.platform import Platform

if TYPE_CHECKING:
    from bidding.hall_core.core import HallCore

_HALLS: WeakKeyDictionary[Platform, HallCore] = WeakKeyDictionary()


def hall_of(platform: Platform) -> HallCore | None:
    """The hall of this process, None where it only serves pages."""
    return _HALLS.get(platform)


def install(platform: Platform, hall: HallCore | None) -> None:
    """Make a hall known, or (None) take it away."""
    if hall is None:
        _HALLS.pop(platform, None)
    else:
        _HALLS[platform] = hall
