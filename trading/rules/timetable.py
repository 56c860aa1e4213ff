"""The dates of a tender against the periods of law, before anything is published.

Every check says which row it used, the bound, what the plan says, and the earliest lawful date, so that
one press repairs a plan. The numbers come from the rulebook; this module holds only their shape.

Source: rules.md §0.2 (C-01…C-05), §1.2, §1.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kernel.calendar import Calendar, Verdict, end_of_day, is_in_time, local, local_date
from kernel.errors import Caution, NotValid
from kernel.rulebook import Limit, Rulebook
from trading.procedures import OPEN, Procedure


@dataclass(frozen=True, slots=True)
class Prequalification:
    """The dates of a prequalification: how long its documents are handed out, when applications close."""

    documents_until_at: datetime
    applications_close_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """The dates a notice would print, all aware instants.

    Attributes:
        published_at: when the notice would appear.
        documents_from_at, documents_until_at: when documents are available; they are issued from the first.
        bids_close_at, opens_at: deadline and opening.
        validity_days: how long bids bind, from the deadline.
        bond_validity_days: how long the bond binds; None when no bond is asked.
        objections_until_at: the printed end for objections to the documents, None when none is printed.
        notice_until_at: the printed end of the notice period, None when none is printed.
        prequalification: its dates, or None.
    """

    published_at: datetime
    documents_from_at: datetime
    documents_until_at: datetime
    bids_close_at: datetime
    opens_at: datetime
    validity_days: int
    bond_validity_days: int | None = None
    objections_until_at: datetime | None = None
    notice_until_at: datetime | None = None
    prequalification: Prequalification | None = None


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one row says about one date of the plan.

    Attributes:
        rule: row id, or ``order`` for the plain order of events.
        code: what to say when the verdict is not OK.
        field: the date to change.
        verdict: OK, WARN or BLOCK, with the severity of the row taken in.
        source: the article.
        bound: the statutory bound as a date, None where the rule has none.
        actual: the date the plan says.
        earliest: an instant that would be lawful without a warning; for one-press repair.
        calendar: versions of the calendar years that were counted with.
        provisional: a year among them still waits for its notice.
    """

    rule: str
    code: str
    field: str
    verdict: Verdict
    source: str
    bound: date | None
    actual: date
    earliest: datetime | None
    calendar: tuple[str, ...] = ()
    provisional: bool = False

    def told(self) -> Mapping[str, object]:
        """The result as plain values for a refusal, a caution or a page."""
        return {
            "rule": self.rule,
            "code": self.code,
            "field": self.field,
            "verdict": self.verdict.value,
            "source": self.source,
            "bound": self.bound.isoformat() if self.bound else None,
            "actual": self.actual.isoformat(),
            "earliest": self.earliest.isoformat() if self.earliest else None,
            "calendar": list(self.calendar),
            "provisional": self.provisional,
        }


def check_timetable(
    law: Rulebook, plan: Plan, *, calendar: Calendar, procedure: Procedure = OPEN
) -> list[RuleResult]:
    """Every date of ``plan`` against every row that speaks about it, in the order a person reads a notice.

    Source: 招标投标法 第二十四条, 第三十四条; 招标投标法实施条例 第十六条, 第十七条, 第二十五条, 第二十六条;
    政府采购法 第三十五条; 政府采购法实施条例 第三十一条 (T-101…T-103, T-107, T-121, T-201…T-205).
    """
    results = _order(plan)
    spans = [
        (procedure.documents, "documents_until_at", plan.documents_from_at, plan.documents_until_at),
        (procedure.tendering, "bids_close_at", plan.documents_from_at, plan.bids_close_at),
    ]
    if plan.notice_until_at is not None:
        spans.append(("notice_period_days", "notice_until_at", plan.published_at, plan.notice_until_at))
    if stage := plan.prequalification:
        spans.append(
            (
                "prequalification_days_min",
                "applications_close_at",
                # GP counts from the notice, construction from the end of the document issue: T-205, T-103.
                stage.documents_until_at if law.regime.is_construction else plan.published_at,
                stage.applications_close_at,
            )
        )
    for name, field, start, end in spans:
        if limit := law.get(name):
            results.append(check_span(limit, field, start, end, calendar=calendar))
    if plan.objections_until_at is not None and (limit := law.get("document_objection_days_min")):
        results.append(_objections_end(limit, plan.objections_until_at, plan.bids_close_at, calendar))
    if plan.bond_validity_days is not None and (limit := law.get("bid_validity_from_deadline")):
        results.append(_bond_validity(limit, plan))
    return results


def require_lawful_timetable(
    law: Rulebook, plan: Plan, *, calendar: Calendar, procedure: Procedure = OPEN
) -> tuple[Caution, ...]:
    """Refuse a plan that a blocking row forbids; hand back the warnings of one that may go out.

    Raises:
        NotValid: ``unlawful_timetable``; ``details["rules"]`` lists every result that is not OK, each with
            its bound and the earliest lawful date.

    Source: as ``check_timetable``.
    """
    found = [
        result
        for result in check_timetable(law, plan, calendar=calendar, procedure=procedure)
        if result.verdict is not Verdict.OK
    ]
    blocked = [result for result in found if result.verdict is Verdict.BLOCK]
    if blocked:
        raise NotValid(
            "unlawful_timetable",
            source="; ".join(dict.fromkeys(result.source for result in blocked)),
            field=blocked[0].field,
            rules=[result.told() for result in found],
        )
    return tuple(Caution(result.code, result.source, result.told()) for result in found)


def repaired(
    law: Rulebook, plan: Plan, *, calendar: Calendar, procedure: Procedure = OPEN
) -> Mapping[str, datetime]:
    """The dates to change, by field, so that nothing is refused or warned about; later dates only.

    Moving the deadline moves the opening with it. Bond validity is a number, not a date, and is not repaired.
    """
    changes: dict[str, datetime] = {}
    for result in check_timetable(law, plan, calendar=calendar, procedure=procedure):
        if result.verdict is Verdict.OK or result.earliest is None:
            continue
        standing = changes.get(result.field)
        changes[result.field] = max(result.earliest, standing) if standing else result.earliest
    closes_at = max(
        changes.get("bids_close_at", plan.bids_close_at),
        changes.get("documents_until_at", plan.bids_close_at),
    )
    if closes_at != plan.bids_close_at:
        changes["bids_close_at"] = closes_at
    if "opens_at" in changes or "bids_close_at" in changes:
        changes["opens_at"] = closes_at
    return changes


def check_span(limit: Limit, field: str, start: datetime, end: datetime, *, calendar: Calendar) -> RuleResult:
    """Judge "not less than ``limit`` from ``start`` to ``end``" and name the earliest lawful ``end``.

    The earliest end keeps the planned time of day, unless that is earlier than the time of ``start``: then
    it takes that, so that the repair draws no warning either (C-05).
    """
    began, ends = local(start), local(end)
    bound = calendar.earliest_after(began.date(), limit.period)
    verdict = softened(limit, calendar.judge_span(start, end, limit.period))
    clock = max(began.timetz(), ends.timetz())
    return RuleResult(
        rule=limit.id,
        code="last_day_too_short" if verdict is Verdict.WARN and ends.date() >= bound else "period_too_short",
        field=field,
        verdict=verdict,
        source=limit.source,
        bound=bound,
        actual=ends.date(),
        earliest=datetime.combine(bound, clock).astimezone(end.tzinfo),
        calendar=calendar.versions(began.date(), bound),
        provisional=limit.unit == "W" and calendar.is_provisional(began.date(), bound),
    )


def check_clarification(
    law: Rulebook,
    *,
    issued_at: datetime,
    bids_close_at: datetime,
    affects_bids: bool,
    calendar: Calendar,
    procedure: Procedure = OPEN,
) -> RuleResult | None:
    """Judge a clarification or amendment issued before the deadline; None when it cannot affect bids.

    ``bound`` is the last date it could lawfully have been issued without moving the deadline, ``earliest``
    the new deadline to propose when it comes later.

    Source: 招标投标法 第二十三条; 招标投标法实施条例 第二十一条; 政府采购法实施条例 第三十一条
    (T-104, T-204).
    """
    limit = law.get(procedure.clarification)
    if not affects_bids or limit is None:
        return None
    span = check_span(limit, "bids_close_at", issued_at, bids_close_at, calendar=calendar)
    latest = calendar.at_least_before(local_date(bids_close_at), limit.period)
    # "n days before" compares dates (C-04); the time of day is no reason to move a deadline.
    in_time = local_date(issued_at) <= latest
    return RuleResult(
        rule=limit.id,
        code="clarification_too_late",
        field="bids_close_at",
        verdict=Verdict.OK if in_time else softened(limit, Verdict.BLOCK),
        source=limit.source,
        bound=latest,
        actual=local_date(issued_at),
        earliest=bids_close_at if in_time else span.earliest,
        calendar=span.calendar,
        provisional=span.provisional,
    )


def require_timely_clarification(
    law: Rulebook,
    *,
    issued_at: datetime,
    bids_close_at: datetime,
    affects_bids: bool,
    calendar: Calendar,
    procedure: Procedure = OPEN,
) -> tuple[Caution, ...]:
    """Refuse a clarification that comes too late for the deadline it names (the new one, if it moves).

    Raises:
        NotValid: ``clarification_too_late``; ``details["earliest"]`` proposes the new deadline.

    Source: as ``check_clarification``.
    """
    result = check_clarification(
        law,
        issued_at=issued_at,
        bids_close_at=bids_close_at,
        affects_bids=affects_bids,
        calendar=calendar,
        procedure=procedure,
    )
    if result is None or result.verdict is Verdict.OK:
        return ()
    told = {name: value for name, value in result.told().items() if name not in {"code", "field", "source"}}
    if result.verdict is Verdict.BLOCK:
        raise NotValid(result.code, source=result.source, field=result.field, **told)
    return (Caution(result.code, result.source, told),)


def softened(limit: Limit, verdict: Verdict) -> Verdict:
    """A BLOCK becomes a WARN where the row does not block: unverified, or lenient in this regime."""
    return Verdict.WARN if verdict is Verdict.BLOCK and not limit.blocks else verdict


def _order(plan: Plan) -> list[RuleResult]:
    """The plain order of events, which no regime relaxes."""
    checks: Sequence[tuple[str, str, bool, datetime, datetime, str]] = (
        (
            "documents_before_notice",
            "documents_from_at",
            plan.documents_from_at >= plan.published_at,
            plan.documents_from_at,
            plan.published_at,
            "招标投标法 第十六条",
        ),
        (
            "documents_end_before_start",
            "documents_until_at",
            plan.documents_until_at > plan.documents_from_at,
            plan.documents_until_at,
            plan.documents_from_at + timedelta(seconds=1),
            "招标投标法实施条例 第十六条",
        ),
        (
            "documents_end_after_deadline",
            "bids_close_at",
            plan.documents_until_at <= plan.bids_close_at,
            plan.bids_close_at,
            plan.documents_until_at,
            "招标投标法 第二十四条",
        ),
        (
            "opening_is_not_the_deadline",
            "opens_at",
            plan.opens_at == plan.bids_close_at,
            plan.opens_at,
            plan.bids_close_at,
            "招标投标法 第三十四条",
        ),
    )
    return [
        RuleResult(
            rule="order",
            code=code,
            field=field,
            verdict=Verdict.OK if sound else Verdict.BLOCK,
            source=source,
            bound=local_date(earliest),
            actual=local_date(actual),
            earliest=earliest,
        )
        for code, field, sound, actual, earliest, source in checks
    ]


def _objections_end(limit: Limit, until_at: datetime, closes_at: datetime, calendar: Calendar) -> RuleResult:
    """A printed end for objections may not cut off the last day the law gives (T-107)."""
    last_day = calendar.at_least_before(local_date(closes_at), limit.period)
    cut = is_in_time(until_at, last_day)
    return RuleResult(
        rule=limit.id,
        code="objection_window_cut",
        field="objections_until_at",
        verdict=Verdict.BLOCK if cut else Verdict.OK,
        source=limit.source,
        bound=last_day,
        actual=local_date(until_at),
        earliest=end_of_day(last_day),
        calendar=calendar.versions(last_day, local_date(closes_at)),
    )


def _bond_validity(limit: Limit, plan: Plan) -> RuleResult:
    """Bid and bond bind equally long, both from the deadline (T-121)."""
    equal = plan.bond_validity_days == plan.validity_days
    last_day = local_date(plan.bids_close_at) + timedelta(days=plan.validity_days)
    bond_last = local_date(plan.bids_close_at) + timedelta(days=plan.bond_validity_days or 0)
    return RuleResult(
        rule=limit.id,
        code="bond_validity_differs",
        field="bond_validity_days",
        verdict=Verdict.OK if equal else softened(limit, Verdict.BLOCK),
        source=limit.source,
        bound=last_day,
        actual=bond_last,
        earliest=None,
    )
