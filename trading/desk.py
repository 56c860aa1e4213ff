"""The read side of the workbenches: what waits to be done, what an organisation asked and objected to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.identity.models import Organization
from kernel.web.paging import Page, page_of
from trading.models import Objection, Project, Question, Tender
from trading.queries import Answered, ObjectionLine, as_answered, places, standing_of


@dataclass(frozen=True)
class DeskLine:
    """A tender on its buyer's or agency's desk, with what waits to be done."""

    code: str
    title: str
    regime: str
    standing: str
    lots: int
    bids_close_at: datetime
    published_at: datetime | None
    questions: int
    objections: int


def desk(session: Session, org_id: UUID, now: datetime) -> Page[DeskLine]:
    """One page of the tenders an organisation runs, newest first."""
    mine = sa.or_(Tender.buyer_id == org_id, Tender.agent_id == org_id)
    page = page_of(session, sa.select(Tender).where(mine), Tender.created_at, Tender.id, size=30)
    ids = [row.id for row in page.items]
    asked = _open_counts(session, Question, ids)
    objected = _open_counts(session, Objection, ids)
    return page.map(
        lambda row: DeskLine(
            row.code,
            row.title,
            row.regime,
            standing_of(row, row.lots, now),
            len(row.lots),
            row.bids_close_at,
            row.published_at,
            asked.get(row.id, 0),
            objected.get(row.id, 0),
        )
    )


def _open_counts(session: Session, model: Any, ids: Sequence[UUID]) -> dict[UUID, int]:
    if not ids:
        return {}
    rows = session.execute(
        sa.select(model.tender_id, sa.func.count())
        .where(model.tender_id.in_(ids), model.answered_at.is_(None))
        .group_by(model.tender_id)
    )
    return {row[0]: row[1] for row in rows}


def projects_of(session: Session, org_id: UUID) -> list[Project]:
    """Projects an organisation buys for or has tendered as agency, newest first, at most twenty."""
    query = (
        sa.select(Project)
        .where(
            sa.or_(
                Project.buyer_id == org_id,
                Project.id.in_(sa.select(Tender.project_id).where(Tender.agent_id == org_id)),
            )
        )
        .order_by(Project.created_at.desc())
        .limit(20)
    )
    return list(session.scalars(query))


def questions_to(session: Session, tender_id: UUID) -> list[Answered]:
    """All questions to a tender as its buyer sees them: open ones first."""
    rows = session.scalars(
        sa.select(Question)
        .where(Question.tender_id == tender_id)
        .order_by(Question.answered_at.is_not(None), Question.asked_at, Question.id)
    ).all()
    found = places(session, (row.record_id for row in rows))
    return [as_answered(row, found) for row in rows]


def objections_to(session: Session, tender: Tender) -> list[ObjectionLine]:
    """All objections to a tender as its buyer sees them: open ones first."""
    rows = session.execute(
        sa.select(Objection, Organization.party)
        .join(Organization, Organization.id == Objection.org_id)
        .where(Objection.tender_id == tender.id)
        .order_by(Objection.answered_at.is_not(None), Objection.due_at, Objection.id)
    ).all()
    return [_objection(row, tender.code, tender.title, name) for row, name in rows]


def _objection(row: Objection, code: str, title: str, name: str = "") -> ObjectionLine:
    return ObjectionLine(
        row.id,
        code,
        title,
        row.matter,
        row.text,
        row.in_time,
        row.filed_at,
        row.due_at,
        row.answer,
        row.upheld,
        row.answered_at,
        name,
    )


@dataclass(frozen=True)
class AskedLine:
    """A question on its asker's own desk."""

    tender: str
    tender_title: str
    question: Answered


def asked_by(session: Session, org_id: UUID) -> list[AskedLine]:
    """The newest questions of an organisation, at most fifty."""
    rows = session.execute(
        sa.select(Question, Tender.code, Tender.title)
        .join(Tender, Tender.id == Question.tender_id)
        .where(Question.org_id == org_id)
        .order_by(Question.asked_at.desc(), Question.id)
        .limit(50)
    ).all()
    found = places(session, (row[0].record_id for row in rows))
    return [AskedLine(code, title, as_answered(row, found)) for row, code, title in rows]


def objected_by(session: Session, org_id: UUID) -> list[ObjectionLine]:
    """The newest objections of an organisation, at most fifty."""
    rows = session.execute(
        sa.select(Objection, Tender.code, Tender.title)
        .join(Tender, Tender.id == Objection.tender_id)
        .where(Objection.org_id == org_id)
        .order_by(Objection.filed_at.desc(), Objection.id)
        .limit(50)
    ).all()
    return [_objection(row, code, title) for row, code, title in rows]
