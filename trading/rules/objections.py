"""Objections (异议) and challenges (质疑): who may, until when, and what stands still meanwhile.

Nothing that arrives is dropped: a late one is accepted and marked out of time.

Source: rules.md §1.2 (T-106…T-112), §1.3 (T-230, T-231).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from kernel.calendar import Calendar, end_of_day, local_date
from kernel.errors import NotAllowed, NotNow, NotValid
from kernel.rulebook import Rulebook
from trading.rules.dues import Due, due


class Matter(StrEnum):
    """What is objected to."""

    PREQUALIFICATION = "prequalification"
    DOCUMENTS = "documents"
    OPENING = "opening"
    PROCESS = "process"
    RESULT = "result"


class Standing(StrEnum):
    """What ties the objector to the tender."""

    BIDDER = "bidder"  # delivered a bid
    PROSPECT = "prospect"  # took the documents
    INTERESTED = "interested"  # another person whose interest the matter touches
    NONE = "none"


class Effect(StrEnum):
    """What an open objection does to the lot."""

    SUSPEND = "suspend"  # everything stands still until it is answered
    HOLD_CONTRACT = "hold_contract"  # no contract may be signed
    HOLD_SESSION = "hold_session"  # the opening session may not be closed
    NONE = "none"


_CONSTRUCTION = {
    Matter.PREQUALIFICATION: {Standing.BIDDER, Standing.PROSPECT, Standing.INTERESTED},
    Matter.DOCUMENTS: {Standing.BIDDER, Standing.PROSPECT, Standing.INTERESTED},
    Matter.OPENING: {Standing.BIDDER},
    Matter.PROCESS: {Standing.BIDDER, Standing.INTERESTED},
    Matter.RESULT: {Standing.BIDDER, Standing.INTERESTED},
}
_PROCUREMENT = {
    Matter.PREQUALIFICATION: {Standing.BIDDER, Standing.PROSPECT},
    Matter.DOCUMENTS: {Standing.BIDDER, Standing.PROSPECT},
    Matter.OPENING: {Standing.BIDDER},
    Matter.PROCESS: {Standing.BIDDER},
    Matter.RESULT: {Standing.BIDDER},
}


@dataclass(frozen=True, slots=True)
class Window:
    """Until when an objection is in time: before ``ends_at``, 24:00 of ``last_day`` or a session's end."""

    rule: str
    source: str
    last_day: date
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Filing:
    """How an objection is taken: always accepted, in time or not, with the day an answer is due."""

    in_time: bool
    window: Window
    answer: Due
    effect: Effect


def require_standing(law: Rulebook, matter: Matter, standing: Standing) -> None:
    """Refuse an objection from somebody the matter does not touch.

    Raises:
        NotAllowed: ``no_standing``.

    Source: 招标投标法实施条例 第二十二条, 第四十四条, 第五十四条; 政府采购法 第五十二条.
    """
    gp = not law.regime.is_construction
    if standing not in (_PROCUREMENT if gp else _CONSTRUCTION)[matter]:
        source = "政府采购法 第五十二条" if gp else "招标投标法实施条例 第二十二条, 第四十四条, 第五十四条"
        raise NotAllowed("no_standing", source=source, matter=matter.value, standing=standing.value)


def window(
    law: Rulebook,
    matter: Matter,
    *,
    calendar: Calendar,
    closes_at: datetime | None = None,
    anchor_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Window:
    """Until when an objection to ``matter`` is in time.

    Args:
        law: the tender's book.
        matter: what is objected to.
        calendar: to count with.
        closes_at: the deadline the documents (or the prequalification) run towards; construction.
        anchor_at: from when a challenge runs: documents received or the end of their notice period; end of
            the procedural step; end of the result notice period; government procurement.
        ends_at: end of the opening session, or of the candidate publicity.

    Raises:
        NotValid: ``anchor_missing`` when the instant this matter is counted from is not given.

    Source: 招标投标法实施条例 第二十二条, 第四十四条, 第五十四条 (T-106, T-107, T-109, T-112); 政府采购法
    第五十二条, 政府采购法实施条例 第五十三条 (T-230).
    """
    challenge = law.get("challenge_days_max")
    if challenge is not None and matter is not Matter.OPENING:
        start = local_date(_given(anchor_at, matter))
        last_day = calendar.end_of_period(start, challenge.period)
        return Window(challenge.id, challenge.source, last_day, end_of_day(last_day))
    before = {
        Matter.PREQUALIFICATION: "prequalification_objection_days_min",
        Matter.DOCUMENTS: "document_objection_days_min",
    }.get(matter)
    limit = law.get(before) if before else None
    if limit is not None:
        last_day = calendar.at_least_before(local_date(_given(closes_at, matter)), limit.period)
        return Window(limit.id, limit.source, last_day, end_of_day(last_day))
    end = _given(ends_at or closes_at, matter)
    row = {
        Matter.OPENING: "opening_objection_answered_on_the_spot",
        Matter.RESULT: "result_objection_inside_publicity",
    }.get(matter, "")
    fact = law.get(row)
    # A session's or a publicity's own end is the bound; regimes without a row take the printed end.
    return Window(
        fact.id if fact else "printed", fact.source if fact else "rules.md §1.2", local_date(end), end
    )


def file(law: Rulebook, matter: Matter, until: Window, filed_at: datetime, *, calendar: Calendar) -> Filing:
    """Take an objection: in time or marked out of time, answer due, and what stands still.

    Construction: one in time against documents or result suspends the lot until it is answered; one at
    the opening is answered on the spot and keeps the session open. Government procurement: one that may
    touch the result holds the contract. One out of time holds nothing.

    Source: 招标投标法实施条例 第二十二条, 第四十四条, 第五十四条 (T-108, T-109);
    政府采购法 第五十三条 (T-231); 政府采购法实施条例 第五十四条.
    """
    answer = due(law, "objection_answer_days_max", filed_at, calendar=calendar)
    if answer is None:
        raise NotValid("no_objections_in_regime", source="rules.md §1.2", regime=law.regime.value)
    in_time = filed_at < until.ends_at
    return Filing(in_time, until, answer, effect(law, matter, in_time=in_time))


def effect(law: Rulebook, matter: Matter, *, in_time: bool) -> Effect:
    """What an open objection to ``matter`` does. Source: as ``file``."""
    if not in_time:
        return Effect.NONE
    if matter is Matter.OPENING:
        return Effect.HOLD_SESSION
    if "challenge_days_max" not in law:
        return Effect.SUSPEND
    return Effect.HOLD_CONTRACT if matter in {Matter.PROCESS, Matter.RESULT} else Effect.NONE


def require_no_open_objection(open_objections: int, *, source: str = "招标投标法实施条例 第五十四条") -> None:
    """Refuse to go on to the award while an objection that holds the lot is open.

    Raises:
        NotNow: ``objection_open``.

    Source: 招标投标法实施条例 第五十四条; rules.md LC-04.
    """
    if open_objections:
        raise NotNow("objection_open", source=source, open=open_objections)


def _given(instant: datetime | None, matter: Matter) -> datetime:
    if instant is None:
        raise NotValid("anchor_missing", source="政府采购法实施条例 第五十三条", matter=matter.value)
    return instant
