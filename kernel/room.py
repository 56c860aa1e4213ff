"""What a room offers to the house, on one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import Blueprint

from kernel.facts import Fact
from kernel.promises import Promise
from kernel.rights import Permission, Right, Role

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from kernel.gauges import Gauge
    from kernel.live import Channel
    from kernel.web.panels import Panel
    from kernel.work import Work

Listener = Callable[["Work", Any], None]


@dataclass(frozen=True)
class Deadline:
    """Which rows of a table wait for a moment, and what happens then.

    Attributes:
        model: a table with a ``next_moment_at`` column.
        next_moment: the row's nearest moment, a function of its state alone; None when it waits for nothing.
        action: called as the system in a transaction of its own; it compares instants itself.
    """

    model: type[Any]
    next_moment: Callable[[Any], datetime | None]
    action: Callable[[Work, UUID], None]


@dataclass(frozen=True)
class Chore:
    """Something a room does by itself from time to time; doing it twice must be harmless.

    Attributes:
        every: the pause between two rounds.
        run: called as ``(platform)`` outside any transaction; the timekeeper's process calls it.
    """

    name: str
    every: timedelta
    run: Callable[[Any], object]


@dataclass(frozen=True)
class NavEntry:
    """A line of the navigation.

    Attributes:
        msgid: its words, translated where it is shown.
        endpoint: ``room.view``; it must need no argument.
        roles: who sees it; empty for everybody, signed in or not.
        icon: a file in ``static/vendor/icons`` without its ending, or empty.
        order: small numbers first.
    """

    msgid: str
    endpoint: str
    roles: tuple[Role, ...] = ()
    icon: str = ""
    order: int = 100


@dataclass(frozen=True)
class Room:
    """A room's whole offer: doors, rights, deadlines, listeners, promises, navigation."""

    name: str
    blueprints: Sequence[Blueprint] = ()
    rights: Mapping[Permission, Right] = field(default_factory=dict)
    deadlines: Sequence[Deadline] = ()
    listeners: Mapping[type[Fact], Sequence[Listener]] = field(default_factory=dict)
    promises: Sequence[Promise] = ()
    heard: Mapping[type[Fact], Sequence[Callable[[Any, Any], None]]] = field(default_factory=dict)
    """After-commit listeners: called as ``(platform, fact)`` once the transaction is durable."""
    chores: Sequence[Chore] = ()
    gauges: Sequence[Gauge] = ()
    """Figures for whoever is on watch; see ``kernel.gauges``."""
    nav: Sequence[NavEntry] = ()
    channels: Sequence[Channel] = ()
    panels: Sequence[Panel] = ()
    """What it adds to pages of rooms below; see ``kernel.web.panels``."""
    schema: Sequence[Callable[[Engine], None]] = ()
    """What its schema needs beyond tables (search indexes, triggers); each call must be repeatable."""
