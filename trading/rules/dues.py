"""What starts to run with an event, when it is over, and what waits for it.

Source: rules.md §1.2, §1.3, §6.2 (SX-04…SX-13).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from kernel.calendar import Calendar, Period, local_date, start_of_day
from kernel.errors import NotNow
from kernel.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Due:
    """When something is due.

    Attributes:
        rule, name, source, severity: of the row.
        last_day: the last day, Shanghai.
        due_at: 24:00 of it; at that instant it is too late.
        yellow_at: when the light turns yellow, None where no early warning is kept.
        calendar, provisional: how it was counted.
    """

    rule: str
    name: str
    source: str
    severity: str
    last_day: date
    due_at: datetime
    yellow_at: datetime | None
    calendar: tuple[str, ...]
    provisional: bool

    def light(self, now: datetime) -> str | None:
        """None, ``yellow`` or ``red`` for something still undone at ``now``. Source: rules.md §6.2."""
        if now >= self.due_at:
            return "red"
        return "yellow" if self.yellow_at is not None and now >= self.yellow_at else None


AFTER: Mapping[str, tuple[str, ...]] = {
    "report_received": ("candidate_publication_days_max", "buyer_decision_days_max"),
    "evaluation_ended": ("report_days_max",),
    "award_decided": ("supervisor_report_days_max", "result_notice_days_max", "award_letter_days_max"),
    "award_letter_sent": ("contract_days_max", "non_candidate_refund_days_max"),
    "contract_signed": ("bond_refund_days_max", "contract_publication_days_max", "contract_filing_days_max"),
    "objection_received": ("objection_answer_days_max",),
    "inquiry_received": ("inquiry_answer_days_max",),
    "bid_withdrawn": ("withdrawn_bond_refund_days_max",),
    "answer_due_passed": ("complaint_days_max",),
    "complaint_received": ("complaint_acceptance_days_max",),
    "complaint_accepted": ("complaint_decision_days_max",),
}
"""Which rows start to run with which event; rows the regime lacks do not run."""

# SX-04…SX-12: on which day after the event a light turns yellow.
_YELLOW_DAY = {
    "objection_answer_days_max": {"N": 2, "W": 5},
    "candidate_publication_days_max": {"N": 2},
    "result_notice_days_max": {"W": 1},
    "contract_days_max": {"N": 20},
    "contract_publication_days_max": {"W": 1},
    "contract_filing_days_max": {"W": 4},
    "bond_refund_days_max": {"N": 3, "W": 3},
    "withdrawn_bond_refund_days_max": {"N": 3},
    "non_candidate_refund_days_max": {"N": 3},
    "supervisor_report_days_max": {"N": 12},
}


def due(law: Rulebook, name: str, from_at: datetime, *, calendar: Calendar) -> Due | None:
    """When the period of row ``name`` that starts with ``from_at`` is over; None without such a row.

    A last day of rest moves to the next working day (C-02).

    Source: 民法典 第二百零一条, 第二百零三条; T-108…T-120, T-221…T-233.
    """
    limit = law.get(name)
    if limit is None:
        return None
    start = local_date(from_at)
    last_day = calendar.end_of_period(start, limit.period)
    yellow = _YELLOW_DAY.get(name, {}).get(limit.unit.value)
    yellow_from = calendar.earliest_after(start, Period(yellow, limit.period.unit)) if yellow else None
    return Due(
        rule=limit.id,
        name=name,
        source=limit.source,
        severity=limit.severity.value,
        last_day=last_day,
        due_at=calendar.closes_at(start, limit.period),
        yellow_at=start_of_day(yellow_from) if yellow_from else None,
        calendar=calendar.versions(start, last_day),
        provisional=calendar.is_provisional(start, last_day),
    )


def dues_after(law: Rulebook, event: str, at: datetime, *, calendar: Calendar) -> list[Due]:
    """Everything that starts to run with ``event``, a key of ``AFTER``. Raises KeyError for another name."""
    found = (due(law, name, at, calendar=calendar) for name in AFTER[event])
    return [one for one in found if one is not None]


def standstill(law: Rulebook, published_at: datetime, *, calendar: Calendar) -> Due | None:
    """How long candidates or the result stay published before anything may follow.

    Construction and small works: candidate publicity. Government procurement: the result notice period.

    Source: 招标投标法实施条例 第五十四条 (T-111); T-224.
    """
    for name in ("candidate_publicity_days_min", "result_notice_period_days"):
        if found := due(law, name, published_at, calendar=calendar):
            return found
    return None


def require_standstill_over(ends_at: datetime, now: datetime, *, source: str) -> None:
    """Refuse to settle an award while the publicity still runs.

    Raises:
        NotNow: ``standstill_running``.

    Source: 招标投标法实施条例 第五十四条 (T-111).
    """
    if now < ends_at:
        raise NotNow("standstill_running", source=source, ends_at=ends_at)
