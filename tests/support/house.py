"""A whole house for tests: virtual clock, seeded entropy, throw-away database, signed-in clients."""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import create_app
from kernel.clock import VirtualClock
from kernel.database import Database
from kernel.identity import actions, sessions
from kernel.identity.models import Organization, Person, PersonKey
from kernel.identity.passwords import hash_password
from kernel.identity.uscc import a_uscc
from kernel.ledger.models import FactRow
from kernel.outside import LocalBlobs, MailDrop, Outside, SeededEntropy
from kernel.platform import Platform
from kernel.rights import SYSTEM, Actor, Role
from kernel.settings import Settings
from kernel.web.current import SESSION_KEY
from kernel.work import Work
from sealbid import signatures
from tests.support.kept import keep_addresses, keep_templates

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PASSWORD = "correct horse 7 battery"


_template: bytes | None = None


class House:
    """Builds organisations and people by actions, and hands out clients and transactions.

    Args:
        folder: where the database and files live.
        database_url: SQLite in the folder unless given.
        settings: overrides of ``Settings`` fields.
    """

    def __init__(self, folder: Path, database_url: str = "", *, csrf: bool = False, **settings: Any) -> None:
        self.folder = folder
        self.settings = replace(
            Settings(
                database_url=database_url or f"sqlite:///{folder / 'house.db'}",
                data_folder=folder,
                secret_key="only for tests, thirty-two letters and more",
                log_seed=b"\x01" * 32,
                platform_seed=b"\x02" * 32,
                base_url="http://localhost",
                password_memory_kib=64,
                durable=False,
                rate_limits=False,
            ),
            **settings,
        )
        self.clock = VirtualClock(START)
        self.mail = MailDrop()
        self.outside = Outside(
            self.clock, SeededEntropy(7), self.mail, LocalBlobs(folder / "blobs", durable=False)
        )
        keep_addresses()
        self.app: Flask = create_app(
            self.settings,
            self.outside,
            Database(self.settings.database_url, durable=False),
            csrf=csrf,
            testing=True,
        )
        keep_templates(self.app)
        self.platform: Platform = self.app.extensions["sunroad"]
        self._make_schema()
        self._count = itertools.count(1)
        self._keys: dict[UUID, Ed25519PrivateKey] = {}
        self._password_hash = hash_password(self.settings, PASSWORD)

    def _make_schema(self) -> None:
        """Tables and guards; on SQLite they are made once and copied, because tests want many houses."""
        global _template
        database = self.platform.database
        if not database.is_sqlite:
            self.platform.create_schema()
            return
        file = Path(self.settings.database_url.removeprefix("sqlite:///"))
        if _template is None:
            self.platform.create_schema()
            with database.writer.connect() as connection:
                raw = connection.connection.cursor()
                connection.rollback()
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.dispose()
            _template = file.read_bytes()
        else:
            file.write_bytes(_template)

    def begin(self, actor: Actor = SYSTEM) -> AbstractContextManager[Work]:
        return self.platform.begin(actor)

    def read(self) -> AbstractContextManager[Session]:
        return self.platform.read()

    def org(self, *kinds: Role, name: str = "", **more: Any) -> Organization:
        """An active organisation of these kinds."""
        number = next(self._count)
        with self.begin() as work:
            return actions.register_organization(
                work,
                uscc=more.pop("uscc", a_uscc(number)),
                name=name or f"第{number}号测试单位",
                name_en=more.pop("name_en", f"Test entity {number}"),
                kinds=kinds,
                **more,
            )

    def person(self, *roles: Role, org: Organization | UUID | None = None, name: str = "") -> Person:
        """An active person holding these roles in an organisation, which is made when none is given."""
        number = next(self._count)
        home = self.org(*roles) if org is None and roles else org
        with self.begin() as work:
            person = actions.register_person(
                work,
                name=name or f"测试人{number}",
                email=f"person{number}@example.org",
                password_hash=self._password_hash,
            )
            if home is not None:
                org_id = home.id if isinstance(home, Organization) else home
                for role in roles:
                    actions.give_role(work, person.id, org_id, role)
        return person

    def actor(self, person: Person | UUID, org_id: UUID | None = None) -> Actor:
        """The person as actor of a transaction: ``house.begin(house.actor(person))``."""
        return sessions.actor_of(self.platform, _id(person), org_id)

    def client(self, person: Person | UUID | None = None, org_id: UUID | None = None) -> FlaskClient:
        """A browser; signed in when a person is given."""
        client = self.app.test_client()
        if person is not None:
            with self.begin() as work:
                row = work.lock(Person, _id(person))
                token = sessions.open_session(work, row, method="password", org_id=org_id, device="test")
            with client.session_transaction() as cookie:
                cookie[SESSION_KEY] = token
        return client

    def token(self, person: Person | UUID, *scopes: str) -> dict[str, str]:
        """Headers of a machine that acts for a person."""
        actor = self.actor(person)
        assert actor.org_id is not None
        with self.begin(actor) as work:
            _, secret = actions.issue_token(work, _id(person), actor.org_id, name="test", scopes=scopes)
        return {"Authorization": f"Bearer {secret}"}

    def key(self, person: Person | UUID) -> Ed25519PrivateKey:
        """The software signing key of a person, registered on first use."""
        person_id = _id(person)
        if person_id not in self._keys:
            key = Ed25519PrivateKey.from_private_bytes(self.outside.entropy(32))
            with self.begin(self.actor(person_id)) as work:
                actions.register_key(work, person_id, spki=signatures.spki(key), name="test")
            self._keys[person_id] = key
        return self._keys[person_id]

    def sign(self, person: Person | UUID, kind: str, body: object) -> dict[str, Any]:
        """A signature object by the person's software key over ``(kind, body)``."""
        return signatures.sign(kind, body, self.key(person)).to_json()

    def facts(self, subject: UUID | None = None) -> list[str]:
        """Names of the facts recorded so far, oldest first."""
        import sqlalchemy as sa

        query = sa.select(FactRow.name).order_by(FactRow.at, FactRow.seq)
        if subject is not None:
            query = query.where(FactRow.subject == subject)
        with self.read() as session:
            return list(session.scalars(query))

    def close(self) -> None:
        self.platform.database.dispose()


def _id(person: Person | UUID) -> UUID:
    return person.id if isinstance(person, Person) else person


__all__ = ["PASSWORD", "START", "House", "Organization", "Person", "PersonKey"]
