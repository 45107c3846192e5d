"""Questions with their answers, from which a reader is learned: SQuAD's JSON, as XQuAD and most question sets have it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ropewalk.errors import DataError, MissingError
from ropewalk.systems.search.measure import parts
from ropewalk.systems.search.measure.parts import Rule

if TYPE_CHECKING:
    import polars as pl

PARTS = Rule(shares={"learn": 0.8, "test": 0.2})


def table(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """id, question, text, answer, start, language, group, part: questions on one article are all in one part."""
    import polars as pl

    cut = parts.cut(sorted({str(row["group"]) for row in rows}), PARTS)
    part = {group: name for name, members in cut.items() for group in members}
    names = ("id", "question", "text", "answer", "start", "group")
    found = [
        {**{n: row[n] for n in names}, "language": row.get("language", "en"), "part": part[str(row["group"])]}
        for row in rows
    ]
    return pl.DataFrame(found)


def read(address: str, language: str) -> pl.DataFrame:
    """The questions of a file; the first of several answers counts."""
    rows = []
    for number, article in enumerate(_articles(address)):
        for place, paragraph in enumerate(article["paragraphs"]):
            for asked in paragraph["qas"]:
                if asked.get("answers"):
                    first = asked["answers"][0]
                    about = {"text": paragraph["context"], "answer": first["text"], "start": first["answer_start"]}
                    group = article.get("title") or f"article {number}"
                    where = {"language": "en" if language == "auto" else language, "group": group}
                    rows.append(
                        {
                            "id": str(asked.get("id") or f"{number}.{place}"),
                            "question": asked["question"],
                            **about,
                            **where,
                        }
                    )
    if not rows:
        raise DataError([f"{address}: there is no question with an answer in it."])
    return table(rows)


def _articles(address: str) -> list[dict[str, Any]]:
    path = Path(address)
    if not path.is_file():
        raise MissingError("file", path.name, hint=f"It was looked for at {path.absolute()}.")
    data = path.read_bytes()
    try:
        body = json.loads(gzip.decompress(data) if address.endswith(".gz") else data)
        articles: list[dict[str, Any]] = body["data"]
        [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(
            [f"{address}: it is not SQuAD's JSON ({type(error).__name__}: {error}): data, paragraphs, context, qas."]
        ) from None
    return articles
