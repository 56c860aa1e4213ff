"""A rehearsal: the real engine and the real page against robots, for anybody at any time.

Nothing of it is written to a journal, a log or a result. What the robots do follows from the rehearsal's seed and the
time alone; the room is lived on whenever somebody looks at it, second by second.

Source: rules §4 (the same engine); issue "Rehearsal room with robots".
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from bidding.auction_deeds import DEEDS
from bidding.auction_robots import draw, move_of, settlement_of
from bidding.models_auction import Rehearsal
from bidding.rights import REHEARSE
from bidding.rules.auction import engine, events, sight
from bidding.rules.auction.events import Event
from bidding.rules.auction.state import OVER, State
from bidding.rules.auction.terms import Terms
from bidding.rules.auction.values import instant_text, money_text
from kernel import live
from kernel.errors import NotAllowed, NotFound, Refusal
from kernel.live import Channel, Json
from kernel.platform import Platform
from kernel.rights import Actor
from kernel.work import Work

KEPT_ROOMS = 200
KEPT_NEWS = 256
ROBOTS = 5
LIVED_MAX = timedelta(minutes=10)
"""At most so much is lived at one look; who was away longer finds the robots where they were."""


def begin_rehearsal(work: Work, terms: Terms, *, robots: int = ROBOTS) -> Rehearsal:
    """Set up a rehearsal that begins in ten seconds; with opening prices (F13), in forty. Source: issue "Continuity"."""
    work.require(REHEARSE)
    assert work.actor.person_id is not None
    starts_at = work.now + timedelta(seconds=40 if terms.turns is not None else 10)
    seed = work.entropy(32)
    plates = _plates(seed, robots + 1)
    row = Rehearsal(
        id=work.new_id(),
        org_id=work.actor.org_id,
        person_id=work.actor.person_id,
        terms=terms.but(starts_at=starts_at).to_plain(),
        plate=plates[0],
        robots=robots,
        seed=seed,
        starts_at=starts_at,
        made_at=work.now,
    )
    work.session.add(row)
    return row


def _plates(seed: bytes, count: int) -> list[str]:
    found: list[str] = []
    for at in range(1000):
        plate = str(100 + draw(seed, "plate", at) % 900)
        if plate not in found:
            found.append(plate)
        if len(found) == count:
            break
    return found


@dataclass
class Played:
    """A rehearsal in memory: its state, how far it was lived, and its news."""

    seed: bytes
    plate: str
    person_id: UUID
    robots: tuple[str, ...]
    state: State
    lived: datetime
    version: int = 1
    told: deque[tuple[int, Json]] = field(default_factory=lambda: deque(maxlen=KEPT_NEWS))

    def step(self, event: Event, now: datetime) -> None:
        """Let something happen and note what it tells. Raises the engine's refusals."""
        before = self.state
        self.state = engine.apply(before, event, max(now, before.at or now))
        news = sight.news(before, self.state, sight.Bidder(self.plate))
        if news is not None:
            self.version += 1
            self.told.append((self.version, news))

    def live(self, now: datetime) -> None:
        """Live on until now: moments of time, then each robot, second by second."""
        self.lived = max(self.lived, now - LIVED_MAX)
        while self.lived + timedelta(seconds=1) <= now and self.state.stage not in OVER:
            self.lived += timedelta(seconds=1)
            moment = engine.due(self.state)
            while moment is not None and moment <= self.lived:
                self.step(events.Tick(), moment)
                moment = engine.due(self.state)
            for robot in self.robots:
                event = move_of(self.state, robot, self.seed, int(self.lived.timestamp()))
                if event is not None:
                    self._try(event)
            event = settlement_of(self.state, self.seed)
            if event is not None:
                self._try(event)

    def _try(self, event: Event) -> None:
        try:
            self.step(event, self.lived)
        except Refusal:
            return  # robots are refused like everybody


class _Rooms:
    """The rehearsals of this process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._rooms: OrderedDict[UUID, Played] = OrderedDict()

    def of(self, session: Session, rehearsal_id: UUID) -> Played:
        """A rehearsal as far as it was lived. Raises NotFound."""
        with self.lock:
            room = self._rooms.get(rehearsal_id)
            if room is None:
                room = self._begin(session, rehearsal_id)
                self._rooms[rehearsal_id] = room
                while len(self._rooms) > KEPT_ROOMS:
                    self._rooms.popitem(last=False)
            self._rooms.move_to_end(rehearsal_id)
            return room

    def _begin(self, session: Session, rehearsal_id: UUID) -> Played:
        row = session.get(Rehearsal, rehearsal_id)
        if row is None:
            raise NotFound("not_found", thing="rehearsal", id=str(rehearsal_id))
        plates = _plates(row.seed, row.robots + 1)
        state = engine.begin(Terms.from_plain(row.terms), plates)
        return Played(row.seed, row.plate, row.person_id, tuple(plates[1:]), state, row.made_at)


_rooms = _Rooms()


def room_of(session: Session, rehearsal_id: UUID) -> Played:
    """A rehearsal as far as it was lived. Raises NotFound."""
    return _rooms.of(session, rehearsal_id)


# ---- the channel ------------------------------------------------------------------------------------------------


def _may_join(session: Session, actor: Actor, rehearsal_id: UUID) -> bool:
    row = session.get(Rehearsal, rehearsal_id)
    return row is not None and row.person_id == actor.person_id


def _snapshot(session: Session, _actor: Actor, rehearsal_id: UUID) -> Json:
    with _rooms.lock:
        room = _rooms.of(session, rehearsal_id)
        return {"version": room.version} | sight.snapshot(room.state, sight.Bidder(room.plate))


def _since(session: Session, _actor: Actor, rehearsal_id: UUID, seen: int) -> list[tuple[int, Json]] | None:
    with _rooms.lock:
        room = _rooms.of(session, rehearsal_id)
        kept = [one for one in room.told if one[0] > seen]
        return kept if len(kept) == room.version - seen else None


def _own(session: Session, _actor: Actor, rehearsal_id: UUID) -> Json:
    with _rooms.lock:
        room = _rooms.of(session, rehearsal_id)
        return {"plate": room.plate} | (sight.private(None, room.state, room.plate) or {})


def _command(word: str) -> Callable[[Platform, Actor, UUID, Json], Json]:
    make = DEEDS.get(word)

    def run(platform: Platform, actor: Actor, rehearsal_id: UUID, message: Json) -> Json:
        now = platform.outside.clock.now()
        with platform.read() as session, _rooms.lock:
            room = _rooms.of(session, rehearsal_id)
            if room.person_id != actor.person_id:
                raise NotAllowed("channel_closed")
            before, version = room.state, room.version
            room.live(now)
            try:
                if make is not None:
                    room.step(make(room.plate, message), now)
            finally:
                told = [one for one in room.told if one[0] > version]
                own = sight.private(before, room.state, room.plate)
        channel = f"rehearsal:{rehearsal_id}"
        for at, news in told:
            live.tell(platform, channel, version=at, news=news)
        if own is not None:
            live.tell_one(platform, channel, room.plate, news=own)
        return {} if make is None else {"receipt": _receipt(room, before, now)}

    return run


def _receipt(room: Played, before: State, now: datetime) -> str:
    """What a receipt would say, without a signature: a rehearsal binds nobody."""
    end = room.state.shown_ends_at
    body: dict[str, Any] = {
        "plate": room.plate,
        "recv_at": instant_text(now),
        "end_at_after": instant_text(end) if end else "",
        "sig": {"kid": "-"},
    }
    mine = [one for one in room.state.offers if one.plate == room.plate]
    if len(room.state.offers) > len(before.offers) and mine:
        body |= {"price": money_text(mine[-1].amount), "nr": mine[-1].nr}
    return json.dumps(body)


REHEARSAL_CHANNEL = Channel(
    "rehearsal",
    may_join=_may_join,
    snapshot=_snapshot,
    since=_since,
    commands={word: _command(word) for word in ("tick", *DEEDS)},
    on_join=lambda session, _actor, rehearsal_id: _rooms.of(session, rehearsal_id).plate,
    own=_own,
)
"""``rehearsal:<id>``: the page says ``tick`` every second, and the room lives on."""
