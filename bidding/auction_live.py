"""The auction as a live channel: who may listen as what, offers in, numbered news out.

An audience's news are numbered for it alone: a number that grew with hidden events would tell of them. Numbers begin
at the instant a process took the room over, so they grow across a change of owner without being stored.

Source: rules §4.2, §4.7; performance §3; docs/formats/live-channel.md.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from bidding import auction_watch
from bidding import queries_auction as queries
from bidding.actions.auctions_life import follow_now
from bidding.auction_deeds import DEEDS, Make
from bidding.hall_core.core import Answer, HallCore
from bidding.hall_core.registry import hall_for, hall_of, install, owner_here
from bidding.hall_core.rooms import Room
from bidding.rules.auction import sight
from bidding.rules.auction.state import State
from bidding.rules.auction.terms import RankShown
from kernel import live
from kernel.clock import Clock, GuardedClock
from kernel.errors import NotAllowed, NotNow, Refusal
from kernel.live import Ack, Channel, Connection, Json, Lease
from kernel.live.channel import room_of
from kernel.outside import system_entropy
from kernel.platform import Platform
from kernel.rights import Actor
from trading.models import Tender

PREFIX = "auction"
AUDIENCES: Mapping[str, sight.Viewer] = {
    "bidder": sight.Bidder(""),
    "host": sight.Host(),
    "supervisor": sight.Supervisor(),
    "public": sight.Public(),
}
"""Everybody of an audience gets the same bytes, so any member stands for all."""
KEPT = 256
"""News an audience can catch up on; who missed more gets the snapshot."""


@dataclass(slots=True)
class _Voice:
    """The news of one audience of one room: its number, and what was told lately.

    Attributes:
        room: the socket room of the audience.
        unheard: something changed while nobody listened; the number that follows begins anew, by time.
    """

    room: str
    version: int
    told: deque[tuple[int, Json]] = field(default_factory=lambda: deque(maxlen=KEPT))
    unheard: bool = False


class LiveOutlet:
    """Tells the rooms of a hall what changed, per audience and per bidder."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self.platform = platform
        self._clock = clock
        self._lock = threading.Lock()
        self._voices: dict[UUID, dict[str, _Voice]] = {}
        self._plates: dict[UUID, set[str]] = {}
        self._own: dict[UUID, dict[str, int]] = {}
        self._memos: dict[UUID, sight.Memo] = {}

    def told(self, room: Room, before: State, after: State) -> None:
        live_here = self.platform.live
        if live_here is None:
            return
        channel, voices, heard = f"{PREFIX}:{room.name}", self._voices_of(room.id), self._heard()
        memo = self._memos.get(room.id)
        if memo is None:
            memo = self._memos[room.id] = sight.Memo()
        said: list[tuple[str, int, Json]] = []
        for audience, viewer in AUDIENCES.items():
            voice = voices[audience]
            if heard is not None and voice.room not in heard:
                # Nobody listened, so nobody can catch up from here; the number goes on by time, not by events.
                voice.unheard = True
                continue
            news = sight.news(before, after, viewer, memo)
            if news is not None:
                said.append((audience, self._numbered(voice, news), news))
        mine = sight.privates(before, after, self._concerned(room.id, before, after), memo.places)
        own = self._own_numbered(room.id, mine)
        if said or own:
            live_here.tell_all(channel, said, own)

    def trouble(self, auction: UUID, on: bool) -> None:
        live_here = self.platform.live
        if live_here is None:
            return
        news: Json = {"storage_trouble": on}
        voices = self._voices_of(auction)
        said = [(audience, self._numbered(voices[audience], news), news) for audience in AUDIENCES]
        live_here.tell_all(f"{PREFIX}:{auction}", said, [])

    def together(self) -> AbstractContextManager[None]:
        """While this lasts the sockets' loop is not woken for everything that is answered and told, but once."""
        return getattr(self.platform.live, "together", nullcontext)()

    def version(self, auction: UUID, audience: str) -> int:
        """The number of an audience's present view."""
        voice = self._voices_of(auction)[audience]
        with self._lock:
            return self._current(voice)

    def own_version(self, auction: UUID, plate: str) -> int:
        """The number of a bidder's newest private news; they are counted for him alone, so the count tells him nothing."""
        with self._lock:
            return self._own.setdefault(auction, {}).setdefault(plate, self._now())

    def since(self, auction: UUID, audience: str, seen: int) -> list[tuple[int, Json]] | None:
        """News after a number, None when some of them are not kept."""
        voice = self._voices_of(auction)[audience]
        with self._lock:
            version = self._current(voice)
            if seen == version:
                return []
            kept = [one for one in voice.told if one[0] > seen]
            whole = len(kept) == version - seen
        return kept if whole and kept else None

    def joined(self, auction: UUID, plate: str) -> None:
        """A bidder listens here, so his private news have to be told here."""
        with self._lock:
            self._plates.setdefault(auction, set()).add(plate)

    def forget(self, auction: UUID) -> None:
        """The room has another owner; numbers begin anew if it comes back."""
        with self._lock:
            self._voices.pop(auction, None)
            self._own.pop(auction, None)
            self._memos.pop(auction, None)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1_000_000)

    def _voices_of(self, auction: UUID) -> dict[str, _Voice]:
        found = self._voices.get(auction)
        if found is None:
            with self._lock:
                begins = self._now()
                name = f"{PREFIX}:{auction}"
                fresh = {one: _Voice(room_of(name, one), begins) for one in AUDIENCES}
                found = self._voices.setdefault(auction, fresh)
        return found

    def _own_numbered(self, auction: UUID, news: Iterable[tuple[str, Json]]) -> list[tuple[str, int, Json]]:
        """Private news with the next number of everybody's own count."""
        told = list(news)
        if not told:
            return []
        with self._lock:
            numbers = self._own.setdefault(auction, {})
            numbered = []
            for plate, one in told:
                number = numbers[plate] = (numbers.get(plate) or self._now()) + 1
                numbered.append((plate, number, one))
        return numbered

    def _numbered(self, voice: _Voice, news: Json) -> int:
        with self._lock:
            version = voice.version = self._current(voice) + 1
            voice.told.append((version, news))
            return version

    def _current(self, voice: _Voice) -> int:
        """The number now; under the lock."""
        if voice.unheard:
            voice.unheard = False
            voice.told.clear()
            voice.version = max(voice.version + 1, self._now())
        return voice.version

    def _heard(self) -> Mapping[str, int] | None:
        """The rooms in which somebody listens; None: perhaps in all, for processes hear us over the bus."""
        lively = self.platform.live
        if getattr(lively, "bus", None) is not None:
            return None
        told: Mapping[str, int] | None = getattr(lively, "told", None)
        return told

    def _concerned(self, auction: UUID, before: State, after: State) -> list[str]:
        """Bidders whose own view may have changed; the engine then says whether it did."""
        if self.platform.live is None:
            return []
        near = self._plates.get(auction, set())
        bus = getattr(self.platform.live, "bus", None)
        plates = after.plates if bus is not None else [one for one in after.plates if one in near]
        exact = after.terms.visible.rank in (RankShown.EXACT, RankShown.TOP_THREE)
        # F13: whose turn it is, and the offer of this turn, stand beside the seats.
        turned = after.terms.turns is not None and before.special is not after.special
        if turned or before.stage is not after.stage or (exact and before.standing is not after.standing):
            return list(plates)
        touched = {before.leader, after.leader}
        return [
            plate
            for plate in plates
            if plate in touched or before.seats.get(plate) is not after.seats.get(plate)
        ]


# ---- the hall of a process --------------------------------------------------------------------------------------


def open_hall(platform: Platform, *, name: str = "") -> HallCore:
    """The hall of this process, started when it is wanted first."""
    known = hall_of(platform)
    if known is not None:
        return known
    clock = GuardedClock(platform.outside.clock)
    outlet = LiveOutlet(platform, clock)
    hall = HallCore(
        platform,
        name=name or f"hall-{system_entropy(8).hex()}",
        outlet=outlet,
        clock=clock,
        following=follow_now,
        together=outlet.together,
    )
    hall.start()
    install(platform, hall)
    return hall


def close_hall(platform: Platform) -> None:
    """Finish what waits and say farewell to every room."""
    hall = hall_of(platform)
    if hall is not None:
        install(platform, None)
        hall.stop()


def _taken(platform: Platform, auction_id: UUID, _lease: Lease) -> None:
    open_hall(platform).take(auction_id)


def _lost(platform: Platform, auction_id: UUID) -> None:
    hall = hall_of(platform)
    if hall is not None:
        hall.drop(auction_id)
        if isinstance(hall.outlet, LiveOutlet):
            hall.outlet.forget(auction_id)


# ---- the channel ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SeatKey:
    """What a connection of a bidder is kept with; ``key`` is how private news find him."""

    key: str
    org_id: UUID


@dataclass
class _Looked:
    """What one read session has looked up for its joins: thousands ask the same five questions in one second."""

    tenders: dict[UUID, Tender | None] = field(default_factory=dict)
    plates: dict[UUID, dict[UUID, str]] = field(default_factory=dict)
    snapshots: dict[tuple[UUID, str], Json] = field(default_factory=dict)


def _looked(session: Session) -> _Looked:
    found: _Looked = session.info.setdefault("auction looked", _Looked())
    return found


def _viewer(session: Session, actor: Actor, auction_id: UUID) -> sight.Viewer:
    """``queries.viewer_of``, with the tender and the seats of an auction looked up once for everybody."""
    looked = _looked(session)
    if auction_id not in looked.tenders:
        looked.tenders[auction_id] = queries.tender_of(session, auction_id)
        looked.plates[auction_id] = queries.plates_of(session, auction_id)
    return queries.viewer_of(
        session, actor, auction_id, tender=looked.tenders[auction_id], plates=looked.plates[auction_id]
    )


def _may_join(session: Session, actor: Actor, auction_id: UUID) -> bool:
    _viewer(session, actor, auction_id)
    return True


def _audience(session: Session, actor: Actor, auction_id: UUID) -> str:
    return sight.audience_of(_viewer(session, actor, auction_id))


def _on_join(session: Session, actor: Actor, auction_id: UUID) -> object:
    viewer = _viewer(session, actor, auction_id)
    if not isinstance(viewer, sight.Bidder):
        return None
    hall = hall_for(session)
    if hall is not None and isinstance(hall.outlet, LiveOutlet):
        hall.outlet.joined(auction_id, viewer.plate)
    assert actor.org_id is not None
    return SeatKey(viewer.plate, actor.org_id)


def _own(session: Session, actor: Actor, auction_id: UUID) -> Json:
    viewer = _viewer(session, actor, auction_id)
    if not isinstance(viewer, sight.Bidder):
        return {}
    hall = hall_for(session)
    if hall is None or not hall.owns(auction_id) or not isinstance(hall.outlet, LiveOutlet):
        return queries.own_of(session, auction_id, viewer)
    version = hall.outlet.own_version(auction_id, viewer.plate)  # before the state: told twice, never lost
    return queries.own_of(session, auction_id, viewer) | {"version": version}


def _snapshot(session: Session, actor: Actor, auction_id: UUID) -> Json:
    viewer = _viewer(session, actor, auction_id)
    audience = sight.audience_of(viewer)
    known = _looked(session).snapshots
    if (auction_id, audience) not in known:
        # The number is read before the state: news in between are then told twice, never lost. Whoever shares this
        # session was in the room before it began, so what he sees here is no older than what he heard first.
        auction_watch.watch(session, auction_id)
        version = _version(session, auction_id, audience)
        view = sight.snapshot(queries.state_of(session, auction_id), viewer)
        known[auction_id, audience] = {"version": version} | view
    return known[auction_id, audience]


def _version(session: Session, auction_id: UUID, audience: str) -> int:
    hall = hall_for(session)
    if hall is None or not isinstance(hall.outlet, LiveOutlet):
        return 0
    if hall.owns(auction_id):
        return hall.outlet.version(auction_id, audience)
    told: Mapping[str, int] = getattr(hall.platform.live, "told", {})
    return told.get(room_of(f"{PREFIX}:{auction_id}", audience), 0)


def _since(session: Session, actor: Actor, auction_id: UUID, seen: int) -> list[tuple[int, Json]] | None:
    hall = hall_for(session)
    if hall is None or not hall.owns(auction_id) or not isinstance(hall.outlet, LiveOutlet):
        return None
    return hall.outlet.since(auction_id, _audience(session, actor, auction_id), seen)


def _versions(session: Session, wanted: Sequence[tuple[UUID, str]]) -> Mapping[tuple[UUID, str], int]:
    hall = hall_for(session)
    outlet = hall.outlet if hall is not None else None
    if hall is None or not isinstance(outlet, LiveOutlet):
        return auction_watch.changed(session, wanted, AUDIENCES)
    found = {(one, audience): outlet.version(one, audience) for one, audience in wanted if hall.owns(one)}
    others = auction_watch.changed(session, [key for key in wanted if key not in found], AUDIENCES)
    return {**found, **others}


def _hot(make: Make) -> Callable[[Connection, UUID, Json, datetime, Ack], None]:
    def handle(connection: Connection, auction_id: UUID, message: Json, recv_at: datetime, ack: Ack) -> None:
        seat = connection.seat
        if not isinstance(seat, SeatKey):
            raise NotAllowed("auction_no_seat", source="rules §4.3 A-02")
        hall = owner_here(auction_id)
        if hall is None:
            raise NotNow("hall_elsewhere", source="rules §4.7")
        lang = connection.lang

        def answered(answer: Answer) -> None:
            ack(live.refused(answer, lang) if isinstance(answer, Refusal) else {"ok": True, **answer})

        # The core stamps the arrival itself: the gateway's stamp is another clock.
        hall.submit(auction_id, make(seat.key, message), None, answered)

    return handle


CHANNEL = Channel(
    PREFIX,
    may_join=_may_join,
    snapshot=_snapshot,
    since=_since,
    hot={word: _hot(make) for word, make in DEEDS.items()},
    audience=_audience,
    on_join=_on_join,
    own=_own,
    versions=_versions,
    owned=True,
    taken=_taken,
    lost=_lost,
)
"""``auction:<id>``: every live page of an auction."""
