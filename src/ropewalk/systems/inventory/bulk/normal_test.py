"""Two normals against SciPy's integrals."""

import numpy as np
import pytest
from scipy import integrate, stats

from ropewalk.systems.inventory.bulk.normal import pair

normal = stats.norm


def integrated(a, b, correlation):
    """P(Z1 > a, Z2 > b), and the share of E(Z2 - b)^+ in which Z1 > a: both by their conditional laws, given Z1."""
    apart = np.sqrt(1.0 - correlation**2)
    z = np.linspace(a, 9.0, 40_001)
    beyond = (b - correlation * z) / apart
    both = integrate.simpson(normal.pdf(z) * normal.sf(beyond), x=z)
    excess = integrate.simpson(normal.pdf(z) * apart * (normal.pdf(beyond) - beyond * normal.sf(beyond)), x=z)
    return both, excess / (normal.pdf(b) - b * normal.sf(b))


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.5), (0.5, 0.75), (0.75, 0.95), (0.95, 0.999)])
def test_both_chances_and_the_share_of_the_excess_are_those_of_integrals(low, high):
    rng = np.random.default_rng(0)
    a, b, correlation = rng.uniform(-1.5, 3.0, 150), rng.uniform(-1.5, 3.0, 150), rng.uniform(low, high, 150)
    found = pair(normal.sf(a), normal.sf(b), correlation)
    exact = np.array([integrated(*row) for row in zip(a, b, correlation, strict=True)]).T
    assert np.abs(found.both - exact[0]).max() < 0.002
    off = np.abs(found.share - exact[1])
    assert off.mean() < 0.002
    assert off.max() < 0.08  # far in the tail, where little is at stake


def test_no_correlation_is_the_product_and_the_whole_of_it_the_rarer_one():
    first, second = np.array([0.3, 0.01, 0.9]), np.array([0.2, 0.5, 0.9])
    assert pair(first, second, np.zeros(3)).both == pytest.approx(first * second, rel=1e-3)
    assert pair(first, second, np.ones(3)).both == pytest.approx(np.minimum(first, second), rel=1e-2)
