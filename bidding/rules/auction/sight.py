"""The one place that decides what each party may see of an auction while it runs and afterwards.

A view is a function of what the matrix and the printed options show and of nothing else: neither its contents nor
its existence, size or moment depends on a hidden fact. No view holds the state's version or the place of an offer
among all offers, which would tell how many there are; whoever sends news numbers them per audience.

Source: rules §4.2 (matrix), §4.4 (hidden end), §4.5 step 9; 最高法网络司法拍卖规定 第八条.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bidding.rules.auction.clocks import Dial
from bidding.rules.auction.listing import Second
from bidding.rules.auction.sight_own import Places, amount, private, privates
from bidding.rules.auction.state import OPEN, OVER, Kind, Seat, Stage, State, Stopped, Taken
from bidding.rules.auction.terms import AfterEnd, Basis, PricesShown
from bidding.rules.auction.turns import Turn
from bidding.rules.auction.values import Plain, instant_text, money_text


@dataclass(frozen=True, slots=True)
class Bidder:
    """A bidder by his plate."""

    plate: str


@dataclass(frozen=True, slots=True)
class Host:
    """Buyer, seller, agent, or whoever runs the session."""


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The supervising authority."""


@dataclass(frozen=True, slots=True)
class Public:
    """Everybody else."""


Viewer = Bidder | Host | Supervisor | Public


@dataclass(frozen=True, slots=True)
class _Sees:
    """What one audience may see now."""

    best: bool
    prices: PricesShown
    bidders: bool
    offers: bool
    kinds: bool = False
    room: bool = False  # what everybody in the room must see to take part: the clock, whose turn it is


_NOTHING = _Sees(best=False, prices=PricesShown.NONE, bidders=False, offers=False)
_ALL = _Sees(best=True, prices=PricesShown.PLATES, bidders=True, offers=True, kinds=True, room=True)


def audience(state: State, viewer: Viewer) -> str:
    """A key: viewers with the same key get byte-identical snapshots and news."""
    return audience_of(viewer)


def audience_of(viewer: Viewer) -> str:
    """The audience of a viewer, which is the same in every state."""
    return type(viewer).__name__.lower()


def _sees(state: State, viewer: Viewer) -> _Sees:
    shown = state.terms.visible
    if state.stage in OVER:
        inside = isinstance(viewer, (Supervisor, Host))
        return _ALL if inside or shown.after_end is AfterEnd.ALL else _NOTHING
    if isinstance(viewer, Bidder):
        rounds = state.terms.rounds
        # F3 may print that the best is shown after each round; the standing moves only when a round is opened.
        best = shown.best or (rounds is not None and rounds.best_after_each)
        return _Sees(best, shown.prices, shown.count, shown.prices is not PricesShown.NONE, room=True)
    live = shown.public_live
    prices = PricesShown.PLATES if live else PricesShown.NONE
    counts = isinstance(viewer, Supervisor)
    return _Sees(live, prices, counts, counts or live, room=live)


class Memo:
    """What was worked out of the newest state of an auction, by audience: it is the state before the next change.

    It saves work and changes nothing: what it holds counts only for the very state it was made of.
    """

    __slots__ = ("_facts", "places")

    def __init__(self) -> None:
        self._facts: dict[str, tuple[State, _Sees, tuple[object, ...]]] = {}
        self.places = Places()

    def facts(self, state: State, viewer: Viewer) -> tuple[State, _Sees, tuple[object, ...]]:
        """What an audience sees of a state, and the facts behind it."""
        name = audience_of(viewer)
        held = self._facts.get(name)
        if held is None or held[0] is not state:
            sees = _sees(state, viewer)
            held = self._facts[name] = (state, sees, _facts(state, sees))
        return held


def snapshot(state: State, viewer: Viewer) -> Plain:
    """Everything this viewer's audience may see, as plain JSON. What is his alone comes from ``private``."""
    sees = _sees(state, viewer)
    plain = _head(state, viewer, sees)
    plain["list"] = _listed(state, sees, 0)
    return plain


def news(before: State, after: State, viewer: Viewer, memo: Memo | None = None) -> Plain | None:
    """What changed for this viewer's audience: changed entries of the snapshot, and new entries of ``list``.

    ``list`` is appended to; when ``relist`` is true it starts anew. None: send nothing, not even an empty message.
    """
    if before is after:
        return None
    memo = memo or Memo()
    _, then, old = memo.facts(before, viewer)
    _, now, new = memo.facts(after, viewer)
    told: Plain = {}
    same = then == now  # where more (or less) may be seen than before, equal facts look different
    for name, was, is_now in zip(_NAMES, old, new, strict=True):
        if same and (was is is_now or was == is_now):
            continue
        value = _shown(name, is_now, after, viewer, now)
        if value != _shown(name, was, before, viewer, then):
            told[name] = value
    if then.prices is not now.prices or then.kinds != now.kinds:
        told["relist"], told["list"] = True, _listed(after, now, 0)
    elif now.prices is not PricesShown.NONE and len(after.offers) > len(before.offers):
        told["list"] = _listed(after, now, len(before.offers))
    return told or None


_NAMES = (
    "stage",
    "starts_at",
    "ends_at",
    "extensions",
    "round",
    "best",
    "next",
    "bidders",
    "offers",
    "special",
    "stopped",
    "result",
)
"""The entries of a snapshot beside the list; always the same."""


def _facts(state: State, sees: _Sees) -> tuple[object, ...]:
    """What the entries are made of, in the order of their names; None where it may not be seen."""
    return (
        state.stage,
        state.starts_at,
        state.shown_ends_at,
        state.extensions,
        state.round,
        state.best if sees.best else None,
        _next(state) if sees.best and state.terms.basis is Basis.BEST else None,
        len(state.seats) if sees.bidders else None,
        _count(state) if sees.offers else None,
        state.special if sees.room else None,
        state.stopped,
        state.outcome,
    )


def _head(state: State, viewer: Viewer, sees: _Sees) -> Plain:
    pairs = zip(_NAMES, _facts(state, sees), strict=True)
    return {name: _shown(name, fact, state, viewer, sees) for name, fact in pairs}


def _shown(name: str, fact: object, state: State, viewer: Viewer, sees: _Sees) -> Any:
    """An entry as it is sent."""
    if name == "special":
        return _special(state, sees)
    if fact is None or (isinstance(fact, (int, str)) and not isinstance(fact, Stage)):
        return fact
    match fact:
        case Stage():
            return fact.value
        case datetime():
            return instant_text(fact)
        case Taken():
            return _entry(fact, sees)
        case Stopped():
            return _stopped(fact)
    return _result(state, viewer)


def _special(state: State, sees: _Sees) -> Plain | None:
    """What only this format shows: the clock (F10, F11), whose turn it is (F13), the second indicator (F6)."""
    if not sees.room:
        return None
    special = state.special
    if isinstance(special, Dial):
        inside = sum(seat.inside for seat in state.seats.values()) if sees.bidders else None
        return {"price": money_text(special.price), "tick": special.tick, "inside": inside}
    plates = sees.prices is PricesShown.PLATES
    if isinstance(special, Turn):
        return {
            "turn": special.at + 1,
            "turns": len(special.order),
            "order": list(special.order) if plates else None,
        }
    if isinstance(special, Second) and sees.best:
        quantity = None if special.quantity is None else format(special.quantity, "f")
        return {"quantity": quantity, "plate": special.plate if plates else None, "nr": special.seq}
    return None


def special_of(state: State) -> Plain | None:
    """What only this format shows, whole; for the replay of a finished auction whose journal is public."""
    return _special(state, _ALL)


def _next(state: State) -> str | None:
    """The least good price that would be taken from somebody who does not lead."""
    from bidding.rules.auction.opens import least

    if state.stage not in OPEN or state.terms.step is None:
        return None
    minor = least(state, Seat(""))
    if state.terms.cap is not None:
        minor = min(minor, state.terms.cap.price.minor)
    return f"{minor // 100}.{minor % 100:02d}" if minor > 0 else None


def _stopped(old: Stopped) -> Plain:
    until = None if old.resumes_at is None else instant_text(old.resumes_at)
    return {"reason": old.reason, "resumes_at": until}


def _result(state: State, viewer: Viewer) -> Plain | None:
    made = state.outcome
    if made is None:
        return None
    inside = isinstance(viewer, (Supervisor, Host))
    tells_reserve = inside or state.terms.listing is not None or state.terms.visible.public_live
    reason = made.reason
    if reason == "reserve_not_met" and not tells_reserve:
        reason = "no_result"
    plain: Plain = {
        "outcome": made.outcome.value,
        "reason": reason,
        "winner": made.winner,
        "price": None if made.price is None else money_text(made.price),
        "reserve_met": made.reserve_met if tells_reserve and not isinstance(viewer, Public) else None,
    }
    if inside or state.terms.visible.after_end is AfterEnd.ALL:
        plain["ranking"] = [[plate, money_text(price)] for plate, price in made.ranking]
        plain["points"] = [list(pair) for pair in made.points]
    return plain


def _entry(taken: Taken, sees: _Sees) -> Plain:
    plain: Plain = {"amount": amount(taken), "at": instant_text(taken.recv_at)}
    if sees.prices is PricesShown.PLATES:
        plain["plate"] = taken.plate
        # That the core offered for somebody's standing limit is his own affair until the end.
        plain["kind"] = taken.kind.value if sees.kinds or taken.kind is not Kind.LIMIT else Kind.OFFER.value
    return plain


def _count(state: State) -> int:
    """How many offers were taken; one that was sealed and then opened is one offer."""
    opened = sum(one.kind is Kind.REVEALED for one in state.offers) if state.terms.sealed else 0
    return len(state.offers) - opened


def _listed(state: State, sees: _Sees, since: int) -> list[Any]:
    """The offers from one on; of a sealed one that was opened only what it said."""
    if sees.prices is PricesShown.NONE:
        return []
    if state.terms.sealed:
        opened = {one.digest for one in state.offers if one.kind is Kind.REVEALED}
        return [
            _entry(one, sees)
            for one in state.offers[since:]
            if one.kind is not Kind.SEALED or one.digest not in opened
        ]
    count = len(state.offers)
    if count - since <= 8:
        return [_entry(state.offers[n], sees) for n in range(since, count)]
    return [_entry(one, sees) for one in state.offers[since:]]


__all__ = [
    "Bidder",
    "Host",
    "Memo",
    "Public",
    "Stage",
    "Supervisor",
    "Viewer",
    "audience",
    "audience_of",
    "news",
    "private",
    "privates",
    "snapshot",
    "special_of",
]
