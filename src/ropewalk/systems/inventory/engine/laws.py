"""Laws of demand by name, as the command line and the benchmarks take them: poisson:5, geometric:5, negbin:2,5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ropewalk.errors import ConfigError

Array = np.ndarray
KINDS = {"poisson": 1, "geometric": 1, "negbin": 2}  # numbers that each takes
WAY_OUT = "say poisson:M, geometric:M (on 0, 1, 2, ...) or negbin:R,M (R successes), M the mean demand of a period"


@dataclass(frozen=True)
class Law:
    """Demand of a period, whole units."""

    kind: str
    mean: float  # units
    successes: float = 0.0  # R of a negative binomial; inf is Poisson, 1 geometric

    @property
    def frozen(self) -> stats.rv_discrete:
        """The law as SciPy has it."""
        if self.kind == "poisson":
            return stats.poisson(self.mean)
        r = 1.0 if self.kind == "geometric" else self.successes
        return stats.nbinom(r, r / (r + self.mean))

    def over(self, periods: int) -> stats.rv_discrete:
        """The law of the demand of so many periods together."""
        if self.kind == "poisson":
            return stats.poisson(self.mean * periods)
        r = 1.0 if self.kind == "geometric" else self.successes
        return stats.nbinom(r * periods, r / (r + self.mean))

    def probability(self, tail: float = 1e-10) -> Array:
        """P(D = 0), P(D = 1), ... until less than `tail` is left."""
        most = int(self.frozen.isf(tail)) + 1
        return self.frozen.pmf(np.arange(most + 1))

    @property
    def name(self) -> str:
        """As `law` reads it."""
        return (
            f"{self.kind}:{self.successes:g},{self.mean:g}" if self.kind == "negbin" else f"{self.kind}:{self.mean:g}"
        )


def law(text: str) -> Law:
    """The law that a text names. ConfigError when it names none."""
    kind, _, rest = text.partition(":")
    try:
        numbers = [float(number) for number in rest.split(",")]
    except ValueError:
        numbers = []
    if kind not in KINDS or len(numbers) != KINDS[kind] or not all(0 < n < float("inf") for n in numbers):
        raise ConfigError([f"demand {text!r} is no law; {WAY_OUT}"], "the demand")
    return Law(kind, numbers[-1], numbers[0] if kind == "negbin" else 0.0)
