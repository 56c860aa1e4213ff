"""What can have happened to people and organisations. Names and addresses stay in the confidential half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from kernel.facts import Fact, private


@dataclass(frozen=True, kw_only=True)
class AdminFact(Fact):
    kind: ClassVar[str] = "admin-action"


@dataclass(frozen=True, kw_only=True)
class OrganizationRegistered(AdminFact):
    name: ClassVar[str] = "identity.organization.registered"
    uscc: str = private()
    legal_name: str = private()
    kinds: tuple[str, ...] = ()
    state: str = "active"


@dataclass(frozen=True, kw_only=True)
class OrganizationChanged(AdminFact):
    name: ClassVar[str] = "identity.organization.changed"
    change: str
    reason: str = private(default="")


@dataclass(frozen=True, kw_only=True)
class PersonRegistered(AdminFact):
    name: ClassVar[str] = "identity.person.registered"
    person_name: str = private()
    email: str = private()
    state: str = "active"


@dataclass(frozen=True, kw_only=True)
class PersonChanged(AdminFact):
    name: ClassVar[str] = "identity.person.changed"
    change: str


@dataclass(frozen=True, kw_only=True)
class RoleGiven(AdminFact):
    name: ClassVar[str] = "identity.role.given"
    role: str
    org: UUID = private()


@dataclass(frozen=True, kw_only=True)
class RoleTaken(AdminFact):
    name: ClassVar[str] = "identity.role.taken"
    role: str
    org: UUID = private()


@dataclass(frozen=True, kw_only=True)
class KeyRegistered(AdminFact):
    name: ClassVar[str] = "identity.key.registered"
    key_kind: str
    key: str = private()


@dataclass(frozen=True, kw_only=True)
class KeyRevoked(AdminFact):
    name: ClassVar[str] = "identity.key.revoked"
    key: str = private()


@dataclass(frozen=True, kw_only=True)
class TokenIssued(AdminFact):
    name: ClassVar[str] = "identity.token.issued"
    scopes: tuple[str, ...]
    label: str = private()


@dataclass(frozen=True, kw_only=True)
class TokenRevoked(AdminFact):
    name: ClassVar[str] = "identity.token.revoked"
    label: str = private()
