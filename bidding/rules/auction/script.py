"""What every format shares: who may speak when, how time passes, how it closes. A format overrides its own part.

Source: rules §4.3, §4.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bidding.rules.auction import events as ev
from bidding.rules.auction.state import OPEN, OVER, Outcome, Result, Seat, Stage, State
from bidding.rules.auction.terms import Direction, PriorityMode
from kernel.errors import NotAllowed, NotNow, NotValid
from kernel.money import Money


def seat_of(state: State, plate: str) -> Seat:
    """The bidder's seat. Raises NotAllowed ``auction_plate_unknown`` (A-02: eligible, bond confirmed)."""
    seat = state.seats.get(plate)
    if seat is None:
        raise NotAllowed("auction_plate_unknown", source="rules §4.3 A-02")
    return seat


def require_stage(state: State, now: datetime, *stages: Stage) -> None:
    """Refuse a deed that the present stage does not take.

    Raises:
        NotNow: ``auction_not_started``, ``auction_paused``, ``auction_over`` or ``auction_wrong_stage``; details
            hold ``server_time``.

    Source: rules §4.3 A-02.
    """
    if state.stage in stages:
        return
    if state.stage is Stage.WAITING:
        raise NotNow("auction_not_started", source="rules §4.3 A-02", server_time=now)
    if state.stage is Stage.PAUSED:
        raise NotNow("auction_paused", source="rules §4.7", server_time=now)
    if state.stage in OVER or state.stage is Stage.SETTLING:
        raise NotNow("auction_over", source="rules §4.3 A-02, A-11", server_time=now)
    raise NotNow("auction_wrong_stage", source="rules §4.3 A-02", server_time=now, stage=state.stage.value)


def with_seat(state: State, seat: Seat) -> dict[str, Seat]:
    """The seats with this one in its place."""
    seats = dict(state.seats)
    seats[seat.plate] = seat
    return seats


def asked(state: State) -> str | None:
    """The holder whose turn it is to be asked after the end, by rank and then in printed order."""
    right = state.terms.priority
    if right is None or right.mode is not PriorityMode.POST_SESSION:
        return None
    for holder in sorted(right.holders, key=lambda one: one.rank):
        if holder.plate == state.leader:
            return None
        seat = state.seats.get(holder.plate)
        if seat is not None and not seat.waived:
            return holder.plate
    return None


@dataclass(frozen=True)
class Lottery:
    """A draw decides between these plates; ``before`` is what was known when it was called for."""

    candidates: tuple[str, ...]
    before: object = None


class Script:
    """The rules of one format; stateless, so one instance serves every auction of its format."""

    # Time ------------------------------------------------------------------------------------------------

    def due(self, state: State) -> datetime | None:
        """The next moment at which time alone changes something."""
        return state.ends_at

    def begin(self, state: State, at: datetime) -> State:
        """The session opens at ``at``."""
        end = at + timedelta(seconds=state.terms.free_seconds)
        return state.but(
            stage=Stage.RUNNING, starts_at=at, ends_at=end + state.tail, shown_ends_at=end, round=1
        )

    def least_left(self, state: State) -> int:
        """Seconds that are left at least when it goes on after a pause. Source: rules §4.7."""
        rule = state.terms.extension
        return max(state.terms.outage.remaining_seconds_min, rule.extend_seconds if rule is not None else 0)

    def woken(self, state: State, at: datetime) -> State:
        """It begins, or goes on after a pause: what was asked for meanwhile happens now."""
        return state

    def passed(self, state: State, at: datetime) -> State:
        """The moment ``due`` has come."""
        if state.stage is Stage.ASKING:
            return self.ask(self.waive_asked(state), at)
        return self.close(state, at)

    # Deeds ------------------------------------------------------------------------------------------------

    def handle(self, state: State, event: ev.Event, now: datetime) -> State:
        """What the event makes of the state. Raises a Refusal, or ``auction_wrong_format`` for a foreign event."""
        if isinstance(event, ev.LotteryDrawn):
            return self.drawn(state, event, now)
        raise NotValid("auction_wrong_format", source="rules §4.1", server_time=now, event=event.kind)

    # The end ----------------------------------------------------------------------------------------------

    def close(self, state: State, at: datetime) -> State:
        """No more offers from ``at`` on; what is sealed is opened next."""
        return self.settle(state.but(stage=Stage.SETTLING, ends_at=None, shown_ends_at=None), at)

    def settle(self, state: State, at: datetime) -> State:
        """Go on with the end as far as everything needed is open: reserve, then priority rights, then the result."""
        if state.terms.reserve and state.reserve is None:
            return state
        failure = self.failure(state)
        if failure is not None:
            return self.fail(state, failure)
        candidates = () if isinstance(state.special, Lottery) else self.lottery(state)
        if candidates:
            return state.but(special=Lottery(candidates, state.special))
        return state if isinstance(state.special, Lottery) else self.ask(state, at)

    def lottery(self, state: State) -> tuple[str, ...]:
        """Between whom the printed rules let a verifiable draw decide; empty: nobody."""
        return ()

    def drawn(self, state: State, event: ev.LotteryDrawn, now: datetime) -> State:
        """The draw named the winner.

        Raises:
            NotNow: ``auction_no_draw``.
            NotValid: ``auction_not_a_candidate``.
        """
        lot = state.special
        if state.stage is not Stage.SETTLING or not isinstance(lot, Lottery):
            raise NotNow("auction_no_draw", source="rules §4.5 F6", server_time=now)
        if event.plate not in lot.candidates:
            raise NotValid("auction_not_a_candidate", source="rules §4.5 F6", server_time=now)
        before = state.but(special=lot.before)
        return self.conclude(before, "lottery", event.plate, self.drawn_price(before, event.plate))

    def drawn_price(self, state: State, plate: str) -> Money | None:
        """What the winner of a draw pays; None: his own standing offer."""
        return None

    def finish(self, state: State, at: datetime) -> State:
        """Everything is open and nobody is left to ask."""
        return self.conclude(state)

    def reserve_met(self, state: State) -> bool | None:
        """Whether the best offer reaches the reserve price; None without one. Source: rules §4.3 A-12."""
        if state.reserve is None or not state.standing:
            return None
        return state.standing[0][0] <= state.terms.sign * state.reserve.minor

    def offerers(self, state: State) -> int:
        """How many bidders count towards the printed minimum (A-13)."""
        return len(state.standing)

    def failure(self, state: State) -> str | None:
        """Why there can be no result, if so. Source: rules §4.3 A-12, A-13."""
        if not state.standing:
            return "no_offer"
        if self.offerers(state) < state.terms.bidders_min:
            return "too_few_bidders"
        if self.reserve_met(state) is False:
            return "reserve_not_met"
        return None

    def ranking(self, state: State) -> tuple[tuple[str, Money], ...]:
        """Everybody with a valid offer, best first."""
        sign, currency = state.terms.sign, state.terms.currency
        return tuple((rung[3], Money(sign * rung[0], currency)) for rung in state.standing)

    def points(self, state: State) -> tuple[tuple[str, str], ...]:
        """What the ranking went by where it is not the price alone."""
        return ()

    def fail(self, state: State, reason: str) -> State:
        """It ended without a result."""
        made = Result(Outcome.FAILED, reason, None, None, self.ranking(state), self.reserve_met(state))
        return state.but(stage=Stage.FAILED, ends_at=None, shown_ends_at=None, outcome=made)

    def conclude(
        self, state: State, reason: str = "best_offer", winner: str | None = None, price: Money | None = None
    ) -> State:
        """It ended with a winner: the leader of the standing at his price, unless others are named."""
        ranking = self.ranking(state)
        plate = ranking[0][0] if winner is None else winner
        price = dict(ranking).get(plate, ranking[0][1]) if price is None else price
        outcome = Outcome.SOLD if state.terms.direction is Direction.UP else Outcome.AWARDED
        made = Result(outcome, reason, plate, price, ranking, self.reserve_met(state), self.points(state))
        return state.but(stage=Stage.ENDED, ends_at=None, shown_ends_at=None, outcome=made)

    # Priority rights after the session --------------------------------------------------------------------

    def asked(self, state: State) -> str | None:
        """The holder who is asked next after the end."""
        return asked(state)

    def waive_asked(self, state: State) -> State:
        """Who was asked and did not answer is deemed to waive (rules §4.6)."""
        plate = self.asked(state)
        assert plate is not None, "somebody is being asked"
        return state.but(seats=with_seat(state, state.seats[plate].but(waived=True)))

    def ask(self, state: State, at: datetime) -> State:
        """Ask the next holder of a priority right, or conclude."""
        if self.asked(state) is None:
            return self.finish(state, at)
        right = state.terms.priority
        assert right is not None
        end = at + timedelta(minutes=right.ask_minutes)
        return state.but(stage=Stage.ASKING, ends_at=end, shown_ends_at=end)


__all__ = ["OPEN", "Script", "require_stage", "seat_of", "with_seat"]
