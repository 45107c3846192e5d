"""What the best base-stock level costs where lead times are long, so that the published figures of an instance can be put on one footing.

Those of L = 6, 8, 10 are of one simulation each, all of the same seed (5 million periods: executables/lostsales_paper_results of the
authors' DynaPlex), whose demand was a little low: their costs of base-stock lie below the true ones in all 24 instances. What their best
policy saves against base-stock on the same demand is known better than what it costs. docs/decisions/0029-one-seed.md reads it.
"""

from __future__ import annotations

import numpy as np

from published import Instance
from ropewalk.systems.inventory.engine import draws
from ropewalk.systems.inventory.engine.classic_cost import newsvendor_level, setting_of
from ropewalk.systems.inventory.engine.replay import Drawn, replay_drawn

ITEMS, PERIODS, SEEDS = 4_096, 20_000, 4


def base_stock(instance: Instance) -> tuple[float, float]:
    """Cost a period of the best level of a lost-sales instance, and its standard error: by a replay of 330 million periods."""
    problem = instance.problem
    tables = draws.tables([setting_of(problem).law])
    holding, penalty = float(problem.terms.holding), float(problem.terms.lost_sale)

    def costs(levels: range, seed: int, items: int, periods: int) -> np.ndarray:
        """[levels, items]"""
        demand = Drawn(tables, np.zeros(items, int), seed)
        every = np.repeat(np.array(levels)[:, None], items, 1)
        return replay_drawn(problem.world, demand, periods, every, warm=200).cost(holding, penalty)

    rough = range(1, newsvendor_level(problem, problem.world.columns + 1) + 1, 2)
    near = rough[int(costs(rough, SEEDS, 512, 2_000).mean(1).argmin())]
    each = np.concatenate([costs(range(near - 2, near + 3), seed, ITEMS, PERIODS) for seed in range(SEEDS)], axis=1)
    best = each[each.mean(1).argmin()]
    return float(best.mean()), float(best.std(ddof=1) / len(best) ** 0.5)
