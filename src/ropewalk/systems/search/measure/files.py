"""Files of queries, labels and runs, as TREC and BEIR write them: read whole, every problem told with file, line and value.

    queries.tsv   id TAB text                                   a header `id TAB text` (or query-id, qid, _id; query) is passed over
    qrels.txt     query 0 document label                        TREC, any white space
    qrels.tsv     query-id TAB corpus-id TAB score              BEIR, with its header
    run.txt       query Q0 document rank score name             TREC

A file that ends in .gz is unpacked. A run is ordered by score, the best first, and equal scores by document from z to a, as
trec_eval does whatever the ranks say: so its figures are the same ones.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from ropewalk.errors import DataError

TOLD = 10  # problems of one file
_HEADS = {"id", "_id", "qid", "query-id", "query_id"}

Row = TypeVar("Row")


def read_queries(path: str | Path) -> dict[str, str]:
    """id -> text, in the order of the file."""

    def row(line: str) -> tuple[str, str]:
        id_, tab, text = line.partition("\t")
        if not tab:
            raise ValueError(f"has no tab: {line[:80]!r}. A line is `id TAB text`")
        if not id_.strip() or not text.strip():
            raise ValueError(f"has no {'text' if id_.strip() else 'id'}: {line[:80]!r}")
        return id_.strip(), text.strip()

    found: dict[str, str] = {}
    problems: list[str] = []
    for number, (id_, text) in _rows(
        path, row, problems, lambda line: line.partition("\t")[0].strip().lower() in _HEADS
    ):
        if id_ in found:
            problems.append(f"{path}, line {number}: the id {id_!r} stands there twice; each query once.")
        found[id_] = text
    return _fine(path, found, problems, "queries")


def read_labels(path: str | Path) -> dict[str, dict[str, int]]:
    """query -> document -> label, of TREC's four columns or BEIR's three. The same pair twice needs the same label."""

    def row(line: str) -> tuple[str, str, int]:
        parts = line.split("\t") if line.count("\t") == 2 else line.split()
        if len(parts) not in (3, 4):
            raise ValueError(
                f"has {len(parts)} columns: {line[:80]!r}. Labels have `query 0 document label` or `query TAB document TAB label`"
            )
        query, document, label = parts[0].strip(), parts[-2].strip(), parts[-1].strip()
        return query, document, _whole(label)

    found: dict[str, dict[str, int]] = {}
    problems: list[str] = []
    for number, (query, document, label) in _rows(path, row, problems, _is_head_of_labels):
        before = found.setdefault(query, {}).setdefault(document, label)
        if before != label:
            problems.append(
                f"{path}, line {number}: {document!r} has label {label} for query {query!r}, and {before} further up. Keep one."
            )
    return _fine(path, found, problems, "labels")


def _is_head_of_labels(line: str) -> bool:
    parts = line.lower().split()
    return len(parts) in (3, 4) and parts[0] in _HEADS and not parts[-1].lstrip("-").isdecimal()


def _whole(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise ValueError(f"has the label {text!r}. A label is a whole number: 0 is not relevant, more is more relevant")
    return int(number)


def read_run(path: str | Path) -> dict[str, list[str]]:
    """query -> documents, the best first, of TREC's six columns."""

    def row(line: str) -> tuple[str, str, float]:
        parts = line.split()
        if len(parts) != 6:
            raise ValueError(f"has {len(parts)} columns: {line[:80]!r}. A run has `query Q0 document rank score name`")
        try:
            score = float(parts[4])
        except ValueError:
            score = math.nan
        if math.isnan(score):
            raise ValueError(f"has the score {parts[4]!r}. A score is a number, higher is better")
        return parts[0], parts[2], score

    scores: dict[str, dict[str, float]] = {}
    problems: list[str] = []
    for number, (query, document, score) in _rows(path, row, problems, lambda _: False):
        if document in scores.setdefault(query, {}):
            problems.append(
                f"{path}, line {number}: {document!r} stands twice under query {query!r}; each document once."
            )
        scores[query][document] = score
    return _fine(path, {query: ordered(found) for query, found in scores.items()}, problems, "run")


def ordered(scores: Mapping[str, float]) -> list[str]:
    """Documents by score, the best first; equal ones from z to a, as trec_eval does."""
    return [doc for _, doc in sorted(((score, doc) for doc, score in scores.items()), reverse=True)]


def labels_text(labels: Mapping[str, Mapping[str, int]]) -> str:
    """TREC's four columns."""
    return "".join(f"{query} 0 {doc} {label}\n" for query, judged in labels.items() for doc, label in judged.items())


def run_text(ranking: Mapping[str, Sequence[str]], name: str) -> str:
    """TREC's six columns; scores are 1, 1/2, 1/3, ... in the order of the ranking, so that every reader orders them alike."""
    return "".join(
        f"{query} Q0 {doc} {rank} {1 / rank:.9g} {name}\n"
        for query, docs in ranking.items()
        for rank, doc in enumerate(docs, 1)
    )


def _rows(
    path: str | Path, row: Callable[[str], Row], problems: list[str], is_head: Callable[[str], bool]
) -> Iterator[tuple[int, Row]]:
    """(number of the line, what it says); empty lines are passed over, what is wrong is added to the problems."""
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip() or (number == 1 and is_head(line)):
            continue
        try:
            yield number, row(line)
        except ValueError as error:
            problems.append(f"{path}, line {number} {error}.")


def _text(path: str | Path) -> str:
    try:
        data = Path(path).read_bytes()
        return (gzip.decompress(data) if str(path).endswith(".gz") else data).decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError([f"{path}: there is no such file"]) from None
    except UnicodeDecodeError as error:
        raise DataError([f"{path}: byte {error.start:,} is not UTF-8. Save the file as UTF-8."]) from None
    except (OSError, EOFError) as error:
        raise DataError([f"{path} cannot be read: {getattr(error, 'strerror', None) or error}."]) from None


Found = TypeVar("Found", bound=Mapping[str, object])


def _fine(path: str | Path, found: Found, problems: list[str], what: str) -> Found:
    if problems:
        more = [f"{path}: {len(problems) - TOLD:,} more problems"] if len(problems) > TOLD else []
        raise DataError([*problems[:TOLD], *more])
    if not found:
        raise DataError([f"{path}: there are no {what} in it"])
    return found
