"""benchmarks/fusion_fit.py fits what it says: its slope is that of its loss, and it finds the fact that made the labels."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from ropewalk.methods.text import fusion

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "fusion_fit.py"


@pytest.fixture(scope="module")
def fit():
    spec = importlib.util.spec_from_file_location("fusion_fit", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fusion_fit"] = module
    spec.loader.exec_module(module)
    return module


def queries(fit, count, worth, seed=0):
    """Of thirty documents the three are relevant that cosine + worth(facts) x BM25 puts first."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        facts, terms, dense = random.normal(size=len(fusion.FACTS)), random.random(30), random.random(30)
        score = dense + worth(facts) * terms
        gains = (score >= np.sort(score)[-3]).astype(float)
        yield fit.Seen(facts, terms, dense, gains, float(fit.dcg(np.ones(3))))


def test_the_slope_is_that_of_the_loss(fit):
    block = fit.block(list(queries(fit, 20, lambda _: 0.3)), 1.0)
    phi = fit._phi(block.facts, np.zeros(len(fusion.FACTS)), np.ones(len(fusion.FACTS)))
    theta = np.random.default_rng(1).normal(size=len(fusion.FACTS) + 2) * 0.3
    _, slope = fit._loss(theta, block, phi, 1.0)
    for i, step in enumerate(np.eye(len(theta)) * 1e-6):
        up, down = (fit._loss(theta + s, block, phi, 1.0)[0] for s in (step, -step))
        assert slope[i] == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_it_finds_the_fact_that_made_the_labels(fit):
    def worth(facts):
        return float(np.exp(-1.0 + 0.8 * facts[2]))

    seen = list(queries(fit, 400, worth))
    found = fit.fit([fit.block(seen[:200], 1.0), fit.block(seen[200:], 1.0)])
    assert found.weights[2] > 0.5 > 0.06 > np.abs(np.delete(found.weights, 2)).max()
    held_out = fit.block(list(queries(fit, 100, worth, seed=1)), 1.0)
    assert fit.ndcg(held_out, found).mean() > 0.97 > 0.93 > fit.ndcg(held_out, fit.shipped()).mean()
