"""What a query promises: filters that no leg forgets, words as they were meant, counts that agree with hits."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.errors import RequestError
from ropewalk.store import open_store
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.retrieve import callers, filtered, filters, fused, masks, words
from ropewalk.systems.search.retrieve.engine import Engine, Wanted
from ropewalk.systems.search.retrieve.explain import explain
from ropewalk.systems.search.retrieve.filters import Between, Every, No, OneOf, Some
from ropewalk.systems.search.retrieve.fused import fuse
from ropewalk.systems.search.retrieve.shop import encode, engine, shop
from ropewalk.systems.search.retrieve.suggest import suggest


@pytest.fixture(scope="module")
def asked():
    with open_store("memory://") as store:
        yield engine(shop(store))


def ids(asked, query, **more):
    return asked.snapshot.ids(asked.search(Wanted(query, **more)).rows)


def where(asked, body):
    return filters.read(body, asked.kinds)


# -- the query language --


def test_a_query_is_read_in_parts():
    assert words.parse('red "running shoes" -leather +new title:hiking trek*', ("title",)) == (
        words.Clause("red"),
        words.Clause("running shoes", phrase=True),
        words.Clause("leather", "not"),
        words.Clause("new", "must"),
        words.Clause("hiking", field="title"),
        words.Clause("trek", prefix=True),
    )


def test_a_colon_after_no_field_is_a_word():
    assert words.parse("ratio 16:9", ("title",))[1] == words.Clause("16:9")


@given(st.text(max_size=40))
def test_nothing_that_is_typed_is_an_error(text):
    for clause in words.parse(text, ("title",)):
        assert any(c.isalnum() for c in clause.text)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='ab"*+-: ~^()[]{}\\/é中', max_size=20))
def test_nothing_that_is_typed_breaks_a_search(asked, text):
    found = asked.search(Wanted(text))
    assert len(found.rows) == len(found.scores) <= 10


def test_the_words_of_a_phrase_stand_in_order(asked):
    assert ids(asked, '"running shoes"', legs="terms") == ["1"]
    assert set(ids(asked, "running shoes", legs="terms")) == {"1", "2", "5"}


def test_a_phrase_that_stands_nowhere_is_read_as_its_words_and_that_is_said(asked):
    found = asked.search(Wanted('"shoes running" boots', legs="terms"))
    assert set(asked.snapshot.ids(found.rows)) == {"1", "2", "3", "5"}
    assert found.corrected == "shoes running boots"
    for strict in ('+"shoes running" boots', '"shoes running" -"shoes running"'):
        assert asked.search(Wanted(strict, legs="terms", typos=False)).corrected == ""
    assert ids(asked, '+"shoes running" boots', legs="terms") == []
    assert set(ids(asked, 'shoes -"shoes running"', legs="terms")) == {"1", "2"}
    assert ids(asked, '"shoes running"', legs="terms", typos=False) == []


def test_signs_bind_both_legs(asked):
    for legs in ("terms", "dense", "hybrid"):
        assert "2" not in ids(asked, "shoes -leather", legs=legs)
        assert set(ids(asked, "red +waterproof", legs=legs)) == {"3", "4"}


def test_a_field_before_a_colon_is_the_only_one_searched(asked):
    assert ids(asked, "title:running", legs="terms") == ["1"]


def test_a_prefix_stands_for_the_words_that_begin_so(asked):
    assert set(ids(asked, "water*", legs="terms")) == {"3", "4"}


def test_a_mistyped_word_is_mended_and_said(asked):
    found = asked.search(Wanted("watreproof", legs="terms"))
    assert set(asked.snapshot.ids(found.rows)) == {"3", "4"}
    assert found.corrected == "waterproof"
    assert ids(asked, "watreproof", legs="terms", typos=False) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("boots, watreproof?", "boots, waterproof?"), ("title:bootts", "title:boots"), ("hiking/watreproof", "hiking/waterproof"),
     ('"watreproof jackt"', "waterproof jacket")],
)  # fmt: skip
def test_what_was_meant_is_said_as_it_was_typed_but_for_the_mistake(asked, typed, meant):
    assert asked.search(Wanted(typed)).corrected == meant


def test_the_meanings_leg_reads_the_word_that_was_meant(asked):
    for legs in ("dense", "hybrid"):
        one, other = (asked.search(Wanted(query, legs=legs)) for query in ("watreproof jacket", "waterproof jacket"))
        assert one.legs["dense"].rows.tolist() == other.legs["dense"].rows.tolist()
        assert one.legs["dense"].scores.tolist() == other.legs["dense"].scores.tolist()
        assert one.corrected == "waterproof jacket"
    typed = asked.search(Wanted("watreproof jacket", legs="dense", typos=False))
    assert typed.scores.tolist() != one.legs["dense"].scores[: len(typed.rows)].tolist()


def test_a_word_that_one_language_knows_is_not_mended_to_another():
    with open_store("memory://") as store:
        collection = Collection(store, "two")
        collection.create(Layout((Field("text", "text"),), languages=("en", "de")))
        collection.write([{"id": "e", "text": "a hound"}, {"id": "d", "text": "der Hund", "language": "de"}])
        made = Engine(collection.open(), None, fuse)
        assert made.search(Wanted("hund")).corrected == ""
        assert ids(made, "hund") == ["d"]
        assert made.search(Wanted("houndd")).corrected == "hound"


def test_a_known_word_is_never_mended(asked):
    assert asked.search(Wanted("boots", legs="terms")).corrected == ""


def test_a_synonym_finds_what_the_word_does_not():
    with open_store("memory://") as store:
        made = engine(shop(store), synonyms={"footwear": ["shoes", "boots"]})
        assert set(ids(made, "footwear", legs="terms")) == {"1", "2", "3"}


def test_a_query_in_one_language_is_looked_for_in_its_fields_alone():
    with open_store("memory://") as store:
        layout = Layout((Field("text", "text"),), languages=("en", "de"))
        collection = Collection(store, "two")
        collection.create(layout)
        collection.write([{"id": "e", "text": "the gift"}, {"id": "d", "text": "das Gift", "language": "de"}])
        made = Engine(collection.open(), None, fuse)
        assert [set(ids(made, "gift", legs="terms", language=one)) for one in ("", "en", "de")] == [
            {"d", "e"},
            {"e"},
            {"d"},
        ]


# -- filters --


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"brand": "Alder"}, {"1", "3"}),
        ({"brand": ["Alder", "Cedar"]}, {"1", "3", "4", "5"}),
        ({"tags": "red"}, {"1"}),
        ({"stock": 3}, {"1", "5"}),
        ({"stock": {"gte": 3, "lt": 12}}, {"1", "5"}),
        ({"price": {"gt": 79.5}}, {"2", "3"}),
        ({"price": 60.0}, {"4"}),
        ({"sold": {"lt": "2024-02-01"}}, {"1", "3"}),
        ({"sold": "2024-02-10T13:00:00+01:00"}, {"2"}),
        ({"new": True}, {"1"}),
        ({"brand": {"not": "Alder"}}, {"2", "4", "5"}),
        ({"stock": {"not": {"gte": 1}}}, {"2", "4"}),
        ({"any": [{"brand": "Birch"}, {"stock": 12}]}, {"2", "3"}),
        ({"all": [{"brand": "Alder"}, {"new": False}]}, {"3"}),
        ({"brand": "Alder", "new": True}, {"1"}),
        ({"not": {"brand": ["Alder", "Birch"]}}, {"4", "5"}),
        ({"brand": []}, set()),
        ({"any": []}, set()),
        ({"brand": "nobody's"}, set()),
    ],
)
def test_a_filter_holds_in_every_leg_and_count(asked, body, expected):
    wanted = where(asked, body)
    assert set(asked.snapshot.ids(np.flatnonzero(asked.seen(wanted)))) == expected
    for legs in ("terms", "dense", "hybrid"):
        found = asked.search(Wanted("running waterproof shoes", where=wanted, legs=legs, facets=("brand",)))
        assert set(asked.snapshot.ids(found.rows)) <= expected
        assert sum(n for _, n in found.facets.get("brand", [])) == found.total <= len(expected)


values = {
    "brand": st.sampled_from(["Alder", "Birch", "Cedar", "none"]),
    "tags": st.sampled_from(["shoe", "red", "boot"]),
    "stock": st.integers(-1, 13),
    "price": st.sampled_from([60.0, 79.5, 100.0, 120.0]),
    "sold": st.datetimes(datetime(2023, 1, 1), datetime(2024, 12, 31)).map(
        lambda d: d.replace(microsecond=0, tzinfo=UTC)
    ),
    "new": st.booleans(),
}


def one_of(name):
    return st.lists(values[name], max_size=3).map(lambda v: OneOf(name, tuple(v)))


def between(name):
    ends = st.none() | values[name]
    return st.builds(Between, st.just(name), ends, ends, st.booleans(), st.booleans()).map(
        lambda b: Between(b.field, b.low, b.high, b.with_low or b.low is None, b.with_high or b.high is None)
    )


leaves = st.sampled_from(sorted(values)).flatmap(one_of) | st.sampled_from(["stock", "price", "sold"]).flatmap(between)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.builds(No, inner)
        | st.lists(inner, max_size=3).map(lambda p: Every(tuple(p)))
        | st.lists(inner, max_size=3).map(lambda p: Some(tuple(p)))
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(trees)
def test_the_mask_and_the_query_of_a_filter_are_the_same_documents(asked, tree):
    query = filtered.as_query(tree, asked.snapshot.index.schema, asked.kinds)
    rows, scores = asked.snapshot.terms(query, 100)
    assert sorted(rows.tolist()) == np.flatnonzero(masks.mask(tree, asked.snapshot, asked.kinds)).tolist()
    assert not scores.any()


def test_a_filter_changes_no_score(asked):
    free = dict(
        zip(
            ids(asked, "running shoes", legs="terms"),
            asked.search(Wanted("running shoes", legs="terms")).scores,
            strict=True,
        )
    )
    wanted = where(asked, {"brand": "Alder"})
    kept = asked.search(Wanted("running shoes", legs="terms", where=wanted))
    assert kept.scores[0] == free["1"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "not JSON"),
        ("[1]", "no condition"),
        ('{"brnd": "x"}', "Did you mean 'brand'"),
        ('{"stock": "three"}', "'stock' holds a whole number"),
        ('{"stock": 1.5}', "'stock' holds a whole number"),
        ('{"price": {"gte": "dear"}}', "'price' holds a finite number"),
        ('{"price": {"from": 1}}', "a range has gte, gt, lte, lt"),
        ('{"price": {"gte": 1, "gt": 2}}', "one lower and one upper"),
        ('{"brand": {"gte": "A"}}', "a keyword has no range"),
        ('{"sold": "tomorrow"}', "'sold' holds a date"),
        ('{"any": {"brand": "x"}}', "takes a list"),
        ('{"new": 1}', "'new' holds true or false"),
    ],
)
def test_a_wrong_filter_gets_a_sentence(asked, body, sentence):
    with pytest.raises(RequestError, match=sentence):
        where(asked, body)


def test_a_filter_is_not_nested_without_end(asked):
    with pytest.raises(RequestError, match="deep"):
        where(asked, json.loads('{"not": ' * 50 + '{"brand": "x"}' + "}" * 50))


# -- explain --


def test_a_hits_terms_add_up_to_its_score(asked):
    wanted = Wanted('running "leather shoes" title:red', legs="terms")
    found = asked.search(wanted)
    for row, score in zip(found.rows.tolist(), found.scores.tolist(), strict=True):
        told = explain(asked, wanted, found, row)
        assert sum(value for _, _, value in told["terms"]) == pytest.approx(score, rel=1e-4)
        assert told["place"] == told["legs"]["terms"]["place"]


def test_a_hit_by_meaning_alone_has_no_terms(asked):
    wanted = Wanted("xyzzy", typos=False)
    found = asked.search(wanted)
    told = explain(asked, wanted, found, int(found.rows[0]))
    assert (told["terms"], list(told["legs"])) == ([], ["dense"])


# -- nothing asked --


@pytest.mark.parametrize("legs", ["terms", "dense", "hybrid"])
def test_an_empty_query_lists_what_the_filter_leaves(asked, legs):
    assert ids(asked, " ", legs=legs) == ["1", "2", "3", "4", "5"]
    found = asked.search(Wanted("", k=1, legs=legs, where=where(asked, {"brand": "Alder"}), facets=("tags",)))
    assert (asked.snapshot.ids(found.rows), found.total) == (["1"], 2)
    assert found.facets["tags"] == [["boot", 1], ["red", 1], ["shoe", 1]]


# -- facets --


def test_facets_count_what_matches_the_most_frequent_first(asked):
    found = asked.search(Wanted("shoes running", legs="terms", facets=("brand", "new", "stock", "price")))
    assert found.total == 3
    assert found.facets["brand"] == [["Alder", 1], ["Birch", 1], ["Cedar", 1]]
    assert found.facets["new"] == [[False, 1], [True, 1]]
    assert found.facets["stock"] == [[3, 2], [0, 1]]
    assert found.facets["price"] == {"min": 79.5, "max": 120.0, "documents": 2}


def test_what_is_deleted_is_nowhere():
    with open_store("memory://") as store:
        collection = shop(store)
        collection.write([], deletes=["1"])
        made = engine(collection)
        for legs in ("terms", "dense", "hybrid"):
            found = made.search(Wanted("running shoes", legs=legs, facets=("brand",)))
            assert "1" not in made.snapshot.ids(found.rows)
            assert "Alder" not in dict(found.facets["brand"]) or legs != "terms"
        assert suggest(made, "roa", None) == []


# -- suggestions --


def test_a_suggestion_completes_the_last_word_from_what_is_found(asked):
    assert suggest(asked, "run", None)[0] == "running"
    assert suggest(asked, "waterproof ja", None) == ["waterproof jacket"]
    assert suggest(asked, "shoes ", None) == suggest(asked, "", None) == []


# -- callers --

BOUND = {callers.named("token of a"): {"name": "shop a", "where": {"tenant": "a"}}}
WIDER = [
    None, {"tenant": "c"}, {"any": [{"tenant": "a"}, {"tenant": "c"}]}, {"not": {"tenant": "a"}}, {"tenant": {"not": "a"}},
    {"any": [{"not": {"brand": "none"}}]}, {"stock": {"gte": 0}},
]  # fmt: skip


@pytest.mark.parametrize("body", WIDER)
@pytest.mark.parametrize(
    "query", ["", "secret running costs", "running", '"secret plan"', "sec*", "+secret", "-shoes", "title:secret"]
)
def test_no_query_widens_what_a_caller_may_see(asked, query, body):
    mine = callers.bound(BOUND, "token of a", asked.kinds)
    wanted = Wanted(query, where=where(asked, body), bound=mine, facets=("tenant", "brand"))
    for legs in ("terms", "dense", "hybrid"):
        found = asked.search(replace(wanted, legs=legs))
        assert set(asked.snapshot.ids(found.rows)) <= {"1", "2"}
        assert set(dict(found.facets.get("tenant", []))) <= {"a"}
        assert found.total <= 2
    assert not [s for s in suggest(asked, "sec", wanted.within) if "secret" in s]


@pytest.mark.parametrize("phrase", ["secret plan", "plan secret"])
def test_a_caller_does_not_learn_whether_others_have_a_phrase(asked, phrase):
    mine = callers.bound(BOUND, "token of a", asked.kinds)
    found = asked.search(Wanted(f'"{phrase}" shoes', legs="terms", bound=mine))
    assert (found.corrected, set(asked.snapshot.ids(found.rows))) == (f"{phrase} shoes", {"1", "2"})


def test_a_caller_does_not_learn_which_words_others_have(asked):
    mine = callers.bound(BOUND, "token of a", asked.kinds)

    def said(query):
        found = asked.search(Wanted(query, bound=mine))
        return found.corrected, {term for terms in found.terms.values() for term in terms}

    assert said("secrett") == ("", {"secrett"})  # mended for who sees the document that holds it
    assert asked.search(Wanted("secrett")).corrected == "secret"
    assert said("waterpoof") == ("", {"waterpoof"})
    assert said("runing") == ("running", {"rune", "run"})
    for known, made_up in (("boots", "boohs"), ("plan", "plaq")):  # what others have and what nobody has look alike
        assert said(known)[0] == said(made_up)[0] == ""


def test_a_word_that_others_have_is_mended_for_a_caller_as_any_other():
    with open_store("memory://") as store:
        documents = [{"id": "1", "text": "a kettle", "tenant": "a"}, {"id": "2", "text": "a kestle", "tenant": "b"}]
        made = engine(shop(store, documents))
        mine = callers.bound(BOUND, "token of a", made.kinds)
        assert made.search(Wanted("kestle")).corrected == ""
        assert made.search(Wanted("kestle", where=mine)).corrected == ""  # a filter of one's own hides nothing
        assert made.search(Wanted("kestle", bound=mine)).corrected == "kettle"


def test_a_beginning_goes_on_with_the_words_that_a_caller_may_see():
    with open_store("memory://") as store:
        others = [
            {"id": f"o{i}", "text": f"tre{a}{b}", "tenant": "b"}
            for i, (a, b) in enumerate(product("abcdefgh", "aeioumn"))
        ]
        twice = [{**document, "id": f"{document['id']}x"} for document in others]
        made = engine(shop(store, [*others, *twice, {"id": "1", "text": "trekking", "tenant": "a"}]))
        mine = callers.bound(BOUND, "token of a", made.kinds)
        assert suggest(made, "tre", mine) == ["trekking"]
        for legs in ("terms", "dense", "hybrid"):
            assert made.snapshot.ids(made.search(Wanted("+tre*", legs=legs, bound=mine)).rows) == ["1"]


def test_a_bound_collection_shows_nothing_to_who_is_not_named(asked):
    assert callers.bound(None, "", asked.kinds) is None
    for token in ("", "another"):
        with pytest.raises(RequestError, match="caller"):
            callers.bound(BOUND, token, asked.kinds)


# -- deleted rows --


def test_while_a_twentieth_is_deleted_scores_are_those_of_a_rebuild_within_a_hundredth():
    dice = np.random.default_rng(1)
    odds = 1 / np.arange(1, 2001)
    drawn = dice.choice(2000, (3000, 60), p=odds / odds.sum())
    documents = [{"id": f"d{i}", "text": " ".join(f"w{w}" for w in row)} for i, row in enumerate(drawn)]
    gone = {f"d{i}" for i in dice.choice(3000, 150, replace=False)}
    with open_store("memory://") as store:
        one, two = Collection(store, "one"), Collection(store, "two")
        for collection in (one, two):
            collection.create(Layout((Field("text", "text"),)))
        one.write(documents[:2000])
        one.write(documents[2000:])
        one.write([], gone)
        two.write([d for d in documents if d["id"] not in gone])
        before, after = Engine(one.open(), None, fuse), Engine(two.open(), None, fuse)
        for words_ in dice.choice(np.arange(20, 2000), (60, 3)):
            wanted = Wanted(" ".join(f"w{w}" for w in words_), 100, "terms", count=False)
            a, b = before.search(wanted), after.search(wanted)
            rebuilt = dict(zip(after.snapshot.ids(b.rows), b.scores, strict=True))
            found = dict(zip(before.snapshot.ids(a.rows), a.scores, strict=True))
            both = found.keys() & rebuilt.keys()
            assert len(both) >= 0.95 * len(rebuilt)
            assert max((abs(found[id] / rebuilt[id] - 1) for id in both), default=0) < 0.01


# -- fusion --


@pytest.mark.parametrize(
    ("language", "encoder", "heeded"),
    [
        ("en", "minilm/int8/32/0", True),
        ("de", "minilm/int8/32/0", False),
        ("de", "own/int8/32/0", True),
        ("de", "made", True),
    ],
)
def test_vectors_are_heeded_only_where_the_encoder_knows_the_language(language, encoder, heeded):
    texts = ["rot schuh", "schuh rot rot", "jacke", "stiefel", "hemd"]
    layout = Layout((Field("text", "text"),), language, encoder=encoder, dims=32)
    with open_store("memory://") as store:
        collection = Collection(store, "texts")
        collection.create(layout)
        documents = [{"id": str(n), "text": text} for n, text in enumerate(texts)]
        collection.write(documents, vectors=encode(texts))
        asked = Engine(collection.open(), encode, fuse)
        vector = encode(["stiefel"])[0]  # what the vectors look for is not what was typed
        by_terms = asked.search(Wanted("rot schuh", legs="terms"), vector).rows.tolist()
        both = asked.search(Wanted("rot schuh"), vector).rows.tolist()
    assert (both[: len(by_terms)] != by_terms) is heeded
    assert sorted(both) == list(range(len(texts)))


def test_how_much_of_a_query_its_best_hit_holds_is_seen_in_words_phrases_and_fields(asked):
    def seen(query):
        ranked = asked.ranked(Wanted(query, count=False, typos=False), encode([query])[0])
        return fused.asked(asked, ranked).covered

    assert seen("leather shoes") == pytest.approx(1.0)
    assert seen('"brown leather"') == pytest.approx(1.0)
    assert seen("title:boots") == pytest.approx(1.0)
    assert 0.0 < seen("leather zebra") < 0.7
