"""Whether the chances came true, and whether the promised profit did."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    parts: list[Html] = []
    for (name,), bins in table.filter(pl.col("rows") > 0).group_by("forecast", maintain_order=True):
        parts.append(
            html.grid(_curve(str(name), bins.sort("low")), _counts(str(name), table.filter(forecast=name).sort("low")))
        )
    return html.section(
        "Do the chances of running out come true?",
        _promise(view),
        *parts,
        about=f"Each point: the lines of the replay that were given about the same chance. Left to right the chance that was "
        f"said, upwards how often the item really ran out. On the dashed line both agree. Whiskers: 95 % interval of {_share()}.",
    )


def _share() -> str:
    return "the share, as if lines were independent"


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
    edges = [*bins["low"].to_list(), bins["high"][-1]]
    return html.histogram(
        "How many lines stand behind each point", edges, bins["rows"].cast(float).to_list(), unit="share",
        x_title="chance that was said", about=f"Chances of running out {'before the ' if name.startswith('next') else ''}{name}.",
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
    """(expected, realised) from the report's notes, as a pair or as a record."""
    found = notes.get("promise")
    if isinstance(found, Mapping):
        found = [v for k, v in found.items() if isinstance(v, int | float)][:2] if not {"expected", "realised"} <= set(found) else [
            found["expected"], found["realised"]]  # fmt: skip
    if isinstance(found, Sequence) and not isinstance(found, str) and len(found) == 2:
        return float(found[0]), float(found[1])
    return None
