"""Draw the pictures of docs/tutorial-inventory.md from the engine; with --check, fail where one is not what is drawn now.

Exact figures of Zipkin's instance: Poisson demand of 5 a period, a lost sale at 4 USD, a unit held at 1 USD a period.
"""

import sys
from pathlib import Path

import numpy as np

from ropewalk.methods import html
from ropewalk.methods.html.style import DRAWING
from ropewalk.methods.html.text import Html, tag
from ropewalk.systems.inventory.case import Case, case_of
from ropewalk.systems.inventory.commands.policies import Effort, chain_of, fixed, make, score
from ropewalk.systems.inventory.engine.exact import Chain
from ropewalk.systems.inventory.engine.optimum import optimum
from ropewalk.systems.inventory.instance import Instance

TARGET = Path(__file__).parent / "pictures"
MOST_ON_HAND, MOST_DUE, CELL = 16, 10, 22  # units down, units across, pixels
PANELS = {
    "base-stock": "Best base-stock",
    "capped base-stock": "Best capped base-stock",
    "pretrained": "Pre-trained network",
}
STYLE = """.cell{fill:var(--c1)}.on{fill:var(--sheet);font-weight:600}.off{fill:var(--ink)}
.often{fill:none;stroke:var(--ink);stroke-width:1.5}.cells text{font-size:11px}"""


def item(lead: int) -> Case:
    return case_of(Instance(demand="poisson:5", penalty=4.0, lead_time=lead))


def newsvendor() -> str:
    """Cost of every level where an order can be sold at once, and of lead times 1 and 2."""
    levels, parts = list(range(3, 13)), []
    case = item(0)
    means = [score(fixed("base-stock", case, (level,)), case, Effort()).means for level in levels]
    total, held = [float(m.cost) for m in means], [float(m.stock) for m in means]
    lost = [4.0 * float(m.unmet) for m in means]
    series = [
        html.Series("all", total),
        html.Series("held", held, style="dash", colour=3),
        html.Series("lost", lost, style="dash", colour=2),
    ]
    parts.append(
        html.line("Cost a period by level, no lead time, USD", levels, series, x_title="order up to", zero=True)
    )
    series = []
    for lead in (0, 1, 2):
        case, around = item(lead), range(4 + 4 * lead, 12 + 5 * lead)
        costs = [score(fixed("base-stock", case, (level,)), case, Effort()).cost for level in around]
        series.append(html.Series(f"lead time {lead}", costs, x=list(around)))
    parts.append(html.line("The same for longer lead times, USD", [], series, x_title="order up to", zero=True))
    return html.drawing(*parts)


def policies() -> str:
    """The best of each kind against the lead time: cost, and how far above the optimum."""
    leads, names = [0, 1, 2, 3, 4], ("base-stock", "capped base-stock", "exact")
    costs = {
        name: [score(make(name, case, Effort()), case, Effort()).cost for case in map(item, leads)] for name in names
    }
    called = {"exact": "optimum"}
    series = [html.Series(called.get(n, n), costs[n], colour=c) for n, c in zip(names, (2, 1, 3), strict=True)]
    above = [
        html.Series(n, [100 * (a / b - 1) for a, b in zip(costs[n], costs["exact"], strict=True)], colour=c)
        for n, c in (("base-stock", 2), ("capped base-stock", 1))
    ]
    return html.drawing(
        html.line("Cost a period, USD", leads, series, x_title="lead time, periods"),
        html.line("Per cent above the optimum", leads, above, x_title="lead time, periods", zero=True),
    )


def surfaces() -> str:
    """Orders of four policies by what is on hand and what is due next period, lead time 2."""
    case = item(2)
    states = np.array([(a, 0, d) for a in range(MOST_ON_HAND + 1) for d in range(MOST_DUE + 1)])
    panels = []
    for name, title in PANELS.items():
        rule = make(name, case, Effort())
        panels.append(panel(title, rule.text or "in the package", rule.orders(states)[:, 0], chain_of(rule, 100_000)))
    best = optimum(case.problem, begin=states)  # in the states that it never comes to as well
    panels.append(panel("Optimum", "solved exactly", best.solution.decide(states)[:, 0], best.chain))
    wide, tall = 60 + CELL * (MOST_DUE + 1), 92 + CELL * (MOST_ON_HAND + 1)
    groups = [
        tag("g", *p, transform=f"translate({i % 2 * (wide + 18)} {i // 2 * (tall + 8)})") for i, p in enumerate(panels)
    ]
    said = (
        "The order in every state, the stronger its colour the larger.",
        "Framed: states in which more than one period in two hundred is spent.",
    )
    size, height = 2 * wide + 18, 2 * tall + 46
    box = {"viewBox": f"0 0 {size} {height}", "width": size, "height": height}
    about = tag(
        "title",
        "Orders of the best base-stock policy, the best capped one, the pre-trained network and the optimum by units on hand and units due",
    )
    parts = [
        about,
        tag("style", Html(DRAWING + STYLE)),
        tag("rect", width="100%", height="100%", class_="ground", rx=6),
    ]
    key = [tag("text", each, x=38, y=height - 30 + 17 * i) for i, each in enumerate(said)]
    return f"{tag('svg', *parts, *groups, *key, xmlns='http://www.w3.org/2000/svg', role='img', **box)}\n"


def panel(title: str, about: str, orders: np.ndarray, chain: Chain) -> list[Html]:
    """One surface: `orders` row by row of what is on hand, and where the time is spent."""
    often = {tuple(s): float(p) for s, p in zip(chain.states.tolist(), chain.share(), strict=True)}
    left, top, cells, frame = 38, 62, [], []
    for i, order in enumerate(orders.astype(int).tolist()):
        on_hand, due = divmod(i, MOST_DUE + 1)
        share, strength = often.get((on_hand, 0, due), 0.0), (0.06 + 0.86 * min(order, 12) / 12 if order else 0.0)
        x, y = left + CELL * due, top + CELL * on_hand
        box = {"x": x + 0.5, "y": y + 0.5, "width": CELL - 1, "height": CELL - 1, "rx": 2}
        cells.append(tag("rect", class_="cell", fill_opacity=round(strength, 3), **box))
        cells.append(
            tag("text", order, x=x + CELL / 2, y=y + CELL / 2 + 4, class_=f"mid {'on' if strength > 0.5 else 'off'}")
        )
        if share > 0.005:
            frame.append((due, on_hand))
    cost = f"{about}: {chain.average_cost().middle:.3f} USD a period"
    out = [tag("text", title, x=left, y=20, class_="title"), tag("text", cost, x=left, y=38)]
    out += [tag("g", *cells, class_="cells"), outline(frame, left, top)]
    out += [
        tag("text", n, x=left - 8, y=top + CELL * n + CELL / 2 + 4, class_="end") for n in range(0, MOST_ON_HAND + 1, 2)
    ]
    out += [tag("text", n, x=left + CELL * n + CELL / 2, y=top - 6, class_="mid") for n in range(0, MOST_DUE + 1, 2)]
    below = top + CELL * (MOST_ON_HAND + 1) + 16
    out.append(tag("text", "units on hand", transform=f"translate(11 {top + CELL * 5}) rotate(-90)", class_="mid"))
    return [*out, tag("text", "units due next period", x=left + CELL * (MOST_DUE + 1) / 2, y=below, class_="mid")]


def outline(cells: list[tuple[int, int]], left: float, top: float) -> Html:
    """The line around a set of cells."""
    inside, path = set(cells), []
    for x, y in sorted(inside):
        a, b = left + CELL * x, top + CELL * y
        for there, line in (((x, y - 1), f"M{a} {b}h{CELL}"), ((x, y + 1), f"M{a} {b + CELL}h{CELL}"),
                            ((x - 1, y), f"M{a} {b}v{CELL}"), ((x + 1, y), f"M{a + CELL} {b}v{CELL}")):  # fmt: skip
            if there not in inside:
                path.append(line)
    return tag("path", d="".join(path), class_="often", stroke_linecap="round")


DRAWN = {"newsvendor.svg": newsvendor, "policies.svg": policies, "surfaces.svg": surfaces}


def main(check: bool) -> None:
    differ = []
    for name, draw in DRAWN.items():
        path, new = TARGET / name, draw()
        if check and (not path.exists() or path.read_text() != new):
            differ.append(f"docs/pictures/{name} is not what is drawn now: run `python docs/pictures.py`")
        elif not check:
            path.write_text(new)
    if differ:
        sys.exit("\n".join(differ))


if __name__ == "__main__":
    main("--check" in sys.argv)
