"""Laws of demand by name, as the command line and the benchmarks take them: poisson:5, geometric:5, negbin:2,5, given:0.2,0.5,0.3."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ropewalk.errors import ConfigError

Array = np.ndarray
KINDS = {"poisson": 1, "geometric": 1, "negbin": 2}  # numbers that each takes
WAY_OUT = (
    "say poisson:M, geometric:M (on 0, 1, 2, ...) or negbin:R,M (R successes), M the mean demand of a period, "
    "or given:P0,P1,... with the probabilities of 0, 1, ... units"
)


@dataclass(frozen=True)
class Law:
    """Demand of a period, whole units."""

    kind: str
    mean: float  # units
    successes: float = 0.0  # R of a negative binomial; inf is Poisson, 1 geometric
    chances: tuple[float, ...] = ()  # "given": P(D = 0), P(D = 1), ...

    @property
    def frozen(self) -> stats.rv_discrete:
        """The law as SciPy has it."""
        return self.over(1)

    def over(self, periods: int) -> stats.rv_discrete:
        """The law of the demand of so many periods together."""
        if self.kind == "poisson":
            return stats.poisson(self.mean * periods)
        if self.kind == "given":
            total = np.ones(1)
            for _ in range(periods):
                total = np.convolve(total, self.chances)
            return stats.rv_discrete(values=(np.arange(len(total)), total))
        r = 1.0 if self.kind == "geometric" else self.successes
        return stats.nbinom(r * periods, r / (r + self.mean))

    def probability(self, tail: float = 1e-10) -> Array:
        """P(D = 0), P(D = 1), ... until less than `tail` is left."""
        most = int(self.frozen.isf(tail)) + 1
        return self.frozen.pmf(np.arange(most + 1))

    @property
    def name(self) -> str:
        """As `law` reads it."""
        if self.kind == "given":
            return f"given:{','.join(f'{chance:g}' for chance in self.chances)}"
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
    if (
        kind == "given"
        and numbers
        and all(0 <= n <= 1 for n in numbers)
        and abs(sum(numbers) - 1) < 1e-6
        and numbers[0] < 1
    ):
        return given(np.array(numbers))
    if kind not in KINDS or len(numbers) != KINDS[kind] or not all(0 < n < float("inf") for n in numbers):
        raise ConfigError([f"demand {text!r} is no law; {WAY_OUT}"], "the demand")
    return Law(kind, numbers[-1], numbers[0] if kind == "negbin" else 0.0)


def two_moments(mean: float, variance: float, tail: float = 1e-9) -> Array:
    """Probabilities of 0, 1, 2, ... of the law that Adan, van Eenige & Resing fit to a mean and a variance: a mixture of two binomial,
    two negative binomial or two geometric laws, or Poisson (Fitting discrete distributions on the first two moments, Probability in
    the Engineering and Informational Sciences 9(4), 1995). What is left beyond the last one, less than `tail`, is added to it."""
    excess = variance / mean**2 - 1.0 / mean
    units = np.arange(int(mean + 60.0 * max(variance, mean) ** 0.5) + 60)
    if abs(excess) < 1e-12:
        law = stats.poisson(mean).pmf(units)
    elif excess < 0.0:
        k = int(-1.0 / excess)
        share = (1 + excess * (1 + k) + np.sqrt(-excess * k * (1 + k) - k)) / (1 + excess)
        chance = mean / (k + 1 - share)
        law = share * stats.binom(k, chance).pmf(units) + (1 - share) * stats.binom(k + 1, chance).pmf(units)
    elif excess < 1.0:
        k = int(1.0 / excess)
        share = ((1 + k) * excess - np.sqrt((1 + k) * (1 - excess * k))) / (1 + excess)
        chance = 1.0 - mean / (k + 1 - share + mean)
        law = share * stats.nbinom(k, chance).pmf(units) + (1 - share) * stats.nbinom(k + 1, chance).pmf(units)
    else:
        root = np.sqrt(excess**2 - 1.0)
        odds = [mean * (1 + excess + sign * root) for sign in (1, -1)]
        law = sum(stats.geom(2 / (2 + odd), loc=-1).pmf(units) * mean / odd for odd in odds)
    last = int(np.searchsorted(np.cumsum(law), 1.0 - tail)) + 1
    kept = law[:last].copy()
    kept[-1] += 1.0 - kept.sum()
    return kept


def given(chances: Array) -> Law:
    """The law with these probabilities of 0, 1, 2, ... units."""
    chances = np.trim_zeros(chances, "b") / chances.sum()
    return Law("given", float(chances @ np.arange(len(chances))), chances=tuple(chances.tolist()))


def fitted(mean: float, variance: float) -> Law:
    """The Poisson or, where the variance is above the mean, the negative binomial law of these moments."""
    if variance <= mean:
        return Law("poisson", mean)
    return Law("negbin", mean, mean * mean / (variance - mean))
