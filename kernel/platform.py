"""The running house: settings, database, outside, keys and the rooms, as one value that is passed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from kernel.database import Base, Database
from kernel.facts import Fact
from kernel.outside import Outside
from kernel.rights import Actor, Permission, Right
from kernel.room import Deadline, Listener, Room
from kernel.settings import Settings
from kernel.work import Work, transaction
from sealbid.signatures import RelyingParty

log = structlog.get_logger("sunroad")


def _relying_party(settings: Settings) -> RelyingParty:
    """Where people's passkeys may sign for this platform."""
    host = urlsplit(settings.base_url).hostname or "localhost"
    return RelyingParty(host, frozenset({settings.base_url}))


class Platform:
    """What every door, job and test holds.

    Args:
        rooms: in floor order, lowest first.
    """

    def __init__(
        self, settings: Settings, database: Database, outside: Outside, rooms: Sequence[Room]
    ) -> None:
        self.settings = settings
        self.database = database
        self.outside = outside
        self.rooms = tuple(rooms)
        self.log_key = Ed25519PrivateKey.from_private_bytes(settings.log_seed)
        self.platform_key = Ed25519PrivateKey.from_private_bytes(settings.platform_seed)
        self.rights: dict[Permission, Right] = {}
        self._listeners: dict[type[Fact], list[Listener]] = {}
        self._heard: dict[type[Fact], list[Callable[[Platform, Any], None]]] = {}
        self.deadlines: dict[type[Any], list[Deadline]] = {}
        self.relying_party = _relying_party(settings)
        self.faults: Callable[[str, Work], None] | None = None  # the simulator crashes here; None in a city
        self.live: Any = None  # the socket server, set by kernel.live; None where nobody listens
        for room in self.rooms:
            overlap = self.rights.keys() & room.rights.keys()
            assert not overlap, f"{room.name} declares again: {overlap}"
            self.rights.update(room.rights)
            for fact, listeners in room.listeners.items():
                self._listeners.setdefault(fact, []).extend(listeners)
            for fact, hearers in room.heard.items():
                self._heard.setdefault(fact, []).extend(hearers)
            for deadline in room.deadlines:
                self.deadlines.setdefault(deadline.model, []).append(deadline)

    def begin(self, actor: Actor) -> AbstractContextManager[Work]:
        """Open a transaction for one actor at one instant."""
        return transaction(self, actor)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A read-only session; whatever is changed in it is thrown away."""
        session = self.database.session(write=False)
        try:
            yield session
        finally:
            session.expunge_all()  # what was read stays readable after the session is gone
            session.rollback()
            session.close()

    def may(self, actor: Actor, permission: Permission, row: object = None) -> bool:
        """Whether the actor holds a permission for a row. An undeclared permission is a bug."""
        return self.rights[permission](actor, row)

    def listeners_of(self, fact: type[Fact]) -> Sequence[Listener]:
        return self._listeners.get(fact, ())

    def settle_moments(self, work: Work, changed: Sequence[Any]) -> None:
        """Store the nearest moment each changed row waits for; the timekeeper and the virtual clock read it."""
        for row in changed:
            for deadline in self.deadlines.get(type(row), ()):
                row.next_moment_at = deadline.next_moment(row)

    def committed(self, work: Work) -> None:
        """Tell the after-commit listeners. Their trouble is logged and never undoes what was committed."""
        for fact, recorded in work.recorded:
            for hearer in self._heard.get(type(fact), ()):
                try:
                    hearer(self, fact)
                except Exception:
                    log.exception("after_commit", fact=fact.name, record=str(recorded.record_id))

    def create_schema(self) -> None:
        """Make all tables at once: for tests and throw-away databases; installations migrate."""
        from kernel.ledger.guards import install_guards

        Base.metadata.create_all(self.database.writer)
        install_guards(self.database.writer)
        for room in self.rooms:
            for install in room.schema:
                install(self.database.writer)
