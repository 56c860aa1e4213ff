"""Experts: they accept, refuse or stay silent, vote, explain nothing to anybody, score, fall ill and sign."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bidding.models import Bid
from bidding.rules.bonds import Standing
from evaluation.actions import panels, reports, review, scoring
from evaluation.actions.bonds import BOND_ITEM, bond_of
from evaluation.models import AbnormalReview, Panel, Panelist, ReviewVote
from evaluation.rules.panel import Seat
from evaluation.rules.scoring import needs_reason
from simulation.affair import Affair
from simulation.world import Player
from simulation.year import Life, Year
from trading.models import Tender

_MOVED_ON = (
    "not_reviewing",
    "not_scoring",
    "seat_answered",
    "already_decided",
    "no_vote_due",
    "sheet_locked",
)


def people(year: Year) -> dict[UUID, Player]:
    """Everybody who may sit on a panel, by person."""
    world = year.world
    return {p.person_id: p for p in (*world.experts, *world.buyers, *world.agents)}


def panel_of(year: Year, affair: Affair) -> Panel | None:
    with year.world.read() as session:
        return panels.panel_of(session, affair.deal.tender_id)


def sitting(year: Year, affair: Affair) -> list[tuple[Panelist, Player]]:
    panel, everybody = panel_of(year, affair), people(year)
    assert panel is not None
    return [(member, everybody[member.person_id]) for member in panels.committed(panel)]


def answer(year: Year, affair: Affair, member: Panelist, player: Player) -> Life:
    """One invited person makes up his mind once: accept, refuse, or never answer."""
    mood = affair.answers.setdefault(member.id, _mood(year, affair, member))
    if mood == "silent":
        year.count("silent expert")
        return
    yield year.soon(2, 90)
    year.ask(
        player,
        f"{mood}s seat {member.number}",
        lambda work: panels.answer_seat(
            work, member.id, accept=mood == "accept", reason="" if mood == "accept" else "时间冲突"
        ),
        deal=affair.deal,
        known=("seat_answered",),
        refused=("seat_answered",),
    )


def _mood(year: Year, affair: Affair, member: Panelist) -> str:
    if member.seat != Seat.EXPERT:
        return "accept"
    moods = list(affair.answers.values())
    if moods.count("refuse") < affair.plan.refuse:
        return "refuse"
    return "silent" if moods.count("silent") < affair.plan.silent else "accept"


def review_round(year: Year, affair: Affair) -> None:
    """Every member votes on every bid he has not voted on; one may fall ill after his first vote."""
    deal, plan = affair.deal, affair.plan
    with year.world.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        bids = [
            b for lot in panels.lots_in_evaluation(tender) for b, _ in review.bids_of_lot(session, lot.id)
        ]
        items = [item.id for item in panels.terms_of(tender).review]
        given = {
            (row[0], row[1]) for row in session.execute(sa.select(ReviewVote.panelist_id, ReviewVote.bid_id))
        }
    if affair.rejected is None:
        chosen = {"one": bids[:1], "all": bids}.get(plan.reject, [])
        affair.rejected = {bid.code: items[year.dice.randrange(len(items))] for bid in chosen}
    for member, player in sitting(year, affair):
        for one in bids:
            if (member.id, one.id) not in given:
                _vote(year, affair, member, player, one, items)
        if plan.recuse and not affair.recused and member.seat == Seat.EXPERT:
            affair.recused = True
            year.count("recused")
            year.ask(
                player,
                f"falls ill, seat {member.number}",
                lambda work, member=member: panels.recuse(work, member.id, "突发疾病"),  # type: ignore[misc]
                deal=deal,
                known=_MOVED_ON,
                refused=_MOVED_ON,
            )
            return


def _vote(year: Year, affair: Affair, member: Panelist, player: Player, one: Bid, items: list[str]) -> None:
    failing = (affair.rejected or {}).get(one.code)
    with year.world.read() as session:
        tender = session.get_one(Tender, affair.deal.tender_id)
        found = bond_of(session, tender, one, year.now)
    missing = found is not None and found.standing is not Standing.SOUND
    if missing and failing is None and int(one.code[:2], 16) % 4:
        failing = BOND_ITEM.id  # as proposed; one panel in four lets it pass and says why
        year.count("rejected for its bond")
    answers = {
        item: {
            "passed": item != failing,
            "reason": "未满足招标文件的实质性要求"
            if item == failing
            else ("已补充核实" if item == BOND_ITEM.id and missing else ""),
            "page": "12" if item == failing else "",
        }
        for item in items
    }
    year.ask(
        player,
        f"votes on {one.code[:8]}",
        lambda work: review.vote_review(work, member.id, one.id, answers),
        deal=affair.deal,
        known=("not_reviewing",),
        refused=("not_reviewing",),
    )


def explanations(year: Year, affair: Affair) -> bool:
    """Bidders explain a low price or do not, members judge; True when something still waits."""
    with year.world.read() as session:
        waiting = list(
            session.scalars(
                sa.select(AbnormalReview)
                .where(AbnormalReview.tender_id == affair.deal.tender_id, AbnormalReview.decided_at.is_(None))
                .order_by(AbnormalReview.id)
            )
        )
        codes = {one.bid_id: session.get_one(Bid, one.bid_id).code for one in waiting}
    for one in waiting:
        if affair.plan.explain and one.explanation is None and year.now < one.due_at:
            year.ask(
                affair.deal.bids[codes[one.bid_id]],
                "explains the price",
                lambda work, one=one: review.explain_price(work, one.bid_id, "设备为自有，折旧已摊销。"),  # type: ignore[misc]
                deal=affair.deal,
                refused=("explanation_over",),
            )
        elif one.explanation is None and year.now < one.due_at:
            continue
        for member, player in sitting(year, affair):
            year.ask(
                player,
                f"judges the price of {codes[one.bid_id][:8]}",
                lambda work, one=one, member=member: review.judge_explanation(  # type: ignore[misc]
                    work, member.id, one.bid_id, convincing=affair.plan.convince
                ),
                deal=affair.deal,
                known=_MOVED_ON,
                refused=(*_MOVED_ON, "answer_not_due"),
            )
        year.count("abnormal price judged")
    return bool(waiting)


def competition(year: Year, affair: Affair) -> None:
    """Construction with few bids left: the members vote whether competition lacks."""
    with year.world.read() as session:
        tender = session.get_one(Tender, affair.deal.tender_id)
        panel = panels.panel_of(session, tender.id)
        assert panel is not None
        due = [lot.id for lot in tender.lots if review.needs_competition_vote(session, tender, panel, lot)]
    for lot_id in due:
        year.count("competition voted")
        for member, player in sitting(year, affair):
            year.ask(
                player,
                "votes on competition",
                lambda work, lot_id=lot_id, member=member: review.vote_competition(  # type: ignore[misc]
                    work, member.id, lot_id, lacking=affair.plan.lacking
                ),
                deal=affair.deal,
                known=_MOVED_ON,
                refused=_MOVED_ON,
            )


def score_round(year: Year, affair: Affair) -> None:
    """Every member scores and locks what he has not locked yet."""
    with year.world.read() as session:
        tender = session.get_one(Tender, affair.deal.tender_id)
        terms = panels.terms_of(tender)
        wanted = [
            v.bid_id
            for lot in panels.lots_in_evaluation(tender)
            for v in review.valid_verdicts(session, lot.id)
        ]
    if terms.method not in scoring.SCORED:
        return
    for member, player in sitting(year, affair):
        for bid_id in wanted:
            with year.world.read() as session:
                sheet = scoring.sheet_of(session, member.id, bid_id)
            if sheet is not None and sheet.locked_at is not None:
                continue
            scores = {f.id: _given(year, Decimal(f.max)) for f in terms.factors}
            year.ask(
                player,
                "saves a sheet",
                lambda work, m=member, b=bid_id, s=scores: scoring.save_sheet(work, m.id, b, s),  # type: ignore[misc]
                deal=affair.deal,
                known=_MOVED_ON,
                refused=_MOVED_ON,
            )
            _lock(year, affair, member, player, bid_id)


def _lock(year: Year, affair: Affair, member: Panelist, player: Player, bid_id: UUID) -> None:
    with year.world.read() as session:
        sheet = scoring.sheet_of(session, member.id, bid_id)
        if sheet is None:
            return
        body = scoring.sheet_body(session, sheet)
    sig = player.sign("score-sheet", body)
    year.ask(
        player,
        "locks a sheet",
        lambda work: scoring.lock_sheet(work, sheet.id, sig),
        deal=affair.deal,
        known=_MOVED_ON,
        refused=_MOVED_ON,
    )


def _given(year: Year, full: Decimal) -> dict[str, str]:
    points = (full * year.dice.randint(55, 99) / 100).quantize(Decimal("0.5"))
    note = "详见第 12 页" if needs_reason(points, full) else ""
    return {"score": f"{points:.2f}", "note": note, "page": "12"}


def sign_round(year: Year, affair: Affair) -> None:
    """Every member signs every report that waits; somebody may dissent in writing."""
    with year.world.read() as session:
        tender = session.get_one(Tender, affair.deal.tender_id)
        waiting = [
            report
            for lot in panels.lots_in_evaluation(tender)
            if (report := reports.report_of(session, lot.id)) is not None and report.delivered_at is None
        ]
    for report in waiting:
        for member, player in sitting(year, affair):
            if str(member.number) in report.signatures:
                continue
            dissent = "对第二名的评分有不同意见" if year.dice.random() < 0.05 else ""
            sig = player.sign("report", reports.signing_body(report, member, dissent))
            year.ask(
                player,
                "signs the report",
                lambda work, r=report, m=member, s=sig, d=dissent: reports.sign_report(  # type: ignore[misc]
                    work, r.id, m.id, s, dissent=d
                ),
                deal=affair.deal,
                known=("report_signed",),
                refused=("report_signed",),
            )


def panel_life(year: Year, affair: Affair) -> Life:
    """The panel as a whole, from its invitations to signed reports, and again when a lot is sent back."""
    deal = affair.deal
    asked: set[Any] = set()
    everybody = people(year)
    while affair.living(year):
        panel = panel_of(year, affair)
        state = panel.state if panel is not None else ""
        if panel is not None and state == "inviting":
            _name_representative(year, affair, panel)
            for member in (panel_of(year, affair) or panel).members:
                if member.state == "invited" and member.id not in asked:
                    asked.add(member.id)
                    year.live(answer(year, affair, member, everybody[member.person_id]))
        elif state == "reviewing":
            review_round(year, affair)
        elif state == "scoring":
            if not explanations(year, affair):
                competition(year, affair)
                if (again := panel_of(year, affair)) is not None and again.state == "scoring":
                    score_round(year, affair)
        elif state == "reporting":
            sign_round(year, affair)
        tendering = affair.tender(year).bids_close_at
        if year.now < tendering:
            yield tendering
        else:
            yield year.soon(200, 500) if state == "finished" else year.soon(15, 50)
    year.tell("the panel is done", deal)


def _name_representative(year: Year, affair: Affair, panel: Panel) -> None:
    seated = [m for m in panel.members if m.seat == Seat.BUYER and m.state != "left"]
    if panel.buyer_seats and not seated:
        buyer = affair.deal.buyer
        year.ask(
            buyer,
            "names his representative",
            lambda work: panels.name_representative(work, affair.deal.tender_id, buyer.person_id),
            deal=affair.deal,
            known=("buyer_seats_full",),
            refused=("panel_not_drawn",),
        )
