"""What is one bidder's own in an auction: his offers, his place as far as it is printed, his next price, his limit.

Source: rules §4.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bidding.rules.auction.script import asked
from bidding.rules.auction.sealed import Closed
from bidding.rules.auction.state import OPEN, OVER, Kind, Seat, Stage, State, Taken
from bidding.rules.auction.terms import Basis, RankShown
from bidding.rules.auction.turns import Turn
from bidding.rules.auction.values import Plain, instant_text, money_text

Place = int | bool | None
"""Exact (1 …), within the first three (1–3 or false), best or not, or nothing."""


class Places:
    """Everybody's place in the newest state that was asked about; it is the state before the next change."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: tuple[State, Mapping[str, Place]] | None = None

    def of(self, state: State) -> Mapping[str, Place]:
        """Plate → place in a state, of those who have one."""
        if self._held is None or self._held[0] is not state:
            self._held = (state, _places(state))
        return self._held[1]


def amount(taken: Taken) -> str | None:
    """The price; None of an offer that is sealed."""
    return None if taken.kind is Kind.SEALED else money_text(taken.amount)


def private(
    before: State | None, after: State, plate: str, places: tuple[Place, Place] | None = None
) -> Plain | None:
    """What changed for this bidder alone: his own offers, his place as far as printed, his next price, his limit.

    ``before`` None gives all of it (for a snapshot); otherwise None means: send nothing.

    Args:
        places: his places before and after, when they were counted already.
    """
    if before is after:
        return None
    seat = after.seats.get(plate)
    then, now = places if places is not None else (_rank(before, plate), _rank(after, plate))
    if before is None:
        return _own(after, plate, now) | {"own": [_mine(one) for one in after.offers if one.plate == plate]}
    if seat is not None and before.seats.get(plate) is seat and _quiet(before, after) and then == now:
        return None
    old, new = _own(before, plate, then), _own(after, plate, now)
    told = {name: value for name, value in new.items() if old[name] != value}
    fresh = after.seats[plate].count - (before.seats[plate].count if plate in before.seats else 0)
    if fresh > 0:
        recent = (one for one in after.offers[len(before.offers) :] if one.plate == plate)
        told["own"] = [_mine(one) for one in recent]
    return told or None


def privates(
    before: State, after: State, plates: Iterable[str], places: Places | None = None
) -> Iterator[tuple[str, Plain]]:
    """``private`` for many bidders at once, for those who have something to hear.

    An offer of one moves the places of others and nothing else of theirs: places are counted once for all.
    """
    places = places or Places()
    quiet, then, now = _quiet(before, after), places.of(before), places.of(after)
    seats, old = after.seats, before.seats
    for plate in plates:
        was, place = then.get(plate), now.get(plate)
        seat = seats.get(plate)
        if quiet and seat is not None and old.get(plate) is seat:
            if was != place:
                yield plate, {"rank": place}
            continue
        told = private(before, after, plate, (was, place))
        if told is not None:
            yield plate, told


def _quiet(before: State, after: State) -> bool:
    """Whether nothing can have changed for a bidder whose seat is as it was, but his place."""
    return (
        before.stage is after.stage and before.stage is not Stage.ASKING and before.special is after.special
    )


def _own(state: State, plate: str, rank: Place) -> Plain:
    seat = state.seats.get(plate)
    if seat is None:
        return dict.fromkeys(("rank", "next", "limit", "willing", "inside", "asked", "turn", "second"))
    return {
        "rank": rank,
        "next": _own_next(state, seat),
        "limit": None if seat.limit is None else money_text(seat.limit),
        "willing": seat.willing,
        "inside": seat.inside and _among_equals(state, plate),
        "asked": state.stage is Stage.ASKING and asked(state) == plate,
        "turn": _own_turn(state, plate),
        "second": None if seat.second is None else format(seat.second, "f"),
    }


def _among_equals(state: State, plate: str) -> bool:
    """Whether he may offer in the round he is in; only a second sealed round among equals leaves somebody out."""
    closed = state.special
    return not isinstance(closed, Closed) or closed.allowed is None or plate in closed.allowed


def _own_turn(state: State, plate: str) -> Plain | None:
    """F13: his place in this round, whether it is his turn, and his offer of this turn that nobody else sees."""
    turn = state.special
    if not isinstance(turn, Turn) or plate not in turn.order:
        return None
    place = turn.order.index(plate)
    mine = turn.at == place and state.stage is Stage.RUNNING
    pending = money_text(turn.pending) if mine and turn.pending is not None else None
    return {"place": place + 1, "mine": mine, "offer": pending}


def _mine(taken: Taken) -> Plain:
    """An own offer; its place among all offers is not told."""
    return {
        "nr": taken.nr,
        "amount": amount(taken),
        "at": instant_text(taken.recv_at),
        "kind": taken.kind.value,
        "round": taken.round,
        "digest": taken.digest,
    }


def _own_next(state: State, seat: Seat) -> str | None:
    from bidding.rules.auction.opens import least

    if state.terms.basis is not Basis.OWN or state.stage not in OPEN or state.terms.step is None:
        return None
    minor = least(state, seat)
    return f"{minor // 100}.{minor % 100:02d}" if minor > 0 else None


def _rank(state: State | None, plate: str) -> Place:
    return None if state is None else _places(state).get(plate)


def _places(state: State) -> dict[str, Place]:
    """Everybody's place: exact (1 …), within the first three (1–3 or false), best or not, or nothing.

    Source: rules §4.2.
    """
    shown = RankShown.EXACT if state.stage in OVER else state.terms.visible.rank
    if shown is RankShown.NONE or not state.standing:
        return {}
    places: dict[str, Place] = {rung[3]: place for place, rung in enumerate(state.standing, 1)}
    if shown is RankShown.EXACT:
        return places
    offered = [plate for plate, seat in state.seats.items() if seat.last is not None]
    if shown is RankShown.BEST_OR_NOT:
        return {plate: plate == state.leader for plate in offered}
    first = {rung[3] for rung in state.standing[:3]}
    return {plate: places[plate] if plate in first else False for plate in offered}
