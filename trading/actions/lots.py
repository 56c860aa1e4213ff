"""Moving lots through their life, suspension, and what the rooms above settle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.errors import NotNow, NotValid
from kernel.money import Money
from kernel.party import PartyName
from kernel.work import Work
from trading import facts
from trading.models import Lot, Objection, Tender
from trading.rights import LOT_MOVE, TENDER_SUSPEND, TENDER_TERMINATE
from trading.rules.lifecycle import FINAL, Move, Stage, after


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an evaluation came to for one lot; a plain value that this room owns.

    Attributes:
        bid: hex id of the chosen bid. rank: its rank in the report. report: hex digest of the report.
        supplier_name: as registered, with the English name beside it for pages.
        reason: why rank 1 was passed over, empty when it was not.
        watched: the price set off a test for abnormally low prices and was accepted after an explanation, so the
            performance of the contract is watched (rules §2.5). told: what else the room below has to say of it.
    """

    bid: str
    rank: int
    supplier_id: UUID
    supplier_name: PartyName
    price: Money
    report: str
    reason: str = ""
    watched: bool = False
    told: dict[str, Any] = field(default_factory=dict)


def move_lot(work: Work, lot_id: UUID, move: Move, *, reason: str = "", by_law: bool = False) -> Lot:
    """Move a lot by the one table. A suspended tender moves only to be terminated or failed.

    ``by_law``: the move follows from a rule, whoever made the last step towards it (a panelist's vote fails a lot).

    Raises:
        NotNow: ``wrong_stage``, ``suspended``.
    """
    lot = work.lock(Lot, lot_id)
    if not by_law:
        work.require(LOT_MOVE, lot.tender)
    stage = after(lot.stage, move)
    if lot.tender.suspended_at is not None and move not in (Move.TERMINATE, Move.FAIL):
        raise NotNow("suspended", source="实施条例 第五十四条", reason=lot.tender.suspended_for)
    lot.stage = stage
    if move is Move.FAIL:
        lot.failed_for = reason
    lot.tender.version += 1
    work.record(
        facts.LotMoved(
            subject=lot.tender_id, tender=lot.tender.code, lot=lot.id, move=move, stage=stage, reason=reason
        )
    )
    return lot


def settle_lot(work: Work, lot_id: UUID, outcome: Outcome) -> Lot:
    """Confirm the award of a lot after its standstill.

    Raises:
        NotNow: ``objection_open``, ``suspended``, ``standstill_running``, ``wrong_stage``.

    Source: 实施条例 第五十四条、第五十五条.
    """
    lot = work.lock(Lot, lot_id)
    require_undisturbed(work.session, lot.tender, lot)
    if lot.standstill_until_at is not None and work.now < lot.standstill_until_at:
        raise NotNow("standstill_running", source="实施条例 第五十四条", ends_at=lot.standstill_until_at)
    move_lot(work, lot_id, Move.CONFIRM_AWARD)
    lot.outcome = {
        "bid": outcome.bid,
        "rank": outcome.rank,
        "supplier": str(outcome.supplier_id),
        "supplier_name": str(outcome.supplier_name),
        "supplier_name_en": outcome.supplier_name.en,
        "price": f"{outcome.price.yuan:.2f}",
        "report": outcome.report,
        "reason": outcome.reason,
        "watched": outcome.watched,
        **outcome.told,
    }
    lot.awarded_at = work.now
    work.record(
        facts.AwardSettled(
            subject=lot.tender_id,
            tender=lot.tender.code,
            lot=lot.id,
            bid=outcome.bid,
            rank=outcome.rank,
            supplier=outcome.supplier_id,
            price=outcome.price,
            report=outcome.report,
            reason=outcome.reason,
        )
    )
    return lot


def winner_name(outcome: Mapping[str, Any]) -> PartyName:
    """The winner's names in a lot's outcome; empty without one."""
    return PartyName(outcome.get("supplier_name", ""), outcome.get("supplier_name_en", ""))


def lapse_lot(work: Work, lot_id: UUID) -> Lot:
    """Undo an award whose winner does not sign: the lot waits again for a decision on the same report.

    Source: 实施条例 第五十五条.
    """
    lot = move_lot(work, lot_id, Move.LAPSE, by_law=True)
    lot.outcome = lot.awarded_at = None
    return lot


def open_objections(session: Session, tender_id: UUID, lot_id: UUID | None = None) -> list[Objection]:
    """Objections without an answer that hold the tender, or one of its lots, still."""
    query = sa.select(Objection).where(Objection.tender_id == tender_id, Objection.answered_at.is_(None))
    if lot_id is not None:
        query = query.where(sa.or_(Objection.lot_id == lot_id, Objection.lot_id.is_(None)))
    return list(session.scalars(query))


def require_undisturbed(session: Session, tender: Tender, lot: Lot | None = None) -> None:
    """Refuse to carry on while an objection is open or the tender is suspended.

    Source: 实施条例 第二十二条、第五十四条; spec rules LC-04.
    """
    if waiting := open_objections(session, tender.id, lot.id if lot else None):
        raise NotNow("objection_open", source="实施条例 第五十四条", open=len(waiting))
    if tender.suspended_at is not None:
        raise NotNow("suspended", source="实施条例 第五十四条", reason=tender.suspended_for)


def suspend_tender(work: Work, tender_id: UUID, reason: str, *, by_law: bool = False) -> Tender:
    """Hold a tender still. ``by_law`` is the automatic consequence of an objection; a supervisor orders otherwise."""
    tender = work.lock(Tender, tender_id)
    if not by_law:
        work.require(TENDER_SUSPEND, tender)
    if not reason.strip():
        raise NotValid("reason_missing", field="reason")
    if tender.suspended_at is None:
        tender.suspended_at, tender.suspended_for = work.now, reason
        tender.version += 1
        work.record(facts.TenderSuspended(subject=tender.id, tender=tender.code, reason=reason))
    return tender


def resume_tender(work: Work, tender_id: UUID, *, by_law: bool = False) -> Tender:
    """Let a tender go on. A deadline that was still ahead moves by the time it stood still, so nobody loses days.

    Raises:
        NotNow: ``not_suspended``, ``objection_open``.
    """
    tender = work.lock(Tender, tender_id)
    if not by_law:
        work.require(TENDER_SUSPEND, tender)
    if tender.suspended_at is None:
        raise NotNow("not_suspended", tender=tender.code)
    if waiting := open_objections(work.session, tender.id):
        raise NotNow("objection_open", source="实施条例 第五十四条", open=len(waiting))
    stood = work.now - tender.suspended_at
    if tender.suspended_at < tender.bids_close_at and _tendering(tender):
        tender.bids_close_at = _whole_minute(tender.bids_close_at + stood)
    for lot in tender.lots:
        if (
            lot.stage is Stage.STANDSTILL
            and lot.standstill_until_at
            and lot.standstill_until_at > tender.suspended_at
        ):
            lot.standstill_until_at += stood
    tender.suspended_at = tender.suspended_for = None
    tender.version += 1
    work.record(
        facts.TenderResumed(subject=tender.id, tender=tender.code, bids_close_at=tender.bids_close_at)
    )
    return tender


def terminate_tender(work: Work, tender_id: UUID, reason: str) -> Tender:
    """End a published tender without an award; every lot that is not final ends with it.

    Raises:
        NotNow: ``not_published``, ``nothing_to_terminate``, ``wrong_stage`` (a lot is awarded).
        NotValid: ``reason_missing``.

    Source: 实施条例 第三十一条 (notice at once; bonds and fees go back).
    """
    tender = work.get(Tender, tender_id, to=TENDER_TERMINATE)
    if not reason.strip():
        raise NotValid("reason_missing", field="reason")
    if tender.published_at is None:
        raise NotNow("not_published", tender=tender.code)
    living = [lot for lot in tender.lots if lot.stage not in FINAL]
    if not living:
        raise NotNow("nothing_to_terminate", tender=tender.code)
    for lot in living:
        move_lot(work, lot.id, Move.TERMINATE, reason="terminated")
    tender.terminated_at = work.now
    work.record(facts.TenderTerminated(subject=tender.id, tender=tender.code, reason=reason))
    from trading.actions.notices import publish_text

    publish_text(
        work,
        tender,
        kind="termination",
        title=f"{tender.title} 终止公告",
        body={"reason": reason, "refund": "投标保证金及所收取的费用全额退还"},
    )
    return tender


def _tendering(tender: Tender) -> bool:
    return any(lot.stage is Stage.TENDERING for lot in tender.lots)


def _whole_minute(at: datetime) -> datetime:
    rest = timedelta(seconds=at.second, microseconds=at.microsecond)
    return at if not rest else at - rest + timedelta(minutes=1)
