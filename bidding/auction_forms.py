"""What comes in through the doors of the auction hall, and the fields of an auction's printed terms.

A field of the terms knows its place in the plain form, how it is typed, and the rule beside it; the engine judges
the whole. Source: rules §4.1–§4.7; docs/formats/auction-terms.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import Field

from bidding.auction_entries import (
    BASE,
    CAP,
    CLOCK,
    EXTENSION,
    FAULTS,
    LISTING,
    NAMES,
    PRICE,
    ROUNDS,
    SEALED,
    TIME,
    TURNS,
    VISIBLE,
    Entry,
    Kind,
)
from bidding.rules.auction import default_terms
from bidding.rules.auction.terms import Cap, Clock, Direction, Format, Item, Norm, Step, Terms
from kernel.clock import SHANGHAI
from kernel.errors import NotValid
from kernel.i18n import gettext as _
from kernel.money import Money
from kernel.web import Form, Instant


class Register(Form):
    """A bidder's word that he meets the printed conditions."""

    eligible: bool = False
    text: Annotated[str, Field(max_length=2000)] = ""


class Stop(Form):
    """Why the clock is stopped; everybody reads it."""

    reason: Annotated[str, Field(max_length=500)] = ""


class GoOn(Form):
    """When it goes on; as early as printed when left out."""

    resumes_at: Instant | None = None


def sections(terms: Terms) -> list[tuple[str, str, Sequence[Entry]]]:
    """The parts of the form for a format, with the fields it has: (key, heading, fields)."""
    plain = terms.to_plain()
    parts: list[tuple[str, Sequence[Entry]]] = [("time", TIME), ("price", PRICE)]
    optional: tuple[tuple[str, Sequence[Entry]], ...] = (
        ("extension", EXTENSION),
        ("listing", LISTING),
        ("cap", CAP),
        ("clock", CLOCK),
        ("rounds", ROUNDS),
        ("turns", TURNS),
    )
    for key, fields in optional:
        if plain.get(key) is not None:
            parts.append((key, fields))
    if terms.sealed:
        parts.append(("sealed", SEALED))
    parts += [("visible", VISIBLE), ("faults", FAULTS)]
    found: list[tuple[str, str, Sequence[Entry]]] = []
    for key, fields in parts:
        kept = [one for one in fields if _has(plain, one, terms)]
        if key == "price" and terms.format is Format.SMALL:
            kept.insert(0, BASE)
        found.append((key, _(NAMES[key]), kept))
    return found


def _has(plain: Mapping[str, Any], entry: Entry, terms: Terms) -> bool:
    first = entry.path.split(".", 1)[0]
    if first == "step":
        return terms.step is not None
    if first == "basis":
        return terms.step is not None
    return "." not in entry.path or plain.get(first) is not None


def defaults(kind: Format, ceiling: Money, starts_at: datetime) -> Terms:
    """The default terms of a format for a lot with this ceiling or value."""
    printed: dict[str, Any] = {"start": ceiling, "starts_at": starts_at}
    step = Step(amount=Money(max(100, ceiling.minor // 200 // 100 * 100)))
    if kind is Format.CAPPED:
        printed["cap"] = Cap(price=Money(ceiling.minor * 3 // 2))
    if kind in (Format.DUTCH, Format.JAPANESE):
        stop = Money(max(1, ceiling.minor // 2))
        printed["clock"] = Clock(move=Money(max(100, ceiling.minor // 100)), tick_seconds=60, stop=stop)
    if kind is Format.WEIGHTED:
        printed["items"] = (Item("price", Decimal(100), Norm.RATIO, higher_is_better=True),)
    made = default_terms(kind, **printed)
    return made if made.step is None else made.but(step=step)


def shown(terms: Mapping[str, Any], entry: Entry) -> str:
    """The present value of a field as it stands in its input."""
    value: Any = terms
    for part in entry.path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return ""
    if entry.kind is Kind.INSTANT:
        return f"{datetime.fromisoformat(str(value)).astimezone(SHANGHAI):%Y-%m-%dT%H:%M}"
    if entry.kind is Kind.YES:
        return "yes" if value else ""
    return str(value)


def read_terms(base: Terms, form: Mapping[str, str]) -> dict[str, Any]:
    """The plain terms from a posted form: the format's own, with what was typed in its place.

    Raises:
        NotValid: ``form_invalid`` with a problem for each field that does not read.
    """
    plain = base.to_plain()
    problems: dict[str, str] = {}
    for _key, _heading, fields in sections(base):
        for entry in fields:
            typed = str(form.get(entry.name, "")).strip()
            try:
                _put(plain, entry, typed)
            except (ValueError, InvalidOperation):
                problems[entry.name] = _("Please check: %(field)s", field=_(entry.label))
    if problems:
        raise NotValid(
            "form_invalid", field=next(iter(problems)), count=len(problems), problems=problems, rules={}
        )
    return plain


def _put(plain: dict[str, Any], entry: Entry, typed: str) -> None:
    *path, last = entry.path.split(".")
    place: dict[str, Any] = plain
    for part in path:
        inner = place.get(part)
        place[part] = inner = dict(inner) if isinstance(inner, Mapping) else {}
        place = inner
    if entry.kind is Kind.YES:
        place[last] = typed == "yes"
    elif not typed:
        if not entry.optional:
            raise ValueError(entry.path)
        place[last] = None
    else:
        place[last] = _value(entry, typed)


def _value(entry: Entry, typed: str) -> Any:
    text = typed.replace(",", "").replace("，", "").replace(" ", "")
    match entry.kind:
        case Kind.MONEY:
            return f"{Money.from_yuan(Decimal(text)).yuan:.2f}"
        case Kind.NUMBER:
            return int(text)
        case Kind.DECIMAL:
            return str(Decimal(text))
        case Kind.INSTANT:
            return datetime.fromisoformat(typed).replace(tzinfo=SHANGHAI).isoformat()
        case Kind.CHOICE:
            if typed not in dict(entry.choices):
                raise ValueError(typed)
            return typed
    return typed


def formats_for(direction: Direction) -> list[Format]:
    """The formats a tender of this direction can choose from."""
    up = (
        Format.LISTING,
        Format.ASCENDING,
        Format.CAPPED,
        Format.MULTI_OFFER,
        Format.DUTCH,
    )
    down = (
        Format.BLIND_REVERSE,
        Format.OPEN_REVERSE,
        Format.SMALL,
        Format.SEALED_ROUNDS,
        Format.JAPANESE,
        Format.TURN_BASED,
    )
    return list(up if direction is Direction.UP else down)
