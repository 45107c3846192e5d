"""pool, agree: from queries to tasks for people, and from what several of them answered to labels."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ropewalk.errors import ConfigError, DataError
from ropewalk.methods.stats import raters
from ropewalk.methods.text import judging
from ropewalk.systems.search.commands import which
from ropewalk.systems.search.evaluate import run
from ropewalk.systems.search.measure import files, queue
from ropewalk.types import Desk

LEGS = ("terms", "dense", "hybrid")
RULES = ("majority", "dawid_skene", "mace")


def pool(desk: Desk, queries: str, collection: str, qrels: str, depth: int, out: str, caller: str) -> int:
    """Each leg brings its first documents, so that no label favours the ranking that is served now."""
    if depth < 1:
        raise ConfigError([f"depth: {depth} documents of each leg are none to judge; 10 is usual"])
    asked = files.read_queries(queries)
    labels = files.read_labels(qrels) if qrels else {}
    model = which.model(desk, collection)
    engine, _, _ = model.opened(caller)
    legs = LEGS if model.spec.encoder else ("terms",)
    runs = [run(engine, list(asked.items()), leg, partial(_told, desk, leg, len(asked))) for leg in legs]
    pairs = judging.unjudged(judging.pool(runs, depth), labels)

    def document(id: str) -> dict[str, object] | None:
        row = engine.snapshot.row_of(id)
        return None if row is None else dict(engine.snapshot.documents([row])[0])

    rows = queue.tasks(pairs, asked, document, desk.job.seed)
    desk.write(out, queue.tasks_bytes(rows, out))
    scale = ", ".join(f"{label} {meaning}" for label, meaning in queue.SCALE.items())
    desk.show(
        {"tasks": len(rows), "queries": len({query for query, _ in pairs}), "legs": list(legs), "out": out},
        f"{len(rows):,} pairs of {len(asked):,} queries to judge in {out}: fill the columns label ({scale}) and rater, a file for "
        f"each person; then ropewalk search agree FILES",
    )
    return 0


def _told(desk: Desk, leg: str, total: int, done: int) -> None:
    desk.job.progress(leg, done, total, "queries")


def agree(desk: Desk, answers: str, rule: str, qrels: str, out: str) -> int:
    """Labels of a rule over all raters, added to those that there are; a pair that was judged anew has its new label."""
    if rule not in RULES:
        raise ConfigError([f"rule: {rule!r} is none of {', '.join(RULES)}"])
    found = [answer for path in answers.split(",") for answer in queue.read_answers(path, rater=Path(path).stem)]
    given = {(a.query, a.document, a.rater) for a in found}
    if len(given) < len(found):
        raise DataError([f"{answers}: a rater has answered a pair in two files; leave one of them out"])
    chosen = {"majority": raters.majority, "dawid_skene": raters.dawid_skene, "mace": raters.mace}[rule]
    fresh, told = queue.agreed(found, chosen)
    known = files.read_labels(qrels) if qrels else {}
    labels = {query: {**known.get(query, {}), **fresh.get(query, {})} for query in dict.fromkeys((*known, *fresh))}
    desk.write(out, files.labels_text(labels).encode())
    alpha = "no pair has two answers" if told["alpha"] is None else f"Krippendorff's alpha {told['alpha']:.3f}"
    lines = [f"{told['pairs']:,} pairs by {rule} of {told['answers']:,} answers ({alpha}), labels in {out}"]
    lines += [
        f"  {name}: gives the label agreed upon {share:.0%} of the time" for name, share in told["raters"].items()
    ]
    desk.show({**told, "labels": sum(map(len, labels.values())), "out": out}, "\n".join(lines))
    return 0
