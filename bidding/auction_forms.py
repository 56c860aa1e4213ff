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
    BAND,
    BASE,
    CAP,
    CLOCK,
    EXTENSION,
    FAULTS,
    ITEM_ROWS,
    LISTING,
    NAMES,
    PRICE,
    PRIORITY,
    ROUNDS,
    SEALED,
    TIME,
    TURNS,
    VISIBLE,
    Entry,
    Kind,
)
from bidding.rules.auction import default_terms
from bidding.rules.auction.soundness import EXTENDED
from bidding.rules.auction.terms import (
    Cap,
    Clock,
    Direction,
    Format,
    Norm,
    Priority,
    PriorityMode,
    Step,
    Terms,
)
from bidding.rules.auction.values import to_plain
from kernel.clock import SHANGHAI
from kernel.errors import NotValid
from kernel.i18n import gettext as _
from kernel.money import Money
from kernel.web import Form, Instant


class Explain(Form):
    """A bidder's words about his own low price."""

    text: Annotated[str, Field(max_length=8000)]


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
        if plain.get(key) is not None or (key == "extension" and terms.acts_as in EXTENDED):
            parts.append((key, fields))
    if terms.format is Format.ONE_OFFER:
        parts.append(("sealed", SEALED))
    parts += [("visible", VISIBLE), ("faults", FAULTS)]
    found: list[tuple[str, str, Sequence[Entry]]] = []
    for key, fields in parts:
        kept = [one for one in fields if _has(plain, one, terms)]
        if key == "price" and terms.format is Format.SMALL:
            kept = [BASE, *kept, BAND]
        found.append((key, _(NAMES[key]), kept))
    return found


def _has(plain: Mapping[str, Any], entry: Entry, terms: Terms) -> bool:
    first = entry.path.split(".", 1)[0]
    if first == "step":
        return terms.step is not None
    if first in ("basis", "self_outbid"):
        return terms.step is not None and terms.turns is None
    if entry.path == "free_seconds":
        return terms.rounds is None and terms.turns is None and terms.clock is None
    if entry.path in ("tail_seconds_max", "extension.mode") or first == "extension":
        return terms.acts_as in EXTENDED
    if entry.path == "limits":
        return terms.step is not None and terms.turns is None
    if entry.path == "start":
        return True
    return "." not in entry.path or plain.get(first) is not None


def defaults(kind: Format, ceiling: Money, starts_at: datetime, direction: Direction | None = None) -> Terms:
    """The default terms of a format for a lot with this ceiling or value.

    Args:
        direction: where a format can go both ways (F8, F9, F11): that of the tender.
    """
    printed: dict[str, Any] = {"start": ceiling, "starts_at": starts_at}
    step = Step(amount=Money(max(100, ceiling.minor // 200 // 100 * 100)))
    if direction is not None and kind in BOTH_WAYS:
        printed["direction"] = direction
    if kind is Format.CAPPED:
        printed["cap"] = Cap(price=Money(ceiling.minor * 3 // 2))
    if kind in (Format.DUTCH, Format.JAPANESE):
        rises = kind is Format.JAPANESE and direction is Direction.UP
        stop = Money(ceiling.minor * 2) if rises else Money(max(1, ceiling.minor // 2))
        printed["clock"] = Clock(move=Money(max(100, ceiling.minor // 100)), tick_seconds=60, stop=stop)
    made = default_terms(kind, **printed)
    return made if made.step is None else made.but(step=step)


BOTH_WAYS = (Format.ONE_OFFER, Format.WEIGHTED, Format.JAPANESE)
"""Formats in which the best price may be the highest or the lowest."""


def shown(terms: Mapping[str, Any], entry: Entry) -> str:
    """The present value of a field as it stands in its input."""
    if entry.path == "extension.mode" and terms.get("extension") is None:
        return "none"
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
    fixed_end = str(form.get("extension-mode", "")) == "none"
    for key, _heading, fields in sections(base):
        if key == "extension" and fixed_end:
            plain["extension"] = None
            continue
        for entry in fields:
            typed = str(form.get(entry.name, "")).strip()
            try:
                _put(plain, entry, typed)
            except (ValueError, InvalidOperation):
                problems[entry.name] = _("Please check: %(field)s", field=_(entry.label))
    if base.format is Format.WEIGHTED:
        plain["items"] = _read_items(form, problems)
    if problems:
        raise NotValid(
            "form_invalid", field=next(iter(problems)), count=len(problems), problems=problems, rules={}
        )
    return plain


def read_priority(form: Mapping[str, str]) -> dict[str, Any]:
    """How a priority right is used. Raises NotValid ``form_invalid`` like ``read_terms``."""
    plain: dict[str, Any] = {"priority": to_plain(Priority(PriorityMode.IN_SESSION))}
    problems: dict[str, str] = {}
    for entry in PRIORITY:
        try:
            _put(plain, entry, str(form.get(entry.name, "")).strip() or shown(plain, entry))
        except (ValueError, InvalidOperation):
            problems[entry.name] = _("Please check: %(field)s", field=_(entry.label))
    if problems:
        raise NotValid(
            "form_invalid", field=next(iter(problems)), count=len(problems), problems=problems, rules={}
        )
    found: dict[str, Any] = plain["priority"]
    return found


def item_rows(terms: Terms) -> list[dict[str, str]]:
    """F9's items as rows of the form, the price first; empty rows up to ``ITEM_ROWS``."""
    known = sorted(terms.items, key=lambda one: one.name != "price")
    rows = [
        {
            "name": one.name,
            "weight": f"{one.weight:f}",
            "norm": one.norm.value,
            "higher": "yes" if one.higher_is_better else "",
            "worst": "" if one.worst is None else f"{one.worst:f}",
            "best": "" if one.best is None else f"{one.best:f}",
        }
        for one in known
    ]
    empty = {"name": "", "weight": "", "norm": Norm.POINTS.value, "higher": "", "worst": "", "best": ""}
    return rows + [dict(empty) for _ in range(ITEM_ROWS - len(rows))]


def _read_items(form: Mapping[str, str], problems: dict[str, str]) -> list[dict[str, Any]]:
    """The weighted items as typed; a row without a name and weight is none. Problems by field."""
    found: list[dict[str, Any]] = []
    for row in range(ITEM_ROWS):
        typed = {
            name: str(form.get(f"items-{row}-{name}", "")).strip()
            for name in ("name", "weight", "norm", "higher", "worst", "best")
        }
        name = "price" if row == 0 else typed["name"]
        if not name and not typed["weight"]:
            continue
        made: dict[str, Any] = {"name": name[:60], "higher_is_better": typed["higher"] == "yes"}
        if not name:
            problems[f"items-{row}-name"] = _("Please check: %(field)s", field=_("Item"))
        for part, label in (
            ("weight", _("Weight")),
            ("worst", _("0 points at")),
            ("best", _("100 points at")),
        ):
            try:
                made[part] = _value(_NUMBER, typed[part]) if typed[part] or part == "weight" else None
            except InvalidOperation:
                problems[f"items-{row}-{part}"] = _("Please check: %(field)s", field=f"{name} · {label}")
        made["norm"] = typed["norm"] if typed["norm"] in set(Norm) else Norm.RATIO.value
        found.append(made)
    return found


_NUMBER = Entry("weight", "", Kind.DECIMAL)


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
        place[last] = "" if entry.kind is Kind.TEXT else None
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
            number = Decimal(text)
            if not number.is_finite():
                raise InvalidOperation
            return f"{number:f}"
        case Kind.TEXT:
            return typed[:60]
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
        Format.ONE_OFFER,
        Format.WEIGHTED,
        Format.DUTCH,
        Format.JAPANESE,
    )
    down = (
        Format.BLIND_REVERSE,
        Format.OPEN_REVERSE,
        Format.SMALL,
        Format.SEALED_ROUNDS,
        Format.ONE_OFFER,
        Format.WEIGHTED,
        Format.JAPANESE,
        Format.TURN_BASED,
    )
    return list(up if direction is Direction.UP else down)
