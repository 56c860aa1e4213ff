"""Drawing experts: a frozen pool, an order that a verifiable draw gives, and seats filled down that order.

The order comes from outside (``sealbid.draw.select`` over the frozen pool); a refusal or an illness is the
next place of the same order, never a new draw.

Source: rules.md §2.9, §7.1 (V-02…V-05), §7.5; 招标投标法实施条例 第四十六条; 政府采购法实施条例 第三十九条.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from evaluation.rules.panel import Panelist, Seat, conflicts
from kernel.calendar import Calendar, local_date
from kernel.errors import Caution, NotValid
from kernel.rulebook import Rulebook, Unit

_SOURCE = "招标投标法实施条例 第四十六条; 政府采购法实施条例 第三十九条"


@dataclass(frozen=True, slots=True)
class Expert:
    """One entry of the roster.

    Attributes:
        expert_id: stable id, the same as the panelist's ``person_id``.
        specialties: codes of the national classification.
        region: region code.
        active: not pending, suspended or retired.
        employer_id, past, kin, supervises, years: as for a ``Panelist``.
        served_buyer_on: last day he sat for this buyer, for a printed cool-down.
    """

    expert_id: str
    specialties: AbstractSet[str]
    region: str
    active: bool = True
    employer_id: str | None = None
    past: Mapping[str, date] = field(default_factory=dict)
    kin: AbstractSet[str] = frozenset()
    supervises: bool = False
    years: int | None = None
    served_buyer_on: date | None = None

    def panelist(self) -> Panelist:
        """The expert as one who would sit."""
        return Panelist(
            self.expert_id,
            Seat.EXPERT,
            self.employer_id,
            past=self.past,
            kin=self.kin,
            supervises=self.supervises,
            years=self.years,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn.

    Attributes:
        seats: experts needed.
        specialty: the code they need.
        home_region: region of the project.
        non_local_min: how many of them must come from elsewhere.
        cool_down_days: days since an expert last sat for this buyer, 0 for none; printed in the plan.
        spare: how many more than ``seats`` the pool must hold at least, for refusals.
    """

    seats: int
    specialty: str
    home_region: str
    non_local_min: int = 0
    cool_down_days: int = 0
    spare: int = 0


class Answer(StrEnum):
    """What somebody invited said."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    AVOIDS = "avoids"
    LEFT = "left"


def pool(
    experts: Iterable[Expert], plan: Plan, avoid: AbstractSet[str], law: Rulebook, *, on: date
) -> list[Expert]:
    """The experts who may be drawn, by id: active, of the specialty, free of ties, qualified, cooled down.

    Args:
        experts: the roster.
        plan: what is drawn.
        avoid: organizations whose people must avoid: bidders, the buyer and its agent.
        law: the tender's book.
        on: the date of the evaluation.

    Raises:
        NotValid: ``pool_too_small``, ``too_few_non_locals``; both with counts and without names.

    Source: 招标投标法 第三十七条; 招标投标法实施条例 第四十六条; 政府采购法实施条例 第九条, 第三十九条; V-05.
    """
    least_years = law.get("expert_years_min")
    chosen = []
    for expert in sorted(experts, key=lambda one: one.expert_id):
        if not expert.active or plan.specialty not in expert.specialties:
            continue
        if conflicts([expert.panelist()], avoid, law, on=on):
            continue
        if least_years is not None and (expert.years is None or expert.years < least_years.count):
            continue
        last = expert.served_buyer_on
        if plan.cool_down_days and last is not None and (on - last).days < plan.cool_down_days:
            continue
        chosen.append(expert)
    if len(chosen) < plan.seats + plan.spare:
        raise NotValid("pool_too_small", source=_SOURCE, found=len(chosen), needed=plan.seats + plan.spare)
    elsewhere = sum(expert.region != plan.home_region for expert in chosen)
    if elsewhere < plan.non_local_min:
        raise NotValid(
            "too_few_non_locals", source="rules.md V-02", found=elsewhere, needed=plan.non_local_min
        )
    return chosen


def next_to_invite(
    order: Sequence[str],
    regions: Mapping[str, str],
    plan: Plan,
    answers: Mapping[str, Answer | None],
) -> list[str]:
    """Whom to invite now: the first of the drawn order that still fit, as many as seats are open.

    Args:
        order: the drawn order of the whole pool, fixed once.
        regions: region of every expert in it.
        plan: what is drawn.
        answers: what those already invited said; None when they have not answered yet.

    Invited and accepted experts keep their seats. A local is passed by while the seats left are needed
    for non-locals. The result depends on nothing but the order and the answers, so anybody can repeat it.

    Raises:
        NotValid: ``pool_exhausted`` when the order cannot fill the seats; ``not_drawn`` for an answer from
            somebody outside the order.

    Source: 招标投标法实施条例 第四十六条, 第四十八条; rules.md §7.5.
    """
    if strange := sorted(answers.keys() - set(order)):
        raise NotValid("not_drawn", source=_SOURCE, count=len(strange))
    holding = [one for one in order if one in answers and answers[one] in {None, Answer.ACCEPTED}]
    open_seats = plan.seats - len(holding)
    missing = plan.non_local_min - sum(regions[one] != plan.home_region for one in holding)
    invited: list[str] = []
    for one in order:
        if len(invited) >= open_seats:
            break
        if one in answers:
            continue
        is_local = regions[one] == plan.home_region
        if is_local and open_seats - len(invited) <= missing:
            continue
        missing -= not is_local
        invited.append(one)
    if len(invited) < open_seats:
        raise NotValid("pool_exhausted", source=_SOURCE, found=len(invited), needed=open_seats)
    return invited


def require_late_draw(
    law: Rulebook, *, drawn_at: datetime, evaluation_at: datetime, calendar: Calendar
) -> tuple[Caution, ...]:
    """Refuse or caution when experts are drawn too long before the evaluation.

    Raises:
        NotValid: ``drawn_too_early`` where the row blocks, ``draw_after_evaluation`` always.

    Source: 重庆市招标投标条例 (T-122); 财库〔2016〕198号; rules.md V-03.
    """
    if drawn_at > evaluation_at:
        raise NotValid("draw_after_evaluation", source=_SOURCE, field="drawn_at")
    cautions = []
    for name in ("draw_lead_hours_max", "draw_lead_days_max"):
        limit = law.get(name)
        if limit is None:
            continue
        if limit.unit is Unit.HOURS:
            early = evaluation_at - drawn_at > limit.duration
        else:
            early = calendar.add_working_days(local_date(drawn_at), limit.count) < local_date(evaluation_at)
        if early:
            cautions.append(limit.object_to("drawn_too_early", field="drawn_at", most=limit.count))
    return tuple(cautions)
