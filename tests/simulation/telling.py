"""What a failed season is told with."""

from __future__ import annotations

from simulation.run import Result


def told_of(result: Result) -> str:
    return "\n".join([f"SEED={result.seed} DAYS={result.days}", *map(str, result.breaches), *result.tail()])
