"""An award whose winner does not sign: it lapses, his bond is kept, and the lot goes on or is tendered again.

Source: 招标投标法 第六十条; 实施条例 第五十五条, 第七十四条; 政府采购法实施条例 第四十九条; rules.md T-114, T-225.
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.errors import NotNow, NotValid
from kernel.money import Money
from kernel.rights import Role
from kernel.work import Work
from trading import facts
from trading.actions.contracts import contract_due_at, living_contract, supplier_of, tell_members
from trading.actions.lots import lapse_lot, move_lot, require_undisturbed
from trading.actions.notices import publish_text
from trading.models import AwardLapse, Lot, Tender
from trading.rights import AWARD_LAPSE, AWARD_REFUSE
from trading.rules import contracts as rules
from trading.rules.bonds import lot_bonds
from trading.rules.contracts import Ground, Party
from trading.rules.lifecycle import Move, Stage, after

GROUNDS = {
    Ground.REFUSED: "中标人书面拒绝签订合同",
    Ground.SILENT: "中标人在法定期限内未签订合同",
}
"""Grounds as the notice says them."""


def lapses_of(session: Session, lot_id: UUID) -> list[AwardLapse]:
    """Awards of a lot that lapsed, oldest first."""
    return list(
        session.scalars(
            sa.select(AwardLapse).where(AwardLapse.lot_id == lot_id).order_by(AwardLapse.at, AwardLapse.id)
        )
    )


def refuse_award(work: Work, lot_id: UUID, reason: str) -> AwardLapse:
    """The winner says in writing that he does not sign. His award lapses and his bid bond is kept.

    Raises:
        NotNow: ``wrong_stage``, ``contract_signed_by_supplier``, ``suspended``. NotValid: ``reason_missing``.

    Source: 实施条例 第五十五条, 第七十四条; 政府采购法实施条例 第四十九条.
    """
    lot = work.lock(Lot, lot_id)
    after(lot.stage, Move.LAPSE)
    work.require(AWARD_REFUSE, lot)
    return _lapse(work, lot, Ground.REFUSED, reason)


def lapse_award(work: Work, lot_id: UUID, reason: str) -> AwardLapse:
    """The buyer states that the winner let the term pass without signing.

    Raises:
        NotNow: ``wrong_stage``, ``contract_term_running``, ``contract_not_offered``,
            ``contract_signed_by_supplier``, ``suspended``. NotValid: ``reason_missing``.

    Source: 实施条例 第五十五条, 第七十四条; 政府采购法实施条例 第四十九条.
    """
    lot = work.lock(Lot, lot_id)
    work.get(Tender, lot.tender_id, to=AWARD_LAPSE)
    after(lot.stage, Move.LAPSE)
    return _lapse(work, lot, Ground.SILENT, reason)


def _lapse(work: Work, lot: Lot, ground: Ground, reason: str) -> AwardLapse:
    tender = work.lock(Tender, lot.tender_id)
    if not reason.strip():
        raise NotValid("reason_missing", field="reason")
    contract = living_contract(work.session, lot.id)
    signed = contract.signatures if contract is not None else {}
    rules.require_ground_to_lapse(
        ground,
        now=work.now,
        due_at=contract_due_at(tender, lot, work.now),
        buyer_signed=Party.BUYER.value in signed,
        supplier_signed=Party.SUPPLIER.value in signed,
    )
    assert lot.outcome is not None
    bid, supplier = str(lot.outcome["bid"]), supplier_of(work.session, lot)
    if contract is not None:
        contract.state = "lapsed"
    recorded = work.record(
        facts.AwardLapsed(
            subject=tender.id,
            tender=tender.code,
            lot=lot.id,
            bid=bid,
            supplier=supplier.id,
            ground=ground,
            reason=reason,
        )
    )
    shares = lot_bonds(tender.bond, [one.ceiling for one in tender.lots])
    share = next(share for one, share in zip(tender.lots, shares, strict=True) if one.id == lot.id)
    kept = share if rules.bond_is_forfeit(share, ground) else Money(0)
    if kept.minor:
        work.record(
            facts.BondForfeited(
                subject=tender.id,
                tender=tender.code,
                lot=lot.id,
                supplier=supplier.id,
                amount=kept,
                ground=ground,
            )
        )
    lapse_lot(work, lot.id)
    publish_text(
        work,
        tender,
        kind="lapse",
        title=f"{tender.title}（第 {lot.number} 标段）中标结果失效公告",
        body={
            "lot": lot.number,
            "supplier": supplier.name,
            "bid": bid,
            "ground": GROUNDS[ground],
            "reason": reason,
            "forfeited": f"{kept.yuan:.2f}",
        },
        lot=lot,
    )
    tell_members(work, tender.buyer_id, Role.BUYER, "lapse", tender, lot=str(lot.number))
    return work.add(
        AwardLapse(
            id=work.new_id(),
            tender_id=tender.id,
            lot_id=lot.id,
            bid=bid,
            org_id=supplier.id,
            ground=ground.value,
            reason=reason,
            bond=kept,
            at=work.now,
            record_id=recorded.record_id,
        )
    )


def give_up_lot(work: Work, lot_id: UUID, reason: str) -> Lot:
    """After a lapse the buyer tenders again instead of turning to the next candidate; the lot fails.

    Raises:
        NotNow: ``wrong_stage``, ``award_stands`` where no award of this lot lapsed. NotValid: ``reason_missing``.

    Source: 实施条例 第五十五条; 政府采购法实施条例 第四十九条.
    """
    lot = work.lock(Lot, lot_id)
    tender = work.get(Tender, lot.tender_id, to=AWARD_LAPSE)
    if not reason.strip():
        raise NotValid("reason_missing", field="reason")
    if lot.stage is not Stage.STANDSTILL:
        raise NotNow("wrong_stage", source="rules.md §1.1", stage=lot.stage, move=Move.FAIL)
    if not lapses_of(work.session, lot.id):
        raise NotNow("award_stands", source="招标投标法实施条例 第五十五条")
    require_undisturbed(work.session, tender, lot)
    move_lot(work, lot.id, Move.FAIL, reason="award_lapsed")
    publish_text(
        work,
        tender,
        kind="failure",
        title=f"{tender.title}（第 {lot.number} 标段）流标公告",
        body={"lot": lot.number, "reason": reason},
        lot=lot,
    )
    return lot
