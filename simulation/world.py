"""The city: its organisations, people, keys and clock. Everything in it is made by the platform's own actions."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from bidding.actions import custody
from evaluation.actions import panels
from kernel import timekeeper
from kernel.clock import VirtualClock
from kernel.identity import actions as identity
from kernel.identity.uscc import a_uscc
from kernel.ledger import sequencer
from kernel.platform import Platform
from kernel.rights import ANONYMOUS, SYSTEM, Actor, Role
from kernel.work import Work
from sealbid import signatures
from simulation import names

REGION = "310000"


@dataclass(frozen=True)
class Player:
    """A person who acts for an organisation and holds a signing key."""

    person_id: UUID
    org_id: UUID
    org_name: str
    uscc: str
    name: str
    email: str
    roles: frozenset[Role]
    key: Ed25519PrivateKey = field(repr=False)

    def sign(self, kind: str, body: object) -> dict[str, Any]:
        """The player's signature object over a document."""
        return signatures.sign(kind, body, self.key).to_json()


@dataclass
class World:
    """A platform with a population. ``dice`` decides what actors choose; ``platform.outside.entropy`` makes keys."""

    platform: Platform
    clock: VirtualClock
    dice: random.Random
    cosigners: dict[str, sequencer.Cosigner] = field(default_factory=dict)
    password_hash: str = ""
    buyers: list[Player] = field(default_factory=list)
    agents: list[Player] = field(default_factory=list)
    bidders: list[Player] = field(default_factory=list)
    experts: list[Player] = field(default_factory=list)
    supervisors: list[Player] = field(default_factory=list)
    operators: list[Player] = field(default_factory=list)
    keepers: dict[str, Player] = field(default_factory=dict)
    seeds: dict[tuple[str, int], bytes] = field(default_factory=dict)
    secrets: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def begin(self, player: Player | None = None) -> AbstractContextManager[Work]:
        return self.platform.begin(SYSTEM if player is None else self.actor(player))

    def read(self) -> AbstractContextManager[Session]:
        return self.platform.read()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def entropy(self, size: int) -> bytes:
        return self.platform.outside.entropy(size)

    def actor(self, player: Player) -> Actor:
        return Actor(
            kind="person",
            name=player.name,
            person_id=player.person_id,
            org_id=player.org_id,
            org_name=player.org_name,
            roles=player.roles,
            kid=signatures.kid_of(signatures.spki(player.key)),
        )

    def player(
        self,
        org_name: str,
        roles: Sequence[Role],
        *,
        authority: str = "91",
        kinds: Sequence[Role] = (),
        email: str = "",
        **more: Any,
    ) -> Player:
        """A new organisation with one person who holds these roles in it; ``kinds`` are roles it may fill besides."""
        number = next(self._numbers)
        uscc = a_uscc(number, authority=authority)
        with self.begin() as work:
            org = identity.register_organization(
                work,
                uscc=uscc,
                name=org_name,
                name_en=names.english(org_name),
                kinds=tuple(sorted({*roles, *kinds})),
                legal_person=names.person(number + 500),
                address=f"阳光市向阳路 {number} 号",
                contact_name=names.person(number),
                contact_email=f"office{number}@example.org",
                contact_phone=f"021-5550{number:04d}",
                **more,
            )
        return self.colleague(org.id, org_name, uscc, roles, email=email or f"p{number}@example.org")

    def applicant(self, org_name: str) -> None:
        """A bidder who asks for an account and waits for the operator's check."""
        number = next(self._numbers)
        with self.platform.begin(ANONYMOUS) as work:
            identity.apply_for_account(
                work,
                uscc=a_uscc(number, authority="91"),
                org_name=org_name,
                org_name_en=names.english(org_name),
                legal_person=names.person(number + 500),
                address=f"阳光市向阳路 {number} 号",
                person_name=names.person(number),
                email=f"p{number}@example.org",
                phone=f"021-5550{number:04d}",
                password_hash=self.password_hash,
                lang="zh-CN",
            )

    def colleague(
        self, org_id: UUID, org_name: str, uscc: str, roles: Sequence[Role], *, email: str, name: str = ""
    ) -> Player:
        """One more person of an organisation, with a registered software key."""
        key = Ed25519PrivateKey.from_private_bytes(self.entropy(32))
        name = name or names.person(next(self._numbers))
        with self.begin() as work:
            person = identity.register_person(work, name=name, email=email, password_hash=self.password_hash)
            for role in roles:
                identity.give_role(work, person.id, org_id, role)
            identity.register_key(work, person.id, spki=signatures.spki(key), name="simulation")
        return Player(person.id, org_id, org_name, uscc, name, email, frozenset(roles), key)

    def sequence(self, *, witnessed: bool = True) -> sequencer.Head:
        """Let the sequencer do its round, and the witnesses theirs."""
        head = sequencer.sequence(self.platform)
        if self.cosigners and witnessed:
            sequencer.cosign(self.platform, self.cosigners)
        return head

    def pass_time(self, until: datetime) -> None:
        """Move the clock forward, stopping at every moment a row waits for."""
        while True:
            moment = timekeeper.next_moment(self.platform)
            if moment is None or moment > until:
                break
            if moment > self.now:
                self.clock.move(moment)
            if timekeeper.keep_time(self.platform) == 0:
                break
            self.sequence()
        if until > self.now:
            self.clock.move(until)

    def wait(self, **delta: float) -> None:
        self.pass_time(self.now + timedelta(**delta))


def found_city(world: World, *, buyers: int = 3, bidders: int = 12, experts: int = 14) -> World:
    """Give a world its population and its standing custodians."""
    for index in range(buyers):
        buyer = world.player(
            names.BUYERS[index % len(names.BUYERS)],
            [Role.BUYER, Role.CUSTODIAN],
            authority="11",
            email=_first("buyer", index),
        )
        world.buyers.append(buyer)
    world.agents.append(world.player(names.AGENCY, [Role.AGENT], email=_first("agency", 0)))
    for role, name in zip(custody.ROLES[1:], names.KEEPERS, strict=True):
        hats = {
            "operator": [Role.CUSTODIAN],
            "supervisor": [Role.SUPERVISOR, Role.CUSTODIAN],
        }.get(role, [Role.CUSTODIAN])
        kinds = [Role.OPERATOR] if role == "operator" else []
        email = {"supervisor": _first("supervisor", 0), "notary": _first("custodian", 0)}.get(role, "")
        keeper = world.player(name, hats, authority="12", kinds=kinds, email=email)
        world.keepers[role] = keeper
        if role == "supervisor":
            world.supervisors.append(keeper)
        if role == "operator":
            staff = world.colleague(
                keeper.org_id, name, keeper.uscc, [Role.OPERATOR], email=_first("operator", 0)
            )
            world.operators.append(staff)
        with world.begin() as work:
            custody.set_standing_custodian(work, keeper.org_id, role)
    for index in range(bidders):
        world.bidders.append(world.player(names.bidder(index), [Role.BIDDER], email=_first("bidder", index)))
    institute = world.player(names.INSTITUTE, [Role.EXPERT], email=_first("expert", 0))
    for index in range(experts):
        expert = (
            institute
            if index == 0
            else world.colleague(
                institute.org_id,
                institute.org_name,
                institute.uscc,
                [Role.EXPERT],
                email=_first("expert", index),
            )
        )
        world.experts.append(expert)
        with world.begin() as work:
            panels.enrol_expert(
                work,
                expert.person_id,
                specialties=["civil", "supplies"],
                region=REGION,
                title="高级工程师",
                years=9 + index,
                employer_id=expert.org_id,
            )
    return world


def _first(word: str, index: int) -> str:
    """The address of the first of a kind is easy to remember; the others count."""
    return f"{word}{index or ''}@example.org"
