"""What a tender waits for, and how near the end of each term is.

Source: rules.md §1.2, §6.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from supervision.rules.lights import Colour, Watched
from trading.rules.dues import Due, due
from trading.rules.lifecycle import Stage


@dataclass(frozen=True)
class Clock:
    """Something a tender waits for; ``what`` is a key of ``words.CLOCKS``."""

    what: str
    key: str
    due_at: datetime
    source: str
    light: Colour


def clocks(w: Watched, now: datetime) -> list[Clock]:
    """What is due, nearest first: bids, answers, candidates, the end of publicity, the contract."""
    found: list[Clock] = []
    if now < w.bids_close_at and any(lot.stage is Stage.TENDERING for lot in w.lots):
        limit = w.law.get(w.tendering_row)
        found.append(
            Clock("bids_close", "tender", w.bids_close_at, limit.source if limit else "", Colour.GREEN)
        )
    for one in w.objections:
        if one.answered_at is None:
            _clock(
                found,
                "objection_answer",
                one.key,
                due(w.law, "objection_answer_days_max", one.filed_at, calendar=w.calendar),
                now,
            )
    for lot in w.lots:
        key = f"lot-{lot.number}"
        if lot.reported_at and lot.stage is Stage.EVALUATION:
            for row in ("candidate_publication_days_max", "buyer_decision_days_max"):
                _clock(found, row, key, due(w.law, row, lot.reported_at, calendar=w.calendar), now)
        if lot.stage is Stage.STANDSTILL and lot.publicity_until_at:
            row_of = w.law.get("candidate_publicity_days_min") or w.law.get("result_notice_period_days")
            found.append(
                Clock(
                    "publicity_end",
                    key,
                    lot.publicity_until_at,
                    row_of.source if row_of else "",
                    Colour.GREEN,
                )
            )
        if lot.stage is Stage.AWARDED and lot.awarded_at:
            _clock(
                found,
                "contract",
                key,
                due(w.law, "contract_days_max", lot.awarded_at, calendar=w.calendar),
                now,
            )
        if lot.stage is Stage.CONTRACTED and lot.contracted_at and lot.filed_at is None:
            row = "contract_filing_days_max"
            _clock(found, row, key, due(w.law, row, lot.contracted_at, calendar=w.calendar), now)
    return sorted(found, key=lambda clock: clock.due_at)


def _clock(found: list[Clock], what: str, key: str, term: Due | None, now: datetime) -> None:
    if term is not None:
        found.append(Clock(what, key, term.due_at, term.source, Colour(term.light(now) or "green")))
