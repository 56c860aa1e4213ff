"""Where the price alone decides: no panel sits; the award follows the opening by printed arithmetic.

The report is computed by our rules and by the stranger's verifier, as with a panel. A bid leaves only by the
printed ceiling, the printed floor, or a ground the buyer states in public.

Source: spec rules §1.4 (comparison, sealed sale), §2.3, §2.10; 财政部令第87号 第三十一条 (equal prices).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bidding import facts as bidding_facts
from bidding.actions.closing import opening_of
from bidding.actions.draws import draw_of
from bidding.models import Bid, CoefficientDraw, OpenedPart, Opening
from evaluation import facts
from evaluation.actions.panels import terms_of
from evaluation.actions.reports import Disagreement, report_of
from evaluation.actions.review import bids_of_lot
from evaluation.blind import codes_of
from evaluation.models import EvaluationReport, Verdict
from evaluation.rights import CANDIDATES_PUBLISH
from evaluation.rules import ranking, rejection
from kernel import documents
from kernel.errors import NotNow, NotValid
from kernel.facts import plain
from kernel.identity.models import Organization
from kernel.score import exact
from kernel.work import Work
from sealbid import jcs, recompute
from trading import actions as trading
from trading.models import Lot, Tender
from trading.rules.lifecycle import Move, Stage
from trading.terms import Terms

TIE = "tie"

Opened = Sequence[tuple[Bid, OpenedPart]]


_BIDDERS = sa.select(Organization).where(Organization.id.in_(sa.bindparam("orgs", expanding=True)))


def conclude_by_price(
    work: Work, lot_id: UUID, *, rejected: Mapping[str, str] | None = None
) -> EvaluationReport | None:
    """Judge the opened prices of a lot and deliver its report; None when no bid is valid and the lot fails.

    Args:
        rejected: hex id of a bid → the ground, in words, on which the buyer rejects it after the opening.

    Raises:
        NotNow: ``wrong_stage``, ``report_signed`` when the report is delivered already. NotValid: ``terms``
            for another method, ``reason_missing``, ``not_a_candidate`` for a rejected bid of another lot.
    """
    lot = work.lock(Lot, lot_id)
    tender = work.get(Tender, lot.tender_id, to=CANDIDATES_PUBLISH)
    terms = terms_of(tender)
    if terms.method != "lowest_price":
        raise NotValid("terms", field="terms.method", why=terms.method)
    if lot.stage is not Stage.EVALUATION:
        raise NotNow("wrong_stage", stage=lot.stage, move=Move.PROPOSE_AWARD)
    if report_of(work.session, lot.id) is not None:
        raise NotNow("report_signed")
    trading.require_undisturbed(work.session, tender, lot)
    bids = bids_of_lot(work.session, lot.id)
    given = dict(rejected or {})
    if any(not reason.strip() for reason in given.values()):
        raise NotValid("reason_missing", field="rejected")
    if strangers := sorted(given.keys() - {bid.code for bid, _ in bids}):
        raise NotValid("not_a_candidate", field="rejected", candidates=strangers)
    grounds = {bid.code: _grounds(terms, lot, part, given.get(bid.code, "")) for bid, part in bids}
    _write_verdicts(work, tender, lot, bids, grounds)
    if all(grounds.values()):
        trading.move_lot(work, lot.id, Move.FAIL, reason="all_rejected", by_law=True)
        work.record(
            facts.EvaluationFailed(subject=tender.id, tender=tender.code, lot=lot.id, reason="all_rejected")
        )
        return None
    return _deliver(work, tender, lot, _body(work, tender, lot, terms, bids, grounds))


def _grounds(terms: Terms, lot: Lot, part: OpenedPart, reason: str) -> list[dict[str, Any]]:
    """Every ground against one bid: two by printed arithmetic, one by the buyer's public word."""
    assert part.price is not None
    price, found = part.price, []
    if rejection.is_above(price, lot.ceiling):
        found.append(_ground(rejection.Ground.PRICE, "ceiling", f"{price.yuan:.2f} > {lot.ceiling.yuan:.2f}"))
    if terms.floor and price.exact < exact(Decimal(terms.floor)):
        found.append(_ground(rejection.Ground.PRICE, "floor", f"{price.yuan:.2f} < {terms.floor}"))
    if reason:
        found.append(_ground(rejection.Ground.NO_RESPONSE, "buyer", reason[:1000], computed=False))
    return found


def _ground(ground: rejection.Ground, item: str, seen: str, *, computed: bool = True) -> dict[str, Any]:
    return rejection.found(ground, item, seen, clause="采购文件", computed=computed)


def _write_verdicts(
    work: Work, tender: Tender, lot: Lot, bids: Opened, grounds: Mapping[str, list[dict[str, Any]]]
) -> None:
    codes = codes_of(work.session, tender.id)
    for bid, part in bids:
        assert part.price is not None
        work.add(
            Verdict(
                id=work.new_id(),
                tender_id=tender.id,
                lot_id=lot.id,
                bid_id=bid.id,
                code=codes[bid.id],
                valid=not grounds[bid.code],
                grounds=grounds[bid.code],
                price=part.price,
                at=work.now,
            )
        )
    work.record(
        facts.PricesJudged(
            subject=tender.id,
            tender=tender.code,
            lot=lot.id,
            verdicts={
                code: {"valid": not found, "grounds": [ground["item"] for ground in found]}
                for code, found in grounds.items()
            },
        )
    )


def _inputs(bids: Opened, grounds: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What a stranger recomputes from (docs/formats/evidence.md)."""
    listed: list[dict[str, Any]] = []
    for bid, part in bids:
        assert part.price is not None
        one: dict[str, Any] = {"bid": bid.code, "price": f"{part.price.yuan:.2f}"}
        if grounds[bid.code]:
            one["rejected"] = "; ".join(ground["item"] for ground in grounds[bid.code])
        listed.append(one)
    return {"method": "lowest_price", "bids": listed}


def _results(tender: Tender, lot: Lot, bids: Opened, inputs: dict[str, Any]) -> dict[str, Any]:
    """The ranking by the stranger's engine, which must be the one of our own rules."""
    results = recompute.recompute(inputs)
    out = {bid["bid"] for bid in inputs["bids"] if "rejected" in bid}
    prices = {bid.code: part.price.exact for bid, part in bids if part.price and bid.code not in out}
    mine = {place.bid: place.rank for place in ranking.rank_by_price(prices)}
    theirs = {entry["bid"]: entry["rank"] for entry in results["results"]}
    if mine != theirs:
        raise Disagreement(f"{tender.code} lot {lot.number}: {mine} != {theirs}")
    return results


def _draw_among(work: Work, tender: Tender, lot: Lot, opening: Opening, equals: list[str]) -> str:
    """Which of several equal prices wins, drawn from everybody's lottery numbers."""
    draw_id = f"{TIE}-{lot.number}"
    inputs, picked = draw_of(
        work.session, opening, kind=TIE, tender=tender.code, draw_id=draw_id, candidates=equals, count=1
    )
    body = {"v": 1, **inputs, "size": opening.close_index + 1, "picked": picked}
    recorded = work.record(bidding_facts.CoefficientDrawn(subject=tender.id, tender=tender.code, body=body))
    work.add(
        CoefficientDraw(
            id=work.new_id(),
            tender_id=tender.id,
            lot_id=lot.id,
            kind=TIE,
            inputs=inputs,
            result=picked,
            record_id=recorded.record_id,
            drawn_at=work.now,
        )
    )
    return picked[0]


def _body(
    work: Work,
    tender: Tender,
    lot: Lot,
    terms: Terms,
    bids: Opened,
    grounds: Mapping[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    opening = opening_of(work.session, tender.id)
    assert opening is not None
    inputs = _inputs(bids, grounds)
    results = _results(tender, lot, bids, inputs)
    best = [entry["bid"] for entry in results["results"] if entry["rank"] == 1]
    if len(best) > 1 and terms.ties == ("draw",):
        best = [_draw_among(work, tender, lot, opening, sorted(best))]
    found = work.session.scalars(_BIDDERS, {"orgs": [bid.org_id for bid, _ in bids]})
    by_id = {org.id: org for org in found}
    orgs = {bid.code: by_id[bid.org_id] for bid, _ in bids}
    codes = codes_of(work.session, tender.id)
    return {
        "v": 1,
        "tender": tender.code,
        "title": tender.title,
        "lot": str(lot.number),
        "lot_title": lot.title,
        "version": 1,
        "edition": tender.edition,
        "method": terms.method,
        "terms": tender.terms,
        "close_leaf": opening.close_index,
        "opening_record": opening.record_sha256,
        "panel": [],
        "draw": None,
        "bids": [
            {
                "bid": bid.code,
                "code": codes[bid.id],
                "bidder": orgs[bid.code].name,
                "uscc": orgs[bid.code].uscc,
                "price": f"{part.price.yuan:.2f}" if part.price else "",
                "valid": not grounds[bid.code],
                "grounds": grounds[bid.code],
            }
            for bid, part in bids
        ],
        "abnormal": [],
        "inputs": inputs,
        "results": results,
        "outliers": [],
        "candidates": [
            {
                "rank": 1,
                "bid": entry["bid"],
                "bidder": orgs[entry["bid"]].name,
                "uscc": orgs[entry["bid"]].uscc,
                "price": entry["price"],
                "score": entry["evaluated"],
            }
            for entry in results["results"]
            if entry["bid"] in best
        ],
    }


def _deliver(work: Work, tender: Tender, lot: Lot, found: dict[str, Any]) -> EvaluationReport:
    """Write the report; with nobody to sign it, it is delivered by being recorded."""
    body = plain(found)
    digest = hashlib.sha256(jcs.encode(body)).hexdigest()
    report = work.add(
        EvaluationReport(
            id=work.new_id(),
            tender_id=tender.id,
            lot_id=lot.id,
            version=1,
            body=body,
            digest=digest,
            signatures={},
            made_at=work.now,
            delivered_at=work.now,
        )
    )
    if work.platform.settings.make_pdfs:
        from evaluation.report_pdf import render_report

        report.pdf_sha256 = documents.store(work.platform.outside.blobs, render_report(body, {})).sha256
    recorded = work.record(
        facts.ReportDelivered(
            subject=tender.id,
            tender=tender.code,
            lot=lot.id,
            version=1,
            digest=digest,
            pdf=report.pdf_sha256 or "",
        )
    )
    report.record_id = recorded.record_id
    return report
