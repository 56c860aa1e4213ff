"""From the delivered report to the award letter: candidates, standstill, decision, everybody's own result.

Source: 招标投标法 第四十五条; 实施条例 第五十四条、第五十五条; 政府采购法实施条例 第四十三条; spec rules §1.1, §6.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bidding.actions.submission import bid_by_code
from bidding.models import Bid, OpenedPart
from evaluation.actions.reports import report_of
from evaluation.models import AbnormalReview, Award, EvaluationReport, Panelist
from evaluation.rights import AWARD_CONFIRM, CANDIDATES_PUBLISH
from evaluation.rules import award as rules
from evaluation.rules.ranking import Place
from kernel import calendar as calendars
from kernel import documents
from kernel.calendar import local_date
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.models import Membership, Organization, Person
from kernel.money import Money
from kernel.work import Work
from trading import actions as trading
from trading.actions.lots import Outcome
from trading.actions.notices import law_of
from trading.facts import AwardLetterIssued
from trading.models import Lot, Notice, Tender
from trading.rules.lifecycle import Move, Stage


def publish_candidates(work: Work, lot_id: UUID) -> Notice:
    """Publish the ranked candidates of a delivered report and start the standstill.

    Raises:
        NotNow: ``report_missing``, ``objection_open``, ``suspended``, ``wrong_stage``.

    Source: 实施条例 第五十四条 (within three days of the report, for at least three days).
    """
    lot = work.lock(Lot, lot_id)
    tender = work.get(Tender, lot.tender_id, to=CANDIDATES_PUBLISH)
    report = _delivered(work, lot)
    trading.require_undisturbed(work.session, tender, lot)
    law = law_of(tender, work.now)
    limit = law.get("candidate_publicity_days_min") or law["result_notice_period_days"]
    until = calendars.official().closes_at(local_date(work.now), limit.period)
    trading.move_lot(work, lot.id, Move.PROPOSE_AWARD)
    lot.standstill_until_at = until
    return trading.publish_text(
        work,
        tender,
        kind="candidates",
        title=f"{tender.title}（第 {lot.number} 标段）中标候选人公示",
        body={
            "lot": lot.number,
            "candidates": report.body["candidates"],
            "rejected": [bid for bid in report.body["bids"] if not bid["valid"]],
            "until": until,
            "report": report.digest,
            "objection": "公示期内通过本平台提出异议",
        },
        lot=lot,
        until_at=until,
        amount=Money.from_yuan(report.body["candidates"][0]["price"]),
    )


def confirm_award(
    work: Work, lot_id: UUID, *, bid: str, passed_over: Mapping[str, tuple[str, str]] | None = None
) -> Award:
    """Decide a lot: award letter, result notice and everybody's own result in one act.

    Args:
        bid: hex id of the winning bid.
        passed_over: better candidate → (listed reason, evidence).

    Raises:
        NotNow: ``standstill_running``, ``objection_open``, ``suspended``, ``report_missing``, ``award_lapsed``. NotValid:
            ``better_candidate``, ``not_a_candidate``, ``passed_over_without_evidence``.
    """
    lot = work.lock(Lot, lot_id)
    tender = work.get(Tender, lot.tender_id, to=AWARD_CONFIRM)
    report = _delivered(work, lot)
    law = law_of(tender, work.now)
    if lot.stage is Stage.EVALUATION and law.regime == "GP":
        # Procurement has no candidate publicity: the decision follows the report, the result is published with it.
        trading.require_undisturbed(work.session, tender, lot)
        trading.move_lot(work, lot.id, Move.PROPOSE_AWARD)
        lot.standstill_until_at = None
    if lot.stage is not Stage.STANDSTILL:
        raise NotNow("wrong_stage", stage=lot.stage, move=Move.CONFIRM_AWARD)
    candidates = [Place(c["rank"], c["bid"], False) for c in report.body["candidates"]]
    gone = {one.bid: one for one in trading.lapses_of(work.session, lot.id)}
    if bid in gone:
        raise NotNow("award_lapsed", source="实施条例 第五十五条", reason=gone[bid].reason)
    # Who did not sign has given the award up; the lapse is the evidence.
    given = {
        code: (rules.PassOver.GAVE_UP.value, f"{gone[code].ground}: {gone[code].reason}")
        for code in (one.bid for one in candidates)
        if code in gone
    } | dict(passed_over or {})
    reasons = {
        code: rules.Passed(code, _listed(reason), evidence) for code, (reason, evidence) in given.items()
    }
    rank = rules.require_lawful_award(
        law, bid, candidates, reasons, state_funds=tender.regime in ("TM", "TR", "WR")
    )
    chosen = bid_by_code(work.session, bid)
    supplier = work.session.get_one(Organization, chosen.org_id)
    candidate = next(c for c in report.body["candidates"] if c["bid"] == bid)
    price = Money.from_yuan(candidate["price"])
    told = "; ".join(f"{code[:8]}: {reason} {evidence}" for code, (reason, evidence) in given.items())
    trading.settle_lot(
        work,
        lot.id,
        Outcome(
            bid=bid,
            rank=rank,
            supplier_id=supplier.id,
            supplier_name=supplier.party,
            price=price,
            report=report.digest,
            reason=told,
            watched=bool(work.scalars(_ACCEPTED.where(AbnormalReview.bid_id == chosen.id))),
            told={"promised": _promised(work, chosen)},
        ),
    )
    award = _issue_letter(work, tender, lot, chosen, supplier, rank, price, told)
    _publish_result(work, tender, lot, report, candidate)
    _tell_everybody(work, tender, lot, report, bid)
    return award


_ACCEPTED = sa.select(AbnormalReview).where(AbnormalReview.accepted.is_(True))


def _promised(work: Work, bid: Bid) -> dict[str, Any]:
    """What the bid itself states beside its price: the contract takes it over word by word."""
    part = work.one(sa.select(OpenedPart).where(OpenedPart.bid_id == bid.id, OpenedPart.part == "price"))
    return dict((part.manifest or {}).get("opening", {})) if part is not None else {}


def _listed(reason: str) -> rules.PassOver:
    try:
        return rules.PassOver(reason)
    except ValueError as problem:
        raise NotValid(
            "pass_over_reason",
            source="实施条例 第五十五条",
            field="reason",
            choices=[r.value for r in rules.PassOver],
        ) from problem


def _issue_letter(
    work: Work,
    tender: Tender,
    lot: Lot,
    bid: Bid,
    supplier: Organization,
    rank: int,
    price: Money,
    reason: str,
) -> Award:
    buyer = work.session.get_one(Organization, tender.buyer_id)
    sha256 = ""
    if work.platform.settings.make_pdfs:
        from evaluation.award_letter import render_letter

        letter = render_letter(
            tender_title=tender.title,
            tender_code=tender.code,
            lot=f"第 {lot.number} 标段 {lot.title}",
            buyer=buyer.name,
            supplier=supplier.name,
            price=price,
            decided_on=local_date(work.now),
            procurement=tender.regime == "GP",
        )
        sha256 = documents.store(work.platform.outside.blobs, letter).sha256
    recorded = work.record(
        AwardLetterIssued(
            subject=tender.id, tender=tender.code, lot=lot.id, sha256=sha256, supplier=supplier.id
        )
    )
    old = work.one(sa.select(Award).where(Award.lot_id == lot.id))
    if old is not None:
        work.session.delete(old)
        work.session.flush()
    return work.add(
        Award(
            id=work.new_id(),
            tender_id=tender.id,
            lot_id=lot.id,
            bid_id=bid.id,
            org_id=supplier.id,
            rank=rank,
            price=price,
            reason=reason,
            letter_sha256=sha256,
            decided_at=work.now,
            record_id=recorded.record_id,
        )
    )


def _publish_result(
    work: Work, tender: Tender, lot: Lot, report: EvaluationReport, candidate: Mapping[str, Any]
) -> None:
    """The result notice; procurement publishes the experts' names with it. Source: 政府采购法实施条例 第四十三条."""
    body: dict[str, Any] = {
        "lot": lot.number,
        "winner": dict(candidate),
        "report": report.digest,
        "report_pdf": report.pdf_sha256 or "",
    }
    law = law_of(tender, work.now)
    until = None
    if law.regime == "GP":
        body["experts"] = sorted(
            person.name
            for person in work.scalars(
                sa.select(Person)
                .join(Panelist, Panelist.person_id == Person.id)
                .where(Panelist.tender_id == tender.id, Panelist.state == "committed")
            )
        )
        until = calendars.official().closes_at(local_date(work.now), law["result_notice_period_days"].period)
        lot.standstill_until_at = until
    trading.publish_text(
        work,
        tender,
        kind="result",
        title=f"{tender.title}（第 {lot.number} 标段）{'中标（成交）' if law.regime == 'GP' else '中标'}结果公告",
        body=body,
        lot=lot,
        until_at=until,
        amount=Money.from_yuan(candidate["price"]),
    )


_BIDDERS = sa.select(Bid.code, Bid.org_id).where(Bid.code.in_(sa.bindparam("codes", expanding=True)))
_MEMBERS = (
    sa.select(Membership.org_id, Person)
    .join(Person, Membership.person_id == Person.id)
    .where(Membership.org_id.in_(sa.bindparam("orgs", expanding=True)), Membership.until.is_(None))
    .order_by(Person.id)
)


def _tell_everybody(work: Work, tender: Tender, lot: Lot, report: EvaluationReport, winner: str) -> None:
    """Winner and losers hear it in the same act, each with the own result.

    Source: 招标投标法 第四十五条 (T-113).
    """
    bids = {bid["bid"] for bid in report.body["bids"]}
    told: set[str] = set()
    orgs = {row.code: row.org_id for row in work.session.execute(_BIDDERS, {"codes": sorted(bids)})}
    people: dict[UUID, dict[UUID, Person]] = {}
    for org_id, person in work.session.execute(_MEMBERS, {"orgs": list(orgs.values())}):
        people.setdefault(org_id, {})[person.id] = person
    for code in sorted(orgs):
        for person in people.get(orgs[code], {}).values():
            work.message(
                to=person.email,
                template="award" if code == winner else "result",
                lang=person.lang,
                tender=tender.code,
                title=tender.title,
                lot=str(lot.number),
            )
        told.add(code)
    rules.require_everyone_told(bids, told)


def own_result(report: EvaluationReport, code: str) -> dict[str, Any]:
    """A bidder's own scores, rank and grounds; nobody else's.

    Raises:
        NotFound: no bid of that code in the report.
    """
    bid = next((b for b in report.body["bids"] if b["bid"] == code), None)
    if bid is None:
        raise NotFound("not_found", thing="bid", id=code)
    result = next((r for r in report.body["results"]["results"] if r["bid"] == code), None)
    return {"bid": bid, "result": result, "benchmark": report.body["results"].get("benchmark", "")}


def _delivered(work: Work, lot: Lot) -> EvaluationReport:
    report = report_of(work.session, lot.id)
    if report is None or report.delivered_at is None or report.superseded_at is not None:
        raise NotNow("report_missing", source="实施条例 第五十三条")
    return report
