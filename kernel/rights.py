"""Who acts, and the names of what may be done. The rooms say who may do what to which row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType
from uuid import UUID

Permission = NewType("Permission", str)
"""``room:thing:deed``, for example ``trading:notice:publish``."""

Right = Callable[["Actor", Any], bool]
"""Given who acts and the row (or None), may they? Registered by the rooms in ``Room.rights``."""


class Role(StrEnum):
    """The hats a person can wear for an organisation. Duties stay separate: see ``CONFLICTING``."""

    BUYER = "buyer"
    AGENT = "agent"
    BIDDER = "bidder"
    EXPERT = "expert"
    SUPERVISOR = "supervisor"
    CUSTODIAN = "custodian"
    OPERATOR = "operator"


CONFLICTING: tuple[tuple[Role, Role], ...] = (
    (Role.BUYER, Role.SUPERVISOR),
    (Role.BUYER, Role.EXPERT),
    (Role.AGENT, Role.SUPERVISOR),
    (Role.AGENT, Role.EXPERT),
    (Role.BIDDER, Role.SUPERVISOR),
    (Role.BIDDER, Role.EXPERT),
    (Role.SUPERVISOR, Role.EXPERT),
    (Role.OPERATOR, Role.SUPERVISOR),
    (Role.OPERATOR, Role.EXPERT),
    (Role.OPERATOR, Role.BIDDER),
)
"""Pairs no one person may hold. Source: 招标投标法实施条例 第四十六条 (supervisors do not sit on panels)."""


@dataclass(frozen=True)
class Actor:
    """Who acts in a transaction: a person for an organisation, the system itself, or nobody known.

    Attributes:
        kind: ``person``, ``system`` or ``anonymous``.
        kid: the key id that stands in log records as ``by``.
    """

    kind: str
    name: str = ""
    person_id: UUID | None = None
    org_id: UUID | None = None
    org_name: str = ""
    roles: frozenset[Role] = frozenset()
    kid: str = ""
    session_id: UUID | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def is_anonymous(self) -> bool:
        return self.kind == "anonymous"

    @property
    def is_system(self) -> bool:
        return self.kind == "system"

    def has(self, *roles: Role) -> bool:
        return any(role in self.roles for role in roles)


SYSTEM = Actor(kind="system", name="Sunroad", kid="platform")
ANONYMOUS = Actor(kind="anonymous")


def only_system(actor: Actor, _row: object) -> bool:
    return actor.is_system


def holds(*roles: Role) -> Right:
    """A right that asks only for a role."""

    def right(actor: Actor, _row: object) -> bool:
        return actor.has(*roles)

    return right


def for_org(attribute: str, *roles: Role) -> Right:
    """A right that asks for a role and that the row belongs to the actor's organisation."""

    def right(actor: Actor, row: Any) -> bool:
        return actor.has(*roles) and actor.org_id is not None and getattr(row, attribute) == actor.org_id

    return right


def for_person(attribute: str, *roles: Role) -> Right:
    """A right that asks for a role and that the row belongs to this very person."""

    def right(actor: Actor, row: Any) -> bool:
        return (
            actor.has(*roles) and actor.person_id is not None and getattr(row, attribute) == actor.person_id
        )

    return right


def any_of(*rights: Right) -> Right:
    def right(actor: Actor, row: Any) -> bool:
        return any(one(actor, row) for one in rights)

    return right


Rights = Mapping[Permission, Right]
