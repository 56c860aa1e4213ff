"""Which columns a file of bids has.

Source: docs/formats/screen-files.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

COLUMNS = (
    "tender",
    "bid",
    "bidder",
    "date",
    "estimate",
    "category",
    "market",
    "region",
    "label",
    "currency",
    "won",
)
NEEDED = ("tender", "bid")
KINDS = frozenset({"category", "market", "region"})
"""Columns that may all be the same one of the file."""


class Unreadable(ValueError):
    """The file as a whole cannot be used; the message says why."""


def columns_of(path: Path, header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    """Where each of our columns stands.

    Args:
        path: the file, to be named in a refusal. mapping: our name of a column → its name in the file.

    Raises:
        Unreadable: a needed or mapped column is missing, stands twice, or is to be two of ours at once.
    """
    lower = [name.lower() for name in header]
    named = {header.index(old) for old in mapping.values() if old in header}
    found: dict[str, int] = {}
    for name in COLUMNS:
        wanted = mapping.get(name)
        names, sought = (list(header), wanted) if wanted is not None else (lower, name)
        if wanted is not None and wanted not in header:
            raise Unreadable(f"{path}: there is no column {wanted!r}; there are {', '.join(header)}")
        if sought not in names:
            continue
        if names.count(sought) > 1:
            raise Unreadable(f"{path}: the column {sought!r} stands twice in the header")
        at = names.index(sought)
        if wanted is None and at in named and name not in KINDS:
            continue  # --map says that it is something else
        found[name] = at
        for other, place in found.items():
            if other != name and place == at and not {other, name} <= KINDS:
                raise Unreadable(f"{path}: the column {header[at]!r} cannot be both {other} and {name}")
    if missing := [name for name in NEEDED if name not in found]:
        raise Unreadable(
            f"{path}: no column {', '.join(missing)}; name it with --map {missing[0]}=…; there are {', '.join(header)}"
        )
    return found
