"""The award as a stranger recomputes it: one document per tender, logged when its last lot is finished.

Source: spec sealing §8 (evidence package); docs/formats/evidence.md §4.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.auction_facts import AuctionSettled
from bidding.models import CoefficientDraw
from bidding.models_auction import Auction
from evaluation.models import EvaluationReport
from kernel.facts import plain
from kernel.ledger.models import FactRow
from kernel.work import Work
from sealbid import jcs
from supervision.facts import AwardBound
from supervision.log_queries import DONE
from trading.facts import AwardLetterIssued, LotMoved
from trading.models import Lot, Tender
from trading.rules.lifecycle import Move

Json = dict[str, Any]


_BOUND = (
    sa.select(FactRow.id)
    .where(FactRow.subject == sa.bindparam("subject"), FactRow.name == AwardBound.name)
    .limit(1)
)
_REPORT = sa.select(EvaluationReport).where(
    EvaluationReport.lot_id == sa.bindparam("lot_id"), EvaluationReport.digest == sa.bindparam("digest")
)
_DRAWN = sa.select(CoefficientDraw).where(CoefficientDraw.lot_id == sa.bindparam("lot_id"))


def award_document(session: Session, tender: Tender) -> Json | None:
    """``award.json`` of a tender: inputs and results of every awarded lot; None when none was awarded.

    Once an award is logged there is always a document, though it may have no lot left: an award can lapse.
    """
    lots = [_lot_entry(session, lot) for lot in tender.lots if lot.outcome is not None and lot.stage in DONE]
    if not lots and not is_bound(session, tender):
        return None
    return {"v": 1, "tender": tender.code, "lots": lots}


def is_bound(session: Session, tender: Tender) -> bool:
    """Whether the log names an award of this tender already."""
    return session.connection().scalar(_BOUND, {"subject": tender.id}) is not None


def _lot_entry(session: Session, lot: Lot) -> Json:
    assert lot.outcome is not None
    if "auction" in lot.outcome:
        return _auction_entry(session, lot)
    report = session.scalars(_REPORT, {"lot_id": lot.id, "digest": lot.outcome["report"]}).one()
    entry: Json = {"lot": str(lot.number), **report.body["inputs"], **report.body["results"]}
    drawn = session.scalars(_DRAWN, {"lot_id": lot.id}).one_or_none()
    if drawn is not None and "benchmark" in entry.get("price", {}):
        entry["drawn"] = [{"param": "k", "draw": drawn.inputs["draw"]}]
    if "blind" in report.body:
        entry["blind"] = report.body["blind"]
        entry["codes"] = {one["bid"]: one["code"] for one in report.body["bids"]}
    entry["winner"] = lot.outcome["bid"]
    if lot.outcome.get("reason"):
        entry["decision"] = lot.outcome["reason"]
    found = plain(entry)
    assert isinstance(found, dict)
    return found


def _auction_entry(session: Session, lot: Lot) -> Json:
    """A lot that an auction decided: its result by plates, as the published journal has it."""
    assert lot.outcome is not None
    auction = session.get_one(Auction, UUID(lot.outcome["auction"]))
    entry: Json = {
        "lot": str(lot.number),
        "method": "auction",
        "auction": str(auction.id),
        "journal": auction.journal_sha256,
        "winner": lot.outcome["plate"],
        "price": lot.outcome["price"],
    }
    if lot.outcome.get("passed_over"):
        entry["passed_over"] = lot.outcome["passed_over"]
    if lot.outcome.get("reason"):
        entry["decision"] = lot.outcome["reason"]
    found = plain(entry)
    assert isinstance(found, dict)
    return found


def award_digest(document: Json) -> str:
    """Hex SHA-256 of the document's canonical bytes: what the log names."""
    return hashlib.sha256(jcs.encode(document)).hexdigest()


def bind_award(work: Work, fact: AwardLetterIssued | LotMoved | AuctionSettled) -> None:
    """Log the digest of the award as soon as the last lot of a tender is finished, and whenever it changes
    afterwards (a listener)."""
    if isinstance(fact, LotMoved) and fact.move not in (Move.FAIL, Move.TERMINATE, Move.LAPSE, Move.EVALUATE):
        return
    tender_id = (
        work.session.get_one(Auction, fact.subject).tender_id
        if isinstance(fact, AuctionSettled)
        else fact.subject
    )
    tender = work.session.get_one(Tender, tender_id)
    if any(lot.stage not in DONE for lot in tender.lots) and not is_bound(work.session, tender):
        return
    document = award_document(work.session, tender)
    if document is None:
        return
    work.record(
        AwardBound(
            subject=tender.id,
            tender=tender.code,
            award_sha256=award_digest(document),
            lots=tuple(entry["lot"] for entry in document["lots"]),
        )
    )
