"""One step against the slow simulator of reference.py, in every pair of features; its laws; what a World refuses.

N instances of one World go through the NumPy step as one batch, and through the reference one by one.
"""

import itertools
import math
from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import events
from ropewalk.systems.inventory.engine import step as periodic
from ropewalk.systems.inventory.engine.reference import as_known, simulate
from ropewalk.systems.inventory.engine.step import Period, State, Terms, closing, start, step
from ropewalk.systems.inventory.engine.world import World
from ropewalk.systems.inventory.rules import Order

LEADS = {
    "none": {"lead": (0, 0)}, "short": {"lead": (1, 0)}, "long": {"lead": (3, 1)}, "roomy": {"lead": (2, 1), "longest": 7},
    "items": {"lead": "items", "longest": 5}, "random": {"lead": "random", "longest": 4},
}  # fmt: skip
FEATURES = {
    "unmet": ("lost", "backlog", "partial"),
    "lead": tuple(LEADS),
    "sources": (1, 2),
    "shipments": ((0,), (0, 2), (1, 2, 4)),
    "random_yield": (False, True),
    "goods": ((0, "fifo"), (1, "fifo"), (2, "lifo"), (3, "fifo"), (3, "lifo"), (4, "mixed")),
    "review": (False, True),
    "lots": (False, True),
    "placed": (False, True),  # True: the policy returns an Order, whose lines need not be whole
    "discounts": (False, True),
    "capacity": (False, True),
    "elapsed": (False, True),
    "priced": (True, False),  # False: whatever a record may leave out is None
    "numbers": ("whole", "eighths", "any"),  # any: orders are given; else a policy decides, and sums are exact
}
ANY_WORLD = st.fixed_dictionaries({name: st.sampled_from(options) for name, options in FEATURES.items()})
UNSEEN = ("price", "unit_cost", "order_cost", "holding", "backlog", "lost_sale", "waste", "salvage", "pack", "min_order", "max_order")  # fmt: skip
SIZE = 40  # instances of a World


def every_pair():
    """A few choices in which every option of a feature meets every option of every other one."""
    rng, met, chosen = np.random.default_rng(0), set(), []
    wanted = sum(len(a) * len(b) for a, b in itertools.combinations(FEATURES.values(), 2))
    while len(met) < wanted:
        tries = [{name: options[rng.integers(len(options))] for name, options in FEATURES.items()} for _ in range(60)]
        pairs = [set(itertools.combinations(choice.items(), 2)) - met for choice in tries]
        best = max(range(len(tries)), key=lambda i: len(pairs[i]))
        met |= pairs[best]
        chosen.append(tries[best])
    return chosen


PAIRS = every_pair()


def world_of(choice):
    lead = LEADS[choice["lead"]]
    if isinstance(lead["lead"], tuple):
        lead = lead | {"lead": lead["lead"][: choice["sources"]]}
        if "longest" in lead:
            lead["longest"] += choice["shipments"][-1]
    same = ("unmet", "sources", "shipments", "random_yield", "review", "lots", "discounts", "capacity")
    life, issuing = choice["goods"]
    return World(**{name: choice[name] for name in same}, **lead, life=life, issuing=issuing)


class Draw:
    """Random numbers of one kind."""

    def __init__(self, numbers, seed):
        self.rng, self.grain = np.random.default_rng(seed), {"whole": 1, "eighths": 8, "any": 0}[numbers]

    def units(self, high, *shape, least=0.0):
        if not self.grain:
            return least + self.rng.uniform(0.0, high, shape) * (self.rng.random(shape) < 0.8)
        return least + self.rng.integers(0, high * self.grain + 1, shape) / self.grain

    def share(self, *shape):
        return self.rng.integers(0, 9, shape) / 8 if self.grain else self.rng.random(shape)

    def shares(self, size, parts):
        if self.grain:
            return self.rng.multinomial(8, np.full(parts, 1 / parts), size) / 8
        return self.rng.dirichlet(np.ones(parts), size)

    def money(self, *shape):
        return self.rng.uniform(-0.5, 4.0, shape)


def instances(choice, seed, size=SIZE):
    """World, policy of an array module, Terms, State and Periods [size] of random instances; all arrays are read-only."""
    world, draw = world_of(choice), Draw(choice["numbers"], seed)
    rng, n, s, j = draw.rng, size, world.sources, len(world.shipments)
    items = world.lead == "items"
    terms = Terms(
        unit_cost=draw.money(n, s), order_cost=draw.money(n, s), holding=draw.money(n), backlog=draw.money(n), lost_sale=draw.money(n),
        waste=draw.money(n), salvage=draw.money(n), kept=draw.share(n), pack=draw.units(5, n, s, least=1.0), min_order=draw.units(9, n, s),
        max_order=draw.units(40, n, s), lead=rng.integers(0, 7, (n, s)) if items else None, shares=draw.shares(n, j) if j > 1 else None,
        breaks=np.sort(draw.units(15, n, s, 3), -1) if world.discounts else None,
        rebates=rng.uniform(0.0, 0.6, (n, s, 3)) if world.discounts else None, volume=draw.units(3, n),
    )  # fmt: skip
    periods = [_period(world, choice, draw, n) for _ in range(rng.integers(1, 9))]
    if not choice["priced"]:
        needed = [field for _, field, _ in world.needs]
        terms = terms._replace(**{name: None for name in UNSEEN if name != "price" and name not in needed})
        periods = [period._replace(price=None) for period in periods]
    due, wasted = draw.units(6, *start(world, (n,), np).due.shape), draw.units(3, *start(world, (n,), np).due.shape)
    if world.lead == "random":
        k = np.arange(world.columns)
        due, wasted = (units * (k[:, None] + k < world.columns) for units in (due, wasted))
    promised = due + wasted if world.random_yield else None
    state = State(draw.units(6, n, world.lives), draw.units(4, n) * (world.unmet != "lost"), due, promised)
    for leaf in jax.tree.leaves((terms, periods, state)):
        leaf.setflags(write=False)
    decide = (lambda xp: as_known) if choice["numbers"] == "any" else feedback
    return world, (lambda xp: ordering(decide(xp), xp)) if choice["placed"] else decide, terms, state, periods


def _period(world, choice, draw, n):
    s, j, k = world.sources, len(world.shipments), world.columns
    halves = lambda *shape: draw.rng.integers(0, 3, shape) / 2  # noqa: E731
    weights = (draw.units(30, n, s), halves(n, s, world.lives), halves(n, s, k))
    charge = (lambda: draw.money(n)) if world.capacity else (lambda: None)
    return Period(
        demand=draw.units(12, n), price=draw.money(n), known=draw.units(15, n, s) - 1 if choice["numbers"] == "any" else weights,
        review=draw.rng.integers(0, 2, n) if world.review else None, lead=draw.rng.integers(0, 6, (n, s)) if world.lead == "random" else None,
        yields=draw.share(n, s, j) if world.random_yield else None, fifo=draw.units(8, n) if world.issuing == "mixed" else None,
        elapsed=draw.rng.uniform(0, 3, n) if choice["elapsed"] else None, budget_price=charge(), storage_price=charge(), inbound_price=charge(),
    )  # fmt: skip


def feedback(xp):
    """A policy that looks at every column: up to a level, less weighted units on hand and due, in eighths."""

    def decide(seen):
        level, of_shelf, of_due = seen.known
        held = (of_shelf * seen.shelf[..., None, :]).sum(-1) + (of_due * seen.outstanding[..., None, :]).sum(-1)
        return xp.floor(8.0 * (level - held + seen.owed[..., None])) / 8.0

    return decide


def ordering(decide, xp):
    """The policy as one that rounds by itself: whole units, and lines that follow no rule of the engine's."""

    def order(seen):
        units = xp.floor(xp.maximum(decide(seen), 0.0))
        return Order(units, 0.25 + units / (units + 3.0))

    return order


def ordering_in_lists(decide):
    """The same for lists."""

    def order(seen):
        units = [math.floor(max(wanted, 0.0)) for wanted in decide(seen)]
        return Order(units, [0.25 + u / (u + 3.0) for u in units])

    return order


def feedback_in_lists(seen):
    """The same for lists."""
    level, of_shelf, of_due = seen.known
    product = lambda weights, units: sum(w * u for w, u in zip(weights, units, strict=True))  # noqa: E731
    return [
        math.floor(8.0 * (level[s] - product(of_shelf[s], seen.shelf) - product(of_due[s], seen.outstanding) + seen.owed)) / 8.0
        for s in range(len(level))
    ]  # fmt: skip


def watched(decide, looks):
    """The policy, and a list of what it saw."""

    def policy(seen):
        looks.append(seen._replace(known=None))
        return decide(seen)

    return policy


def by_step(world, decide, terms, state, periods, advance=step):
    flows = []
    for period in periods:
        state, flow = advance(world, decide, terms, state, period)
        flows.append(flow)
    return flows, state, closing(terms, state)


def by_reference(world, decide, terms, state, periods):
    """The same of each instance by itself, as lists in the order of instances."""
    found = []
    for n in range(len(state.owed)):
        looks = []
        own_terms, own_state, own_periods = jax.tree.map(lambda leaf, n=n: leaf[n].tolist(), (terms, state, periods))
        found.append((*simulate(world, watched(decide, looks), own_terms, own_periods, own_state), looks))
    return found


def gathered(records):
    """Records of the instances, plain numbers each, as one record of arrays."""
    kind = type(records[0])
    return kind(*(None if field[0] is None else np.array(field) for field in zip(*records, strict=True)))


def same(found, expected):
    for name, one, other in zip(expected._fields, found, expected, strict=True):
        if other is not None:
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=name)
            assert np.shape(one) == other.shape, name


def agree(choice, seed):
    world, decide, terms, state, periods = instances(choice, seed)
    looks = []
    flows, end, worth = by_step(world, watched(decide(np), looks), terms, state, periods, partial(step, xp=np))
    slow = as_known if choice["numbers"] == "any" else feedback_in_lists
    found = by_reference(world, ordering_in_lists(slow) if choice["placed"] else slow, terms, state, periods)
    for t in range(len(periods)):
        same(looks[t], gathered([row[3][t] for row in found]))
        same(flows[t], gathered([row[0][t] for row in found]))
    same(end, gathered([row[1] for row in found]))
    np.testing.assert_allclose(worth, [row[2] for row in found], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("part", range(4))
def test_step_is_the_reference_in_every_pair_of_features(part):
    for seed, choice in list(enumerate(PAIRS))[part::4]:
        agree(choice, seed)


@settings(max_examples=120, deadline=None)
@given(choice=ANY_WORLD, seed=st.integers(0, 2**32 - 1))
def test_step_is_the_reference_in_any_world(choice, seed):
    agree(choice, seed)


@pytest.fixture
def doubles():
    """JAX counts in float64, in this test only."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("seed", {choice["lead"]: seed for seed, choice in enumerate(PAIRS)}.values())
def test_jax_and_numpy_agree(seed):
    world, decide, terms, state, periods = instances(PAIRS[seed], seed)
    expected = by_step(world, decide(np), terms, state, periods, partial(step, xp=np))
    compiled = jax.jit(step, static_argnums=(0, 1))
    found = by_step(world, decide(jax.numpy), *jax.tree.map(jax.numpy.asarray, (terms, state, periods)), compiled)
    for one, other in zip([*found[0], found[1]], [*expected[0], expected[1]], strict=True):
        same(one, other)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-9, atol=1e-9)


def steps(choice, seed):
    """World, Terms and, step by step, the state before, the period, the state after and the flow."""
    world, decide, terms, state, periods = instances(choice, seed)
    trail = []
    for period in periods:
        after, flow = step(world, decide(np), terms, state, period, np)
        trail.append((state, period, after, flow))
        state = after
    return world, terms, trail


@settings(max_examples=80, deadline=None)
@given(choice=ANY_WORLD, seed=st.integers(0, 2**32 - 1))
def test_units_are_conserved(choice, seed):
    world, terms, trail = steps(choice, seed)
    share = np.ones((SIZE, 1)) if terms.shares is None else terms.shares
    close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-9)
    for before, period, after, flow in trail:
        promised = flow.ordered[..., None] * share[:, None, :]
        sent = promised * (period.yields if world.random_yield else 1.0)
        pipeline = tuple(range(1, before.due.ndim))
        close(before.shelf.sum(-1) + flow.received, flow.served + flow.left, err_msg="shelf")
        close(flow.left - flow.wasted, after.shelf.sum(-1), err_msg="waste")
        close(
            before.due.sum(pipeline) + sent.sum((-1, -2)), flow.received + after.due.sum(pipeline), err_msg="pipeline"
        )
        if world.random_yield:
            at_once = promised * (_waits(world, terms, period) == 0)
            arrived = before.promised[..., 0].reshape(SIZE, -1)
            close(
                before.promised.sum(pipeline) + (promised - at_once).sum((-1, -2)),
                arrived.sum(-1) + after.promised.sum(pipeline),
                err_msg="promised",
            )
        close(before.owed + period.demand, flow.served + flow.lost + after.owed, err_msg="demand")
        np.testing.assert_array_equal(flow.owed, after.owed)


def _waits(world, terms, period):
    """[N,S,J] periods until each shipment arrives."""
    lead = {"items": terms.lead, "random": period.lead}.get(world.lead, np.array([world.lead] * SIZE))
    return lead[..., None] + np.array(world.shipments)


@settings(max_examples=80, deadline=None)
@given(choice=ANY_WORLD, seed=st.integers(0, 2**32 - 1))
def test_nothing_is_negative(choice, seed):
    for _, _, after, flow in steps(choice, seed)[2]:
        units = flow._replace(profit=np.zeros(SIZE), shadow=np.zeros(SIZE))
        assert all((leaf >= 0.0).all() for leaf in jax.tree.leaves((after, units)))


@settings(max_examples=40, deadline=None)
@given(choice=ANY_WORLD, seed=st.integers(0, 2**32 - 1))
def test_a_policy_never_sees_the_demand(choice, seed):
    """With any demand it sees the same and orders the same, and what buyers are like on that day makes no difference."""
    world, decide, terms, state, periods = instances(choice, seed)
    other = periods[0]._replace(demand=periods[0].demand[::-1] + 1.0, price=None, fifo=np.zeros(SIZE))
    looks = []
    ordered = [step(world, watched(decide(np), looks), terms, state, p, np)[1].ordered for p in (periods[0], other)]
    np.testing.assert_array_equal(*ordered)
    for one, two in zip(*looks, strict=True):
        np.testing.assert_array_equal(one, two)


@settings(max_examples=40, deadline=None)
@given(choice=ANY_WORLD, seed=st.integers(0, 2**32 - 1))
def test_a_policy_never_sees_the_yield_of_what_has_not_arrived(choice, seed):
    """Whatever the yields of an order, what is outstanding looks the same in the next period, and the shelf too but for what arrived."""
    world, decide, terms, state, periods = instances(choice | {"random_yield": True}, seed)
    period, looks = periods[0], []
    for yields in (period.yields, np.ones_like(period.yields), np.zeros_like(period.yields)):
        after, _ = step(world, decide(np), terms, state, period._replace(yields=yields), np)
        step(world, watched(decide(np), looks), terms, after, period, np)
    late = (_waits(world, terms, period) > 1).all((-1, -2))
    for other in looks[1:]:
        np.testing.assert_array_equal(other.outstanding, looks[0].outstanding)
        np.testing.assert_array_equal(other.shelf[late], looks[0].shelf[late])


def test_what_was_ordered_is_seen_until_it_arrives_and_what_comes_is_known_then():
    world, looks = World(lead=(2,), random_yield=True, lots=False), []
    state, terms, order = start(world, (), np), Terms(salvage=3.0), watched(lambda seen: seen.known, looks)
    for wanted in (8.0, 4.0, 0.0, 0.0):
        period = Period(0.0, known=np.array([wanted]), yields=np.array([[0.25]]))
        state, _ = step(world, order, terms, state, period, np)
        assert closing(terms, state) == 3.0 * (2.0 if wanted == 8.0 else 3.0)
    assert [look.on_hand.item() for look in looks] == [0.0, 0.0, 2.0, 3.0]
    assert [look.outstanding.tolist() for look in looks] == [[0.0, 0.0], [8.0, 0.0], [4.0, 0.0], [0.0, 0.0]]


def complete(world):
    """Terms, State and Period with all fields of this world, for one source and two shipments."""
    terms = Terms(
        unit_cost=np.ones(1), kept=0.5, lead=np.ones(1), shares=np.full(2, 0.5), breaks=np.ones((1, 1)),
        rebates=np.zeros((1, 1)), volume=1.0,
    )  # fmt: skip
    period = Period(
        1.0, review=np.ones(()), lead=np.ones(1), yields=np.ones((1, 2)), fifo=0.5, elapsed=np.ones(()), budget_price=0.0,
        storage_price=0.0, inbound_price=0.0,
    )  # fmt: skip
    return terms, (events if world.clock == "events" else periodic).start(world, (), np), period


NEEDS = [
    ({"review": True}, ["Period.review"]),
    ({"random_yield": True}, ["Period.yields", "State.promised"]),
    ({"lead": "items", "longest": 2}, ["Terms.lead"]),
    ({"lead": "random", "longest": 2}, ["Period.lead"]),
    ({"unmet": "partial"}, ["Terms.kept"]),
    ({"issuing": "mixed", "life": 2}, ["Period.fifo"]),
    ({"capacity": True}, ["Terms.volume", "Period.budget_price", "Period.storage_price", "Period.inbound_price"]),
    ({"discounts": True}, ["Terms.unit_cost", "Terms.breaks", "Terms.rebates"]),
    ({"shipments": (0, 1)}, ["Terms.shares"]),
    ({"clock": "events", "lead": "random", "random_yield": True, "unmet": "partial", "discounts": True},
     ["Period.yields", "State.promised", "Period.lead", "Terms.kept", "Terms.unit_cost", "Terms.breaks", "Terms.rebates", "Period.elapsed"]),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "fields"), NEEDS)
def test_a_step_without_a_field_that_its_world_needs_says_which_and_the_way_out(settings, fields):
    world = World(**settings, lots=False)
    advance = partial(events.step if world.clock == "events" else step, world, lambda seen: np.ones(1), xp=np)
    terms, state, period = complete(world)
    advance(terms, state, period)
    for field in fields:
        name, _, column = field.partition(".")
        records = {"Terms": terms, "State": state, "Period": period}
        records[name] = records[name]._replace(**{column: None})
        with pytest.raises(ConfigError) as refused:
            advance(*records.values())
        (sentence,) = refused.value.problems
        assert sentence.startswith(field + ": with ")
        assert "; say " in sentence or "; begin with start(world, shape)" in sentence
    without = Terms(), state._replace(**{"promised": None} if "State.promised" in fields else {}), Period(1.0)
    with pytest.raises(ConfigError) as refused:
        advance(*without)
    assert sorted(sentence.split(":")[0] for sentence in refused.value.problems) == sorted(fields)


def test_shares_that_lose_a_part_of_the_order_are_refused():
    world, terms = World(shipments=(0, 1)), Terms(shares=np.array([[0.25, 0.75], [0.5, 0.4]]))
    with pytest.raises(ConfigError, match=r"Terms\.shares: 0\.9 in all"):
        step(world, lambda seen: seen.outstanding[..., :1], terms, start(world, (2,), np), Period(np.ones(2)), np)


@pytest.mark.parametrize("lead", [4, [4]])
def test_a_lead_time_that_is_no_tuple_is_told_how_to_be_written(lead):
    with pytest.raises(ConfigError, match=r"such as \(4,\)"):
        World(lead=lead)


def test_the_reference_refuses_several_shipments_without_their_shares():
    with pytest.raises(ConfigError, match=r"Terms\.shares"):
        simulate(World(shipments=(0, 1)), as_known, Terms(), [Period(1.0, known=[2.0])])


def test_a_world_of_events_is_refused():
    world = World(lead="random", clock="events")
    for refused in (partial(start, world, ()), partial(step, world, None, Terms(), None, Period(1.0))):
        with pytest.raises(ConfigError, match=r"events\.step"):
            refused()


def test_the_numpy_step_leaves_its_inputs_as_they_are():
    """They are read-only here, so that whatever writes into one is stopped at once."""
    for seed, choice in enumerate(PAIRS):
        world, decide, terms, state, periods = instances(choice, seed)
        inputs = jax.tree.leaves((terms, state, periods[0]))
        before = [leaf.copy() for leaf in inputs]
        step(world, decide(np), terms, state, periods[0], np)
        for leaf, copy in zip(inputs, before, strict=True):
            assert not leaf.flags.writeable
            np.testing.assert_array_equal(leaf, copy)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sources": 3, "lead": "items", "longest": 2}, "sources: 3; there are one, or two (regular and expedited)"),
        ({"lead": (1, 2)}, "lead: (1, 2) names 2 lead times for 1 source(s)"),
        ({"sources": 2}, "lead: (1,) names 1 lead times for 2 source(s)"),
        ({"lead": (-1,)}, "lead: (-1,); a lead time is 0 periods or more"),
        ({"lead": "items"}, "longest: with lead='items' say the longest lead time that can come, 1 or more"),
        ({"lead": "random"}, "longest: with lead='random' say the longest lead time that can come, 1 or more"),
        ({"lead": (4,), "longest": 3}, "longest: 3 is shorter than the lead times (4,) with their shipments"),
        ({"lead": (1,), "shipments": (0, 3), "longest": 3}, "longest: 3 is shorter than the lead times (1,) with their shipments"),
        ({"shipments": ()}, "shipments: (); offsets in periods, rising, from 0"),
        ({"shipments": (-1, 0)}, "shipments: (-1, 0); offsets in periods, rising, from 0"),
        ({"shipments": (2, 1)}, "shipments: (2, 1); offsets in periods, rising, from 0"),
        ({"shipments": (1, 1)}, "shipments: (1, 1); offsets in periods, rising, from 0"),
        ({"life": -1}, "life: -1; 0 (goods keep) or the periods that they can be sold"),
        ({"issuing": "lifo"}, "issuing: 'lifo' makes no difference where goods do not perish; leave it out"),
        ({"clock": "events", "lead": "random", "life": 2}, "clock: with events goods cannot perish, since their life is counted in periods"),
        ({"clock": "events", "lead": "random", "shipments": (0, 1)}, "clock: with events an order arrives at once, since shipments are counted in periods"),
        ({"clock": "events", "lead": "random", "review": True}, "clock: with events every event is a chance to order; leave review out"),
        ({"clock": "events", "lead": "random", "capacity": True}, "clock: with events there are no capacity prices, since capacity is counted in periods"),
        ({"clock": "events"}, 'clock: with events lead times come with each order; use lead="random" (a law may be certain)'),
        ({"slots": 0}, "slots: 0; at least 1"),
        ({"shipments": (), "longest": 3}, "shipments: (); offsets in periods, rising, from 0"),
        ({"lead": "item", "longest": 3}, "lead: 'item' is none of items, random, nor a tuple of periods, such as (4,)"),
        ({"unmet": "backlogs"}, "unmet: 'backlogs' is none of lost, backlog, partial"),
        ({"lead": ()}, "lead: () names 0 lead times for 1 source(s)"),
        ({"lead": (1.5,)}, "lead: (1.5,); whole numbers (int) only"),
        ({"shipments": (0, 1.5)}, "shipments: (0, 1.5); whole numbers (int) only"),
        ({"life": 2.5}, "life: 2.5; whole numbers (int) only"),
        ({"longest": math.nan}, "longest: nan; whole numbers (int) only"),
        ({"sources": 1.0}, "sources: 1.0; whole numbers (int) only"),
        ({"clock": "events", "lead": "random", "slots": 3.5}, "slots: 3.5; whole numbers (int) only"),
        ({"longest": -1}, "longest: -1; periods, or 0 where it follows from the lead times"),
    ],
)  # fmt: skip
def test_what_a_world_refuses_it_says_in_one_sentence(settings, sentence):
    with pytest.raises(ConfigError) as refused:
        World(**settings)
    assert refused.value.problems == (sentence,)


def test_a_world_tells_all_that_is_wrong_at_once():
    with pytest.raises(ConfigError) as refused:
        World(lead=(1, 1), life=-1, slots=0)
    assert [sentence.split(":")[0] for sentence in refused.value.problems] == ["lead", "life", "slots"]
