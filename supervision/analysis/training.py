"""Models trained on local confirmed cases: honest validation, a card, and the file that keeps both.

A model takes over from the label-free score only where it is measured to be better. With moments known there are two
ensembles: *within*, which also reads confirmed cases around a tender in time, for tenders between those it learned from;
and *beyond*, without them, for tenders later or earlier. Both are measured.

Source: detection §1 (1, 9), §4.2, §4.3 (below about fifty confirmed cases keep the label-free score).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from supervision.analysis import trees, validation
from supervision.analysis.engine import Look, Tell, silent
from supervision.analysis.features import AROUND, Table, around_columns, duplicates, surroundings, table
from supervision.analysis.shapes import Bools, Floats, History, Ints
from supervision.analysis.trees import Trees
from supervision.rules.signals.company import nothing_before, records

DECIDED_MIN = 50
BIDS_MIN = 3
LATER_SHARE = 0.3
BOOSTING_MIN = 600


@dataclass(frozen=True)
class Ensemble:
    """Trees that read the same columns, and the line that makes their mean a calibrated probability.

    Attributes:
        names: columns, in order. trees: members; their logits are averaged. slope, intercept: of the calibrating line on
            the logit, fitted on predictions for tenders not learned from.
    """

    names: tuple[str, ...]
    trees: tuple[Trees, ...]
    slope: float
    intercept: float

    def probability(self, of: Table) -> Floats:
        """Calibrated P(rigged) of each tender; a column that is missing counts as unknown."""
        place = {name: column for column, name in enumerate(of.names)}
        x = np.full((len(of.x), len(self.names)), np.nan)
        for column, name in enumerate(self.names):
            if name in place:
                x[:, column] = of.x[:, place[name]]
        return expit(self.slope * _mean_logit([one.probability(x) for one in self.trees]) + self.intercept)


@dataclass(frozen=True)
class Memory:
    """What a model remembers of the tenders it learned from.

    Attributes:
        place, key: of the decided tenders in time; empty when unknown. values: label and screens of each of them, see
            ``surroundings``. bids: sum of the bids of each of them.
    """

    place: Floats
    values: Floats
    key: tuple[str, ...]
    bids: Floats


@dataclass(frozen=True)
class Model:
    """A trained model. ``within`` is None where moments are unknown; ``uses`` is "model" or "label-free"."""

    beyond: Ensemble
    within: Ensemble | None
    memory: Memory
    uses: str
    card: Mapping[str, Any]


def expit(x: Floats) -> Floats:
    """1 ÷ (1 + e^−x)."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -30, 30))))


def _logit(p: Floats) -> Floats:
    q = np.clip(p, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(q / (1 - q)))


def _mean_logit(many: Sequence[Floats]) -> Floats:
    return np.asarray(np.mean([_logit(one) for one in many], axis=0))


@dataclass(frozen=True)
class Lesson:
    """The tenders of a file with labels, ready to learn from.

    Attributes:
        of: columns without labels. y: 1, 0 or NaN. usable: decided, three bids or more. group: duplicates share a number.
            place: in time, or None. seen, days: for records of earlier cases.
    """

    of: Table
    y: Floats
    usable: Bools
    group: Ints
    place: Floats | None
    seen: Look
    at: Ints | None
    records: bool

    def columns(self, learn: Ints, *, within: bool) -> Table:
        """Columns when only the labels of ``learn`` may be read: cases around in time, earlier cases of the firms."""
        more: dict[str, Floats] = {}
        if within and self.place is not None:
            known = surroundings(self.of, self.y)[learn]
            more = around_columns(self.place, learn, known, self.group)
        if self.records and self.seen.presence is not None and self.at is not None:
            told = np.full(len(self.y), np.nan)
            told[learn] = self.y[learn]
            firms = self.seen.presence.n_firms
            more |= records(self.seen.presence, self.at, nothing_before(firms), told)
        return self.of.joined(more)


def lesson(
    history: History,
    seen: Look,
    y: Floats,
    place: Floats | None,
    at: Ints | None,
    *,
    bids_min: int,
    record: bool = True,
) -> Lesson:
    """Prepare a file; ``bids_min`` is the least number of bids of a tender to learn from."""
    usable = ~np.isnan(y) & (seen.screens.n >= bids_min)
    return Lesson(table(history, seen), y, usable, duplicates(history), place, seen, at, record)


FIT = {"extra": trees.fit_extra, "boosted": trees.fit_boosted}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "extra": ("extra",),
    "boosted": ("boosted",),
    "both": ("extra", "boosted"),
}


def choices(cases: int) -> Mapping[str, tuple[str, ...]]:
    """What is tried: boosting needs more cases than the other trees and is not tried on few."""
    return CHOICES if cases >= BOOSTING_MIN else {"extra": CHOICES["extra"]}


def try_out(of: Lesson, rng: Generator, *, within: bool, repeats: int, tell: Tell) -> dict[str, Floats]:
    """Grouped folds: mean logit of each choice for every usable tender, labels of its fold unread."""
    where = np.flatnonzero(of.usable)
    options = choices(len(where))
    fits = {name: FIT[name] for name in {one for members in options.values() for one in members}}
    sums = {choice: np.zeros(len(of.y)) for choice in options}
    total, done = repeats * validation.FOLDS, 0
    for _ in range(repeats):
        for learn, test in validation.folds(of.y[where], of.group[where], rng):
            learn, test = where[learn], where[test]
            columns = of.columns(learn, within=within).x
            seed = int(rng.integers(2**31))
            made = {
                name: _logit(fit(columns[learn], of.y[learn], seed).probability(columns[test]))
                for name, fit in sorted(fits.items())
            }
            for choice, members in options.items():
                sums[choice][test] += np.mean([made[one] for one in members], axis=0) / repeats
            done += 1
            tell("training " + ("within" if within else "beyond"), done, total)
    return sums


def calibration(y: Floats, logit: Floats) -> tuple[float, float]:
    """Slope and intercept of the logistic line from logits to labels (Platt), by Newton steps with a light prior."""
    x = np.column_stack([logit, np.ones(len(logit))])
    w = np.array([1.0, 0.0])
    for _ in range(50):
        p = expit(x @ w)
        gradient = x.T @ (p - y) + np.array([0.1 * (w[0] - 1.0), 0.0])
        bend = (x * (p * (1 - p))[:, None]).T @ x + np.diag([0.1, 1e-6])
        step = np.linalg.solve(bend, gradient)
        w = w - step
        if float(np.abs(step).max()) < 1e-9:
            break
    return float(max(w[0], 1e-3)), float(w[1])


def train(
    history: History,
    seen: Look,
    y: Floats,
    rng: Generator,
    *,
    place: Floats | None,
    at: Ints | None,
    data: Mapping[str, Any],
    record: bool = True,
    tell: Tell = silent,
) -> Model:
    """Fit, validate, choose, and write the card.

    Args:
        y: label of each tender, NaN undecided. place: of each tender in time, or None. at: its day, or None: then no
            records of firms are read, because nobody knows which case came first. data: what the card says of the file.
        record: whether earlier confirmed cases of a bidder may be read at all.

    Raises:
        ValueError: fewer than ten decided tenders of a class.
    """
    of = lesson(
        history, seen, y, place, at, bids_min=1 if seen.presence is not None else BIDS_MIN, record=record
    )
    where = np.flatnonzero(of.usable)
    labels = y[where]
    if min(int((labels == 1).sum()), int((labels == 0).sum())) < 10:
        raise ValueError("training needs ten decided tenders of each class with enough bids")
    repeats = 3 if len(where) < BOOSTING_MIN else 1
    free = seen.score.total[where]
    group = of.group[where]
    figures: dict[str, Any] = {"label-free": asdict(validation.measure(labels, free, group, rng))}
    made: dict[str, Ensemble] = {}
    gain: dict[str, validation.Figure] = {}
    for name in ("beyond", "within") if place is not None else ("beyond",):
        tried = try_out(of, rng, within=name == "within", repeats=repeats, tell=tell)
        choice = max(tried, key=lambda one: validation.auc(labels, tried[one][where]))
        logit = tried[choice][where]
        figures[name] = {"members": choice, **asdict(validation.measure(labels, logit, group, rng))}
        gain[name] = validation.better(labels, logit, free, group, rng)
        figures[name]["better_than_label_free"] = asdict(gain[name])
        made[name] = _fit(of, where, choice, rng, name == "within", *calibration(labels, logit))
    if at is not None and (later := _later(of, at, figures["beyond"]["members"], rng)):
        figures["later"] = later
    enough = len(where) >= DECIDED_MIN
    known = figures["beyond"]["auc"]
    taken = enough and gain["beyond"].low > 0 and known["low"] > 0.5
    if "within" in made and figures["within"]["auc"]["value"] <= known["value"]:
        del made["within"]
    card = _card(of, data, figures, taken=taken, enough=enough)
    memory = Memory(np.empty(0), np.empty((0, 1 + len(AROUND))), (), np.empty(0))
    if place is not None:
        sums = np.bincount(history.tender, weights=history.bid, minlength=len(y)).astype(np.float64)
        values = surroundings(of.of, y)[where]
        memory = Memory(place[where], values, tuple(history.keys[t] for t in where.tolist()), sums[where])
    return Model(made["beyond"], made.get("within"), memory, "model" if taken else "label-free", card)


def _fit(
    of: Lesson, where: Ints, choice: str, rng: Generator, within: bool, slope: float, intercept: float
) -> Ensemble:
    columns = of.columns(where, within=within)
    seed = int(rng.integers(2**31))
    members = tuple(FIT[one](columns.x[where], of.y[where], seed) for one in CHOICES[choice])
    return Ensemble(columns.names, members, slope, intercept)


def _later(of: Lesson, at: Ints, choice: str, rng: Generator) -> dict[str, Any] | None:
    """Learn from the earlier part, test on the later 30 % of days, which is how a model is used."""
    where = np.flatnonzero(of.usable)
    border = np.quantile(at[where], 1 - LATER_SHARE)
    learn, test = where[at[where] < border], where[at[where] >= border]
    if any(int((of.y[some] == label).sum()) < 10 for some in (learn, test) for label in (0, 1)):
        return None
    columns = of.columns(learn, within=False).x
    made = [FIT[one](columns[learn], of.y[learn], int(rng.integers(2**31))) for one in CHOICES[choice]]
    logit = _mean_logit([one.probability(columns[test]) for one in made])
    found = asdict(validation.measure(of.y[test], logit, of.group[test], rng))
    free = validation.measure(of.y[test], of.seen.score.total[test], of.group[test], rng)
    return {**found, "learned_from": len(learn), "label_free": asdict(free)}


def _card(
    of: Lesson, data: Mapping[str, Any], figures: Mapping[str, Any], *, taken: bool, enough: bool
) -> dict[str, Any]:
    why = (
        "the model is measured to be better than the label-free score and than chance, intervals included"
        if taken
        else "the model is not measured to be better than the label-free score"
        if enough
        else f"fewer than {DECIDED_MIN} decided tenders"
    )
    names = list(of.of.names) + (["around_near_…", "around_far_…", "place"] if of.place is not None else [])
    return {
        "format": 1,
        "data": dict(data),
        "split": "five grouped folds, tenders with equal bid vectors together, labels of the fold unread",
        "figures": figures,
        "uses": "model" if taken else "label-free",
        "why": why,
        "columns": names,
        "records_of_firms": of.records and of.seen.presence is not None and of.at is not None,
        "limits": [
            "A probability is a lead, never a finding; it was learned from cases that somebody found.",
            "Figures hold for tenders of the same market and period; other markets need their own cases.",
            "'within' reads confirmed cases around a tender in time; it is used only between the first and last of them, "
            "and only if it is measured to be better than 'beyond'.",
            "Records of firms raise the tenders of firms with confirmed cases; new rings are found by the other columns.",
        ],
    }


def apply(model: Model, history: History, seen: Look, place: Floats | None) -> Floats:
    """P(rigged) of each tender of another file; NaN for tenders with a single bid of nobody named.

    ``seen`` must have been looked at with the counts the model carries (``Extra.before``).
    """
    of = table(history, seen)
    if seen.company is not None:
        more = {name: value for name, value in seen.company.columns.items() if name.startswith("record")}
        of = of.joined(more)
    found = model.beyond.probability(of)
    if model.within is not None and place is not None and len(model.memory.place):
        inside = (place >= model.memory.place.min()) & (place <= model.memory.place.max())
        wide = of.joined(_around_memory(model.memory, place, history.keys))
        found = np.where(inside, model.within.probability(wide), found)
    return np.where(seen.screens.n >= (1 if seen.presence is not None else 2), found, np.nan)


def _around_memory(memory: Memory, place: Floats, keys: Sequence[str]) -> dict[str, Floats]:
    """What the model remembers around each tender; a tender never reads itself."""
    number = {key: i for i, key in enumerate(memory.key)}
    own = np.array([number.get(key, len(number) + i) for i, key in enumerate(keys)], dtype=np.int64)
    group = np.r_[own, np.arange(len(memory.key))]
    known = np.arange(len(place), len(group))
    found = around_columns(np.r_[place, memory.place], known, memory.values, group)
    return {name: value[: len(place)] for name, value in found.items()}


def numbering_differs(model: Model, history: History) -> bool:
    """Whether tenders with the same key carry other bids than those the model learned: then numbers are no moments."""
    known = dict(zip(model.memory.key, model.memory.bids.tolist(), strict=True))
    sums = np.bincount(history.tender, weights=history.bid, minlength=len(history.keys)).tolist()
    return any(
        key in known and abs(known[key] - total) > 1e-6 * total
        for key, total in zip(history.keys, sums, strict=True)
    )
