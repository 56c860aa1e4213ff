"""F10 and F11: the price moves on a clock.

F10 Dutch: it falls until somebody takes it. F11 Japanese: it moves by ticks, who does not stay in drops out.

Source: rules §4.1 F10, F11.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bidding.rules.auction import events as ev
from bidding.rules.auction.opens import placed, rung_of
from bidding.rules.auction.script import Script, require_stage, seat_of, with_seat
from bidding.rules.auction.state import Kind, Seat, Stage, State, Taken
from bidding.rules.auction.terms import Direction, Format
from kernel.errors import NotNow
from kernel.money import Money


@dataclass(frozen=True)
class Dial:
    """What the clock shows: the price, and the tick from 1."""

    price: Money
    tick: int


class ClockScript(Script):
    """A price on a clock; what bidders do about it differs."""

    def begin(self, state: State, at: datetime) -> State:
        assert state.terms.start is not None
        return self.show(
            state.but(starts_at=at, stage=Stage.RUNNING, round=1), Dial(state.terms.start, 1), at
        )

    def show(self, state: State, dial: Dial, at: datetime) -> State:
        """The clock shows a price for one tick."""
        clock = state.terms.clock
        assert clock is not None
        end = at + timedelta(seconds=clock.tick_seconds)
        return state.but(ends_at=end, shown_ends_at=end, special=dial)

    def next_dial(self, state: State) -> Dial | None:
        """What the clock shows next; None after the last price."""
        clock, dial = state.terms.clock, state.special
        assert clock is not None
        assert isinstance(dial, Dial)
        if dial.price == clock.stop:
            return None
        falls = state.terms.format is Format.DUTCH or state.terms.direction is Direction.DOWN
        price = (
            max(clock.stop, dial.price - clock.move) if falls else min(clock.stop, dial.price + clock.move)
        )
        return Dial(price, dial.tick + 1)

    def take(self, state: State, seat: Seat, now: datetime, kind: Kind, key: str | None) -> State:
        """Enter the price on the clock as the bidder's offer."""
        dial = state.special
        assert isinstance(dial, Dial)
        seq = len(state.offers) + 1
        old = None if seat.last is None else state.terms.sign * seat.last.amount.minor
        taken = Taken(seq, seat.plate, dial.price, now, kind, seat.count + 1, key, state.ends_at, dial.tick)
        return state.but(
            seats=with_seat(state, seat.but(last=taken, count=taken.nr)),
            offers=state.offers.with_one(taken),
            keys=state.keys if key is None else state.keys.with_one(key, seq),
            standing=placed(state.standing, rung_of(state.terms, seat.plate, dial.price.minor, seq), old),
        )

    def least_left(self, state: State) -> int:
        clock = state.terms.clock
        assert clock is not None
        return clock.tick_seconds


class DutchScript(ClockScript):
    """F10: the first to accept wins; of two at once, the first received."""

    def passed(self, state: State, at: datetime) -> State:
        dial = self.next_dial(state)
        return self.close(state, at) if dial is None else self.show(state, dial, at)

    def handle(self, state: State, event: ev.Event, now: datetime) -> State:
        if not isinstance(event, ev.Accept):
            return super().handle(state, event, now)
        seat = seat_of(state, event.plate)
        require_stage(state, now, Stage.RUNNING)
        return self.close(self.take(state, seat, now, Kind.ACCEPT, event.key), now)


class JapaneseScript(ClockScript):
    """F11: who does not stay within a tick drops out; the last remaining wins at the price he stayed at.

    If several remain at the last price, or all drop out in one tick, the earliest at the best price wins (A-01).
    """

    def begin(self, state: State, at: datetime) -> State:
        seats = {plate: seat.but(inside=True) for plate, seat in state.seats.items()}
        return super().begin(state.but(seats=seats), at)

    def passed(self, state: State, at: datetime) -> State:
        dial = state.special
        assert isinstance(dial, Dial)
        stayed = {p for p, seat in state.seats.items() if seat.inside and self.stayed(seat, dial)}
        seats = {plate: seat.but(inside=plate in stayed) for plate, seat in state.seats.items()}
        state = state.but(seats=seats)
        following = self.next_dial(state)
        if len(stayed) < 2 or following is None:
            return self.close(state, at)
        return self.show(state, following, at)

    def stayed(self, seat: Seat, dial: Dial) -> bool:
        """Whether the bidder has said that he stays in at this price."""
        return seat.last is not None and seat.last.round == dial.tick

    def handle(self, state: State, event: ev.Event, now: datetime) -> State:
        if not isinstance(event, (ev.StayIn, ev.DropOut)):
            return super().handle(state, event, now)
        seat = seat_of(state, event.plate)
        require_stage(state, now, Stage.RUNNING)
        dial = state.special
        assert isinstance(dial, Dial)
        if not seat.inside:
            raise NotNow("auction_dropped_out", source="rules §4.1 F11", server_time=now)
        if self.stayed(seat, dial):
            if isinstance(event, ev.StayIn):
                return state
            raise NotNow("auction_stayed", source="rules §4.3 A-06", server_time=now)
        if isinstance(event, ev.DropOut):
            return state.but(seats=with_seat(state, seat.but(inside=False)))
        return self.take(state, seat, now, Kind.STAY, event.key)
