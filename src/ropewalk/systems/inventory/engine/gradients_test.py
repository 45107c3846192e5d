"""What one more unit ordered is worth: JAX's gradient through the step against formulas derived by hand, over one to three periods.

All points are inside a piece where profit is linear, which a central difference of the NumPy step confirms.
Letters: P price of a period, C unit cost, H holding, B backlog, L lost sale, W waste, V salvage.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ropewalk.systems.inventory.engine.step import Period, Terms, closing, start, step
from ropewalk.systems.inventory.engine.world import World
from ropewalk.systems.inventory.rules import Order

P1, P2, P3 = 7.0, 8.0, 6.0
C, H, B, L, W, V = 2.0, 0.5, 3.0, 4.0, 1.5, 0.25
C2 = 3.0  # unit cost of the expedited source
TERMS = Terms(unit_cost=[C], order_cost=[9.0], holding=H, backlog=B, lost_sale=L, waste=W, salvage=V)


class Case(NamedTuple):
    """`orders` and `slope`: one entry a period, a list of two where there are two sources."""

    name: str
    world: dict[str, Any]
    demand: list[float]
    orders: list[Any]
    slope: list[Any]  # USD a unit
    terms: dict[str, Any] = {}  # noqa: RUF012
    period: dict[str, list[Any]] = {}  # noqa: RUF012
    shelf: list[float] | None = None
    placed: bool = False  # the policy returns an Order: orders are not cut at 0, where a cut has no slope


NOW, NEXT, AFTER = {"lead": (0,)}, {"lead": (1,)}, {"lead": (2,)}
TWO = {"lead": (1, 0), "sources": 2}
BACKLOG, PARTIAL = {"lead": (0,), "unmet": "backlog"}, {"lead": (0,), "unmet": "partial"}
KEPT = 0.25
SHORT = KEPT * B + (1 - KEPT) * L  # cost of a unit that is short, "partial"
RATES = {"budget_price": [0.5, 0.7], "storage_price": [0.2, 0.1], "inbound_price": [0.3, 0.4]}

CASES = [
    # Sold at once, and one sale less is lost: P + L, for C.
    Case("sold", NOW, [10], [6], [P1 + L - C]),
    # Not sold: held a period, then salvaged.
    Case("left", NOW, [4], [6], [-C - H + V]),
    # A unit more on an empty shelf: one sale less is lost.
    Case("sold from an empty shelf", NOW, [10], [0], [P1 + L - C], placed=True),
    # Left in the first period, sold in the second: held once.
    Case("left, then sold", NOW, [4, 10], [6, 5], [-C - H + P2 + L, -C + P2 + L]),
    # Left over both: held twice.
    Case("left twice", NOW, [4, 1], [6, 2], [-C - 2 * H + V, -C - H + V]),
    # Still due at the end: salvage only.
    Case("lead 1, due at the end", NEXT, [4], [6], [-C + V], shelf=[5]),
    # The first order arrives for the second demand, which is short; the second is still due.
    Case("lead 1", NEXT, [4, 10], [6, 3], [-C + P2 + L, -C + V], shelf=[5]),
    # The first order arrives in the third period, which is short; the others are still due.
    Case("lead 2", AFTER, [4, 5, 10], [6, 3, 2], [-C + P3 + L, -C + V, -C + V], shelf=[5]),
    # As lead 1, the lead time being the item's own.
    Case("lead of the item", {"lead": "items", "longest": 3}, [4, 10], [6, 3], [-C + P2 + L, -C + V], {"lead": [1]}, shelf=[5]),
    # The first order comes in the third period, after the second, which comes at once; both periods are short.
    Case("crossing orders", {"lead": "random", "longest": 3}, [4, 10, 10], [6, 3, 2], [-C + P3 + L, -C + P2 + L, -C + V], {}, {"lead": [[2], [0], [1]]}, shelf=[5]),
    # Served now, not owed: P and one period of B.
    Case("backlog", BACKLOG, [10], [6], [P1 + B - C]),
    # Short in both periods: the first unit is owed in neither, and the second period serves all it has anyway.
    Case("backlog, short twice", BACKLOG, [10, 10], [6, 9], [P1 + 2 * B - C, P2 + B - C]),
    # The second period catches up: it would have served the unit at P2, and now it is left over.
    Case("backlog, caught up", BACKLOG, [10, 2], [6, 9], [P1 + B - C - P2 - H + V, -C - H + V]),
    # Of a unit that is short the share k is owed, the rest lost: k B + (1 - k) L.
    Case("partial", PARTIAL, [10], [6], [P1 + SHORT - C], {"kept": KEPT}),
    # What is owed takes k units from the second period, of which that much more is short.
    Case("partial, short twice", PARTIAL, [10, 10], [6, 9], [P1 + SHORT + KEPT * SHORT - C, P2 + SHORT - C], {"kept": KEPT}),
    # Regular comes for the short second period; expedited is left in the first and sold in the second.
    Case("two sources", TWO, [4, 10], [[6, 5], [3, 2]], [[-C + P2 + L, -C2 - H + P2 + L], [-C + V, -C2 + P2 + L]], {"unit_cost": [C, C2], "order_cost": [9.0, 5.0]}),
    # A quarter is sold now, the rest in the second period or still due; both periods are short.
    Case("shipments", {"lead": (0,), "shipments": (0, 1)}, [4, 10], [4, 4], [0.25 * (P1 + L) + 0.75 * (P2 + L) - C, 0.25 * (P2 + L) + 0.75 * V - C], {"shares": [0.25, 0.75]}),
    # Paid for what is ordered, sold what is usable.
    Case("yield", {"lead": (0,), "random_yield": True}, [10, 10], [6, 6], [0.5 * (P1 + L) - C, 0.75 * (P2 + L) - C], {}, {"yields": [[[0.5]], [[0.75]]]}),
    # Yields belong to a shipment: half of the first quarter, all of the second three.
    Case("yield of a shipment", {"lead": (0,), "shipments": (0, 1), "random_yield": True}, [4, 10], [4, 4], [0.125 * (P1 + L) + 0.75 * (P2 + L) - C, 0.25 * (P2 + L) + 0.375 * V - C], {"shares": [0.25, 0.75]}, {"yields": [[[0.5, 1.0]], [[1.0, 0.5]]]}),
    # Sold for one period only: held, then thrown away.
    Case("life 1", {"lead": (0,), "life": 1}, [4], [6], [-C - H - W], shelf=[0]),
    # The old unit is sold in place of a fresh one, which is left.
    Case("fifo", {"lead": (0,), "life": 2}, [4, 3], [6, 2], [-C - 2 * H + V, -C - H + V]),
    # More old ones than buyers: held twice (before waste), then thrown away.
    Case("fifo, wasted", {"lead": (0,), "life": 2}, [4, 1], [6, 2], [-C - 2 * H - W, -C - H + V]),
    # A fresh unit more is sold in place of an old one, which is thrown away.
    Case("lifo", {"lead": (0,), "life": 2, "issuing": "lifo"}, [4, 3], [6, 2], [-C - 2 * H - W, -C - H - W]),
    # One buyer of three takes an old one (of two), the others fresh ones (of four).
    Case("mixed", {"lead": (0,), "life": 2, "issuing": "mixed"}, [4, 3], [6, 4], [-C - 2 * H - W, -C - H + V], {}, {"fifo": [0.0, 1.0]}),
    # A unit that was still due arrives with its full life: not thrown away within it.
    Case("life counts from arrival", {"lead": (1,), "life": 2}, [4, 1, 1], [6, 1, 1], [-C - 2 * H - W, -C - H + V, -C + V], shelf=[0, 5]),
    # Only the order line is paid: no slope.
    Case("fixed order cost", NOW, [4, 1], [6, 3], [0, 0], {"unit_cost": None, "holding": None, "salvage": None}),
    # Under the first break, in the first tier, in the second: rebates on all units.
    Case("discounts", {"lead": (0,), "discounts": True}, [1, 1, 1], [3, 6, 12], [-C - 3 * H + V, -0.9 * C - 2 * H + V, -0.7 * C - H + V], {"breaks": [[5.0, 10.0]], "rebates": [[0.1, 0.3]]}),
    # The rebate is that of the highest break, though the first one gave more.
    Case("discounts that fall", {"lead": (0,), "discounts": True}, [1], [12], [-0.9 * C - H + V], {"breaks": [[5.0, 10.0]], "rebates": [[0.3, 0.1]]}),
    # Spend at the budget price; a unit of volume 1.5 received and stored.
    Case("capacity", {"lead": (0,), "capacity": True}, [4], [6], [-1.5 * C - H + V - 1.5 * (0.2 + 0.3)], {"volume": 1.5}, RATES),
    # Inbound is charged when it arrives, at the price of that period; sold then, so nothing is stored.
    Case("capacity, lead 1", {"lead": (1,), "capacity": True}, [4, 10], [6, 3], [-1.5 * C - 1.5 * 0.4 + P2 + L, -1.7 * C + V], {"volume": 1.5}, RATES, [5]),
    # Storage is for what is left after waste: here nothing.
    Case("capacity, life 1", {"lead": (0,), "capacity": True, "life": 1}, [4], [6], [-1.5 * C - H - W - 1.5 * 0.3], {"volume": 1.5}, RATES),
    # Holding is by time: 2.5, then half.
    Case("elapsed", NOW, [4, 1], [6, 2], [-C - 2.5 * H - 0.5 * H + V, -C - 0.5 * H + V], {}, {"elapsed": [2.5, 0.5]}),
    # So is storage, 1.5 of volume for 2.5 of time; spend and inbound are by unit.
    Case("capacity, elapsed", {"lead": (0,), "capacity": True}, [4], [6], [-1.5 * C - 2.5 * H + V - 1.5 * (2.5 * 0.2 + 0.3)], {"volume": 1.5}, RATES | {"elapsed": [2.5, 0.5]}),
    # So is backlog; price, waste and lost sales are by unit.
    Case("elapsed, backlog", BACKLOG, [10, 10], [6, 9], [P1 + 3.0 * B - C, P2 + 0.5 * B - C], {}, {"elapsed": [2.5, 0.5]}),
    # Orders only in the second period.
    Case("review", {"lead": (0,), "review": True}, [4, 10], [6, 5], [0, P2 + L - C], {}, {"review": [0.0, 1.0]}),
    # Less than nothing, and more than the greatest order: the order does not move.
    Case("cut", NOW, [10, 10], [-1, 6], [0, 0], {"max_order": [5.0]}),
]  # fmt: skip


@pytest.fixture(autouse=True)
def doubles():
    """JAX counts in float64, in these tests only."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def worth(world, policy, terms, state, periods, xp):
    """USD of all periods and what is left, with what capacity prices charge."""
    total = 0.0
    for period in periods:
        state, flow = step(world, policy, terms, state, period, xp)
        total = total + flow.profit - flow.shadow
    return total + closing(terms, state)


def arrays(record):
    return type(record)(*(None if field is None else np.asarray(field, float) for field in record))


def problem(case):
    """World, Terms, State and Periods of a case."""
    world = World(lots=False, **case.world)
    state = start(world, (), np)
    if case.shelf:
        state = state._replace(shelf=np.array(case.shelf, float))
    periods = [
        arrays(Period(demand, price, **{name: column[t] for name, column in case.period.items()}))
        for t, (demand, price) in enumerate(zip(case.demand, (P1, P2, P3), strict=False))
    ]
    return world, arrays(TERMS._replace(**case.terms)), state, periods


def of_orders(case, xp):
    """[T,S] orders -> USD."""
    world, terms, state, periods = problem(case)

    def function(orders):
        given = [period._replace(known=orders[t]) for t, period in enumerate(periods)]
        policy = (lambda seen: Order(seen.known, 1.0 + 0.0 * seen.known)) if case.placed else lambda seen: seen.known
        return worth(world, policy, terms, state, given, xp)

    return function


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_gradient_is_the_one_derived_by_hand(case):
    orders = np.array(case.orders, float).reshape(len(case.demand), -1)
    by_hand = np.array(case.slope, float).reshape(orders.shape)
    np.testing.assert_allclose(jax.grad(of_orders(case, jnp))(jnp.asarray(orders)), by_hand, rtol=1e-12, atol=1e-12)
    slow = of_orders(case, np)
    for at in np.ndindex(orders.shape):
        nudge = np.zeros(orders.shape)
        nudge[at] = 1e-3
        assert (slow(orders + nudge) - slow(orders - nudge)) / 2e-3 == pytest.approx(by_hand[at], abs=1e-9)


LEVELS = [
    # The second order shrinks by what the first one left: one unit more is bought once, held once, sold in the second period.
    (Case("level", NOW, [4, 10], [], [-C - H + P2 + L]), 6.0),
    # The first order rises by one, the second sees it on hand and does not; it is left at the end.
    (Case("level, lead 1", NEXT, [3, 4], [], [-C - H + V], shelf=[1]), 6.0),
    # The first order rises by one, and the second sees it outstanding.
    (Case("level, lead 2", AFTER, [3, 4], [], [-C + V], shelf=[9]), 12.0),
    # An order outstanding counts as promised, whatever of it can be used: a unit more is on order, of which a quarter comes.
    (Case("level, yield", {"lead": (2,), "random_yield": True}, [3, 4], [], [-C + 0.25 * V], {}, {"yields": [[[0.25]], [[0.5]]]}, [9]), 12.0),
    # With random lead times too; at the end it is still due.
    (Case("level, crossing", {"lead": "random", "longest": 3}, [3, 4], [], [-C + V], {}, {"lead": [[3], [2]]}, [9]), 12.0),
    # Sold now instead of owed, so that the second order does not move and serves one less: that one is left.
    (Case("level, backlog", BACKLOG, [10, 3], [], [P1 + B - C - P2 - H + V]), 6.0),
]  # fmt: skip


@pytest.mark.parametrize(("case", "level"), LEVELS, ids=lambda value: getattr(value, "name", ""))
def test_the_gradient_of_a_level_passes_through_what_the_policy_sees(case, level):
    world, terms, state, periods = problem(case)
    of_level = lambda level: worth(world, lambda seen: (level - seen.position)[..., None], terms, state, periods, jnp)  # noqa: E731
    assert jax.grad(of_level)(level) == pytest.approx(case.slope[0], rel=1e-12)
