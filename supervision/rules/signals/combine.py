"""How indicators join into one lead: independent classes, published weights, a colour from hard evidence alone.

Ten hits of one class do not beat one hit of another: within a class only the strongest counts. The score says in
which order to look; it is no finding.

Source: rules §5.3 (weights, bands, EX-21); detection §5 (hard evidence alone decides the colour).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from itertools import combinations
from typing import Any


class Light(StrEnum):
    """How heavy an indicator is. Yellow: a lead; orange: strong; red: must be handled before the award."""

    NONE = "none"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


class Kind(StrEnum):
    """The independent classes of evidence."""

    DEVICE = "device"
    METADATA = "metadata"
    TEXT = "text"
    ITEMS = "items"
    PRICE = "price"
    MONEY = "money"
    PEOPLE = "people"
    EQUITY = "equity"
    HISTORY = "history"


STATISTICAL = frozenset({Kind.PRICE, Kind.HISTORY})
"""Classes that only order the queue. Source: detection §5."""

ORDER = (Light.NONE, Light.YELLOW, Light.ORANGE, Light.RED)
WEIGHTS: Mapping[Light, Fraction] = {
    Light.NONE: Fraction(0),
    Light.YELLOW: Fraction(20, 100),
    Light.ORANGE: Fraction(45, 100),
    Light.RED: Fraction(75, 100),
}
BANDS = ((Fraction(85, 100), Light.RED), (Fraction(60, 100), Light.ORANGE), (Fraction(30, 100), Light.YELLOW))
TEN_THOUSAND = 10_000


@dataclass(frozen=True)
class Indicator:
    """One thing seen between some firms of a lot.

    Attributes:
        code: the row of rules §5.2, for example ``B-01``.
        firms: the firms it concerns, sorted; one where it concerns one firm.
        facts: raw evidence as plain values (texts, whole numbers, lists of them), personal values already masked.
        p: the chance of as much under the stated null, as a decimal text; empty where there is no null.
        null: the null the p-value belongs to.
    """

    code: str
    light: Light
    kind: Kind
    firms: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    p: str = ""
    null: str = ""

    @property
    def statistical(self) -> bool:
        return self.kind in STATISTICAL

    @property
    def key(self) -> str:
        """What makes it the same indicator on another night."""
        return f"{self.code}:{','.join(self.firms)}"


@dataclass(frozen=True)
class Combined:
    """What some indicators come to: the risk between 0 and 1, its band, and the light.

    ``shares``: class → whole ten-thousandths of the risk it explains; they sum to the risk.
    """

    risk: Fraction
    band: Light
    light: Light
    shares: Mapping[Kind, int]

    @property
    def points(self) -> int:
        """The risk in whole ten-thousandths."""
        return round(self.risk * TEN_THOUSAND)


def stronger(one: Light, other: Light) -> Light:
    """The heavier of two lights."""
    return max(one, other, key=ORDER.index)


def strongest(indicators: Iterable[Indicator]) -> dict[Kind, Light]:
    """The strongest light of each class."""
    found: dict[Kind, Light] = {}
    for one in indicators:
        found[one.kind] = stronger(found.get(one.kind, Light.NONE), one.light)
    return found


def band_of(risk: Fraction) -> Light:
    """The band a risk falls into: from 0.30 yellow, from 0.60 orange, above 0.85 red.

    Source: rules §5.3.
    """
    if risk > BANDS[0][0]:
        return Light.RED
    for edge, light in BANDS[1:]:
        if risk >= edge:
            return light
    return Light.NONE


def combine(indicators: Iterable[Indicator]) -> Combined:
    """``1 − Π(1 − w)`` over independent classes, and the higher of its band and the strongest single light.

    Source: rules §5.3, EX-21.
    """
    classes = strongest(indicators)
    kept = Fraction(1)
    for light in classes.values():
        kept *= 1 - WEIGHTS[light]
    risk = 1 - kept
    band, single = band_of(risk), Light.NONE
    for light in classes.values():
        single = stronger(single, light)
    return Combined(risk, band, stronger(band, single), _shares(classes, risk))


def _shares(classes: Mapping[Kind, Light], risk: Fraction) -> dict[Kind, int]:
    """Split the risk over its classes in proportion to −ln(1 − w), largest remainder; sums exactly."""
    total = round(risk * TEN_THOUSAND)
    with localcontext() as context:
        context.prec = 30
        parts = {
            kind: -(1 - Decimal(w.numerator) / Decimal(w.denominator)).ln()
            for kind, light in classes.items()
            if (w := WEIGHTS[light])
        }
        whole = sum(parts.values(), Decimal(0))
        exact = {kind: total * part / whole for kind, part in parts.items()}
        shares = {kind: int(value) for kind, value in exact.items()}
        rest = total - sum(shares.values())
        for kind in sorted(exact, key=lambda kind: (shares[kind] - exact[kind], kind))[:rest]:
            shares[kind] += 1
    return shares


@dataclass(frozen=True)
class Judged:
    """A lead's numbers: its colour from hard evidence, its risk from everything, and its pairs."""

    light: Light
    risk: Combined
    pairs: Mapping[tuple[str, str], Combined]

    @property
    def firms(self) -> tuple[str, ...]:
        """The firms of the pairs that have a light, or of any pair when none has one."""
        lit = [pair for pair, one in self.pairs.items() if one.light is not Light.NONE]
        return tuple(sorted({firm for pair in lit or self.pairs for firm in pair}))


def judge(indicators: Sequence[Indicator]) -> Judged:
    """Weigh a lead pair by pair: two firms are joined only by what concerns both of them.

    The colour is the heaviest among pairs and single firms, counting hard evidence alone; the risk, which orders the
    queue within a colour, is the heaviest among them counting statistics too.

    Source: rules §5.3; detection §5.
    """
    groups: dict[tuple[str, ...], list[Indicator]] = {}
    for one in indicators:
        for pair in combinations(one.firms, 2):
            groups.setdefault(pair, []).append(one)
        if len(one.firms) < 2:
            groups.setdefault(one.firms, []).append(one)
    light, risk = Light.NONE, combine([])
    for found in groups.values():
        light = stronger(light, combine([one for one in found if not one.statistical]).light)
        whole = combine(found)
        if whole.risk > risk.risk:
            risk = whole
    pairs = {
        (names[0], names[1]): combine([one for one in found if not one.statistical])
        for names, found in sorted(groups.items())
        if len(names) == 2
    }
    return Judged(light, risk, pairs)


def raised(indicators: Sequence[Indicator]) -> list[Indicator]:
    """Indicators that other indicators of the same firms make heavier.

    Equal document metadata with copied text is red, an equal address with an equal machine is red, a companion who
    always bids along is orange.

    Source: rules §5.2 (M-01, D-06, H-01).
    """
    having: dict[str, list[set[str]]] = {}
    for one in indicators:
        having.setdefault(one.code, []).append(set(one.firms))
    made = []
    for one in indicators:
        needed, light = RAISED_BY.get(one.code, ((), one.light))
        together = any(len(firms & set(one.firms)) >= 2 for code in needed for firms in having.get(code, []))
        made.append(_heavier(one, light) if together else one)
    return made


RAISED_BY: Mapping[str, tuple[tuple[str, ...], Light]] = {
    "M-01": (("T-01", "T-03"), Light.RED),
    "D-06": (("D-01", "D-02"), Light.RED),
    "H-01": (("H-02",), Light.ORANGE),
}


def _heavier(one: Indicator, light: Light) -> Indicator:
    from dataclasses import replace

    return replace(one, light=stronger(one.light, light))


def decimal_text(value: Fraction | float | int, places: int = 4) -> str:
    """A number as a text of fixed places for records, which carry no floats."""
    exact = Fraction(value)
    step = Decimal(1).scaleb(-places)
    with localcontext() as context:
        context.prec = 60
        quotient = Decimal(exact.numerator) / Decimal(exact.denominator)
        return str(quotient.quantize(step, rounding=ROUND_HALF_EVEN))
