"""Members who are absent without leave: when a panel has stood still too long, whoever owes it work makes room.

Source: 实施条例 第四十八条 (a member who leaves his post is replaced in time; his successor redoes all).
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from evaluation import facts
from evaluation.actions.panels import committed, replace_absent
from evaluation.models import Panel
from kernel.ledger.models import FactRow
from kernel.work import Work
from trading.actions.notices import law_of
from trading.models import Tender


def judge_absence(work: Work, tender: Tender, panel: Panel) -> None:
    """The timekeeper's call, while a panel reviews or scores and its time is over.

    The time starts again from the last deed of anybody in this evaluation, while the tender stands still, and where
    nobody of the panel owes a deed (a bidder's explanation may be awaited).
    """
    hours = law_of(tender, work.now)["panel_work_hours"].duration
    last = _last_deed(work, tender)
    if tender.suspended_at is None and last + hours <= work.now:
        from evaluation.queries import owes_work

        idle = [one for one in committed(panel) if owes_work(work.session, one, panel, tender)]
        if idle:
            replace_absent(work, tender, panel, idle, "did nothing in time")
            return
        last = work.now
    panel.working_until_at = (work.now if tender.suspended_at is not None else last) + hours
    panel.version += 1
    work.record(
        facts.PanelTimeMoved(
            subject=tender.id, tender=tender.code, panel=panel.id, until_at=panel.working_until_at
        )
    )


def _last_deed(work: Work, tender: Tender) -> datetime:
    """When a person last did anything in the evaluation of this tender."""
    found = work.session.scalar(
        sa.select(sa.func.max(FactRow.at)).where(
            FactRow.tender == tender.code,
            FactRow.name.startswith("evaluation."),
            FactRow.person_id.is_not(None),
        )
    )
    assert found is not None, "members accepted their seats"
    return found
