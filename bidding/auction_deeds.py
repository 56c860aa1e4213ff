"""What a bidder can do in the hall, read from his message: the word of the command, and the event it becomes.

Source: rules §4.3 A-05, A-08, §4.5, §4.6; docs/formats/live-channel.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from bidding.hall_core import journal
from bidding.rules.auction import events
from bidding.rules.auction.events import Event
from kernel.errors import NotValid
from kernel.live import Json
from kernel.money import Money

Make = Callable[[str, Json], Event]


def amount_of(message: Json, currency: str = "CNY") -> Money:
    """The amount of a message, as a decimal string in yuan. Raises NotValid ``auction_amount``."""
    found = message.get("amount")
    try:
        if not isinstance(found, str) or len(found) > 24:
            raise ValueError("not a text")
        return Money.from_yuan(found, currency)
    except ValueError as problem:
        raise NotValid("auction_amount", source="rules §4.3 A-05", field="amount") from problem


def _number_of(message: Mapping[str, object], name: str) -> Decimal:
    try:
        found = Decimal(str(message.get(name)))
        if not found.is_finite() or len(str(found)) > 24:
            raise InvalidOperation
    except InvalidOperation as problem:
        raise NotValid("auction_amount", source="rules §4.5", field=name) from problem
    return found


def _key(message: Json) -> str:
    return journal.require_key(message.get("key"))


def _items(message: Json) -> tuple[tuple[str, Decimal], ...]:
    """F9: the values of the other items by name. Raises NotValid ``auction_items``."""
    found = message.get("items")
    if not found:
        return ()
    if not isinstance(found, Mapping) or len(found) > 20:
        raise NotValid("auction_items", source="rules §4.6 F9", field="items")
    return tuple(sorted((str(name), _number_of(found, name)) for name in found))


def _offer(plate: str, message: Json) -> Event:
    confirmed = message.get("confirmed") is True
    return events.OfferMade(plate, amount_of(message), _key(message), confirmed, _items(message))


def _limit(plate: str, message: Json) -> Event:
    return events.StandingLimit(plate, None if message.get("amount") is None else amount_of(message))


DEEDS: Mapping[str, Make] = {
    "offer": _offer,
    "limit": _limit,
    "will_continue": lambda plate, _: events.WillContinue(plate),
    "match": lambda plate, message: events.Match(plate, _key(message)),
    "waive": lambda plate, _: events.Waive(plate),
    "accept": lambda plate, message: events.Accept(plate, _key(message)),
    "stay": lambda plate, message: events.StayIn(plate, _key(message)),
    "drop": lambda plate, _: events.DropOut(plate),
    "bid2": lambda plate, message: events.Bid2(plate, _number_of(message, "quantity"), _key(message)),
    "turn": lambda plate, message: events.TurnBid(plate, _number_of(message, "amount"), _key(message)),
}
"""What a bidder can do in the hall: the word of the command, and the event it becomes."""
