"""Read side of those outside the panel: the buyer who decides, the bidder who waits for his result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, OpenedPart
from evaluation.actions.panels import buyer_seats_open, committed, panel_of
from evaluation.actions.pools import EXPERTS, experts_missing, fields_left, is_used_up
from evaluation.models import AbnormalReview, Award, EvaluationReport, Panel, Panelist
from evaluation.queries import DECIDED, PUBLIC_STAGES, reports_of
from kernel.errors import NotFound
from kernel.identity.models import Membership, Person
from kernel.ledger import book
from kernel.rights import Actor, Role
from trading.models import Lot, Objection, Tender
from trading.rules.lifecycle import Stage

# ---- the buyer's desk ----------------------------------------


@dataclass(frozen=True)
class ExpertDraw:
    """One draw of experts as everybody may see it: no names, but all that is needed to draw again."""

    draw: str
    fields: Sequence[str]
    count: int
    seed: str
    leaf: int | None
    reason: str = ""


def draws_of(session: Session, panel: Panel) -> list[ExpertDraw]:
    """Every draw of a panel, in order, with its place in the log."""
    if panel.order is None or panel.draw_inputs is None or panel.draw_record_id is None:
        return []
    place = book.place_of
    first = ExpertDraw(
        EXPERTS,
        [panel.specialty],
        len(panel.pool),
        str(panel.draw_inputs["seed"]),
        place(session, panel.draw_record_id),
    )
    further = [
        ExpertDraw(
            one["draw"],
            one["fields"],
            len(one["candidates"]),
            one["seed"],
            place(session, UUID(one["record"])),
            one["reason"],
        )
        for one in panel.enlargements
    ]
    return [first, *further]


@dataclass(frozen=True)
class PanelState:
    """A panel without names: seats, answers and numbers."""

    state: str
    seats: int
    buyer_seats: int
    experts_committed: int
    buyers_committed: int
    invited: int
    representatives: Sequence[tuple[UUID, str]] = ()
    invited_until_at: datetime | None = None
    buyer_until_at: datetime | None = None
    working_until_at: datetime | None = None
    missing: int = 0
    used_up: bool = False
    fields: Sequence[tuple[str, int]] = ()
    draws: Sequence[ExpertDraw] = ()

    @property
    def open_buyer_seats(self) -> int:
        return self.buyer_seats - len(self.representatives)


def panel_state(session: Session, tender: Tender) -> PanelState | None:
    """How a panel stands; only the buyer's own representatives are named, by whom he named them."""
    panel = panel_of(session, tender.id)
    if panel is None:
        return None
    own = [m for m in panel.members if m.seat == "buyer" and m.state != "left"]
    names = {
        person.id: person.name
        for person in session.scalars(sa.select(Person).where(Person.id.in_([m.person_id for m in own])))
    }
    sitting = committed(panel)
    return PanelState(
        state=panel.state,
        seats=panel.seats,
        buyer_seats=panel.buyer_seats,
        experts_committed=sum(m.seat == "expert" for m in sitting),
        buyers_committed=sum(m.seat == "buyer" for m in sitting),
        invited=sum(m.state == "invited" for m in panel.members),
        representatives=[(m.person_id, names[m.person_id]) for m in own],
        invited_until_at=panel.invited_until_at,
        buyer_until_at=panel.buyer_until_at
        if panel.state == "inviting" and buyer_seats_open(panel)
        else None,
        working_until_at=panel.working_until_at if panel.state in ("reviewing", "scoring") else None,
        missing=experts_missing(panel) if panel.state == "inviting" else 0,
        used_up=is_used_up(panel),
        fields=list(fields_left(panel).items()),
        draws=draws_of(session, panel),
    )


def colleagues(session: Session, tender: Tender) -> list[tuple[UUID, str]]:
    """People of the buyer and his agency who can take a representative's seat: id and name."""
    orgs = {tender.buyer_id, tender.agent_id} - {None}
    seated = sa.select(Panelist.person_id).where(Panelist.tender_id == tender.id)
    rows = session.execute(
        sa.select(Person.id, Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(
            Membership.org_id.in_(orgs),
            Membership.until.is_(None),
            Person.state == "active",
            Person.id.not_in(seated),
        )
        .distinct()
        .order_by(Person.name, Person.id)
        .limit(200)
    )
    return [(row[0], row[1]) for row in rows]


@dataclass(frozen=True)
class LotDesk:
    """A lot as the buyer decides on it."""

    lot: Lot
    report: EvaluationReport | None
    award: Award | None
    objections: int = 0

    @property
    def delivered(self) -> bool:
        return self.report is not None and self.report.delivered_at is not None


def lot_desks(session: Session, tender: Tender) -> list[LotDesk]:
    """Every lot with its report in force and its award."""
    reports = reports_of(session, tender.id)
    awards = {
        one.lot_id: one for one in session.scalars(sa.select(Award).where(Award.tender_id == tender.id))
    }
    waiting = list(
        session.scalars(
            sa.select(Objection.lot_id).where(
                Objection.tender_id == tender.id, Objection.answered_at.is_(None)
            )
        )
    )
    return [
        LotDesk(
            lot,
            reports.get(lot.id),
            awards.get(lot.id) if lot.stage in DECIDED else None,
            sum(one in (None, lot.id) for one in waiting),
        )
        for lot in tender.lots
    ]


@dataclass(frozen=True)
class RunLine:
    """A tender of the buyer that is being evaluated, or was."""

    tender: Tender
    state: str
    lots: Sequence[Lot] = field(default_factory=list)


def run_evaluations(session: Session, org_id: UUID) -> list[RunLine]:
    """Tenders of an organisation whose bids are open, newest first."""
    rows = session.execute(
        sa.select(Tender, Panel.state)
        .outerjoin(Panel, Panel.tender_id == Tender.id)
        .where(
            sa.or_(Tender.buyer_id == org_id, Tender.agent_id == org_id),
            sa.select(Lot.id)
            .where(Lot.tender_id == Tender.id, Lot.stage.in_((Stage.EVALUATION, *PUBLIC_STAGES)))
            .exists(),
        )
        .order_by(Tender.bids_close_at.desc(), Tender.id.desc())
        .limit(100)
    ).unique()
    return [RunLine(tender, state or "", list(tender.lots)) for tender, state in rows]


# ---- the bidder's desk ----------------------------------------


@dataclass(frozen=True)
class OwnLine:
    """A bid of the visitor's organisation after the opening."""

    bid: Bid
    tender: Tender
    lot: Lot
    asked: AbnormalReview | None
    award: Award | None

    @property
    def decided(self) -> bool:
        return self.lot.stage in DECIDED


def my_results(session: Session, org_id: UUID) -> list[OwnLine]:
    """Opened bids of an organisation, newest first."""
    rows = session.execute(
        sa.select(Bid, Tender, Lot, AbnormalReview, Award)
        .join(Tender, Tender.id == Bid.tender_id)
        .join(Lot, Lot.id == Bid.lot_id)
        .join(OpenedPart, sa.and_(OpenedPart.bid_id == Bid.id, OpenedPart.part == "price"))
        .outerjoin(AbnormalReview, AbnormalReview.bid_id == Bid.id)
        .outerjoin(Award, sa.and_(Award.lot_id == Lot.id, Award.bid_id == Bid.id))
        .where(Bid.org_id == org_id)
        .order_by(Tender.bids_close_at.desc(), Bid.id.desc())
        .limit(100)
    ).unique()
    return [
        OwnLine(bid, tender, lot, asked, award if lot.stage in DECIDED else None)
        for bid, tender, lot, asked, award in rows
    ]


def own_line(session: Session, code: str, who: Actor) -> OwnLine:
    """One opened bid of the visitor's organisation by its hex id; anybody else's does not exist for him."""
    if who.org_id is not None and who.has(Role.BIDDER):
        for line in my_results(session, who.org_id):
            if line.bid.code == code:
                return line
    raise NotFound("not_found", thing="bid", id=code)
