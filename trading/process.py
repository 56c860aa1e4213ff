"""The life of one tender as its page shows it: dates, the law's periods beside them, and where it stands now.

Pure: values in, values out; the numbers come from the edition the tender froze.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from kernel.calendar import Calendar, Verdict, end_of_day, local_date
from kernel.rulebook import Limit, Rulebook
from trading.procedures import OPEN, Procedure
from trading.rules.lifecycle import Stage
from trading.rules.timetable import Plan, check_timetable

ORDER = (Stage.TENDERING, Stage.OPENING, Stage.EVALUATION, Stage.STANDSTILL, Stage.AWARDED, Stage.CONTRACTED)


@dataclass(frozen=True)
class Term:
    """A statutory period as a page writes it: ``≥ 20`` natural days (``N``) or working days (``W``)."""

    op: str
    days: int
    unit: str

    @classmethod
    def of(cls, limit: Limit) -> Term:
        return cls({">=": "≥", "<=": "≤"}.get(limit.op.value, limit.op.value), limit.count, limit.unit.value)


@dataclass(frozen=True)
class Step:
    """One step of the process.

    Attributes:
        key: what it is; the words stand in the template.
        state: ``done``, ``now`` or ``next``.
        at, until: its instant, or first and last.
        term: the statutory period, or None; ``rule`` its row and ``source`` its article.
        actual: days it really takes, in the unit of the term.
        light: ``g``, ``y`` or ``r`` for the actual value.
    """

    key: str
    state: str
    at: datetime | None
    until: datetime | None = None
    term: Term | None = None
    rule: str = ""
    source: str = ""
    actual: int | None = None
    light: str = "g"


@dataclass(frozen=True)
class LotState:
    """What decides where a lot stands."""

    stage: Stage
    standstill_until_at: datetime | None = None
    awarded_at: datetime | None = None


def standing(
    lots: Iterable[LotState],
    *,
    bids_close_at: datetime,
    now: datetime,
    published: bool,
    suspended: bool,
    terminated: bool,
) -> str:
    """The one word for a tender: a key of ``trading.words.STAGES``. The least advanced living lot decides."""
    stages = [lot.stage for lot in lots]
    if terminated:
        return "terminated"
    if not published:
        return "draft"
    if suspended:
        return "suspended"
    living = [stage for stage in ORDER if stage in stages]
    if not living:
        return "terminated" if stages and all(stage is Stage.TERMINATED for stage in stages) else "failed"
    if living[0] is Stage.TENDERING and now >= bids_close_at:
        return "closed"
    return living[0].value


def objections_until(
    law: Rulebook, bids_close_at: datetime, documents_until_at: datetime, calendar: Calendar
) -> datetime | None:
    """Until when the tender documents can be objected to; None where the regime has no such row.

    Source: 招标投标法实施条例 第二十二条 (T-107); 政府采购法实施条例 第五十三条 (T-230).
    """
    if limit := law.get("document_objection_days_min"):
        return end_of_day(calendar.at_least_before(local_date(bids_close_at), limit.period))
    if limit := law.get("challenge_days_max"):
        return calendar.closes_at(local_date(documents_until_at), limit.period)
    return None


def steps(
    law: Rulebook,
    plan: Plan,
    lots: list[LotState],
    *,
    now: datetime,
    calendar: Calendar,
    procedure: Procedure = OPEN,
) -> list[Step]:
    """The process of a tender from its notice to its contract, with the law's periods.

    Source: 招标投标法 第二十三条, 第二十四条, 第四十六条; 实施条例 第十六条, 第二十二条, 第五十四条.
    """
    verdicts = {
        result.field: {Verdict.OK: "g", Verdict.WARN: "y", Verdict.BLOCK: "r"}[result.verdict]
        for result in check_timetable(law, plan, calendar=calendar, procedure=procedure)
        if result.rule != "order"
    }
    found = [Step("notice", "", plan.published_at)]

    def span(key: str, name: str, field: str, start: datetime, end: datetime, *, at: datetime) -> None:
        limit = law.get(name)
        if limit is None:
            found.append(Step(key, "", at, end))
            return
        unit = limit.period.unit
        days = calendar.days_between(local_date(start), local_date(end), unit)
        light = verdicts.get(field, "g")
        found.append(Step(key, "", at, end, Term.of(limit), limit.id, limit.source, days, light))

    issued = plan.documents_from_at
    span("documents", procedure.documents, "documents_until_at", issued, plan.documents_until_at, at=issued)
    if limit := law.get(procedure.clarification):
        last = calendar.at_least_before(local_date(plan.bids_close_at), limit.period)
        if last >= local_date(plan.published_at):
            found.append(
                Step("clarifications", "", end_of_day(last), None, Term.of(limit), limit.id, limit.source)
            )
    until = objections_until(law, plan.bids_close_at, plan.documents_until_at, calendar)
    if until is not None and until > plan.published_at:
        limit = law.get("document_objection_days_min") or law["challenge_days_max"]
        found.append(Step("objections", "", until, None, Term.of(limit), limit.id, limit.source))
    close = plan.bids_close_at
    span("close", procedure.tendering, "bids_close_at", issued, close, at=close)
    found.sort(key=lambda step: step.at or close)
    found.append(_standstill(law, lots, calendar))
    found.append(_contract(law, lots))
    return _states(found, lots, now)


def _standstill(law: Rulebook, lots: list[LotState], calendar: Calendar) -> Step:
    ends = [lot.standstill_until_at for lot in lots if lot.standstill_until_at is not None]
    limit = law.get("candidate_publicity_days_min") or law.get("result_notice_period_days")
    until = max(ends) if ends else None
    if limit is None:
        return Step("standstill", "", None, until)
    return Step("standstill", "", None, until, Term.of(limit), limit.id, limit.source)


def _contract(law: Rulebook, lots: list[LotState]) -> Step:
    limit = law.get("contract_days_max")
    awarded = [lot.awarded_at for lot in lots if lot.awarded_at is not None]
    at = max(awarded) if awarded else None
    if limit is None:
        return Step("contract", "", at)
    return Step("contract", "", at, None, Term.of(limit), limit.id, limit.source)


def _states(found: list[Step], lots: list[LotState], now: datetime) -> list[Step]:
    reached = max((ORDER.index(lot.stage) for lot in lots if lot.stage in ORDER), default=-1)
    done: list[bool] = []
    for step in found:
        if step.key == "standstill":
            done.append(reached >= ORDER.index(Stage.AWARDED))
        elif step.key == "contract":
            done.append(reached >= ORDER.index(Stage.CONTRACTED))
        elif step.key == "documents":
            done.append(step.until is not None and now >= step.until)
        else:
            done.append(step.at is not None and now >= step.at)
    shown, current = [], True
    for step, over in zip(found, done, strict=True):
        state = "done" if over else "now" if current else "next"
        current = current and over
        shown.append(Step(**{**step.__dict__, "state": state}))
    return shown


def day(at: datetime | None) -> date | None:
    return local_date(at) if at is not None else None
