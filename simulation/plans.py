"""What fate has in store for one deal: drawn by dice, or told by a scenario file."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path

SCENARIOS = Path(__file__).with_name("scenarios")

METHODS = (
    ("comprehensive", "TM", "works"),
    ("evaluated_lowest", "TM", "works"),
    ("gp_scoring", "GP", "goods"),
    ("gp_lowest", "GP", "goods"),
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the people around one deal are minded. Counts are of people or events; True means it happens.

    Attributes:
        bidders: how many bid for each lot. withdraw, replace, incomplete, late: how many of them do so.
        absent: custodians who never come; secrets: whether bidders then offer their own.
        reject: ``""``, ``one`` or ``all``: whom the panel rejects.
        low: one price that asks for an explanation; explain and convince: what becomes of it.
        objections: results objected to; upheld: whether the buyer agrees, once.
        moved: a late clarification that moves the deadline.
        hold: a supervisor holds the tender still for some days.
        bond_faults: some bonds are missing, short, late, or paid by another.
    """

    method: str = "comprehensive"
    lots: int = 1
    bidders: int = 4
    withdraw: int = 0
    replace: int = 0
    incomplete: int = 0
    late: int = 0
    second: bool = False
    above: bool = False
    absent: int = 0
    secrets: bool = True
    refuse: int = 0
    silent: int = 0
    recuse: bool = False
    reject: str = ""
    low: bool = False
    explain: bool = True
    convince: bool = True
    lacking: bool = False
    questions: int = 0
    moved: bool = False
    document_objection: bool = False
    opening_objection: bool = False
    objections: int = 0
    upheld: bool = False
    pass_over: bool = False
    hold: bool = False
    terminate: bool = False
    bond_faults: bool = False

    @property
    def regime(self) -> str:
        return next(regime for method, regime, _ in METHODS if method == self.method)

    @property
    def category(self) -> str:
        return next(category for method, _, category in METHODS if method == self.method)


def draw_plan(dice: random.Random) -> Plan:
    """A plan from the dice: mostly ordinary, every misfortune now and then."""

    def rarely(chance: float) -> bool:
        return dice.random() < chance

    return Plan(
        method=dice.choice(METHODS)[0],
        lots=dice.choice((1, 1, 2)),
        bidders=dice.choice((2, 3, 4, 4, 5)),
        withdraw=dice.choice((0, 0, 0, 1)),
        replace=dice.choice((0, 0, 1)),
        incomplete=dice.choice((0, 0, 1)),
        late=dice.choice((0, 1)),
        second=rarely(0.3),
        above=rarely(0.15),
        absent=dice.choice((0, 0, 1, 2, 2, 3)),
        secrets=rarely(0.8),
        refuse=dice.choice((0, 0, 1)),
        silent=dice.choice((0, 0, 1)),
        recuse=rarely(0.2),
        reject=dice.choice(("", "", "", "one", "one", "all")),
        low=rarely(0.3),
        explain=rarely(0.7),
        convince=rarely(0.5),
        lacking=rarely(0.3),
        questions=dice.choice((0, 1, 2)),
        moved=rarely(0.2),
        document_objection=rarely(0.15),
        opening_objection=rarely(0.15),
        objections=dice.choice((0, 0, 0, 1, 2)),
        upheld=rarely(0.4),
        pass_over=rarely(0.1),
        hold=rarely(0.15),
        terminate=rarely(0.05),
        bond_faults=rarely(0.4),
    )


def scenario_names() -> list[str]:
    """The stories kept as files."""
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def scenario(name: str) -> tuple[str, Plan]:
    """A kept story: what it shows, and its plan. A word the plan does not know is refused with KeyError."""
    found = tomllib.loads((SCENARIOS / f"{name}.toml").read_text("utf-8"))
    known = {one.name for one in fields(Plan)}
    if strange := set(found["plan"]) - known:
        raise KeyError(f"{name}: {sorted(strange)}")
    return found["story"], replace(Plan(), **found["plan"])
