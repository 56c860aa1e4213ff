"""Read side of identity for the rooms above."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.i18n import current_lang
from kernel.identity.models import Membership, Organization, Person, PersonKey
from kernel.rights import Role

_ALL_KEYS = (
    sa.select(Membership.org_id, PersonKey.spki)
    .join(Membership, Membership.person_id == PersonKey.person_id)
    .where(Membership.org_id.in_(sa.bindparam("org_ids", expanding=True)))
    .distinct()
    .order_by(PersonKey.spki)
)
_KEYS = _ALL_KEYS.where(PersonKey.revoked_at.is_(None))


def keys_of_organization(session: Session, org_id: UUID) -> list[bytes]:
    """Public keys (SPKI, DER) of everybody who acts for an organisation; revoked ones are left out."""
    return keys_of_organizations(session, [org_id])[org_id]


def keys_of_organizations(
    session: Session, org_ids: Iterable[UUID], *, revoked: bool = False
) -> dict[UUID, list[bytes]]:
    """``keys_of_organization`` for many in one query; ``revoked`` takes in the keys that were revoked since."""
    found: dict[UUID, list[bytes]] = {org_id: [] for org_id in org_ids}
    rows = session.connection().execute(_ALL_KEYS if revoked else _KEYS, {"org_ids": list(found)})
    for org_id, spki in rows:
        found[org_id].append(bytes(spki))
    return found


def waiting() -> sa.Select[Organization]:
    """Organisations that registered and wait for an operator's check, the longest waiting first."""
    return sa.select(Organization).where(Organization.state == "pending").order_by(Organization.created_at)


def people_acting(*, org_id: UUID | None = None, role: Role | None = None) -> sa.Select[Person]:
    """Everybody who acts today, for an organisation or in a role or both: each once, in the order of ids."""
    acting = sa.select(Membership.person_id).where(Membership.until.is_(None))
    if org_id is not None:
        acting = acting.where(Membership.org_id == org_id)
    if role is not None:
        acting = acting.where(Membership.role == role.value)
    return sa.select(Person).where(Person.id.in_(acting)).order_by(Person.id)


def organizations(session: Session, ids: Iterable[UUID]) -> dict[UUID, Organization]:
    """Organisations by id, in one query."""
    found = session.scalars(sa.select(Organization).where(Organization.id.in_(list(ids))))
    return {org.id: org for org in found}


def english_names(session: Session, names: Iterable[str]) -> dict[str, str]:
    """Registered name → English name, for names that stand in records; one query, and none unless the page is English."""
    if current_lang() != "en":
        return {}
    rows = session.execute(
        sa.select(Organization.name, Organization.name_en).where(Organization.name.in_(sorted(set(names))))
    )
    return {name: english for name, english in rows}  # noqa: C416 - rows are no pairs
