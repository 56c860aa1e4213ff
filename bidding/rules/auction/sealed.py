"""F3, F8 and F9: offers that stay closed until they are opened together.

``Sealing.HELD``: the platform takes the amount and shows it to nobody; ``Sealing.SEALED``: only a digest is known
until the custodian opens all of a round (``SealedRevealed``).

Source: rules §4.1 F3, F8, F9; §4.6 (ties, weights); §2.2 (price score).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from bidding.rules.auction import events as ev
from bidding.rules.auction.script import Lottery, Script, require_stage, seat_of, with_seat
from bidding.rules.auction.state import PLAIN_TIE, Kind, Seat, Stage, State, Taken
from bidding.rules.auction.terms import Format, Item, Norm, Sealing, Terms, TieRule
from kernel.errors import NotAllowed, NotNow, NotValid
from kernel.money import Money
from kernel.score import half_up

_HUNDRED = Decimal(100)
_POINT = Decimal("0.01")


@dataclass(frozen=True)
class Closed:
    """What lies closed in this round: who may offer, the offers held by plate, and F9's points given so far."""

    allowed: tuple[str, ...] | None = None
    held: tuple[tuple[str, int], ...] = ()
    points: tuple[tuple[str, tuple[tuple[str, Decimal], ...]], ...] = ()
    opened: bool = False


class SealedScript(Script):
    """Rounds of closed offers, one for each bidder in a round."""

    def handle(self, state: State, event: ev.Event, now: datetime) -> State:
        if isinstance(event, ev.OfferMade):
            return self.offer(state, event, now)
        if isinstance(event, ev.SealedMade):
            return self.sealed(state, event, now)
        if isinstance(event, ev.SealedRevealed):
            return self.revealed(state, event, now)
        if isinstance(event, ev.PointsGiven):
            return self.given(state, event, now)
        return super().handle(state, event, now)

    # Rounds -----------------------------------------------------------------------------------------------

    def begin(self, state: State, at: datetime) -> State:
        rounds = state.terms.rounds
        seconds = rounds.seconds if rounds is not None else state.terms.free_seconds
        end = at + timedelta(seconds=seconds)
        return state.but(
            stage=Stage.RUNNING,
            starts_at=state.starts_at or at,
            ends_at=end + state.tail,
            shown_ends_at=end,
            round=state.round + 1,
            special=Closed(),
        )

    def passed(self, state: State, at: datetime) -> State:
        if state.stage is Stage.BREAK:
            return self.begin(state, at)
        return super().passed(state, at)

    def settle(self, state: State, at: datetime) -> State:
        """The round is over: open it as soon as it can be; then the next round, or the end."""
        closed = state.special
        if isinstance(closed, Closed) and not closed.opened:
            if any(seat.sealed is not None for seat in state.seats.values()):
                return state
            state = self.open(state, closed)
        rounds = state.terms.rounds
        if rounds is not None and state.round < rounds.count:
            if rounds.pause_seconds == 0:
                return self.begin(state, at)
            end = at + timedelta(seconds=rounds.pause_seconds)
            return state.but(stage=Stage.BREAK, ends_at=end, shown_ends_at=end)
        return self.decide(state, at)

    def open(self, state: State, closed: Closed) -> State:
        """What was held of this round enters the standing, at the place of its arrival."""
        for plate, seq in closed.held:
            state = self.enter(state, plate, state.offers[seq - 1].amount.minor, seq)
        return state.but(special=Closed(closed.allowed, (), closed.points, opened=True))

    def enter(self, state: State, plate: str, minor: int, seq: int) -> State:
        """A bidder's opened offer in the standing instead of his older one."""
        rest = tuple(rung for rung in state.standing if rung[3] != plate)
        rung = (state.terms.sign * minor, PLAIN_TIE, seq, plate)
        return state.but(standing=tuple(sorted((*rest, rung))))

    # Offers -----------------------------------------------------------------------------------------------

    def require_may_offer(self, state: State, seat: Seat, mode: Sealing, now: datetime) -> Closed:
        """Whether the bidder may hand in an offer in this way now, once in a round."""
        require_stage(state, now, Stage.RUNNING, Stage.SECOND)
        if state.terms.sealing is not mode:
            raise NotValid(
                "auction_sealing", source="rules §4.6", server_time=now, mode=state.terms.sealing.value
            )
        closed = state.special
        assert isinstance(closed, Closed)
        if closed.allowed is not None and seat.plate not in closed.allowed:
            raise NotAllowed("auction_not_entered", source="rules §4.6 F8", server_time=now)
        if seat.sealed is not None or any(plate == seat.plate for plate, _ in closed.held):
            raise NotNow("auction_one_offer", source="rules §4.3 A-06, §4.6 F8", server_time=now)
        return closed

    def fault(self, terms: Terms, seat: Seat, amount: Money | None, items: dict[str, Decimal]) -> str | None:
        """What is wrong with an offer, whether it is handed in open to the core or opened later."""
        if amount is None:
            return "auction_unopened"
        if amount.currency != terms.currency:
            return "auction_currency"
        if amount.minor <= 0:
            return "auction_amount"
        first, sign = terms.first_minor, terms.sign
        if first is not None and sign * amount.minor > sign * first:
            return "auction_first_offer"
        own = seat.last
        if own is not None and own.kind is not Kind.SEALED and sign * amount.minor > sign * own.amount.minor:
            return "auction_own_worse"
        wanted = {one.name for one in terms.items if one.name != "price" and one.norm is not Norm.POINTS}
        if set(items) != wanted or any(value < 0 for value in items.values()):
            return "auction_items"
        return None

    def offer(self, state: State, event: ev.OfferMade, now: datetime) -> State:
        """An offer held closed by the platform.

        Raises:
            NotNow, NotAllowed: by stage, ``auction_one_offer``, ``auction_not_entered``.
            NotValid: ``auction_currency``, ``auction_amount``, ``auction_first_offer``, ``auction_own_worse``
                (worse than his own previous round), ``auction_items``.
        """
        seat = seat_of(state, event.plate)
        closed = self.require_may_offer(state, seat, Sealing.HELD, now)
        items = dict(event.items)
        match self.fault(state.terms, seat, event.amount, items):
            case "auction_currency":
                raise NotValid(
                    "auction_currency", field="amount", server_time=now, currency=state.terms.currency
                )
            case "auction_amount":
                raise NotValid("auction_amount", source="rules §4.3 A-04", field="amount", server_time=now)
            case "auction_first_offer":
                said = Money(state.terms.first_minor or 0, state.terms.currency)
                raise NotValid(
                    "auction_first_offer",
                    source="rules §4.3 A-04",
                    field="amount",
                    server_time=now,
                    bound=said,
                )
            case "auction_own_worse":
                raise NotValid("auction_own_worse", source="rules §4.1 F3", field="amount", server_time=now)
            case "auction_items":
                raise NotValid("auction_items", source="rules §4.6 F9", field="items", server_time=now)
        state, taken = self.note(state, seat.but(items=event.items), event.amount, now, Kind.OFFER, event.key)
        special = Closed(closed.allowed, (*closed.held, (seat.plate, taken.seq)), closed.points)
        return state.but(special=special)

    def note(
        self,
        state: State,
        seat: Seat,
        amount: Money,
        now: datetime,
        kind: Kind,
        key: str | None = None,
        digest: str | None = None,
    ) -> tuple[State, Taken]:
        """Write an offer into the row of offers and the bidder's seat."""
        seq = len(state.offers) + 1
        taken = Taken(
            seq, seat.plate, amount, now, kind, seat.count + 1, key, state.ends_at, state.round, digest
        )
        keys = state.keys if key is None else state.keys.with_one(key, seq)
        seats = with_seat(state, seat.but(last=taken, count=taken.nr))
        return state.but(seats=seats, offers=state.offers.with_one(taken), keys=keys), taken

    def sealed(self, state: State, event: ev.SealedMade, now: datetime) -> State:
        """An offer sealed by the bidder himself: only its digest is known."""
        seat = seat_of(state, event.plate)
        self.require_may_offer(state, seat, Sealing.SEALED, now)
        nothing = Money(0, state.terms.currency)
        shut = seat.but(sealed=event.digest, before=seat.last)
        return self.note(state, shut, nothing, now, Kind.SEALED, event.key, event.digest)[0]

    def revealed(self, state: State, event: ev.SealedRevealed, now: datetime) -> State:
        """All sealed offers of the round are opened together, in the order in which they came.

        One that could not be opened, or that the printed rules do not take, is void; the others stand.

        Raises:
            NotNow: ``auction_nothing_sealed``.
            NotValid: ``auction_reveal`` when the plates are not exactly those that sealed an offer.
        """
        shut = {seat.plate: seat for seat in state.seats.values() if seat.sealed is not None}
        if state.stage is not Stage.SETTLING or not shut:
            raise NotNow("auction_nothing_sealed", source="rules §4.6 F8", server_time=now)
        opened = {one.plate: one for one in event.offers}
        if set(opened) != set(shut) or len(opened) != len(event.offers):
            raise NotValid("auction_reveal", source="rules §4.6 F8", server_time=now, plates=sorted(shut))
        closed = state.special
        assert isinstance(closed, Closed)
        came = sorted(shut.values(), key=lambda seat: seat.last.seq if seat.last is not None else 0)
        for seat in came:
            one, sealed = opened[seat.plate], seat.last
            assert sealed is not None
            free = seat.but(sealed=None, last=seat.before, before=None)
            if one.amount is None or self.fault(state.terms, free, one.amount, dict(one.items)) is not None:
                state = state.but(seats=with_seat(state, free))
                continue
            filled = free.but(items=one.items)
            state, taken = self.note(
                state, filled, one.amount, sealed.recv_at, Kind.REVEALED, None, sealed.digest
            )
            state = self.enter(state, seat.plate, one.amount.minor, taken.seq)
        return self.settle(state, now)

    # The decision -----------------------------------------------------------------------------------------

    def decide(self, state: State, at: datetime) -> State:
        """F9 waits for the panel's points; F8 may need a second round among equals; then as everywhere."""
        closed = state.special
        terms = state.terms
        if terms.items and isinstance(closed, Closed) and state.standing:
            wanted = {item.name for item in terms.items if item.norm is Norm.POINTS}
            if wanted - {name for name, _ in closed.points}:
                return state
        if (
            isinstance(closed, Closed)
            and closed.allowed is None
            and not terms.items
            and self.failure(state) is None
        ):
            equals = self.equals(state)
            if terms.ties is TieRule.ROUND_THEN_DRAW and len(equals) > 1:
                end = at + timedelta(seconds=terms.tie_seconds)
                special = Closed(allowed=equals)
                return state.but(
                    stage=Stage.SECOND, round=state.round + 1, ends_at=end, shown_ends_at=end, special=special
                )
        return super().settle(state, at)

    def equals(self, state: State) -> tuple[str, ...]:
        """Who shares the best price, in order of arrival."""
        if not state.standing or state.terms.format is Format.SEALED_ROUNDS:
            return ()
        return tuple(rung[3] for rung in state.standing if rung[0] == state.standing[0][0])

    def lottery(self, state: State) -> tuple[str, ...]:
        closed = state.special
        if state.terms.ties is not TieRule.ROUND_THEN_DRAW or state.terms.items:
            return ()
        after_round = isinstance(closed, Closed) and closed.allowed is not None
        equals = self.equals(state)
        return equals if after_round and len(equals) > 1 else ()

    def given(self, state: State, event: ev.PointsGiven, now: datetime) -> State:
        """F9: the panel's points for one item of every bidder whose offer stands.

        Raises:
            NotNow: ``auction_still_running``.
            NotValid: ``auction_points`` when item, plates or range (0–100) are not right.
        """
        closed = state.special
        if state.stage is not Stage.SETTLING or not isinstance(closed, Closed) or not closed.opened:
            raise NotNow("auction_still_running", source="rules §4.6 F9", server_time=now)
        names = {item.name for item in state.terms.items if item.norm is Norm.POINTS}
        plates = sorted(plate for plate, _ in event.points)
        right = all(Decimal(0) <= points <= _HUNDRED for _, points in event.points)
        if (
            event.item not in names - {name for name, _ in closed.points}
            or plates != sorted(rung[3] for rung in state.standing)
            or not right
        ):
            raise NotValid("auction_points", source="rules §4.6 F9", server_time=now, item=event.item)
        points = (*closed.points, (event.item, event.points))
        return self.settle(state.but(special=Closed(closed.allowed, (), points, opened=True)), now)

    def finish(self, state: State, at: datetime) -> State:
        if not state.terms.items:
            return super().finish(state, at)
        return self.conclude(state, "highest_score", self.points(state)[0][0])

    def points(self, state: State) -> tuple[tuple[str, str], ...]:
        """F9: total points by plate, best first; equal points: the better price, then the earlier offer."""
        closed = state.special.before if isinstance(state.special, Lottery) else state.special
        if not state.terms.items or not isinstance(closed, Closed):
            return ()
        totals = [
            (-sum((self.score(state, item, rung[3]) for item in state.terms.items), Decimal(0)), rung)
            for rung in state.standing
        ]
        return tuple((rung[3], format(-total, "f")) for total, rung in sorted(totals))

    def score(self, state: State, item: Item, plate: str) -> Decimal:
        """Weighted points of one item, rounded once to 0.01 as the price score of §2.2 is."""
        weight = Fraction(item.weight) / 100
        return half_up(self.raw(state, item, plate) * weight, _POINT)

    def raw(self, state: State, item: Item, plate: str) -> Fraction:
        """An item's 0–100 points, exactly. Source: rules §2.2 (ratio), §4.6 F9 (linear)."""
        if item.norm is Norm.POINTS:
            closed = state.special
            assert isinstance(closed, Closed)
            return Fraction(dict(dict(closed.points)[item.name])[plate])
        values = {rung[3]: self.value(state, item, rung[3]) for rung in state.standing}
        mine = values[plate]
        higher = state.terms.sign < 0 if item.name == "price" else item.higher_is_better
        if item.norm is Norm.LINEAR:
            assert item.worst is not None
            assert item.best is not None
            share = (mine - Fraction(item.worst)) / (Fraction(item.best) - Fraction(item.worst))
            return 100 * max(Fraction(0), min(Fraction(1), share))
        best = max(values.values()) if higher else min(values.values())
        over, under = (mine, best) if higher else (best, mine)
        return Fraction(100) if under == 0 else 100 * over / under

    def value(self, state: State, item: Item, plate: str) -> Fraction:
        """What a bidder offered for an item: his price in yuan, or the value he named."""
        seat = state.seats[plate]
        assert seat.last is not None
        return seat.last.amount.exact if item.name == "price" else Fraction(dict(seat.items)[item.name])
