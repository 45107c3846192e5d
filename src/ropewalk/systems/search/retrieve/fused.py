"""Both legs in one ranking, by the rule of methods/text/fusion.py; and the first of them ranked again where labels taught how."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ropewalk.methods.text import analysis, fusion, vectors
from ropewalk.methods.text.fusion import Leg, QueryFacts
from ropewalk.systems.search import encoders
from ropewalk.systems.search.retrieve import rerank, words
from ropewalk.systems.search.retrieve.engine import Engine, Ranked
from ropewalk.systems.search.retrieve.facts import restored, spread, terms_of
from ropewalk.systems.search.retrieve.parts import PHRASE, parts
from ropewalk.systems.search.retrieve.vocabulary import idf, places


def fuse(engine: Engine, ranked: Ranked, shift: float = 0.0) -> Leg:
    """One ranking of both legs. `shift`: what labels taught of the worth of the terms.

    Where the encoder does not know the collection's language, its vectors only add documents behind those with a term: an English
    encoder gained nothing on German, Spanish and Chinese questions, and lost some (docs/decisions/0030-fusion.md).
    """
    if not encoders.knows(engine.snapshot.layout.encoder, engine.snapshot.layout.language):
        return fusion.behind(ranked.terms, ranked.dense)
    query = asked(engine, ranked)
    return fusion.fuse(ranked.terms, ranked.dense, query, lambda rows: restored(engine.snapshot, rows), shift)


def by_reciprocal_rank(_engine: Engine, ranked: Ranked) -> Leg:
    """The baseline."""
    return fusion.reciprocal_rank([ranked.terms, ranked.dense])


def asked(engine: Engine, ranked: Ranked) -> QueryFacts:
    """What the fusion wants to know beside the two legs."""
    assert ranked.vector is not None
    order = np.argsort(ranked.terms.rows, kind="stable")
    cosines = np.empty(len(order), np.float32)
    cosines[order] = vectors.rescore(engine.snapshot.vectors, ranked.vector, ranked.terms.rows[order])
    own = _terms(engine, ranked, engine.snapshot.layout.language)
    return QueryFacts(cosines, spread(engine.snapshot, ranked.vector), covered(engine, ranked, own), len(own[0]))


TermsIdf = tuple[list[str], dict[str, float]]  # the terms of a query, and the idf of each


def covered(engine: Engine, ranked: Ranked, own: TermsIdf) -> float:
    """The share of the query's terms, by idf, that the best hit by terms holds, in the language where it is highest. `own`: the
    terms in the collection's language."""
    layout = engine.snapshot.layout
    given = parts(engine.snapshot, ranked.understood.query, int(ranked.terms.rows[0]))
    phrases = (
        {clause.text for clause in ranked.understood.clauses if clause.phrase}
        if any(p == PHRASE for _, p, _ in given)
        else ()
    )
    best = 0.0
    for language in layout.languages:
        terms, rare = own if language == layout.language else _terms(engine, ranked, language)
        named = {place.name for place in places(layout) if place.language == language}
        held = {term for place, term, _ in given if place in named}
        held |= {term for text in phrases for term in analysis.terms(text, language)}
        total = sum(rare.values())
        best = max(best, sum(rare[term] for term in set(terms) & held) / total if total else 0.0)
    return best


@dataclass(frozen=True)
class Learned:
    """The order that labels taught: the worth of the terms, and a reranker."""

    shift: float = 0.0
    reranker: rerank.Reranker | None = None

    def __call__(self, engine: Engine, ranked: Ranked) -> Leg:
        fused = fuse(engine, ranked, self.shift)
        if self.reranker is None or not self.reranker.blend:
            return fused
        return rerank.rerank(self.reranker, fused, features(engine, ranked, fused))


def features(engine: Engine, ranked: Ranked, fused: Leg) -> np.ndarray:
    """float32 [n, F] of the first documents of a fused ranking."""
    snapshot, query = engine.snapshot, asked(engine, ranked)
    rows = fused.rows[: rerank.TOP]
    documents = [terms_of(snapshot, document) for document in snapshot.documents(rows)]
    terms, rare = _terms(engine, ranked, snapshot.layout.language)
    return rerank.features_of(
        fused,
        fusion.candidates(ranked.terms, ranked.dense, query.cosines),
        restored(snapshot, rows),
        documents,
        terms,
        rare,
        float(fusion.facts(ranked.terms, ranked.dense, query)[0]),
    )


def _terms(engine: Engine, ranked: Ranked, language: str) -> TermsIdf:
    """The terms of a query in a language, with their idf in the field where each is most frequent."""
    terms = analysis.terms(words.plain(ranked.understood.clauses), language)
    own = [place for place in places(engine.snapshot.layout) if place.language == language]
    frequency = engine.snapshot.searcher.doc_freq
    most = {term: max((frequency(place.name, term) for place in own), default=0) for term in terms}
    return terms, {term: idf(engine.snapshot.rows, n) for term, n in most.items()}
