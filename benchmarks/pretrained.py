"""The pre-trained network, as it is in the package, on items that it was not trained for.

    python benchmarks/pretrained.py zipkin           the 32 solved instances: gap to the optimum, beside the best capped base-stock policy
    python benchmarks/pretrained.py random --count 50    random instances, the best capped base-stock policy tuned in the same run

`zipkin` needs ROPEWALK_SHARED_DATA. Random instances: mean 1 to 20 and p 2 to 60, both even on a logarithmic scale; Poisson, geometric or
negative binomial (R 1 to 10); lead time 0 to 10; drawn with --seed. Exact where the chain has at most --states states; else paired
simulation on common demand until the standard error of the difference is a fifth of the 0.1 % that is claimed. One core.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when NumPy and JAX are imported

import argparse
import statistics
import time

import numpy as np

from published import lost_sales, zipkin
from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import exact
from ropewalk.systems.inventory.engine.classic_cost import decision
from ropewalk.systems.inventory.engine.classic_tune import tune, tune_simulated
from ropewalk.systems.inventory.engine.pretrained import item_for, load
from rows import tell

CLAIMED = 1e-3  # of the cost: never worse than the best capped base-stock policy by more


def decide(problem: exact.Problem) -> exact.Decide:
    """What the network orders for this problem: it is told two moments of the demand, the ratio of costs and the lead time."""
    return load().decide(item_for(problem))


def solved() -> None:
    gaps, capped = [], []
    print(f"{'instance':22}{'optimum':>9}{'network':>10}{'gap %':>8}{'capped %':>10}")
    for instance in zipkin():
        cost = exact.chain(instance.problem, decide(instance.problem)).average_cost(1e-5).middle
        gaps.append(100.0 * (cost / instance.best - 1.0))
        capped.append(instance.others["capped"])
        print(f"{instance.name:22}{instance.best:9.4f}{cost:10.4f}{gaps[-1]:8.3f}{capped[-1]:10.3f}", flush=True)
    better = sum(ours < theirs for ours, theirs in zip(gaps, capped, strict=True))
    print(f"mean gap {statistics.mean(gaps):.4f} %, max {max(gaps):.4f} % (required 0.2, 0.6; stretch mean 0.1); capped base-stock "
          f"{statistics.mean(capped):.3f}, {max(capped):.3f}; better than it on {better} of {len(gaps)} (required all)")  # fmt: skip
    tell("Zipkin's 32 by the one pre-trained network", f"mean {statistics.mean(gaps):.4f}, max {max(gaps):.3f} %, better than capped base-stock on {better}",
         "mean 0.2, max 0.6 %, better than capped on 32", "mean 0.1 %", f"best capped base-stock {statistics.mean(capped):.3f}, {max(capped):.3f} %",
         statistics.mean(gaps) <= 0.2 and max(gaps) <= 0.6 and better == len(gaps))  # fmt: skip
    made = load().made
    print(
        f"made by {made.steps:,} steps, {made.item_periods:,} item-periods, {made.cpu_seconds:,.0f} CPU-s, seed {made.seed}; no training here"
    )


def drawn(rng: np.random.Generator) -> tuple[str, float, int]:
    mean, penalty = (float(np.exp(rng.uniform(np.log(low), np.log(high)))) for low, high in ((1, 20), (2, 60)))
    kind = rng.choice(["poisson", "geometric", "negbin"])
    first = f"{np.exp(rng.uniform(0.0, np.log(10.0))):.3f}," if kind == "negbin" else ""
    return f"{kind}:{first}{mean:.3f}", round(penalty, 2), int(rng.integers(0, 11))


def random(options: argparse.Namespace) -> None:
    rng = np.random.default_rng(options.seed)
    differences = []
    print(f"{'instance':34}{'capped':>10}{'network':>10}{'difference %':>14}{'+-':>7}")
    for number in range(options.count):
        demand, penalty, lead = drawn(rng)
        if options.only is not None and number != options.only:
            continue
        problem, begun = lost_sales(demand, penalty, lead), time.process_time()
        small = lead <= 2
        rule = (tune if small else tune_simulated)(problem, "capped base-stock")
        ours, theirs = decide(problem), decision(problem, rule.policy, rule.parameters)
        costs, error = compared(problem, [theirs, ours], options.states if small else 0, number)
        differences.append(100.0 * (costs[1] / costs[0] - 1.0))
        print(f"{f'{demand} p={penalty:g} L={lead}':34}{costs[0]:10.4f}{costs[1]:10.4f}{differences[-1]:14.3f}{100 * error:7.3f}   "
              f"capped {','.join(f'{p:g}' for p in rule.parameters)}, {time.process_time() - begun:.0f} CPU-s", flush=True)  # fmt: skip
    better = sum(difference < 0.0 for difference in differences)
    print(f"better than the best capped base-stock policy on {better} of {len(differences)} (stretch 45 of 50), worst {max(differences):+.3f} % "
          f"(required +0.1), mean {statistics.mean(differences):+.3f} %")  # fmt: skip
    tell(f"{len(differences)} random instances by the pre-trained network", f"worst {max(differences):+.3f} %, better on {better}, mean {statistics.mean(differences):+.2f} %",
         "never worse than the best capped base-stock by 0.1 %", "better on 45", "best capped base-stock, tuned in the run", max(differences) <= 0.1)  # fmt: skip


def compared(problem: exact.Problem, policies: list[exact.Decide], states: int, seed: int) -> tuple[list[float], float]:
    """Costs of the policies, and the standard error of the second's difference to the first, of the cost (0: exact)."""
    if states:
        try:
            return [exact.chain(problem, policy, states).average_cost(1e-6).middle for policy in policies], 0.0
        except ConfigError:
            pass

    def both(seen):
        rows = exact.states(seen)
        return np.stack([np.asarray(policy(rows[at])).reshape(-1, 1) * 1.0 for at, policy in enumerate(policies)])

    each = np.empty((2, 0))
    for part in range(100):
        each = np.concatenate([each, exact.path_costs(problem, both, (2, 1_000), 1_000 * seed + part, 1_000)], axis=1)
        mean = each.mean(1)
        error = float((each[1] - each[0]).std(ddof=1) / each.shape[1] ** 0.5 / mean[0])
        if error <= max(CLAIMED, abs(mean[1] / mean[0] - 1.0)) / 5.0:
            break
    return list(mean), error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bed", choices=("zipkin", "random"))
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--only", type=int, help="number of an instance, from 0")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--states", type=int, default=400_000)
    options = parser.parse_args()
    solved() if options.bed == "zipkin" else random(options)


if __name__ == "__main__":
    main()
