"""What this room shows on pages of the rooms below: candidates and results of a tender, duties on a desk."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from evaluation import queries, words
from evaluation.actions.panels import committed, free_experts, panel_of
from kernel.i18n import marked
from kernel.identity.queries import english_names
from kernel.ledger.models import LogRecord
from kernel.rights import Actor, Role
from kernel.web.current import platform
from kernel.web.panels import Filling, panel
from trading.models import Notice, Tender
from trading.rights import runs_tender
from trading.rules.lifecycle import Stage
from trading.terms import parse_terms

NONE = (None, None)


def specialties_for(session: Session, tender: Tender) -> dict[str, int]:
    """Each specialty of the roster and how many of its experts may be drawn for this tender."""
    return Counter(code for one in free_experts(session, tender) for code in set(one.specialties))


def published_lots(session: Session, tender: Tender) -> list[dict[str, Any]]:
    """Per lot with published candidates, a result or a failure: what the law lets everybody read."""
    notices = {
        (notice.lot_id, notice.kind): (notice, place)
        for notice, place in session.execute(
            sa.select(Notice, LogRecord.idx)
            .outerjoin(LogRecord, LogRecord.id == Notice.record_id)
            .where(Notice.tender_id == tender.id, Notice.kind.in_(("candidates", "result")))
            .order_by(Notice.published_at)
        ).unique()
    }
    reports = queries.reports_of(session, tender.id)
    found = []
    for lot in tender.lots:
        result, placed = notices.get((lot.id, "result"), NONE) if lot.stage in queries.DECIDED else NONE
        candidates, first = (
            notices.get((lot.id, "candidates"), NONE) if lot.stage in queries.PUBLIC_STAGES else NONE
        )
        if lot.stage is Stage.FAILED and lot.failed_for in words.FAILED:
            found.append({"lot": lot, "failed": words.FAILED[lot.failed_for], "leaf": None})
        elif result or candidates:
            found.append(
                {
                    "lot": lot,
                    "candidates": candidates.body["candidates"] if candidates else [],
                    "rejected": candidates.body["rejected"] if candidates else [],
                    "until": candidates.until_at if candidates else None,
                    "result": result,
                    "winner": result.body["winner"] if result else None,
                    "experts": result.body.get("experts", []) if result else [],
                    "report": reports.get(lot.id),
                    "leaf": placed if result else first,
                }
            )
    return found


@panel("tender", "result", marked("Candidates and result"), order=60)
def result_panel(session: Session, subject: Any, actor: Actor) -> Filling:
    """Candidates during their publicity, then the result, each with its proof and how to check it."""
    lots = published_lots(session, subject)
    if not lots:
        return None
    named = (bid["bidder"] for one in lots for bid in (*one.get("candidates", ()), *one.get("rejected", ())))
    return "evaluation/_result_panel.html", {
        "tender": subject,
        "lots": lots,
        "english": english_names(session, named),
        "count": len(lots),
        "base_url": platform().settings.base_url,
        "bidder": actor.has(Role.BIDDER),
        "now": platform().outside.clock.now(),
    }


@panel("tender-rail", "panel", order=60)
def door_panel(session: Session, subject: Any, actor: Actor) -> Filling:
    """The way in for members, and the desk for the buyer."""
    found = panel_of(session, subject.id)
    if found is None:
        return None
    seat = next((m for m in committed(found) if actor.person_id and m.person_id == actor.person_id), None)
    runs = runs_tender(actor, subject) and found.state != "frozen"
    reads = actor.has(Role.SUPERVISOR) and found.state != "frozen"
    if seat is None and not runs and not reads:
        return None
    return "evaluation/_door_panel.html", {
        "tender": subject,
        "state": found.state,
        "seat": seat,
        "runs": runs,
        "reads": reads,
    }


@panel("desk", "seats", order=30)
def duty_panel(session: Session, subject: Any, actor: Actor) -> Filling:
    """What a member still owes his panels; an expert sees it when it is nothing, too."""
    if actor.person_id is None:
        return None
    seats = [one for one in queries.my_seats(session, actor.person_id) if one.due not in ("nothing", "wait")]
    shown = seats or actor.has(Role.EXPERT)
    return ("evaluation/_duty_panel.html", {"seats": seats}) if shown else None


@panel("wizard-terms", "experts", order=20)
def roster_panel(session: Session, tender: Any, _actor: Actor) -> Filling:
    """For who prepares a tender: the specialties of the roster and how many may be drawn, so that none is guessed."""
    terms = parse_terms(tender.terms)
    if not terms.has_panel:
        return None
    wanted = terms.panel.seats - terms.panel.buyer_seats
    counts = specialties_for(session, tender)
    return "evaluation/panel_experts.html", {
        "counts": sorted(counts.items()),
        "chosen": terms.panel.specialty,
        "found": counts.get(terms.panel.specialty, 0),
        "wanted": wanted,
    }


PANELS = (result_panel, door_panel, duty_panel, roster_panel)
