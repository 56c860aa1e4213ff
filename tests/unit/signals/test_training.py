"""A model learns what is there, is measured without seeing the answers, and takes over only when it is better."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng

from supervision.analysis import features, modelfile, training, trees, validation
from supervision.analysis.engine import look
from supervision.analysis.shapes import Floats, History


def market(seed: int, *, tenders: int = 120, signal: bool = True) -> tuple[History, Floats]:
    """Half the tenders rigged: one bid apart, the others *wider* spread, which the label-free score has the wrong way."""
    rng = default_rng(seed)
    y = (rng.random(tenders) < 0.5).astype(float)
    told = y if signal else rng.permutation(y)
    bids = 1e6 * np.exp(rng.normal(0, 0.05, (tenders, 6)) * (1 + told[:, None]))
    return (
        History(
            [f"T {t}x" if t % 2 else f"U{t}" for t in range(tenders)],
            [""] * tenders,
            np.full(tenders, np.datetime64("NaT", "D")),
            np.full(tenders, np.nan),
            [],
            np.repeat(np.arange(tenders), 6),
            np.full(tenders * 6, -1),
            bids.ravel(),
            np.zeros(tenders * 6, dtype=np.bool_),
        ),
        y,
    )


def learned(history: History, y: Floats) -> training.Model:
    rng = default_rng(1)
    seen = look(history, rng=rng, permutations=0)
    return training.train(history, seen, y, rng, place=None, at=None, data={"moments": "unknown", "keys": ""})


@pytest.fixture(scope="module", autouse=True)
def _small_forests() -> Iterator[None]:
    """A tenth of the trees; what is tested does not depend on their number."""
    with pytest.MonkeyPatch.context() as patch:
        small = {"extra": partial(trees.fit_extra, trees=40), "boosted": partial(trees.fit_boosted, trees=30)}
        patch.setattr(training, "FIT", small)
        yield


@pytest.fixture(scope="module")
def model() -> training.Model:
    return learned(*market(1))


def test_a_model_that_is_better_takes_over_and_holds_on_new_tenders(model: training.Model) -> None:
    assert model.uses == "model"
    assert model.card["figures"]["beyond"]["better_than_label_free"]["low"] > 0
    history, y = market(2)
    seen = look(history, rng=default_rng(1), permutations=0)
    found = training.apply(model, history, seen, None)
    assert validation.auc(y, found) > 0.75
    assert validation.auc(y, seen.score.total) < 0.5
    assert abs(found.mean() - y.mean()) < 0.15


def test_a_model_without_signal_leaves_the_label_free_score_in_use() -> None:
    history, y = market(3, tenders=70, signal=False)
    model = learned(history, y)
    assert model.uses == "label-free"
    assert "not measured" in model.card["why"]


def test_few_cases_keep_the_label_free_score_and_fewer_are_refused() -> None:
    history, y = market(4, tenders=120)
    few = np.where(np.arange(120) < 40, y, np.nan)
    model = learned(history, few)
    assert (model.uses, model.card["why"]) == ("label-free", "fewer than 50 decided tenders")
    with pytest.raises(ValueError, match="ten decided"):
        learned(history, np.where(np.arange(120) < 12, y, np.nan))


def test_a_model_file_gives_back_the_same_probabilities_without_pickle(
    model: training.Model, tmp_path: Path
) -> None:
    history, y = market(2)
    seen = look(history, rng=default_rng(1), permutations=0)
    path = tmp_path / "m.npz"
    modelfile.save(path, model, modelfile.carried(seen, history.firms, y))
    again, _ = modelfile.load(path)
    assert (training.apply(again, history, seen, None) == training.apply(model, history, seen, None)).all()
    assert json.loads((tmp_path / "m.npz.card.json").read_text("utf-8"))["uses"] == "model"
    assert "# Model card" in (tmp_path / "m.npz.card.md").read_text("utf-8")
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


def test_files_that_are_no_model_are_refused(model: training.Model, tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    path.write_bytes(b"PK no model")
    with pytest.raises(ValueError, match="no model"):
        modelfile.load(path)
    arrays = model.beyond.trees[0].arrays("x")
    arrays["x.left"] = np.asarray(arrays["x.left"]) * 0 - 1
    with pytest.raises(ValueError, match="broken"):
        trees.from_arrays(arrays, "x", len(model.beyond.names))


@pytest.fixture(scope="module")
def stored(model: training.Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The arrays of a model on disk."""
    history, y = market(2)
    seen = look(history, rng=default_rng(1), permutations=0)
    path = tmp_path_factory.mktemp("model") / "m.npz"
    modelfile.save(path, model, modelfile.carried(seen, history.firms, y))
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def reworded(stored: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    shape = json.loads(stored["text"].tobytes())
    change(shape)
    return {"text": np.frombuffer(json.dumps(shape).encode(), dtype=np.uint8)}


@pytest.mark.parametrize(
    "broken",
    [
        lambda of: {"beyond.0.threshold": of["beyond.0.threshold"][:5]},
        lambda of: {"beyond.0.feature": of["beyond.0.feature"] * 0 + 10_000},
        lambda of: {"beyond.0.feature": np.zeros((3, 3), np.int32)},
        lambda of: {"beyond.0.value": of["beyond.0.value"] * np.nan},
        lambda of: {"beyond.0.left": of["beyond.0.left"] * 1.0},
        lambda of: {"firms.cases": np.zeros(3)},
        lambda of: {"firms.pair": np.array([[0, 10_000]]), "firms.joint": np.array([1])},
        lambda of: {"memory.key": of["memory.key"][:1], "memory.place": np.zeros(2)},
        lambda of: {"text": np.frombuffer(b"[1]", dtype=np.uint8)},
        lambda of: reworded(of, lambda shape: shape.update(format="sunroad screen model 2")),
        lambda of: reworded(of, lambda shape: shape.update(uses="magic")),
        lambda of: reworded(of, lambda shape: shape.update(card={})),
        lambda of: reworded(of, lambda shape: shape["card"].update(data={})),
        lambda of: reworded(of, lambda shape: shape["ensembles"]["beyond"].update(names="n")),
        lambda of: reworded(of, lambda shape: shape["ensembles"].update(beyond={"members": 10**9})),
    ],
)
def test_a_model_that_does_not_hold_together_is_refused(
    stored: dict[str, Any], broken: Callable[[dict[str, Any]], dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "m.npz"
    np.savez(path, **{**stored, **broken(stored)})
    with pytest.raises(ValueError, match=r"m\.npz is no model"):
        modelfile.load(path)


class Trap:
    """What would leave a file behind if a pickle of it were ever opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_no_code_of_a_model_file_is_run(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    trap = np.array([Trap(sprung)], dtype=object)
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(Trap(sprung)))
    np.savez(tmp_path / "inside.npz", text=trap)
    np.save(tmp_path / "one.npy", trap)
    for name in ("plain.npz", "inside.npz", "one.npy"):
        with pytest.raises(ValueError, match="is no model"):
            modelfile.load(tmp_path / name)
    assert not sprung.exists()
    pickle.loads((tmp_path / "plain.npz").read_bytes())  # the trap itself works
    assert sprung.exists()


def test_a_damaged_model_is_refused_at_every_length(stored: dict[str, Any], tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.npz", tmp_path / "m.npz"
    np.savez_compressed(whole, **stored)
    data = whole.read_bytes()
    for length in (0, 1, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="is no model"):
            modelfile.load(path)
    dice = random.Random(1)
    for _ in range(10):
        at = dice.randrange(len(data) // 2)
        path.write_bytes(data[:at] + bytes(200) + data[at + 200 :])
        with pytest.raises(ValueError, match="is no model"):
            modelfile.load(path)


@pytest.mark.parametrize("fit", [trees.fit_extra, trees.fit_boosted])
def test_trees_of_ours_answer_as_the_library_does(fit, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    import sklearn.ensemble as library

    name = "ExtraTreesClassifier" if fit is trees.fit_extra else "HistGradientBoostingClassifier"
    made = []
    kind = getattr(library, name)

    def keep(*args, **settings):  # type: ignore[no-untyped-def]
        made.append(kind(*args, **settings))
        return made[0]

    monkeypatch.setattr(library, name, keep)
    rng = default_rng(1)
    x = rng.normal(size=(300, 5))
    x[rng.random((300, 5)) < 0.1] = np.nan
    y = (np.nan_to_num(x[:, 0]) + rng.normal(0, 0.5, 300) > 0).astype(float)
    ours = fit(x, y, 1, trees=20)
    theirs = made[0].predict_proba(x.astype(np.float32).astype(np.float64))[:, 1]
    np.testing.assert_allclose(ours.probability(x), theirs, atol=1e-6)


def test_duplicates_stay_together_in_every_split() -> None:
    history, y = market(5, tenders=60)
    bids = history.bid.reshape(60, 6).copy()
    bids[10:20] = bids[0:10]
    copied = History(*{**vars(history), "bid": bids.ravel()}.values())
    group = features.duplicates(copied)
    assert (group[10:20] == group[0:10]).all()
    assert len(np.unique(group)) == 50
    for learn, test in validation.folds(y, group, default_rng(1)):
        assert not set(group[learn]) & set(group[test])


def test_cases_around_in_time_never_read_the_label_of_the_tender_itself_or_its_duplicate() -> None:
    place, group = np.arange(6.0), np.array([0, 1, 2, 3, 4, 2])
    known = np.array([2, 3, 4, 5])
    one = features.around(place, known, np.array([1.0, 0.0, 0.0, 1.0]), group)
    other = features.around(place, known, np.array([0.0, 0.0, 0.0, 0.0]), group)
    base = features.around(place, known, np.array([1.0, 0.0, 0.0, 1.0]), np.zeros(6, dtype=np.int64))
    assert (one[:, 2] < 0.45).all()
    assert (other <= one).all()
    assert np.allclose(base, 0.5)


def test_figures_of_orders() -> None:
    y, score = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.35, 0.8])
    from sklearn.metrics import average_precision_score, roc_auc_score

    assert validation.auc(y, score) == roc_auc_score(y, score) == 0.75
    assert validation.average_precision(y, score) == pytest.approx(average_precision_score(y, score))
    assert validation.best_threshold(y, score) in (0.35, 0.8)
    assert validation.balanced(y, score >= 0.35) == 0.75
    assert np.isnan(validation.auc(np.ones(3), score[:3]))
    tied = np.array([0.5] * 4)
    assert validation.auc(y, tied) == 0.5
    assert validation.average_precision(y, tied) == average_precision_score(y, tied)


def test_probabilities_are_calibrated() -> None:
    rng = default_rng(1)
    logit = rng.normal(0, 2, 4000)
    y = (rng.random(4000) < training.expit(0.5 * logit - 1)).astype(float)
    slope, intercept = training.calibration(y, logit)
    assert slope == pytest.approx(0.5, abs=0.08)
    assert intercept == pytest.approx(-1, abs=0.15)
