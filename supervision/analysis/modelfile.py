"""A model on disk: numbers and one JSON text in an ``.npz``, read without pickle; its card beside it.

Firms are kept as shortened SHA-256 of their names: enough to recognise them in another file, and no list of names to
read. It is not anonymity, whoever knows the names can hash them.

Source: docs/formats/screen-files.md.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supervision.analysis import trees
from supervision.analysis.engine import Look
from supervision.analysis.shapes import Floats
from supervision.analysis.training import Ensemble, Memory, Model
from supervision.rules.signals.company import Before

FORMAT = "sunroad screen model 1"
BROKEN = (
    ValueError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    LookupError,
    ArithmeticError,
    RuntimeError,
)
"""What reading a damaged file raises, one way or another."""


@dataclass(frozen=True)
class Carried:
    """Counts of firms that a model carries to the next file.

    Attributes:
        firm: short hashes, shape (f,). bids, wins, cases, cleared: as in ``Before``, shape (f,). pair: positions in
            ``firm``, shape (p, 2). joint: their common tenders, shape (p,).
    """

    firm: NDArray[np.str_]
    bids: Floats
    wins: Floats
    cases: Floats
    cleared: Floats
    pair: NDArray[np.int64]
    joint: NDArray[np.int64]

    def before(self, firms: Sequence[str]) -> Before:
        """The counts, for the firms of another file in their order; unknown firms have none."""
        place = {name: i for i, name in enumerate(self.firm.tolist())}
        here = {place[h]: i for i, name in enumerate(firms) if (h := short_hash(name)) in place}
        found = Before(*(np.zeros(len(firms)) for _ in range(4)), joint={})  # type: ignore[arg-type, misc]
        mine, theirs = list(here.values()), list(here)
        for column in ("bids", "wins", "cases", "cleared"):
            getattr(found, column)[mine] = getattr(self, column)[theirs]
        joint = {}
        for (a, b), number in zip(self.pair.tolist(), self.joint.tolist(), strict=True):
            if a in here and b in here:
                joint[min(here[a], here[b]), max(here[a], here[b])] = int(number)
        return Before(found.bids, found.wins, found.cases, found.cleared, joint)


def short_hash(name: str) -> str:
    """The first 20 hex digits of the SHA-256 of a firm's name."""
    return sha256(name.encode()).hexdigest()[:20]


def carried(seen: Look, firms: Sequence[str], label: Floats) -> Carried:
    """Counts at the end of a file."""
    none = np.empty(0)
    if seen.presence is None or seen.pairs is None:
        return Carried(
            np.empty(0, dtype="U20"),
            none,
            none,
            none,
            none,
            np.empty((0, 2), np.int64),
            np.empty(0, np.int64),
        )
    of, pairs = seen.presence, seen.pairs
    own = label[of.tender]

    def count(weight: Floats) -> Floats:
        return np.bincount(of.firm, weights=weight, minlength=of.n_firms).astype(np.float64)

    return Carried(
        np.array([short_hash(name) for name in firms], dtype="U20"),
        count(np.ones(len(own))),
        count(of.won.astype(np.float64)),
        count((own == 1).astype(np.float64)),
        count((own == 0).astype(np.float64)),
        np.column_stack([pairs.a, pairs.b]).astype(np.int64),
        pairs.joint,
    )


def save(path: Path, model: Model, firms: Carried) -> None:
    """Write the model and, beside it, its card as JSON and as a page to read."""
    arrays: dict[str, Any] = {f"firms.{key}": value for key, value in vars(firms).items()}
    arrays |= {"memory.place": model.memory.place, "memory.values": model.memory.values}
    arrays |= {"memory.key": np.array(model.memory.key, dtype=np.str_), "memory.bids": model.memory.bids}
    shape: dict[str, Any] = {"format": FORMAT, "uses": model.uses, "card": model.card, "ensembles": {}}
    for name, one in (("beyond", model.beyond), ("within", model.within)):
        if one is not None:
            shape["ensembles"][name] = {
                "names": one.names,
                "members": len(one.trees),
                "slope": one.slope,
                "intercept": one.intercept,
            }
            for i, made in enumerate(one.trees):
                arrays |= made.arrays(f"{name}.{i}")
    arrays["text"] = np.frombuffer(json.dumps(shape, ensure_ascii=False).encode(), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    path.with_name(path.name + ".card.json").write_text(
        json.dumps(model.card, ensure_ascii=False, indent=1) + "\n", "utf-8"
    )
    path.with_name(path.name + ".card.md").write_text(card_page(model.card), "utf-8")


def load(path: Path) -> tuple[Model, Carried]:
    """Read a model.

    Raises:
        ValueError: the file is no model of this format.
    """
    if not zipfile.is_zipfile(path):
        path.stat()  # the error of a file that is not there says so itself
        raise ValueError(f"{path.name} is no model, or only a part of one")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, NDArray[Any]] = {key: file[key] for key in file.files}
        shape = json.loads(arrays["text"].tobytes())
        if shape["format"] != FORMAT:
            raise ValueError(f"{path.name} has the format {shape['format']!r}")
        made = {}
        for name, one in shape["ensembles"].items():
            names = tuple(one["names"])
            if isinstance(one["names"], str) or not all(isinstance(text, str) for text in names):
                raise ValueError("the names of its columns are broken")
            members = tuple(
                trees.from_arrays(arrays, f"{name}.{i}", len(names)) for i in range(int(one["members"]))
            )
            made[name] = Ensemble(names, members, float(one["slope"]), float(one["intercept"]))
        memory = Memory(
            arrays["memory.place"],
            arrays["memory.values"],
            tuple(arrays["memory.key"].tolist()),
            arrays["memory.bids"],
        )
        firms = Carried(*(arrays[f"firms.{key}"] for key in Carried.__dataclass_fields__))
        _require_whole(memory, firms, shape)
        return Model(made["beyond"], made.get("within"), memory, str(shape["uses"]), shape["card"]), firms
    except (*BROKEN, zipfile.BadZipFile, zlib.error) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path.name} is no model: {what}") from error


def _require_whole(memory: Memory, firms: Carried, shape: Mapping[str, Any]) -> None:
    """Counts that do not fit together, or a card without what is asked of it, are refused. Raises ValueError."""
    known, met = len(firms.firm), len(firms.joint)
    one_each = (firms.bids, firms.wins, firms.cases, firms.cleared)
    sound = (
        firms.firm.dtype.kind == "U"
        and all(of.shape == (known,) and of.dtype.kind in "iuf" for of in one_each)
        and firms.pair.shape == (met, 2)
        and firms.pair.dtype.kind in "iu"
        and firms.joint.shape == (met,)
        and firms.joint.dtype.kind in "iu"
        and (not met or int(firms.joint.min()) >= 0)
        and (not met or (int(firms.pair.min()) >= 0 and int(firms.pair.max()) < known))
    )
    if not sound:
        raise ValueError("its counts of firms are broken")
    places = len(memory.place)
    numbers = (memory.place, memory.values, memory.bids)
    if any(of.dtype.kind not in "iuf" or len(of) != places for of in numbers) or len(memory.key) != places:
        raise ValueError("what it remembers of tenders is broken")
    card = shape["card"]
    if not isinstance(card, dict) or not isinstance(card.get("data"), dict):
        raise ValueError("it has no card")
    for key in ("moments", "keys"):
        if not isinstance(card["data"].get(key), str):
            raise ValueError(f"its card does not say {key}")
    if not isinstance(card.get("why"), str) or shape["uses"] not in ("model", "label-free"):
        raise ValueError("it does not say which score is in use and why")


def _cell(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def card_page(card: Mapping[str, Any]) -> str:
    """The card for people, in Markdown."""
    lines = ["# Model card", "", f"In use: **{card['uses']}**, because {card['why']}.", ""]
    lines += [
        "| | AUC | average precision | balanced accuracy | top 5 % |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, one in card["figures"].items():
        cells = [_cell(one[key]) for key in ("auc", "average_precision", "balanced_accuracy")]
        lines.append(f"| {name} | {' | '.join(cells)} | {one['top5']:.2f} |")
    lines += ["", f"Split: {card['split']}. Intervals: 95 %.", "", "## Data", ""]
    lines += [f"- {key}: {value}" for key, value in card["data"].items()]
    lines += ["", "## Limits", "", *(f"- {one}" for one in card["limits"])]
    lines += ["", "## Columns read", "", ", ".join(card["columns"]), ""]
    return "\n".join(lines)
