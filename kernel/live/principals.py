"""Who is behind many sockets at once: sessions looked up in batches, for thousands of people who come in one second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.identity.models import Membership, Organization, Person, SignInSession
from kernel.identity.sessions import digest
from kernel.platform import Platform
from kernel.rights import Actor, Role

BATCH = 400


def by_tokens(platform: Platform, tokens: Iterable[str]) -> dict[str, tuple[Actor, str]]:
    """Session tokens → the actor and the language each belongs to; unknown, expired and revoked ones are missing."""
    known = {digest(token): token for token in tokens}
    found: dict[str, tuple[Actor, str]] = {}
    with platform.read() as session:
        for chunk in _chunks(list(known)):
            for row, actor, lang in _present(session, platform, SignInSession.token_digest.in_(chunk)):
                found[known[row]] = (actor, lang)
    return found


def by_sessions(platform: Platform, ids: Iterable[UUID]) -> dict[UUID, Actor]:
    """Sessions → who they belong to now; those that have ended are missing."""
    found: dict[UUID, Actor] = {}
    with platform.read() as session:
        for chunk in _chunks(list(ids)):
            for _, actor, _lang in _present(session, platform, SignInSession.id.in_(chunk)):
                assert actor.session_id is not None
                found[actor.session_id] = actor
    return found


def _chunks(items: list[Any]) -> Iterator[list[Any]]:
    for at in range(0, len(items), BATCH):
        yield items[at : at + BATCH]


def _present(
    session: Session, platform: Platform, which: sa.ColumnElement[bool]
) -> Iterator[tuple[bytes, Actor, str]]:
    """Token digest, actor and language of every session that is alive: what ``sessions.from_session`` says of one."""
    now = platform.outside.clock.now()
    rows = session.execute(
        sa.select(
            SignInSession.token_digest,
            SignInSession.id,
            SignInSession.org_id,
            Person.id,
            Person.name,
            Person.kid,
            Person.lang,
        )
        .join(Person, Person.id == SignInSession.person_id)
        .where(
            which,
            SignInSession.revoked_at.is_(None),
            SignInSession.expires_at > now,
            Person.state == "active",
        )
    ).all()
    roles: dict[tuple[UUID, UUID], set[Role]] = defaultdict(set)
    names: dict[UUID, str] = {}
    held = session.execute(
        sa.select(Membership.person_id, Membership.org_id, Membership.role, Organization.party)
        .join(Organization, Organization.id == Membership.org_id)
        .where(
            Membership.person_id.in_({row[3] for row in rows}),
            Membership.until.is_(None),
            Organization.state != "suspended",
        )
    )
    for person_id, org_id, role, org_name in held:
        roles[person_id, org_id].add(Role(role))
        names[org_id] = org_name
    for token, session_id, acting_for, person_id, name, kid, lang in rows:
        held_here = roles.get((person_id, acting_for), set()) if acting_for is not None else set()
        actor = Actor(
            kind="person",
            name=name,
            person_id=person_id,
            org_id=acting_for if held_here else None,
            org_name=names[acting_for] if acting_for is not None and held_here else "",
            roles=frozenset(held_here),
            kid=kid,
            session_id=session_id,
        )
        yield token, actor, lang
