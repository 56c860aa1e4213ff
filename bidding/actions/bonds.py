"""Bid bonds of sealed tenders: a bidder gets an account or files a guarantee, and what that is worth.

Who lodged a bond is known to the bidder and to the operator who books it, and to nobody else before the opening. A bid
is delivered with or without one; what a bond is worth is judged at the opening and decided by the panel.

Source: 招标投标法 第二十二条; 实施条例 第二十六条; 政府采购法实施条例 第三十三条; rules.md §1.2, §1.3, §2.8 (RJ-08).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import bond_facts as facts
from bidding.actions.holding import one_at_a_time, require_open
from bidding.models_bond import BidBond, BondForm, BondOrder, BondPayment
from bidding.rights import BOND_LODGE
from bidding.rules import accounts, bonds
from kernel import documents
from kernel.errors import NotFound, NotNow, NotValid, TooLarge
from kernel.identity.queries import people_acting
from kernel.money import Money
from kernel.traces import trace_hash
from kernel.work import Work
from trading.actions.notices import law_of
from trading.models import Lot, Tender
from trading.procedures import PROCEDURES
from trading.rules.bonds import lot_bonds
from trading.rules.lifecycle import Stage

GUARANTEE_BYTES_MAX = 10_000_000
MEDIA = {"pdf": "application/pdf", "ofd": "application/ofd", "xml": "application/xml"}
"""Kinds of files a guarantee comes in: print, the national layout format, and the signed message."""

_BONDS = sa.select(BidBond).order_by(BidBond.number)


def asks_bond(tender: Tender) -> bool:
    """Whether bids of a tender need a bond of this kind; deposits of auctions hang on registrations."""
    return tender.bond.minor > 0 and not PROCEDURES[tender.procedure].live


def bonds_due(tender: Tender) -> dict[UUID, Money]:
    """Lot → the exact bond a bidder lodges for it."""
    shares = lot_bonds(tender.bond, [lot.ceiling for lot in tender.lots])
    return {lot.id: share for lot, share in zip(tender.lots, shares, strict=True)}


def ask_account(work: Work, lot_id: UUID, payer_account: str) -> BidBond:
    """Get an account for the actor's bond of one lot; again returns the one he has.

    Args:
        payer_account: the account he will pay from and be paid back to; where the law says so, his basic account.

    Raises:
        NotFound: the notice is not out. NotNow: ``bids_closed``, ``lot_not_open``, ``bond_not_asked``.
        NotValid: ``payer_account_invalid``.

    Source: 实施条例 第二十六条; rules.md §1.2 (bid bond limits).
    """
    tender, lot = _for_bidder(work, lot_id)
    payer = accounts.account(payer_account)
    if not payer:
        raise NotValid("payer_account_invalid", source="实施条例 第二十六条", field="payer_account")
    mine = own_bonds(work.session, lot.id, _org_of(work))
    known = next((one for one in living(work.session, mine) if one.form is BondForm.TRANSFER), None)
    if known is not None:
        return known
    bond = _new(work, tender, lot, BondForm.TRANSFER, len(mine) + 1)
    bond.account = f"{int.from_bytes(work.entropy(8), 'big') % 10**16:016d}"
    bond.payer_hash = trace_hash(work.platform.settings, "account", payer)
    bond.payer_shown = accounts.masked(payer)
    recorded = work.record(
        facts.BondAsked(
            subject=bond.id,
            tender=tender.code,
            lot=lot.id,
            org=bond.org_id,
            account=bond.account,
            due=bond.due,
        )
    )
    bond.record_id = recorded.record_id
    return work.add(bond)


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """An electronic guarantee (电子保函) as a bidder files it; ``valid_until``: its last day."""

    issuer: str
    number: str
    amount: Money
    valid_until: date
    file_name: str
    data: bytes


def file_guarantee(work: Work, lot_id: UUID, given: Guarantee) -> BidBond:
    """File a guarantee in place of money; the same one again returns the first filing.

    Raises:
        NotFound: the notice is not out. NotNow: ``bids_closed``, ``lot_not_open``, ``bond_not_asked``.
        NotValid: ``guarantee_incomplete``, ``guarantee_short``, ``guarantee_ends_early``, ``guarantee_file``.
        TooLarge: ``guarantee_too_large``.

    Source: 保障中小企业款项支付条例 第十三条; 实施条例 第二十六条 (T-121); 政府采购法实施条例 第三十三条.
    """
    tender, lot = _for_bidder(work, lot_id)
    for name in ("issuer", "number"):
        if not getattr(given, name).strip():
            raise NotValid("guarantee_incomplete", field=name)
    suffix = given.file_name.rpartition(".")[2].lower()
    if suffix not in MEDIA or not given.data:
        raise NotValid("guarantee_file", field="file", kinds=sorted(MEDIA))
    if len(given.data) > GUARANTEE_BYTES_MAX:
        raise TooLarge("guarantee_too_large", field="file", bytes_max=GUARANTEE_BYTES_MAX)
    due = bonds_due(tender)[lot.id]
    bonds.require_guarantee(
        bonds.Guaranteed(given.amount, work.now, given.valid_until, None),
        due=due,
        binds_until=bonds.bind_until(tender.bids_close_at, tender.validity_days),
    )
    mine = own_bonds(work.session, lot.id, _org_of(work))
    stored = documents.store(work.platform.outside.blobs, given.data)
    again = (given.number.strip(), stored.sha256)
    for one in living(work.session, mine):
        if (one.guarantee_no, one.file_sha256) == again:
            return one
    bond = _new(work, tender, lot, BondForm.GUARANTEE, len(mine) + 1)
    bond.issuer, bond.guarantee_no = given.issuer.strip()[:120], given.number.strip()[:80]
    bond.guaranteed, bond.valid_until = given.amount, given.valid_until
    bond.file_name, bond.file_sha256 = given.file_name[-200:], stored.sha256
    recorded = work.record(
        facts.GuaranteeFiled(
            subject=bond.id,
            tender=tender.code,
            lot=lot.id,
            org=bond.org_id,
            issuer=bond.issuer,
            number=bond.guarantee_no,
            amount=given.amount,
            valid_until=given.valid_until,
            sha256=stored.sha256,
        )
    )
    bond.record_id = recorded.record_id
    return work.add(bond)


# ---- what a bond is worth ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lodged:
    """What one bidder lodged for one lot.

    Attributes:
        standing: what it is worth. form: of what counts; empty when nothing came.
        amount: what arrived, or what the guarantee is over. own: whether all of the money is the bidder's own.
        arrived_at: when the last of it came. issuer, valid_until: of a guarantee.
    """

    standing: bonds.Standing
    due: Money
    form: str = ""
    amount: Money = field(default_factory=lambda: Money(0))
    own: bool = True
    arrived_at: datetime | None = None
    issuer: str = ""
    valid_until: date | None = None
    genuine: bool | None = None


def lodged(session: Session, tender: Tender, now: datetime) -> Mapping[tuple[UUID, UUID], Lodged]:
    """(lot, organisation) → what was lodged, for everybody who lodged something. For the opening and what follows it.

    Empty for a tender without a bond, without asking the database.
    """
    if not asks_bond(tender):
        return {}
    rows = session.scalars(_BONDS.where(BidBond.tender_id == tender.id)).all()
    paid = payments_of(session, [one.id for one in rows])
    found: dict[tuple[UUID, UUID], list[Lodged]] = {}
    for one in rows:
        found.setdefault((one.lot_id, one.org_id), []).append(worth(tender, one, paid.get(one.id, ()), now))
    return {key: _best(some) for key, some in found.items()}


def _best(some: Sequence[Lodged]) -> Lodged:
    standing = bonds.best_of([one.standing for one in some])
    return next(one for one in some if one.standing is standing)


def worth(tender: Tender, bond: BidBond, paid: Sequence[BondPayment], now: datetime) -> Lodged:
    """What one bond is worth by the law the tender froze."""
    if bond.form is BondForm.GUARANTEE:
        assert bond.guaranteed is not None
        assert bond.valid_until is not None
        given = bonds.Guaranteed(bond.guaranteed, bond.made_at, bond.valid_until, bond.genuine)
        binds = bonds.bind_until(tender.bids_close_at, tender.validity_days)
        standing = bonds.standing_of_guarantee(
            given, due=bond.due, closes_at=tender.bids_close_at, binds_until=binds
        )
        return Lodged(
            standing,
            bond.due,
            bond.form.value,
            bond.guaranteed,
            arrived_at=bond.made_at,
            issuer=bond.issuer,
            valid_until=bond.valid_until,
            genuine=bond.genuine,
        )
    law = law_of(tender, now)
    standing = bonds.standing_of_money(
        [bonds.Paid(one.amount, one.arrived_at, one.own) for one in paid],
        due=bond.due,
        closes_at=tender.bids_close_at,
        own_only=bonds.needs_own_account(law),
    )
    if not paid:
        return Lodged(standing, bond.due)
    return Lodged(
        standing,
        bond.due,
        bond.form.value,
        Money(sum(one.amount.minor for one in paid)),
        all(one.own for one in paid),
        max(one.arrived_at for one in paid),
    )


def payments_of(session: Session, bond_ids: Sequence[UUID]) -> dict[UUID, list[BondPayment]]:
    """The payments on some bonds, oldest first, in one query."""
    found: dict[UUID, list[BondPayment]] = {}
    if bond_ids:
        rows = session.scalars(
            sa.select(BondPayment)
            .where(BondPayment.bond_id.in_(bond_ids))
            .order_by(BondPayment.arrived_at, BondPayment.id)
        )
        for row in rows:
            assert row.bond_id is not None
            found.setdefault(row.bond_id, []).append(row)
    return found


def own_bonds(session: Session, lot_id: UUID, org_id: UUID) -> list[BidBond]:
    """The bonds one bidder ever made for a lot, oldest first."""
    return list(session.scalars(_BONDS.where(BidBond.lot_id == lot_id, BidBond.org_id == org_id)))


def living(session: Session, some: Sequence[BidBond]) -> list[BidBond]:
    """Those that did not go back yet, newest first."""
    gone = set(
        session.scalars(
            sa.select(BondOrder.bond_id).where(
                BondOrder.bond_id.in_([one.id for one in some]), BondOrder.done_at.is_not(None)
            )
        )
    )
    return [one for one in reversed(some) if one.id not in gone]


def tell_bidder(work: Work, bond: BidBond, tender: Tender, template: str, **named: str) -> None:
    """Write to everybody who acts for the bidder; to nobody else."""
    lot = work.session.get_one(Lot, bond.lot_id)
    for person in work.scalars(people_acting(org_id=bond.org_id)):
        work.message(
            to=person.email,
            template=template,
            lang=person.lang,
            tender=tender.code,
            title=tender.title,
            lot=str(lot.number),
            **named,
        )


def _for_bidder(work: Work, lot_id: UUID) -> tuple[Tender, Lot]:
    """A lot that takes bids and asks a bond, for a bidder who is held still against himself."""
    work.require(BOND_LODGE)
    one_at_a_time(work)
    lot = work.session.get(Lot, lot_id)
    if lot is None:
        raise NotFound("not_found", thing="lot", id=str(lot_id))
    tender = lot.tender
    require_open(tender, work)
    if not asks_bond(tender):
        raise NotNow("bond_not_asked", tender=tender.code)
    if lot.stage is not Stage.TENDERING:
        raise NotNow("lot_not_open", lot=lot.number, stage=lot.stage)
    return tender, lot


def _org_of(work: Work) -> UUID:
    assert work.actor.org_id is not None, "bidders act for an organisation"
    return work.actor.org_id


def _new(work: Work, tender: Tender, lot: Lot, form: BondForm, number: int) -> BidBond:
    assert work.actor.person_id is not None
    return BidBond(
        id=work.new_id(),
        tender_id=tender.id,
        lot_id=lot.id,
        org_id=_org_of(work),
        person_id=work.actor.person_id,
        number=number,
        form=form,
        due=bonds_due(tender)[lot.id],
        made_at=work.now,
        account=None,
        payer_hash="",
        payer_shown="",
        issuer="",
        guarantee_no="",
        guaranteed=None,
        valid_until=None,
        file_name="",
        file_sha256="",
        genuine=None,
        checked_at=None,
        checked_note="",
    )
