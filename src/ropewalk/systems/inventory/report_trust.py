"""Whether the chances came true, and whether the promised profit did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from ropewalk.methods import html
from ropewalk.methods.html import Html, Series, tag
from ropewalk.systems.inventory.report_view import View

Z = 1.96


def trust(view: View) -> Html:
    """A plot of the chances and a count of their rows for each forecast; the sum of the promises."""
    table = view.table("calibration")
    if table is None:
        return Html("")
    split = table.filter(pl.col("rows") > 0).sort("low").partition_by("forecast", maintain_order=True, as_dict=True)
    parts = [
        html.grid(*[_curve(str(name), bins) for (name,), bins in split.items()]),
        html.grid(*[_counts(str(name), bins) for (name,), bins in split.items()]),
    ]
    return html.section(
        "Do the chances of running out come true?",
        _promise(view),
        *parts,
        about="Each point: the lines of the replay that were given about the same chance. Left to right the chance that was "
        "said, upwards how often the item really ran out. On the dashed line both agree. Whiskers: 95 % interval of the "
        "share, as if lines were independent.",
    )


def _curve(name: str, bins: pl.DataFrame) -> Html:
    ends = [wilson(r["observed"], r["rows"]) for r in bins.iter_rows(named=True)]
    total = int(bins["rows"].sum())
    said = float((bins["predicted"] * bins["rows"]).sum() / total)
    came = float((bins["observed"] * bins["rows"]).sum() / total)
    series = Series(
        "came true", bins["observed"].to_list(), bins["predicted"].to_list(), [a for a, _ in ends], [b for _, b in ends]
    )
    return html.points(
        f"Running out before the {name}" if name.startswith("next") else f"Running out {name}",
        [series], unit="share", x_unit="share", x_title="chance that was said", diagonal=True,
        x_range=(0.0, 1.0), y_range=(0.0, 1.0),
        about=f"Said on average {html.percent(said)}, came true {html.percent(came)}, over {total:,} lines.",
    )  # fmt: skip


def _counts(name: str, bins: pl.DataFrame) -> Html:
    names = [f"{html.percent(a)} to {html.percent(b)}" for a, b in bins.select("low", "high").rows()]
    return html.bars(
        "Lines behind each point", names, bins["rows"].cast(float).to_list(),
        about=f"By the chance of running out {'before the ' if name.startswith('next') else ''}{name}.",
    )  # fmt: skip


def wilson(share: float, rows: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, J. Am. Stat. Assoc. 22, 1927): never beyond 0 and 1, sound when rows are few."""
    spread = Z * math.sqrt(share * (1 - share) / rows + (Z / (2 * rows)) ** 2)
    middle, scale = share + Z * Z / (2 * rows), 1 + Z * Z / rows
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def _promise(view: View) -> Html:
    pair = promise_of(view.notes)
    if pair is None:
        return Html("")
    promised, earned = pair
    gap = html.percent((earned - promised) / abs(promised), sign=True) if promised else "no"
    return tag("p", f"Order by order, the replay was promised {view.money(promised)} in all and earned "
               f"{view.money(earned)}: {gap} against the promise.")  # fmt: skip


def promise_of(notes: Mapping[str, Any]) -> tuple[float, float] | None:
    """(expected, realised) profit of the replay's order lines."""
    found = notes.get("promise")
    if not isinstance(found, Mapping) or not {"expected_usd", "realised_usd"} <= set(found):
        return None
    return float(found["expected_usd"]), float(found["realised_usd"])
