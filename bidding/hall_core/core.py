"""The hall's heart: offers in, one committer, answers out, never before they are durable.

Whoever has a message for an auction hands it in from any thread and goes on; one native thread takes everything that
waits, lets the engine judge it in order of arrival, writes one transaction for all rooms, then answers, then tells
the rooms. What could not be written was never said.

Source: rules §4.3 A-01…A-03, A-08, A-09, A-11, §4.7; performance §3.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from bidding.hall_core import journal, rooms
from bidding.hall_core.draft import Draft, next_moment
from bidding.hall_core.journal import HEADS, Moved
from bidding.hall_core.receipts import LogHead, Signer, note_body, offer_body
from bidding.hall_core.rooms import Room
from bidding.rules.auction import events
from bidding.rules.auction.engine import receipt_of
from bidding.rules.auction.events import Event
from bidding.rules.auction.state import State
from kernel.clock import Clock, GuardedClock
from kernel.errors import NotFound, NotNow, Refusal, TooMany
from kernel.ledger import sequencer
from kernel.money import Money
from kernel.platform import Platform

log = structlog.get_logger("sunroad.hall")

Answer = Mapping[str, Any] | Refusal
Ack = Callable[[Answer], None]
"""Takes the one answer to a message, from the committer's thread: ``{"receipt": text, …}`` or the refusal."""

DRAIN = timedelta(milliseconds=20)
"""How long past an end the core waits for messages that were stamped before it."""
BEAT = timedelta(seconds=1)
"""How often a hall writes that it is there; this is also how it notices that it cannot write."""
OUTAGE = timedelta(seconds=5)
"""A silence longer than this is an outage with the printed remedy. Source: rules §4.7 (auto-suspend)."""
WRITE_WAIT_SECONDS = 1.0
"""How long the committer waits for another writer before it says that it cannot write; it tries again anyway."""
QUEUE_MAX = 20_000
BATCH_MAX = 500
"""Messages judged and written together. A longer queue takes turns: while a hall thinks, nobody hears that it is alive."""
STANDING = frozenset({events.Pause.kind, events.Resume.kind})
ROOMS_TOLD = 16
"""Rooms that are told before their listeners are woken: few enough that the first do not wait for the last."""
TAKEN_AWAY = (-1, -1)
"""What the database says of a room that has another owner now."""
RETRY_SECONDS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)


class Outlet(Protocol):
    """Who speaks to the rooms: the live channel, or a test."""

    def told(self, room: Room, before: State, after: State) -> None:
        """A room has a new durable state; called once per commit, from the committer's thread."""

    def trouble(self, auction: UUID, on: bool) -> None:
        """The core cannot write (or can again): offers wait and nothing is accepted meanwhile."""


class Silent:
    """An outlet nobody listens to."""

    def told(self, room: Room, before: State, after: State) -> None: ...

    def trouble(self, auction: UUID, on: bool) -> None: ...


@dataclass(slots=True)
class _Message:
    auction: UUID
    event: Event
    recv_at: datetime
    ack: Ack


@dataclass(slots=True)
class _Plan:
    drafts: dict[UUID, Draft] = field(default_factory=dict)
    answers: list[tuple[Ack, Answer]] = field(default_factory=list)
    receipts: dict[tuple[UUID, str, str], str] = field(default_factory=dict)
    urgent: list[tuple[UUID, str, datetime]] = field(default_factory=list)
    heads: dict[UUID, tuple[int, int]] | None = None
    """Version and fence of every room as the database has them, once a beat."""


@dataclass
class Figures:
    """What a core has done since it started."""

    accepted: int = 0
    refused: int = 0
    repeated: int = 0
    batches: int = 0
    moved: int = 0
    troubles: int = 0


class HallCore:
    """The auctions one process owns.

    Args:
        name: of this process, unique among halls. outlet: who tells the rooms.
        clock: the machine's clock under guard unless a test hands one in.
        fault: called inside every transaction before it commits; a test makes it fail there.
        following: whether to bring tables up to date after stages change (off where a test does it itself).
        together: while it lasts, whoever is answered and told is woken once; the live channel's.
    """

    def __init__(
        self,
        platform: Platform,
        *,
        name: str,
        outlet: Outlet | None = None,
        clock: Clock | None = None,
        fault: Callable[[Connection], None] | None = None,
        following: Callable[[Platform, UUID], object] | None = None,
        together: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.platform, self.name = platform, name
        self.outlet: Outlet = outlet or Silent()
        self.clock: Clock = clock or GuardedClock(platform.outside.clock)
        self.figures = Figures()
        self._fault, self._following, self._together = fault, following, together
        self._entropy = platform.outside.entropy
        self._signer = Signer(platform.platform_key)
        self._writer = platform.database.own_writer(WRITE_WAIT_SECONDS)
        self._rooms: dict[UUID, Room] = {}
        self._queue: queue.SimpleQueue[_Message | None] = queue.SimpleQueue()
        self._urgent: list[tuple[UUID, str, datetime]] = []
        self._stale: set[UUID] = set()
        self._guard = threading.Lock()
        self._log_head = LogHead()
        self._alive_at: datetime | None = None
        self._trouble_at: datetime | None = None
        self._thread: threading.Thread | None = None
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="hall aside")
        self._stopping = False

    # ---- owning ---------------------------------------------------------------------------------------------

    def take(self, auction_id: UUID) -> Room:
        """Become the owner of an auction: raise its fence, read its journal, and mend what a dead owner left.

        Waits for the database. A former owner's next transaction fails.

        Raises:
            NotFound: no such auction.
        """
        now = self.clock.now()
        with self.platform.database.writer.begin() as connection:
            row = connection.execute(sa.select(HEADS).where(HEADS.c.id == auction_id)).one_or_none()
            if row is None:
                raise NotFound("not_found", thing="auction", id=str(auction_id))
            connection.execute(
                sa.update(HEADS)
                .where(HEADS.c.id == auction_id)
                .values(fence=HEADS.c.fence + 1, owner=self.name, alive_at=now)
            )
            room, _ = rooms.load(connection, auction_id)
        with self._guard:
            self._rooms[auction_id] = room
            if row.alive_at is not None and lost(room.state, row.alive_at, now):
                self._urgent.append((auction_id, "failover", row.alive_at))
        self._queue.put(None)
        return room

    def drop(self, auction_id: UUID) -> None:
        """Stop owning an auction, with a farewell so that nobody takes it for an outage."""
        with self._guard:
            room = self._rooms.pop(auction_id, None)
        if room is None:
            return
        with self.platform.database.writer.begin() as connection:
            connection.execute(
                sa.update(HEADS)
                .where(HEADS.c.id == auction_id, HEADS.c.owner == self.name, HEADS.c.fence == room.head.fence)
                .values(owner="", alive_at=None)
            )

    def owns(self, auction_id: UUID) -> bool:
        return auction_id in self._rooms

    def owned(self) -> list[UUID]:
        return list(self._rooms)

    def state(self, auction_id: UUID) -> State | None:
        """The last durable state of an auction this process owns."""
        room = self._rooms.get(auction_id)
        return None if room is None else room.state

    def room(self, auction_id: UUID) -> Room | None:
        return self._rooms.get(auction_id)

    # ---- messages -------------------------------------------------------------------------------------------

    def offer(
        self,
        auction_id: UUID,
        plate: str,
        amount: Money,
        key: str,
        recv_at: datetime | None = None,
        ack: Ack | None = None,
        *,
        confirmed: bool = False,
    ) -> None:
        """Hand in an offer. Returns at once; ``ack`` gets the answer when it is durable.

        ``recv_at`` is the core's own stamp unless the caller shares its clock. Source: rules §4.3 A-03.
        """
        self.submit(auction_id, events.OfferMade(plate, amount, key, confirmed), recv_at, ack)

    def submit(
        self, auction_id: UUID, event: Event, recv_at: datetime | None = None, ack: Ack | None = None
    ) -> None:
        """Hand in any event of a participant or of the platform. Returns at once."""
        answer = ack or _nobody
        if self._queue.qsize() >= QUEUE_MAX:
            answer(TooMany("hall_busy", source="rules §4.7"))
            return
        self._queue.put(_Message(auction_id, event, recv_at or self.clock.now(), answer))

    # ---- the committer --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the committer's thread."""
        assert self._thread is None
        self._thread = threading.Thread(target=self._run, name="hall committer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, say farewell to every room and end the thread."""
        self._stopping = True
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(10.0)
            self._thread = None
        for auction_id in self.owned():
            self.drop(auction_id)
        self._writer.close()
        self._aside.shutdown(wait=True)

    def _run(self) -> None:
        while not (self._stopping and self._queue.empty()):
            try:
                first = self._queue.get(timeout=self._pause())
            except queue.Empty:
                first = None
            try:
                self.turn([first] if first is not None else [])
            except Exception:  # a bug in one batch must not end all auctions of this process
                log.exception("hall_mistake")

    def _pause(self) -> float:
        """Seconds until something is due, at most a beat."""
        now = self.clock.now()
        nearest = BEAT
        for room in tuple(self._rooms.values()):
            if room.moment is not None:
                nearest = min(nearest, room.moment + DRAIN - now)
        return max(0.0005, nearest.total_seconds())

    def turn(self, messages: list[_Message] | None = None) -> int:
        """Take everything that waits and write it; returns how many events became durable.

        The committer's thread calls it again and again; a test calls it by hand.
        """
        waiting = list(messages or [])
        self._drain(waiting, BATCH_MAX)
        with self._guard:
            reread, self._stale = list(self._stale), set()
        attempt, moved, plan = 0, False, _Plan()
        while True:
            now = self.clock.now()
            # Whoever stamped his offer before an end and still waits in the queue is heard before that end.
            more = len(waiting) >= BATCH_MAX and not self._queue.empty()
            until = min(now, waiting[-1].recv_at) if more else now
            try:
                self._reload(reread)
                if (
                    moved
                ):  # judging anew takes time: an owner that is alive must not be taken for dead meanwhile
                    self._beat(now)
                plan = self._plan(waiting, now, until - DRAIN)
                written = self._write(plan, now)
            except Moved:
                self.figures.moved += 1
                reread, moved = list(plan.drafts), True
            except (sa.exc.DBAPIError, sa.exc.TimeoutError, OSError) as trouble:
                self._in_trouble(trouble, now)
                if self._stopping:
                    raise
                self._sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1
                self._drain(waiting, QUEUE_MAX)
            else:
                if self._trouble_at is not None:
                    self._out_of_trouble(now)
                self._settle(plan, now)
                if plan.heads is not None and self._thread is not None:
                    self._aside.submit(self._look)
                return written

    def _drain(self, waiting: list[_Message], most: int) -> None:
        while len(waiting) < most:
            try:
                found = self._queue.get_nowait()
            except queue.Empty:
                return
            if found is not None:
                waiting.append(found)

    def _sleep(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    # ---- judging --------------------------------------------------------------------------------------------

    def _plan(self, waiting: Sequence[_Message], now: datetime, until: datetime) -> _Plan:
        """Judge messages in their order, then let every moment pass that lies no later than ``until``."""
        plan = _Plan()
        with self._guard:
            plan.urgent = list(self._urgent)
        trouble = self._trouble_at
        for auction_id, reason, since in plan.urgent:
            draft = self._draft(plan, auction_id)
            if draft is not None:
                draft.stand_still(reason, since, now)
        if trouble is not None and now - trouble > OUTAGE:
            for message in waiting:
                if message.recv_at <= trouble:
                    self._judge(plan, message)
            for auction_id in self.owned():
                draft = self._draft(plan, auction_id)
                assert draft is not None
                draft.stand_still("storage", trouble, now)
            waiting = [message for message in waiting if message.recv_at > trouble]
        for message in waiting:
            self._judge(plan, message)
        for auction_id, room in tuple(self._rooms.items()):
            held = plan.drafts.get(auction_id)
            moment = room.moment if held is None else next_moment(held.state)
            if moment is not None and moment <= until:
                draft = self._draft(plan, auction_id)
                if draft is not None:
                    draft.advance(until)
        return plan

    def _draft(self, plan: _Plan, auction_id: UUID) -> Draft | None:
        draft = plan.drafts.get(auction_id)
        if draft is None:
            room = self._rooms.get(auction_id)
            if room is None:
                return None
            draft = plan.drafts[auction_id] = Draft(room.head, room.state, self._entropy)
        return draft

    def _judge(self, plan: _Plan, message: _Message) -> None:
        """What becomes of one message: a line and a receipt, the first receipt again, or a refusal."""
        room = self._rooms.get(message.auction)
        draft = self._draft(plan, message.auction)
        if room is None or draft is None:
            plan.answers.append((message.ack, NotNow("hall_elsewhere", auction=str(message.auction))))
            return
        event = message.event
        plate: str | None = getattr(event, "plate", None)
        key: str | None = getattr(event, "key", None)
        at = draft.at_least(message.recv_at)
        try:
            moment = next_moment(draft.state)
            if moment is not None and moment <= at:
                draft.advance(at)
            if key is not None and draft.state.keys.get(key) is not None:
                plan.answers.append((message.ack, self._first_answer(plan, room, event, plate, key)))
                return
            line = draft.apply(
                event,
                at,
                plate=plate,
                key=key,
                receipt=lambda state, digest: self._receipt(room, event, state, digest),
            )
        except Refusal as no:
            plan.answers.append((message.ack, no))
            return
        if line is None:
            plan.answers.append((message.ack, {"unchanged": True}))
            return
        assert line.receipt is not None
        if plate is not None and key is not None:
            plan.receipts[room.id, plate, key] = line.receipt
        plan.answers.append((message.ack, {"receipt": line.receipt}))

    def _receipt(self, room: Room, event: Event, state: State, digest: bytes) -> str:
        key = getattr(event, "key", None)
        taken = receipt_of(state, key) if key is not None else None
        if taken is not None:
            body = offer_body(room.name, room.lot, taken, state, digest, self._log_head, counted=room.counted)
        else:
            body = note_body(room.id, room.lot, event, state, digest, self._log_head)
        return self._signer.receipt(body)

    def _first_answer(self, plan: _Plan, room: Room, event: Event, plate: str | None, key: str) -> Answer:
        """The answer an idempotency key got the first time. Source: rules §4.3 A-08."""
        owner = plate or ""
        fresh = plan.receipts.get((room.id, owner, key))
        if fresh is None:
            with self.platform.database.reader.connect() as connection:
                fresh = journal.receipt_by_key(connection, room.id, owner, key)
        if fresh is None:
            return NotNow("auction_key_foreign", source="rules §4.3 A-08")
        self.figures.repeated += 1
        return {"receipt": fresh, "repeated": True}

    # ---- writing --------------------------------------------------------------------------------------------

    def _write(self, plan: _Plan, now: datetime) -> int:
        """One transaction for everything planned, and the beat when its time has come."""
        moves, lines = [], []
        for draft in plan.drafts.values():
            if draft.lines:
                moves.append(draft.closed(owned=True))
                lines.extend(draft.pairs())
        beat = self._alive_at is None or now - self._alive_at >= BEAT or self._trouble_at is not None
        kept = tuple(self._rooms.values()) if beat else ()
        owned = [room for room in kept if not room.head.over]
        if not moves and not owned:
            if beat:
                self._alive_at = now
            return 0
        with self._writer.begin() as connection:
            if moves:
                journal.append(connection, moves, lines)
            if owned:
                plan.heads = self._say_alive(connection, owned, now)
            if self._fault is not None:
                self._fault(connection)
        if beat:
            self._alive_at = now
        if moves:
            self.figures.batches += 1
        return len(lines)

    def _beat(self, now: datetime) -> None:
        """Write that we are there, and nothing else."""
        owned = [room for room in tuple(self._rooms.values()) if not room.head.over]
        if owned:
            with self._writer.begin() as connection:
                self._say_alive(connection, owned, now)

    def _say_alive(
        self, connection: Connection, owned: Sequence[Room], now: datetime
    ) -> dict[UUID, tuple[int, int]]:
        """Write that we are there; returns what the database says of our rooms.

        A room that the timekeeper took for ownerless is ours again as long as nobody else took it.
        """
        mine = HEADS.c.owner == self.name
        given_up = sa.and_(HEADS.c.owner == "", HEADS.c.alive_at.is_not(None))
        fences = sa.tuple_(HEADS.c.id, HEADS.c.fence).in_([(room.id, room.head.fence) for room in owned])
        found = connection.execute(
            sa.update(HEADS)
            .where(fences, mine | given_up)
            .values(owner=self.name, alive_at=now)
            .returning(HEADS.c.id, HEADS.c.version, HEADS.c.fence)
        )
        kept = {row.id: (row.version, row.fence) for row in found}
        return dict.fromkeys((room.id for room in owned), TAKEN_AWAY) | kept

    def _reload(self, auctions: Sequence[UUID]) -> None:
        """Somebody else wrote: read again what he wrote, and forget rooms that have a new owner."""
        if not auctions:
            return
        with self.platform.database.reader.connect() as connection:
            for auction_id in auctions:
                room = self._rooms.get(auction_id)
                if room is None:
                    continue
                head = journal.head_of(connection, auction_id)
                if head is None or head.fence != room.head.fence:
                    log.warning("hall_room_lost", auction=str(auction_id))
                    with self._guard:
                        self._rooms.pop(auction_id, None)
                elif head.version != room.head.version:
                    fresh, _ = rooms.load(connection, auction_id)
                    before = room.state
                    room.install(fresh.state, fresh.head)
                    self._tell(room, before, follow=before.stage is not room.state.stage)

    def refresh(self, auction_id: UUID) -> None:
        """Read an auction's journal again when somebody else appended to it (an admission, an order to pause)."""
        room = self._rooms.get(auction_id)
        if room is not None:
            with self._guard:
                self._stale.add(auction_id)
            self._queue.put(None)

    def _settle(self, plan: _Plan, now: datetime) -> None:
        """After the commit: install the states, answer everybody, then tell the rooms."""
        with self._guard:
            self._urgent = [one for one in self._urgent if one not in plan.urgent]
        changed: list[tuple[Room, State, bool]] = []
        for auction_id, draft in plan.drafts.items():
            room = self._rooms.get(auction_id)
            if room is None or not draft.lines:
                continue
            before = room.state
            room.install(draft.state, draft.head)
            # A clock that stood still and goes on in one batch leaves the stage as it was, and an outage to publish.
            stood = any(line.kind in STANDING for line in draft.lines)
            changed.append((room, before, stood or before.stage is not room.state.stage))
        with self._together():
            for ack, answer in plan.answers:
                self._answer(ack, answer)
        for at in range(0, len(changed), ROOMS_TOLD):
            with self._together():
                for room, before, follow in changed[at : at + ROOMS_TOLD]:
                    self._tell(room, before, follow=follow)
        for auction_id, (version, fence) in (plan.heads or {}).items():
            room_now = self._rooms.get(auction_id)
            if room_now is not None and (room_now.head.version, room_now.head.fence) != (version, fence):
                self._reload([auction_id])

    def _answer(self, ack: Ack, answer: Answer) -> None:
        if isinstance(answer, Refusal):
            self.figures.refused += 1
        elif "receipt" in answer and "repeated" not in answer:
            self.figures.accepted += 1
        try:
            ack(answer)
        except Exception:
            log.exception("hall_answer")

    def _tell(self, room: Room, before: State, *, follow: bool) -> None:
        try:
            self.outlet.told(room, before, room.state)
        except Exception:
            log.exception("hall_news", auction=str(room.id))
        if follow and self._following is not None:
            following = self._following
            self._aside.submit(_logged, following, self.platform, room.id)

    # ---- trouble --------------------------------------------------------------------------------------------

    def _in_trouble(self, trouble: Exception, now: datetime) -> None:
        self.figures.troubles += 1
        if self._trouble_at is None:
            self._trouble_at = now
            log.error("hall_storage", trouble=str(trouble))
            for auction_id in self.owned():
                self.outlet.trouble(auction_id, True)

    def _out_of_trouble(self, now: datetime) -> None:
        assert self._trouble_at is not None
        log.warning("hall_storage_back", seconds=(now - self._trouble_at).total_seconds())
        self._trouble_at = None
        for auction_id in self.owned():
            self.outlet.trouble(auction_id, False)

    def _look(self) -> None:
        try:
            self.look_at_log()
        except (sa.exc.SQLAlchemyError, OSError):
            log.warning("hall_log_unread")

    def look_at_log(self) -> None:
        """Read the newest checkpoint, which receipts name from now on."""
        with self.platform.read() as session:
            head = sequencer.head(session)
        self._log_head = LogHead(head.size, head.root.hex())


def lost(state: State, alive_at: datetime, now: datetime) -> bool:
    """Whether bidders lost time by a silence: it was long, or a moment fell into it that nobody kept.

    Source: rules §4.7 (heartbeat gap > 5 s).
    """
    moment = next_moment(state)
    return now - alive_at > OUTAGE or (moment is not None and alive_at < moment <= now)


def _nobody(_answer: Answer) -> None:
    return None


def _logged(deed: Callable[[Platform, UUID], object], platform: Platform, auction_id: UUID) -> None:
    try:
        deed(platform, auction_id)
    except Refusal as no:
        log.info("hall_follow", auction=str(auction_id), code=no.code)
    except Exception:
        log.exception("hall_follow", auction=str(auction_id))
