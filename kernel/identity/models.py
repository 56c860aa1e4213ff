"""Tables of identity: columns and constraints, no decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, composite, mapped_column

from kernel.database import Audited, Base
from kernel.party import PartyName


class Organization(Audited, Base):
    """A legal entity. ``uscc`` is its unified social credit code; ``kinds`` the roles it may fill.

    ``state``: pending, active or suspended. ``controlled_by`` names the organisation that controls it.
    """

    __tablename__ = "organization"
    __table_args__ = (sa.CheckConstraint("state IN ('pending','active','suspended')", name="state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    uscc: Mapped[str] = mapped_column(sa.String(18), unique=True)
    name: Mapped[str] = mapped_column(sa.String(200), index=True)
    name_en: Mapped[str] = mapped_column(sa.String(200))
    kinds: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(sa.String(16))
    controlled_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("organization.id"))
    legal_person: Mapped[str] = mapped_column(sa.String(100))
    address: Mapped[str] = mapped_column(sa.String(300))
    contact_name: Mapped[str] = mapped_column(sa.String(100))
    contact_email: Mapped[str] = mapped_column(sa.String(200))
    contact_phone: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]
    party: Mapped[PartyName] = composite(PartyName, "name", "name_en")
    """Both names as one value, for pages; a query takes it in the place of ``name``."""


class Person(Audited, Base):
    """A human being. ``kid`` is random and stands in log records, which must not name people."""

    __tablename__ = "person"
    __table_args__ = (sa.CheckConstraint("state IN ('pending','active','suspended')", name="state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    name_en: Mapped[str] = mapped_column(sa.String(100))
    email: Mapped[str] = mapped_column(sa.String(200), unique=True)
    phone: Mapped[str] = mapped_column(sa.String(40))
    lang: Mapped[str] = mapped_column(sa.String(8))
    kid: Mapped[str] = mapped_column(sa.String(24), unique=True)
    state: Mapped[str] = mapped_column(sa.String(16))
    created_at: Mapped[datetime]


class Membership(Audited, Base):
    """A role a person holds in an organisation, since an instant, until another or still."""

    __tablename__ = "membership"
    __table_args__ = (sa.UniqueConstraint("person_id", "org_id", "role", "since"),)
    __subject__: ClassVar[str] = "person_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    role: Mapped[str] = mapped_column(sa.String(16))
    since: Mapped[datetime]
    until: Mapped[datetime | None]


class Credential(Base):
    """What a person proves themselves with, and how often that failed lately.

    ``totp_secret`` is encrypted under the secret key; ``totp_step`` is the last time step used, which never
    counts again.
    """

    __tablename__ = "credential"

    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("person.id"), primary_key=True)
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    password_at: Mapped[datetime]
    failures: Mapped[int]
    locked_until: Mapped[datetime | None]
    totp_secret: Mapped[bytes | None]
    totp_on: Mapped[bool]
    totp_step: Mapped[int]


class RecoveryCode(Base):
    """A one-time code for a lost second factor; only its digest is stored."""

    __tablename__ = "recovery_code"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    digest: Mapped[bytes]
    used_at: Mapped[datetime | None]


class PersonKey(Audited, Base):
    """A public key a person signs with. ``kind``: ``passkey`` or ``software``; ``spki`` is DER.

    ``sign_count`` and ``used_at`` are stamps of use; they change without a fact (by plain UPDATE).
    """

    __tablename__ = "person_key"
    __subject__: ClassVar[str] = "person_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    kid: Mapped[str] = mapped_column(sa.String(16), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    name: Mapped[str] = mapped_column(sa.String(80))
    spki: Mapped[bytes]
    credential_id: Mapped[bytes | None] = mapped_column(unique=True)
    transports: Mapped[list[Any]]
    sign_count: Mapped[int]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SignInSession(Base):
    """One signed-in browser. Only the digest of its token is stored."""

    __tablename__ = "sign_in_session"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    org_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("organization.id"))
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    method: Mapped[str] = mapped_column(sa.String(16))
    device: Mapped[str] = mapped_column(sa.String(200))
    address: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    stepped_up_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApiToken(Audited, Base):
    """A bearer token of a person for machines. Only its digest is stored; ``hint`` is its first letters."""

    __tablename__ = "api_token"
    __subject__: ClassVar[str] = "person_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"))
    name: Mapped[str] = mapped_column(sa.String(80))
    digest: Mapped[bytes] = mapped_column(unique=True)
    hint: Mapped[str] = mapped_column(sa.String(16))
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Challenge(Base):
    """A challenge a passkey was given; it works once, before it expires."""

    __tablename__ = "challenge"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(sa.String(16))
    person_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("person.id"))
    value: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class IdempotencyKey(Base):
    """The answer a write from a client got, kept a day, so that a repeated write gets it again."""

    __tablename__ = "idempotency_key"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    request_digest: Mapped[bytes]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(index=True)
