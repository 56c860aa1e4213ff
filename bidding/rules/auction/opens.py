"""Offers of money that are judged as they come: F1, F2, F5, F12, and the base of F4, F6 and F7.

Source: rules §4.3 A-01…A-10, §4.4.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta

from bidding.rules.auction import events as ev
from bidding.rules.auction import limits
from bidding.rules.auction.script import Script, require_stage, seat_of, with_seat
from bidding.rules.auction.state import OPEN, PLAIN_TIE, Kind, Rung, Seat, Stage, State, Taken
from bidding.rules.auction.terms import (
    Basis,
    Extension,
    ExtensionMode,
    LimitMode,
    PriorityMode,
    Terms,
    Trigger,
)
from kernel.errors import NotAllowed, NotNow, NotValid
from kernel.money import Money


def reference(state: State, seat: Seat) -> int | None:
    """What the bidder's next offer must beat, in minor units: the best, or his own last; None for a first offer."""
    if state.terms.basis is Basis.OWN:
        return seat.last.amount.minor if seat.last is not None else None
    return state.terms.sign * state.standing[0][0] if state.standing else None


def least(state: State, seat: Seat) -> int:
    """The worst price in minor units that would be taken from the bidder now. Source: rules §4.3 A-04, A-05."""
    terms = state.terms
    first = terms.first_minor
    assert first is not None
    ref = reference(state, seat)
    if ref is None:
        return first
    assert terms.step is not None
    return ref - terms.sign * terms.step.minor(ref)


def require_price(state: State, seat: Seat, amount: Money, now: datetime, *, confirmed: bool) -> None:
    """Refuse a price the printed rules do not take.

    Raises:
        NotValid: ``auction_currency``, ``auction_amount``, ``auction_first_offer``, ``auction_step``,
            ``auction_equal_price`` or ``auction_unconfirmed`` (far beyond the step: ask again with ``confirmed``).
        NotNow: ``auction_self_outbid``.

    Source: rules §4.3 A-04, A-05, A-07, A-10.
    """
    terms = state.terms
    if amount.currency != terms.currency:
        raise NotValid("auction_currency", field="amount", server_time=now, currency=terms.currency)
    if amount.minor <= 0:
        raise NotValid("auction_amount", source="rules §4.3 A-04", field="amount", server_time=now)
    if not terms.self_outbid and state.standing and state.standing[0][3] == seat.plate:
        raise NotNow("auction_self_outbid", source="rules §4.3 A-07", server_time=now)
    sign, bound = terms.sign, least(state, seat)
    if sign * amount.minor > sign * bound:
        said = Money(bound, terms.currency)
        if reference(state, seat) is None:
            raise NotValid(
                "auction_first_offer", source="rules §4.3 A-04", field="amount", server_time=now, bound=said
            )
        raise NotValid("auction_step", source="rules §4.3 A-05", field="amount", server_time=now, bound=said)
    if not terms.equal_prices and terms.basis is Basis.OWN and _taken_price(state, amount.minor, seat.plate):
        raise NotValid("auction_equal_price", source="rules §4.3 A-10", field="amount", server_time=now)
    if not confirmed:
        _require_sane(state, seat, amount, now)


def _taken_price(state: State, minor: int, plate: str) -> bool:
    signed = state.terms.sign * minor
    at = bisect_left(state.standing, (signed,))
    return any(rung[3] != plate for rung in state.standing[at : at + 2] if rung[0] == signed)


def _require_sane(state: State, seat: Seat, amount: Money, now: datetime) -> None:
    """The fat-finger guard: an improvement of more than the printed number of steps is asked for twice."""
    terms = state.terms
    step, first = terms.step, terms.first_minor
    if step is None or step.most is None:
        return
    ref = reference(state, seat)
    start = ref if ref is not None else first
    assert start is not None
    gain = abs(amount.minor - start)
    if gain > step.minor(start) * step.most:
        steps = gain // step.minor(start)
        raise NotValid(
            "auction_unconfirmed", source="rules §4.3 A-05", field="amount", server_time=now, steps=steps
        )


def extended(
    rule: Extension | None, state: State, now: datetime, *, best_changed: bool
) -> tuple[datetime, timedelta] | None:
    """The new end and by how much it moved, or None when the offer moves nothing.

    Source: rules §4.4 (modes, trigger, caps), EX-14.
    """
    end = state.ends_at
    if rule is None or end is None or (rule.trigger is Trigger.BEST and not best_changed):
        return None
    if rule.count_max is not None and state.extensions >= rule.count_max:
        return None
    more = timedelta(seconds=rule.extend_seconds)
    if rule.mode is ExtensionMode.LAST_BID_COUNTDOWN:
        new = now + more
    elif end - now > timedelta(seconds=rule.window_seconds):
        return None
    else:
        new = now + more if rule.mode is ExtensionMode.FROM_BID else end + more
    if rule.total_minutes_max is not None:
        new = min(new, end + timedelta(minutes=rule.total_minutes_max) - state.extended)
    return (new, new - end) if new > end else None


def rung_of(terms: Terms, plate: str, minor: int, seq: int, tie: int = PLAIN_TIE) -> Rung:
    """A place in the standing: better prices first, at equal prices matches by rank, then the earlier (A-01)."""
    return (terms.sign * minor, tie, seq, plate)


def placed(standing: tuple[Rung, ...], rung: Rung, old: int | None) -> tuple[Rung, ...]:
    """The standing with the bidder's new place instead of his old one at the signed price ``old``, if he had one."""
    plate, rest = rung[3], standing
    if old is not None:
        at = bisect_left(standing, (old,))
        while standing[at][3] != plate:
            at += 1
        rest = standing[:at] + standing[at + 1 :]
    if not rest or rung < rest[0]:
        return (rung, *rest)
    at = bisect_left(rest, rung)
    return (*rest[:at], rung, *rest[at:])


class OpenScript(Script):
    """F1, F2, F5 and F12."""

    def rule(self, state: State) -> Extension | None:
        """Which extension rule holds in the present stage."""
        return state.terms.extension

    def handle(self, state: State, event: ev.Event, now: datetime) -> State:
        if isinstance(event, ev.OfferMade):
            return self.offer(state, event, now)
        if isinstance(event, ev.Match):
            return self.match(state, event, now)
        if isinstance(event, ev.Waive):
            return self.waive(state, event, now)
        if isinstance(event, ev.StandingLimit):
            return self.run(limits.set_limit(state, event, now), now)
        if isinstance(event, ev.LimitSealed):
            return limits.seal(state, event, now)
        if isinstance(event, ev.LimitRevealed):
            return self.settle(limits.reveal(state, event, now), now)
        return super().handle(state, event, now)

    # Offers -----------------------------------------------------------------------------------------------

    def require_may_offer(self, state: State, seat: Seat, now: datetime) -> None:
        """Whether this bidder may offer in this stage."""
        if state.stage not in OPEN:
            require_stage(state, now, *OPEN)

    def offer(self, state: State, event: ev.OfferMade, now: datetime) -> State:
        """Take an offer. Source: rules §4.3 A-02, A-04, A-05."""
        seat = seat_of(state, event.plate)
        self.require_may_offer(state, seat, now)
        require_price(state, seat, event.amount, now, confirmed=event.confirmed)
        return self.run(self.take(state, seat, event.amount, now, Kind.OFFER, event.key), now)

    def take(
        self,
        state: State,
        seat: Seat,
        amount: Money,
        now: datetime,
        kind: Kind,
        key: str | None = None,
        tie: int = PLAIN_TIE,
    ) -> State:
        """Enter an offer that was found good: order, standing, and the end as it moves."""
        seq = len(state.offers) + 1
        old = None if seat.last is None else state.terms.sign * seat.last.amount.minor
        standing = placed(state.standing, rung_of(state.terms, seat.plate, amount.minor, seq, tie), old)
        ends_at, shown, stage = state.ends_at, state.shown_ends_at, state.stage
        extensions, far = state.extensions, state.extended
        rule = self.rule(state) if state.stage in OPEN else None
        moved = extended(rule, state, now, best_changed=standing[0][2] == seq)
        if moved is not None:
            ends_at = shown = moved[0]
            extensions, far = extensions + 1, far + moved[1]
            stage = Stage.EXTENDED if stage is Stage.RUNNING else stage
        taken = Taken(seq, seat.plate, amount, now, kind, seat.count + 1, key, ends_at, state.round)
        return state.but(
            seats=with_seat(state, seat.but(last=taken, count=taken.nr)),
            offers=state.offers.with_one(taken),
            keys=state.keys if key is None else state.keys.with_one(key, seq),
            standing=standing,
            stage=stage,
            ends_at=ends_at,
            shown_ends_at=shown,
            extensions=extensions,
            extended=far,
        )

    def run(self, state: State, now: datetime) -> State:
        """Execute the standing limits that the latest change calls for. Source: rules §4.7."""
        if state.limits == 0 or state.terms.limits is not LimitMode.HELD or state.stage not in OPEN:
            return state
        return limits.executed(state, now, self.take, self.may_limit)

    def woken(self, state: State, at: datetime) -> State:
        return self.run(state, at)

    def may_limit(self, state: State, seat: Seat) -> bool:
        """Whether the core may offer for the bidder now."""
        return True

    def settle(self, state: State, at: datetime) -> State:
        """Sealed limits are opened and executed first, then the reserve, then priority rights, then the result."""
        if state.stage is not Stage.SETTLING:
            return super().settle(state, at)
        if any(seat.limit_digest is not None for seat in state.seats.values()):
            return state
        if state.terms.limits is LimitMode.SEALED and state.limits:
            state = limits.executed(state, at, self.take, self.may_limit).but(limits=0)
        return super().settle(state, at)

    def lottery(self, state: State) -> tuple[str, ...]:
        band = state.terms.lottery_band_percent
        if band is None:
            return ()
        best = state.standing[0][0]
        near = tuple(rung[3] for rung in state.standing if (rung[0] - best) * 100 <= best * band)
        return near if len(near) > 1 else ()

    # Priority rights ----------------------------------------------------------------------------------------

    def match(self, state: State, event: ev.Match, now: datetime) -> State:
        """A holder of a priority right takes the best price: he leads until somebody offers more.

        Raises:
            NotAllowed: ``auction_no_priority``.
            NotNow: by stage; ``auction_match_used``, ``auction_match_outranked`` or ``auction_self_outbid``.

        Source: 最高法网络司法拍卖规定 第十九条, 第二十一条; rules §4.6, EX-15.
        """
        seat = seat_of(state, event.plate)
        right = state.terms.priority
        holder = next((one for one in right.holders if one.plate == event.plate), None) if right else None
        if right is None or holder is None:
            raise NotAllowed("auction_no_priority", source="rules §4.6", server_time=now)
        after = right.mode is PriorityMode.POST_SESSION
        if after:
            require_stage(state, now, Stage.ASKING)
            if self.asked(state) != event.plate:
                raise NotNow("auction_match_outranked", source="rules §4.6", server_time=now)
        else:
            self.require_may_offer(state, seat, now)
        if right.uses is not None and seat.matches >= right.uses:
            raise NotNow("auction_match_used", source="rules §4.6", server_time=now, uses=right.uses)
        if not state.standing:
            raise NotNow("auction_nothing_to_match", source="rules §4.6", server_time=now)
        price, tie, _, leader = state.standing[0]
        if leader == event.plate:
            raise NotNow("auction_self_outbid", source="rules §4.3 A-07", server_time=now)
        if tie <= holder.rank:
            raise NotNow("auction_match_outranked", source="rules §4.6", server_time=now)
        amount = Money(state.terms.sign * price, state.terms.currency)
        used = seat.but(matches=seat.matches + 1)
        taken = self.take(state, used, amount, now, Kind.MATCH, event.key, holder.rank)
        return self.ask(taken, now) if after else self.run(taken, now)

    def waive(self, state: State, event: ev.Waive, now: datetime) -> State:
        """A holder who is asked lets the right go."""
        seat_of(state, event.plate)
        require_stage(state, now, Stage.ASKING)
        if self.asked(state) != event.plate:
            raise NotNow("auction_match_outranked", source="rules §4.6", server_time=now)
        return self.ask(self.waive_asked(state), now)
