"""Predict how long a training takes on this machine, from trainings that were measured on it.

t = a + b * work with a, b >= 0 (Ernest, NSDI'16, equation 1, for one machine), fitted by least squares on relative
errors. With one measured size, `a` is that run's measured start-up and `b` the rest per unit of work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ropewalk.types import Plan


def predict_seconds(
    past: Sequence[tuple[float, float, float]], work: float, unit: str, machine: str, deadline_s: float | None = None
) -> Plan:
    """Plan for `work` units, given past (work, seconds, startup seconds) on `machine`; at least one is needed."""
    if not past:
        raise ValueError("predict_seconds needs at least one measured run")
    a, b = _fit(past)
    seconds = a + b * work
    # The spread of the relative errors; never below 15 %, which one machine shows from hour to hour, and wider the
    # farther the work lies beyond what was measured.
    errors = [math.log(max(t, 1e-6) / max(a + b * w, 1e-6)) for w, t, _ in past]
    spread = max(0.15, math.sqrt(sum(e * e for e in errors) / len(errors)))
    beyond = max(1.0, work / max(w for w, _, _ in past)) if work > 0 else 1.0
    spread *= 1 + 0.1 * math.log(beyond)
    return Plan(
        machine=machine,
        seconds=seconds,
        low_seconds=seconds * math.exp(-1.96 * spread),
        high_seconds=seconds * math.exp(1.96 * spread),
        usd=None,
        p_in_time=None if deadline_s is None else _normal_cdf(math.log(deadline_s / max(seconds, 1e-6)) / spread),
        work=work,
        unit=unit,
    )


def _fit(past: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Least squares of (a + b w - t) / t with a, b >= 0."""
    if len({w for w, _, _ in past}) == 1:
        startup = sum(s for _, _, s in past) / len(past)
        rest = sum(t - s for _, t, s in past) / len(past)
        return startup, max(0.0, rest) / past[0][0] if past[0][0] else 0.0
    # Weighted normal equations; a negative coefficient is put to zero and the other fitted alone.
    s0 = sum(1 / t**2 for _, t, _ in past)
    s1 = sum(w / t**2 for w, t, _ in past)
    s2 = sum(w * w / t**2 for w, t, _ in past)
    y0 = sum(1 / t for _, t, _ in past)
    y1 = sum(w / t for w, t, _ in past)
    determinant = s0 * s2 - s1 * s1
    a, b = (y0 * s2 - y1 * s1) / determinant, (s0 * y1 - s1 * y0) / determinant
    if a < 0:
        return 0.0, y1 / s2
    if b < 0:
        return y0 / s0, 0.0
    return a, b


def _normal_cdf(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))
