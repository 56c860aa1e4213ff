"""Who is behind a request: sessions of browsers and bearer tokens of machines, turned into an ``Actor``."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.errors import NotFound, NotSignedIn, NotValid
from kernel.identity.models import ApiToken, Membership, Organization, Person, SignInSession
from kernel.platform import Platform
from kernel.rights import Actor, Role
from kernel.work import Work

STEP_UP_MINUTES = 10
"""How long a fresh proof of presence is good for binding acts."""
SEEN_MINUTES = 5


@dataclass(frozen=True)
class SignedIn:
    """What a valid session or token says."""

    actor: Actor
    lang: str
    stepped_up_at: datetime | None = None


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def open_session(
    work: Work,
    person: Person,
    *,
    method: str,
    device: str = "",
    address: str = "",
    org_id: UUID | None = None,
) -> str:
    """Start a session for a person who has just proved themselves; returns the token for the cookie.

    Args:
        method: ``password``, ``totp``, ``recovery`` or ``passkey``.
        org_id: the organisation to act for; the first membership without it.
    """
    if person.state != "active":
        raise NotSignedIn(f"account_{person.state}")
    memberships = roles_of(work.session, person.id)
    if org_id is None and memberships:
        org_id = memberships[0].org_id
    token = urlsafe_b64encode(work.entropy(32)).rstrip(b"=").decode()
    work.add(
        SignInSession(
            id=work.new_id(),
            person_id=person.id,
            org_id=org_id,
            token_digest=digest(token),
            method=method,
            device=device[:200],
            address=address[:64],
            created_at=work.now,
            seen_at=work.now,
            expires_at=work.now + timedelta(hours=work.platform.settings.session_hours),
            stepped_up_at=work.now,
            revoked_at=None,
        )
    )
    return token


def roles_of(session: Session, person_id: UUID) -> Sequence[Membership]:
    """The roles a person holds now in organisations that are not suspended, oldest first."""
    return session.scalars(
        sa.select(Membership)
        .join(Organization, Organization.id == Membership.org_id)
        .where(
            Membership.person_id == person_id, Membership.until.is_(None), Organization.state != "suspended"
        )
        .order_by(Membership.since, Membership.id)
    ).all()


def actor_for(session: Session, person: Person, org_id: UUID | None, **more: object) -> Actor:
    """The actor a person is when acting for one organisation: with the roles held there."""
    held = roles_of(session, person.id)
    org = session.get(Organization, org_id) if org_id and any(one.org_id == org_id for one in held) else None
    return Actor(
        kind="person",
        name=person.name,
        person_id=person.id,
        org_id=None if org is None else org.id,
        org_name="" if org is None else org.party,
        roles=frozenset(Role(one.role) for one in held if org is not None and one.org_id == org.id),
        kid=person.kid,
        **more,  # type: ignore[arg-type]
    )


def actor_of(platform: Platform, person_id: UUID, org_id: UUID | None = None) -> Actor:
    """A person as actor without a session: commands, simulation and tests."""
    with platform.read() as session:
        person = session.get(Person, person_id)
        if person is None:
            raise NotFound("not_found", thing="person", id=str(person_id))
        held = roles_of(session, person_id)
        if org_id is None and held:
            org_id = held[0].org_id
        return actor_for(session, person, org_id)


def from_session(platform: Platform, token: str) -> SignedIn | None:
    """Who a session token belongs to, or None when it is unknown, expired or revoked."""
    now = platform.outside.clock.now()
    with platform.read() as session:
        found = session.execute(
            sa.select(SignInSession, Person)
            .join(Person, Person.id == SignInSession.person_id)
            .where(
                SignInSession.token_digest == digest(token),
                SignInSession.revoked_at.is_(None),
                SignInSession.expires_at > now,
                Person.state == "active",
            )
        ).one_or_none()
        if found is None:
            return None
        row, person = found
        actor = actor_for(session, person, row.org_id, session_id=row.id)
        stale = row.seen_at < now - timedelta(minutes=SEEN_MINUTES)
        result = SignedIn(actor, person.lang, row.stepped_up_at)
    if stale:
        with platform.database.session(write=True) as writing, writing.begin():
            writing.execute(
                sa.update(SignInSession)
                .where(SignInSession.id == result.actor.session_id)
                .values(seen_at=now)
            )
    return result


def from_token(platform: Platform, secret: str) -> SignedIn | None:
    """Who a bearer token belongs to, or None when it is unknown, expired or revoked."""
    now = platform.outside.clock.now()
    with platform.read() as session:
        found = session.execute(
            sa.select(ApiToken, Person)
            .join(Person, Person.id == ApiToken.person_id)
            .where(
                ApiToken.digest == digest(secret),
                ApiToken.revoked_at.is_(None),
                ApiToken.expires_at > now,
                Person.state == "active",
            )
        ).one_or_none()
        if found is None:
            return None
        row, person = found
        return SignedIn(actor_for(session, person, row.org_id, scopes=frozenset(row.scopes)), person.lang)


def close_session(work: Work, session_id: UUID, *, person_id: UUID) -> None:
    """Revoke one of a person's own sessions; NotFound for anybody else's."""
    row = work.lock(SignInSession, session_id)
    if row.person_id != person_id:
        raise NotFound("not_found", thing="session", id=str(session_id))
    row.revoked_at = row.revoked_at or work.now


def close_other_sessions(work: Work, person_id: UUID, *, but: UUID | None = None) -> int:
    """Revoke all sessions of a person except one, as after a change of password; returns how many."""
    rows = work.scalars(
        sa.select(SignInSession).where(
            SignInSession.person_id == person_id, SignInSession.revoked_at.is_(None)
        )
    )
    closed = [row for row in rows if row.id != but]
    for row in closed:
        row.revoked_at = work.now
    return len(closed)


def switch_organization(work: Work, session_id: UUID, person_id: UUID, org_id: UUID) -> None:
    """Act for another of one's organisations from now on. Raises NotValid ``membership_missing``."""
    if all(one.org_id != org_id for one in roles_of(work.session, person_id)):
        raise NotValid("membership_missing", field="org_id")
    row = work.lock(SignInSession, session_id)
    assert row.person_id == person_id
    row.org_id = org_id


def mark_step_up(work: Work, session_id: UUID) -> None:
    """The person has just proved presence again."""
    work.lock(SignInSession, session_id).stepped_up_at = work.now
