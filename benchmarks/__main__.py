"""``python -m benchmarks [name …] [--record]``: run all or the named ones; 1 when a limit was missed."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator

from benchmarks import (
    auction_fanout,
    history,
    log,
    nightly,
    screens,
    sealing,
    search,
    statistics_page,
)
from benchmarks.report import Result, commit, machine, record

BENCHMARKS: dict[str, Callable[[], Iterator[Result]]] = {
    "sealing": sealing.run,
    "log": log.run,
    "proofs": log.proofs,
    "replay": history.run,
    "search": search.run,
    "fanout": auction_fanout.run,
    "soak": auction_fanout.soak,
    "screens": screens.run,
    "statistics": statistics_page.run,
    "nightly": nightly.run,
}
ALL = ("sealing", "log", "replay", "search", "screens", "statistics", "nightly")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--record", action="store_true", help="append the run to docs/performance.md")
    args = parser.parse_args(argv)
    if unknown := set(args.names) - BENCHMARKS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    logging.disable(logging.WARNING)
    before = machine()
    print(f"{before}, commit {commit()}")
    found = []
    for name in args.names or ALL:
        for result in BENCHMARKS[name]():
            found.append(result)
            print(result, flush=True)
    if args.record:
        record(found, before)
    return int(any(result.held is False for result in found))


if __name__ == "__main__":  # helpers import this module again and must not start another run
    sys.exit(main())
