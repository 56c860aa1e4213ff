"""The numbers of law as data: one row per limit, with its article, its trust and its time in force.

``in_force`` gives the book a new tender is decided under; ``edition`` gives the same book again years
later from the name the tender froze. Code holds the shape of a rule, never its numbers.
"""

from kernel.rulebook.editions import edition, in_force, rows
from kernel.rulebook.model import (
    Limit,
    Mark,
    Operator,
    Regime,
    Rulebook,
    RulebookError,
    Severity,
    Unit,
)
from kernel.rulebook.regimes import Funds, Object, Undertaking, regime_of

__all__ = [
    "Funds",
    "Limit",
    "Mark",
    "Object",
    "Operator",
    "Regime",
    "Rulebook",
    "RulebookError",
    "Severity",
    "Undertaking",
    "Unit",
    "edition",
    "in_force",
    "regime_of",
    "rows",
]
