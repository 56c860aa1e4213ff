"""The committee: its size, its shares, and who may not sit on it.

Source: rules.md §2.9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from kernel.errors import Caution, NotNow, NotValid
from kernel.money import Money
from kernel.rulebook import Limit, Rulebook


class Seat(StrEnum):
    """In what capacity somebody sits."""

    EXPERT = "expert"
    BUYER = "buyer"


@dataclass(frozen=True, slots=True)
class Panelist:
    """Somebody who would sit.

    Attributes:
        person_id: stable id.
        seat: expert, or representative of the buyer.
        employer_id: organization he works for now, None when none.
        past: organizations he worked for, directed or held shares of, each with the last day of it.
        kin: organizations headed by his spouse, blood relatives or in-laws.
        supervises: he is staff of a body that supervises this tender.
        years: years of work in the field, None when not recorded.
    """

    person_id: str
    seat: Seat
    employer_id: str | None
    past: Mapping[str, date] = field(default_factory=dict)
    kin: AbstractSet[str] = frozenset()
    supervises: bool = False
    years: int | None = None


class Conflict(StrEnum):
    """Why somebody may not judge a bidder."""

    EMPLOYER = "employer"
    PAST = "past"
    KIN = "kin"
    SUPERVISOR = "supervisor"


def seats_min(
    law: Rulebook, *, amount: Money | None = None, complex_case: bool = False, group: bool = False
) -> Limit:
    """The row for the least number of seats.

    Args:
        law: the tender's book.
        amount: the budget, to tell large procurements; None when it does not matter.
        complex_case: technically complex or socially sensitive procurement.
        group: a negotiation, inquiry or consultation group instead of a tender committee.

    Source: 招标投标法 第三十七条; 政府采购法 第三十八条; 政府采购货物和服务招标投标管理办法 第四十七条.
    """
    if group and (small := law.get("group_seats_min")):
        return small
    large, start = law.get("panel_seats_large_min"), law.get("panel_large_from")
    if (
        large is not None
        and start is not None
        and (complex_case or (amount is not None and amount >= start.money))
    ):
        return large
    return law["panel_seats_min"]


def require_lawful_panel(
    panel: Sequence[Panelist],
    bidders: AbstractSet[str],
    law: Rulebook,
    *,
    on: date,
    amount: Money | None = None,
    complex_case: bool = False,
    group: bool = False,
) -> tuple[Caution, ...]:
    """Refuse a panel the law would not recognise.

    An odd number of members, no fewer than the minimum; experts hold their share of seats (today two
    thirds), the buyer's representatives no more than theirs (one third, and two persons in Chongqing);
    nobody sits twice; nobody judges an organization he is tied to; no supervisor sits.

    Args:
        panel: everyone who would sit.
        bidders: organizations whose bids reached the opening.
        law: the edition frozen for this tender.
        on: the date of the evaluation, from which past ties are counted.
        amount, complex_case, group: as for ``seats_min``.

    Raises:
        NotValid: ``panel_size``, ``panel_doubled``, ``too_few_experts``, ``too_many_buyer_seats``,
            ``conflict_of_interest``, checked in that order.

    Returns cautions for limits that only warn, such as the unverified size of large committees.

    Source: 招标投标法 第三十七条; 招标投标法实施条例 第四十六条; 政府采购法实施条例 第九条; rules.md §2.9.
    """
    cautions: list[Caution] = []
    count, size_row = len(panel), seats_min(law, amount=amount, complex_case=complex_case, group=group)
    base = seats_min(law, group=group)
    odd = law.get("panel_seats_odd")
    if count < base.count or (odd is not None and odd.flag and count % 2 == 0):
        cautions.append(base.object_to("panel_size", seats=count, least=base.count))
    elif count < size_row.count:
        cautions.append(size_row.object_to("panel_size", seats=count, least=size_row.count))
    persons = [member.person_id for member in panel]
    if doubled := sorted({one for one in persons if persons.count(one) > 1}):
        raise NotValid("panel_doubled", source=base.source, persons=doubled)
    experts = sum(member.seat is Seat.EXPERT for member in panel)
    share = law["panel_expert_share_min"]
    if not count or Fraction(experts, count) < share.ratio:
        cautions.append(share.object_to("too_few_experts", seats=count, experts=experts))
    cautions += _buyer_seats(law, seats=count, representatives=count - experts)
    if found := conflicts(panel, bidders, law, on=on):
        raise NotValid(
            "conflict_of_interest",
            source="招标投标法 第三十七条; 招标投标法实施条例 第四十六条; 政府采购法实施条例 第九条",
            persons=sorted(found),
        )
    return tuple(cautions)


def _buyer_seats(law: Rulebook, *, seats: int, representatives: int) -> list[Caution]:
    cautions: list[Caution] = []
    most = law.get("panel_buyer_share_max")
    if most is not None and seats and Fraction(representatives, seats) > most.ratio:
        cautions.append(most.object_to("too_many_buyer_seats", seats=seats, representatives=representatives))
    local = law.get("panel_buyer_seats_max")
    if local is not None and representatives > local.count:
        cautions.append(local.object_to("too_many_buyer_seats", seats=seats, representatives=representatives))
    return cautions


def conflicts(
    panel: Sequence[Panelist], bidders: AbstractSet[str], law: Rulebook, *, on: date
) -> dict[str, tuple[Conflict, ...]]:
    """Everyone who must avoid, by person id, with every reason; past ties count for the law's years (three).

    Source: 招标投标法实施条例 第四十六条; 政府采购法实施条例 第九条; rules.md §2.9, V-05.
    """
    years = law.get("avoidance_years")
    since = years_before(on, years.count) if years else date.min
    found: dict[str, tuple[Conflict, ...]] = {}
    for member in panel:
        reasons = []
        if member.employer_id in bidders:
            reasons.append(Conflict.EMPLOYER)
        if any(org in bidders and last > since for org, last in member.past.items()):
            reasons.append(Conflict.PAST)
        if member.kin & bidders:
            reasons.append(Conflict.KIN)
        if member.supervises:
            reasons.append(Conflict.SUPERVISOR)
        if reasons:
            found[member.person_id] = tuple(reasons)
    return found


def require_qualified_experts(panel: Sequence[Panelist], law: Rulebook) -> tuple[Caution, ...]:
    """Refuse experts without the law's years in the field, where the law counts them.

    Raises:
        NotValid: ``expert_years``.

    Source: 招标投标法 第三十七条.
    """
    least = law.get("expert_years_min")
    if least is None:
        return ()
    short = sorted(
        member.person_id
        for member in panel
        if member.seat is Seat.EXPERT and (member.years is None or member.years < least.count)
    )
    return (least.object_to("expert_years", persons=short, least=least.count),) if short else ()


def must_extend_time(law: Rulebook, *, asking: int, members: int) -> bool:
    """Whether so many members find the time too short that the buyer must extend it: more than one third.

    Source: 招标投标法实施条例 第四十八条.
    """
    share = law.get("time_extension_share")
    return share is not None and members > 0 and Fraction(asking, members) > share.ratio


def require_signed(
    members: AbstractSet[str], signed: AbstractSet[str], dissent: Mapping[str, str], refused: AbstractSet[str]
) -> None:
    """Refuse to deliver a report before every member signed, or wrote a reasoned dissent, or refused both.

    Who refuses to sign and to give reasons is deemed to agree; that must be recorded, so he is named.

    Raises:
        NotNow: ``signatures_missing``.
        NotValid: ``dissent_without_reason``.

    Source: 招标投标法实施条例 第五十三条; 政府采购法实施条例 第四十一条.
    """
    article = "招标投标法实施条例 第五十三条; 政府采购法实施条例 第四十一条"
    if silent := sorted(person for person, text in dissent.items() if not text.strip()):
        raise NotValid("dissent_without_reason", source=article, persons=silent)
    if missing := sorted(members - signed - dissent.keys() - refused):
        raise NotNow("signatures_missing", source=article, persons=missing)


def years_before(day: date, years: int) -> date:
    """The same date ``years`` earlier; 28 February stands in for a missing 29th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
