"""Every policy that a person can name, ready to decide on an instance: tuned, solved or trained, and what it costs.

`MAKERS` is the list: a policy of another kind is one more function that takes a Case and returns a Candidate.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import numpy as np

from ropewalk.errors import ConfigError, MissingError
from ropewalk.systems.inventory.case import Case
from ropewalk.systems.inventory.commands.patience import telling
from ropewalk.systems.inventory.commands.screen import screened
from ropewalk.systems.inventory.engine import exact, measures
from ropewalk.systems.inventory.engine.classic import RULES
from ropewalk.systems.inventory.engine.classic_cost import decision, lead_times, newsvendor_level, policy_chain
from ropewalk.systems.inventory.engine.classic_tune import tune, tune_simulated
from ropewalk.systems.inventory.engine.exact import Array, Bounds, Chain, Decide, Problem
from ropewalk.systems.inventory.engine.measures import Measures
from ropewalk.systems.inventory.engine.optimum import endless, optimum
from ropewalk.systems.inventory.engine.positions import Positions, as_positions
from ropewalk.systems.inventory.engine.pretrained import Item, Pretrained

TUNED, SCORED = 4e6, 3e7  # moves from state to state: above, parameters are tuned, and costs found, by simulation
BROAD = (
    2e6  # moves of the chains of all shapes of a rule for two sources: above, these are screened by simulation first
)
LOST = 20 * SCORED  # moves that are expected: above, no chain is begun
LEVELS = 300_000  # levels times places of the pipeline that are simulated at once to begin with: above, it takes ten minutes and all memory
PERIODS = 1_000  # of a simulated path
ALIASES = {"capped": "capped base-stock", "optimum": "exact", "optimal": "exact", "order up to": "base-stock"}


@dataclass(frozen=True)
class Effort:
    """How much may be spent, and on which seed."""

    seed: int = 0
    steps: int = 3_000  # of a training
    paths: int = 1_000  # of a simulation
    memory: float = 4e9  # bytes, of an exact solution
    note: Callable[[str], object] = str  # tells a person how far what takes long has come; here: nobody

    def __post_init__(self) -> None:
        for option, number, least in (("--steps", self.steps, 1), ("--paths", self.paths, 2)):
            if number < least:
                raise ConfigError([f"at least {least} (given: {number})"], option)
        if not self.memory > 0.0:
            raise ConfigError([f"{self.memory / 1e9:g} GB is no room at all"], "--memory-gb")


@dataclass(frozen=True)
class Candidate:
    """A policy ready to decide."""

    name: str
    problem: Problem  # on whose states it decides: the instance, or its positions
    decide: Decide
    parameters: Mapping[str, float] = field(default_factory=dict)
    made: str = ""  # how, in words
    tried: int = 1  # sets of parameters
    cpu_s: float = 0.0
    chain: Chain | None = None  # where it is there already
    why: Callable[[Array], list[tuple[str, float, str]]] | None = (
        None  # how it comes to its order in a state [1,W] (reasons.py)
    )

    def orders(self, states: Array) -> Array:
        """[N,S] orders in states [N,W] of the instance."""
        return self.decide(as_positions(states) if isinstance(self.problem, Positions) else states)

    @property
    def text(self) -> str:
        """level 17, cap 5"""
        return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in self.parameters.items())


@dataclass(frozen=True)
class Score:
    """What a policy does in the long run."""

    means: Measures
    bounds: Bounds | None  # of the cost, where it is exact
    error: float = 0.0  # standard error of the cost, where it was simulated
    paths: Array | None = None  # [G] cost of each path, where it was simulated

    @property
    def cost(self) -> float:
        return float(self.means.cost) if self.bounds is None else self.bounds.middle


def name_of(text: str) -> str:
    """The policy that was meant: capped-base-stock, "(s, S)", sS, ... MissingError says what there is."""
    plain = lambda name: "".join(c for c in name.lower() if c.isalnum())  # noqa: E731
    known = {plain(name): name for name in MAKERS} | {plain(alias): name for alias, name in ALIASES.items()}
    found = known.get(plain(text))
    if found is None:
        raise MissingError("policy", text, [*MAKERS, *ALIASES])
    return found


def names_of(text: str) -> list[str]:
    """Names that are separated by commas; those of (s, S) and (R, Q) are not."""
    out, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            out.append("")
        else:
            out[-1] += letter
    found = list(dict.fromkeys(name_of(part) for part in out if part.strip()))
    if not found:
        raise ConfigError([f"{text!r} names no policy: base-stock,capped,exact, or leave it out"], "--policies")
    return found


def suited(case: Case) -> list[str]:
    """The classic rules that are made for this instance, the usual one last."""
    world, given = case.problem.world, case.instance
    if world.sources == 2:
        return ["single index", "tailored base-surge", "dual index", "capped dual index"]
    if given.order_cost:
        return ["base-stock", "(R, Q)", "(s, S)"]
    if world.life or world.unmet == "backlog":
        return ["base-stock"]
    if world.lead == "random":
        return ["base-stock", "capped base-stock"]
    network = ["pretrained"] if _known(case) else []
    return [*network, "myopic", "base-stock", "projected", "capped base-stock"]


def usual(*cases: Case) -> str:
    """The policy that is taken where none is named, the same for all of these instances: the pre-trained network where it knows them
    all, since it takes no time and is seldom behind the best rule; without a lead time, and for all else, the usual rule."""
    if all(suited(case)[0] == "pretrained" for case in cases) and any(max(case.leads) > 0 for case in cases):
        return "pretrained"
    return suited(cases[0])[-1]


def make(name: str, case: Case, effort: Effort, parameters: tuple[float, ...] | None = None) -> Candidate:
    """The policy of this name; `parameters` are given instead of tuned."""
    begun = time.process_time()
    if parameters is not None:
        return fixed(name, case, parameters)
    said = "being tuned" if name in RULES else "being solved" if name == "exact" else "being trained"
    own = name == "learned" or (name in RULES and _broad(case, name))  # these say how far they have come
    with nullcontext() if own else telling(effort.note, lambda: f"{name}: {said}"):
        found = MAKERS[name](case, effort)
    return replace(found, cpu_s=time.process_time() - begun)


def fixed(name: str, case: Case, parameters: tuple[float, ...]) -> Candidate:
    """A classic rule with these parameters."""
    if name not in RULES:
        raise ConfigError([f"{name!r} has no parameters that can be given; {', '.join(RULES)} have"], "--parameters")
    wanted = RULES[name].parameters
    if len(parameters) != len(wanted):
        raise ConfigError(
            [f"{name} has {len(wanted)}: {', '.join(wanted)}; given were {len(parameters)}"], "--parameters"
        )
    values = dict(zip(wanted, parameters, strict=True))
    return Candidate(name, case.exact, decision(case.exact, name, parameters), values, "as given")


def score(policy: Candidate, case: Case, effort: Effort) -> Score:
    """Exactly where the chain is short enough and its bounds meet, else simulated."""
    with telling(effort.note, lambda: f"{policy.name}: its cost is being found"):
        return _scored(policy, case, effort)


def _scored(policy: Candidate, case: Case, effort: Effort) -> Score:
    if endless(case.problem) or (policy.chain is None and hopeless(policy, case)):
        return simulated(policy, case, effort)
    try:
        found = policy.chain or chain_of(policy, round(SCORED / len(case.problem.outcomes.probability)))
        return Score(measures.exactly(policy.problem, found), found.average_cost(1e-6))
    except (ConfigError, RuntimeError):
        return simulated(policy, case, effort)


def hopeless(policy: Candidate, case: Case) -> bool:
    """Whether its chain is that much too long that it is not worth beginning."""
    return not isinstance(policy.problem, Positions) and _moves(case.problem) > LOST


def simulated(policy: Candidate, case: Case, effort: Effort) -> Score:
    """On other paths than those of the tuning, the same for every policy."""
    wants = lambda seen: policy.orders(exact.states(seen)) * 1.0  # noqa: E731
    found = measures.simulated(case.problem, wants, effort.paths, effort.seed + 1, PERIODS)
    error = float(found.cost.std(ddof=1) / math.sqrt(effort.paths))
    return Score(Measures(*(float(column.mean()) for column in found)), None, error, found.cost)


def chain_of(policy: Candidate, limit: int) -> Chain:
    """The chain of a policy from an empty shelf. ConfigError beyond `limit` states."""
    if policy.name in RULES:
        return policy_chain(policy.problem, policy.name, tuple(policy.parameters.values()), limit)
    return exact.chain(policy.problem, policy.decide, limit)


def _rule(name: str) -> Callable[[Case, Effort], Candidate]:
    def made(case: Case, effort: Effort) -> Candidate:
        if name not in suited(case) and case.problem.world.unmet == "backlog" and name == "capped base-stock":
            raise ConfigError(
                ["capped base-stock is for lost sales; where demand waits, base-stock is better"], "the policy"
            )
        if _broad(case, name):
            return _of_screen(name, case, effort)
        small, how = _moves(case.exact) <= TUNED, "tuned exactly"
        small = small and not endless(case.problem)
        _refuse_broad(case.exact if small else case.problem)
        try:
            found = tune(case.exact, name) if small else None
        except RuntimeError:  # a chain that hardly ever leaves a part of itself: the bounds of its cost do not meet
            found = None
        if found is None:
            found, how = tune_simulated(case.problem, name, effort.seed, final=2), "tuned by simulation"  # scored later
        values = dict(zip(RULES[name].parameters, found.parameters, strict=True))
        return Candidate(name, case.exact, decision(case.exact, name, found.parameters), values, how, found.tried)

    return made


def _broad(case: Case, name: str) -> bool:
    """Whether a rule for two sources has so many shapes, or so long chains, that all of them exactly would take minutes."""
    if ("index" not in name and name != "tailored base-surge") or case.problem.world.sources != 2:
        return False
    return _moves(case.problem) * newsvendor_level(case.problem, max(case.leads), 1.0 - 1e-6) > BROAD


def _of_screen(name: str, case: Case, effort: Effort) -> Candidate:
    tried = [0]
    with telling(effort.note, lambda: f"{name}: {tried[0]:,} sets of parameters tried"):
        found = screened(case.problem, name, effort.seed, lambda count: tried.__setitem__(0, count))
    values = dict(zip(RULES[name].parameters, found.parameters, strict=True))
    how = "tuned by simulation" + (", then exactly" if found.exact else "")
    return Candidate(name, case.exact, decision(case.exact, name, found.parameters), values, how, found.tried)


def _refuse_broad(problem: Problem) -> None:
    """ConfigError where the levels that a search begins with are too many to be simulated."""
    world = problem.world
    levels = newsvendor_level(problem, lead_times(problem)[0] + 1 + world.life, 0.999)
    if levels * world.columns > LEVELS:
        by = 10 ** math.ceil(math.log10(levels * world.columns / LEVELS))
        raise ConfigError(
            [
                f"a rule would be looked for among {levels:,} levels, with {world.columns} periods on the way each: count in units of "
                f"{by} (cases, not pieces), with demand, packs and limits divided by {by} and costs a unit times {by}"
            ],
            "the instance",
        )


def _exact(case: Case, effort: Effort) -> Candidate:
    found = optimum(case.problem, effort.memory)
    return Candidate("exact", found.problem, found.solution.decide, made="value iteration", chain=found.chain)


def _learned(case: Case, effort: Effort) -> Candidate:
    from ropewalk.systems.inventory.engine.correction import nearest
    from ropewalk.systems.inventory.engine.improve import Improved, settled
    from ropewalk.systems.inventory.engine.learn import lasting, learn

    given = case.instance
    if given.order_cost or given.pack > 1 or given.min_order or given.max_order:
        raise ConfigError(["a policy is learned without order cost, packs or limits of an order"], "the policy")
    two = case.problem.world.sources > 1
    settings = lasting(effort.steps)

    def trained(steps: int, _spent: float, _found: object) -> None:
        if steps * 4 % settings.steps < settings.chunk * 4:
            effort.note(f"learned: {steps:,} of {settings.steps:,} batches")

    def improved(rounds: int, better: Improved) -> None:
        effort.note(f"learned: round {rounds} of the improvement by pairs, {better.changed:,} orders moved")

    found = learn(case.problem, settings, effort.seed, trained)
    network = found.decide  # by this name, since each look at a method makes another object
    decide = settled(case.problem, network, effort.seed, improved)
    made = f"trained on {settings.steps:,} batches"
    if decide is not network:
        made += ", improved by pairs"

    def why(state: Array) -> list[tuple[str, float, str]]:
        rows: list[tuple[str, float, str]] = []
        wanted = np.asarray(found.wanted(exact.seen(case.problem.world, state)))[0]
        whole = np.asarray(decide(state)).reshape(-1)
        for name, units, order in zip(
            ("expedited", "regular") if two else ("",), wanted[::-1], whole[::-1], strict=True
        ):
            rows.append((f"{name} wanted".strip(), float(units), "by the network, before rounding"))
            rows.append((f"{name} to whole units".strip(), float(nearest(units, np)), ""))
            if order != nearest(units, np):
                rows.append((f"{name} improved to".strip(), float(order), "by pairs of simulated paths"))
        return rows

    return Candidate("learned", case.problem, decide, made=made, why=why)


def _pretrained(case: Case, effort: Effort) -> Candidate:
    """The network of the package as it is."""
    from ropewalk.systems.inventory.engine.pretrained import load

    network = load()
    return _of_network("pretrained", case, network, f"the network of the package, seed {network.made.seed}")


def _fine_tuned(case: Case, effort: Effort) -> Candidate:
    """The same, trained on for this instance where that is better, and improved by pairs as a learned one is."""
    from ropewalk.systems.inventory.engine import pretrain, pretrained
    from ropewalk.systems.inventory.engine.improve import Improved, settled

    start, settings = pretrained.load(), pretrain.further(effort.steps)
    made = f"the network of the package, {settings.steps:,} batches further"
    _of_network("fine-tuned", case, start, made)  # refuses what it is not made for before anything is trained
    effort.note(f"fine-tuned: {settings.steps:,} batches")
    network = pretrain.fine_tune(start, case.problem, effort.seed, settings)
    if network is start:
        made = f"the network of the package: {settings.steps:,} batches further it is no better"
    found = _of_network("fine-tuned", case, network, made)

    def improved(rounds: int, better: Improved) -> None:
        effort.note(f"fine-tuned: round {rounds} of the improvement by pairs, {better.changed:,} orders moved")

    by_network, why_wanted = found.decide, found.why
    decide = settled(case.problem, by_network, effort.seed, improved)
    if decide is by_network:
        return found

    def why(state: Array) -> list[tuple[str, float, str]]:
        rows, order = why_wanted(state) if why_wanted else [], float(np.reshape(decide(state), -1)[0])
        moved = order != float(np.reshape(by_network(state), -1)[0])
        return [*rows, ("improved to", order, "by pairs of simulated paths")] if moved else rows

    return replace(found, decide=decide, why=why, made=f"{made}, improved by pairs")


def _of_network(name: str, case: Case, network: Pretrained, made: str) -> Candidate:
    from ropewalk.systems.inventory.engine.pretrained import item_for

    given = case.instance
    if given.pack > 1 or given.min_order or given.max_order:
        raise ConfigError(["the pre-trained policy knows no packs and no limits of an order"], "the policy")
    item = item_for(case.problem)
    if not network.ranges.hold(item):
        raise ConfigError(_outside(item, network), "the policy")
    decide = network.decide(item)

    def why(state: Array) -> list[tuple[str, float, str]]:
        wanted = float(network.wanted_in(item, state)[0])
        facts = [("mean demand", float(item.mean), "a period"), ("standard deviation", float(item.deviation), "of a period's demand"),
                 ("lost sale / holding", float(item.penalty), "")]  # fmt: skip
        return [
            *facts,
            ("wanted", wanted, "by the network, before rounding"),
            ("to whole units", float(np.floor(wanted + 0.5)), ""),
        ]

    return Candidate(name, case.problem, decide, made=made, why=why)


def _outside(item: Item, network: Pretrained) -> list[str]:
    """What the network does not know of an item, by the options that say it."""
    known, spread = network.ranges, float(item.deviation**2 / item.mean) - 1.0
    least = float(item.mean) / spread if spread > 1e-9 else math.inf
    facts = [
        ("--lead-time", float(item.lead), known.lead, "periods"), ("the mean of --demand", float(item.mean), known.mean, "a period"),
        ("--penalty, less the unit cost, over --holding", float(item.penalty), known.penalty, ""),
        ("R of --demand negbin:R,M", least, (known.successes[0], math.inf), ""),
    ]  # fmt: skip
    return [
        f"the pre-trained policy knows {name} from {low:g}" + (f" to {high:g}" if high < math.inf else "") + f" {unit}".rstrip()
        + f", not {value:.3g}: take a rule, or `learned`"
        for name, value, (low, high), unit in facts if not low <= value <= high
    ]  # fmt: skip


def _known(case: Case) -> bool:
    """Whether the pre-trained network is made for an instance."""
    try:
        return bool(_pretrained(case, Effort()))
    except ConfigError:
        return False


MAKERS: dict[str, Callable[[Case, Effort], Candidate]] = {
    **{name: _rule(name) for name in RULES},
    "exact": _exact,
    "learned": _learned,
    "pretrained": _pretrained,
    "fine-tuned": _fine_tuned,
}


def _moves(problem: Problem) -> float:
    """About how many moves the chain of an order-up-to policy has: its state is the demand, or the sales, of the periods that are on
    the way."""
    world, ways = problem.world, len(problem.outcomes.probability)
    if isinstance(problem, Positions):
        return float(ways) ** 2
    if world.lead == "random":
        return math.inf
    past = max(lead_times(problem)) + max(world.life - 1, 0)
    states = float(len(np.unique(problem.outcomes.period.demand))) ** past
    if world.unmet == "lost":
        states = min(states, float(math.comb(newsvendor_level(problem, past + 1, 0.999) + past, past)))
    return states * ways
