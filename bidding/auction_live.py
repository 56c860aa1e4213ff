"""The auction as a live channel: who may listen as what, offers in, numbered news out.

An audience's news are numbered for it alone: a number that grew with hidden events would tell of them. Numbers begin
at the instant a process took the room over, so they grow across a change of owner without being stored.

Source: rules §4.2, §4.7; performance §3; docs/formats/live-channel.md.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from sqlalchemy.orm import Session

from bidding import queries_auction as queries
from bidding.actions.auctions_life import follow_now
from bidding.hall_core import journal
from bidding.hall_core.core import Answer, HallCore
from bidding.hall_core.registry import hall_for, hall_of, halls, install
from bidding.hall_core.rooms import Room
from bidding.rules.auction import events, sight
from bidding.rules.auction.events import Event
from bidding.rules.auction.state import State
from bidding.rules.auction.terms import RankShown
from kernel import live
from kernel.clock import Clock, GuardedClock
from kernel.errors import NotAllowed, NotNow, NotValid, Refusal
from kernel.live import Ack, Channel, Connection, Json, Lease
from kernel.live.channel import room_of
from kernel.money import Money
from kernel.outside import system_entropy
from kernel.platform import Platform
from kernel.rights import Actor

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
    """The news of one audience of one room: its number, and what was told lately."""

    version: int
    told: deque[tuple[int, Json]] = field(default_factory=lambda: deque(maxlen=KEPT))


class LiveOutlet:
    """Tells the rooms of a hall what changed, per audience and per bidder."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self.platform = platform
        self._clock = clock
        self._lock = threading.Lock()
        self._voices: dict[tuple[UUID, str], _Voice] = {}
        self._plates: dict[UUID, set[str]] = {}

    def told(self, room: Room, before: State, after: State) -> None:
        channel = f"{PREFIX}:{room.id}"
        for audience, viewer in AUDIENCES.items():
            voice = self._voice(room.id, audience)
            if not self._heard(channel, audience):
                self._skip(voice)
                continue
            news = sight.news(before, after, viewer)
            if news is None:
                continue
            with self._lock:
                voice.version += 1
                voice.told.append((voice.version, news))
                version = voice.version
            live.tell(self.platform, channel, version=version, news=news, audience=audience)
        for plate in self._concerned(room.id, before, after):
            own = sight.private(before, after, plate)
            if own is not None:
                live.tell_one(self.platform, channel, plate, news=own)

    def trouble(self, auction: UUID, on: bool) -> None:
        channel = f"{PREFIX}:{auction}"
        for audience in AUDIENCES:
            voice = self._voice(auction, audience)
            with self._lock:
                voice.version += 1
                news = {"storage_trouble": on}
                voice.told.append((voice.version, news))
                version = voice.version
            live.tell(self.platform, channel, version=version, news=news, audience=audience)

    def version(self, auction: UUID, audience: str) -> int:
        """The number of an audience's present view."""
        return self._voice(auction, audience).version

    def since(self, auction: UUID, audience: str, seen: int) -> list[tuple[int, Json]] | None:
        """News after a number, None when some of them are not kept."""
        voice = self._voice(auction, audience)
        with self._lock:
            if seen == voice.version:
                return []
            kept = [one for one in voice.told if one[0] > seen]
            whole = len(kept) == voice.version - seen
        return kept if whole and kept else None

    def joined(self, auction: UUID, plate: str) -> None:
        """A bidder listens here, so his private news have to be told here."""
        with self._lock:
            self._plates.setdefault(auction, set()).add(plate)

    def forget(self, auction: UUID) -> None:
        """The room has another owner; numbers begin anew if it comes back."""
        with self._lock:
            for key in [key for key in self._voices if key[0] == auction]:
                del self._voices[key]

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1_000_000)

    def _voice(self, auction: UUID, audience: str) -> _Voice:
        with self._lock:
            voice = self._voices.get((auction, audience))
            if voice is None:
                voice = self._voices[auction, audience] = _Voice(self._now())
            return voice

    def _skip(self, voice: _Voice) -> None:
        """Nobody listened, so nobody can catch up from here; the number goes on by time, not by events."""
        with self._lock:
            if voice.told:
                voice.told.clear()
            voice.version = max(voice.version + 1, self._now())

    def _heard(self, channel: str, audience: str) -> bool:
        """Whether anybody may be listening: here, or in a process that hears us over the bus."""
        lively = self.platform.live
        if lively is None:
            return False
        if getattr(lively, "bus", None) is not None:
            return True
        told: Mapping[str, int] | None = getattr(lively, "told", None)
        return told is None or room_of(channel, audience) in told

    def _concerned(self, auction: UUID, before: State, after: State) -> list[str]:
        """Bidders whose own view may have changed; the engine then says whether it did."""
        if self.platform.live is None:
            return []
        near = self._plates.get(auction, set())
        bus = getattr(self.platform.live, "bus", None)
        plates = after.plates if bus is not None else [one for one in after.plates if one in near]
        exact = after.terms.visible.rank in (RankShown.EXACT, RankShown.TOP_THREE)
        if before.stage is not after.stage or (exact and before.standing is not after.standing):
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
    hall = HallCore(
        platform,
        name=name or f"hall-{system_entropy(8).hex()}",
        outlet=LiveOutlet(platform, clock),
        clock=clock,
        following=follow_now,
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


def _may_join(session: Session, actor: Actor, auction_id: UUID) -> bool:
    queries.viewer_of(session, actor, auction_id)
    return True


def _audience(session: Session, actor: Actor, auction_id: UUID) -> str:
    state = queries.state_of(session, auction_id)
    return sight.audience(state, queries.viewer_of(session, actor, auction_id))


def _on_join(session: Session, actor: Actor, auction_id: UUID) -> object:
    viewer = queries.viewer_of(session, actor, auction_id)
    if not isinstance(viewer, sight.Bidder):
        return None
    hall = hall_for(session)
    if hall is not None and isinstance(hall.outlet, LiveOutlet):
        hall.outlet.joined(auction_id, viewer.plate)
    assert actor.org_id is not None
    return SeatKey(viewer.plate, actor.org_id)


def _snapshot(session: Session, actor: Actor, auction_id: UUID) -> Json:
    viewer = queries.viewer_of(session, actor, auction_id)
    hall = hall_for(session)
    version = 0
    # The number is read before the state: news in between are then told twice, never lost.
    if hall is not None and isinstance(hall.outlet, LiveOutlet):
        audience = sight.audience(queries.state_of(session, auction_id), viewer)
        if hall.owns(auction_id):
            version = hall.outlet.version(auction_id, audience)
        else:
            told = getattr(hall.platform.live, "told", {})
            version = told.get(room_of(f"{PREFIX}:{auction_id}", audience), 0)
    return {"version": version} | sight.snapshot(queries.state_of(session, auction_id), viewer)


def _since(session: Session, actor: Actor, auction_id: UUID, seen: int) -> list[tuple[int, Json]] | None:
    hall = hall_for(session)
    if hall is None or not hall.owns(auction_id) or not isinstance(hall.outlet, LiveOutlet):
        return None
    return hall.outlet.since(auction_id, _audience(session, actor, auction_id), seen)


def _versions(session: Session, wanted: Sequence[tuple[UUID, str]]) -> Mapping[tuple[UUID, str], int]:
    hall = hall_for(session)
    if hall is None or not isinstance(hall.outlet, LiveOutlet):
        return {}
    outlet = hall.outlet
    return {(one, audience): outlet.version(one, audience) for one, audience in wanted if hall.owns(one)}


Make = Callable[[str, Json], Event]


def amount_of(message: Json, currency: str = "CNY") -> Money:
    """The amount of a message, as a decimal string in yuan. Raises NotValid ``auction_amount``."""
    found = message.get("amount")
    try:
        if not isinstance(found, str) or len(found) > 24:
            raise ValueError("not a text")
        return Money.from_yuan(found, currency)
    except ValueError as problem:
        raise NotValid("auction_amount", source="rules §4.3 A-05", field="amount") from problem


def _number_of(message: Json, name: str) -> Decimal:
    try:
        found = Decimal(str(message.get(name)))
        if not found.is_finite() or len(str(found)) > 24:
            raise InvalidOperation
    except InvalidOperation as problem:
        raise NotValid("auction_amount", source="rules §4.5", field=name) from problem
    return found


def _key(message: Json) -> str:
    return journal.require_key(message.get("key"))


def _offer(plate: str, message: Json) -> Event:
    return events.OfferMade(plate, amount_of(message), _key(message), message.get("confirmed") is True)


def _limit(plate: str, message: Json) -> Event:
    return events.StandingLimit(plate, None if message.get("amount") is None else amount_of(message))


DEEDS: Mapping[str, Make] = {
    "offer": _offer,
    "limit": _limit,
    "will_continue": lambda plate, _: events.WillContinue(plate),
    "match": lambda plate, message: events.Match(plate, _key(message)),
    "waive": lambda plate, _: events.Waive(plate),
    "accept": lambda plate, message: events.Accept(plate, _key(message)),
    "stay": lambda plate, message: events.StayIn(plate, _key(message)),
    "drop": lambda plate, _: events.DropOut(plate),
    "bid2": lambda plate, message: events.Bid2(plate, _number_of(message, "quantity"), _key(message)),
    "turn": lambda plate, message: events.TurnBid(plate, _number_of(message, "amount"), _key(message)),
}
"""What a bidder can do in the hall: the word of the command, and the event it becomes."""


def _hot(make: Make) -> Callable[[Connection, UUID, Json, datetime, Ack], None]:
    def handle(connection: Connection, auction_id: UUID, message: Json, recv_at: datetime, ack: Ack) -> None:
        seat = connection.seat
        if not isinstance(seat, SeatKey):
            raise NotAllowed("auction_no_seat", source="rules §4.3 A-02")
        hall = next((one for one in halls() if one.owns(auction_id)), None)
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
    own=queries.own,
    versions=_versions,
    owned=True,
    taken=_taken,
    lost=_lost,
)
"""``auction:<id>``: every live page of an auction."""
