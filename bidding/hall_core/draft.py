"""What is about to be written to one journal: the engine's next states with the lines that lead to them.

A draft is thrown away when its transaction fails, so a state in memory never runs ahead of the journal.

Source: rules §4.3 A-01, A-11.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from bidding.hall_core.journal import SALT_BYTES, Head, Line, at_text, chained, digest_of, event_text
from bidding.rules.auction import engine, events
from bidding.rules.auction.events import Event
from bidding.rules.auction.state import OVER, Stage, State
from bidding.rules.auction.terms import LISTED, Terms
from kernel.outside import Entropy

DUE_AT_ONCE_MAX = 10_000
"""How many moments may fall together; more means that the engine's clock stands still."""
UNTOUCHED = frozenset({*OVER, Stage.SETTLING})
"""Stages in which nobody can lose time by a fault."""
GRACE = timedelta(seconds=2)
"""How long past a due moment the timekeeper leaves an auction to the hall that owns it."""


def begun(terms: Terms) -> State:
    """The state before the first event; participants come by ``Admit``."""
    return engine.begin(terms)


def replayed(terms: Terms, lines: list[Line]) -> State:
    """The state a journal leads to. Source: rules §4.3 A-14."""
    state = begun(terms)
    for line in lines:
        state = engine.apply(state, event_of(line.text, terms), line.at)
    return state


def event_of(text: str, terms: Terms) -> Event:
    """The event of a journal line's text."""
    return events.event_from_plain(json.loads(text)["event"], currency=terms.currency)


def next_moment(state: State) -> datetime | None:
    """When time alone changes something next; the printed start also where a hidden tail has still to be drawn."""
    moment = engine.due(state)
    if moment is None and state.stage is Stage.WAITING and state.stopped is None:
        return state.terms.starts_at
    return moment


class Draft:
    """States and lines of one auction on their way into the journal.

    Args:
        head: how far the journal goes. before: the state it leads to.
    """

    __slots__ = ("_at", "_chain", "_seq", "before", "entropy", "head", "lines", "seen", "state")

    def __init__(self, head: Head, state: State, entropy: Entropy) -> None:
        self.seen, self.head, self.before, self.state = head, head, state, state
        self.entropy = entropy
        self.lines: list[Line] = []
        self._seq, self._chain = head.seq, head.chain

    def at_least(self, now: datetime) -> datetime:
        """``now``, or the instant of the last event when that is later: time never runs back in a journal."""
        last = self.state.at
        return last if last is not None and last > now else now

    def apply(
        self,
        event: Event,
        now: datetime,
        *,
        plate: str | None = None,
        key: str | None = None,
        receipt: Callable[[State, bytes], str] | None = None,
    ) -> Line | None:
        """Apply one event and note its line; None when it changed nothing.

        Raises:
            Refusal: the engine's; the draft is as before.
        """
        state = engine.apply(self.state, event, now)
        if state is self.state:
            return None
        text = event_text(at_text(now), event)
        salt = self.entropy(SALT_BYTES)
        digest = digest_of(text, salt)
        self._seq += 1
        self._chain = chained(self._chain, digest)
        line = Line(
            self._seq,
            now,
            event.kind,
            text,
            salt,
            self._chain,
            plate,
            key,
            None if receipt is None else receipt(state, digest),
            self.seen.version + 1,
        )
        self.state = state
        self.lines.append(line)
        return line

    def advance(self, upto: datetime) -> None:
        """Let every moment that is due at or before ``upto`` happen, each at its own instant."""
        for _ in range(DUE_AT_ONCE_MAX):
            moment = next_moment(self.state)
            if moment is None or moment > upto:
                return
            self.apply(self._moment_event(), self.at_least(moment))
        raise AssertionError("the engine's clock stands still")

    def _moment_event(self) -> Event:
        """What a due moment brings: the beginning of a waiting auction, else time."""
        terms, state = self.state.terms, self.state
        if state.stage is not Stage.WAITING or state.stopped is not None:
            return events.Tick()
        if terms.format not in LISTED and len(state.seats) < terms.bidders_min:
            return events.Cancelled("too_few_bidders")
        if not terms.tail_seconds_max:
            return events.Tick()
        drawn = int.from_bytes(self.entropy(8), "big") % (terms.tail_seconds_max + 1)
        return events.Begin(tail_seconds=drawn)

    def stand_still(self, reason: str, since: datetime, now: datetime) -> None:
        """The printed remedy for a fault of ours: the clock stood still from ``since`` on, and goes on as announced.

        Source: rules §4.7.
        """
        self.advance(min(since, now))
        if self.state.stage in UNTOUCHED or self.state.stopped is not None:
            self.advance(now)
            return
        self.apply(events.Pause(reason, since=since), self.at_least(now))
        self.apply(events.Resume(), self.at_least(now))

    def closed(self, *, owned: bool = False) -> tuple[Head, Head]:
        """The move of the head that goes with the lines. ``owned``: a hall keeps the moments, so others wait."""
        moment = next_moment(self.state)
        over = self.state.stage in OVER
        after = Head(
            self.seen.id,
            self.seen.version + 1,
            self._seq,
            self._chain,
            self.seen.fence,
            over,
            self.state.stage.value,
            None if over or moment is None else moment + GRACE if owned else moment,
        )
        self.head = after
        return self.seen, after

    def pairs(self) -> list[tuple[UUID, Line]]:
        return [(self.seen.id, line) for line in self.lines]
