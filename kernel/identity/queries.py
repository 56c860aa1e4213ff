"""Read side of identity for the rooms above."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.identity.models import Membership, Organization, PersonKey

_KEYS = (
    sa.select(PersonKey.spki)
    .join(Membership, Membership.person_id == PersonKey.person_id)
    .where(Membership.org_id == sa.bindparam("org_id"), PersonKey.revoked_at.is_(None))
    .distinct()
    .order_by(PersonKey.spki)
)


def keys_of_organization(session: Session, org_id: UUID) -> list[bytes]:
    """Public keys (SPKI, DER) of everybody who acts for an organisation; revoked ones are left out."""
    return [bytes(spki) for spki in session.scalars(_KEYS, {"org_id": org_id})]


def organizations(session: Session, ids: Iterable[UUID]) -> dict[UUID, Organization]:
    """Organisations by id, in one query."""
    found = session.scalars(sa.select(Organization).where(Organization.id.in_(list(ids))))
    return {org.id: org for org in found}
