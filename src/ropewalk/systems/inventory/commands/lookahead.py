"""What another order would come to, once: one step ahead, and the policy from then on; and what the stock will be when it arrives.

Letters: N states, W columns of a state, O outcomes of a period, Q orders that are looked at, S sources.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.case import Case
from ropewalk.systems.inventory.commands.policies import SCORED, Candidate, Effort, hopeless
from ropewalk.systems.inventory.engine.exact import Array, Problem, chain, states
from ropewalk.systems.inventory.engine.optimum import endless, optimum
from ropewalk.systems.inventory.engine.positions import Positions, as_positions
from ropewalk.systems.inventory.engine.step import Period, State, placed, step

PATHS = 5_000  # of a simulation of what another order comes to


@dataclass(frozen=True)
class Arrival:
    """The period in which an order of now can be sold."""

    periods: int  # from now
    stock: float  # units expected on the shelf then, less what is owed, before its demand
    short: float  # probability that its demand is not served in full
    short_before: float  # that some demand before it is not


def order_in(policy: Candidate, case: Case, state: Array) -> Array:
    """[S] units that are placed in a state [1,W]."""
    wanted = np.asarray(policy.orders(state), float).reshape(1, -1)
    return placed(case.problem.world, wanted, case.problem.terms, Period(np.zeros(1)), np).units[0].astype(int)


def others(case: Case, order: Array, best: Array | None = None) -> Array:
    """[Q,S] orders beside this one that may be placed, of each source: two packs less to two packs more, and in steps of a quarter of the
    standard deviation of a period's demand a whole one; none at all; and the `best` one."""
    step = _step(case)
    away = {n * case.instance.pack for n in (-2, -1, 1, 2)} | {
        n * step for n in (-4, -3, -2, -1, 1, 2, 3, 4) if step > 2 * case.instance.pack
    }
    found = {tuple(order.tolist()), (0,) * len(order)} | (set() if best is None else {tuple(best.tolist())})
    return _placeable(case, order, away, found)


def many(case: Case, order: Array, best: Array | None = None) -> Array:
    """[Q,S] those, and of one source all within two standard deviations, a sixteenth of one apart, or a pack."""
    found, pack = others(case, order, best), case.instance.pack
    if len(order) > 1:
        return found
    apart = max(_step(case) // (4 * pack), 1) * pack
    reach = max(8 * _step(case), 4 * pack) // apart
    return _placeable(
        case, order, {n * apart for n in range(-reach, reach + 1)}, {tuple(row) for row in found.tolist()}
    )


def _placeable(case: Case, order: Array, away: set[int], found: set[tuple[int, ...]]) -> Array:
    given = case.instance
    for source in range(len(order)):
        for units in away:
            other = order.copy()
            other[source] += units
            fits = other[source] == 0 or max(given.min_order, 1) <= other[source] <= (given.max_order or np.inf)
            if other[source] >= 0 and fits:
                found.add(tuple(other.tolist()))
    return np.array(sorted(found))


def _step(case: Case) -> int:
    """Units, whole packs: about a quarter of the standard deviation of a period's demand."""
    law, pack = case.problem.outcomes, case.instance.pack
    demand = np.asarray(law.period.demand)
    deviation = float((law.probability @ demand**2 - (law.probability @ demand) ** 2) ** 0.5)
    return max(round(deviation / 4 / pack), 1) * pack


def prepared(policy: Candidate, case: Case, state: Array, effort: Effort) -> Candidate:
    """A policy that can decide in this state and in all that another order leads to: the optimum is solved with them."""
    if policy.name != "exact":
        return policy
    orders = others(case, order_in(_solved(case, state, effort), case, state))
    return _solved(case, np.concatenate([state, _next(case.problem, state, orders)]), effort)


def _solved(case: Case, begin: Array, effort: Effort) -> Candidate:
    found = optimum(case.problem, effort.memory, tolerance=1e-8, begin=begin)
    return Candidate("exact", found.problem, found.solution.decide, made="value iteration")


def beside(
    policy: Candidate, case: Case, state: Array, order: Array, orders: Array, seed: int
) -> tuple[Array, Array | None]:
    """[Q] USD in all that each order costs more than `order`, the policy deciding from the next period on; and, where that was
    simulated, their standard errors."""
    if endless(case.problem) or hopeless(policy, case):
        return _simulated(policy, case, state, order, orders, seed)
    problem = policy.problem
    here = as_positions(state) if isinstance(problem, Positions) else state
    following = _next(problem, here, orders)
    try:
        found = chain(problem, policy.decide, round(SCORED / len(problem.outcomes.probability)), begin=following)
        value = found.values(1e-9)[1]
    except (ConfigError, RuntimeError):
        return _simulated(policy, case, state, order, orders, seed)
    at = {tuple(s): v for s, v in zip(found.states.tolist(), value.tolist(), strict=True)}
    after, cost = problem.advance(np.repeat(here, len(orders), axis=0), orders)
    later = np.array([[at[tuple(s)] for s in row] for row in after.tolist()])
    total = (cost + later) @ problem.outcomes.probability
    return total - total[_row(orders, order)], None


def _simulated(
    policy: Candidate, case: Case, state: Array, order: Array, orders: Array, seed: int
) -> tuple[Array, Array]:
    """The same demand for every order, until nothing of the difference is left."""
    problem, lives = case.problem, case.problem.world.lives
    shape, periods = (len(orders), PATHS), 12 * (case.problem.world.columns + 1)
    draws = np.random.default_rng(seed).choice(
        len(problem.outcomes.probability), (periods, PATHS), p=problem.outcomes.probability
    )
    wide = np.broadcast_to(state[0].astype(float), (*shape, state.shape[1]))
    now = State(
        wide[..., :lives], wide[..., lives], np.concatenate([np.zeros((*shape, 1)), wide[..., lives + 1 :]], axis=-1)
    )
    total = np.zeros(shape)
    first = np.broadcast_to(orders[:, None, :].astype(float), (*shape, orders.shape[1]))
    for t, draw in enumerate(draws):
        period = Period(*(None if field is None else np.asarray(field)[draw] for field in problem.outcomes.period))
        wants = (
            (lambda _: first)
            if t == 0
            else lambda s: policy.orders(states(s).reshape(-1, state.shape[1])).reshape(*shape, -1) * 1.0
        )
        now, flow = step(problem.world, wants, problem.terms, now, period, np)
        total -= flow.profit
    more = total - total[_row(orders, order)]
    return more.mean(1), more.std(1, ddof=1) / PATHS**0.5


def arrival(case: Case, state: Array, order: Array, lead: int) -> Arrival:
    """What is there `lead` periods from now when this is ordered now, and nothing later."""
    problem = case.problem
    now: Array = state
    chance: Array = np.ones(1)
    short: Array = np.zeros(1, bool)
    ordered = order[None, :]
    for _ in range(lead):
        after, flow = problem.flows(now, np.repeat(ordered, len(now), axis=0))
        missed = short[:, None] | (np.broadcast_to(problem.unmet(flow), flow.profit.shape) > 1e-9)
        rows = np.concatenate([after.reshape(-1, after.shape[-1]), missed.reshape(-1, 1)], axis=1)
        weights = (chance[:, None] * problem.outcomes.probability).ravel()
        found, at = np.unique(rows, axis=0, return_inverse=True)
        now, short, chance = found[:, :-1], found[:, -1].astype(bool), np.bincount(at.ravel(), weights)
        ordered = np.zeros_like(ordered)
    at_once = sum(int(units) for units, late in zip(ordered[0], case.leads, strict=True) if late == 0)
    lives = problem.world.lives
    stock = now[:, :lives].sum(1) - now[:, lives] + at_once
    unmet = problem.unmet(problem.flows(now, np.repeat(ordered, len(now), axis=0))[1])
    missing = (
        np.broadcast_to(unmet, (len(now), len(problem.outcomes.probability))) > 1e-9
    ) @ problem.outcomes.probability
    return Arrival(lead, float(chance @ stock), float(chance @ missing), float(chance[short].sum()))


def _next(problem: Problem, state: Array, orders: Array) -> Array:
    """[N,W] every state that can follow."""
    after = problem.advance(np.repeat(state, len(orders), axis=0), orders)[0]
    return np.unique(after.reshape(-1, after.shape[-1]), axis=0)


def _row(orders: Array, order: Array) -> int:
    return int(np.flatnonzero((orders == order).all(1))[0])
