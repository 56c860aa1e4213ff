"""``sunroad redflags FILE``: eleven red flags over OCDS data, without the web and without a database.

Exit codes: 0 all lines were read; 1 some lines were left out (each is named on standard error); 2 the file or a
setting is off.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import sys
import zlib
from pathlib import Path
from typing import TextIO

from supervision.rules.signals.redflags import INDICATORS, RedFlags, Settings
from supervision.rules.signals.redflags_reading import BadLine, releases_of
from supervision.rules.signals.redflags_settings import UnknownSetting, settings_of_case, with_settings


def add_arguments(one: argparse.ArgumentParser) -> None:
    """The words of the command."""
    one.add_argument(
        "file",
        help="OCDS data: one release per line (.jsonl), or a package (.json), also as .gz; - reads standard input",
    )
    one.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="for example R003.threshold=10"
    )
    one.add_argument("--only", default="", metavar="R024,R058", help="run these indicators alone")
    one.add_argument("--out", help="write the result here instead of standard output")
    one.add_argument(
        "--plain",
        action="store_true",
        help="do not read settings from a name such as R003-threshold-10.jsonl",
    )


def run(args: argparse.Namespace) -> int:
    """Read, compute, print JSON of the form group → identifier → indicator → value."""
    try:
        settings = _settings(args)
        flags = RedFlags(settings)
        bad = 0
        with _opened(args.file) as lines:
            for found in releases_of(lines, whole=args.file.removesuffix(".gz").endswith(".json")):
                if isinstance(found, BadLine):
                    bad += 1
                    sys.stderr.write(f"{args.file}:{found.line}: {found.why}\n")
                else:
                    flags.add(found)
    except UnknownSetting as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except (OSError, EOFError, zlib.error) as problem:
        sys.stderr.write(f"{args.file}: {problem}\n")
        return 2
    text = json.dumps(flags.finish(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if args.out:
        try:
            Path(args.out).write_text(text + "\n", encoding="utf-8")
        except OSError as problem:
            sys.stderr.write(f"{args.out}: {problem}\n")
            return 2
    else:
        sys.stdout.write(text + "\n")
    return 1 if bad else 0


def _opened(file: str) -> TextIO:
    """Lines end with a line feed alone; bytes that are no UTF-8 stay visible, so that their line can be named."""
    if file == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
        return sys.stdin
    if file.endswith(".gz"):
        return io.TextIOWrapper(gzip.open(file), "utf-8", "surrogateescape", "\n")
    return Path(file).open(encoding="utf-8", errors="surrogateescape", newline="\n")


def _settings(args: argparse.Namespace) -> Settings:
    case = None if args.plain else settings_of_case(args.file.removesuffix(".gz"))
    if case is not None:
        sys.stderr.write(f"settings of the case {Path(args.file).stem}; --plain runs without them\n")
    settings = with_settings(args.set, case)
    if args.only:
        chosen = tuple(dict.fromkeys(word.strip() for word in args.only.split(",") if word.strip()))
        unknown = [word for word in chosen if word not in INDICATORS]
        if unknown or not chosen:
            raise UnknownSetting(
                f"--only: no indicator {', '.join(unknown)}; there are {', '.join(INDICATORS)}"
            )
        from dataclasses import replace

        settings = replace(settings, only=chosen)
    return settings
