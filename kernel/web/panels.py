"""Places on a page that rooms above may fill: a part of the tender page, a card of its rail or of home.

A room declares a panel with ``@panel`` and lists it in ``Room.panels``; the page that owns the place shows
whatever it finds there and knows none of the rooms above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from kernel.i18n import gettext
from kernel.rights import Actor

PLACES = (
    "home",
    "home-top",
    "tender",
    "tender-rail",
    "tender-action",
    "tender-notice",
    "bid",
    "wizard",
    "wizard-terms",
    "desk",
)
"""Where panels can stand.

``home``: cards beside the notices. ``home-top``: the last figure of the strip (the first panel counts).
``tender``: parts of a tender's page, each with a link at its top. ``tender-rail``: cards beside it.
``tender-action``: actions under the countdown. ``tender-notice``: notices under its title.
``bid``: cards of the sealing page.
``wizard``: cards of the buyer's sealing step. ``wizard-terms``: what a live procedure prints instead of an
evaluation, or stands above it. ``desk``: cards of a workbench's first page.
"""

Filling = tuple[str, Mapping[str, Any]] | None
Filler = Callable[[Session, Any, Actor], Filling]
"""Given a reading session, the subject of the page (a ``Tender`` row, or None) and who looks: a template and
its values, or None when there is nothing to show to this person now."""


@dataclass(frozen=True)
class Panel:
    """Something a room adds to a page.

    Attributes:
        place: one of ``PLACES``.
        key: short and unique within its place; the anchor of a tab is ``#panel-<key>``.
        msgid: the words on the tab; empty where the panel writes its own heading.
        order: small numbers first.
    """

    place: str
    key: str
    msgid: str
    order: int
    fill: Filler


@dataclass(frozen=True)
class Shown:
    """A panel ready for its page: ``{% with panel = one.values %}{% include one.template %}{% endwith %}``.

    ``values["count"]``, when the filler gives one, stands beside the tab's word.
    """

    key: str
    label: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> Any:
        return self.values.get("count")


def panel(place: str, key: str, msgid: str = "", *, order: int = 100) -> Callable[[Filler], Panel]:
    """Turn a filler into a panel; the room lists it in ``Room.panels``."""
    assert place in PLACES, place

    def made(fill: Filler) -> Panel:
        return Panel(place, key, msgid, order, fill)

    return made


def panels_at(place: str, session: Session, subject: Any, actor: Actor) -> list[Shown]:
    """What all rooms put at a place for this subject and this person, in order."""
    from kernel.web.current import platform

    assert place in PLACES, place
    found = sorted(
        (one for room in platform().rooms for one in room.panels if one.place == place),
        key=lambda one: (one.order, one.key),
    )
    shown = []
    for one in found:
        filling = one.fill(session, subject, actor)
        if filling is not None:
            template, values = filling
            shown.append(Shown(one.key, gettext(one.msgid) if one.msgid else "", template, values))
    return shown
