"""What the robots of a rehearsal do: pure, from the state, the rehearsal's seed and the second.

A robot knows what a bidder may know and is refused like everybody. Where an auction waits for a panel or a draw, the
rehearsal supplies both from its seed.

Source: rules §4 (the same engine); issue "Rehearsal room with robots".
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

from bidding.rules.auction import events
from bidding.rules.auction.clocks import Dial
from bidding.rules.auction.events import Event
from bidding.rules.auction.listing import Second
from bidding.rules.auction.opens import least
from bidding.rules.auction.script import Lottery
from bidding.rules.auction.sealed import Closed
from bidding.rules.auction.state import OPEN, Seat, Stage, State
from bidding.rules.auction.terms import Direction, Format, Norm
from bidding.rules.auction.turns import Turn
from kernel.money import Money


def draw(seed: bytes, *words: object) -> int:
    """A number below 2^64 that follows from the seed and some words."""
    text = "|".join(str(word) for word in words).encode()
    return int.from_bytes(hashlib.sha256(seed + text).digest()[:8], "big")


def move_of(state: State, plate: str, seed: bytes, second: int) -> Event | None:
    """What this robot does in this second, if anything."""
    terms, seat = state.terms, state.seats[plate]
    dice = draw(seed, plate, second)
    if state.stage in (Stage.INQUIRY, Stage.WILLING) and not seat.willing and dice % 9 == 0:
        return events.WillContinue(plate)
    if terms.sealed:
        return _sealed(state, seat, seed, dice)
    if terms.turns is not None:
        return _turn(state, seat, seed, dice)
    if terms.clock is not None:
        return _clock(state, seat, seed, dice)
    if state.stage is Stage.SECOND:
        return _second(state, seat, seed, dice)
    return _offer(state, seat, seed, dice)


def _ready(state: State, seat: Seat, seed: bytes) -> int:
    """What it is ready to pay or to ask, in minor units: 10 to 30 percent away from the start price."""
    start = state.terms.first_minor or 0
    return start - state.terms.sign * start * (10 + draw(seed, seat.plate, "ready") % 21) // 100


def _offer(state: State, seat: Seat, seed: bytes, dice: int) -> Event | None:
    # A robot thinks for six to fifteen seconds between two offers.
    terms = state.terms
    if state.stage not in OPEN or dice % 10 or not seat.inside:
        return None
    if state.leader == seat.plate or terms.step is None or terms.first_minor is None:
        return None
    bound = least(state, seat)
    more = dice // 10 % 3 if seat.count else 0
    minor = bound - terms.sign * terms.step.minor(bound) * more
    if terms.cap is not None:
        minor = min(minor, terms.cap.price.minor)
    if minor > 0 and terms.sign * minor >= terms.sign * _ready(state, seat, seed):
        return events.OfferMade(seat.plate, Money(minor, terms.currency))
    return None


def _sealed(state: State, seat: Seat, seed: bytes, dice: int) -> Event | None:
    closed, terms = state.special, state.terms
    if state.stage not in (Stage.RUNNING, Stage.SECOND) or not isinstance(closed, Closed) or dice % 12:
        return None
    done = any(plate == seat.plate for plate, _seq in closed.held)
    if done or (closed.allowed is not None and seat.plate not in closed.allowed):
        return None
    start = terms.first_minor or 100_00
    own = seat.last.amount.minor if seat.last is not None else start
    share = dice // 12 % 6 if seat.last is not None else dice // 12 % 15
    minor = max(100, (own - terms.sign * own * share // 100) // 100 * 100)
    if terms.sign * minor > terms.sign * own:
        minor = own
    wanted = [one for one in terms.items if one.name != "price" and one.norm is not Norm.POINTS]
    items = tuple((one.name, Decimal(1 + draw(seed, seat.plate, one.name) % 8)) for one in wanted)
    return events.OfferMade(seat.plate, Money(minor, terms.currency), items=items)


def _turn(state: State, seat: Seat, seed: bytes, dice: int) -> Event | None:
    terms, turn = state.terms, state.special
    assert terms.step is not None
    assert terms.first_minor is not None
    if state.stage is Stage.WAITING:
        if seat.last is not None or dice % 6:
            return None
        minor = terms.first_minor - terms.first_minor * (dice // 6 % 6) // 100
        return events.OfferMade(seat.plate, Money(minor // 100 * 100, terms.currency))
    if not isinstance(turn, Turn) or state.stage is not Stage.RUNNING or turn.plate != seat.plate:
        return None
    if seat.last is None or turn.pending is not None or dice % 4:
        return None
    own = seat.last.amount.minor
    minor = own - terms.step.minor(own) * (1 + dice // 4 % 4)
    if minor < _ready(state, seat, seed):
        return None
    return events.TurnBid(seat.plate, Money(minor, terms.currency).yuan)


def _clock(state: State, seat: Seat, seed: bytes, dice: int) -> Event | None:
    dial, terms = state.special, state.terms
    if state.stage is not Stage.RUNNING or not isinstance(dial, Dial) or not seat.inside or dice % 4:
        return None
    start = terms.first_minor or 0
    share = 10 + draw(seed, seat.plate, "ready") % 21
    if terms.format is Format.DUTCH:
        return events.Accept(seat.plate) if dial.price.minor <= start * (100 - share) // 100 else None
    falls = terms.direction is Direction.DOWN
    limit = start * (100 - share if falls else 100 + share) // 100
    stays = dial.price.minor >= limit if falls else dial.price.minor <= limit
    said = seat.last is not None and seat.last.round == dial.tick
    return events.StayIn(seat.plate) if stays and not said else None


def _second(state: State, seat: Seat, seed: bytes, dice: int) -> Event | None:
    cap, best = state.terms.cap, state.special
    if cap is None or not isinstance(best, Second) or not seat.willing or dice % 8:
        return None
    if best.plate == seat.plate:
        return None
    quantity = cap.start if best.quantity is None else best.quantity + cap.step
    if cap.maximum is not None:
        quantity = min(quantity, cap.maximum)
    most = cap.start + cap.step * (3 + draw(seed, seat.plate, "most") % 6)
    return events.Bid2(seat.plate, quantity) if quantity <= most else None


def settlement_of(state: State, seed: bytes) -> Event | None:
    """What a rehearsal supplies where the engine waits for a panel or a draw."""
    if state.stage is not Stage.SETTLING:
        return None
    waiting = state.special
    if isinstance(waiting, Lottery):
        names = sorted(waiting.candidates)
        return events.LotteryDrawn(names[draw(seed, "lottery") % len(names)])
    if isinstance(waiting, Closed) and state.standing:
        given = {name for name, _points in waiting.points}
        for item in state.terms.items:
            if item.norm is Norm.POINTS and item.name not in given:
                plates = sorted(rung[3] for rung in state.standing)
                points = tuple((plate, Decimal(60 + draw(seed, plate, item.name) % 41)) for plate in plates)
                return events.PointsGiven(item.name, points)
    return None


__all__ = ["draw", "move_of", "settlement_of"]
