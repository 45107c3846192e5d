"""From parts to a collection: ids once, duplicates named, one schema. Holds ids, hashes and row numbers, never texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.systems.search.collect import near
from ropewalk.systems.search.collect.columns import Kinds, aligned
from ropewalk.systems.search.collect.part import _write
from ropewalk.systems.search.collect.passages import passages
from ropewalk.systems.search.collect.settings import CollectSettings

if TYPE_CHECKING:
    import polars as pl

Array = near.Array


@dataclass(frozen=True, slots=True)
class Shape:
    """What a finished part looks like; it travels to a worker."""

    folder: str
    name: str
    has: Kinds
    kinds: Kinds
    words: int


def decide(
    folder: Path, files: Sequence[dict[str, Any]], settings: CollectSettings
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Write beside each part which of its rows stay and what they repeat; those that go, with their reasons, and counts."""
    import polars as pl

    rows = pl.concat(
        [pl.scan_ipc(folder / f"{f['name']}.arrow").select("id", "origin", "_ropewalk_same") for f in files]
    )
    table = rows.with_row_index("row").collect()
    first = table["row"].cast(pl.Int64).to_numpy()
    same_id = table.select(pl.col("row").first().over("id").cast(pl.Int64)).to_series().to_numpy()
    kept = same_id == first
    whole = table.filter(kept).select("row", pl.col("row").first().over("_ropewalk_same").alias("like"))
    like, similarity = first.copy(), np.ones(len(first))
    like[whole["row"].to_numpy()] = whole["like"].cast(pl.Int64).to_numpy()
    exact = kept & (like != first)
    if settings.near_duplicates != "keep":
        _look_near(folder, files, np.flatnonzero(kept & ~exact), like, similarity, settings.similarity)
    repeats = kept & (like != first)
    dropped = (exact & (settings.exact_duplicates == "drop")) | (
        repeats & ~exact & (settings.near_duplicates == "drop")
    )
    _write_decisions(folder, files, table["id"], kept & ~dropped, like, similarity)
    gone = _gone(table, same_id, kept, dropped, exact, like, similarity)
    counts = {"same id": int((~kept).sum()), "exact": int(exact.sum()), "near": int((repeats & ~exact).sum())}
    return gone, counts


def _look_near(
    folder: Path, files: Sequence[dict[str, Any]], rows: Array, like: Array, similarity: Array, threshold: float
) -> None:
    """Fill `like` and `similarity` of the rows that are left, and follow exact copies to what their original repeats."""
    total = sum(f["rows"] for f in files)
    path = folder / "signatures.bin"

    def gather(half: Path) -> None:
        with open(half, "wb") as out:
            for one in files:
                np.load(folder / f"{one['name']}.npy").tofile(out)

    _write(path, gather)
    marks = np.memmap(path, np.uint32, "r", shape=(total, near.SLOTS))
    found, shares = near.clusters(marks, threshold, rows)
    like[rows], similarity[rows] = rows[found], shares
    moved = like[like]
    similarity[:] = np.where(moved != like, similarity[like], similarity)
    like[:] = moved


def _write_decisions(
    folder: Path, files: Sequence[dict[str, Any]], ids: pl.Series, stays: Array, like: Array, similarity: Array
) -> None:
    import polars as pl

    at = 0
    for one in files:
        rows = np.arange(at, at + one["rows"])
        at += one["rows"]
        repeats = like[rows] != rows
        frame = pl.DataFrame(
            {
                "stays": stays[rows],
                "duplicate_of": pl.Series(ids.gather(like[rows])).zip_with(
                    pl.Series(repeats), pl.Series([None], dtype=pl.String)
                ),
                "similarity": pl.Series(np.where(repeats, similarity[rows], np.nan)).fill_nan(None),
            }
        )
        _write(folder / f"{one['name']}.decisions", frame.write_ipc)


def _gone(
    table: pl.DataFrame, same_id: Array, kept: Array, dropped: Array, exact: Array, like: Array, similarity: Array
) -> pl.DataFrame:
    """source, position, reason of the rows that do not stay, in order."""
    import polars as pl

    rows = np.flatnonzero(~kept | dropped)
    ids, origins = table["id"], table["origin"]
    reasons = []
    for row in rows.tolist():
        if not kept[row]:
            reasons.append(f"its id {ids[row]!r} is taken by {origins[int(same_id[row])]}")
        elif exact[row]:
            reasons.append(f"the same title and text as {ids[int(like[row])]!r}")
        else:
            reasons.append(f"a near-duplicate of {ids[int(like[row])]!r} (similarity {similarity[row]:.2f})")
    places = [_place(origins[row]) for row in rows.tolist()]
    schema = {"source": pl.String, "position": pl.Int64, "reason": pl.String}
    data = {"source": [p[0] for p in places], "position": [p[1] for p in places], "reason": reasons}
    return pl.DataFrame(data, schema=schema)


def _place(origin: str) -> tuple[str, int]:
    source, colon, position = origin.rpartition(":")
    return (source, int(position)) if colon and position.isdigit() else (origin, 0)


def finish_part(shape: Shape, _seed: int = 0) -> int:
    """Write the finished part as Parquet: rows that stay, one schema, passages where asked for. Returns its rows."""
    import polars as pl

    folder = Path(shape.folder)
    target = folder / f"{shape.name}.parquet"
    if not target.exists():
        lazy = aligned(pl.scan_ipc(folder / f"{shape.name}.arrow"), shape.has, shape.kinds).collect()
        choice = pl.read_ipc(folder / f"{shape.name}.decisions")
        frame = pl.concat([lazy, choice], how="horizontal").filter("stays").drop("stays")
        if shape.words:
            frame = split(frame, shape.words)
        _write(target, lambda path: frame.write_parquet(path, compression="zstd", statistics=False))
    return int(pl.scan_parquet(target).select(pl.len()).collect().item())


def split(frame: pl.DataFrame, words: int) -> pl.DataFrame:
    """A row a passage: id '#' and its number, `parent` the document, `start` and `end` its characters there."""
    import polars as pl

    spans = [passages(text, words) or [(0, len(text))] for text in frame["text"]]
    counts = np.array([len(s) for s in spans], dtype=np.int64)
    rows = np.repeat(np.arange(len(spans)), counts)
    flat = [span for one in spans for span in one]
    texts = frame["text"].to_list()
    numbers = [number for one in spans for number in range(len(one))]
    many = frame[rows]
    return many.with_columns(
        pl.col("id").alias("parent"),
        pl.Series("start", [s for s, _ in flat], pl.Int64),
        pl.Series("end", [e for _, e in flat], pl.Int64),
        pl.Series("text", [texts[r][s:e] for r, (s, e) in zip(rows.tolist(), flat, strict=True)], pl.String),
        pl.Series("id", [f"{i}#{n}" for i, n in zip(many["id"], numbers, strict=True)], pl.String),
    )
