"""A queue of our own for labels: pairs become tasks in a file, whoever answers sends the file back, answers become labels.

A task is a row {task, query, document, query_text, title, text, label}; JSONL or CSV by the ending of the name. `label` is left empty
for the rater, who adds `rater`. The name of a task is made from its pair, so exporting twice makes the same task.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropewalk.errors import DataError
from ropewalk.methods.stats.raters import Agreed, alpha, majority

COLUMNS = ("task", "query", "document", "query_text", "title", "text", "label", "rater")
SCALE = {0: "not relevant", 1: "somewhat relevant", 2: "relevant", 3: "just what was asked for"}
SHOWN = 600  # characters of a document's text


@dataclass(frozen=True, slots=True)
class Answer:
    task: str
    query: str
    document: str
    rater: str
    label: int


def tasks(
    pairs: Iterable[tuple[str, str]],
    queries: Mapping[str, str],
    document: Callable[[str], Mapping[str, Any] | None],
    seed: int = 0,
) -> list[dict[str, str]]:
    """A row a pair, query by query, documents in an order that tells nothing of ranks. DataError: what there is no text for."""
    rows, problems = [], []
    for query, doc in pairs:
        found = document(doc)
        if query not in queries or found is None:
            problems.append(
                f"the pair ({query}, {doc}) cannot be labelled: there is no {'query' if query not in queries else 'document'} of that id"
            )
            continue
        title, text = str(found.get("title") or ""), str(found.get("text") or "")[:SHOWN]
        rows.append(
            dict(zip(COLUMNS, (_name(query, doc), query, doc, queries[query], title, text, "", ""), strict=True))
        )
    if problems:
        raise DataError(problems[:10])
    return sorted(rows, key=lambda row: (row["query"], hashlib.sha256(f"{seed}/{row['task']}".encode()).digest()))


def _name(query: str, document: str) -> str:
    return hashlib.sha256(json.dumps([query, document]).encode()).hexdigest()[:16]


def tasks_bytes(rows: Sequence[Mapping[str, str]], name: str) -> bytes:
    """The file of tasks; `name` says by its ending whether it is .jsonl or .csv."""
    if _ending(name) == ".jsonl":
        return "".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows).encode()
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _ending(name: str | Path) -> str:
    ending = Path(name).suffix.lower()
    if ending not in (".jsonl", ".csv"):
        raise DataError([f"{name}: tasks are in a file that ends in .jsonl or .csv"])
    return ending


def read_answers(path: str | Path, scale: Mapping[int, str] = SCALE, rater: str = "") -> list[Answer]:
    """The answers of a file; rows whose label is empty are open still. `rater`: who answered, where the rows do not say."""
    answers, problems = [], []
    seen: set[tuple[str, str]] = set()
    for number, row in _rows(path):
        text = str(row.get("label") if row.get("label") is not None else "").strip()
        if not text:
            continue
        who, task = str(row.get("rater") or rater).strip(), str(row.get("task") or "")
        query, document = str(row.get("query") or ""), str(row.get("document") or "")
        if task != _name(query, document):
            problem = f"task {task!r} is not the task of query {query!r} and document {document!r}: leave these columns as they were"
        elif not who:
            problem = "there is no rater: fill the column `rater`, or say who it was"
        elif text not in {str(label) for label in scale}:
            problem = f"the label {text!r} is not on the scale: {', '.join(f'{k} {v}' for k, v in scale.items())}"
        elif (task, who) in seen:
            problem = f"{who!r} has answered the task {task} further up"
        else:
            seen.add((task, who))
            answers.append(Answer(task, query, document, who, int(text)))
            continue
        problems.append(f"{path}, line {number}: {problem}.")
    if problems:
        raise DataError(problems[:10])
    return answers


def _rows(path: str | Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """(number of the line, row)."""
    is_json = _ending(path) == ".jsonl"
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError([f"{path}: there is no such file"]) from None
    except UnicodeDecodeError as error:
        raise DataError([f"{path}: byte {error.start:,} is not UTF-8. Save the file as UTF-8."]) from None
    if not is_json:
        reader = csv.DictReader(io.StringIO(text))
        if missing := {"task", "query", "document", "label"} - set(reader.fieldnames or ()):
            raise DataError(
                [
                    f"{path}: there is no column {', '.join(sorted(missing))}; it has {', '.join(reader.fieldnames or ())}"
                ]
            )
        yield from ((reader.line_num, row) for row in reader)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError([f"{path}, line {number} is not JSON: {error}"]) from None
            if not isinstance(row, dict):
                raise DataError([f"{path}, line {number}: a task is an object, this is {line[:40]!r}"])
            yield number, row


def agreed(
    answers: Sequence[Answer], rule: Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], Agreed] = majority
) -> tuple[dict[str, dict[str, int]], dict[str, Any]]:
    """Labels of several raters by a rule (majority, dawid_skene, mace), and what to say of them: how far raters agree."""
    if not answers:
        raise DataError(["there are no answers: every label is empty"])
    pairs, who, given = [(a.query, a.document) for a in answers], [a.rater for a in answers], [a.label for a in answers]
    found = rule(pairs, who, given)
    labels: dict[str, dict[str, int]] = {}
    for (query, document), label in found.labels.items():
        labels.setdefault(query, {})[document] = label
    several = len(pairs) > len(set(pairs))
    return labels, {
        "rule": rule.__name__,
        "answers": len(answers),
        "pairs": len(set(pairs)),
        "raters": dict(found.raters),
        "alpha": alpha(pairs, given) if several else None,
    }
