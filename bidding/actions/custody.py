"""Custodians, their keys for one tender, and the policy made from them.

Source: spec sealing §2 and §4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import facts
from bidding.actions.sealers import released_sealers
from bidding.models import SealPolicy, Seat, StandingCustodian
from bidding.rights import KEY_STATE, POLICY_SEAL, SEAT_GIVE, STANDING_SET
from bidding.rules.auction import closings
from bidding.rules.auction.terms import Terms
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.models import Organization
from kernel.identity.queries import keys_of_organizations
from kernel.keyed import Keyed
from kernel.ledger import trust
from kernel.work import Work
from sealbid.errors import SealError
from sealbid.policy import Custodian, Policy, require_sound_policy
from sealbid.signatures import Trust
from trading import actions as trading
from trading.models import Tender
from trading.procedures import PROCEDURES

ROLES = ("tenderer", "operator", "supervisor", "notary", "association")
KEY_DAYS = 120
"""How long after the deadline a custodian's key for the tender still answers; covers every extension."""


SEATS = Keyed(Seat, Seat.tender_id, Seat.x)
POLICIES = Keyed(SealPolicy, SealPolicy.digest)

_SEATS = (
    sa.select(Seat)
    .where(Seat.tender_id.in_(sa.bindparam("tender_ids", expanding=True)))
    .order_by(Seat.tender_id, Seat.x)
)
_UNSTATED = (
    sa.select(sa.func.count())
    .select_from(Seat)
    .where(
        Seat.tender_id == sa.bindparam("tender_id"), Seat.statement.is_(None), Seat.id != sa.bindparam("but")
    )
)
_NEWEST_POLICY = (
    sa.select(SealPolicy)
    .join(Tender, sa.and_(Tender.policy_digest == SealPolicy.digest, Tender.id == SealPolicy.tender_id))
    .where(SealPolicy.tender_id.in_(sa.bindparam("tender_ids", expanding=True)))
)


def set_standing_custodian(work: Work, org_id: UUID, role: str) -> StandingCustodian:
    """Name the organisation that keeps the share of a role for every tender."""
    work.require(STANDING_SET)
    if role not in ROLES[1:]:
        raise NotValid("custodian_role", field="role", roles=list(ROLES[1:]))
    row = work.one(sa.select(StandingCustodian).where(StandingCustodian.role == role))
    if row is not None and row.org_id != org_id:
        work.session.delete(row)
        work.record(facts.StandingCustodianSet(subject=row.org_id, role="", org=row.org_id))
        row = None
    row = row or work.add(StandingCustodian(org_id=org_id, role=role, since=work.now))
    work.record(facts.StandingCustodianSet(subject=org_id, role=role, org=org_id))
    return row


def give_seats(work: Work, tender_id: UUID) -> list[Seat]:
    """Seat the tenderer and the city's standing custodians at a draft tender. Again changes nothing."""
    tender = work.get(Tender, tender_id, to=SEAT_GIVE)
    if tender.published_at is not None:
        raise NotNow("already_published", tender=tender.code)
    seated = seats_of(work.session, tender_id)
    if seated:
        return seated
    standing = {row.role: row.org_id for row in work.scalars(sa.select(StandingCustodian))}
    keepers = [
        ("tenderer", tender.buyer_id),
        *((role, standing[role]) for role in ROLES[1:] if role in standing),
    ]
    threshold_for(len(keepers))
    for x, (role, org_id) in enumerate(keepers, start=1):
        work.add(
            Seat(
                id=work.new_id(),
                tender_id=tender_id,
                x=x,
                role=role,
                org_id=org_id,
                not_after=(tender.bids_close_at + timedelta(days=KEY_DAYS)).replace(microsecond=0),
                statement=None,
                stated_at=None,
            )
        )
        work.record(facts.SeatGiven(subject=tender_id, tender=tender.code, x=x, role=role, org=org_id))
    return seats_of(work.session, tender_id)


def threshold_for(n: int) -> int:
    """The default threshold: a majority, and more than tenderer and operator together (rule SP-1).

    Raises:
        NotNow: ``too_few_custodians`` below four seats: 2 of 3 would let the two likeliest colluders open.

    Source: spec sealing §0, rule SP-1.
    """
    if n < 4:
        raise NotNow("too_few_custodians", source="sealing SP-1", seats=n, seats_min=4)
    return max(3, n // 2 + 1)


def seats_of(session: Session, tender_id: UUID) -> list[Seat]:
    """The seats of a tender in the order of their numbers."""
    return list(session.scalars(_SEATS, {"tender_ids": [tender_id]}))


def seats_of_all(session: Session, tender_ids: Iterable[UUID]) -> dict[UUID, list[Seat]]:
    """``seats_of`` many tenders in one query."""
    found: dict[UUID, list[Seat]] = {tender_id: [] for tender_id in tender_ids}
    for seat in session.scalars(_SEATS, {"tender_ids": list(found)}):
        found[seat.tender_id].append(seat)
    return found


def state_key(work: Work, seat_id: UUID, statement: Mapping[str, Any]) -> Seat:
    """Accept a custodian's signed key for one tender; the last one seals the policy.

    Raises:
        NotValid: ``custodian_statement`` when it is for another seat, tender or organisation, or not signed by a
            registered key of the custodian.
    """
    seat = work.get(Seat, seat_id, to=KEY_STATE)
    tender = work.lock(Tender, seat.tender_id)
    if tender.published_at is not None:
        raise NotNow("already_published", tender=tender.code)
    org = work.session.get_one(Organization, seat.org_id)
    try:
        custodian = Custodian.from_json(dict(statement))
        if (custodian.x, custodian.role, custodian.org, custodian.not_after) != (
            seat.x,
            seat.role,
            org.uscc,
            seat.not_after,
        ):
            raise SealError("wrong_seat", "The statement is for another seat.")
        _trust(work, [seat]).require_signed(
            custodian.sig, "custodian-key", custodian.statement(tender.code), by=org.uscc
        )
    except SealError as no:
        raise NotValid("custodian_statement", source="sealing §4", why=no.code) from no
    seat.statement, seat.stated_at = dict(statement), work.now
    work.record(
        facts.CustodianKeyStated(
            subject=tender.id, tender=tender.code, body=custodian.statement(tender.code)
        ),
        sig=custodian.sig.to_json(),
    )
    if not work.session.connection().scalar(_UNSTATED, {"tender_id": tender.id, "but": seat.id}):
        _write_policy(work, tender)
    return seat


def seal_policy(work: Work, tender_id: UUID) -> SealPolicy:
    """Make the policy of a draft again, after its dates changed.

    Raises:
        NotNow: ``custodian_keys_missing`` names the seats that have not stated a key.
    """
    tender = work.get(Tender, tender_id, to=POLICY_SEAL)
    return _write_policy(work, tender)


def _write_policy(work: Work, tender: Tender) -> SealPolicy:
    seats = seats_of(work.session, tender.id)
    missing = [seat.x for seat in seats if seat.statement is None]
    if missing or not seats:
        raise NotNow("custodian_keys_missing", source="sealing §4", seats=missing)
    before = newest_policy(work.session, tender.id)
    due = what_opens(tender)
    policy = Policy(
        tender=tender.code,
        suites=(work.platform.settings.suite,),
        t=threshold_for(len(seats)),
        custodians=tuple(Custodian.from_json(seat.statement) for seat in seats),
        deadline=due.at,
        opening=due.at,
        grace_s=0,
        min_bids=due.least,
        parts=due.parts,
        lock="none",
        log=(trust.log_vkey(work.platform.settings),),
        witness=trust.trust_text(work.platform.settings),
        sealer=released_sealers(work),
        prev="" if before is None else before.digest,
    )
    digest = policy.digest.hex()
    if before is not None and _same_terms(before, policy):
        return before
    _require_sound(work, tender, seats, policy)
    recorded = work.record(facts.PolicySealed(subject=tender.id, tender=tender.code, body=policy.to_json()))
    row = work.add(
        SealPolicy(
            id=work.new_id(),
            tender_id=tender.id,
            digest=digest,
            jcs=policy.encode(),
            threshold=policy.t,
            fixed_at=work.now,
            record_id=recorded.record_id,
        )
    )
    trading.fix_policy(work, tender.id, digest)
    return row


@dataclass(frozen=True)
class Due:
    """What is sealed at a tender: its parts, when the first may be opened at the earliest, and of how many at least."""

    parts: tuple[str, ...]
    at: datetime
    least: int


def what_opens(tender: Tender) -> Due:
    """The parts of a tender's policy: those of its bids, or those of its auctions where something is sealed in them.

    Source: spec sealing §4; rules §4.2, §4.6 F8, §4.7.
    """
    if PROCEDURES[tender.procedure].live:
        parts: tuple[str, ...] = ()
        moments = []
        for lot in tender.lots:
            terms = Terms.from_plain(lot.live["terms"]) if lot.live is not None else None
            own = closings.parts_of(closings.prefix_of(lot.number, lot.round), terms) if terms else ()
            at = closings.opens_at(terms) if terms and own else None
            parts = (*parts, *own)
            moments += [at] if at is not None else []
        if parts and moments:
            return Due(parts, min(moments).replace(microsecond=0), 1)
    closes = tender.bids_close_at.replace(microsecond=0)
    return Due(tuple(tender.terms["parts"]), closes, int(tender.terms["min_bids"]))


def _same_terms(row: SealPolicy, policy: Policy) -> bool:
    old, new = Policy.decode(row.jcs).to_json(), policy.to_json()
    return {**old, "prev": ""} == {**new, "prev": ""}


def _require_sound(work: Work, tender: Tender, seats: list[Seat], policy: Policy) -> None:
    orgs = {org.id: org for org in work.scalars(sa.select(Organization))}
    by_role = {seat.role: orgs[seat.org_id].uscc for seat in seats}
    controlled = {
        org.uscc: [orgs[org.controlled_by].uscc]
        for org in orgs.values()
        if org.controlled_by is not None and org.controlled_by in orgs
    }
    try:
        require_sound_policy(
            policy,
            tenderer=orgs[tender.buyer_id].uscc,
            operator=by_role.get("operator", ""),
            controlled_by=controlled,
            trust=_trust(work, seats),
        )
    except SealError as no:
        raise NotValid("policy_unsound", source="sealing §4", why=no.code) from no


def _trust(work: Work, seats: list[Seat]) -> Trust:
    keys = keys_of_organizations(work.session, [seat.org_id for seat in seats])
    pinned = {work.session.get_one(Organization, org_id).uscc: found for org_id, found in keys.items()}
    return Trust(at=work.now, pinned=pinned, relying_party=work.platform.relying_party)


def newest_policy(session: Session, tender_id: UUID) -> SealPolicy | None:
    """The policy in force: the one whose digest the tender carries."""
    return newest_policies(session, [tender_id]).get(tender_id)


def newest_policies(session: Session, tender_ids: Sequence[UUID]) -> dict[UUID, SealPolicy]:
    """The policies in force of many tenders, in one query."""
    return {row.tender_id: row for row in session.scalars(_NEWEST_POLICY, {"tender_ids": tender_ids})}


def policy_by_digest(session: Session, digest: str) -> SealPolicy:
    row = POLICIES.find(session, digest)
    if row is None:
        raise NotFound("policy_unknown", digest=digest)
    return row


def renew_policy(work: Work, fact: Any) -> None:
    """Listener: a moved deadline makes a new policy; bids under the old one stay valid (spec sealing §4)."""
    tender = work.lock(Tender, fact.subject)
    if newest_policy(work.session, tender.id) is not None:
        _write_policy(work, tender)


def seat_custodians(work: Work, fact: Any) -> None:
    """Listener: a new draft gets its custodians as soon as the city has enough of them."""
    count = work.session.scalar(sa.select(sa.func.count()).select_from(StandingCustodian)) or 0
    if count >= 3:
        give_seats(work, fact.subject)
