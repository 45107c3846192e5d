"""Is a share above its limit, when cases of one key resemble each other?"""

from __future__ import annotations

import numpy as np

from ropewalk.methods.stats.tails import binomial_upper


def design_effect(hit: np.ndarray, key: np.ndarray) -> float:
    """How many times fewer independent cases there are than rows: variance by keys over variance by rows, at least 1."""
    hit = np.asarray(hit, float)
    share, n = hit.mean(), len(hit)
    if n < 2 or share in (0.0, 1.0):
        return 1.0
    sums = np.bincount(np.unique(np.asarray(key).astype(str), return_inverse=True)[1].ravel(), hit - share)
    keys = len(sums)
    by_keys = float((sums**2).sum()) / n**2 * keys / max(keys - 1, 1)
    return max(1.0, by_keys / (share * (1 - share) / n))


def share_above(hit: np.ndarray, key: np.ndarray, limit: float) -> float:
    """p-value of 'the share of hits is at most `limit`': the exact binomial tail of as many cases as are independent."""
    effect = design_effect(hit, key)
    return binomial_upper(float(np.sum(hit)) / effect, len(hit) / effect, limit)
