"""The replay gives what the engine's step gives, to the unit, whatever the block, the threads or the type that counts."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import classic, draws, replay, replay_block, step
from ropewalk.systems.inventory.engine.laws import law
from ropewalk.systems.inventory.engine.replay import Drawn
from ropewalk.systems.inventory.engine.world import World

SETTING = classic.Setting()
TERMS = step.Terms(holding=1.25, lost_sale=7.5, backlog=3.25)


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """A few periods in a row compile sooner; one test below takes them as they are."""
    monkeypatch.setattr(replay_block, "CHUNK", 3)


def stepped(world, demand, level, cap, warm):
    """Totals and USD a period by the engine's step."""
    parameters = np.stack([level, np.full_like(level, 10**6) if cap is None else cap], -1)
    state = step.start(world, level.shape, np)
    state = state._replace(shelf=state.shelf + level[:, None])
    flows = []
    for row in demand:
        period = step.Period(1.0 * row)
        state, flow = step.step(
            world, lambda seen: classic.capped_base_stock(parameters, seen, SETTING), TERMS, state, period, np
        )
        flows.append(flow)
    units = {name: sum(getattr(flow, name) for flow in flows[warm:]) for name in ("served", "lost", "left", "owed")}
    return units, -sum(flow.profit for flow in flows[warm:]) / (len(demand) - warm)


def random_items(seed, count, periods):
    drawn = np.random.default_rng(seed)
    demand = drawn.negative_binomial(2, 2 / (2 + drawn.uniform(0.2, 15.0, count)), (periods, count))
    return demand, drawn.integers(0, 90, count), drawn.integers(0, 14, count)


@pytest.mark.parametrize(("unmet", "lead", "capped", "warm"), [
    ("lost", 4, False, 7), ("lost", 0, True, 3), ("backlog", 0, False, 4), ("backlog", 5, True, 0),
])  # fmt: skip
def test_every_item_ends_as_the_step_has_it_to_the_unit_and_the_cent(unmet, lead, capped, warm):
    world = World(unmet=unmet, lead=(lead,))
    demand, level, cap = random_items(lead, 700, 31)
    cap = cap if capped else None
    totals = replay.replay(world, demand, level, cap, warm)
    units, cost = stepped(world, demand, level, cap, warm)
    for name, expected in units.items():
        np.testing.assert_array_equal(getattr(totals, name), expected, err_msg=name)
    np.testing.assert_allclose(totals.cost(TERMS.holding, TERMS.lost_sale, TERMS.backlog), cost, rtol=1e-12)


def test_as_many_periods_in_a_row_as_it_pays(monkeypatch):
    monkeypatch.undo()
    world = World(lead=(2,))
    demand, level, _ = random_items(5, 100, 16)
    units, _ = stepped(world, demand, level, None, 0)
    np.testing.assert_array_equal(replay.replay(world, demand, level).lost, units["lost"])


def test_units_that_16_bits_do_not_hold_and_sums_that_32_do_not():
    world = World(lead=(1,))
    demand, level, _ = random_items(2, 60, 40)
    once = replay.replay(world, demand, level)
    many = replay.replay(world, demand * 2.0e6, level * 2.0e6)
    for one, other in zip(once[:4], many[:4], strict=True):
        np.testing.assert_array_equal(one * 2_000_000, other)
    assert many.left.max() > 1 << 32


def test_blocks_threads_and_candidates_change_nothing(monkeypatch):
    world = World(lead=(2,))
    demand, level, _ = random_items(3, 300, 20)
    candidates = np.stack([level, level + 5, level // 2])
    whole = replay.replay(world, demand, candidates)
    monkeypatch.setattr(replay, "BLOCK", 128)
    for got in (replay.replay(world, demand, candidates), replay.replay(world, demand, candidates, threads=3)):
        for one, other in zip(whole[:4], got[:4], strict=True):
            np.testing.assert_array_equal(one, other)
    units, _ = stepped(world, demand, level // 2, None, 0)
    np.testing.assert_array_equal(whole.left[2], units["left"])


def test_drawn_demand_is_that_of_seed_item_and_period_in_any_block_and_thread(monkeypatch):
    world, periods = World(lead=(2,)), 17
    laws = [law(text).probability() for text in ("poisson:1.5", "geometric:4", "negbin:2,6")]
    tables = draws.tables(laws)
    which = np.random.default_rng(0).integers(0, 3, 200)
    level = np.random.default_rng(1).integers(0, 40, 200)
    drawn = Drawn(tables, which, seed=11, first=1000)
    items, times = jnp.arange(1000, 1200, dtype=jnp.uint32), jnp.arange(periods)[:, None]
    demand = np.asarray(jax.jit(lambda: draws.demand(tables, which, draws.word(draws.keys(11, items), times)))())
    expected = replay.replay(world, demand, level, warm=2)
    whole = replay.replay_drawn(world, drawn, periods, level, warm=2)
    monkeypatch.setattr(replay, "BLOCK", 64)
    for got in (whole, replay.replay_drawn(world, drawn, periods, level, warm=2, threads=2)):
        for one, other in zip(expected[:4], got[:4], strict=True):
            np.testing.assert_array_equal(one, other)
    other = replay.replay_drawn(world, drawn._replace(seed=12), periods, level, warm=2)
    assert (other.served != whole.served).any()


@pytest.mark.parametrize(("capped", "lead", "cuts"), [(False, 4, (0, 16)), (True, 0, (0, 5, 21))])
def test_no_period_is_computed_twice(monkeypatch, capped, lead, cuts):
    """XLA keeps one minimum of each period that is compiled, with caps two. Where it takes a period's results apart again, it
    computes them for each later period anew: 40 times as long."""
    monkeypatch.undo()
    kind = replay_block.Kind(lead, False, capped, np.uint16, cuts)
    history, row = np.zeros((cuts[-1], 64), np.uint16), np.zeros((1, 64), np.uint16)
    lowered = replay_block._on_history.lower(kind, np.int32(1), history, row, row if capped else None)
    chunk = replay_block._chunk(kind)
    lengths = [end - begin for begin, end in itertools.pairwise(cuts)]
    rows = sum(chunk * (length >= chunk) + length % chunk for length in lengths)
    assert lowered.compile().as_text().count(" minimum(") == rows * (1 + capped)


def refusal(function, *arguments, **named):
    with pytest.raises(ConfigError) as caught:
        function(*arguments, **named)
    return str(caught.value)


def test_what_it_does_not_replay_is_refused_with_the_reason():
    demand, level, _ = random_items(0, 5, 6)
    assert "goods that keep" in refusal(replay.replay, World(life=2), demand, level)
    assert "one source" in refusal(replay.replay, World(lead=(2, 0), sources=2), demand, level)
    assert "capacity prices" in refusal(replay.replay, World(capacity=True), demand, level)
    assert "warm: 6" in refusal(replay.replay, World(), demand, level, warm=6)
    assert "demand is [periods, items]" in refusal(replay.replay, World(), demand.T, level)
    wrong = 1.0 * demand
    wrong[4, 3] = 2.5
    assert "demand of item 3, period 4: 2.5" in refusal(replay.replay, World(), wrong, level)
    assert "level of item 1: -2" in refusal(replay.replay, World(), demand, np.array([1, -2, 3, 4, 5]))
    assert "cap of item 0: nan" in refusal(replay.replay, World(), demand, level, np.full(5, np.nan))
    assert "count in larger units" in refusal(replay.replay, World(unmet="backlog"), demand * 10**8, level, level)
    assert "one of 1 laws" in refusal(
        replay.replay_drawn, World(), Drawn(draws.tables([[0.5, 0.5]]), np.ones(5, int), 0), 9, level
    )
