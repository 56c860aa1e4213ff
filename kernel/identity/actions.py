"""What can be done to organisations, people, roles, keys and tokens. Each is one transaction's deed."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity import facts
from kernel.identity.models import ApiToken, Credential, Membership, Organization, Person, PersonKey
from kernel.identity.uscc import require_uscc
from kernel.rights import CONFLICTING, Permission, Right, Role, any_of, holds, only_system
from kernel.work import Work
from sealbid import signatures
from sealbid.errors import SealError

MANAGE = Permission("identity:organization:manage")
APPLY = Permission("identity:account:apply")
OWN = Permission("identity:account:own")

TOKEN_DAYS_MAX = 366
SCOPES = ("read", "bid", "custody", "audit", "admin")
"""What a token may do: read for its organisation, hand in bids, release keys, read evidence, manage."""


def _self(actor: object, row: object) -> bool:
    person_id = getattr(actor, "person_id", None)
    owner = row.id if isinstance(row, Person) else getattr(row, "person_id", None)
    return person_id is not None and owner == person_id


RIGHTS: dict[Permission, Right] = {
    MANAGE: any_of(only_system, holds(Role.OPERATOR)),
    APPLY: lambda _actor, _row: True,
    OWN: any_of(only_system, _self),
}


def register_organization(
    work: Work,
    *,
    uscc: str,
    name: str,
    name_en: str = "",
    kinds: Iterable[Role] = (),
    controlled_by: UUID | None = None,
    legal_person: str = "",
    address: str = "",
    contact_name: str = "",
    contact_email: str = "",
    contact_phone: str = "",
) -> Organization:
    """Enter an active organisation; for operators.

    Raises:
        NotValid: ``uscc_format``, ``uscc_check``, ``uscc_taken``, ``name_empty``.
    """
    work.require(MANAGE)
    return _enter_organization(
        work,
        uscc=uscc,
        name=name,
        name_en=name_en,
        kinds=kinds,
        controlled_by=controlled_by,
        legal_person=legal_person,
        address=address,
        contact_name=contact_name,
        contact_email=contact_email,
        contact_phone=contact_phone,
        state="active",
    )


def _enter_organization(
    work: Work, *, uscc: str, name: str, kinds: Iterable[Role], state: str, name_en: str = "", **rest: object
) -> Organization:
    code = require_uscc(uscc)
    if not name.strip():
        raise NotValid("name_empty", field="name")
    if work.one(sa.select(Organization).where(Organization.uscc == code)) is not None:
        raise NotValid("uscc_taken", field="uscc", uscc=code)
    chosen = tuple(sorted(str(Role(kind)) for kind in kinds))
    org = Organization(
        id=work.new_id(),
        uscc=code,
        name=name.strip(),
        name_en=name_en.strip(),
        kinds=list(chosen),
        state=state,
        created_at=work.now,
        **rest,
    )
    work.add(org)
    work.record(
        facts.OrganizationRegistered(
            subject=org.id, uscc=code, legal_name=org.name, kinds=chosen, state=state
        )
    )
    return org


def set_organization_state(work: Work, org_id: UUID, state: str, *, reason: str = "") -> Organization:
    """Activate or suspend an organisation. Its pending people become active with it.

    Raises:
        NotNow: ``state_unchanged``.
    """
    assert state in ("active", "suspended"), state
    org = work.get(Organization, org_id, to=MANAGE)
    if org.state == state:
        raise NotNow("state_unchanged", state=state)
    org.state = state
    work.record(facts.OrganizationChanged(subject=org.id, change=state, reason=reason))
    if state == "active":
        members = (
            sa.select(Person).join(Membership).where(Membership.org_id == org_id, Person.state == "pending")
        )
        for person in work.scalars(members):
            person.state = "active"
            work.record(facts.PersonChanged(subject=person.id, change="active"))
            work.message(
                to=person.email, template="account_active", lang=person.lang, name=person.name, org=org.name
            )
    return org


def register_person(
    work: Work,
    *,
    name: str,
    email: str,
    name_en: str = "",
    phone: str = "",
    lang: str = "zh-CN",
    password_hash: str = "",
) -> Person:
    """Enter an active person; for operators. Without a password hash they set one through a mailed link.

    Raises:
        NotValid: ``name_empty``, ``email_format``, ``email_taken``.
    """
    work.require(MANAGE)
    return _enter_person(
        work,
        name=name,
        email=email,
        name_en=name_en,
        phone=phone,
        lang=lang,
        password_hash=password_hash,
        state="active",
    )


def _enter_person(
    work: Work,
    *,
    name: str,
    email: str,
    state: str,
    name_en: str = "",
    phone: str = "",
    lang: str = "zh-CN",
    password_hash: str = "",
) -> Person:
    address = email.strip().lower()
    if not name.strip():
        raise NotValid("name_empty", field="person_name")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address) or len(address) > 200:
        raise NotValid("email_format", field="email")
    if work.one(sa.select(Person).where(Person.email == address)) is not None:
        raise NotValid("email_taken", field="email")
    person = Person(
        id=work.new_id(),
        name=name.strip(),
        name_en=name_en.strip(),
        email=address,
        phone=phone.strip(),
        lang=lang,
        kid=f"person:{work.entropy(8).hex()}",
        state=state,
        created_at=work.now,
    )
    work.add(person)
    work.session.flush()
    work.add(
        Credential(
            person_id=person.id,
            password_hash=password_hash,
            password_at=work.now,
            failures=0,
            locked_until=None,
            totp_secret=None,
            totp_on=False,
            totp_step=0,
        )
    )
    work.record(
        facts.PersonRegistered(subject=person.id, person_name=person.name, email=address, state=state)
    )
    return person


def apply_for_account(
    work: Work,
    *,
    uscc: str,
    org_name: str,
    org_name_en: str,
    legal_person: str,
    address: str,
    person_name: str,
    email: str,
    phone: str,
    password_hash: str,
    lang: str,
) -> tuple[Organization, Person]:
    """A bidder registers itself and its first person; both stay pending until an operator activates them.

    Raises:
        NotValid: as the two registrations.
    """
    work.require(APPLY)
    org = _enter_organization(
        work,
        uscc=uscc,
        name=org_name,
        name_en=org_name_en,
        kinds=(Role.BIDDER,),
        state="pending",
        legal_person=legal_person,
        address=address,
        contact_name=person_name,
        contact_email=email.strip().lower(),
        contact_phone=phone,
        controlled_by=None,
    )
    person = _enter_person(
        work,
        name=person_name,
        email=email,
        phone=phone,
        lang=lang,
        password_hash=password_hash,
        state="pending",
    )
    _enter_role(work, person.id, org, Role.BIDDER)
    work.message(to=person.email, template="account_received", lang=lang, name=person.name, org=org.name)
    return org, person


def give_role(work: Work, person_id: UUID, org_id: UUID, role: Role) -> Membership:
    """Give a person a role in an organisation; for operators.

    Raises:
        NotFound: person or organisation.
        NotValid: ``role_not_of_organization`` when the organisation is not of that kind,
            ``roles_conflict`` naming the role that excludes this one.
        NotNow: ``role_held`` already.

    Source: 招标投标法实施条例 第四十六条 (separation of duties).
    """
    work.require(MANAGE)
    work.lock(Person, person_id)
    return _enter_role(work, person_id, work.lock(Organization, org_id), role)


def _enter_role(work: Work, person_id: UUID, org: Organization, role: Role) -> Membership:
    if role.value not in org.kinds:
        raise NotValid("role_not_of_organization", field="role", role=role.value, kinds=list(org.kinds))
    held = work.scalars(
        sa.select(Membership).where(Membership.person_id == person_id, Membership.until.is_(None))
    )
    if any(one.org_id == org.id and one.role == role.value for one in held):
        raise NotNow("role_held", role=role.value)
    for one in held:
        other = Role(one.role)
        if (role, other) in CONFLICTING or (other, role) in CONFLICTING:
            raise NotValid(
                "roles_conflict",
                source="招标投标法实施条例 第四十六条",
                field="role",
                role=role.value,
                other=other.value,
            )
    membership = Membership(
        id=work.new_id(), person_id=person_id, org_id=org.id, role=role.value, since=work.now, until=None
    )
    work.add(membership)
    work.record(facts.RoleGiven(subject=person_id, role=role.value, org=org.id))
    return membership


def take_role(work: Work, membership_id: UUID) -> None:
    """End a role now; for operators. Raises NotNow ``role_ended``."""
    membership = work.get(Membership, membership_id, to=MANAGE)
    if membership.until is not None:
        raise NotNow("role_ended")
    membership.until = work.now
    work.record(facts.RoleTaken(subject=membership.person_id, role=membership.role, org=membership.org_id))


def register_key(
    work: Work,
    person_id: UUID,
    *,
    spki: bytes,
    name: str,
    kind: str = "software",
    credential_id: bytes | None = None,
    sign_count: int = 0,
    transports: Iterable[str] = (),
) -> PersonKey:
    """Enter a public key the person signs with; themselves, or the platform.

    Raises:
        NotValid: ``key_unusable`` for a kind of key the protocol does not admit, ``key_taken``.
    """
    person = work.get(Person, person_id, to=OWN)
    try:
        signatures.load_public_key(spki)
    except SealError as no:
        raise NotValid("key_unusable", source="sealing §2", field="key", why=str(no)) from no
    kid = signatures.kid_of(spki)
    if work.one(sa.select(PersonKey).where(PersonKey.kid == kid)) is not None:
        raise NotValid("key_taken", field="key", kid=kid)
    key = PersonKey(
        id=work.new_id(),
        person_id=person.id,
        kid=kid,
        kind=kind,
        name=name.strip()[:80] or kind,
        spki=spki,
        credential_id=credential_id,
        transports=list(transports),
        sign_count=sign_count,
        created_at=work.now,
        used_at=None,
        revoked_at=None,
    )
    work.add(key)
    work.session.flush()  # keys are read by columns
    work.record(facts.KeyRegistered(subject=person.id, key_kind=kind, key=kid))
    return key


def revoke_key(work: Work, key_id: UUID) -> None:
    """Stop accepting new signatures by a key; old ones stay valid. Raises NotNow ``key_revoked``."""
    key = work.get(PersonKey, key_id, to=OWN)
    if key.revoked_at is not None:
        raise NotNow("key_revoked")
    key.revoked_at = work.now
    work.session.flush()
    work.record(facts.KeyRevoked(subject=key.person_id, key=key.kid))


def issue_token(
    work: Work, person_id: UUID, org_id: UUID, *, name: str, scopes: Iterable[str], days: int = 90
) -> tuple[ApiToken, str]:
    """Make a bearer token for a machine; the second value is the secret, shown once and never stored.

    Raises:
        NotValid: ``token_name_empty``, ``token_scopes``, ``token_days``.
        NotFound: ``membership_missing`` when the person has no role in that organisation.
    """
    person = work.get(Person, person_id, to=OWN)
    chosen = sorted(set(scopes))
    if not name.strip():
        raise NotValid("token_name_empty", field="name")
    if not chosen or set(chosen) - set(SCOPES):
        raise NotValid("token_scopes", field="scopes", allowed=list(SCOPES))
    if not 1 <= days <= TOKEN_DAYS_MAX:
        raise NotValid("token_days", field="days", most=TOKEN_DAYS_MAX)
    of_org = sa.select(Membership).where(
        Membership.person_id == person_id, Membership.org_id == org_id, Membership.until.is_(None)
    )
    if not work.scalars(of_org):
        raise NotFound("membership_missing")
    secret = "sr_" + urlsafe_b64encode(work.entropy(32)).rstrip(b"=").decode()
    token = ApiToken(
        id=work.new_id(),
        person_id=person.id,
        org_id=org_id,
        name=name.strip()[:80],
        digest=hashlib.sha256(secret.encode()).digest(),
        hint=secret[:8],
        scopes=list(chosen),
        created_at=work.now,
        expires_at=work.now + timedelta(days=days),
        used_at=None,
        revoked_at=None,
    )
    work.add(token)
    work.record(facts.TokenIssued(subject=person.id, scopes=tuple(chosen), label=token.name))
    return token, secret


def revoke_token(work: Work, token_id: UUID) -> None:
    """End a token at once. Raises NotNow ``token_revoked``."""
    token = work.get(ApiToken, token_id, to=OWN)
    if token.revoked_at is not None:
        raise NotNow("token_revoked")
    token.revoked_at = work.now
    work.record(facts.TokenRevoked(subject=token.person_id, label=token.name))


def set_language(work: Work, person_id: UUID, lang: str) -> None:
    """Remember the language a person reads. Raises NotValid ``language_unknown``."""
    if lang not in ("zh-CN", "en"):
        raise NotValid("language_unknown", field="lang")
    person = work.get(Person, person_id, to=OWN)
    if person.lang != lang:
        person.lang = lang
        work.record(facts.PersonChanged(subject=person.id, change="language"))
