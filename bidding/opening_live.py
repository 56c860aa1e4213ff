"""The opening hall as a live channel: it tells that something changed, and the page fetches what everybody may see.

Nothing of a bid travels here: news hold the hall's version and stage, which the page of the hall shows as well, and
the words of a message, which anybody can read on that page from the same instant.

Source: design guide §6 (04); docs/formats/live-channel.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from bidding import facts
from bidding.hall_state import stage_now, version_now
from bidding.hall_words import message_line
from kernel import live
from kernel.errors import NotFound
from kernel.facts import Fact, rfc3339
from kernel.live import Channel, Json
from kernel.platform import Platform
from kernel.rights import Actor
from trading.facts import ObjectionAnswered, ObjectionFiled, TenderResumed, TenderSuspended, TenderTerminated
from trading.models import Tender

PREFIX = "opening"
CHANGES: tuple[type[Fact], ...] = (
    facts.TenderClosed,
    facts.SharesReleased,
    facts.SharesDisclosed,
    facts.BidsOpened,
    facts.CoefficientDrawn,
    facts.OpeningFailed,
    facts.OpeningConfirmed,
    facts.RecordSigned,
    ObjectionFiled,
    ObjectionAnswered,
    TenderSuspended,
    TenderResumed,
    TenderTerminated,
)
"""Facts after which the hall looks different; the subject of each is the tender."""


def _tender(session: Session, tender_id: UUID) -> Tender:
    tender = session.get(Tender, tender_id)
    if tender is None or tender.published_at is None:
        raise NotFound("not_found", thing="tender", id=str(tender_id))
    return tender


def _may_join(session: Session, actor: Actor, tender_id: UUID) -> bool:
    """Everybody may watch an opening. Source: 招标投标法 第三十六条."""
    return _tender(session, tender_id) is not None


def _snapshot(session: Session, actor: Actor, tender_id: UUID) -> Json:
    _tender(session, tender_id)
    return {"version": version_now(session, tender_id)}


def _versions(session: Session, wanted: Sequence[tuple[UUID, str]]) -> Mapping[tuple[UUID, str], int]:
    return {key: version_now(session, key[0]) for key in wanted}


def hall_changed(platform: Platform, fact: Fact) -> None:
    """Tell everybody in the hall, after the commit."""
    tell_hall(platform, fact.subject)


def words_spoken(platform: Platform, fact: facts.HallSpoken) -> None:
    """Tell everybody in the hall the words themselves, after the commit."""
    tell_hall(platform, fact.subject, message_id=fact.message)


def tell_hall(platform: Platform, tender_id: UUID, *, message_id: UUID | None = None) -> None:
    """The version and the stage, no more; who hears it fetches the page. A message comes with its words."""
    if not live.audible(platform):
        return
    with platform.read() as session:
        tender = session.get(Tender, tender_id)
        if tender is None:
            return
        version = version_now(session, tender_id)
        stage = stage_now(session, tender, platform.outside.clock.now())
        said = message_line(session, message_id) if message_id is not None else None
    news: Json = {"stage": stage}
    if said is not None:
        words = {
            "key": said.key,
            "voice": said.voice,
            "who": said.who,
            "who_en": said.who.en,
            "text": said.text,
        }
        news["message"] = {**words, "at": rfc3339(said.at)}
    live.tell(platform, f"{PREFIX}:{tender_id}", version=version, news=news)


OPENING_CHANNEL = Channel(PREFIX, may_join=_may_join, snapshot=_snapshot, versions=_versions)
"""``opening:<id of the tender>``: the hall of one opening."""
