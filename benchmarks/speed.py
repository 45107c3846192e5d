"""How fast items are replayed and a policy is trained, in item-periods a second.

    python benchmarks/speed.py                                             ours only
    python benchmarks/speed.py --anchor CLONE --anchor-python PYTHON       beside HDPO (Alvo et al., arXiv 2306.11246)

CLONE is a clone of MatiasAlvo/Neural_inventory_control, PYTHON an interpreter with torch, gymnasium, pandas, matplotlib and
pyyaml; its own trainer, simulator and settings are run, on one core.

What runs: one store, lost sales, lead time 4 in all rows.
- drawn: 65,536 items x 365 periods, each item its own Poisson law (means 0.5 to 8) and its own level, demand drawn for the call; 2 cores.
- at hand: 8,192 items x 365 periods of Poisson 5 in memory (16 bits each; 3.0 MB a block of 4,096 items, which a core's L2 and L3
  hold), 32 levels tried for each item; 2 cores. "one level" tries one, on 400,000 items x 104 periods (83 MB, not in cache).
- trained: a 3 x 32 ELU network, pathwise gradient through the engine's step, Adam; 512 paths x 50 periods an update, and 8,192 x 50 in
  blocks of 512 as HDPO's; new demand for each update; one core.

Every round runs all rows, one after the other, each in a process of its own; the median round is printed, and the range. A CPU-second
is what the process's threads used: on a machine with other work it says more than the clock. Seeds are fixed (0).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from rows import tell

ROWS = {  # required, stretch (item-periods a second), cores
    "drawn": (4e8, 1e9, 2), "at hand": (2e9, 3e9, 2), "at hand, one level": (None, None, 2),
    "trained, 512 x 50": (2.5e6, 4e6, 1), "trained, 8,192 x 50": (2.5e6, 4e6, 1),
}  # fmt: skip
THEIRS = {"drawn": "simulated", "at hand": "simulated", "at hand, one level": "simulated",
          "trained, 512 x 50": "trained", "trained, 8,192 x 50": "trained"}  # fmt: skip
LEAD, PERIODS, THREADS = 4, 365, 2


def replay(name):
    """A function that replays, and the item-periods of a call."""
    import numpy as np
    from scipy import stats

    from ropewalk.systems.inventory.engine import draws
    from ropewalk.systems.inventory.engine.replay import Drawn, replay, replay_drawn
    from ropewalk.systems.inventory.engine.world import World

    world, random = World(lead=(LEAD,)), np.random.default_rng(0)
    if name == "drawn":
        means = np.linspace(0.5, 8.0, 65_536)
        tables = draws.tables(list(stats.poisson(means[:, None]).pmf(np.arange(32))))
        demand, level = Drawn(tables, np.arange(len(means)), seed=0), random.integers(0, 60, len(means))
        return lambda: replay_drawn(world, demand, PERIODS, level, threads=THREADS), len(means) * PERIODS
    items, periods, tried = (8_192, PERIODS, 32) if name == "at hand" else (400_000, 104, 1)
    history = random.poisson(5.0, (periods, items)).astype(np.uint16)
    level = random.integers(15, 45, (tried, items)).astype(np.uint16)
    return lambda: replay(world, history, level, threads=THREADS), items * periods * tried


def training(name):
    """A function that makes some updates, and their item-periods."""
    from functools import partial

    import jax
    import jax.numpy as jnp
    import optax

    from ropewalk.systems.inventory.engine import draws, network
    from ropewalk.systems.inventory.engine.laws import law
    from ropewalk.systems.inventory.engine.step import Period, State, Terms, step
    from ropewalk.systems.inventory.engine.world import World

    paths, periods = 512, 50
    blocks, updates = (1, 20) if name == "trained, 512 x 50" else (16, 2)
    world, terms, adam = World(lead=(LEAD,), lots=False), Terms(holding=1.0, lost_sale=9.0), optax.adam(3e-3)
    tables, key = draws.tables([law("poisson:5").probability()]), draws.keys(0, jnp.arange(blocks * paths))
    weights = network.weights_of((LEAD, 32, 32, 32, 1), seed=0)

    def cost(weights, state, demand):
        def wanted(seen):
            columns = jnp.stack([seen.shelf[:, 0], *(seen.outstanding[:, k] for k in range(LEAD - 1))])
            return jax.nn.softplus(network.network(weights, 0.1 * columns)[0] + 1.0)[:, None]

        def one(state, demand):
            state, flow = step(world, wanted, terms, state, Period(demand))
            return state, flow.profit

        state, profit = jax.lax.scan(one, state, demand)
        return -profit.mean(), state

    def block(at, part):
        weights, slope, begin = at
        state, key = part
        times = begin + jnp.arange(periods, dtype=jnp.uint32)
        demand = draws.demand(tables, jnp.uint32(0), draws.word(key, times[:, None])).astype(jnp.float32)
        (value, state), more = jax.value_and_grad(cost, has_aux=True)(weights, state, demand)
        return (weights, jax.tree.map(jnp.add, slope, more), begin), (state, value)

    def update(at, begin):
        weights, optimiser, states, keys = at
        zero = jax.tree.map(jnp.zeros_like, weights)
        (_, slope, _), (states, values) = jax.lax.scan(block, (weights, zero, begin), (states, keys))
        change, optimiser = adam.update(jax.tree.map(lambda part: part / blocks, slope), optimiser)
        return (optax.apply_updates(weights, change), optimiser, states, keys), values.mean()

    @partial(jax.jit, compiler_options=network.OPTIONS)
    def some(at, begin):
        return jax.lax.scan(update, at, begin + periods * jnp.arange(updates, dtype=jnp.uint32))

    shape = (blocks, paths)
    states = State(jnp.full((*shape, 1), 5.0), jnp.zeros(shape), jnp.full((*shape, LEAD), 5.0))
    begun = [(weights, adam.init(weights), states, tuple(part.reshape(shape) for part in key)), jnp.uint32(0)]

    def go():
        begun[0], values = some(*begun)
        begun[1] += updates * periods
        return jax.block_until_ready(values)

    return go, updates * blocks * paths * periods


THEIR_CODE = """
import json, os, sys, time, yaml
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
sys.path.insert(0, ".")
import torch
torch.set_num_threads(1)
from trainer import *

def setup(rule):
    with open("config_files/settings/one_store_lost.yml") as file: s = yaml.safe_load(file)
    with open(f"config_files/policies_and_hyperparams/{rule}.yml") as file: h = yaml.safe_load(file)
    seen = DefaultDict(lambda: None, s["observation_params"])
    scenario = Scenario(50, s["problem_params"], s["store_params"], s["warehouse_params"], s["echelon_params"], 16384, seen, s["seeds"])
    train, _ = DatasetCreator().create_datasets(scenario, split=True, by_sample_indexes=True, sample_index_for_split=8192)
    batch = next(iter(DataLoader(train, batch_size=8192)))
    model = NeuralNetworkCreator().create_neural_network(scenario, h["nn_params"], device="cpu")
    return s, seen, batch, model

def make(rule, learn):
    s, seen, batch, model = setup(rule)
    simulator, trainer, loss = Simulator(device="cpu"), Trainer(device="cpu"), PolicyLoss()
    run = lambda: trainer.simulate_batch(loss, simulator, model, 50, s["problem_params"], batch, seen, 30)[0]
    with torch.no_grad(): run()
    adam = torch.optim.Adam(model.parameters(), lr=0.003)
    def update():
        adam.zero_grad()
        (run() / (8192 * 50)).backward()
        adam.step()
    def simulate():
        with torch.no_grad(): run()
    return update if learn else simulate

work = {"trained": make("vanilla_one_store", True), "simulated": make("capped_base_stock", False)}
print("ready", flush=True)
for line in sys.stdin:
    name = line.strip()
    wall, cpu = time.perf_counter(), time.process_time()
    work[name]()
    print(json.dumps([8192 * 50, time.perf_counter() - wall, time.process_time() - cpu]), flush=True)
"""


class Worker:
    """A process that runs a row when it is told to."""

    def __init__(self, command, folder=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder)
        for line in self.process.stdout:
            if line.strip() == "ready":
                return
        sys.exit(f"{command[0]} ended before it was ready; what it said stands above")

    def round(self, name):
        """Item-periods a second and a CPU-second."""
        print(name, file=self.process.stdin, flush=True)
        count, wall, cpu = json.loads(self.process.stdout.readline())
        return count / wall, count / cpu

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def work(name):
    """What a worker of ours does."""
    if ROWS[name][2] == 1:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    go, count = (training if name.startswith("trained") else replay)(name)
    for _ in range(2):
        go()
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(3):
            go()
        print(json.dumps([3 * count, time.perf_counter() - wall, time.process_time() - cpu]), flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--anchor", type=Path, help="clone of MatiasAlvo/Neural_inventory_control")
    arguments.add_argument("--anchor-python", default=sys.executable, help="an interpreter with torch")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    arguments.add_argument("--json", action="store_true", help="the last line in JSON")
    arguments.add_argument("--work", choices=list(ROWS), help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.work:
        return work(options.work)
    ours = {name: Worker([sys.executable, __file__, "--work", name]) for name in options.rows}
    theirs = Worker([options.anchor_python, "-c", THEIR_CODE], options.anchor) if options.anchor else None
    found = {name: [] for name in (*ours, *({THEIRS[row] for row in ours} if theirs else ()))}
    for _ in range(options.rounds):
        for name, worker in ours.items():
            found[name].append(worker.round(name))
        for name in found.keys() - ours.keys():
            found[name].append(theirs.round(name))
    for worker in (*ours.values(), *([theirs] if theirs else ())):
        worker.close()
    printed = report(found, list(ours), theirs is not None)
    if options.json:
        print(json.dumps(printed))
    return 0


def report(found, rows, beside):
    print(
        f"item-periods a second, median of {len(found[rows[0]])} rounds (least to greatest); load {os.getloadavg()[0]:.1f}"
    )
    print("ratio: a core of ours to HDPO's one, by CPU-seconds" if beside else "HDPO was not run (--anchor)")
    out = []
    for row in rows:
        required, stretch, cores = ROWS[row]
        wall, cpu = (sorted(part[i] for part in found[row]) for i in (0, 1))
        line = {"row": row, "cores": cores, "per_s": wall[len(wall) // 2], "per_cpu_s": cpu[len(cpu) // 2], "required": required, "stretch": stretch}  # fmt: skip
        text = f"{row:22} {cores} core(s): {spread(wall)} a second, {spread(cpu)} a CPU-second"
        if required:
            text += f"; required {required:.1e}, stretch {stretch:.1e}"
        if beside:
            their = sorted(part[1] for part in found[THEIRS[row]])
            line |= {"theirs_per_cpu_s": their[len(their) // 2], "ratio": cpu[len(cpu) // 2] / their[len(their) // 2]}
            text += f"; HDPO {THEIRS[row]} {spread(their)} a CPU-second, ratio {line['ratio']:.1f}"
        print(text)
        if required:
            said = (
                f"HDPO {line['theirs_per_cpu_s']:.1e} a CPU-second in the same run, ratio {line['ratio']:.1f}"
                if beside
                else "HDPO 1.3e6 published"
                if cores == 1
                else "-"
            )
            what = {
                "drawn": "base-stock replay, demand drawn on the fly",
                "at hand": "base-stock replay, demand at hand",
            }.get(row, f"3x32 network, forward + backward + update, {row.partition(', ')[2]}")
            tell(f"{what}, {cores} core(s)", f"{line['per_s']:.2e} item-periods/s", f"{required:.1e}", f"{stretch:.0e}", said, line["per_s"] >= required)  # fmt: skip
        out.append(line)
    return out


def spread(values):
    return f"{values[len(values) // 2]:.2e} ({values[0]:.2e} to {values[-1]:.2e})"


if __name__ == "__main__":
    sys.exit(main())
