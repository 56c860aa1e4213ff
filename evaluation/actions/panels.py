"""From the roster to a lawful panel: pool frozen, experts drawn, seats answered.

The pool is frozen in the log when the notice is published, long before anybody can know the seed; the seed comes from
the lottery numbers inside all sealed bids and the closing checkpoint. So neither the buyer nor the operator can steer
the draw, and nobody can refuse to reveal. Source: spec sealing §9; 招标投标法 第三十七条; 实施条例 第四十六条至第四十八条.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.facts import OpeningConfirmed
from bidding.models import Bid
from bidding.rules.states import BidState
from evaluation import facts
from evaluation.actions.bonds import with_bond_item
from evaluation.actions.pools import EXPERTS, draw_again, experts_missing, reserve_of, reserve_root
from evaluation.blind import blind_digest
from evaluation.models import Expert, Panel, Panelist
from evaluation.rights import EXPERT_ENROL, NAMES_READ, PANEL_NAME, SEAT_ANSWER
from evaluation.rules import panel as rules
from evaluation.rules import rejection
from kernel import rulebook
from kernel.calendar import local_date
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.models import Membership, Person
from kernel.rights import Role
from kernel.work import Work
from sealbid import merkle
from trading.actions.notices import law_of
from trading.facts import NoticePublished
from trading.models import Lot, Tender
from trading.rules.lifecycle import Stage
from trading.terms import Terms, parse_terms


def enrol_expert(
    work: Work,
    person_id: UUID,
    *,
    specialties: list[str],
    region: str,
    title: str,
    years: int,
    employer_id: UUID | None = None,
    past_employers: list[dict[str, str]] | None = None,
) -> Expert:
    """Put a person on the roster.

    Raises:
        NotValid: ``expert_years`` (the law wants eight years or an equal standing, shown by the title).

    Source: 招标投标法 第三十七条.
    """
    work.require(EXPERT_ENROL)
    least = rulebook.in_force("TM", work.platform.settings.jurisdiction, work.now)["expert_years_min"]
    if years < least.count and not title.strip():
        raise NotValid("expert_years", source=least.source, field="years", least=least.count)
    expert = work.add(
        Expert(
            id=work.new_id(),
            person_id=person_id,
            specialties=specialties,
            region=region,
            employer_id=employer_id,
            past_employers=past_employers or [],
            title=title,
            years=years,
            status="active",
        )
    )
    work.record(facts.ExpertEnrolled(subject=expert.id, person=person_id))
    return expert


def free_experts(session: Session, tender: Tender) -> list[Expert]:
    """The active experts of the roster whom neither the buyer nor the agent employs."""
    employers = {tender.buyer_id, tender.agent_id} - {None}
    active = session.scalars(sa.select(Expert).where(Expert.status == "active"))
    return [one for one in active if one.employer_id not in employers]


def freeze_pool(work: Work, fact: NoticePublished) -> None:
    """Listener: with the notice, fix who can be drawn. The list stays secret, its root is logged.

    Raises:
        NotNow: ``expert_pool_small``: with fewer experts than seats a lawful draw would be impossible later.
    """
    if fact.type != "notice":
        return
    tender = work.lock(Tender, fact.subject)
    terms = parse_terms(tender.terms)
    if not terms.has_panel:
        return  # the price alone decides
    lawful = [ground.value for ground in rejection.grounds_of(law_of(tender, work.now))]
    if strange := [item.ground for item in terms.review if item.ground not in lawful]:
        # refused now: a panel that finds such a ground later could not conclude at all
        raise NotValid(
            "ground_not_in_regime", source="rules.md §2.8", field="terms.review", ground=strange[0]
        )
    if terms.panel.buyer_seats >= terms.panel.seats:
        raise NotValid("too_few_experts", source="招标投标法 第三十七条", field="terms.panel")
    wanted = terms.panel.seats - terms.panel.buyer_seats
    free = free_experts(work.session, tender)
    pool = sorted(str(one.person_id) for one in free if terms.panel.specialty in one.specialties)
    if len(pool) < wanted:
        raise NotNow("expert_pool_small", source="招标投标法 第三十七条", experts=len(pool), wanted=wanted)
    salt = work.entropy(32)
    root, reserve = pool_root(pool, salt), reserve_of(free, pool)
    panel_id = work.new_id()
    recorded = work.record(
        facts.PoolFrozen(
            subject=tender.id,
            tender=tender.code,
            panel=panel_id,
            pool=root,
            count=len(pool),
            seats=terms.panel.seats,
            specialty=terms.panel.specialty,
            blind=blind_digest(salt),
            reserve=reserve_root(reserve, salt),
            reserve_count=len(reserve),
        )
    )
    work.add(
        Panel(
            id=panel_id,
            tender_id=tender.id,
            state="frozen",
            seats=terms.panel.seats,
            buyer_seats=terms.panel.buyer_seats,
            specialty=terms.panel.specialty,
            pool=pool,
            pool_salt=salt,
            pool_root=root,
            pool_record_id=recorded.record_id,
            reserve=reserve,
            reserve_root=reserve_root(reserve, salt),
            enlargements=[],
            order=None,
            next_index=0,
            competition={},
            version=1,
        )
    )


def pool_root(pool: list[str], salt: bytes) -> str:
    """Merkle root over salted expert ids, in the frozen order."""
    leaves = [hashlib.sha256(b"\0" + salt + person.encode()).digest() for person in pool]
    return merkle.root_of_hashes(leaves).hex()


def draw_experts(work: Work, fact: OpeningConfirmed) -> None:
    """Listener: once the opening is confirmed, draw the whole order and invite the first experts.

    Experts tied to a bidder are passed over by rule; the order itself never changes. A refusal or an illness takes
    the next index of the same stream, never a new seed.
    """
    panel = panel_of(work.session, fact.subject)
    if panel is None or panel.order is not None or not fact.lots:
        return
    tender = work.lock(Tender, fact.subject)
    candidates = [str(number) for number in range(len(panel.pool))]
    inputs, picked = draw_again(work.session, tender, EXPERTS, candidates)
    panel.order = [panel.pool[int(index)] for index in picked]
    panel.draw_inputs = {key: value for key, value in inputs.items() if key != "candidates"}
    recorded = work.record(
        facts.ExpertsDrawn(
            subject=tender.id,
            tender=tender.code,
            panel=panel.id,
            draw=EXPERTS,
            seed=inputs["seed"],
            count=len(picked),
            size=inputs["size"],
            root=inputs["root"],
            order=tuple(picked),
        )
    )
    panel.draw_record_id = recorded.record_id
    panel.state = "inviting"
    if panel.buyer_seats:
        panel.buyer_until_at = work.now + law_of(tender, work.now)["buyer_seat_hours"].duration
    invite_missing(work, tender, panel)


def invite_missing(work: Work, tender: Tender, panel: Panel) -> None:
    """Ask the next experts of the drawn order until every seat of an expert is taken or asked for."""
    assert panel.order is not None
    wanted = experts_missing(panel)
    while wanted > 0:
        if panel.next_index >= len(panel.order):
            # Whoever left has left: the seat stays empty and visible, and nothing he did is undone by a refusal.
            panel.version += 1
            work.record(
                facts.ExpertPoolUsedUp(subject=tender.id, tender=tender.code, panel=panel.id, missing=wanted)
            )
            break
        place, person_id = panel.next_index, UUID(panel.order[panel.next_index])
        panel.next_index += 1
        expert = work.one(sa.select(Expert).where(Expert.person_id == person_id))
        active = expert is not None and expert.status == "active"
        if expert is None or not active or _tied(work, tender, expert):
            ground = "tied" if active else "inactive"
            work.record(
                facts.ExpertPassedOver(
                    subject=tender.id, tender=tender.code, panel=panel.id, place=place, ground=ground
                )
            )
            continue
        _seat(work, tender, panel, person_id, rules.Seat.EXPERT, expert.employer_id)
        wanted -= 1
    panel.invited_until_at = work.now + law_of(tender, work.now)["seat_answer_minutes"].duration
    panel.version += 1


def _seat(
    work: Work, tender: Tender, panel: Panel, person_id: UUID, seat: rules.Seat, employer_id: UUID | None
) -> Panelist:
    member = Panelist(
        id=work.new_id(),
        panel_id=panel.id,
        tender_id=tender.id,
        person_id=person_id,
        employer_id=employer_id,
        seat=seat,
        number=len(panel.members) + 1,
        state="invited",
        invited_at=work.now,
    )
    panel.members.append(member)
    work.record(
        facts.MemberInvited(
            subject=tender.id, tender=tender.code, panel=panel.id, number=member.number, person=person_id
        )
    )
    person = work.session.get_one(Person, person_id)
    work.message(to=person.email, template="panel_invitation", lang=person.lang, tender=tender.code)
    return member


def name_representative(work: Work, tender_id: UUID, person_id: UUID) -> Panelist:
    """The buyer names who sits for him; never more than the printed seats.

    Raises:
        NotNow: ``panel_not_drawn``. NotValid: ``representative_stranger``, ``buyer_seats_full``,
            ``representative_left`` (who left or stayed silent does not come back).
    """
    tender = work.get(Tender, tender_id, to=PANEL_NAME)
    panel = require_panel(work, tender_id)
    if panel.state != "inviting":
        raise NotNow("panel_not_drawn", state=panel.state)
    named = [m for m in panel.members if m.seat == rules.Seat.BUYER and m.state != "left"]
    if len(named) >= panel.buyer_seats:
        raise NotValid("buyer_seats_full", field="person", seats=panel.buyer_seats)
    if any(m.person_id == person_id for m in panel.members):
        raise NotValid("representative_left", field="person")
    belongs = work.one(
        sa.select(Membership)
        .where(
            Membership.person_id == person_id,
            Membership.org_id.in_([tender.buyer_id, tender.agent_id or tender.buyer_id]),
            Membership.until.is_(None),
        )
        .limit(1)
    )
    if belongs is None:
        raise NotValid("representative_stranger", field="person")
    panel.invited_until_at = work.now + law_of(tender, work.now)["seat_answer_minutes"].duration
    return _seat(work, tender, panel, person_id, rules.Seat.BUYER, tender.buyer_id)


def answer_seat(work: Work, panelist_id: UUID, *, accept: bool, reason: str = "") -> Panelist:
    """Accept a seat with the commitment and the avoidance declaration, or leave it with a reason.

    The last acceptance forms the panel; a refusal invites the next of the same draw.

    Raises:
        NotNow: ``seat_answered``. NotValid: ``reason_missing``, ``conflict_of_interest`` and what
            ``require_lawful_panel`` refuses.
    """
    member = work.get(Panelist, panelist_id, to=SEAT_ANSWER)
    panel = require_panel(work, member.tender_id)
    tender = work.lock(Tender, member.tender_id)
    if member.state != "invited":
        raise NotNow("seat_answered", state=member.state)
    if not accept:
        return _leave(work, tender, panel, member, "refused", reason)
    member.state, member.committed_at = "committed", work.now
    panel.version += 1  # the panel may wait for another moment now
    work.record(
        facts.MemberCommitted(subject=tender.id, tender=tender.code, panel=panel.id, number=member.number)
    )
    _form_if_full(work, tender, panel)
    return member


def recuse(work: Work, panelist_id: UUID, reason: str) -> Panelist:
    """A member declares a conflict or falls ill after committing; his conclusions are void, a successor redoes all.

    Source: 实施条例 第四十八条.
    """
    member = work.get(Panelist, panelist_id, to=SEAT_ANSWER)
    panel = require_panel(work, member.tender_id)
    tender = work.lock(Tender, member.tender_id)
    if member.state != "committed" or panel.state not in ("inviting", "reviewing", "scoring"):
        raise NotNow("seat_answered", state=member.state)
    from evaluation.actions.review import void_work_of

    void_work_of(work, tender, member)
    panel.state = "inviting"
    return _leave(work, tender, panel, member, "recused", reason)


def _gone(work: Work, tender: Tender, panel: Panel, member: Panelist, ground: str, reason: str) -> None:
    member.state, member.left_for = "left", reason
    work.record(
        facts.MemberLeft(
            subject=tender.id,
            tender=tender.code,
            panel=panel.id,
            number=member.number,
            ground=ground,
            reason=reason,
        )
    )


def _leave(work: Work, tender: Tender, panel: Panel, member: Panelist, ground: str, reason: str) -> Panelist:
    if not reason.strip():
        raise NotValid("reason_missing", field="reason")
    _gone(work, tender, panel, member, ground, reason)
    if member.seat == rules.Seat.EXPERT:
        invite_missing(work, tender, panel)
    elif ground == "recused":  # who declines in time leaves the rest of the buyer's time to another
        panel.buyer_until_at = work.now + law_of(tender, work.now)["buyer_seat_hours"].duration
    return member


def replace_absent(
    work: Work, tender: Tender, panel: Panel, members: Sequence[Panelist], reason: str
) -> None:
    """Members who are absent without leave lose their seats; what they concluded is void and successors redo it.

    Source: 实施条例 第四十八条.
    """
    from evaluation.actions.review import void_work_of

    panel.state = "inviting"
    for member in members:
        void_work_of(work, tender, member)
        _gone(work, tender, panel, member, "absent", reason)
    if any(member.seat == rules.Seat.BUYER for member in members):
        panel.buyer_until_at = work.now + law_of(tender, work.now)["buyer_seat_hours"].duration
    invite_missing(work, tender, panel)


def invitation_moment(panel: Any) -> datetime | None:
    """When a panel waits: for answers until the invitations run out, for the buyer's seats, for work, for signatures."""
    waits = {"reporting": "signing_until_at", "reviewing": "working_until_at", "scoring": "working_until_at"}
    if panel.state in waits:
        until: datetime | None = getattr(panel, waits[panel.state])
        return until
    if panel.state != "inviting":
        return None
    waiting = any(m.state == "invited" for m in panel.members)
    moments = [panel.invited_until_at] if waiting else []
    if buyer_seats_open(panel):
        moments.append(panel.buyer_until_at)
    return min((moment for moment in moments if moment is not None), default=None)


def buyer_seats_open(panel: Any) -> int:
    """Seats of the buyer that no representative has taken or is asked to take."""
    named = sum(m.seat == rules.Seat.BUYER and m.state in ("invited", "committed") for m in panel.members)
    return int(panel.buyer_seats - named)


def replace_silent(work: Work, panel_id: UUID) -> None:
    """The timekeeper's call: whoever did not answer makes room, for the next of the draw or another representative.

    Seats that the buyer has not filled when his time is over pass to the next experts of the draw: the law bounds
    the share of representatives from above, and a buyer who stays silent must not hold his own tender.

    Source: 招标投标法 第三十七条; 实施条例 第四十八条.
    """
    panel = work.lock(Panel, panel_id)
    moment = invitation_moment(panel)
    if moment is None or work.now < moment:
        raise NotNow("window_open")
    tender = work.lock(Tender, panel.tender_id)
    if panel.state == "reporting":
        from evaluation.actions.reports import deem_agreed

        deem_agreed(work, tender, panel)
        return
    if panel.state in ("reviewing", "scoring"):
        from evaluation.actions.absence import judge_absence

        judge_absence(work, tender, panel)
        return
    answers_over = panel.invited_until_at is not None and work.now >= panel.invited_until_at
    buyer_over = panel.buyer_until_at is not None and work.now >= panel.buyer_until_at
    for member in panel.members:
        if member.state == "invited" and answers_over:
            _gone(work, tender, panel, member, "silent", "no answer in time")
    if buyer_over and (open_seats := buyer_seats_open(panel)):
        panel.buyer_seats -= open_seats
        work.record(
            facts.BuyerSeatsPassedOn(subject=tender.id, tender=tender.code, panel=panel.id, seats=open_seats)
        )
    if experts_missing(panel) > 0:
        invite_missing(work, tender, panel)
    else:
        panel.version += 1


def _form_if_full(work: Work, tender: Tender, panel: Panel) -> None:
    sitting = committed(panel)
    if len(sitting) < panel.seats:
        return
    law = law_of(tender, work.now)
    rules.require_lawful_panel(
        [_as_rule(work, member) for member in sitting],
        {str(org) for org in bidders_of(work.session, tender.id)},
        law,
        on=local_date(work.now),
        amount=sum((lot.ceiling for lot in tender.lots[1:]), tender.lots[0].ceiling),
    )
    panel.state, panel.formed_at = "reviewing", work.now
    panel.working_until_at = work.now + law["panel_work_hours"].duration
    panel.version += 1
    work.record(
        facts.PanelFormed(
            subject=tender.id,
            tender=tender.code,
            panel=panel.id,
            seats=len(sitting),
            experts=sum(m.seat == rules.Seat.EXPERT for m in sitting),
        )
    )


def _as_rule(work: Work, member: Panelist) -> rules.Panelist:
    expert = work.one(sa.select(Expert).where(Expert.person_id == member.person_id))
    past = {}
    for item in expert.past_employers if expert else []:
        past[item["org"]] = datetime.fromisoformat(item["until"]).date()
    return rules.Panelist(
        person_id=str(member.person_id),
        seat=rules.Seat(member.seat),
        employer_id=str(member.employer_id) if member.employer_id else None,
        past=past,
        supervises=_supervises(work, member.person_id),
        years=expert.years if expert else None,
    )


def _supervises(work: Work, person_id: UUID) -> bool:
    found = work.session.scalar(
        sa.select(sa.func.count())
        .select_from(Membership)
        .where(
            Membership.person_id == person_id, Membership.role == Role.SUPERVISOR, Membership.until.is_(None)
        )
    )
    return bool(found)


def _tied(work: Work, tender: Tender, expert: Expert) -> bool:
    """Whether an expert may not judge one of the bidders (or works for who tenders)."""
    law = law_of(tender, work.now)
    member = rules.Panelist(
        person_id=str(expert.person_id),
        seat=rules.Seat.EXPERT,
        employer_id=str(expert.employer_id) if expert.employer_id else None,
        past={item["org"]: datetime.fromisoformat(item["until"]).date() for item in expert.past_employers},
        supervises=_supervises(work, expert.person_id),
    )
    bidders = {str(org) for org in bidders_of(work.session, tender.id)}
    mine = work.session.scalar(
        sa.select(sa.func.count())
        .select_from(Membership)
        .where(
            Membership.person_id == expert.person_id,
            Membership.org_id.in_(bidders_of(work.session, tender.id)),
        )
    )
    return (
        bool(mine)
        or member.supervises
        or bool(rules.conflicts([member], bidders, law, on=local_date(work.now)))
    )


def bidders_of(session: Session, tender_id: UUID) -> set[UUID]:
    """Organisations whose bids were delivered."""
    return set(
        session.scalars(
            sa.select(Bid.org_id).where(
                Bid.tender_id == tender_id, Bid.state.in_((BidState.COMPLETE, BidState.REVOKED))
            )
        )
    )


def committed(panel: Panel) -> list[Panelist]:
    return [member for member in panel.members if member.state == "committed"]


_PANEL = sa.select(Panel).where(Panel.tender_id == sa.bindparam("tender_id"))


def panel_of(session: Session, tender_id: UUID) -> Panel | None:
    return session.scalars(_PANEL, {"tender_id": tender_id}).unique().one_or_none()


def require_panel(work: Work, tender_id: UUID) -> Panel:
    panel = panel_of(work.session, tender_id)
    if panel is None:
        raise NotFound("not_found", thing="panel", id=str(tender_id))
    return work.lock(Panel, panel.id)


def terms_of(tender: Tender) -> Terms:
    """The printed terms; where a bond is asked, the review has an item about it."""
    return with_bond_item(tender, parse_terms(tender.terms))


def lots_in_evaluation(tender: Tender) -> list[Lot]:
    return [lot for lot in tender.lots if lot.stage is Stage.EVALUATION]


def read_names(work: Work, tender_id: UUID, purpose: str) -> list[tuple[int, str]]:
    """A supervisor looks at the members' names before the result is public; the look is a fact.

    Source: 招标投标法 第三十七条 (names are secret until the award is decided).
    """
    work.require(NAMES_READ)
    if not purpose.strip():
        raise NotValid("reason_missing", field="purpose")
    panel = require_panel(work, tender_id)
    tender = work.session.get_one(Tender, tender_id)
    assert work.actor.person_id is not None
    work.record(
        facts.NamesRead(
            subject=tender_id,
            tender=tender.code,
            panel=panel.id,
            purpose=purpose,
            reader=work.actor.person_id,
        )
    )
    return [
        (member.number, work.session.get_one(Person, member.person_id).name) for member in committed(panel)
    ]
