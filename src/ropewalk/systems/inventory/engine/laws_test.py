"""Laws are what their names say."""

import numpy as np
import pytest

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.laws import fitted, law, two_moments


@pytest.mark.parametrize(
    ("text", "mean", "variance"),
    [("poisson:5", 5.0, 5.0), ("geometric:5", 5.0, 30.0), ("negbin:2,7", 7.0, 7.0 + 49.0 / 2)],
)
def test_a_law_has_its_mean_and_variance(text, mean, variance):
    found = law(text)
    assert found.name == text
    for periods in (1, 4):
        assert found.over(periods).mean() == pytest.approx(mean * periods)
        assert found.over(periods).var() == pytest.approx(variance * periods)
    probability = found.probability()
    units = np.arange(len(probability))
    assert probability.sum() == pytest.approx(1.0, abs=1e-9)
    assert probability @ units == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize(
    "text", ["poisson", "poisson:", "poisson:x", "poisson:-1", "normal:5", "negbin:2", "geometric:1,2", "poisson:inf"]
)
def test_what_is_no_law_gets_a_sentence(text):
    with pytest.raises(ConfigError, match="say poisson:M"):
        law(text)


@pytest.mark.parametrize(
    ("mean", "variance"), [(4.0, 4.0), (4.0, 9.0), (4.0, 16.0), (2.0, 8.0), (1.0, 4.0), (4.0, 1.5), (2.0, 1.9)]
)
def test_a_fitted_law_has_the_two_moments(mean, variance):
    law = two_moments(mean, variance, tail=1e-12)
    units = np.arange(len(law))
    assert law.sum() == pytest.approx(1.0)
    assert law @ units == pytest.approx(mean, abs=1e-6)
    assert law @ units**2 - (law @ units) ** 2 == pytest.approx(variance, abs=1e-4)


def test_a_law_can_be_given_unit_by_unit():
    found = law("given:0.2,0.5,0.3,0")
    assert (found.name, found.mean) == ("given:0.2,0.5,0.3", pytest.approx(1.1))
    assert found.over(2).pmf(np.arange(5)) == pytest.approx([0.04, 0.2, 0.37, 0.3, 0.09])
    assert found.probability()[:3] == pytest.approx([0.2, 0.5, 0.3])
    for wrong in ("given:", "given:1", "given:0.5,0.4", "given:-0.5,1.5"):
        with pytest.raises(ConfigError, match="given:P0,P1"):
            law(wrong)


@pytest.mark.parametrize(("variance", "kind"), [(3.0, "poisson"), (5.0, "poisson"), (9.0, "negbin")])
def test_a_law_is_fitted_to_two_moments(variance, kind):
    found = fitted(5.0, variance)
    assert (found.kind, found.mean) == (kind, 5.0)
    assert found.frozen.var() == pytest.approx(max(variance, 5.0))
