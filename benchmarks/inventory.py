"""Every row of the table of one item at a site, ours beside the anchor's: docs/results/inventory.md.

    make bench-inventory                                  some hours on two cores; what is done is not done again
    python benchmarks/inventory.py --only speed order_plan      some of it, again
    python benchmarks/inventory.py --seeds 1                  a third of the time

Needs ROPEWALK_SHARED_DATA (published costs). HDPO runs beside ours in `speed` where --anchor names a clone of
MatiasAlvo/Neural_inventory_control and --anchor-python an interpreter with torch. Each benchmark prints its rows (rows.py); what it
printed is kept in out/inventory/, whole or not at all. Interrupted, it goes on with the next one. Every training of the test beds is a line
of docs/results/inventory-runs.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from pathlib import Path

import table

HERE = Path(__file__).parent
TARGET = HERE.parent / "docs" / "results" / "inventory.md"
RUNS = TARGET.with_name("inventory-runs.csv")
KEPT = Path("out", "inventory")
BEDS, CROSSING = Path("out", "beds"), Path("out", "random_lead_time")
HIDDEN = {"--anchor": "CLONE", "--anchor-python": "PYTHON"}


def calls(options: argparse.Namespace) -> dict[str, list[str]]:
    """name -> script and arguments, the short ones first."""
    seeds = ["--seeds", str(options.seeds)]
    beside = ["--anchor", options.anchor, "--anchor-python", options.anchor_python] if options.anchor else []
    return {
        "speed": ["speed.py", *beside],
        "order_plan": ["order_plan.py", "--repeat", "3"],
        "order_plan_20m": ["order_plan.py", "--items", "20000000", "--layout", "columns"],
        "convergence": ["convergence.py", *seeds, "--json", str(KEPT / "convergence.json")],
        "backlog": ["backlog.py", *seeds],
        "pretrained": ["pretrained.py", "zipkin"],
        "pretrained_random": ["pretrained.py", "random"],
        "demo_cost_settings": ["demo_cost_settings.py"],
        "dual": ["beds.py", "dual", *seeds],
        "zipkin": ["beds.py", "zipkin", *seeds],
        **{bed: ["beds.py", bed, *seeds] for bed in ("unseen-lost-sales", "unseen-dual", "unseen-perishables")},
        "random_lead_time": ["random_lead_time.py", *seeds],
        "long": ["beds.py", "long", *seeds],
        "perishables": ["beds.py", "perishables", *seeds],
    }


def page(names: list[str]) -> str:
    shown = ["![cost against training time](convergence.svg)", ""] if (KEPT / "convergence.json").exists() else []
    intro = "Written by `make bench-inventory`: one item at a site, every row ours beside the anchor's. Where a row has seeds, the worst of them counts. "
    intro += "Each training is a line of [inventory-runs.csv](inventory-runs.csv). The seconds beside a command are those of its last call, which found the longer ones' instances done; what training took is in their CPU-seconds."
    return table.page(KEPT, names, "Inventory at one site", intro, shown)


def runs() -> str:
    """Every training that is kept, as CSV: what it cost, and to train. A standard error of 0: the cost is exact."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("bed", "instance", "seed", "cost", "standard_error", "train_cpu_s", "code"))
    beds = [file for file in sorted(BEDS.glob("*/*-*.json")) if file.name[0].isdigit()]
    for file in (*beds, *sorted(CROSSING.glob("*.json"))):
        one = json.loads(file.read_text())
        if file in beds:
            bed, instance, cost, error = file.parent.name, one["instance"], one["cost"], one["standard_error"]
        else:
            bed, instance, (cost, error) = "random_lead_time", file.stem.rsplit("-", 2)[0], one["learned"]
        figures = f"{cost:.8g}", f"{error:.3g}", f"{one['train_cpu_s']:.1f}"
        lines.writerow((bed, instance, one["seed"], *figures, one["code"]))
    return text.getvalue()


def picture(curves: dict) -> str:
    """Cost against training time: per cent above the optimum by CPU-seconds, one line a seed, and what HDPO took."""
    from ropewalk.methods import html

    best = curves["best"]
    series = [
        html.Series(f"seed {seed}", [100.0 * (cost / best - 1.0) for _, _, cost in points], x=[x for x, *_ in points])
        for seed, points in enumerate(curves["curves"])
    ]
    within, spent = [float(limit) for limit in curves["hdpo"]], list(curves["hdpo"].values())
    series.append(html.Series("HDPO, within that for good", within, x=spent, style="points", colour=6))
    title = f"Cost above the optimum, %: {curves['demand']}, L = {curves['lead_time']}, p = {curves['penalty']:g}"
    rule = html.Rule(100.0 * (curves["rule"] / best - 1.0), "best capped base-stock")
    about = "CPU-seconds of training, compiling included"
    return html.drawing(html.line(title, [], series, x_title=about, zero=True, limits=[rule], wide=True, log=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these, and again")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--anchor", help="clone of MatiasAlvo/Neural_inventory_control")
    parser.add_argument("--anchor-python", default=sys.executable, help="an interpreter with torch")
    options = parser.parse_args()
    known = calls(options)
    unknown = set(options.only or ()) - known.keys()
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if not os.environ.get("ROPEWALK_SHARED_DATA"):
        parser.error("set ROPEWALK_SHARED_DATA to the folder of published tables")
    KEPT.mkdir(parents=True, exist_ok=True)
    failed = [
        name for name in options.only or known if not table.run(KEPT, name, known[name], bool(options.only), HIDDEN)
    ]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(page(list(known)))
    RUNS.write_text(runs())
    if (KEPT / "convergence.json").exists():
        TARGET.with_name("convergence.svg").write_text(picture(json.loads((KEPT / "convergence.json").read_text())))
    print(
        f"{TARGET.relative_to(HERE.parent)} and {RUNS.name} written"
        + (f"; failed: {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
