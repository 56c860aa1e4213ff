"""The opening hall: attendance, signatures under the record, its confirmation.

Source: 招标投标法 第三十四条至第三十六条; 实施条例 第四十四条; spec rules §3.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import facts
from bidding.actions.bonds import Lodged, asks_bond, bonds_due, lodged
from bidding.actions.closing import opening_of, timers_of
from bidding.models import (
    Attendance,
    Bid,
    CoefficientDraw,
    OpenedPart,
    Opening,
    RecordSignature,
    Release,
    Seat,
)
from bidding.opening_live import tell_hall
from bidding.rights import HALL_ATTEND, OPENING_CONFIRM, RECORD_SIGN
from bidding.rules.bonds import Standing
from bidding.rules.opening import FewOpened, after_decryption
from bidding.rules.states import BidState, OpeningState
from kernel import documents
from kernel.errors import NotAllowed, NotFound, NotNow
from kernel.identity.models import Organization
from kernel.ledger.models import LogRecord
from kernel.money import Money
from kernel.work import Work
from trading import actions as trading
from trading.models import Objection, Tender
from trading.rules.lifecycle import Move, Stage

_OPENED_PRICES = (
    sa.select(
        *(
            Bid.lot_id,
            Bid.org_id,
            Bid.code,
            Bid.committed_at,
            Bid.completed_at,
            Organization.name,
            Organization.uscc,
        ),
        *(OpenedPart.order, OpenedPart.opened_at, OpenedPart.way, OpenedPart.ok, OpenedPart.why),
        *(OpenedPart.cause, OpenedPart.price, OpenedPart.manifest, LogRecord.idx.label("commit_leaf")),
    )
    .join(OpenedPart, OpenedPart.bid_id == Bid.id)
    .join(Organization, Organization.id == Bid.org_id)
    .join(LogRecord, LogRecord.id == Bid.commit_record_id)
    .where(Bid.tender_id == sa.bindparam("tender_id"), OpenedPart.part == "price")
    .order_by(OpenedPart.order)
)
_SEATED = (
    sa.select(Seat.x, Seat.role, Organization.name)
    .join(Organization, Organization.id == Seat.org_id)
    .where(Seat.tender_id == sa.bindparam("tender_id"))
    .order_by(Seat.x)
)
_RELEASED = (
    sa.select(Release.x, sa.func.max(Release.released_at))
    .where(Release.tender_id == sa.bindparam("tender_id"), Release.content.is_not(None))
    .group_by(Release.x)
)
_STANDING = (
    sa.select(sa.func.count())
    .select_from(Bid)
    .where(Bid.lot_id == sa.bindparam("lot_id"), Bid.state == BidState.COMPLETE)
)
_UNANSWERED = (
    sa.select(sa.func.count())
    .select_from(Objection)
    .where(
        Objection.tender_id == sa.bindparam("tender_id"),
        Objection.matter == "opening",
        Objection.answered_at.is_(None),
    )
)


def next_moment(opening: Any) -> datetime | None:
    """When an opening waits: for the end of the release window, then of the objection window."""
    if opening.state is OpeningState.RELEASING:
        moment: datetime = opening.window_until_at
        return moment
    if opening.state is OpeningState.OPENED:
        until: datetime | None = opening.objections_until_at
        return until
    return None


def attend(work: Work, tender_id: UUID) -> None:
    """Sign in to the hall; absence changes nothing about the result."""
    work.require(HALL_ATTEND)
    assert work.actor.org_id is not None
    if work.session.get(Attendance, (tender_id, work.actor.org_id)) is None:
        work.session.add(Attendance(tender_id=tender_id, org_id=work.actor.org_id, at=work.now))
        work.after_commit(lambda: tell_hall(work.platform, tender_id))


def sign_record(work: Work, tender_id: UUID, remark: str = "") -> None:
    """A bidder confirms, or remarks on, the opening record. Silence is noted and changes nothing.

    Raises:
        NotNow: ``opening_not_open``. NotAllowed: ``not_a_bidder_here``.
    """
    work.require(RECORD_SIGN)
    opening = _opening(work, tender_id)
    if opening.state is not OpeningState.OPENED:
        raise NotNow("opening_not_open", state=opening.state)
    mine = work.one(
        sa.select(sa.func.count())
        .select_from(Bid)
        .where(Bid.tender_id == tender_id, Bid.org_id == work.actor.org_id)
    )
    if not mine:
        raise NotAllowed("not_a_bidder_here")
    assert work.actor.org_id is not None
    if work.session.get(RecordSignature, (opening.id, work.actor.org_id)) is None:
        work.session.add(
            RecordSignature(
                opening_id=opening.id, org_id=work.actor.org_id, at=work.now, remark=remark[:1000]
            )
        )
        tender = work.session.get_one(Tender, tender_id)
        work.record(
            facts.RecordSigned(
                subject=tender_id, tender=tender.code, org=work.actor.org_id, remark=remark[:1000]
            )
        )


def confirm_opening(work: Work, tender_id: UUID) -> Opening:
    """Close the session: the record is made, hashed and public; lots go to evaluation.

    Raises:
        NotNow: ``opening_not_open``, ``objection_window``, ``objection_open`` (each needs a recorded answer first).

    Source: 实施条例 第四十四条 (objections to the opening are answered on the spot).
    """
    opening = _opening(work, tender_id)
    tender = work.get(Tender, tender_id, to=OPENING_CONFIRM)
    if opening.state is OpeningState.CONFIRMED:
        return opening
    if opening.state is not OpeningState.OPENED:
        raise NotNow("opening_not_open", state=opening.state)
    assert opening.objections_until_at is not None
    if work.now < opening.objections_until_at:
        raise NotNow("objection_window", source="实施条例 第四十四条", until=opening.objections_until_at)
    unanswered = work.session.scalar(_UNANSWERED, {"tender_id": tender_id})
    if unanswered:
        if not work.actor.is_system:
            raise NotNow("objection_open", source="实施条例 第四十四条", open=unanswered)
        opening.objections_until_at = work.now + timers_of(tender, work.now).objections_least
        work.record(
            facts.SessionProlonged(
                subject=tender_id,
                tender=tender.code,
                open_objections=unanswered,
                until_at=opening.objections_until_at,
            )
        )
        return opening
    record = record_of_opening(work.session, opening)
    if work.platform.settings.make_pdfs:
        from bidding.opening_record import render_record

        opening.record_sha256 = documents.store(work.platform.outside.blobs, render_record(record)).sha256
    opening.state, opening.confirmed_at = OpeningState.CONFIRMED, work.now
    opening.version += 1
    lots = []
    for lot in [lot for lot in tender.lots if lot.stage is Stage.OPENING]:
        if after_decryption(_opened(work, lot.id), None, FewOpened.ASK_PANEL) is FewOpened.FAIL:
            trading.move_lot(work, lot.id, Move.FAIL, reason="nothing_opened", by_law=True)
            continue
        trading.move_lot(work, lot.id, Move.EVALUATE)
        lots.append(lot)
    trading.publish_text(
        work,
        tender,
        kind="opening",
        title=f"{tender.title} 开标记录",
        body={**record, "pdf": opening.record_sha256 or ""},
    )
    work.record(
        facts.OpeningConfirmed(
            subject=tender_id,
            tender=tender.code,
            record=opening.record_sha256 or "",
            lots=tuple(lot.id for lot in lots),
        )
    )
    return opening


def _opened(work: Work, lot_id: UUID) -> int:
    """How many bids of a lot are still in after the opening. Source: spec rules §3.4."""
    return work.session.scalar(_STANDING, {"lot_id": lot_id}) or 0


def record_of_opening(session: Session, opening: Opening) -> dict[str, Any]:
    """The opening record (开标记录) as plain values. Source: spec rules §3.3."""
    tender = session.get_one(Tender, opening.tender_id)
    lots = {lot.id: lot for lot in tender.lots}
    rows: list[dict[str, Any]] = []
    bonds = lodged(session, tender, opening.closed_at)
    asked = bonds_due(tender) if asks_bond(tender) else {}
    for bid in session.execute(_OPENED_PRICES, {"tender_id": tender.id}):
        rows.append(
            {
                "order": bid.order,
                "lot": lots[bid.lot_id].number,
                "bid": bid.code,
                "bidder": bid.name,
                "uscc": bid.uscc,
                "committed_at": _text(bid.committed_at),
                "completed_at": _text(bid.completed_at),
                "opened_at": _text(bid.opened_at),
                "way": bid.way,
                "ok": bid.ok,
                "why": bid.why,
                "cause": bid.cause,
                "price": f"{bid.price.yuan:.2f}" if bid.price else "",
                "opening": (bid.manifest or {}).get("opening", {}),
                "commit_leaf": bid.commit_leaf,
            }
            | ({"bond": bond_text(bonds.get((bid.lot_id, bid.org_id)), asked[bid.lot_id])} if asked else {})
        )
    draws = session.scalars(sa.select(CoefficientDraw).where(CoefficientDraw.tender_id == tender.id))
    return {
        "tender": tender.code,
        "title": tender.title,
        "closed_at": _text(opening.closed_at),
        "opened_at": _text(opening.opened_at),
        "close_leaf": opening.close_index,
        "close_root": opening.close_root.hex(),
        "delivered": len(opening.close_body["bids"]),
        "withdrawn": len(opening.close_body["withdrawn"]),
        "late": len(opening.close_body["late"]),
        "custodians": _custodians(session, tender.id),
        "bids": rows,
        "draws": [
            {
                "lot": lots[draw.lot_id].number,
                "kind": draw.kind,
                "result": draw.result,
                "seed": draw.inputs["seed"],
            }
            for draw in draws
        ],
        "failed_lots": [lot.number for lot in lots.values() if lot.stage is Stage.FAILED],
    }


def bond_text(found: Lodged | None, due: Money) -> dict[str, Any]:
    """How the bond of one bid stands, as the record prints it."""
    if found is None:
        return {"standing": Standing.NONE.value, "form": "", "due": f"{due.yuan:.2f}"}
    told = {
        "standing": found.standing.value,
        "form": found.form,
        "due": f"{found.due.yuan:.2f}",
        "amount": f"{found.amount.yuan:.2f}",
        "own": found.own,
        "arrived_at": _text(found.arrived_at),
    }
    if found.valid_until is not None:
        told |= {"issuer": found.issuer, "valid_until": found.valid_until.isoformat()}
    return told


def _custodians(session: Session, tender_id: UUID) -> list[dict[str, Any]]:
    released = {row[0]: row[1] for row in session.execute(_RELEASED, {"tender_id": tender_id})}
    return [
        {
            "x": seat.x,
            "role": seat.role,
            "org": seat.name,
            "released_at": _text(_instant(released.get(seat.x))),
        }
        for seat in session.execute(_SEATED, {"tender_id": tender_id})
    ]


def _instant(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _text(at: datetime | None) -> str:
    from kernel.facts import rfc3339

    return rfc3339(at) if at is not None else ""


def _opening(work: Work, tender_id: UUID) -> Opening:
    opening = opening_of(work.session, tender_id)
    if opening is None:
        raise NotFound("not_found", thing="opening", id=str(tender_id))
    return work.lock(Opening, opening.id)
