"""Small instances solved and policies evaluated exactly, by the engine's own step on every state that can be reached.

For integer demand and orders the engine is a finite Markov decision process; `Problem` refuses what is not one when it is asked for. `Chain` holds the states that a policy reaches from
an empty shelf, found by stepping until nothing new appears; `average_cost` iterates it until the bounds of the average cost
(Puterman, Markov Decision Processes, 1994, section 8.5.5) are as close as asked. `solve` does the same over all actions: value
iteration. The mass of demand that was cut off is stated by `Outcomes.cut`.

Letters: N states, A actions, O outcomes of a period, W columns of a state: shelf, owed, pipeline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.step import Flow, Period, Policy, Seen, State, Terms, objective, start, step
from ropewalk.systems.inventory.engine.world import World

Array = np.ndarray
PATIENCE = 200  # sweeps
SMALL = 1_000  # states of a chain that is solved for before it is iterated
HOWARD = 30  # sweeps at most that end with the values of the best policy so far
Decide = Callable[[Array], Array]
"""States [N,W] -> orders [N,S], both whole numbers; the columns of a state are those of `Problem.columns`."""


@dataclass(frozen=True)
class Outcomes:
    """What a period can bring, with its probability."""

    period: Period  # arrays [O]
    probability: Array  # [O], sums to 1
    cut: float = 0.0  # probability that was given to the last outcome because the law goes on


def outcomes(probability: Array, fifo: float | None = None, tail: float = 1e-9) -> Outcomes:
    """Demand 0, 1, 2, ... with these probabilities; `fifo`: chance that a buyer takes the oldest (issuing "mixed")."""
    kept = int(np.searchsorted(np.cumsum(probability), 1.0 - tail)) + 1
    law = np.array(probability[:kept], np.float64)
    cut = max(0.0, 1.0 - float(law.sum()))
    law[-1] += cut
    if fifo is None:
        comes = law > 0.0
        return Outcomes(Period(np.flatnonzero(comes) * 1.0), law[comes], cut)
    from scipy.stats import binom

    pairs = [(d, k, p * binom.pmf(k, d, fifo)) for d, p in enumerate(law) for k in range(d + 1)]
    d, k, p = (np.array(column, np.float64) for column in zip(*pairs, strict=True))
    seen = p > 1e-12
    return Outcomes(Period(d[seen], fifo=k[seen]), p[seen] / p[seen].sum(), cut)


@dataclass(frozen=True)
class Problem:
    """One item as a Markov decision process; cost is the negative of the engine's objective."""

    world: World
    terms: Terms  # [S] or [] each
    outcomes: Outcomes

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a state's columns: the shelf by remaining life with what has just arrived, owed, what is due later."""
        world = self.world
        shelf = [f"shelf_{m + 1}" for m in range(world.lives)] if world.life else ["on_hand"]
        return (*shelf, "owed", *(f"due_{k}" for k in range(1, world.columns)))

    def advance(self, states: Array, orders: Array) -> tuple[Array, Array]:
        """[N,O,W] states that follow, and [N,O] cost, for states [N,W] and orders [N,S]."""
        after, flow = self.flows(states, orders)
        return after, -objective(self.world, flow)

    def flows(self, states: Array, orders: Array) -> tuple[Array, Flow]:
        """[N,O,W] states that follow, and what happens on the way: a Flow of [N,O]. ConfigError where these are not whole units."""
        lives = self.world.lives
        wide = states[:, None, :].astype(np.float64)
        shelf, owed, later = wide[..., :lives], wide[..., lives], wide[..., lives + 1 :]
        due = np.concatenate([np.zeros_like(shelf[..., :1]), later], axis=-1)
        state = State(
            shelf, owed, due, due if self.world.random_yield else None
        )  # `refuse`: nothing is on its way then
        wanted = orders[:, None, :].astype(np.float64)
        after, flow = step(self.world, lambda seen: wanted, self.terms, state, self.outcomes.period, np)
        size = flow.profit.shape
        shelf = np.broadcast_to(after.shelf, (*size, lives)).copy()
        due = np.broadcast_to(after.due, (*size, self.world.columns))
        shelf[..., -1] += due[..., 0]  # received early: states that differ only in when they are looked at are one
        found = np.concatenate([shelf, np.broadcast_to(after.owed, size)[..., None], due[..., 1:]], axis=-1)
        whole = np.rint(found)
        if self.parts and np.abs(found - whole).max(initial=0.0) > 1e-6:
            raise ConfigError(
                [
                    "exact solutions count whole units, and shares of what is unmet, of shipments or of a yield leave parts of "
                    "them; simulate this one"
                ],
                "the problem",
            )
        return whole.astype(np.int64), flow

    @property
    def parts(self) -> bool:
        """Whether whole orders and demands can leave parts of a unit."""
        return self.world.unmet == "partial" or self.world.random_yield or self.terms.shares is not None

    def unmet(self, flow: Flow) -> Array:
        """[N,O] units of the period's demand that the shelf did not serve at once."""
        return np.minimum(flow.owed + flow.lost, self.outcomes.period.demand)


def seen(world: World, states: Array) -> Seen:
    """What a policy sees in states [N,W]."""
    wide, lives = np.asarray(states, np.float64), world.lives
    outstanding = np.concatenate([wide[..., lives + 1 :], np.zeros_like(wide[..., :1])], axis=-1)
    return Seen(wide[..., :lives], wide[..., lives], outstanding, None)


def states(seen: Seen) -> Array:
    """[...,W] whole numbers: the state in which this is seen."""
    columns = [seen.shelf, seen.owed[..., None], seen.outstanding[..., :-1]]
    return np.rint(np.concatenate(columns, axis=-1)).astype(np.int64)


def refuse(problem: Problem, *further: tuple[bool, str]) -> None:
    """ConfigError where the states of problem.columns are not all that there is to know, with what else is wrong."""
    world = problem.world
    wrong = [
        *further,
        (world.lead == "random" or world.clock != "periods", "exact solutions are for certain lead times counted in periods; simulate this one"),
        (world.random_yield and world.columns > 1, "exact solutions would know the yield of what is on its way, which no policy sees; simulate this one"),
    ]  # fmt: skip
    if any(is_wrong for is_wrong, _ in wrong):
        raise ConfigError([sentence for is_wrong, sentence in wrong if is_wrong], "the problem")


class Bounds(tuple[float, float]):
    """Bounds of an average cost a period."""

    @property
    def middle(self) -> float:
        return (self[0] + self[1]) / 2


@dataclass(frozen=True)
class Chain:
    """The states that a policy reaches from an empty shelf, and how it moves among them."""

    states: Array  # [N,W] int64, in the order of their codes
    orders: Array  # [N,S]
    moves: sparse.csr_matrix  # [N,N] probability
    cost: Array  # [N] expected cost of a period

    def average_cost(self, tolerance: float = 1e-5, most: int = 20_000) -> Bounds:
        """Bounds whose distance is at most `tolerance` of the cost. RuntimeError when `most` periods do not bring them there."""
        return self.values(tolerance, most)[0]

    def values(self, tolerance: float = 1e-5, most: int = 20_000) -> tuple[Bounds, Array]:
        """The same, and [N] what it costs in all to be in a state rather than in the first one."""
        value = _solved(self.moves, self.cost) if len(self.cost) <= SMALL else np.zeros(len(self.cost))
        for sweep in range(most):
            after = self.cost + self.moves @ value
            gain = after - value
            bounds = Bounds((float(gain.min()), float(gain.max())))
            if bounds[1] - bounds[0] <= tolerance * abs(bounds[0]):
                return bounds, after - after[0]
            value = _damped(value, gain, sweep)
        raise RuntimeError(f"the bounds are still {bounds[0]:.6g} to {bounds[1]:.6g} after {most} periods")

    def share(self, periods: int = 100_000, tolerance: float = 1e-10) -> Array:
        """[N] share of the time spent in each state, in the long run."""
        size = len(self.cost)
        share = _solved(self.moves, np.eye(1, size)[0], "T") if size <= SMALL else np.zeros(size)
        share = np.maximum(share, 0.0) / share.sum() if share.sum() > 0.5 else np.full(size, 1.0 / size)
        back = self.moves.T.tocsr()
        for sweep in range(periods):
            after = back @ share
            if np.abs(after - share).sum() < tolerance:
                break
            share = after if sweep < PATIENCE else 0.5 * (share + after)  # a policy may go in circles
        return after


def _solved(moves: sparse.csr_matrix, right: Array, way: str = "N") -> Array:
    """[N] the values of a chain whose costs are `right` (Poisson's equation: the first is 0, with the average cost in its place), or with
    `way` "T" and 1, 0, 0, ... the shares of its states; zeros where there is not one solution. As good as what is found from them."""
    size = moves.shape[0]
    system = sparse.hstack([np.ones((size, 1)), (sparse.identity(size) - moves).tocsc()[:, 1:]], "csc")
    try:
        found = splu(system).solve(np.asarray(right, float), way)
    except RuntimeError:
        return np.zeros(size)
    if way == "N":
        found[0] = 0.0
    return found if np.isfinite(found).all() else np.zeros(size)


def chain(problem: Problem, decide: Decide, most: int = 5_000_000, begin: Array | None = None) -> Chain:
    """Steps from an empty shelf, and from the states `begin` [N,W], until no new state appears. ConfigError beyond `most` states."""
    refuse(problem)
    code = _Code(len(problem.columns))
    codes = code.of(_begin(problem, begin))
    frontier = code.states(codes)
    parts: list[tuple[Array, ...]] = []
    while len(frontier):
        orders = np.asarray(decide(frontier)).reshape(len(frontier), problem.world.sources)
        after, cost = _advance(problem, code, frontier, orders)
        parts.append((frontier, orders, after, cost))
        new = np.setdiff1d(np.unique(after), codes, assume_unique=True)
        codes = np.union1d(codes, new)
        if len(codes) > most:
            raise ConfigError(
                [f"the policy reaches more than {most:,} states; simulate this instance instead"], "the problem"
            )
        frontier = code.states(new)
    states, orders, after, cost = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(code.of(states))
    size, ways = after.shape
    columns = np.searchsorted(codes, after[order].ravel())
    weights = np.tile(problem.outcomes.probability, size)
    moves = sparse.csr_matrix((weights, columns, np.arange(0, size * ways + 1, ways)), shape=(size, size))
    moves.sum_duplicates()
    return Chain(states[order], orders[order], moves, cost[order])


def _damped(value: Array, gain: Array, sweep: int) -> Array:
    """The next values. Where a policy goes in circles plain iteration goes along with it: after `PATIENCE` sweeps half a step is taken
    (Puterman 1994, section 8.5.4), which leaves the bounds valid, since they hold for any values."""
    after = value + (1.0 if sweep < PATIENCE else 0.5) * gain
    return after - after[0]


def _begin(problem: Problem, begin: Array | None) -> Array:
    """[N,W] the empty shelf, and what else is asked for, each once and in the order of their codes."""
    empty = np.zeros((1, len(problem.columns)), np.int64)
    return empty if begin is None else np.unique(np.concatenate([empty, begin]), axis=0)


def _advance(problem: Problem, code: _Code, states: Array, orders: Array, part: int = 4_000_000) -> tuple[Array, Array]:
    """[N,O] codes of the states that follow, and [N] expected cost; in parts that fit in memory."""
    rows = max(1, part // (len(problem.outcomes.probability) * states.shape[1]))
    codes, costs = [], []
    for at in range(0, len(states), rows):
        after, cost = problem.advance(states[at : at + rows], orders[at : at + rows])
        codes.append(code.of(after))
        costs.append(cost @ problem.outcomes.probability)
    return np.concatenate(codes), np.concatenate(costs)


class _Code:
    """A state as one whole number, and back."""

    def __init__(self, width: int) -> None:
        self.bits, self.width = 62 // width, width

    def of(self, states: Array) -> Array:
        if states.size and (states.max() >= 1 << self.bits or states.min() < 0):
            raise ConfigError(
                [
                    f"a state holds {states.max():,} units in one place, at most {(1 << self.bits) - 1} can be told apart"
                ],
                "the problem",
            )
        out = np.zeros(states.shape[:-1], np.int64)
        for column in range(self.width):
            out = (out << self.bits) | states[..., column]
        return out

    def states(self, codes: Array) -> Array:
        shifts = np.arange(self.width)[::-1] * self.bits
        return (codes[:, None] >> shifts) & ((1 << self.bits) - 1)


@dataclass(frozen=True)
class Solution:
    """The best there is."""

    cost: Bounds
    states: Array  # [N,W]
    orders: Array  # [N,S]
    value: Array  # [N] what it costs in all to be in a state rather than in the first one
    sweeps: int = 0  # over all states

    def decide(self, states: Array) -> Array:
        """[N,S] for states that it holds."""
        code = _Code(self.states.shape[1])
        return self.orders[np.searchsorted(code.of(self.states), code.of(states))]


def solve(
    problem: Problem, actions: Array, position: tuple[int, int], tolerance: float = 1e-5, most: int = 20_000,
    begin: Array | None = None,
) -> Solution:  # fmt: skip
    """Value iteration over `actions` [A,S] (of few states policy iteration, Howard 1960), in the states that they reach from an empty shelf and from `begin` [N,W] while every
    order brings the position (on hand and due, less what is owed) into the range `position`: above it nothing is ordered, and from
    far below as much as can be. Whoever asks has to see that a wider range changes nothing (optimum.py does)."""
    refuse(problem)
    code = _Code(len(problem.columns))
    codes = code.of(_begin(problem, begin))
    frontier = code.states(codes)
    rows: list[tuple[Array, ...]] = []
    while len(frontier):
        before = (frontier.sum(1) - 2 * frontier[:, problem.world.lives])[:, None]
        reached = before + actions.sum(1)
        allowed = (reached <= np.maximum(position[1], before)) & (
            reached >= np.minimum(position[0], reached.max(1)[:, None])
        )
        state, action = np.nonzero(allowed)
        after, cost = _advance(problem, code, frontier[state], actions[action])
        rows.append((code.of(frontier)[state], action, after, cost))
        new = np.setdiff1d(np.unique(after), codes, assume_unique=True)
        codes = np.union1d(codes, new)
        frontier = code.states(new)
    state, action, after, cost = (np.concatenate(column) for column in zip(*rows, strict=True))
    at, follows = np.searchsorted(codes, state), np.searchsorted(codes, after).astype(np.int32)
    order = np.argsort(at, kind="stable")
    at, action, follows, cost = at[order], action[order], follows[order], cost[order]
    first = np.flatnonzero(np.r_[True, at[1:] != at[:-1]])
    value = np.zeros(len(codes))
    for sweep in range(1, most + 1):
        each = cost + value[follows] @ problem.outcomes.probability
        best = np.minimum.reduceat(each, first)
        gain = best - value
        bounds = Bounds((float(gain.min()), float(gain.max())))
        if bounds[1] - bounds[0] <= tolerance * abs(bounds[0]):
            least = np.flatnonzero(each == best[at])
            chosen = least[np.unique(at[least], return_index=True)[1]]
            return Solution(bounds, code.states(codes), actions[action[chosen]], best - best[0], sweep)
        value = _damped(value, gain, sweep)
        if len(codes) <= SMALL and sweep <= HOWARD:
            chosen = np.flatnonzero(each == best[at])
            chosen = chosen[np.unique(at[chosen], return_index=True)[1]]
            ways = np.arange(0, follows[chosen].size + 1, follows.shape[1])
            weights = np.tile(problem.outcomes.probability, len(codes))
            found = _solved(
                sparse.csr_matrix((weights, follows[chosen].ravel(), ways), shape=(len(codes), len(codes))),
                cost[chosen],
            )
            value = found if found.any() else value
    raise RuntimeError(f"the bounds are still {bounds[0]:.6g} to {bounds[1]:.6g} after {most} periods")


def path_costs(problem: Problem, policy: Policy, shape: tuple[int, ...], seed: int, periods: int) -> Array:
    """[shape] mean cost a period by simulation, where chains are too long: from an empty shelf, the first periods, a tenth and two
    lead times, not counted. The last dimension are the paths; along the others the demand is the same, which pairs what is
    compared."""
    world, law = problem.world, problem.outcomes
    draws = np.random.default_rng(seed).choice(len(law.probability), (periods, shape[-1]), p=law.probability)
    first = periods // 10 + 2 * world.columns
    state, total = start(world, shape, np), np.zeros(shape)
    for t, draw in enumerate(draws):
        period = Period(*(None if field is None else np.asarray(field)[draw] for field in law.period))
        state, flow = step(world, policy, problem.terms, state, period, np)
        total -= objective(world, flow) * (t >= first)
    return total / (periods - first)
