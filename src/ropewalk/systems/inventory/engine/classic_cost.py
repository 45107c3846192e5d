"""What a classic policy costs a period: exactly, by its Markov chain, or simulated with the engine's step.

Letters: G sets of parameters, P parameters, N states, W columns of a state.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.classic import RULES, Rule, Setting, capped_dual_index
from ropewalk.systems.inventory.engine.exact import Bounds, Chain, Decide, Outcomes, Problem, chain, path_costs, seen
from ropewalk.systems.inventory.engine.step import Period

Array = np.ndarray


def average_cost(problem: Problem, policy: str, parameters: tuple[float, ...], tolerance: float = 1e-5) -> Bounds:
    """Bounds of what a policy costs a period."""
    return policy_chain(problem, policy, parameters).average_cost(tolerance)


def policy_chain(problem: Problem, policy: str, parameters: tuple[float, ...], limit: int = 5_000_000) -> Chain:
    """The chain of a policy. Where sales are lost, demands that empty every shelf it can have are one outcome (same state, cost
    linear in the demand): exact, and several times smaller. ConfigError beyond `limit` states."""
    decide = decision(problem, policy, parameters)
    if problem.world.unmet == "lost" and not problem.world.life and min(lead_times(problem)) > 0:
        most = _most_on_hand(problem, policy, parameters)
        found = chain(replace(problem, outcomes=folded(problem.outcomes, most)), decide, limit)
        if found.states[:, 0].max() <= most:
            return found
    return chain(problem, decide, limit)


def decision(problem: Problem, policy: str, parameters: tuple[float, ...]) -> Decide:
    """The policy on states as exact.py writes them; orders are rounded to whole units."""
    wants: Rule = RULES[policy].wants
    if policy == "tailored base-surge":  # its stock has no upper bound: the regular order stops where it is never seen
        level, quantity = parameters
        wants, parameters = capped_dual_index, (level, level + _far(problem, quantity), quantity)
    values, setting = np.array(parameters, float), setting_of(problem)

    def decide(states: Array) -> Array:
        return np.floor(wants(values, seen(problem.world, states), setting, np) + 0.5)

    return decide


def setting_of(problem: Problem) -> Setting:
    """What the policies know of this problem."""
    demand = np.asarray(problem.outcomes.period.demand).astype(int)
    return Setting(lead_times(problem), np.bincount(demand, weights=problem.outcomes.probability))


def simulate(
    problem: Problem,
    policy: str,
    parameters: list[tuple[float, ...]],
    seed: int = 0,
    paths: int = 128,
    periods: int = 160,
) -> Array:
    """[G,paths] mean cost a period of sets of parameters, all with the same demand."""
    wants, setting, values = RULES[policy].wants, setting_of(problem), np.array(parameters, float)[:, None, :]
    ordered = lambda seen: np.floor(wants(values, seen, setting, np) + 0.5)  # noqa: E731
    return path_costs(problem, ordered, (len(parameters), paths), seed, periods)


def newsvendor_level(problem: Problem, periods: int, ratio: float | None = None) -> int:
    """The least level that covers the demand of so many periods with the probability p / (p + h), or `ratio`."""
    law = total = setting_of(problem).law
    for _ in range(periods - 1):
        total = np.convolve(total, law)
    return int(np.searchsorted(np.cumsum(total), critical_ratio(problem) if ratio is None else ratio))


def critical_ratio(problem: Problem) -> float:
    """p / (p + h): p what a unit short costs (lost sales: with its margin), h what one too many does."""
    terms, period = problem.terms, problem.outcomes.period
    if problem.world.unmet == "backlog":
        short = number(terms.backlog)
    else:
        cost = 0.0 if terms.unit_cost is None else float(np.min(terms.unit_cost))
        short = number(terms.lost_sale) + (0.0 if period.price is None else float(np.mean(period.price))) - cost
    return short / (short + number(terms.holding) + number(terms.waste)) if short > 0.0 else 0.0


def _far(problem: Problem, quantity: float) -> int:
    """Units above the expedited level that a steady regular order passes with a probability below 1e-9 (Kingman's bound)."""
    law = setting_of(problem).law
    step = quantity - np.arange(len(law))
    if law @ step >= 0.0:
        raise ConfigError(
            [f"quantity: {quantity}; a regular order of the mean demand or more lets the stock grow without end"],
            "the policy",
        )
    low, high = 0.0, 1.0
    while law @ np.exp(high * step) < 1.0 and high < 50.0:
        high *= 2.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if law @ np.exp(middle * step) < 1.0 else (low, middle)
    return math.ceil(math.log(1e9) / high + quantity * (lead_times(problem)[0] + 1))


def folded(outcomes: Outcomes, most: int) -> Outcomes:
    """Demands of `most` and above as one, their mean. As it is where something else varies besides the demand."""
    period, probability = outcomes.period, outcomes.probability
    if any(field is not None for field in period[1:]) or len(probability) <= most + 1:
        return outcomes
    if not np.array_equal(period.demand, np.arange(len(probability))):
        return outcomes
    rest = probability[most:].sum()
    mean = period.demand[most:] @ probability[most:] / rest
    return replace(
        outcomes, period=Period(np.r_[period.demand[:most], mean]), probability=np.r_[probability[:most], rest]
    )


def _most_on_hand(problem: Problem, policy: str, parameters: tuple[float, ...]) -> int:
    """A guess, checked by policy_chain."""
    if policy in ("base-stock", "capped base-stock"):
        return int(parameters[0])
    return newsvendor_level(problem, lead_times(problem)[0] + 1, max(0.99, critical_ratio(problem))) + 2


def lead_times(problem: Problem) -> tuple[int, ...]:
    """[S] periods; of random ones the longest that comes."""
    lead = problem.world.lead
    if lead == "random":
        return tuple(int(x) for x in np.max(problem.outcomes.period.lead, 0))
    return lead if isinstance(lead, tuple) else tuple(int(x) for x in np.atleast_1d(problem.terms.lead))


def greatest_break(problem: Problem) -> int:
    """Units from which on nothing is rebated further."""
    return int(np.max(problem.terms.breaks)) if problem.world.discounts else 0


def number(value: Array | float | None) -> float:
    return 0.0 if value is None else float(np.max(value))
