"""Read side of the evaluation room: what members, buyers, bidders and the public may see, as frozen views.

Nobody learns another member's scores before every sheet is locked (招标投标法 第四十四条; V-11), and nobody
but a committed member learns what happens inside a panel at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, OpenedFile, OpenedPart
from bidding.rules.states import BidState
from evaluation.actions.panels import committed, lots_in_evaluation, panel_of, terms_of
from evaluation.actions.review import is_concluded, needs_competition_vote
from evaluation.actions.scoring import SCORED
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
from kernel.errors import NotFound
from kernel.ledger.models import LogRecord
from kernel.rights import Actor, Role
from trading.models import Lot, Tender
from trading.rights import runs_tender
from trading.rules.lifecycle import Stage
from trading.terms import Factor, ReviewItem, Terms

PUBLIC_STAGES = (Stage.STANDSTILL, Stage.AWARDED, Stage.CONTRACTED)
DECIDED = (Stage.AWARDED, Stage.CONTRACTED)


def tender_by_code(session: Session, code: str) -> Tender:
    """A published tender.

    Raises:
        NotFound: no such tender, or one that is not published.
    """
    tender = session.scalars(sa.select(Tender).where(Tender.code == code)).unique().one_or_none()
    if tender is None or tender.published_at is None:
        raise NotFound("not_found", thing="tender", id=code)
    return tender


def run_tender(session: Session, code: str, who: Actor) -> Tender:
    """A tender that the visitor's organisation runs; for everybody else there is no such desk."""
    tender = tender_by_code(session, code)
    if not runs_tender(who, tender):
        raise NotFound("not_found", thing="tender", id=code)
    return tender


def lot_by_number(tender: Tender, number: int) -> Lot:
    """A lot by the number people read. Raises NotFound."""
    for lot in tender.lots:
        if lot.number == number:
            return lot
    raise NotFound("not_found", thing="lot", id=str(number))


# ---- seats ----------------------------------------


@dataclass(frozen=True)
class SeatLine:
    """A seat as its holder sees it. ``due``: answer, review, score, sign, wait or nothing."""

    member: Panelist
    panel: Panel
    tender: Tender
    due: str
    until: datetime | None = None


def my_seats(session: Session, person_id: UUID) -> list[SeatLine]:
    """All seats of a person, newest first."""
    rows = session.execute(
        sa.select(Panelist, Panel, Tender)
        .join(Panel, Panel.id == Panelist.panel_id)
        .join(Tender, Tender.id == Panelist.tender_id)
        .where(Panelist.person_id == person_id)
        .order_by(Panelist.invited_at.desc(), Panelist.id.desc())
        .limit(100)
    ).unique()
    return [
        SeatLine(
            member,
            panel,
            tender,
            _due(session, member, panel, tender),
            panel.invited_until_at if member.state == "invited" and member.seat == "expert" else None,
        )
        for member, panel, tender in rows
    ]


def _due(session: Session, member: Panelist, panel: Panel, tender: Tender) -> str:
    if member.state != "committed":
        return "answer" if member.state == "invited" else "nothing"
    if panel.state == "reporting":
        reports = reports_of(session, tender.id)
        unsigned = any(
            one.delivered_at is None and str(member.number) not in one.signatures for one in reports.values()
        )
        return "sign" if unsigned else "wait"
    if panel.state in ("reviewing", "scoring"):
        desk = desk_of(session, tender, panel, member)
        if any(tab.due for tab in desk.tabs) or desk.votes:
            return "review" if panel.state == "reviewing" else "score"
        return "wait"
    return "wait" if panel.state != "finished" else "nothing"


def owes_work(session: Session, member: Panelist, panel: Panel, tender: Tender) -> bool:
    """Whether the review or the scoring waits for this member."""
    return _due(session, member, panel, tender) in ("review", "score")


def own_seat(session: Session, seat_id: UUID, who: Actor) -> SeatLine:
    """A seat of this very person.

    Raises:
        NotFound: no such seat, or somebody else's.
    """
    member = session.get(Panelist, seat_id)
    if member is None or member.person_id != who.person_id:
        raise NotFound("not_found", thing="seat", id=str(seat_id))
    panel = session.get_one(Panel, member.panel_id)
    tender = session.get_one(Tender, member.tender_id)
    until = panel.invited_until_at if member.state == "invited" and member.seat == "expert" else None
    return SeatLine(member, panel, tender, "answer" if member.state == "invited" else "nothing", until)


def member_of(session: Session, tender: Tender, who: Actor) -> tuple[Panel, Panelist]:
    """The panel and the visitor's own seat in it; the room exists for committed members only.

    Raises:
        NotFound: for everybody else, the buyer, the operator and supervisors among them.
    """
    panel = panel_of(session, tender.id)
    if panel is not None and who.person_id is not None:
        for member in committed(panel):
            if member.person_id == who.person_id:
                return panel, member
    raise NotFound("not_found", thing="panel", id=tender.code)


# ---- the room ----------------------------------------


@dataclass(frozen=True)
class BidTab:
    """One bid in the room, by its code. ``due`` is what this member still owes it."""

    code: str
    bid_id: UUID
    lot: Lot
    light: str
    due: str = ""
    valid: bool | None = None


@dataclass(frozen=True)
class Desk:
    """What lies before one member: bids, and the lots that wait for a vote on competition."""

    tabs: Sequence[BidTab]
    votes: Sequence[Lot] = ()
    waiting: bool = False

    def tab(self, code: str) -> BidTab:
        """A bid by its code. Raises NotFound."""
        for one in self.tabs:
            if one.code == code:
                return one
        raise NotFound("not_found", thing="bid", id=code)


def desk_of(session: Session, tender: Tender, panel: Panel, member: Panelist) -> Desk:
    """The bids under evaluation, with what this member still owes each; a fixed number of queries."""
    lots = {lot.id: lot for lot in lots_in_evaluation(tender)}
    rows = session.execute(
        sa.select(Bid.id, Bid.lot_id)
        .join(OpenedPart, OpenedPart.bid_id == Bid.id)
        .where(
            Bid.lot_id.in_(lots),
            Bid.state == BidState.COMPLETE,
            OpenedPart.part == "price",
            OpenedPart.ok.is_(True),
        )
    ).all()
    verdicts = {
        v.bid_id: v for v in session.scalars(sa.select(Verdict).where(Verdict.tender_id == tender.id))
    }
    voted = set(
        session.scalars(sa.select(ReviewVote.bid_id).where(ReviewVote.panelist_id == member.id).distinct())
    )
    sheets = {
        sheet.bid_id: sheet
        for sheet in session.scalars(sa.select(ScoreSheet).where(ScoreSheet.panelist_id == member.id))
    }
    asked = {
        one.bid_id: one
        for one in session.scalars(sa.select(AbnormalReview).where(AbnormalReview.tender_id == tender.id))
    }
    scored = terms_of(tender).method in SCORED
    tabs = []
    codes = codes_of(session, tender.id)
    for bid_id, lot_id in rows:
        verdict, sheet, review = verdicts.get(bid_id), sheets.get(bid_id), asked.get(bid_id)
        due, light = "", "g"
        if verdict is None:
            due, light = ("", "g") if bid_id in voted else ("review", "n")
        elif review is not None and review.decided_at is None:
            can = review.explanation is not None and str(member.number) not in review.votes
            due, light = ("explain", "y") if can else ("", "y")
        elif not verdict.valid:
            light = "r"
        elif scored and (sheet is None or sheet.locked_at is None):
            due, light = "score", "n"
        tabs.append(
            BidTab(codes[bid_id], bid_id, lots[lot_id], light, due, verdict.valid if verdict else None)
        )
    votes = [
        lot
        for lot in lots.values()
        if is_concluded(session, lot.id)
        and needs_competition_vote(session, tender, panel, lot)
        and str(member.number) not in panel.competition.get(str(lot.id), {})
    ]
    return Desk(sorted(tabs, key=lambda tab: tab.code), votes)


@dataclass(frozen=True)
class Progress:
    """How far one member has come; never what he gave."""

    number: int
    seat: str
    own: bool
    done: int
    total: int

    @property
    def is_done(self) -> bool:
        return self.total > 0 and self.done >= self.total


def progress_of(
    session: Session, tender: Tender, panel: Panel, desk: Desk, person_id: UUID
) -> list[Progress]:
    """Everybody's count of reviewed or locked bids, and nothing more."""
    bids = [tab.bid_id for tab in desk.tabs]
    if panel.state == "reviewing":
        bids = [tab.bid_id for tab in desk.tabs if tab.valid is None]
        query = (
            sa.select(ReviewVote.panelist_id, sa.func.count(ReviewVote.bid_id.distinct()))
            .where(ReviewVote.bid_id.in_(bids))
            .group_by(ReviewVote.panelist_id)
        )
    else:
        bids = [tab.bid_id for tab in desk.tabs if tab.valid]
        query = (
            sa.select(ScoreSheet.panelist_id, sa.func.count())
            .where(ScoreSheet.bid_id.in_(bids), ScoreSheet.locked_at.is_not(None))
            .group_by(ScoreSheet.panelist_id)
        )
    counts = {row[0]: row[1] for row in session.execute(query)}
    scored = panel.state == "reviewing" or terms_of(tender).method in SCORED
    return [
        Progress(
            member.number,
            member.seat,
            member.person_id == person_id,
            counts.get(member.id, 0),
            len(bids) if scored else 0,
        )
        for member in committed(panel)
    ]


@dataclass(frozen=True)
class FileLine:
    """A file of an opened bid under a neutral name: what the bidder called it may say who he is."""

    id: UUID
    name: str
    part: str
    media: str
    size: int
    sha256: str


@dataclass(frozen=True)
class BidDesk:
    """One bid on a member's desk."""

    tab: BidTab
    files: Sequence[FileLine]
    votes: Mapping[str, ReviewVote]
    verdict: Verdict | None
    abnormal: AbnormalReview | None
    sheet: ScoreSheet | None


def bid_desk(session: Session, member: Panelist, tab: BidTab) -> BidDesk:
    """Files, own answers, verdict, explanation and own sheet of one bid."""
    return BidDesk(
        tab=tab,
        files=files_of(session, tab),
        votes={
            vote.item: vote
            for vote in session.scalars(
                sa.select(ReviewVote).where(
                    ReviewVote.panelist_id == member.id, ReviewVote.bid_id == tab.bid_id
                )
            )
        },
        verdict=session.scalars(sa.select(Verdict).where(Verdict.bid_id == tab.bid_id)).one_or_none(),
        abnormal=session.scalars(
            sa.select(AbnormalReview).where(AbnormalReview.bid_id == tab.bid_id)
        ).one_or_none(),
        sheet=session.scalars(
            sa.select(ScoreSheet).where(ScoreSheet.panelist_id == member.id, ScoreSheet.bid_id == tab.bid_id)
        ).one_or_none(),
    )


def files_of(session: Session, tab: BidTab) -> list[FileLine]:
    """Files of the opened parts of a bid."""
    rows = session.execute(
        sa.select(OpenedFile, OpenedPart.part)
        .join(OpenedPart, OpenedPart.id == OpenedFile.opened_id)
        .where(OpenedPart.bid_id == tab.bid_id, OpenedPart.ok.is_(True))
        .order_by(OpenedPart.part, OpenedFile.number)
    ).all()
    return [
        FileLine(
            file.id, neutral_name(tab.code, part, number, file.name), part, file.media, file.size, file.sha256
        )
        for number, (file, part) in enumerate(rows, start=1)
    ]


def neutral_name(code: str, part: str, number: int, name: str) -> str:
    """``T-03-tech-1.pdf``: the code, the part, a number and the ending the file had."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    ending = ending if ending.isalnum() and len(ending) <= 5 and ending.isascii() else "bin"
    return f"{code}-{part}-{number}.{ending}"


# ---- reports ----------------------------------------


def reports_of(session: Session, tender_id: UUID) -> dict[UUID, EvaluationReport]:
    """The report in force of every lot that has one."""
    return {lot_id: report for lot_id, (report, _) in placed_reports(session, tender_id).items()}


def placed_reports(session: Session, tender_id: UUID) -> dict[UUID, tuple[EvaluationReport, int | None]]:
    """The report in force of every lot that has one, with its place in the log once it has one."""
    rows = session.execute(
        sa.select(EvaluationReport, LogRecord.idx)
        .outerjoin(LogRecord, LogRecord.id == EvaluationReport.record_id)
        .where(EvaluationReport.tender_id == tender_id, EvaluationReport.superseded_at.is_(None))
    )
    return {report.lot_id: (report, place) for report, place in rows}


@dataclass(frozen=True)
class Reader:
    """What somebody may see of a report: ``member``, ``buyer``, ``supervisor`` or ``public``."""

    kind: str
    member: Panelist | None = None

    @property
    def inside(self) -> bool:
        """Whether single members' scores are shown."""
        return self.kind != "public"


def reader_of(
    session: Session, tender: Tender, lot: Lot, report: EvaluationReport | None, who: Actor
) -> Reader:
    """Members read a made report, buyer and supervisors a delivered one, everybody a published one.

    Raises:
        NotFound: too early, or no such report.
    """
    if report is None:
        raise NotFound("not_found", thing="report", id=f"{tender.code}/{lot.number}")
    panel = panel_of(session, tender.id)
    for member in committed(panel) if panel is not None else []:
        if who.person_id is not None and member.person_id == who.person_id:
            return Reader("member", member)
    if report.delivered_at is not None:
        if runs_tender(who, tender):
            return Reader("buyer")
        if who.has(Role.SUPERVISOR):
            return Reader("supervisor")
        if lot.stage in PUBLIC_STAGES:
            return Reader("public")
    raise NotFound("not_found", thing="report", id=f"{tender.code}/{lot.number}")


def terms_for_people(terms: Terms, lang: str) -> dict[str, str]:
    """Names of factors and review items in a language, by id."""
    items: list[Factor | ReviewItem] = [*terms.factors, *terms.review]
    return {item.id: (item.name_en or item.name) if lang == "en" else item.name for item in items}
