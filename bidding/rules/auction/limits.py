"""Standing limits (代理出价): the core offers for a bidder, never beyond his limit and never more than needed.

Each automatic offer is an ordinary offer that the printed rules take. Rivals are not answered step by step: the
weaker limit is brought to its end in one offer and the stronger answers once, so the number of offers does not
depend on how far apart price and step are.

Source: rules §4.7 (standing limit executed by the core), §4.3 A-01, A-05.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from bidding.rules.auction import events as ev
from bidding.rules.auction.state import OPEN, Kind, Seat, Stage, State
from bidding.rules.auction.terms import Basis, LimitMode
from kernel.errors import NotAllowed, NotNow, NotValid
from kernel.money import Money


class Take(Protocol):
    """Enters an offer found good."""

    def __call__(self, state: State, seat: Seat, amount: Money, now: datetime, kind: Kind) -> State: ...


May = Callable[[State, Seat], bool]


def _require(state: State, mode: LimitMode, now: datetime) -> None:
    if state.terms.limits is not mode:
        raise NotValid("auction_no_limits", source="rules §4.7", server_time=now)
    if state.stage not in OPEN and state.stage not in {Stage.WAITING, Stage.PAUSED}:
        raise NotNow("auction_over", source="rules §4.3 A-02, A-11", server_time=now)


def _seat(state: State, plate: str) -> Seat:
    seat = state.seats.get(plate)
    if seat is None:
        raise NotAllowed("auction_plate_unknown", source="rules §4.3 A-02")
    return seat


def set_limit(state: State, event: ev.StandingLimit, now: datetime) -> State:
    """The bidder's limit is set, changed or taken back; what was already offered stands (A-06).

    Raises:
        NotValid: ``auction_no_limits``, ``auction_currency``, ``auction_amount`` or ``auction_first_offer``.
        NotNow: ``auction_over``.
    """
    seat = _seat(state, event.plate)
    _require(state, LimitMode.HELD, now)
    if event.amount is not None:
        _require_limit(state, event.amount, now)
    return _with(state, seat.but(limit=event.amount, limit_seq=state.limits + 1))


def _require_limit(state: State, amount: Money, now: datetime) -> None:
    terms = state.terms
    if amount.currency != terms.currency:
        raise NotValid("auction_currency", field="amount", server_time=now, currency=terms.currency)
    if amount.minor <= 0:
        raise NotValid("auction_amount", source="rules §4.3 A-04", field="amount", server_time=now)
    if terms.cap is not None and amount > terms.cap.price:
        raise NotValid(
            "auction_cap", source="rules §4.5 F6", field="amount", server_time=now, bound=terms.cap.price
        )
    first = terms.first_minor
    assert first is not None
    if terms.sign * amount.minor > terms.sign * first:
        said = Money(first, terms.currency)
        raise NotValid(
            "auction_first_offer", source="rules §4.3 A-04", field="amount", server_time=now, bound=said
        )


def seal(state: State, event: ev.LimitSealed, now: datetime) -> State:
    """A limit sealed to the custodian is kept by its digest; a later one replaces it, an empty one takes it back."""
    seat = _seat(state, event.plate)
    _require(state, LimitMode.SEALED, now)
    if (event.digest or None) == seat.limit_digest:
        return state
    return _with(state, seat.but(limit_digest=event.digest or None, limit_seq=state.limits + 1))


def reveal(state: State, event: ev.LimitRevealed, now: datetime) -> State:
    """A sealed limit was opened after the end; one that cannot be used counts as not set.

    Raises:
        NotNow: ``auction_still_running`` before the end, ``auction_nothing_sealed``.
    """
    seat = _seat(state, event.plate)
    if state.stage is not Stage.SETTLING:
        raise NotNow("auction_still_running", source="rules §4.7", server_time=now)
    if seat.limit_digest is None:
        raise NotNow("auction_nothing_sealed", source="rules §4.7", server_time=now)
    amount = event.amount
    try:
        if amount is not None:
            _require_limit(state, amount, now)
    except NotValid:
        amount = None
    return state.but(seats={**state.seats, seat.plate: seat.but(limit_digest=None, limit=amount)})


def _with(state: State, seat: Seat) -> State:
    return state.but(seats={**state.seats, seat.plate: seat}, limits=state.limits + 1)


# Execution ------------------------------------------------------------------------------------------------------


def executed(state: State, now: datetime, take: Take, may: May) -> State:
    """Offer for everybody whose limit allows it, until nobody's does.

    Every turn of the loop either exhausts a limit or leaves nobody to answer, so there are at most as many as
    limits; the assertion keeps it honest.
    """
    own = state.terms.basis is Basis.OWN
    for _ in range(2 * len(state.seats) + 2):
        challenger = _challenger(state, may)
        if challenger is None:
            return state
        state = (_descend if own else _compete)(state, challenger, now, take, may)
    raise AssertionError("standing limits did not come to rest")


def _challenger(state: State, may: May) -> Seat | None:
    """Who would answer next: the strongest limit of those not leading that can still offer something."""
    sign = state.terms.sign
    able = [
        (sign * seat.limit.minor, seat.limit_seq, seat.plate)
        for seat in state.seats.values()
        if seat.limit is not None and seat.plate != state.leader and may(state, seat) and _reach(state, seat)
    ]
    return state.seats[min(able)[2]] if able else None


def _reach(state: State, seat: Seat) -> int | None:
    """The price in minor units at which this bidder could lead now within his limit, the least good for him."""
    from bidding.rules.auction.opens import least

    assert seat.limit is not None
    terms = state.terms
    sign, price, floor = terms.sign, least(state, seat), terms.sign * seat.limit.minor
    if terms.basis is Basis.OWN and state.standing:
        best = state.standing[0][0]
        price = _own_grid(state, seat, price, best)
    if sign * price < floor or price <= 0:
        return None
    return price


def _own_grid(state: State, seat: Seat, price: int, best: int) -> int:
    """From ``price`` on in the bidder's own steps, the first price that beats ``best`` (signed)."""
    step, sign = state.terms.step, state.terms.sign
    assert step is not None
    if sign * price < best:
        return price
    if step.amount is not None:
        size = step.amount.minor
        return price - sign * size * ((sign * price - best) // size + 1)
    while sign * price >= best and price > 0:
        price -= sign * step.minor(price)
    return price


def _compete(state: State, challenger: Seat, now: datetime, take: Take, may: May) -> State:
    """Everybody must beat the best: challenger against leader, the stronger limit wins one step above the other."""
    from bidding.rules.auction.opens import least

    terms = state.terms
    sign, step = terms.sign, terms.step
    assert step is not None

    def offer(state: State, plate: str, minor: int) -> State:
        return take(state, state.seats[plate], Money(minor, terms.currency), now, Kind.LIMIT)

    def better(*prices: int) -> int:  # the best-for-the-seller of these prices
        return min(prices, key=lambda minor: sign * minor)

    def worse(*prices: int) -> int:
        return max(prices, key=lambda minor: sign * minor)

    assert challenger.limit is not None
    leader = state.seats[state.leader] if state.leader is not None else None
    if leader is None or leader.limit is None or not may(state, leader):
        return offer(state, challenger.plate, least(state, challenger))
    mine, theirs = challenger.limit.minor, leader.limit.minor
    wins = (sign * mine, challenger.limit_seq) < (sign * theirs, leader.limit_seq)
    if wins:
        state = offer(state, challenger.plate, least(state, challenger))
        weak, strong, weakest, limit = leader.plate, challenger.plate, theirs, mine
    else:
        weak, strong, weakest, limit = challenger.plate, leader.plate, mine, theirs
    asked = least(state, state.seats[weak])
    if sign * asked < sign * weakest:
        return state  # the weaker cannot answer any more
    room = limit + sign * step.minor(limit)  # leaves the stronger one step
    state = offer(state, weak, better(asked, worse(weakest, room)))
    asked = least(state, state.seats[strong])
    return offer(state, strong, asked) if sign * asked >= sign * limit else state


def _descend(state: State, challenger: Seat, now: datetime, take: Take, may: May) -> State:
    """Back to back: everybody steps down from his own last price; the weaker of two limits goes to its end."""
    terms = state.terms
    sign = terms.sign
    price, mine = _reach(state, challenger), _floor(state, challenger)
    assert price is not None, "a challenger can offer"
    assert mine is not None, "a challenger can offer"
    leader = state.seats[state.leader] if state.leader is not None else None
    theirs = _floor(state, leader) if leader is not None and may(state, leader) else None

    def offer(state: State, plate: str, minor: int) -> State:
        return take(state, state.seats[plate], Money(minor, terms.currency), now, Kind.LIMIT)

    if leader is None or theirs is None:
        return offer(state, challenger.plate, price)
    if (sign * theirs, leader.limit_seq) < (sign * mine, challenger.limit_seq):
        return offer(state, challenger.plate, mine)
    return offer(offer(state, challenger.plate, price), leader.plate, theirs)


def _floor(state: State, seat: Seat) -> int | None:
    """The best price in his own steps that a bidder's limit allows him now; None when he has no limit or no room."""
    from bidding.rules.auction.opens import least

    if seat.limit is None:
        return None
    step, sign, limit = state.terms.step, state.terms.sign, seat.limit.minor
    assert step is not None
    price = least(state, seat)
    if sign * price < sign * limit or price <= 0:
        return None
    if step.amount is not None:
        size = step.amount.minor
        return price - sign * size * (sign * (price - limit) // size)
    while sign * (after := price - sign * step.minor(price)) >= sign * limit and after > 0:
        price = after
    return price
