"""The plan of columns against a slow, obvious one of a row, written with SciPy; and what a row's answer may depend on."""

import math
import re

import numpy as np
import polars as pl
import pytest
from scipy import stats

from ropewalk.systems.inventory.bulk import reasons
from ropewalk.systems.inventory.bulk.chunk import chunk
from ropewalk.systems.inventory.bulk.law import ERROR
from ropewalk.systems.inventory.bulk.plan import BLOCK, Items, plan
from ropewalk.systems.inventory.bulk.policy import NAMES, base_stock, of_units
from ropewalk.systems.inventory.bulk.table import layout
from ropewalk.systems.inventory.bulk.toys import ASSUMED, made
from ropewalk.systems.inventory.bulk.twice import ROW


def items_of(table):
    found = layout(table.schema, "the table", lambda name: len(table[name][0]))
    return chunk(table.with_row_index(ROW), found, ASSUMED).items


# -- slowly, a row at a time --


def law_of(history, periods):
    """P(D <= k) of the next periods and the mean: by the definitions, nothing shared with the code."""
    age = np.arange(len(history))[::-1]
    weight = 0.5 ** (age / 13.0)
    weight = weight / weight.sum()
    worth = 1.0 / (weight**2).sum()
    mean = (weight * history).sum()
    if mean == 0:
        return lambda k: 1.0 + 0.0 * k, 0.0
    variance = max((weight * (history - mean) ** 2).sum() * worth / (worth - 1.0), mean)
    busy = weight[history > 0].sum()
    m, v = mean * periods, variance * periods + variance * periods**2 / worth
    none = cdf_of(mean, variance)(0)
    if 1 - busy - none > 2 * math.sqrt(none * (1 - none) / worth) + 1e-6 and mean > busy:
        own = (1 - (busy * worth + 0.5) / (worth + 1)) ** periods
        some = m / (1 - own)
        more = cdf_of(some - 1, (v + m * m) / (1 - own) - some**2)
        return lambda k: own + (1 - own) * more(k - 1), m
    return cdf_of(m, v), m


def cdf_of(mean, variance):
    if variance <= mean * (1 + 1e-9):
        return stats.poisson(mean).cdf
    r = mean**2 / (variance - mean)
    return stats.nbinom(r, r / (r + mean)).cdf


def slowly(row):
    """Ratio, level, up to, position, units, and three chances of one row."""
    lead, review = row["lead_time_periods"], row["review_every_periods"]
    history = np.array(row["demand_history"])
    cdf, expected = law_of(history, lead + review)
    rate, h = expected / (lead + review), row["holding_usd"]
    position = row["on_hand"] + sum(u for k, u in enumerate(row["on_order"], 1) if k < lead + review)
    short = max(row["price_usd"] - row["unit_cost_usd"] + row["lost_sale_usd"], 0.0)
    quantity = min(math.sqrt(2 * row["order_cost_usd"] * rate / h), 104 * rate)
    cycle = max(review, quantity / rate) if rate else review
    patience = (h * (cycle + lead) / (short + h * (cycle + lead))) ** (1 / 3)
    ratio = short / (short + h * (cycle + patience * lead)) if rate else 0.0
    earned = short * rate * cycle - h * rate * cycle**2 / 2  # by an order line and what it brings
    worth = row["order_cost_usd"] == 0 or earned >= row["order_cost_usd"]
    level = int(np.argmax(cdf(np.arange(6_000)) >= ratio)) if ratio and worth else 0
    up_to = level + math.floor(max(quantity - review * rate, 0) + 0.5) if level else 0
    wanted = up_to - position if position < level else 0
    packs = math.floor(wanted / row["pack_size"] + 0.5)
    units = max(packs, math.ceil(row["min_order"] / row["pack_size"])) * row["pack_size"] if packs >= 1 else 0
    return {"cdf": cdf, "ratio": ratio, "level": level, "up_to": up_to, "units": units, "position": position, "expected": expected}  # fmt: skip


@pytest.fixture(scope="module")
def both():
    table = made(250, seed=3)
    return table, plan(items_of(table), base_stock), [slowly(row) for row in table.iter_rows(named=True)]


def test_the_plan_agrees_with_a_slow_one_by_scipy(both):
    """Levels are the same but where the chance is within the stated error of the ratio; then so are orders."""
    table, lines, slow = both
    same = 0
    for row, one in enumerate(slow):
        assert lines.position[row] == one["position"]
        assert lines.expected_demand[row] == pytest.approx(one["expected"], rel=1e-5)
        level = lines.order_up_to[row] - (one["up_to"] - one["level"])
        if level != one["level"]:
            assert min(abs(one["cdf"](k) - one["ratio"]) for k in (level, level - 1, one["level"] - 1)) < 2 * ERROR
            continue
        same += 1
        assert lines.order_up_to[row] == one["up_to"]
        assert lines.order_units[row] == one["units"], table.row(row, named=True)
    assert same > 240


def test_chances_and_units_short_are_those_of_scipy(both):
    """Where one point counts they are the law's; elsewhere at least that of the last point."""
    table, lines, slow = both
    one_point = (table["lead_time_periods"] + table["review_every_periods"] == 1).to_numpy()
    assert one_point.sum() > 10
    for row, one in enumerate(slow):
        there = lines.position[row] + lines.order_units[row]
        tail = 1 - one["cdf"](math.floor(there))
        assert lines.stockout_probability[row] >= tail - ERROR
        if not one_point[row]:
            continue
        assert lines.stockout_probability[row] == lines.stockout_in_cover[row] == pytest.approx(tail, abs=ERROR)
        beyond = 1 - one["cdf"](
            there + np.arange(6_000)
        )  # E(D - s)^+ is the sum of P(D > s + k), as stock is whole here
        assert lines.expected_units_short[row] == pytest.approx(beyond.sum(), abs=ERROR * (there + one["expected"]) + 1e-6)  # fmt: skip


def test_the_chance_before_arrival_is_that_of_the_scarcest_period():
    """5 on hand, 20 due in 3 periods, an order of now in 5: it is tight just before the 20 come, not before the order."""
    table = made(1, seed=1).with_columns(on_hand=5.0, lead_time_periods=5, review_every_periods=1)
    history = [2.0, 3.0, 4.0, 3.0] * 13
    table = table.with_columns(demand_history=pl.Series([history]), on_order=pl.Series([[0, 0, 20]]))
    cdf = law_of(np.array(history), 3)[0]
    assert plan(items_of(table)).stockout_before_arrival[0] == pytest.approx(1 - cdf(5), abs=ERROR)
    soon = plan(items_of(table.with_columns(lead_time_periods=0)))
    assert soon.stockout_before_arrival[0] == 0.0


# -- what an answer depends on --


def test_an_answer_does_not_depend_on_its_chunk():
    items = items_of(made(BLOCK + 700, seed=5))
    whole = plan(items)
    for rows in (slice(0, 1), slice(3, 10), slice(BLOCK - 5, BLOCK + 40), slice(500, BLOCK + 700)):
        part = plan(Items(items.history[rows], items.on_order[:, rows], *(c[rows] for c in items[2:])))
        for name, column in part._asdict().items():
            assert (column == getattr(whole, name)[rows]).all(), name


def test_any_policy_can_be_plugged_in():
    """A function of what is seen that says units; packs and minimum are the plan's business."""
    table = made(50, seed=6)
    lines = plan(items_of(table), of_units(lambda seen: seen.lead_time + 0.0))
    pack = table["pack_size"].to_numpy()
    assert (lines.order_units % pack == 0).all()
    assert (lines.order_up_to == lines.position + table["lead_time_periods"].to_numpy()).all()
    assert (lines.order_units[(pack == 1) & (table["min_order"] == 0).to_numpy()] == table.filter(pack_size=1, min_order=0)["lead_time_periods"].to_numpy()).all()  # fmt: skip


# -- reasons --


def said(changes):
    """The reason of one item: 4 a week, 4 weeks to protect."""
    table = made(1, seed=1).with_columns(
        demand_history=pl.Series([[4.0] * 52]), on_order=pl.Series([[0, 0, 0]]), on_hand=8.0, lead_time_periods=3, price_usd=5.0,
        review_every_periods=1, unit_cost_usd=3.0, lost_sale_usd=0.0, holding_usd=0.05, pack_size=1, min_order=0,
        order_cost_usd=0.0,
    )  # fmt: skip
    lines = plan(items_of(table.with_columns(**changes)))
    return reasons.texts(lines.reason, "week")[0], lines


LEVEL = {"order_cost_usd": 0.001}  # so little that it changes nothing but who decides


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "the network sees 2.0 weeks of cover, 4 to protect"),
        ({"on_hand": 60.0}, "no order: the network sees 15 weeks of cover, 4 to protect"),
        ({"on_hand": 4000.0}, "no order: the network sees 100 and more weeks of cover, 4 to protect"),
        ({"on_hand": 18.0, "min_order": 50}, "the network sees 4.5 weeks of cover, 4 to protect; raised to the minimum order"),
        ({"on_hand": 18.0, "pack_size": 48}, "no order: the network sees 4.5 weeks of cover, 4 to protect; less than half a pack is missing"),
        (LEVEL, "below the level of 23 for 4 weeks"),
        ({**LEVEL, "on_hand": 18.0}, "below the level of 23 for 4 weeks: safety stock is missing"),
        ({**LEVEL, "on_hand": 18.0, "min_order": 50}, "below the level of 23; raised to the minimum order"),
        ({**LEVEL, "on_hand": 60.0}, "no order: not below the level of 23"),
        ({**LEVEL, "on_hand": 18.0, "pack_size": 48}, "no order: below the level of 23, by less than half a pack"),
        ({"on_hand": 12.0, "holding_usd": 9.0}, "no order: the level is 10, a unit more costs more than it earns"),
        ({**LEVEL, "demand_history": pl.Series([[400.0] * 52])}, "below the level of about 1,700 for 4 weeks"),
        ({"demand_history": pl.Series([[0.0] * 52])}, "no order: no demand in 52 weeks"),
        ({"unit_cost_usd": 5.0}, "no order: at this price and cost a lost sale costs nothing"),
        ({"demand_history": pl.Series([[0.0] * 49 + [1.0, 0.0, 0.0]]), "holding_usd": 2.0, "on_hand": 0.0}, "no order: demand too thin to pay for a unit held"),
        ({"order_cost_usd": 2000.0}, "no order: not worth having, an order line costs more than it earns"),
    ],
)  # fmt: skip
def test_a_reason_says_what_is_so_and_with_which_number(changes, reason):
    text, lines = said(changes)
    assert text == reason
    assert (lines.order_units[0] == 0) == text.startswith("no order")


def test_an_order_says_who_decided():
    for changes, name in (({}, "network"), ({"review_every_periods": 2}, "level"), ({"order_cost_usd": 8.0}, "(s, S)")):
        assert NAMES[said(changes)[1].policy[0]] == name
    lines = plan(items_of(made(20, seed=1)), of_units(lambda seen: seen.expected))
    assert {NAMES[n] for n in lines.policy} == {"own"}
    assert reasons.texts(lines.reason, "week").str.contains("the policy of your own sees|no demand").all()


def test_what_is_told_of_a_level_is_rounded_to_two_digits():
    items = items_of(made(3_000, seed=2).with_columns(order_cost_usd=1.0))
    lines = plan(items)
    texts = reasons.texts(lines.reason, "week").to_list()
    told = [re.search(r"level of (about )?([\d,]+)", text) for text in texts]
    levels = [float(found[2].replace(",", "")) for found in told if found]
    assert max(levels) > 200
    for found, level, row in zip([f for f in told if f], levels, [n for n, f in enumerate(told) if f], strict=True):
        assert level < lines.order_up_to[row] * 1.06
        assert (found[1] is not None) == (level >= 100)


def test_reasons_of_many_rows_are_few():
    """So that a file keeps each of them once."""
    lines = plan(items_of(made(20_000, seed=8)))
    texts = reasons.texts(lines.reason, "week")
    assert texts.n_unique() < 3_000
    assert (texts.str.starts_with("no order") == (lines.order_units == 0)).all()
