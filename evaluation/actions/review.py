"""The preliminary review: votes with reasons, verdicts by majority, and what few remaining bids mean.

Source: 实施条例 第五十一条; 政府采购法 第三十六条; 财库〔2026〕2号; spec rules §2.5, §2.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, OpenedPart
from bidding.rules.states import BidState
from evaluation import facts
from evaluation.actions.bonds import require_reasoned_pass
from evaluation.actions.panels import committed, lots_in_evaluation, panel_of, require_panel, terms_of
from evaluation.blind import codes_of
from evaluation.models import (
    AbnormalReview,
    EvaluationReport,
    Panel,
    Panelist,
    ReviewVote,
    ScoreSheet,
    Verdict,
)
from evaluation.rights import EXPLAIN, REVIEW_VOTE
from evaluation.rules import rejection
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.models import Organization
from kernel.work import Work
from trading import actions as trading
from trading.actions.notices import law_of
from trading.facts import LotMoved
from trading.models import Lot, Tender
from trading.rules import abnormal
from trading.rules.lifecycle import Move, Stage


def bids_of_lot(session: Session, lot_id: UUID) -> list[tuple[Bid, OpenedPart]]:
    """Bids that opened, with their price part, in opening order."""
    rows = session.execute(
        sa.select(Bid, OpenedPart)
        .join(OpenedPart, OpenedPart.bid_id == Bid.id)
        .where(
            Bid.lot_id == lot_id,
            Bid.state == BidState.COMPLETE,
            OpenedPart.part == "price",
            OpenedPart.ok.is_(True),
        )
        .order_by(OpenedPart.order)
    ).all()
    return [(bid, part) for bid, part in rows]


def vote_review(
    work: Work, panelist_id: UUID, bid_id: UUID, answers: Mapping[str, Mapping[str, Any]]
) -> None:
    """One member's answers on every review item of one bid. The last member's last answer concludes the review.

    Args:
        answers: item id → ``{"passed": bool, "reason": str, "page": str}``; a failure needs reason and page.

    Raises:
        NotNow: ``not_reviewing``. NotValid: ``review_items``, ``rejection_unreasoned``, ``bond_unreasoned``.
    """
    member = work.get(Panelist, panelist_id, to=REVIEW_VOTE)
    panel = require_panel(work, member.tender_id)
    tender = work.lock(Tender, member.tender_id)
    if panel.state != "reviewing" or member.state != "committed":
        raise NotNow("not_reviewing", state=panel.state)
    bid = work.session.get(Bid, bid_id)
    lots = {lot.id for lot in lots_in_evaluation(tender)}
    if bid is None or bid.lot_id not in lots or bid.state is not BidState.COMPLETE:
        raise NotFound("not_found", thing="bid", id=str(bid_id))
    if is_concluded(work.session, bid.lot_id):
        raise NotNow("not_reviewing", state="concluded")  # another lot of the tender is being reviewed again
    items = {item.id for item in terms_of(tender).review}
    if set(answers) != items:
        raise NotValid("review_items", source="实施条例 第四十九条", field="answers", items=sorted(items))
    for item, answer in answers.items():
        reason, page = str(answer.get("reason", "")), str(answer.get("page", ""))
        if not answer["passed"] and not (reason.strip() and page.strip()):
            raise NotValid(
                "rejection_unreasoned", source="spec rules CL-03", field=item, missing=["reason", "page"]
            )
    require_reasoned_pass(work.session, tender, terms_of(tender), bid, answers, work.now)
    for item, answer in answers.items():
        work.session.merge(
            ReviewVote(
                panelist_id=member.id,
                bid_id=bid_id,
                item=item,
                passed=bool(answer["passed"]),
                reason=str(answer.get("reason", ""))[:1000],
                page=str(answer.get("page", ""))[:40],
                at=work.now,
            )
        )
    _voted(
        work,
        tender,
        panel,
        member,
        bid.code,
        {item: bool(answer["passed"]) for item, answer in answers.items()},
    )
    work.session.flush()
    if _all_voted(work.session, tender, panel):
        _conclude(work, tender, panel)


def _voted(
    work: Work, tender: Tender, panel: Panel, member: Panelist, bid: str, items: Mapping[str, bool]
) -> None:
    work.record(
        facts.ReviewVoted(
            subject=tender.id,
            tender=tender.code,
            panel=panel.id,
            number=member.number,
            bid=bid,
            items=dict(items),
        )
    )


def is_concluded(session: Session, lot_id: UUID) -> bool:
    """Whether the preliminary review of a lot has its verdicts."""
    return session.scalar(sa.select(Verdict.id).where(Verdict.lot_id == lot_id).limit(1)) is not None


def lots_in_review(session: Session, tender: Tender) -> list[Lot]:
    """Lots whose preliminary review is not concluded."""
    return [lot for lot in lots_in_evaluation(tender) if not is_concluded(session, lot.id)]


def _all_voted(session: Session, tender: Tender, panel: Panel) -> bool:
    members = [member.id for member in committed(panel)]
    bids = [bid.id for lot in lots_in_review(session, tender) for bid, _ in bids_of_lot(session, lot.id)]
    items = len(terms_of(tender).review)
    given = session.scalar(
        sa.select(sa.func.count())
        .select_from(ReviewVote)
        .where(ReviewVote.panelist_id.in_(members), ReviewVote.bid_id.in_(bids))
    )
    return given == len(members) * len(bids) * items


def _conclude(work: Work, tender: Tender, panel: Panel) -> None:
    verdicts: dict[str, Any] = {}
    lots, codes = lots_in_review(work.session, tender), codes_of(work.session, tender.id)
    for lot in lots:
        for bid, part in bids_of_lot(work.session, lot.id):
            grounds = _grounds(work, tender, panel, lot, bid, part)
            assert part.price is not None
            work.add(
                Verdict(
                    id=work.new_id(),
                    tender_id=tender.id,
                    lot_id=lot.id,
                    bid_id=bid.id,
                    code=codes[bid.id],
                    valid=not grounds,
                    grounds=grounds,
                    price=part.price,
                    at=work.now,
                )
            )
            verdicts[bid.code] = {"valid": not grounds, "grounds": [g["ground"] for g in grounds]}
    panel.state, panel.reviewed_at = "scoring", work.now
    panel.working_until_at = work.now + law_of(tender, work.now)["panel_work_hours"].duration
    panel.version += 1
    work.record(
        facts.ReviewConcluded(subject=tender.id, tender=tender.code, panel=panel.id, verdicts=verdicts)
    )
    work.session.flush()
    for lot in lots:
        _ask_abnormal(work, tender, lot)
        settle_few(work, tender, panel, lot)
    advance(work, tender, panel)


def _grounds(
    work: Work, tender: Tender, panel: Panel, lot: Lot, bid: Bid, part: OpenedPart
) -> list[dict[str, Any]]:
    """Every ground a majority of the members found, and those that arithmetic alone decides."""
    law, members = law_of(tender, work.now), [str(m.number) for m in committed(panel)]
    numbers = {m.id: str(m.number) for m in committed(panel)}
    found: list[dict[str, Any]] = []
    for item in terms_of(tender).review:
        votes = work.scalars(
            sa.select(ReviewVote).where(
                ReviewVote.bid_id == bid.id, ReviewVote.item == item.id, ReviewVote.panelist_id.in_(numbers)
            )
        )
        against = {numbers[v.panelist_id]: not v.passed for v in votes}
        if not rejection.passed(against, members):
            continue
        reasons = [v for v in votes if not v.passed]
        rejection.require_reasoned(
            law,
            rejection.Rejection(
                bid=bid.code,
                ground=rejection.Ground(item.ground),
                clause=item.clause,
                page=reasons[0].page,
                reason=reasons[0].reason,
                votes=against,
            ),
            members,
        )
        found.append(
            {
                "ground": item.ground,
                "item": item.id,
                "clause": item.clause,
                "reasons": sorted({v.reason for v in reasons}),
                "pages": sorted({v.page for v in reasons}),
                "for": sum(against.values()),
                "members": len(members),
                "source": rejection.source_of(rejection.Ground(item.ground)),
            }
        )
    assert part.price is not None
    if rejection.is_above(part.price, lot.ceiling):
        found.append(
            _computed(rejection.Ground.PRICE, "ceiling", f"{part.price.yuan:.2f} > {lot.ceiling.yuan:.2f}")
        )
    if related := _related(work, lot, bid):
        found.append(_computed(rejection.Ground.RELATED, "related", "; ".join(related)))
    return found


def _computed(ground: rejection.Ground, item: str, seen: str) -> dict[str, Any]:
    return rejection.found(ground, item, seen, clause="法定")


def _related(work: Work, lot: Lot, bid: Bid) -> list[str]:
    """Other bidders of the lot that are controlled by, control, or share the controller or head of this bidder.

    Source: 实施条例 第三十四条; 政府采购法实施条例 第十八条.
    """
    others = {other.org_id for other, _ in bids_of_lot(work.session, lot.id)} - {bid.org_id}
    if not others:
        return []
    orgs = {
        org.id: org
        for org in work.scalars(sa.select(Organization).where(Organization.id.in_([bid.org_id, *others])))
    }
    me = orgs[bid.org_id]
    return [
        other.name
        for other in (orgs[o] for o in sorted(others))
        if other.controlled_by == me.id
        or me.controlled_by == other.id
        or (me.controlled_by is not None and me.controlled_by == other.controlled_by)
        or (me.legal_person and me.legal_person == other.legal_person)
    ]


def _ask_abnormal(work: Work, tender: Tender, lot: Lot) -> None:
    """Ask in writing where a valid raw price sets off a test; never an automatic rejection (spec rules §2.5)."""
    law = law_of(tender, work.now)
    if law.regime != "GP":
        return
    prices = {str(v.bid_id): v.price for v in valid_verdicts(work.session, lot.id)}
    fired = abnormal.abnormal_prices(law, prices, ceiling=lot.ceiling)
    asked = work.scalars(sa.select(AbnormalReview).where(AbnormalReview.lot_id == lot.id))
    for review in asked:  # left from before a recusal: what was asked and answered stays, unless it is moot
        if str(review.bid_id) not in fired:
            work.session.delete(review)
    known = {str(review.bid_id) for review in asked}
    for bid_id, triggers in sorted(fired.items()):
        if bid_id in known:
            continue
        bid = work.session.get_one(Bid, UUID(bid_id))
        work.add(
            AbnormalReview(
                id=work.new_id(),
                tender_id=tender.id,
                lot_id=lot.id,
                bid_id=bid.id,
                triggers=[one.to_plain() for one in triggers],
                asked_at=work.now,
                due_at=abnormal.answer_due(law, work.now),
                votes={},
            )
        )
        work.record(
            facts.ExplanationAsked(
                subject=tender.id, tender=tender.code, bid=bid.code, triggers=tuple(t.rule for t in triggers)
            )
        )


def explain_price(work: Work, bid_id: UUID, text: str) -> AbnormalReview:
    """A supplier's written explanation of an abnormally low price, in the time allowed."""
    import hashlib

    bid = work.get(Bid, bid_id, to=EXPLAIN)
    found = _abnormal_of(work, bid_id)
    if found.decided_at is not None or work.now >= found.due_at:
        raise NotNow("explanation_over", source="财库〔2026〕2号", due_at=found.due_at)
    if not text.strip():
        raise NotValid("text_missing", field="text")
    found.explanation, found.explained_at = text.strip()[:8000], work.now
    tender = work.session.get_one(Tender, bid.tender_id)
    work.record(
        facts.ExplanationGiven(
            subject=tender.id,
            tender=tender.code,
            bid=bid.code,
            digest=hashlib.sha256(found.explanation.encode()).hexdigest(),
        )
    )
    return found


def judge_explanation(work: Work, panelist_id: UUID, bid_id: UUID, *, convincing: bool) -> AbnormalReview:
    """One member's vote on an explanation; the last decides by majority. Nothing explained in time is rejected."""
    member = work.get(Panelist, panelist_id, to=REVIEW_VOTE)
    panel = require_panel(work, member.tender_id)
    tender = work.lock(Tender, member.tender_id)
    found = _abnormal_of(work, bid_id)
    if found.tender_id != tender.id or member.state != "committed":
        raise NotFound("not_found", thing="bid", id=str(bid_id))
    if found.decided_at is not None:
        raise NotNow("already_decided")
    members = [str(m.number) for m in committed(panel)]
    votes = {**found.votes, str(member.number): convincing}
    explained = found.explanation is not None
    if not explained and work.now < found.due_at:
        raise NotNow("answer_not_due", source="财库〔2026〕2号", due_at=found.due_at)
    found.votes = votes
    work.session.flush()
    if explained and set(votes) != set(members):
        _voted(
            work,
            tender,
            panel,
            member,
            work.session.get_one(Bid, bid_id).code,
            {"explanation_convincing": convincing},
        )
        return found
    accepted = abnormal.accepted(
        votes if explained else {}, members, explained=explained, now=work.now, due_at=found.due_at
    )
    found.accepted, found.decided_at = accepted, work.now
    bid = work.session.get_one(Bid, bid_id)
    work.record(
        facts.ExplanationJudged(
            subject=tender.id,
            tender=tender.code,
            bid=bid.code,
            accepted=accepted,
            votes_for=sum(votes.values()),
            votes_against=len(votes) - sum(votes.values()),
        )
    )
    if not accepted:
        verdict = work.one(sa.select(Verdict).where(Verdict.bid_id == bid_id))
        verdict.valid = False
        verdict.grounds = [
            *verdict.grounds,
            _computed(rejection.Ground.ABNORMALLY_LOW, "abnormally_low", found.explanation or ""),
        ]
    work.session.flush()
    settle_few(work, tender, panel, work.lock(Lot, found.lot_id))
    advance(work, tender, panel)
    return found


def vote_competition(work: Work, panelist_id: UUID, lot_id: UUID, *, lacking: bool) -> None:
    """Construction, fewer than three effective bids: does competition clearly lack? By majority of the members.

    Source: 评标委员会和评标方法暂行规定 第二十七条; spec rules §2.8.
    """
    member = work.get(Panelist, panelist_id, to=REVIEW_VOTE)
    panel = require_panel(work, member.tender_id)
    tender = work.lock(Tender, member.tender_id)
    lot = work.lock(Lot, lot_id)
    if lot.tender_id != tender.id or needs_competition_vote(work.session, tender, panel, lot) is False:
        raise NotNow("no_vote_due")
    votes = {**panel.competition.get(str(lot_id), {}), str(member.number): lacking}
    panel.competition = {**panel.competition, str(lot_id): votes}
    panel.version += 1
    _voted(work, tender, panel, member, "competition", {"competition_lacking": lacking})
    work.session.flush()
    settle_few(work, tender, panel, lot)
    advance(work, tender, panel)


def needs_competition_vote(session: Session, tender: Tender, panel: Panel, lot: Lot) -> bool:
    """Whether the panel still has to vote on competition in a lot."""
    if lot.stage is not Stage.EVALUATION or panel.state != "scoring":
        return False
    votes = panel.competition.get(str(lot.id), {})
    remaining = len(valid_verdicts(session, lot.id))
    undecided = rejection.when_few_remain(law_of(tender, tender.bids_close_at), remaining)
    return undecided is rejection.Consequence.VOTE and len(votes) < len(committed(panel))


def settle_few(work: Work, tender: Tender, panel: Panel, lot: Lot) -> None:
    """Fail a lot when the bids left mean that; leave it alone while a vote or an explanation is due."""
    if lot.stage is not Stage.EVALUATION or open_abnormal(work.session, lot.id):
        return
    votes = panel.competition.get(str(lot.id), {})
    members = [str(m.number) for m in committed(panel)]
    lacking = rejection.passed(votes, members) if len(votes) == len(members) else None
    remaining = len(valid_verdicts(work.session, lot.id))
    consequence = rejection.when_few_remain(law_of(tender, work.now), remaining, competition_lacking=lacking)
    if consequence is rejection.Consequence.FAIL:
        reason = "all_rejected" if remaining == 0 else "competition_lacking"
        trading.move_lot(work, lot.id, Move.FAIL, reason=reason, by_law=True)
        work.record(facts.EvaluationFailed(subject=tender.id, tender=tender.code, lot=lot.id, reason=reason))
        trading.publish_text(
            work,
            tender,
            kind="failure",
            title=f"{tender.title}（第 {lot.number} 标段）{'废标' if tender.regime == 'GP' else '流标'}公告",
            body={"reason": reason, "effective": remaining},
            lot=lot,
        )


def advance(work: Work, tender: Tender, panel: Panel) -> None:
    """Go on to reports where nothing is left to score (price methods), or wait for the sheets."""
    from evaluation.actions.scoring import finish_if_locked

    finish_if_locked(work, tender, panel)


def valid_verdicts(session: Session, lot_id: UUID) -> list[Verdict]:
    return list(
        session.scalars(
            sa.select(Verdict).where(Verdict.lot_id == lot_id, Verdict.valid.is_(True)).order_by(Verdict.code)
        )
    )


def open_abnormal(session: Session, lot_id: UUID) -> list[AbnormalReview]:
    return list(
        session.scalars(
            sa.select(AbnormalReview).where(
                AbnormalReview.lot_id == lot_id, AbnormalReview.decided_at.is_(None)
            )
        )
    )


def _abnormal_of(work: Work, bid_id: UUID) -> AbnormalReview:
    found = work.one(sa.select(AbnormalReview).where(AbnormalReview.bid_id == bid_id))
    if found is None:
        raise NotFound("not_found", thing="abnormal_review", id=str(bid_id))
    assert isinstance(found, AbnormalReview)
    return found


def current_report(session: Session, lot_id: UUID) -> EvaluationReport | None:
    """The report that carries a lot's decision: the newest, unless the lot went back to evaluation."""
    return session.scalars(
        sa.select(EvaluationReport).where(
            EvaluationReport.lot_id == lot_id, EvaluationReport.superseded_at.is_(None)
        )
    ).one_or_none()


def void_work_of(work: Work, tender: Tender, member: Panelist) -> None:
    """Take away what a leaving member concluded, and the verdicts it took part in."""
    work.session.execute(sa.delete(ReviewVote).where(ReviewVote.panelist_id == member.id))
    for sheet in work.scalars(sa.select(ScoreSheet).where(ScoreSheet.panelist_id == member.id)):
        work.session.delete(sheet)
    lots = [lot.id for lot in lots_in_evaluation(tender) if current_report(work.session, lot.id) is None]
    for verdict in work.scalars(sa.select(Verdict).where(Verdict.lot_id.in_(lots))):
        work.session.delete(verdict)
    number = str(member.number)
    for review in work.scalars(sa.select(AbnormalReview).where(AbnormalReview.lot_id.in_(lots))):
        review.votes = {voter: vote for voter, vote in review.votes.items() if voter != number}
        review.accepted = review.decided_at = None
    panel = panel_of(work.session, tender.id)
    assert panel is not None
    panel.competition = {
        lot: {voter: vote for voter, vote in votes.items() if voter != number}
        for lot, votes in panel.competition.items()
    }


def reopen(work: Work, fact: LotMoved) -> None:
    """Listener: an upheld objection sends a lot back; votes, verdicts and locks of that lot start again."""
    if fact.move != Move.EVALUATE or fact.reason != "objection_upheld":
        return
    tender = work.lock(Tender, fact.subject)
    panel = panel_of(work.session, tender.id)
    if panel is None:
        return
    bids = [bid.id for bid, _ in bids_of_lot(work.session, fact.lot)]
    work.session.execute(sa.delete(ReviewVote).where(ReviewVote.bid_id.in_(bids)))
    for row in [
        *work.scalars(sa.select(Verdict).where(Verdict.lot_id == fact.lot)),
        *work.scalars(sa.select(AbnormalReview).where(AbnormalReview.lot_id == fact.lot)),
        *work.scalars(sa.select(ScoreSheet).where(ScoreSheet.lot_id == fact.lot)),
    ]:
        work.session.delete(row)
    old = current_report(work.session, fact.lot)
    if old is not None:
        old.superseded_at = work.now
        work.record(
            facts.ReportSuperseded(
                subject=tender.id, tender=tender.code, lot=fact.lot, version=old.version, digest=old.digest
            )
        )
    panel.state = "reviewing"
    panel.working_until_at = work.now + law_of(tender, work.now)["panel_work_hours"].duration
    panel.competition = {k: v for k, v in panel.competition.items() if k != str(fact.lot)}
    panel.version += 1
