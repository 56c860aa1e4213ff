"""What a benchmark says, and how it is written down."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"


@dataclass(frozen=True)
class Result:
    """One measured figure.

    Attributes:
        load: what was done. measured: the figure with its unit. limit: what it must keep, empty for none.
        held: whether it kept the limit; None where there is none.
    """

    name: str
    load: str
    measured: str
    limit: str = ""
    held: bool | None = None

    def __str__(self) -> str:
        mark = {True: "held", False: "MISSED", None: ""}[self.held]
        return f"{self.name:34} {self.measured:44} {self.limit:14} {mark}"


def machine() -> str:
    """Processor, cores, system, Python and how busy the machine is just now."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    busy = " ".join(f"{load:.1f}" for load in os.getloadavg())
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, load {busy}"


def commit() -> str:
    """The commit measured, with a plus when the tree has other changes."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + (
        "+" if git("status", "--porcelain", "-uno") else ""
    )


def record(results: Sequence[Result], before: str, *, page: Path = PAGE) -> None:
    """Append a run to the page; ``before`` is the machine as it was when the run began."""
    lines = [
        "",
        f"### {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}",
        "",
        f"{before}; at the end: load {' '.join(f'{load:.1f}' for load in os.getloadavg())}.",
        "",
        "| measure | load | measured | limit | |",
        "| --- | --- | --- | --- | --- |",
    ]
    marks = {True: "held", False: "**missed**", None: ""}
    lines += [f"| {r.name} | {r.load} | {r.measured} | {r.limit} | {marks[r.held]} |" for r in results]
    with page.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
