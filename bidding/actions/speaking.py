"""A message in the opening hall: a row, a fact, and no way to take it back.

Source: design guide §6 (04); 招标投标法 第二十二条, 第三十六条.
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from bidding import facts
from bidding.actions.closing import opening_of
from bidding.hall_words import voice_of
from bidding.models import HallMessage
from bidding.rights import HALL_SPEAK
from bidding.rules import speaking as rules
from bidding.rules.states import OpeningState
from kernel.errors import NotFound, NotNow
from kernel.identity.models import Organization
from kernel.work import Work
from trading.models import Tender

IN_SESSION = (OpeningState.RELEASING, OpeningState.OPENED)


def speak(work: Work, tender_id: UUID, text: str) -> HallMessage:
    """Say something in the hall, from the close until the record is confirmed.

    The same words of the same person within a few seconds are the message that is there already.

    Raises:
        NotNow: ``hall_silent`` before the close and after the end. NotAllowed: ``hall_no_voice``.
        NotValid: ``text_missing``, ``text_too_long``. TooMany: ``hall_pace``.
    """
    work.require(HALL_SPEAK)
    tender = work.lock(Tender, tender_id)
    if tender.published_at is None:
        raise NotFound("not_found", thing="tender", id=str(tender_id))
    opening = opening_of(work.session, tender.id)
    if opening is None or opening.state not in IN_SESSION or tender.terminated_at is not None:
        raise NotNow("hall_silent", source="招标投标法 第二十二条")
    heard_as = rules.require_voice(voice_of(work.session, tender, work.actor))
    text = rules.message_text(text)
    person_id, org_id = work.actor.person_id, work.actor.org_id
    assert person_id is not None
    assert org_id is not None
    mine: list[HallMessage] = work.scalars(
        sa.select(HallMessage).where(
            HallMessage.tender_id == tender.id,
            HallMessage.person_id == person_id,
            HallMessage.said_at > work.now - max(rules.PACE_WINDOW, rules.REPEAT_WINDOW),
        )
    )
    for one in mine:
        if rules.is_repeat(text, one.text, one.said_at, work.now):
            return one
    rules.require_pace([one.said_at for one in mine], work.now)
    message_id = work.new_id()
    recorded = work.record(
        facts.HallSpoken(
            subject=tender.id,
            tender=tender.code,
            message=message_id,
            voice=heard_as.value,
            org=work.session.get_one(Organization, org_id).uscc,
            text=text,
        )
    )
    return work.add(
        HallMessage(
            id=message_id,
            tender_id=tender.id,
            org_id=org_id,
            person_id=person_id,
            voice=heard_as.value,
            text=text,
            said_at=work.now,
            record_id=recorded.record_id,
        )
    )
