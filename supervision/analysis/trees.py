"""Ensembles of trees as plain arrays: fitted with scikit-learn, kept and read without it and without pickle.

A model file is an ``.npz`` of numbers and one JSON text; reading it runs no code of its author.

Source: detection §4.2 (models).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supervision.analysis.shapes import Bools, Floats, Ints


@dataclass(frozen=True)
class Trees:
    """Trees laid end to end.

    Attributes:
        feature: column asked by each node, −1 in a leaf. threshold: go left when value ≤ threshold. left, right: positions
            of children. value: of a leaf. missing_left: where a missing value goes. root: of each tree.
        base: added to the sum. share: the sum is divided by the number of trees and is a probability; otherwise it is a
            logit.
    """

    feature: NDArray[np.int32]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Floats
    missing_left: Bools
    root: Ints
    base: float
    share: bool

    def probability(self, x: Floats) -> Floats:
        """P(rigged) of each row of shape (m, k), before calibration."""
        total = np.zeros(len(x))
        x = x.astype(np.float32).astype(np.float64)
        rows = np.arange(len(x))
        for root in self.root.tolist():
            node = np.full(len(x), root)
            while True:
                column = self.feature[node]
                inner = column >= 0
                if not inner.any():
                    break
                seen = x[rows, np.maximum(column, 0)]
                missing = np.isnan(seen)
                left = np.where(missing, self.missing_left[node], seen <= self.threshold[node])
                node = np.where(inner, np.where(left, self.left[node], self.right[node]), node)
            total += self.value[node]
        if self.share:
            return np.asarray(total / len(self.root))
        return np.asarray(1.0 / (1.0 + np.exp(-(total + self.base))))

    def arrays(self, name: str) -> dict[str, NDArray[np.generic]]:
        """For the file, each under ``name.``."""
        return {f"{name}.{key}": np.asarray(value) for key, value in vars(self).items()}


def from_arrays(arrays: dict[str, NDArray[np.generic]], name: str, columns: int) -> Trees:
    """Read what ``arrays`` wrote.

    Args:
        columns: number of columns the trees may ask for.

    Raises:
        ValueError: positions that lead nowhere, columns that are not there, or values that are none.
    """
    one = {key: arrays[f"{name}.{key}"] for key in Trees.__dataclass_fields__}
    if any(of.dtype.kind not in "biuf" for of in one.values()):
        raise ValueError("the trees of the model are broken")
    whole = [one[key] for key in ("feature", "left", "right", "root")]
    if any(of.dtype.kind not in "iu" or of.ndim != 1 for of in whole):
        raise ValueError("the trees of the model are broken")
    made = Trees(
        one["feature"].astype(np.int32),
        one["threshold"].astype(np.float64),
        one["left"].astype(np.int32),
        one["right"].astype(np.int32),
        one["value"].astype(np.float64),
        one["missing_left"].astype(np.bool_),
        one["root"].astype(np.int64),
        float(one["base"]),
        bool(one["share"]),
    )
    nodes = len(made.feature)
    nodewise = (made.threshold, made.left, made.right, made.value, made.missing_left)
    if any(of.shape != (nodes,) for of in nodewise) or not np.isfinite(made.value).all():
        raise ValueError("the trees of the model are broken")
    if (made.feature >= columns).any() or not np.isfinite(made.base):
        raise ValueError("the trees of the model are broken")
    inner = made.feature >= 0
    here = np.flatnonzero(inner)
    after = np.minimum(made.left[inner], made.right[inner])
    ends = np.maximum(made.left[inner], made.right[inner])
    if (after <= here).any() or (ends >= nodes).any() or (made.root >= nodes).any() or (made.root < 0).any():
        raise ValueError("the trees of the model are broken")
    return made


def fit_extra(x: Floats, y: Floats, seed: int, *, trees: int = 300) -> Trees:
    """Extremely randomised trees; missing values are handled by the trees."""
    from sklearn.ensemble import ExtraTreesClassifier

    made = ExtraTreesClassifier(trees, min_samples_leaf=2, max_features=0.4, random_state=seed, n_jobs=2).fit(
        x.astype(np.float32), y.astype(int)
    )
    parts = []
    for one in made.estimators_:
        t = one.tree_
        value = t.value[:, 0, :]
        parts.append(
            (
                t.feature,
                t.threshold,
                t.children_left,
                t.children_right,
                value[:, -1] / value.sum(axis=1) if value.shape[1] > 1 else np.full(len(value), float(y[0])),
                t.missing_go_to_left.astype(bool),
            )
        )
    return _joined(parts, 0.0, share=True)


def fit_boosted(x: Floats, y: Floats, seed: int, *, trees: int = 150) -> Trees:
    """Boosted trees over histograms."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    made = HistGradientBoostingClassifier(
        max_iter=trees,
        learning_rate=0.05,
        max_leaf_nodes=10,
        l2_regularization=1.0,
        max_features=0.5,
        random_state=seed,
    ).fit(x.astype(np.float32).astype(np.float64), y.astype(int))
    parts = []
    for stage in made._predictors:
        nodes = stage[0].nodes
        leaf = nodes["is_leaf"].astype(bool)
        parts.append(
            (
                np.where(leaf, -1, nodes["feature_idx"].astype(np.int64)),
                nodes["num_threshold"],
                nodes["left"].astype(np.int64),
                nodes["right"].astype(np.int64),
                nodes["value"],
                nodes["missing_go_to_left"].astype(bool),
            )
        )
    return _joined(parts, float(np.ravel(made._baseline_prediction)[0]), share=False)


def _joined(parts: Sequence[tuple[NDArray[Any], ...]], base: float, *, share: bool) -> Trees:
    root = np.cumsum([0, *(len(one[0]) for one in parts[:-1])])
    feature, threshold, left, right, value, missing = ([one[column] for one in parts] for column in range(6))
    inner = [np.asarray(one) >= 0 for one in feature]
    feature = [np.where(ok, one, -1) for ok, one in zip(inner, feature, strict=True)]
    left = [np.where(ok, one + at, 0) for ok, one, at in zip(inner, left, root, strict=True)]
    right = [np.where(ok, one + at, 0) for ok, one, at in zip(inner, right, root, strict=True)]
    return Trees(
        np.concatenate(feature).astype(np.int32),
        np.concatenate(threshold).astype(np.float64),
        np.concatenate(left).astype(np.int32),
        np.concatenate(right).astype(np.int32),
        np.concatenate(value).astype(np.float64),
        np.concatenate(missing).astype(np.bool_),
        root.astype(np.int64),
        base,
        share,
    )
