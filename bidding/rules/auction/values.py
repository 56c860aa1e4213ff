"""Frozen values, their plain JSON form, and collections that grow without being copied.

Source: rules §4.3 A-14 (everything stored and replayable); spec house style §5 (types, money).
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from kernel.errors import NotValid
from kernel.money import Money

T = TypeVar("T")
Plain = dict[str, Any]
"""A JSON object: strings, whole numbers, booleans, null, arrays and objects; never a float."""


class Value:
    """Base of frozen dataclasses that are changed often: ``but`` copies one without running its checks again."""

    def but(self, **changes: object) -> Self:
        """The same value with some fields replaced."""
        new = object.__new__(type(self))
        fresh = new.__dict__
        fresh.update(self.__dict__)
        known = len(fresh)
        fresh.update(changes)
        assert len(fresh) == known, "a field nobody declared"
        return new


_LEAF = 64


@dataclass(frozen=True)
class Trail(Sequence[T]):
    """An immutable row of things in order of arrival; ``with_one`` costs the same however long it is."""

    chunks: tuple[tuple[T, ...], ...] = ()
    tail: tuple[T, ...] = ()

    def with_one(self, item: T) -> Trail[T]:
        """The row with one more at its end."""
        if len(self.tail) < _LEAF:
            return Trail(self.chunks, (*self.tail, item))
        return Trail((*self.chunks, self.tail), (item,))

    def __len__(self) -> int:
        return len(self.chunks) * _LEAF + len(self.tail)

    def __iter__(self) -> Iterator[T]:
        for chunk in self.chunks:
            yield from chunk
        yield from self.tail

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[T, ...]: ...
    def __getitem__(self, at: int | slice) -> T | tuple[T, ...]:
        if isinstance(at, slice):
            return tuple(self[n] for n in range(*at.indices(len(self))))
        place = at + len(self) if at < 0 else at
        chunk, offset = divmod(place, _LEAF)
        if place < 0 or place >= len(self):
            raise IndexError(at)
        return self.chunks[chunk][offset] if chunk < len(self.chunks) else self.tail[offset]


@dataclass(frozen=True)
class Keys:
    """An immutable map from key to a number; layers of doubling size keep adding cheap and old values intact."""

    layers: tuple[Mapping[str, int], ...] = ()

    def get(self, key: str) -> int | None:
        """The number entered under the key, if any."""
        for layer in self.layers:
            found = layer.get(key)
            if found is not None:
                return found
        return None

    def with_one(self, key: str, number: int) -> Keys:
        """The map with one more entry."""
        fresh: dict[str, int] = {key: number}
        layers = self.layers
        while layers and len(layers[0]) <= len(fresh):
            fresh.update(layers[0])
            layers = layers[1:]
        return Keys((fresh, *layers))

    def __len__(self) -> int:
        return sum(map(len, self.layers))


# Plain form ---------------------------------------------------------------------------------------------------


def money_text(amount: Money) -> str:
    """``"1250.00"``: an amount in major units with two decimals."""
    sign = "-" if amount.minor < 0 else ""
    whole, rest = divmod(abs(amount.minor), 100)
    return f"{sign}{whole}.{rest:02d}"


@lru_cache(maxsize=4096)
def instant_text(at: datetime) -> str:
    """``"2026-11-21T02:00:00.000000Z"``, always UTC and microseconds; an offer's instant is written five times."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:26] + "Z"


def to_plain(value: object) -> Any:
    """The JSON form of a value made of dataclasses, enums, money, decimals, instants, tuples and simple types."""
    if isinstance(value, Money):
        return money_text(value)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, (tuple, Trail)):
        return [to_plain(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: to_plain(getattr(value, one.name)) for one in fields(value)}
    assert value is None or isinstance(value, (str, int))
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def invalid(path: str, rule: str, **told: object) -> NotValid:
    """The refusal of a value that does not read: which field, and which rule it breaks."""
    return NotValid("auction_value_invalid", source="rules §4.1", field=path, name=path, rule=rule, **told)


def from_plain(kind: Any, plain: object, path: str = "", *, currency: str = "CNY") -> Any:
    """The value of type ``kind`` written as ``plain``.

    Raises:
        NotValid: ``auction_value_invalid`` naming the field and the rule it breaks.
    """
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        inner = [one for one in get_args(kind) if one is not type(None)]
        if plain is None and len(inner) < len(get_args(kind)):
            return None
        return from_plain(inner[0], plain, path, currency=currency)
    if origin is tuple:
        return _row(kind, plain, path, currency)
    if is_dataclass(kind) and kind is not Money:
        assert isinstance(kind, type)
        return _record(kind, plain, path, currency)
    return _simple(kind, plain, path, currency)


def _row(kind: Any, plain: object, path: str, currency: str) -> tuple[Any, ...]:
    if not isinstance(plain, (list, tuple)):
        raise invalid(path, "a list")
    inner = get_args(kind)
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(from_plain(inner[0], v, f"{path}.{n}", currency=currency) for n, v in enumerate(plain))
    if len(inner) != len(plain):
        raise invalid(path, f"{len(inner)} entries")
    pairs = zip(inner, plain, strict=True)
    return tuple(from_plain(one, v, f"{path}.{n}", currency=currency) for n, (one, v) in enumerate(pairs))


def _record(kind: type, plain: object, path: str, currency: str) -> Any:
    if not isinstance(plain, Mapping):
        raise invalid(path, "an object")
    if not path and isinstance(plain.get("currency"), str):
        currency = str(plain["currency"])
    names = {one.name: one for one in fields(kind)}
    here = f"{path}." if path else ""
    for name in plain:
        if name not in names:
            raise invalid(f"{here}{name}", "no such field")
    made = {}
    for name, one in names.items():
        if name in plain:
            made[name] = from_plain(_hints(kind)[name], plain[name], f"{here}{name}", currency=currency)
        elif one.default is MISSING and one.default_factory is MISSING:
            raise invalid(f"{here}{name}", "must be given")
    return kind(**made)


def _simple(kind: Any, plain: object, path: str, currency: str) -> Any:
    if kind is bool:
        return plain if isinstance(plain, bool) else _no(path, "true or false")
    if kind is int:
        whole = isinstance(plain, int) and not isinstance(plain, bool)
        return plain if whole else _no(path, "a whole number")
    if not isinstance(plain, str):
        return _no(path, "a string")
    if kind is str:
        return plain
    try:
        if kind is Money:
            return Money.from_yuan(plain, currency)
        if kind is Decimal:
            number = Decimal(plain)
            return number if number.is_finite() else _no(path, "a number")
        if kind is datetime:
            at = datetime.fromisoformat(plain)
            return at.astimezone(UTC) if at.tzinfo else _no(path, "an instant with its offset")
        return kind(plain)
    except (ValueError, InvalidOperation):
        return _no(path, _wanted(kind))


def _wanted(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "one of " + ", ".join(one.value for one in kind)
    return {Money: "an amount with at most two decimals", Decimal: "a number", datetime: "an instant"}[kind]


def _no(path: str, rule: str) -> Any:
    raise invalid(path, rule)


__all__ = ["Keys", "Plain", "Trail", "Value", "field", "from_plain", "instant_text", "money_text", "to_plain"]
