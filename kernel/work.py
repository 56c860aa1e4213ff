"""A transaction: one actor, one instant, and the facts it established.

``with platform.begin(actor) as work:`` is the only way in. A change to an audited row without a fact about its
subject cannot be committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.database import Audited, Base
from kernel.errors import NotAllowed, NotFound, NotSignedIn
from kernel.facts import Fact
from kernel.ledger import book
from kernel.ledger.models import FactRow
from kernel.rights import Actor, Permission

if TYPE_CHECKING:
    from kernel.platform import Platform

Row = TypeVar("Row", bound=Base)


_FACTS = cast(sa.Table, FactRow.__table__)
_LAST_SEQS = (
    sa.select(_FACTS.c.subject, sa.func.max(_FACTS.c.seq))
    .where(_FACTS.c.subject.in_(sa.bindparam("subjects", expanding=True)))
    .group_by(_FACTS.c.subject)
)
_LAST_SEQ = sa.select(sa.func.max(_FACTS.c.seq)).where(_FACTS.c.subject == sa.bindparam("subject"))


class UnrecordedChange(AssertionError):
    """Audited rows changed and nobody said what happened: a bug, never shown as a refusal."""


@dataclass(frozen=True)
class Recorded:
    """Where a fact was written: its number in its subject's story and the id of its log record."""

    seq: int
    record_id: UUID


@dataclass
class Work:
    """What one transaction holds. Made by ``Platform.begin`` only."""

    platform: Platform
    session: Session
    actor: Actor
    now: datetime
    recorded: list[tuple[Fact, Recorded]] = field(default_factory=list)
    _touched: set[UUID] = field(default_factory=set)
    _after: list[Callable[[], None]] = field(default_factory=list)
    _seqs: dict[UUID, int] = field(default_factory=dict)
    _locked: dict[tuple[type[Base], Any], Base] = field(default_factory=dict)

    def new_id(self) -> UUID:
        """A fresh id; nothing can have happened to it before."""
        fresh = self.platform.outside.new_id()
        self._seqs[fresh] = 0
        return fresh

    def entropy(self, size: int) -> bytes:
        return self.platform.outside.entropy(size)

    def get(self, model: type[Row], key: Any, *, to: Permission) -> Row:
        """Load a row, lock it for writing and check the actor's right to it.

        Raises:
            NotFound: no such row, or one the actor may not know exists.
            NotSignedIn, NotAllowed: the right is missing.
        """
        row = self.lock(model, key)
        self.require(to, row)
        return row

    def lock(self, model: type[Row], key: Any) -> Row:
        """Load and lock a row on behalf of the platform itself; rights are the caller's business."""
        row = self._locked.get((model, key))
        if row is not None and sa.inspect(row).persistent and row not in self.session.deleted:
            return cast(Row, row)  # it is ours until the commit: nobody else can have changed it since
        if self.platform.database.is_sqlite:
            if self.session.deleted:
                self.session.flush()
            found = self.session.get(model, key)
        else:
            self.session.flush()  # a fresh read must not overwrite what this transaction already changed
            found = self.session.get(model, key, with_for_update={"of": model}, populate_existing=True)
        if found is None:
            raise NotFound("not_found", thing=model.__tablename__, id=str(key))
        self._locked[model, key] = found
        return found

    def warm(self, model: type[Row], keys: Iterable[UUID]) -> list[Row]:
        """Load and lock many rows in one query, in the order of their keys; ``get`` and ``lock`` find them then.

        For an actor who does the same deed to many rows in one transaction. Unknown keys are left out here and
        refused by the deed itself.
        """
        wanted = sorted({key for key in keys if (model, key) not in self._locked})
        if not wanted:
            return []
        mine = sa.inspect(model).primary_key[0]
        query = sa.select(model).where(mine.in_(wanted)).order_by(mine)
        if not self.platform.database.is_sqlite:
            query = query.with_for_update(of=model).execution_options(populate_existing=True)
        rows: list[Row] = self.scalars(query)
        for row in rows:
            self._locked[model, getattr(row, str(mine.key))] = row
        self._warm_stories(row.fact_subject() for row in cast(list[Any], rows) if isinstance(row, Audited))
        return rows

    def _warm_stories(self, subjects: Iterable[UUID]) -> None:
        """How far the stories of many locked subjects have come, in one query."""
        wanted = sorted(set(subjects) - self._seqs.keys())
        if wanted:
            known = self.session.connection().execute(_LAST_SEQS, {"subjects": wanted})
            self._seqs |= dict.fromkeys(wanted, 0) | {row[0]: row[1] for row in known}

    def require(self, permission: Permission, row: object = None) -> None:
        """Refuse unless the actor holds the permission for this row."""
        if self.platform.may(self.actor, permission, row):
            return
        if self.actor.is_anonymous:
            raise NotSignedIn("not_signed_in", permission=permission)
        raise NotAllowed("not_allowed", permission=permission)

    def add(self, row: Row) -> Row:
        self.session.add(row)
        return row

    def scalars(self, query: sa.Select[Any]) -> list[Any]:
        return list(self.session.scalars(query).unique().all())

    def one(self, query: sa.Select[Any]) -> Any:
        """The only row of a query, or None."""
        return self.session.scalars(query).unique().one_or_none()

    def record(self, fact: Fact, *, sig: dict[str, Any] | None = None) -> Recorded:
        """Write a fact: its row, its log record and the log's pending entry join this transaction.

        Listeners of the rooms above hear it at once, inside the transaction.
        """
        seq = self._next_seq(fact.subject)
        public, confidential = fact.public(), fact.confidential()
        record_id = book.write(
            self.session,
            platform=self.platform,
            now=self.now,
            kind=fact.kind,
            tender=fact.tender,
            body=public | ({} if fact.kind in book.BARE else {"fact": fact.name, "seq": seq}),
            confidential=confidential,
            by=self.actor.kid,
            sig=sig,
        )
        book.write_fact(
            self.session,
            {
                "id": self.platform.outside.new_id(),
                "subject": fact.subject,
                "seq": seq,
                "name": fact.name,
                "tender": fact.tender,
                "at": self.now,
                "actor_kind": self.actor.kind,
                "person_id": self.actor.person_id,
                "org_id": self.actor.org_id,
                "body": public,
                "private": confidential,
                "record_id": record_id,
            },
        )
        self._touched.add(fact.subject)
        recorded = Recorded(seq, record_id)
        self.recorded.append((fact, recorded))
        for listener in self.platform.listeners_of(type(fact)):
            listener(self, fact)
        return recorded

    def _next_seq(self, subject: UUID) -> int:
        if subject not in self._seqs:
            last = self.session.connection().scalar(_LAST_SEQ, {"subject": subject})
            self._seqs[subject] = last or 0
        self._seqs[subject] += 1
        return self._seqs[subject]

    def after_commit(self, deed: Callable[[], None]) -> None:
        """Do something once, only after the transaction is durable (news to sockets)."""
        self._after.append(deed)

    def message(self, *, to: str, template: str, lang: str = "zh-CN", **params: Any) -> None:
        """Put a mail into the outbox; the courier delivers it after the commit, and again until it succeeds."""
        from kernel.outbox.models import Message

        self.session.add(
            Message(
                id=self.new_id(),
                to=to,
                template=template,
                lang=lang,
                params=params,
                state="waiting",
                tries=0,
                next_try_at=self.now,
                created_at=self.now,
            )
        )

    def finish(self) -> None:
        """The last moment before commit: compute next moments, then refuse unrecorded changes."""
        self.session.flush()
        self.platform.settle_moments(self, list(self.session.info.get("changed", {}).values()))
        self.session.flush()
        strays = sorted(
            f"{type(row).__name__} {row.fact_subject()}"
            for row in self._audited
            if row.fact_subject() not in self._touched
        )
        if strays:
            raise UnrecordedChange(f"changed without a fact: {', '.join(strays)}")
        book.flush(self.session)

    @property
    def _audited(self) -> list[Audited]:
        return [row for row in self.session.info.get("audited", {}).values() if isinstance(row, Audited)]


@sa.event.listens_for(Session, "before_flush")
def _remember_audited(session: Session, _context: Any, _instances: Any) -> None:
    remembered = session.info.setdefault("audited", {})
    changed = session.info.setdefault("changed", {})
    for row in session.deleted:
        if isinstance(row, Audited):
            remembered[id(row)] = row
    for row in session.new:
        changed[id(row)] = row
        if isinstance(row, Audited):
            remembered[id(row)] = row
    for row in session.dirty:
        changed[id(row)] = row
        if isinstance(row, Audited) and id(row) not in remembered and _meaningful(row):
            remembered[id(row)] = row


def _meaningful(row: Any) -> bool:
    """Whether anything but the next moment has another value than was loaded."""
    state: Any = sa.inspect(row)
    touched = set(state.committed_state) - {"next_moment_at"}
    return any(state.attrs[key].history.has_changes() for key in touched)


@contextmanager
def transaction(platform: Platform, actor: Actor) -> Iterator[Work]:
    """The body of ``Platform.begin``: commit when the block ends well, roll back when it does not."""
    session = platform.database.session(write=True)
    try:
        with session.begin():
            session.connection()  # SQLite: take the write lock now, read the clock after it
            work = Work(platform=platform, session=session, actor=actor, now=platform.outside.clock.now())
            yield work
            work.finish()
            if platform.faults is not None:
                platform.faults("before_commit", work)
    finally:
        session.close()
    if platform.faults is not None:
        platform.faults("after_commit", work)
    platform.committed(work)
    for deed in work._after:
        deed()
