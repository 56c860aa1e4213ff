"""F4 and F7: a free period (listing) and, where several want to go on, a limited-time round; F6 on top of it.

Source: rules §4.5 steps 2–9, variant flags; §4.6 (free period then limited-time period).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bidding.rules.auction import events as ev
from bidding.rules.auction.opens import OpenScript
from bidding.rules.auction.script import require_stage, seat_of, with_seat
from bidding.rules.auction.state import OPEN, Kind, Seat, Stage, State
from bidding.rules.auction.terms import Extension, ExtensionMode, SecondBy, Trigger
from kernel.errors import NotAllowed, NotNow, NotValid
from kernel.money import Money


class ListingScript(OpenScript):
    """Listing, inquiry, limited-time round."""

    def due(self, state: State) -> datetime | None:
        if state.stage is Stage.RUNNING and state.ends_at is not None:
            asked = self.inquiry_seconds(state)
            return state.ends_at - timedelta(seconds=asked) if asked else state.ends_at
        return state.ends_at

    def inquiry_seconds(self, state: State) -> int:
        """How long before the end of the listing the will to continue is asked; 0 where it is not asked."""
        rule = state.terms.listing
        assert rule is not None
        return 0 if rule.everyone_enters or rule.offerers_only else rule.inquiry_seconds

    def rule(self, state: State) -> Extension | None:
        if state.stage is not Stage.LIMITED:
            return None
        listing = state.terms.listing
        assert listing is not None
        return Extension(ExtensionMode.LAST_BID_COUNTDOWN, 0, listing.countdown_seconds, Trigger.ANY)

    def handle(self, state: State, event: ev.Event, now: datetime) -> State:
        if isinstance(event, ev.WillContinue):
            seat = seat_of(state, event.plate)
            require_stage(state, now, Stage.INQUIRY, Stage.WILLING)
            return state if seat.willing else state.but(seats=with_seat(state, seat.but(willing=True)))
        return super().handle(state, event, now)

    def passed(self, state: State, at: datetime) -> State:
        if state.stage is Stage.RUNNING and self.inquiry_seconds(state):
            return state.but(stage=Stage.INQUIRY)
        if state.stage in {Stage.RUNNING, Stage.INQUIRY}:
            return self.listing_over(state, at)
        return super().passed(state, at)

    def entrants(self, state: State) -> frozenset[str]:
        """Who may go on: everybody, those who have offered, or those who are willing; the leader always is."""
        rule = state.terms.listing
        assert rule is not None
        if rule.everyone_enters:
            return frozenset(state.seats)
        if rule.offerers_only:
            return frozenset(rung[3] for rung in state.standing)
        return frozenset(p for p, seat in state.seats.items() if seat.willing or p == state.leader)

    def listing_over(self, state: State, at: datetime) -> State:
        """Two or more want to go on: limited-time round; otherwise the best offer decides (step 4, 7)."""
        inside = self.entrants(state)
        if len(inside) < 2:
            return self.close(state, at)
        rule = state.terms.listing
        assert rule is not None
        seats = {plate: seat.but(inside=plate in inside) for plate, seat in state.seats.items()}
        end = at + timedelta(seconds=rule.countdown_seconds)
        return state.but(stage=Stage.LIMITED, round=2, seats=seats, ends_at=end, shown_ends_at=end)

    def require_may_offer(self, state: State, seat: Seat, now: datetime) -> None:
        super().require_may_offer(state, seat, now)
        if state.stage is Stage.LIMITED and not seat.inside:
            raise NotAllowed("auction_not_entered", source="rules §4.5", server_time=now)

    def may_limit(self, state: State, seat: Seat) -> bool:
        return seat.inside

    def offerers(self, state: State) -> int:
        rule = state.terms.listing
        assert rule is not None
        return len(state.standing) if rule.minimum_of_offerers else len(state.seats)

    def least_left(self, state: State) -> int:
        rule = state.terms.listing
        assert rule is not None
        least = state.terms.outage.remaining_seconds_min
        return max(least, rule.countdown_seconds) if state.stage is Stage.LIMITED else least


@dataclass(frozen=True)
class Second:
    """F6 after the cap: the best quantity offered so far and by whom."""

    quantity: Decimal | None = None
    plate: str | None = None
    seq: int = 0


class CappedScript(ListingScript):
    """F6: at the capped price the money stands still; a second indicator or a draw decides."""

    def offer(self, state: State, event: ev.OfferMade, now: datetime) -> State:
        cap = state.terms.cap
        assert cap is not None
        if event.amount.currency == cap.price.currency and event.amount > cap.price:
            raise NotValid(
                "auction_cap", source="rules §4.5 F6", field="amount", server_time=now, bound=cap.price
            )
        if event.amount == cap.price:
            return self.reach(state, event, now)
        return super().offer(state, event, now)

    def reach(self, state: State, event: ev.OfferMade, now: datetime) -> State:
        """The cap itself may always be offered, be it less than a step away."""
        seat = seat_of(state, event.plate)
        self.require_may_offer(state, seat, now)
        if not state.terms.self_outbid and state.leader == event.plate:
            raise NotNow("auction_self_outbid", source="rules §4.3 A-07", server_time=now)
        return self.frozen(self.take(state, seat, event.amount, now, Kind.OFFER, event.key), now)

    def run(self, state: State, now: datetime) -> State:
        state = super().run(state, now)
        cap, best = state.terms.cap, state.best
        assert cap is not None
        reached = best is not None and best.amount >= cap.price and state.stage in OPEN
        return self.frozen(state, now) if reached else state

    def frozen(self, state: State, now: datetime) -> State:
        """The cap is reached: who goes on? The one who reached it counts as willing."""
        cap = state.terms.cap
        assert cap is not None
        end = now + timedelta(seconds=cap.inquiry_seconds)
        seats = {p: seat.but(willing=p == state.leader) for p, seat in state.seats.items()}
        return state.but(stage=Stage.WILLING, seats=seats, ends_at=end, shown_ends_at=end, special=Second())

    def passed(self, state: State, at: datetime) -> State:
        if state.stage is Stage.WILLING:
            return self.second(state, at)
        if state.stage is Stage.SECOND:
            return self.close(state, at)
        return super().passed(state, at)

    def willing(self, state: State) -> tuple[str, ...]:
        """Who goes on after the cap, in order of admission."""
        return tuple(plate for plate, seat in state.seats.items() if seat.willing)

    def second(self, state: State, at: datetime) -> State:
        """The inquiry is over: one goes on alone, or the second indicator or the draw follows."""
        cap = state.terms.cap
        assert cap is not None
        if len(self.willing(state)) < 2 or cap.second is SecondBy.LOTTERY:
            return self.close(state, at)
        end = at + timedelta(seconds=cap.wait_seconds)
        return state.but(stage=Stage.SECOND, round=3, ends_at=end, shown_ends_at=end)

    def handle(self, state: State, event: ev.Event, now: datetime) -> State:
        if isinstance(event, ev.Bid2):
            return self.bid2(state, event, now)
        return super().handle(state, event, now)

    def bid2(self, state: State, event: ev.Bid2, now: datetime) -> State:
        """An offer in the second indicator; each restarts its countdown, the printed maximum ends it.

        Raises:
            NotAllowed: ``auction_not_entered``.
            NotNow: by stage.
            NotValid: ``auction_second_step`` or ``auction_second_most``.
        """
        cap, best = state.terms.cap, state.special
        assert cap is not None
        seat = seat_of(state, event.plate)
        require_stage(state, now, Stage.SECOND)
        assert isinstance(best, Second)
        if not seat.willing:
            raise NotAllowed("auction_not_entered", source="rules §4.5 F6", server_time=now)
        if event.key is not None and seat.second_key == event.key:
            return state
        if best.plate == event.plate and not state.terms.self_outbid:
            raise NotNow("auction_self_outbid", source="rules §4.3 A-07", server_time=now)
        least = cap.start if best.quantity is None else best.quantity + cap.step
        if cap.maximum is not None and event.quantity > cap.maximum:
            raise NotValid(
                "auction_second_most",
                source="rules §4.5 F6",
                field="quantity",
                server_time=now,
                most=str(cap.maximum),
            )
        if event.quantity < (least if cap.maximum is None else min(least, cap.maximum)) or (
            best.quantity is not None and event.quantity <= best.quantity
        ):
            raise NotValid(
                "auction_second_step",
                source="rules §4.5 F6",
                field="quantity",
                server_time=now,
                least=str(least),
            )
        special = Second(event.quantity, event.plate, best.seq + 1)
        seat = seat.but(second=event.quantity, second_seq=special.seq, second_key=event.key)
        end = now + timedelta(seconds=cap.wait_seconds)
        end = end if state.ends_at is None else max(end, state.ends_at)
        state = state.but(seats=with_seat(state, seat), special=special, ends_at=end, shown_ends_at=end)
        return self.close(state, now) if event.quantity == cap.maximum else state

    def lottery(self, state: State) -> tuple[str, ...]:
        if not isinstance(state.special, Second) or state.special.plate is not None:
            return ()
        cap = state.terms.cap
        assert cap is not None
        willing = self.willing(state)
        drawn = cap.second is SecondBy.LOTTERY or not cap.first_has_priority
        return willing if drawn and len(willing) > 1 else ()

    def drawn_price(self, state: State, plate: str) -> Money | None:
        """The price stands still at the cap; whoever is drawn pays it (rules §4.5 F6)."""
        return state.terms.cap.price if isinstance(state.special, Second) and state.terms.cap else None

    def finish(self, state: State, at: datetime) -> State:
        if isinstance(state.special, Second):
            cap = state.terms.cap
            assert cap is not None
            plate = state.special.plate or state.leader
            reason = "second_indicator" if state.special.plate else "cap_alone"
            return self.conclude(state, reason, plate, cap.price)
        return super().finish(state, at)

    def points(self, state: State) -> tuple[tuple[str, str], ...]:
        ordered = sorted(
            (-seat.second_seq, p, seat.second) for p, seat in state.seats.items() if seat.second_seq
        )
        return tuple((plate, str(quantity)) for _, plate, quantity in ordered)


__all__ = ["CappedScript", "ListingScript", "Second"]
