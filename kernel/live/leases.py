"""Leases with fencing: one process at a time owns a thing, and who lost it without noticing cannot write.

A lease is a row: name, holder, a token that only grows, and an end. Taking it over raises the token; a transaction
that asks ``assert_held`` is refused once somebody holds a higher one, however late its process wakes up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from kernel.database import Base
from kernel.errors import Stale

if TYPE_CHECKING:
    from kernel.platform import Platform


RENEWED_AT_ONCE = 400
"""Leases of one statement; a hall of two hundred rooms renews them every second."""


class LeaseRow(Base):
    """Who may act for a thing now. The row stays when the lease ends, so that its token never falls."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    holder: Mapped[str] = mapped_column(sa.String(200))
    token: Mapped[int] = mapped_column(sa.BigInteger())
    until: Mapped[datetime]


@dataclass(frozen=True)
class Lease:
    """A lease as it was when we last wrote it. Half open: at ``until`` it has ended."""

    name: str
    holder: str
    token: int
    until: datetime


def acquire(platform: Platform, name: str, holder: str, seconds: float) -> Lease | None:
    """Take a lease that is free or has ended, or keep one we hold; None while somebody else holds it.

    Args:
        holder: who takes it; unique to one run of one process.
        seconds: how long it lasts without being renewed.
    """
    with platform.database.session(write=True) as session, session.begin():
        session.connection()
        now = platform.outside.clock.now()
        until = now + timedelta(seconds=seconds)
        taken = session.connection().execute(
            sa.update(LeaseRow)
            .where(LeaseRow.name == name, LeaseRow.until <= now)
            .values(holder=holder, token=LeaseRow.token + 1, until=until)
        )
        if not taken.rowcount:
            insert: Any = sqlite.insert if platform.database.is_sqlite else postgresql.insert
            session.connection().execute(
                insert(LeaseRow)
                .values(name=name, holder=holder, token=1, until=until)
                .on_conflict_do_nothing()
            )
        row = session.get_one(LeaseRow, name)
        if row.holder != holder or row.until <= now:
            return None
        return Lease(name, holder, row.token, row.until)


def renew(platform: Platform, lease: Lease, seconds: float) -> Lease | None:
    """Prolong a lease we still hold; None when it has been taken over."""
    return renew_all(platform, [lease], seconds).get(lease.name)


def renew_all(platform: Platform, held: Iterable[Lease], seconds: float) -> dict[str, Lease]:
    """Prolong many leases in one transaction; those that were taken over are missing from the answer."""
    by_holder: dict[str, dict[str, Lease]] = defaultdict(dict)
    for lease in held:
        by_holder[lease.holder][lease.name] = lease
    kept: dict[str, Lease] = {}
    with platform.database.session(write=True) as session, session.begin():
        session.connection()
        until = platform.outside.clock.now() + timedelta(seconds=seconds)
        for holder, mine in by_holder.items():
            for names in _chunks(list(mine)):
                pairs = [(name, mine[name].token) for name in names]
                done = session.connection().execute(
                    sa.update(LeaseRow)
                    .where(
                        sa.tuple_(LeaseRow.name, LeaseRow.token).in_(pairs),
                        LeaseRow.holder == holder,
                    )
                    .values(until=until)
                    .returning(LeaseRow.name)
                )
                kept |= {name: replace(mine[name], until=until) for name in done.scalars()}
    return kept


def _chunks(names: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(names), RENEWED_AT_ONCE):
        yield names[at : at + RENEWED_AT_ONCE]


def release(platform: Platform, lease: Lease) -> None:
    """Let go at once, so that another process need not wait. Nothing happens when it is no longer ours."""
    with platform.database.session(write=True) as session, session.begin():
        session.connection()
        session.connection().execute(_ours(lease).values(until=platform.outside.clock.now()))


def _ours(lease: Lease) -> sa.Update:
    return sa.update(LeaseRow).where(
        LeaseRow.name == lease.name, LeaseRow.holder == lease.holder, LeaseRow.token == lease.token
    )


def holder_of(session: Session, name: str, now: datetime) -> str | None:
    """Who holds a lease now, or None."""
    return session.scalar(sa.select(LeaseRow.holder).where(LeaseRow.name == name, LeaseRow.until > now))


def free(session: Session, names: Iterable[str], now: datetime) -> set[str]:
    """Which of these leases nobody holds."""
    wanted = set(names)
    taken = session.scalars(sa.select(LeaseRow.name).where(LeaseRow.name.in_(wanted), LeaseRow.until > now))
    return wanted - set(taken)


def assert_held(session: Session, lease: Lease) -> None:
    """Refuse to go on in this transaction when somebody has taken the lease over; nobody can until it ends.

    Raises:
        Stale: ``lease_lost``.
    """
    token = session.scalar(
        sa.select(LeaseRow.token).where(LeaseRow.name == lease.name).with_for_update(read=True)
    )
    if token != lease.token:
        raise Stale("lease_lost", thing=lease.name, token=lease.token)
