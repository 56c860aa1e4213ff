"""Figures for whoever is on watch: what each says, and how it is read. Rooms add their own (``Room.gauges``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.ledger import sequencer
from kernel.ledger.models import LogCheckpoint, LogPending
from kernel.ledger.witnesses import standings
from kernel.outbox.models import Message

if TYPE_CHECKING:
    from kernel.platform import Platform

Reading = Iterable[tuple[str, float]]
"""Pairs of label value and figure; the label value is empty where a gauge has no label."""


@dataclass(frozen=True)
class Gauge:
    """A figure of the whole installation, read from its database when it is asked for.

    Attributes:
        name: with its unit, without the house's ``sunroad_`` before it.
        help: one sentence that says what a large figure means.
        read: called with a reading session and the platform's own time.
        label: what the figures are told apart by, or empty.
    """

    name: str
    help: str
    read: Callable[[Platform, Session, datetime], Reading]
    label: str = ""


def age(since: datetime | None, now: datetime) -> float:
    """Seconds since an instant, never below 0; 0 where there is none."""
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def one(figure: float | None) -> Reading:
    """The reading of a gauge without a label."""
    return [("", float(figure or 0))]


def _oldest_mail(_platform: Platform, session: Session, now: datetime) -> Reading:
    waiting = sa.select(sa.func.min(Message.created_at)).where(Message.state == "waiting")
    return one(age(session.scalar(waiting), now))


def _mail(_platform: Platform, session: Session, _now: datetime) -> Reading:
    counted = sa.select(Message.state, sa.func.count()).group_by(Message.state)
    return [(state, float(count)) for state, count in session.execute(counted)]


def _checkpoint(_platform: Platform, session: Session, now: datetime) -> Reading:
    return one(age(session.scalar(sa.select(sa.func.max(LogCheckpoint.at))), now))


def _behind(platform: Platform, session: Session, now: datetime) -> Reading:
    size = sequencer.head(session).size
    since = now - timedelta(days=1)
    rows = standings(session, platform.settings, size=size, since=since)
    return [(row.name, float(row.behind)) for row in rows]


def _overdue(platform: Platform, session: Session, now: datetime) -> Reading:
    found = []
    for model in platform.deadlines:
        nearest = session.scalar(sa.select(sa.func.min(model.next_moment_at)))
        found.append((model.__tablename__, age(nearest, now)))
    return found


GAUGES = (
    Gauge(
        "log_entries",
        "Leaves of the public log; grows every minute.",
        lambda _p, session, _now: one(sequencer.head(session).size),
    ),
    Gauge(
        "log_pending_entries",
        "Records that wait for their place in the log; stays near 0 while the sequencer lives.",
        lambda _p, session, _now: one(session.scalar(sa.select(sa.func.count()).select_from(LogPending))),
    ),
    Gauge(
        "log_checkpoint_age_seconds",
        "Age of the newest checkpoint; above 120 the sequencer is down.",
        _checkpoint,
    ),
    Gauge(
        "witness_behind_entries",
        "Leaves a witness has not cosigned; with fewer than the quorum near 0 no bid counts as received.",
        _behind,
        "witness",
    ),
    Gauge("mail_messages", "Mails by what became of them.", _mail, "state"),
    Gauge(
        "mail_oldest_seconds",
        "Age of the oldest mail that waits; above an hour the mail server is ill.",
        _oldest_mail,
    ),
    Gauge(
        "moment_overdue_seconds",
        "How long the most overdue moment of a table has waited for the timekeeper.",
        _overdue,
        "table",
    ),
)
"""What the ground floor says of itself."""
