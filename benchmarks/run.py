"""Run the benchmarks one after the other and keep what they print in docs/results/figures.md.

    python benchmarks/run.py            lane, store, serving, predict, order_plan: about six minutes
    python benchmarks/run.py --all      and the long ones: coverage of intervals, false alarms, a thousand kills

Every script prints its figure, the anchor's and the ratio from one run; the load of the machine stands above them, since
a busy machine makes every absolute figure worse.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parent / "docs" / "results" / "figures.md"
QUICK = ("lane", "store", "serving", "predict", "order_plan")
LONG = ("bootstrap_coverage", "false_alarms", "kills")


def main() -> int:
    names = [*QUICK, *(LONG if "--all" in sys.argv else ())]
    parts = ["# Figures", "", "Written by `make bench`.", ""]
    failed = 0
    for name in names:
        print(f"{name} ...", flush=True)
        begun, load = time.monotonic(), os.getloadavg()[0]
        done = subprocess.run([sys.executable, str(HERE / f"{name}.py")], capture_output=True, text=True)
        failed += done.returncode != 0
        output = (done.stdout + (done.stderr if done.returncode else "")).rstrip()
        seconds = time.monotonic() - begun
        parts += [f"## {name}", "", f"`python benchmarks/{name}.py`, {seconds:.0f} s, load at the start {load:.1f}", ""]
        parts += ["```text", output, "```", ""]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text("\n".join(parts))
    print(f"{TARGET.relative_to(HERE.parent)} written, {failed} of {len(names)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
