"""Spans of a question ranked by boosted trees over language-independent features.

LightGBM, listwise cross entropy (Bruch 2021, XE-NDCG-MART): the candidates of a question compete with each other, and
one that shares words with the answer is worth its F1 squared. Pointwise targets were 6 points worse: most of what they
learn is which questions are easy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

GRADES = 15
TOP = 40  # spans among which the one is chosen that agrees most with the others
SETTINGS: dict[str, Any] = {
    "objective": "rank_xendcg", "num_leaves": 15, "learning_rate": 0.03, "min_data_in_leaf": 50, "lambda_l2": 5.0,
    "feature_fraction": 0.4, "bagging_fraction": 0.7, "bagging_freq": 1, "label_gain": list(range(GRADES + 1)),
    "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbose": -1,
}  # fmt: skip
TREES = 350


def grow(
    tables: Sequence[np.ndarray],
    f1: Sequence[np.ndarray],
    names: Sequence[str],
    seed: int,
    trees: int = TREES,
    start: str = "",
) -> str:
    """The trees as text, from a table [c, f] and the F1 [c] of each candidate, a pair a question. `start`: trees that
    stay in front, on whose scores the new ones build."""
    import lightgbm

    data = lightgbm.Dataset(
        np.concatenate(tables), np.round(np.concatenate(f1) ** 2 * GRADES).astype(int),
        group=[len(table) for table in tables], feature_name=list(names), free_raw_data=True,
    )  # fmt: skip
    known = lightgbm.Booster(model_str=start) if start else None
    return str(lightgbm.train({**SETTINGS, "seed": seed}, data, trees, init_model=known).model_to_string())


def chances(scores: np.ndarray, sharpness: float) -> np.ndarray:
    """[c] the share of belief that each span gets: softmax(sharpness * score)."""
    raised = np.exp(sharpness * (scores - scores.max()))
    return raised / raised.sum()


def agreed(chance: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(which [t], worth [t]): the likeliest spans, and the F1 in letters that each may expect if one of them is right
    (minimum Bayes risk; Goel and Byrne 2000)."""
    top = np.argsort(-chance, kind="stable")[:TOP]
    a, b, p = start[top].astype(float), end[top].astype(float), chance[top]
    shared = np.maximum(0.0, np.minimum(b[:, None], b) - np.maximum(a[:, None], a))
    return top, (2 * shared / ((b - a)[:, None] + (b - a))) @ p
