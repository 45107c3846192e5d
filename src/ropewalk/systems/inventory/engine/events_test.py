"""The engine in continuous time, against a slow one on an event list, closed forms, the periodic engine and published figures."""

import csv
import heapq
import itertools
import math
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import events
from ropewalk.systems.inventory.engine import step as periodic
from ropewalk.systems.inventory.engine.step import Period, Terms
from ropewalk.systems.inventory.engine.world import World
from ropewalk.systems.inventory.rules import Order

UNMET = ("lost", "backlog", "partial")
MADE = World(unmet="backlog", lead="random", clock="events")  # by far more slots than the tests below fill
LAWS = (events.exponential, events.uniform, events.pareto)


@dataclass
class Site:
    """One item in plain Python, written from the contract: a clock, a level, and a heap of arrivals by their moment."""

    world: World
    terms: Terms
    shelf: float
    owed: float
    now: float = 0.0
    coming: list = field(default_factory=list)  # heap of (moment, number, units, placed, promised)
    number: int = 0

    def live(self, wants, period):
        """One epoch: what the policy saw, and the fields of Flow."""
        saw = self.shelf, self.owed, [[self.now - placed, promised] for _, _, _, placed, promised in self.coming]
        self.flow = dict.fromkeys(("received", "served", "lost", "held", "waited", "profit"), 0.0)
        self.flow |= {"ordered": [], "refused": []}
        position = self.shelf + sum(order[-1] for order in self.coming) - self.owed
        for source, wanted in enumerate(wants(position, period)):
            self.order(source, wanted, period)
        self.serve()
        end = self.now + period.elapsed
        while self.coming and self.coming[0][0] <= end:
            moment, _, units, _, _ = heapq.heappop(self.coming)
            self.pass_until(moment)
            self.arrive(units)
        self.pass_until(end)
        self.demand(period)
        return saw, self.flow | {"owed": self.owed, "left": self.shelf}

    def order(self, source, wanted, period):
        """An order is one parcel, or, where each unit has its own lead time, a parcel a unit and one of what is beyond them."""
        rest, total, refused = self.rounded(source, wanted), 0.0, 0.0
        leads = np.atleast_1d(period.lead[source]).tolist()
        for u, lead in enumerate(leads, 1):
            units = rest if u == len(leads) else min(rest, 1.0)
            rest -= units
            if units > 0 and lead > 0 and len(self.coming) == self.world.slots:
                refused += units
            else:
                total += units
                self.send(units, period.yields[source][0] if self.world.random_yield else 1.0, lead)
        self.flow["refused"].append(refused)
        self.flow["ordered"].append(total)
        if total:
            self.pay(source, total)

    def pay(self, source, units):
        price = self.terms.unit_cost[source]
        for reached, rebate in zip(self.terms.breaks[source], self.terms.rebates[source], strict=True):
            if self.world.discounts and units >= reached:
                price = self.terms.unit_cost[source] * (1 - rebate)
        self.flow["profit"] -= price * units + self.terms.order_cost[source]

    def send(self, promised, usable, lead):
        if lead == 0:
            self.arrive(promised * usable)
        elif promised > 0:
            self.number += 1
            heapq.heappush(self.coming, (self.now + lead, self.number, promised * usable, self.now, promised))

    def rounded(self, source, wanted):
        most = self.terms.max_order[source]
        if not self.world.lots:
            return min(max(wanted, 0.0), most)
        pack = self.terms.pack[source]
        packs = math.floor(wanted / pack + 0.5)
        if packs < 1:
            return 0.0
        return min(max(packs, math.ceil(self.terms.min_order[source] / pack)), math.floor(most / pack)) * pack

    def arrive(self, units):
        self.flow["received"] += units
        self.shelf += units
        self.serve()

    def serve(self):
        units = min(self.shelf, self.owed)
        self.sell(units)
        self.owed -= units

    def sell(self, units):
        self.shelf -= units
        self.flow["served"] += units

    def pass_until(self, moment):
        self.flow["held"] += self.shelf * (moment - self.now)
        self.flow["waited"] += self.owed * (moment - self.now)
        self.now = moment

    def demand(self, period):
        units = min(period.demand, self.shelf)
        self.sell(units)
        unmet = period.demand - units
        kept = {"lost": 0.0, "backlog": 1.0, "partial": self.terms.kept}[self.world.unmet] * unmet
        self.owed += kept
        self.flow["lost"] = unmet - kept
        flow, terms = self.flow, self.terms
        flow["profit"] += period.price * flow["served"] - terms.holding * flow["held"]
        flow["profit"] -= terms.backlog * flow["waited"] + terms.lost_sale * flow["lost"]


def numbers(rng, exact, most, shape):
    """Multiples of an eighth, whose sums are exact and whose moments coincide; or any numbers."""
    return rng.integers(0, 8 * most + 1, shape) / 8 if exact else most * rng.random(shape)


def instance(rng, exact, count, epochs, sources, each_unit=()):
    """Terms [N], periods [T,N] and a state for `count` items; half of the leads are short, some 0. each_unit: (U,) or ()."""
    any_of = partial(numbers, rng, exact)
    lead = any_of(6, (epochs, count, sources, *each_unit)) * rng.integers(0, 2, (1, count, sources, *each_unit))
    lead = np.where(rng.random(lead.shape) < 0.5, lead, any_of(1, lead.shape))
    terms = Terms(
        unit_cost=any_of(3, (count, sources)), order_cost=any_of(2, (count, sources)), holding=any_of(2, count),
        backlog=any_of(4, count), lost_sale=any_of(9, count), kept=rng.integers(0, 5, count) / 4, salvage=any_of(1, count),
        pack=rng.integers(1, 4, (count, sources)) / 2, min_order=any_of(3, (count, sources)),
        max_order=4 + any_of(3, (count, sources)), breaks=np.tile([1.0, 2.5, 3.0], (count, sources, 1)),
        rebates=np.sort(any_of(1, (count, sources, 3)), -1) / 2,
    )  # fmt: skip
    periods = Period(
        demand=np.where(rng.random((epochs, count)) < 0.7, 1.0, any_of(3, (epochs, count))),
        price=any_of(9, (epochs, count)), lead=lead, yields=any_of(1, (epochs, count, sources, 1)),
        elapsed=any_of(2, (epochs, count)), known=any_of(6, (epochs, count, sources)),
    )  # fmt: skip
    return terms, periods, any_of(4, count), any_of(2, count) * rng.integers(0, 2, count)


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def pick(record, *at):
    return type(record)(*(None if value is None else value[at].tolist() for value in record))


@pytest.mark.parametrize(("unmet", "sources", "exact"), list(itertools.product(UNMET, (1, 2), (True, False))))
def test_a_slow_simulation_on_an_event_list_says_the_same(unmet, sources, exact):
    """3,072 instances of 12 epochs. With exact numbers a policy looks at the position and orders up to a level that varies;
    with any numbers orders are given, since a last bit may not decide whether there is one."""
    count, epochs, full = 64, 12, 0.0
    for seed, (lots, split) in enumerate(itertools.product((False, True), repeat=2)):
        rng = np.random.default_rng([seed, sources, exact, UNMET.index(unmet)])
        world = World(
            unmet=unmet, lead="random", sources=sources, clock="events", slots=3, lots=lots,
            discounts=split, random_yield=lots != split,
        )  # fmt: skip
        terms, periods, shelf, owed = instance(rng, exact, count, epochs, sources, (3,) if split else ())
        state = events.start(world, (count,), np)._replace(shelf=shelf[:, None], owed=owed)
        sites = [Site(world, pick(terms, n), shelf[n].item(), owed[n].item()) for n in range(count)]
        saw = []

        def policy(seen, saw=saw, exact=exact):
            saw.append(seen)
            return seen.known - exact * seen.position[:, None]

        def wants(position, period, exact=exact):
            return [level - exact * position for level in period.known]

        for t in range(epochs):
            state, flow = events.step(world, policy, terms, state, jax.tree.map(lambda x, t=t: x[t], periods), np)
            seen, expected = zip(*(site.live(wants, pick(periods, t, n)) for n, site in enumerate(sites)), strict=True)
            for name, ours in flow._asdict().items():
                close(ours, [value[name] for value in expected])
            close(saw[t].shelf[:, 0], [shelf for shelf, _, _ in seen])
            close(saw[t].owed, [owed for _, owed, _ in seen])
            ours = np.stack([saw[t].age, saw[t].outstanding], -1)
            close(
                [sorted(row) for row in ours.tolist()],
                [sorted([[0.0, 0.0]] * (3 - len(due)) + due) for _, _, due in seen],
            )
            full += flow.refused.sum()
        left = [site.shelf + sum(units for _, _, units, _, _ in site.coming) for site in sites]
        close(events.closing(terms, state), terms.salvage * left)
    assert full > 0, "orders were refused in some of them"


@pytest.mark.parametrize(("unmet", "sources"), list(itertools.product(UNMET, (1, 2))))
def test_with_unit_steps_and_whole_leads_it_is_the_periodic_engine(unmet, sources):
    """Lead time L + 1 here is L there, and time is charged a step later (the last paragraph of the contract)."""
    rng = np.random.default_rng(sources)
    paths, epochs = 40, 30
    continuous = World(unmet=unmet, lead="random", sources=sources, clock="events", slots=20)
    counted = World(unmet=unmet, lead="random", sources=sources, longest=6)
    terms = Terms(unit_cost=np.array([1.0, 2.0])[:sources], holding=1.0, backlog=3.0, lost_sale=5.0, kept=0.5)
    level = rng.integers(4, 20, (paths, sources)) * 1.0
    ours, theirs = events.start(continuous, (paths,), np), periodic.start(counted, (paths,), np)
    before = 0.0, 0.0
    for _ in range(epochs):
        period = Period(
            rng.poisson(2.0, paths) * 1.0, lead=rng.integers(0, 6, (paths, sources)), elapsed=np.ones(paths)
        )
        later = period._replace(lead=period.lead + 1.0)
        ours, flow = events.step(continuous, lambda seen: level - seen.position[:, None], terms, ours, later, np)
        theirs, other = periodic.step(counted, lambda seen: level - seen.position[:, None], terms, theirs, period, np)
        for name in ("ordered", "served", "lost", "owed", "left"):
            np.testing.assert_array_equal(getattr(flow, name), getattr(other, name), err_msg=name)
        np.testing.assert_array_equal(flow.held, before[0] + 0.0 * flow.held)
        np.testing.assert_array_equal(flow.waited, before[1] + 0.0 * flow.held)
        before = other.left, other.owed
        assert not flow.refused.any()


def test_base_stock_costs_what_the_closed_form_says_whatever_the_law_of_the_lead_time():
    world, terms, paths = (
        World(unmet="backlog", lead="random", clock="events", slots=30),
        Terms(holding=1.0, backlog=3.0),
        256,
    )

    @jax.jit
    def simulated(key, law, rate, level):
        state = events.start(world, (paths,))._replace(shelf=jnp.full((paths, 1), level))
        draw = events.poisson(rate, lambda u: jnp.stack([of_mean(2.0)(u) for of_mean in LAWS])[law], paths)
        return events.rollout(world, lambda seen: (level - seen.position)[:, None], terms, state, draw, key, 1_500, 400)

    for law, rate in itertools.product(range(len(LAWS)), (1.0, 2.5)):
        level, expected = events.base_stock(2.0 * rate, 1.0, 3.0)
        found = simulated(jax.random.key(0), law, rate, 1.0 * level)
        assert found.refused == 0
        assert found.error < 0.01 * expected
        assert abs(found.cost - expected) < 3.5 * found.error, (law, rate)


def test_the_error_of_a_rollout_is_the_spread_of_rollouts():
    world, paths = World(unmet="lost", lead="random", clock="events", slots=6), 32
    run = lambda key: events.rollout(  # noqa: E731
        world, lambda seen: (3.0 - seen.position)[:, None], Terms(holding=1.0, lost_sale=4.0),
        events.start(world, (paths,)), events.poisson(1.0, events.uniform(2.0), paths), key, 60, 20,
    )  # fmt: skip
    found = jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(1), 100))
    assert found.error.mean() == pytest.approx(float(found.cost.std()), rel=0.2)
    np.testing.assert_allclose(found.cost, found.costs.sum(-1) / found.times.sum(-1), rtol=1e-6)


def test_numpy_and_jax_say_the_same_in_a_compiled_scan():
    rng = np.random.default_rng(3)
    world = World(unmet="partial", lead="random", sources=2, clock="events", slots=3, lots=False)
    terms, periods, shelf, owed = instance(rng, True, 50, 9, 2)
    state = events.start(world, (50,), np)._replace(shelf=shelf[:, None], owed=owed)
    policy = lambda seen: seen.known - 0.5 * seen.position[:, None]  # noqa: E731
    to_jax = partial(jax.tree.map, jnp.asarray)
    last, flows = jax.jit(
        lambda state, periods: jax.lax.scan(partial(events.step, world, policy, to_jax(terms)), state, periods)
    )(to_jax(state), to_jax(periods))
    for t in range(9):
        state, flow = events.step(world, policy, terms, state, jax.tree.map(lambda x, t=t: x[t], periods), np)
        for name, ours, other in zip(flow._fields, flow, flows, strict=True):
            np.testing.assert_allclose(ours, other[t], atol=1e-4, err_msg=name)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-4), state, events.State(*last))


def test_an_order_costs_the_lines_that_it_names_and_none_where_no_slot_was_free():
    world = World(lead="random", clock="events", slots=1)
    period = Period(np.float64(0.0), lead=np.ones(1), elapsed=np.float64(0.5))
    state, paid = events.start(world, (), np), []
    for _ in range(2):
        placed = Order(np.array([2.5]), np.array([0.5]))
        state, flow = events.step(
            world, lambda seen, placed=placed: placed, Terms(order_cost=np.array([8.0])), state, period, np
        )
        paid.append((flow.ordered[0], flow.refused[0], -flow.profit))
    assert paid == [(2.5, 0.0, 4.0), (0.0, 2.5, 0.0)]


def test_the_gradient_is_the_one_derived_by_hand_over_one_step_and_over_two():
    """1 on the shelf. An order of q units (lead 0.5) and, an epoch later, of r units (lead 0.25); epochs of 2 with 1.5 demand.
    Held: 2 * 1 + 1.5 q, then 2 (q - 0.5) + 1.75 r."""
    world = World(unmet="backlog", lead="random", clock="events", slots=3, lots=False)
    terms = Terms(unit_cost=jnp.array([5.0]), holding=2.0, backlog=9.0)

    @partial(jax.jit, static_argnums=2)
    @partial(jax.grad, argnums=(0, 1))
    def gradient(orders, leads, epochs):
        state, total = events.start(world, ())._replace(shelf=jnp.ones(1)), 0.0
        for t in range(epochs):
            period = Period(jnp.float32(1.5), lead=leads[t : t + 1], elapsed=jnp.float32(2.0))
            state, flow = events.step(world, lambda seen, t=t: orders[t : t + 1], terms, state, period)
            total = total - flow.profit
        return total

    orders, leads = jnp.array([3.0, 2.0]), jnp.array([0.5, 0.25])
    by_order, by_lead = gradient(orders, leads, 1)
    np.testing.assert_allclose(by_order, [5.0 + 2.0 * 1.5, 0.0])
    np.testing.assert_allclose(by_lead, [-2.0 * 3.0, 0.0])
    by_order, by_lead = gradient(orders, leads, 2)
    np.testing.assert_allclose(by_order, [5.0 + 2.0 * (1.5 + 2.0), 5.0 + 2.0 * 1.75])
    np.testing.assert_allclose(by_lead, [-2.0 * 3.0, -2.0 * 2.0])


def test_an_arrival_serves_what_is_owed_and_the_rest_is_held():
    """2 owed; 3 units arrive after 0.5 of 2: 2 units wait for 0.5, then one is on the shelf for 1.5, until the demand takes it."""
    state = events.start(MADE, (), np)._replace(owed=np.float64(2.0))
    period = Period(np.float64(1.0), lead=np.array([0.5]), elapsed=np.float64(2.0))
    after, flow = events.step(MADE, lambda seen: np.array([3.0]), Terms(holding=1.0, backlog=10.0), state, period, np)
    assert (flow.waited, flow.held, flow.profit) == (1.0, 1.5, -11.5)
    assert (flow.served, flow.owed, flow.left) == (3.0, 0.0, 0.0)
    assert not after.units.any()


def test_an_order_of_which_nothing_comes_is_seen_until_it_would_arrive():
    world = World(unmet="backlog", lead="random", clock="events", slots=2, random_yield=True)
    state, saw, terms = events.start(world, (), np), [], Terms(salvage=3.0)
    for wanted in (5.0, 0.0, 0.0, 0.0):
        period = Period(
            0.0, known=np.array([wanted]), lead=np.array([2.5]), yields=np.zeros((1, 1)), elapsed=np.float64(1.0)
        )
        state, flow = events.step(world, lambda seen: saw.append(seen) or seen.known, terms, state, period, np)
        assert (flow.received, events.closing(terms, state)) == (0.0, 0.0)
    assert [look.outstanding.tolist() for look in saw] == [[0.0, 0.0], [5.0, 0.0], [5.0, 0.0], [0.0, 0.0]]
    assert [look.age.tolist() for look in saw] == [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 0.0]]


def test_a_world_of_periods_is_refused():
    with pytest.raises(ConfigError, match="events"):
        events.start(World(), ())


def test_best_base_stock_costs_are_those_published():
    """As printed by the authors of Deep Controlled Learning (arXiv 2011.15122) for 29 instances: simulated, hence 1 %."""
    shared = os.environ.get("ROPEWALK_SHARED_DATA")
    if not shared:
        pytest.skip("ROPEWALK_SHARED_DATA is not set: the published costs are in a folder outside the package")
    with open(Path(shared) / "inventory" / "random_lead_time_dcl.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 29
    for row in rows:
        _, cost = events.base_stock(2 * float(row["arrival_rate"]), float(row["holding"]), float(row["backorder"]))
        assert cost == pytest.approx(float(row["base_stock_cost"]), rel=0.01), row
