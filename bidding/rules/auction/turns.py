"""F13: the turn-based reverse auction. In every round each bidder has one turn, the worst price first.

Within his turn a bidder may set, change and take back (−1) one offer; it must be at most his own price less the
minimal step. Nobody else sees it before the turn ends. Silence keeps the old price.

Source: peers §1.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache

from bidding.rules.auction import events as ev
from bidding.rules.auction.script import Script, require_stage, seat_of, with_seat
from bidding.rules.auction.state import Kind, Seat, Stage, State, Taken
from bidding.rules.auction.terms import Quality, Terms, TurnCriterion, Turns
from kernel.errors import NotNow, NotValid
from kernel.money import Money

_DECIMALS = Context(prec=28)
"""The precision in which published weighted prices are computed."""


@dataclass(frozen=True)
class Turn:
    """Whose turn it is: the order of the round, the place in it, and the offer of this turn that nobody sees yet."""

    order: tuple[str, ...]
    at: int
    pending: Money | None = None
    pending_at: datetime | None = None
    pending_key: str | None = None

    @property
    def plate(self) -> str:
        """Who may offer now."""
        return self.order[self.at]


@lru_cache(maxsize=256)
def _qualities(turns: Turns) -> Mapping[str, Quality]:
    return {one.plate: one for one in turns.qualities}


def quality_of(terms: Terms, plate: str) -> Quality:
    """What the bidder's price is weighed by."""
    assert terms.turns is not None
    return _qualities(terms.turns).get(plate) or Quality(plate)


def published(value: Decimal | Fraction) -> Decimal:
    """A number as it is published in binary64: the shortest decimal that reads back as the nearest double.

    The double is a way of rounding here, fixed by IEEE 754; what is compared afterwards is exact.
    """
    return Decimal(repr(float(value)))


def double(value: Decimal) -> Fraction:
    """The exact value of the double nearest to a published number."""
    return Fraction(float(value))


def measure(terms: Terms, plate: str, amount: Decimal, by: TurnCriterion) -> Fraction:
    """What a price counts as, exactly: itself, over the quality coefficient, or weighted. Source: peers §1.1."""
    assert terms.turns is not None
    if by is TurnCriterion.PRICE:
        return Fraction(amount)
    quality = quality_of(terms, plate)
    price = double(amount) if terms.turns.doubles and by is TurnCriterion.QUALITY else Fraction(amount)
    return price / Fraction(quality.denominator) + Fraction(quality.addition)


def allowed(terms: Terms, seat: Seat, opening: bool, amount: Decimal) -> bool:
    """Whether an offer is at least one minimal step below the bidder's own price.

    With ``doubles`` the own price is what the published number gives back; this decides only about offers that
    lie exactly one step below.
    """
    turns, step = terms.turns, terms.step
    assert turns is not None
    assert step is not None
    assert seat.last is not None
    own = seat.last.amount.yuan
    least = Decimal(step.minor(seat.last.amount.minor)) / 100
    if not turns.doubles or turns.criterion is TurnCriterion.PRICE:
        return amount <= own - least
    if turns.criterion is TurnCriterion.QUALITY:
        return double(amount) <= double(own) - double(least)
    return amount <= published(_given_back(terms, seat.plate, own, opening) - least)


def _given_back(terms: Terms, plate: str, own: Decimal, opening: bool) -> Decimal:
    """The own price as the published weighted price gives it back."""
    quality = quality_of(terms, plate)
    divisor, addition = Decimal(quality.denominator), Decimal(quality.addition)
    if opening and quality.opening is not None:
        weighted = Decimal(quality.opening)
    else:
        weighted = published(_DECIMALS.add(_DECIMALS.divide(own, divisor), addition))
    return published(_DECIMALS.multiply(_DECIMALS.subtract(weighted, addition), divisor))


class TurnScript(Script):
    """Opening offers before the start; then rounds of a pause and one turn for each bidder."""

    def handle(self, state: State, event: ev.Event, now: datetime) -> State:
        if isinstance(event, ev.OfferMade):
            return self.opening(state, event, now)
        if isinstance(event, ev.TurnBid):
            return self.bid(state, event, now)
        return super().handle(state, event, now)

    def opening(self, state: State, event: ev.OfferMade, now: datetime) -> State:
        """A bidder's opening price, handed in before the start, once."""
        seat = seat_of(state, event.plate)
        if state.stage is not Stage.WAITING:
            raise NotNow("auction_wrong_stage", source="peers §1.1", server_time=now, stage=state.stage.value)
        if seat.last is not None:
            raise NotNow("auction_one_offer", source="peers §1.1", server_time=now)
        first = state.terms.first_minor
        if event.amount.currency != state.terms.currency:
            raise NotValid("auction_currency", field="amount", server_time=now, currency=state.terms.currency)
        if event.amount.minor <= 0:
            raise NotValid("auction_amount", source="rules §4.3 A-04", field="amount", server_time=now)
        if first is not None and event.amount.minor > first:
            said = Money(first, state.terms.currency)
            raise NotValid(
                "auction_first_offer", source="rules §4.3 A-04", field="amount", server_time=now, bound=said
            )
        return self.enter(state, seat, event.amount, now, Kind.OFFER, event.key)

    def enter(
        self, state: State, seat: Seat, amount: Money, at: datetime, kind: Kind, key: str | None
    ) -> State:
        """Enter an offer and put everybody in order again."""
        seq = len(state.offers) + 1
        taken = Taken(seq, seat.plate, amount, at, kind, seat.count + 1, key, None, state.round)
        seats = with_seat(state, seat.but(last=taken, count=taken.nr))
        assert state.terms.turns is not None
        best_first = ranked(state.terms, seats, state.terms.turns.criterion)
        return state.but(
            seats=seats,
            offers=state.offers.with_one(taken),
            keys=state.keys if key is None else state.keys.with_one(key, seq),
            standing=tuple((n, 0, taken.seq, plate) for n, (taken, plate) in enumerate(best_first)),
        )

    # Rounds and turns ---------------------------------------------------------------------------------------

    def begin(self, state: State, at: datetime) -> State:
        turns = state.terms.turns
        assert turns is not None
        if not state.standing:
            return self.close(state.but(starts_at=at), at)
        return self.next_round(state.but(starts_at=at), at, turns.first_pause_seconds)

    def next_round(self, state: State, at: datetime, pause: int) -> State:
        """The pause before a round; the order of its turns is fixed as it begins."""
        turns = state.terms.turns
        assert turns is not None
        order = tuple(plate for _, plate in reversed(ranked(state.terms, state.seats, turns.order)))
        end = at + timedelta(seconds=pause)
        return state.but(
            stage=Stage.BREAK, round=state.round + 1, ends_at=end, shown_ends_at=end, special=Turn(order, -1)
        )

    def passed(self, state: State, at: datetime) -> State:
        turns, turn = state.terms.turns, state.special
        assert turns is not None
        assert isinstance(turn, Turn)
        if state.stage is Stage.RUNNING:
            state = self.publish(state, turn)
        if turn.at + 1 < len(turn.order):
            end = at + timedelta(seconds=turns.turn_seconds)
            special = Turn(turn.order, turn.at + 1)
            return state.but(stage=Stage.RUNNING, ends_at=end, shown_ends_at=end, special=special)
        if state.round < turns.rounds:
            return self.next_round(state, at, turns.pause_seconds)
        return self.close(state.but(special=None), at)

    def publish(self, state: State, turn: Turn) -> State:
        """The turn ends: its offer becomes known."""
        if turn.pending is None:
            return state
        assert turn.pending_at is not None
        seat = state.seats[turn.plate]
        return self.enter(state, seat, turn.pending, turn.pending_at, Kind.TURN, turn.pending_key)

    def bid(self, state: State, event: ev.TurnBid, now: datetime) -> State:
        """Set, change or take back the offer of this turn.

        Raises:
            NotNow: by stage, or ``auction_not_your_turn``.
            NotValid: ``auction_amount`` (not positive, or finer than the money unit) or ``auction_step``.
        """
        seat = seat_of(state, event.plate)
        require_stage(state, now, Stage.RUNNING)
        turn = state.special
        assert isinstance(turn, Turn)
        if turn.plate != event.plate:
            raise NotNow("auction_not_your_turn", source="peers §1.1", server_time=now)
        if event.amount == -1:
            return state.but(special=Turn(turn.order, turn.at)) if turn.pending is not None else state
        if event.key is not None and event.key == turn.pending_key:
            return state
        minor = Fraction(event.amount) * 100
        if event.amount <= 0 or minor.denominator != 1:
            raise NotValid("auction_amount", source="rules §4.3 A-04", field="amount", server_time=now)
        if not allowed(state.terms, seat, seat.count == 1, event.amount):
            assert seat.last is not None
            assert state.terms.step is not None
            least = seat.last.amount.minor - state.terms.step.minor(seat.last.amount.minor)
            said = Money(least, state.terms.currency)
            raise NotValid("auction_step", source="peers §1.1", field="amount", server_time=now, bound=said)
        amount = Money(minor.numerator, state.terms.currency)
        return state.but(special=Turn(turn.order, turn.at, amount, now, event.key))

    # The end --------------------------------------------------------------------------------------------------

    def reserve_met(self, state: State) -> bool | None:
        best = state.best
        if state.reserve is None or best is None:
            return None
        return best.amount.minor <= state.reserve.minor

    def ranking(self, state: State) -> tuple[tuple[str, Money], ...]:
        lasts = (state.seats[rung[3]].last for rung in state.standing)
        return tuple((taken.plate, taken.amount) for taken in lasts if taken is not None)

    def points(self, state: State) -> tuple[tuple[str, str], ...]:
        """What each price counted as, as an exact fraction."""
        turns = state.terms.turns
        assert turns is not None
        return tuple(
            (plate, str(measure(state.terms, plate, price.yuan, turns.criterion)))
            for plate, price in self.ranking(state)
        )


def ranked(terms: Terms, seats: Mapping[str, Seat], by: TurnCriterion) -> tuple[tuple[Taken, str], ...]:
    """Everybody's offer in force, best first; equal ones: the earlier offer first."""
    lasts = [seat.last for seat in seats.values() if seat.last is not None]
    keyed = sorted(
        (measure(terms, one.plate, one.amount.yuan, by), one.recv_at, one.seq, one) for one in lasts
    )
    return tuple((one, one.plate) for _, _, _, one in keyed)
