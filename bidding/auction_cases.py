"""Reads the cases of turn-based auctions that ``sunroad auction judge`` replays; what is wrong is named by its place.

A file is a JSON array of cases, one case, an object with a list ``cases``, or one case a line, in any encoding in
which an office saves text. Keys that are not asked for are passed over; a number may stand as text.

Source: peers §1.1; docs/formats/auction-terms.md §6.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from bidding.rules.auction.terms import Quality, TurnCriterion
from bidding.rules.auction.turns import double
from kernel.encodings import decoded
from kernel.money import Money

KINDS = {"default": TurnCriterion.PRICE, "meat": TurnCriterion.QUALITY, "mixed": TurnCriterion.MIXED}
ROUNDS = 3
NUMBER_MOST = Decimal("1e15")
PLACES_MOST = 40
"""Digits after the point; a double needs no more to be told from its neighbours."""
YEARS = range(1900, 3000)


class Unreadable(Exception):
    """A case that cannot be read; the message names case and field."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A bidder's opening price and what it is weighed by."""

    plate: str
    price: Money
    at: datetime
    quality: Quality


@dataclass(frozen=True, slots=True)
class Said:
    """An offer: in which stage, whose, how much, when by the file, and what is expected of it."""

    stage: int
    plate: str
    amount: Decimal
    at: object
    verdict: str | None
    turn_of: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """One case, read. ``orders``, ``final`` (worst first) and ``winner`` are expectations, None where not given."""

    name: object
    kind: str
    step: Money
    bids: tuple[Opening, ...]
    left_out: tuple[str, ...]
    said: tuple[Said, ...]
    orders: list[list[str]] | None
    final: list[tuple[str, Decimal]] | None
    winner: str | None

    @property
    def criterion(self) -> TurnCriterion:
        """What the result goes by."""
        return KINDS[self.kind]

    @property
    def expects(self) -> bool:
        """Whether anything stands in the case to be compared with."""
        given = (self.orders, self.final, self.winner)
        return any(one is not None for one in given) or any(
            one.verdict is not None or one.turn_of is not None for one in self.said
        )


@dataclass(frozen=True, slots=True)
class Spot:
    """A value of a case and its place, so that whatever is wrong with it can be named."""

    case: str
    path: str
    value: Any

    def wrong(self, what: str) -> Unreadable:
        """The refusal of this value."""
        return Unreadable(f"case {self.case}, field {self.path}: {what}")

    def find(self, key: str) -> Spot | None:
        """The value under a key; None when it is missing or null."""
        if not isinstance(self.value, Mapping):
            raise self.wrong("an object is needed")
        value = self.value.get(key)
        path = f"{self.path}.{key}" if self.path else key
        return None if value is None else Spot(self.case, path, value)

    def get(self, key: str) -> Spot:
        """The value under a key, which must be given."""
        found = self.find(key)
        if found is None:
            path = f"{self.path}.{key}" if self.path else key
            raise Unreadable(f"case {self.case}, field {path}: must be given")
        return found

    def each(self) -> list[Spot]:
        """The values of a list."""
        if not isinstance(self.value, list):
            raise self.wrong("a list is needed")
        return [Spot(self.case, f"{self.path}.{n}", one) for n, one in enumerate(self.value)]

    def number(self) -> Decimal:
        """A finite number, written as one or as text."""
        plain = self.value
        try:
            number = (
                Decimal(plain)
                if isinstance(plain, (Decimal, int, str)) and plain is not True
                else Decimal("nan")
            )
        except InvalidOperation:
            number = Decimal("nan")
        if plain is False or not number.is_finite():
            raise self.wrong("a number is needed")
        exponent = number.as_tuple().exponent
        if abs(number) >= NUMBER_MOST or (isinstance(exponent, int) and exponent < -PLACES_MOST):
            raise self.wrong(f"a number below {NUMBER_MOST} with at most {PLACES_MOST} decimals is needed")
        return number

    def positive(self) -> Decimal:
        """A number above 0."""
        number = self.number()
        if number <= 0:
            raise self.wrong("more than 0")
        return number

    def money(self) -> Money:
        """An amount above 0 with at most two decimals."""
        try:
            return Money.from_yuan(self.positive())
        except ValueError:
            raise self.wrong("at most two decimals") from None

    def text(self) -> str:
        """A name: text, or a whole number."""
        if isinstance(self.value, bool) or not isinstance(self.value, (str, int)) or self.value == "":
            raise self.wrong("text is needed")
        return str(self.value)

    def instant(self) -> datetime:
        """An ISO 8601 instant; without an offset it is taken as UTC."""
        try:
            at = datetime.fromisoformat(self.value)
        except (TypeError, ValueError):
            raise self.wrong("an instant is needed") from None
        if at.year not in YEARS:
            raise self.wrong(f"an instant from {YEARS[0]} to {YEARS[-1]} is needed")
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def read_cases(data: bytes) -> list[Case]:
    """The cases of a file. Raises Unreadable."""
    plain = _plain(decoded(data))
    if isinstance(plain, dict) and "kind" not in plain and isinstance(plain.get("cases"), list):
        plain = plain["cases"]
    cases = plain if isinstance(plain, list) else [plain]
    if not cases:
        raise Unreadable("no case in it")
    return [_case(n, one) for n, one in enumerate(cases)]


def _plain(text: str) -> object:
    """What stands in the file: one JSON document, or one a line."""
    try:
        return json.loads(text, parse_float=Decimal)
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except json.JSONDecodeError as whole:
        found = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    found.append(json.loads(line, parse_float=Decimal))
                except json.JSONDecodeError as error:
                    where = whole if number == 1 else error
                    raise Unreadable(
                        f"line {where.lineno if number == 1 else number}: {where.msg}"
                    ) from error
        return found


def _case(number: int, plain: object) -> Case:
    if not isinstance(plain, dict):
        raise Unreadable(f"case {number}: an object is needed")
    tender = plain.get("tender")
    name = plain.get("id") or (tender.get("id") if isinstance(tender, dict) else None)
    spot = Spot(f"{number} ({number if name is None else name})", "", plain)
    kind = spot.get("kind")
    if not isinstance(kind.value, str) or kind.value not in KINDS:
        raise kind.wrong(f"one of {', '.join(KINDS)}")
    step = spot.get("tender").get("minimalStep").get("amount").money()
    bids, left_out = _bids(spot, KINDS[kind.value])
    orders, final, winner = (
        spot.find(key) for key in ("turn_order_per_round", "final_worst_to_best", "intended_winner")
    )
    return Case(
        name=name,
        kind=kind.value,
        step=step,
        bids=bids,
        left_out=left_out,
        said=tuple(_said(spot, len(bids))),
        orders=None if orders is None else [[one.text() for one in order.each()] for order in orders.each()],
        final=None
        if final is None
        else [(one.get("bidder").text(), one.get("amount").number()) for one in final.each()],
        winner=None if winner is None else winner.text(),
    )


def _bids(spot: Spot, criterion: TurnCriterion) -> tuple[tuple[Opening, ...], tuple[str, ...]]:
    """The bids that take part, and the plates of those that do not: their status is another than ``active``."""
    tender = spot.get("tender")
    features = _features(tender.get("features")) if criterion is TurnCriterion.QUALITY else None
    bids, left_out, seen = [], [], set()
    for bid in tender.get("bids").each():
        plate = bid.get("id").text()
        if plate in seen:
            raise bid.get("id").wrong("given twice")
        seen.add(plate)
        status = bid.find("status")
        if status is not None and status.text() != "active":
            left_out.append(plate)
            continue
        price = bid.get("value").get("amount").money()
        if features is not None:
            quality = _coefficient(plate, bid, features)
        elif criterion is TurnCriterion.MIXED:
            quality = _weighted(plate, bid.get("weightedValue"))
        else:
            quality = Quality(plate)
        bids.append(Opening(plate, price, bid.get("date").instant(), quality))
    if not bids:
        raise tender.get("bids").wrong("at least one bid that takes part is needed")
    return tuple(bids), tuple(left_out)


def _weight(spot: Spot) -> Fraction:
    value = spot.number()
    if value < 0:
        raise spot.wrong("not negative")
    return double(value)


def _features(features: Spot) -> tuple[frozenset[str], Fraction]:
    """The codes of the features, and the sum of their greatest weights.

    The greatest weights are added up as doubles are: each sum is rounded to the nearest double.
    """
    codes, most = set(), Fraction(0)
    for feature in features.each():
        weights = [_weight(one.get("value")) for one in feature.get("enum").each()]
        if not weights:
            raise feature.get("enum").wrong("at least one weight is needed")
        code = feature.get("code").text()
        if code in codes:
            raise feature.get("code").wrong("given twice")
        codes.add(code)
        most = Fraction(float(most + max(weights)))
    if most >= 1:
        raise features.wrong("weights must add up to less than 1")
    return frozenset(codes), most


def _coefficient(plate: str, bid: Spot, features: tuple[frozenset[str], Fraction]) -> Quality:
    """The coefficient of a bid: k = 1 + Σ chosen / (1 − Σ greatest); parameters of no feature do not count."""
    codes, most = features
    parameters = bid.find("parameters")
    chosen = Fraction(0)
    for one in parameters.each() if parameters is not None else ():
        if one.get("code").text() in codes:
            chosen += _weight(one.get("value"))
    return Quality(plate, str(1 + chosen / (1 - most)))


def _weighted(plate: str, weighted: Spot) -> Quality:
    """The divisor and addition that a bid states, and its weighted opening price as it was published."""
    divisor, addition, opening = (weighted.find(key) for key in ("denominator", "addition", "amount"))
    return Quality(
        plate,
        "1" if divisor is None else str(divisor.positive()),
        "0" if addition is None else str(addition.number()),
        None if opening is None else str(opening.number()),
    )


def _said(spot: Spot, bidders: int) -> Iterator[Said]:
    """The offers in the order of the file."""
    events = spot.find("events")
    last, before = ROUNDS * (bidders + 1), 0
    for event in events.each() if events is not None else ():
        stage = event.get("stage")
        number = stage.number()
        if number not in range(last + 1):
            raise stage.wrong(f"0 to {last}")
        if number < before:
            raise stage.wrong("stages must not go backwards")
        before = int(number)
        verdict, turn_of = event.find("verdict"), event.find("turn_of")
        yield Said(
            stage=before,
            plate=event.get("from_bidder").text(),
            amount=event.get("amount").number(),
            at=event.value.get("at"),
            verdict=None if verdict is None else verdict.text(),
            turn_of=None if turn_of is None else turn_of.text(),
        )
