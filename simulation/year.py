"""The engine of a simulated year: an agenda of actors, requests that meet faults, and what is checked after
each step.
"""

from __future__ import annotations

import heapq
import itertools
import random
import traceback
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from kernel import timekeeper
from kernel.clock import SHANGHAI
from kernel.errors import Refusal
from kernel.ledger import sequencer
from kernel.outbox import courier
from kernel.outbox.render import renderer
from kernel.promises import Promise
from kernel.work import Work
from simulation import retold
from simulation.deal import Deal
from simulation.faults import Crash, Faults
from simulation.world import Player, World

T = TypeVar("T")
Life = Generator[datetime, None, None]
"""An actor's life: it acts, then yields the instant at which it wants to act again."""

TRIES = 8


@dataclass(frozen=True)
class Fault:
    """Something that must not be: a broken promise, an unexpected refusal, a bug."""

    at: datetime
    what: str
    subject: str
    seen: str

    def __str__(self) -> str:
        return f"{self.at.isoformat(timespec='seconds')} {self.what}: {self.subject} {self.seen}"


class Stop(Exception):
    """A promise is broken: what comes after it would only hide it."""


@dataclass
class Year:
    """What is going on. Actors get this and nothing else."""

    world: World
    faults: Faults
    dice: random.Random
    breaches: list[Fault] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    steps: int = 0
    stop_at_first: bool = True
    seen: dict[str, int] = field(default_factory=dict)
    _agenda: list[tuple[datetime, int, Life]] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _turn: int = 0

    @property
    def now(self) -> datetime:
        return self.world.now

    def soon(self, least: float, most: float) -> datetime:
        """An instant between so many minutes from now, in whole seconds."""
        seconds = self.dice.randint(int(least * 60), max(int(least * 60), int(most * 60)))
        return self.now + timedelta(seconds=seconds)

    def live(self, life: Life, at: datetime | None = None) -> None:
        """Let an actor begin, now or later."""
        heapq.heappush(self._agenda, (max(at or self.now, self.now), next(self._numbers), life))

    def tell(self, text: str, deal: Deal | None = None) -> None:
        """One line of the story."""
        about = f" {deal.code}" if deal is not None else ""
        self.story.append(f"{self.now.astimezone(SHANGHAI):%m-%d %H:%M:%S}{about} {text}")

    def count(self, what: str) -> None:
        """Remember that a turn of events was met, for the summary."""
        self.seen[what] = self.seen.get(what, 0) + 1

    def breach(self, what: str, subject: object, seen: str = "") -> None:
        """Write down what must not be."""
        self.breaches.append(Fault(self.now, what, str(subject), seen))
        self.tell(f"!! {what}: {subject} {seen}")
        if self.stop_at_first:
            raise Stop

    # Requests -------------------------------------------------------------------------------------

    def ask(
        self,
        player: Player | None,
        what: str,
        deed: Callable[[Work], T],
        *,
        deal: Deal | None = None,
        known: Collection[str] = (),
        refused: Collection[str] = (),
        must_refuse: str = "",
        again: bool = True,
    ) -> T | None:
        """One request in a transaction of its own, with everything that can happen to a request.

        Args:
            known: refusals that mean "already done" when the same request comes again.
            refused: refusals an actor may meet in ordinary life; the story notes them.
            must_refuse: the code with which this request has to be refused; anything else is a breach.
            again: whether the same request may be sent twice (what the protocol promises to be idempotent).
        """

        def request() -> T:
            with self.world.begin(player) as work:
                return deed(work)

        return self.call(
            request,
            f"{player.name if player else 'system'} {what}",
            deal=deal,
            known=known,
            refused=refused,
            must_refuse=must_refuse,
            again=again,
        )

    def call(
        self,
        request: Callable[[], T],
        what: str,
        *,
        deal: Deal | None = None,
        known: Collection[str] = (),
        refused: Collection[str] = (),
        must_refuse: str = "",
        again: bool = True,
    ) -> T | None:
        """As ``ask``, for a request that opens its own transactions."""
        result: T | None = None
        tried = False
        for _ in range(TRIES):
            try:
                result = request()
            except Crash as crash:
                self.tell(f"{what}: {crash}", deal)
                tried = True
                continue
            except Refusal as no:
                self._refused(no, what, deal, {*refused, *(known if tried else ())}, must_refuse)
                self.settle()
                return None
            break
        if must_refuse:
            self.breach(f"{what} was not refused", deal.code if deal else "", must_refuse)
        self.tell(what, deal)
        self.settle()
        if again and self.faults.happens("doubled", self.faults.doubled):
            self._again(request, f"{what} (twice)", deal, known)
        return result

    def _refused(
        self, no: Refusal, what: str, deal: Deal | None, expected: Collection[str], must_refuse: str
    ) -> None:
        self.tell(f"{what}: refused {no.code}", deal)
        self.count(f"refused {no.code}")
        if no.code != must_refuse and no.code not in expected:
            self.breach(f"{what} was refused", deal.code if deal else "", str(no))

    def _again(
        self, request: Callable[[], Any], what: str, deal: Deal | None, known: Collection[str]
    ) -> None:
        try:
            request()
        except Crash as crash:
            self.tell(f"{what}: {crash}", deal)
        except Refusal as no:
            self._refused(no, what, deal, known, "")
        else:
            self.tell(what, deal)
        self.settle()

    def later(self, request: Callable[[], Any], what: str, deal: Deal, refused: Collection[str]) -> None:
        """Perhaps a copy of a request arrives hours later; it may be refused with one of these codes."""
        if not self.faults.happens("late", self.faults.late):
            return

        def arrives() -> Life:
            yield self.soon(30, 60 * 24 * 20)
            self.call(request, f"{what} (late copy)", deal=deal, refused=refused, again=False)

        self.live(arrives())

    # Steps ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """What follows every step: the sequencer and the witnesses, then some promises."""
        self.steps += 1
        if not self.faults.happens("lazy", self.faults.lazy):
            self.sequence()
        promises = self.promises
        for _ in range(2):
            self._turn = (self._turn + 1) % len(promises)
            self.keep(promises[self._turn])

    def sequence(self) -> None:
        """One round of the sequencer and the witnesses; it may die in the middle."""
        try:
            self.world.sequence()
        except Crash as crash:
            self.tell(f"sequencer: {crash}")

    @property
    def promises(self) -> list[Promise]:
        """Of all rooms, and the simulator's own."""
        return [*(p for room in self.world.platform.rooms for p in room.promises), *retold.PROMISES]

    def keep(self, promise: Promise) -> None:
        """Ask one promise for breaches."""
        with self.world.read() as session:
            found = list(promise.check(session, self.now))
        for one in found:
            self.breach(promise.sentence, one.subject, one.seen)

    def night(self) -> None:
        """Midnight: mail goes out, the minute's tick is written, every promise is checked."""
        platform = self.world.platform
        try:
            courier.deliver(platform, renderer(platform.settings), limit=200)
            sequencer.tick(platform)
        except Crash as crash:
            self.tell(f"courier: {crash}")
        self.sequence()
        for promise in self.promises:
            self.keep(promise)

    def keep_time(self) -> None:
        """The timekeeper's round; a second one may act on what both have read."""
        platform = self.world.platform
        stale = self._due() if self.faults.happens("timekeepers", self.faults.timekeepers) else []
        try:
            moved = timekeeper.keep_time(platform)
        except Crash as crash:
            self.tell(f"timekeeper: {crash}")
            moved = 1
        for action, key in stale:
            try:
                with self.world.begin() as work:
                    action(work, key)
            except Refusal:
                continue
            except Crash as crash:
                self.tell(f"second timekeeper: {crash}")
        if moved or stale:
            self.settle()

    def _due(self) -> list[tuple[Callable[[Work, Any], None], Any]]:
        found: list[tuple[Callable[[Work, Any], None], Any]] = []
        with self.world.read() as session:
            for model, deadlines in self.world.platform.deadlines.items():
                keys = list(
                    session.scalars(
                        sa.select(model.id).where(model.next_moment_at <= self.now).order_by(model.id)
                    )
                )
                found.extend((deadline.action, key) for key in keys for deadline in deadlines)
        return found

    def _moments(self) -> tuple[bool, datetime | None]:
        """Whether a row's moment has come, and the nearest moment still ahead."""
        due, ahead = False, []
        with self.world.read() as session:
            for model in self.world.platform.deadlines:
                at = model.next_moment_at
                due = due or session.scalar(sa.select(model.id).where(at <= self.now).limit(1)) is not None
                ahead.append(session.scalar(sa.select(sa.func.min(at)).where(at > self.now)))
        return due, min((moment for moment in ahead if moment is not None), default=None)

    def run(self, until: datetime) -> None:
        """Live until an instant, or until something is broken."""
        try:
            self._run(until)
        except Stop:
            return
        except Exception as bug:
            trace = "".join(traceback.format_exception(bug)[-6:])
            self.breaches.append(Fault(self.now, f"{type(bug).__name__}", str(bug)[:300], trace))
            self.tell(f"!! {type(bug).__name__}: {str(bug)[:300]}")

    def _run(self, until: datetime) -> None:
        midnight = _midnight_after(self.now)
        while self.now < until:
            due, ahead = self._moments()
            if due:
                self.keep_time()
                due, ahead = self._moments()
            stops = [
                midnight,
                until,
                *([ahead] if ahead else []),
                *([self._agenda[0][0]] if self._agenda else []),
            ]
            self.world.clock.move(max(self.now, min(stops)))
            if self.now >= midnight:
                self.night()
                midnight = _midnight_after(self.now)
            if ahead is not None and self.now >= ahead and self.dice.random() < 0.8:
                self.keep_time()  # otherwise somebody comes first, at the very instant
            while self._agenda and self._agenda[0][0] <= self.now:
                _, _, life = heapq.heappop(self._agenda)
                wanted = next(life, None)
                if wanted is not None:
                    self.live(life, max(wanted, self.now + timedelta(seconds=1)))


def _midnight_after(now: datetime) -> datetime:
    local = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    return (local + timedelta(days=1)).astimezone(now.tzinfo)
