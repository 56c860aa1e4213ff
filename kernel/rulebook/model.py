"""A limit, and the frozen book of the limits in force for one regime, place and day.

Source: rules.md, "Read this first", §0.1 and appendix B.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from kernel.calendar import DayUnit, Period
from kernel.errors import Caution, NotValid
from kernel.money import Money


class RulebookError(ValueError):
    """An edition contradicts itself, or somebody asks for one that was never issued: a bug, not a refusal."""


class Regime(StrEnum):
    """Which body of law governs a deal. Source: rules.md §0.3."""

    COMPULSORY_TENDER = "TM"
    VOLUNTARY_TENDER = "TV"
    TRANSPORT = "TR"
    WATER = "WR"
    GOVERNMENT_PROCUREMENT = "GP"
    LAND = "LA"
    MINERAL = "MI"
    STATE_EQUITY = "EQ"
    ASSET_DISPOSAL = "AD"
    FOREST_RURAL = "FO"
    MEDICINE = "MD"
    CONCESSION = "CO"
    SMALL = "SM"
    ENTERPRISE = "NP"

    @property
    def is_construction(self) -> bool:
        """Whether the tendering law with its construction orders governs (TM, TV, TR, WR)."""
        return self in {Regime.COMPULSORY_TENDER, Regime.VOLUNTARY_TENDER, Regime.TRANSPORT, Regime.WATER}

    @property
    def is_sale(self) -> bool:
        """Whether something is sold, so that prices go up from the printed amount (LA, MI, EQ, AD, FO)."""
        return self in {
            Regime.LAND,
            Regime.MINERAL,
            Regime.STATE_EQUITY,
            Regime.ASSET_DISPOSAL,
            Regime.FOREST_RURAL,
        }

    @property
    def is_compulsory(self) -> bool:
        """Whether construction tendering is compulsory here (TM, TR, WR)."""
        return self.is_construction and self is not Regime.VOLUNTARY_TENDER


class Severity(StrEnum):
    """What crossing a limit does: refuse, warn, raise the supervisor's light, mark, or nothing by itself."""

    BLOCK = "block"
    WARN = "warn"
    RED = "red"
    MARK = "mark"
    PARAM = "param"


class Unit(StrEnum):
    """What a value counts."""

    NATURAL_DAYS = "N"
    WORKING_DAYS = "W"
    MINUTES = "M"
    HOURS = "H"
    MONTHS = "MO"
    YEARS = "Y"
    FEN = "fen"
    RATIO = "ratio"
    COUNT = "count"
    FLAG = "flag"
    TEXT = "text"


class Operator(StrEnum):
    """How an actual value is compared with the limit."""

    AT_LEAST = ">="
    AT_MOST = "<="
    BELOW = "<"
    EXACTLY = "="
    FACT = "is"


class Mark(StrEnum):
    """How far the number has been read in a text. Source: rules.md §0.1."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"
    L5 = "L5"
    L6 = "L6"
    L7 = "L7"
    L8 = "L8"
    L9 = "L9"
    L10 = "L10"
    L11 = "L11"
    R1 = "R1"
    R2 = "R2"
    R3 = "R3"
    R4 = "R4"
    R5 = "R5"
    R6 = "R6"
    R7 = "R7"
    R8 = "R8"
    R9 = "R9"
    R10 = "R10"
    R11 = "R11"
    R12 = "R12"
    R13 = "R13"
    R14 = "R14"
    R15 = "R15"
    R16 = "R16"
    P1 = "P1"
    MEMORY = "memory"
    PROPOSAL = "proposal"


Value = int | Fraction | Money | bool | str


@dataclass(frozen=True, slots=True)
class Limit:
    """One row of the rulebook, as it binds in one regime.

    Attributes:
        id: row of the rules specification, such as ``T-102``.
        name: what the code asks for, such as ``tendering_days_min``.
        regime: the regime it binds here.
        value: an int for days, minutes and counts, ``Fraction`` for ratios, ``Money`` for fen, bool or str.
        unit: what ``value`` counts.
        op: how an actual value is compared.
        declared: severity written in the table.
        basis: the articles.
        marks: how far they were read.
        jurisdiction: ``CN`` or a local code.
        effective_from, effective_until: first day in force, first day no longer (None: open).
        low, high: range inside which the documents may print another value, or None.
        lenient: the regime only warns where others block.
    """

    id: str
    name: str
    regime: Regime
    value: Value
    unit: Unit
    op: Operator
    declared: Severity
    basis: tuple[str, ...]
    marks: tuple[Mark, ...]
    jurisdiction: str
    effective_from: date
    effective_until: date | None
    low: Value | None
    high: Value | None
    lenient: bool

    @property
    def source(self) -> str:
        """The articles in one line."""
        return "; ".join(self.basis)

    @property
    def verified(self) -> bool:
        """False for a number known from memory alone, not yet confirmed in a text. Source: rules.md §0.1."""
        return set(self.marks) != {Mark.MEMORY}

    @property
    def severity(self) -> Severity:
        """The severity in effect: an unverified row and a lenient regime warn where the table blocks."""
        if self.declared is Severity.BLOCK and (self.lenient or not self.verified):
            return Severity.WARN
        return self.declared

    @property
    def blocks(self) -> bool:
        """Whether crossing the limit is refused."""
        return self.severity is Severity.BLOCK

    @property
    def count(self) -> int:
        """The value as a whole number. Raises RulebookError for ratios, money, flags and text."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise RulebookError(f"{self.id} {self.name} is no whole number")
        return self.value

    @property
    def ratio(self) -> Fraction:
        """The value as a ratio."""
        if not isinstance(self.value, Fraction):
            raise RulebookError(f"{self.id} {self.name} is no ratio")
        return self.value

    @property
    def money(self) -> Money:
        """The value as an amount."""
        if not isinstance(self.value, Money):
            raise RulebookError(f"{self.id} {self.name} is no amount")
        return self.value

    @property
    def flag(self) -> bool:
        """The value as yes or no."""
        if not isinstance(self.value, bool):
            raise RulebookError(f"{self.id} {self.name} is no flag")
        return self.value

    @property
    def period(self) -> Period:
        """The value as a period of natural or working days."""
        if self.unit is Unit.NATURAL_DAYS:
            return Period(self.count, DayUnit.NATURAL)
        if self.unit is Unit.WORKING_DAYS:
            return Period(self.count, DayUnit.WORKING)
        raise RulebookError(f"{self.id} {self.name} is no period of days")

    @property
    def duration(self) -> timedelta:
        """The value as a duration of minutes or hours."""
        if self.unit is Unit.MINUTES:
            return timedelta(minutes=self.count)
        if self.unit is Unit.HOURS:
            return timedelta(hours=self.count)
        raise RulebookError(f"{self.id} {self.name} is no duration")

    def allows(self, printed: Value) -> bool:
        """Whether the documents may print ``printed`` instead: inside the range, or equal without one."""
        if type(printed) is not type(self.value):
            raise TypeError(f"{self.id} wants {type(self.value).__name__}, not {type(printed).__name__}")
        if self.low is None or self.high is None:
            return printed == self.value
        return self.low <= printed <= self.high  # type: ignore[operator]

    def object_to(self, code: str, *, field: str | None = None, **details: object) -> Caution:
        """Refuse or caution as the severity says: NotValid for a block, otherwise a Caution."""
        told = {"rule": self.id, **details}
        if self.blocks:
            raise NotValid(code, source=self.source, field=field, **told)
        return Caution(code, self.source, told)


@dataclass(frozen=True)
class Rulebook:
    """The limits in force for one regime and place on one day; frozen into a tender at publication.

    Attributes:
        edition: the name that ``kernel.rulebook.edition`` takes, such as ``2026.1/TM/CN-50/2026-12-01``.
        regime, jurisdiction, on: what the name says.
        digest: SHA-256 of the edition's files, hex, so that a silent change of an issued edition shows.
        limits: by name; the most local row of each name.
    """

    edition: str
    regime: Regime
    jurisdiction: str
    on: date
    digest: str
    limits: Mapping[str, Limit]

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", MappingProxyType(dict(self.limits)))
        by_id = {limit.id: limit for limit in self.limits.values()}
        object.__setattr__(self, "_by_id", MappingProxyType(by_id))

    def __getitem__(self, name: str) -> Limit:
        """The limit called ``name``, or the one with that row id.

        Raises:
            RulebookError: when the regime has no such limit; ask with ``in`` or ``get`` where that is lawful.
        """
        limit = self.get(name)
        if limit is None:
            raise RulebookError(f"{self.edition} has no limit {name!r}")
        return limit

    def get(self, name: str) -> Limit | None:
        """The limit called ``name`` or with that row id, or None."""
        by_id: Mapping[str, Limit] = self._by_id  # type: ignore[attr-defined]
        return self.limits.get(name) or by_id.get(name)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[Limit]:
        return iter(self.limits.values())

    def __len__(self) -> int:
        return len(self.limits)

    def __hash__(self) -> int:
        return hash((self.edition, self.digest))

    def unverified(self) -> tuple[Limit, ...]:
        """The rows that only warn because their number has not been confirmed in a text."""
        return tuple(limit for limit in self if not limit.verified)


def covers(jurisdiction: str, place: str) -> bool:
    """Whether a row of ``jurisdiction`` reaches ``place``: CN reaches all, CN-50 reaches CN-500112."""
    return jurisdiction in {"CN", place} or place.startswith(jurisdiction)


def select(limits: Iterable[Limit], regime: Regime, jurisdiction: str, on: date) -> dict[str, Limit]:
    """Of ``limits`` those in force for ``regime`` in ``jurisdiction`` on a day; the most local row wins."""
    chosen: dict[str, Limit] = {}
    for limit in limits:
        if limit.regime is not regime or not covers(limit.jurisdiction, jurisdiction):
            continue
        if on < limit.effective_from or (limit.effective_until and on >= limit.effective_until):
            continue
        standing = chosen.get(limit.name)
        if standing is None or len(limit.jurisdiction) > len(standing.jurisdiction):
            chosen[limit.name] = limit
    return chosen
