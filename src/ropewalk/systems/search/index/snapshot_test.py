"""What an open manifest promises: rows are documents in their order, and what lies beside them is theirs."""

import os
import random
import subprocess
import sys
import threading
from datetime import UTC, datetime

import numpy as np
import pytest
import tantivy

from ropewalk.errors import DataError, MissingError, StoreError
from ropewalk.methods.text.vectors import restore
from ropewalk.systems.search.index import segment
from ropewalk.systems.search.index import snapshot as opening
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout, register
from ropewalk.systems.search.index.segment import build_segment, segment_id
from ropewalk.systems.search.index.upkeep import Policy, merge

SHOP = Layout(
    (
        Field("title", "text", 2.0),
        Field("text", "text"),
        Field("brand", "keyword"),
        Field("stock", "int"),
        Field("price", "float"),
        Field("sold", "date"),
        Field("new", "bool"),
    ),
    languages=("en", "de", "zh"),
    dims=4,
)


def product(i, **more):
    return {"id": f"p{i}", "title": f"rope {i}", "text": f"hemp number{i}", **more}


def vectors(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)


@pytest.fixture
def shop(store):
    collection = Collection(store, "shop")
    collection.create(SHOP)
    return collection


def find(snapshot, query, *fields, limit=10):
    return snapshot.ids(snapshot.terms(snapshot.index.parse_query(query, list(fields)), limit)[0])


def test_rows_are_the_documents_in_their_order_through_all_segments(shop):
    for start in range(0, 40, 4):
        shop.write([product(i) for i in range(start, start + 4)], vectors=vectors(4, start))
    with shop.open() as now:
        assert now.ids(range(40)) == [f"p{i}" for i in range(40)]
        for i in range(40):
            assert now.terms(now.index.parse_query(f"number{i}", ["text_en"]), 5)[0].tolist() == [i]
            assert now.row_of(f"p{i}") == i
        rows, scores = now.terms(tantivy.Query.all_query(), 40)
        assert rows.tolist() == list(range(40))  # equal scores: in the order of rows
        assert rows.dtype == np.int64
        assert scores.dtype == np.float32
        assert now.starts.tolist() == list(range(0, 41, 4))
        assert now.row_of("p99") is None
        exact = np.concatenate([restore(part) for part in now.vectors])
        expected = np.concatenate([vectors(4, start) for start in range(0, 40, 4)])
        assert np.abs(exact - expected).max() < 1e-4


def test_documents_come_back_as_they_were_written(shop):
    plain = [
        product(0, brand=["a", "b"], stock=3, price=1.5, sold="2024-01-31", new=True, note={"any": [1, None, "x"]}),
        product(1, title=None, text="ünïcode 🪢 \n two lines", language="de"),
        {"id": "日本"},
    ]
    shop.write(plain, vectors=vectors(3))
    with shop.open() as now:
        assert now.documents([2, 0, 1, 0]) == [plain[2], plain[0], plain[1], plain[0]]
        assert now.documents([]) == []
        assert now.ids([2]) == ["日本"]
        assert now.row_of("日本") == 2


def test_typed_fields_are_columns_and_can_be_filtered(shop):
    shop.write(
        [
            product(0, brand="hp", stock=-3, price=1, sold="2024-01-31T10:00:00+02:00", new=True),
            product(1, brand=["dell", "hp"], sold=datetime(2024, 2, 1, tzinfo=UTC), new=False),
        ],
        vectors=vectors(2),
    )
    shop.write([product(2, brand="acer", stock=7, price=2.5), product(3)], vectors=vectors(2))
    with shop.open() as now:
        brand, stock, price, sold, new = (now.column(name) for name in ("brand", "stock", "price", "sold", "new"))
        assert brand.vocabulary == ("acer", "dell", "hp")
        words = [brand.vocabulary[code] for code in brand.codes]
        assert [words[a:b] for a, b in zip(brand.edges, brand.edges[1:], strict=False)] == [
            ["hp"],
            ["dell", "hp"],
            ["acer"],
            [],
        ]
        assert stock.values.tolist() == [-3, 0, 7, 0]
        assert stock.present.tolist() == [True, False, True, False]
        assert price.values.tolist() == [1.0, 0.0, 2.5, 0.0]
        assert sold.values[0] == datetime(2024, 1, 31, 8, tzinfo=UTC).timestamp()
        assert new.values.tolist() == [1, 0, 0, 0]
        assert new.present.tolist() == [True, True, False, False]
        schema, kind = now.index.schema, tantivy.FieldType
        q = tantivy.Query
        for query, expected in (
            (q.term_query(schema, "brand", "hp"), [0, 1]),
            (q.term_set_query(schema, "id", ["p3", "p0", "none"]), [0, 3]),
            (q.range_query(schema, "stock", kind.Integer, -5, 0), [0]),
            (q.range_query(schema, "price", kind.Float, 2.0, None), [2]),
            (q.range_query(schema, "sold", kind.Date, datetime(2024, 1, 31, 8), datetime(2024, 1, 31, 8)), [0]),
            (q.term_query(schema, "new", False), [1]),
        ):
            assert now.terms(query, 9)[0].tolist() == expected
        with pytest.raises(MissingError, match=r"no typed field 'brands'\. Did you mean 'brand'"):
            now.column("brands")


def test_a_text_is_read_in_its_own_language(shop):
    shop.write(
        [
            product(0, text="running shoes", language="en"),
            product(1, text="laufende Häuser", language="de"),
            product(2, text="麻绳很长", language="zh"),
            product(3, text="hele lange touwen", language="nl"),
        ],
        vectors=vectors(4),
    )
    from ropewalk.methods.text.analysis import prepare

    with shop.open() as now:
        assert find(now, "run", "text_en") == ["p0"]
        assert find(now, "haus", "text_de") == ["p1"]
        assert find(now, f'"{prepare("绳很", "zh").strip()}"', "text_zh") == ["p2"]
        assert find(now, "touwen", "text_en") == ["p3"]  # none of the layout's languages: its own


def test_the_main_field_scores_as_if_title_and_text_were_one_text(store):
    documents = [product(i, text=f"hemp {'rope ' * (i % 3)}number{i}") for i in range(12)]
    joined = [{"id": d["id"], "text": f"{d['title']} {d['text']}"} for d in documents]
    texts = (Field("title", "text"), Field("text", "text"))
    found = {}
    for name, layout, written in (("both", Layout(texts, main="text"), documents), ("one", Layout(texts[1:]), joined)):
        collection = Collection(store, name)
        collection.create(layout)
        collection.write(written[:5])
        collection.write(written[5:])
        merge(collection, Policy(like=2))
        with collection.open() as now:
            rows, scores = now.terms(now.index.parse_query("rope number7", ["text_en"]), 20)
            found[name] = (now.ids(rows), scores.tolist())
            assert len(collection.manifest().segments) == 1
            if name == "both":
                assert find(now, '"4 hemp"', "text_en") == []  # no phrase goes on from a title into a text
    assert found["both"] == found["one"]
    assert len(found["both"][0]) == 12


def test_the_file_of_deleted_rows_is_that_of_tantivy_byte_for_byte(tmp_path):
    schema = tantivy.SchemaBuilder().add_text_field("id", tokenizer_name="raw", index_option="basic").build()
    for count in (1, 63, 64, 65, 200):
        folder = tmp_path / str(count)
        folder.mkdir()
        index = tantivy.Index(schema, str(folder))
        writer = index.writer(15_000_000, 1)
        for i in range(count):
            writer.add_document(tantivy.Document(id=f"d{i}"))
        writer.commit()
        dead = np.zeros(count, bool)
        dead[random.Random(count).sample(range(count), (count + 1) // 2)] = True
        if dead.all():
            continue
        for i in np.flatnonzero(dead):
            writer.delete_documents_by_term("id", f"d{i}")
        writer.commit()
        writer.wait_merging_threads()
        (theirs,) = folder.glob("*.del")
        (like,) = folder.glob("*.fieldnorm")
        assert opening.alive_file(dead, like.read_bytes()) == theirs.read_bytes()


def test_what_is_listed_of_a_segment_is_what_tantivy_lists(shop, tmp_path):
    import json

    shop.write([product(i) for i in range(5)], vectors=vectors(5))
    shop.write([], deletes=["p1", "p2"])
    (info,) = shop.manifest().segments
    built = tantivy.Index(opening.schema(SHOP), str(tmp_path))
    register(built, SHOP)
    writer = built.writer(15_000_000, 1)
    for i in range(5):
        writer.add_document(tantivy.Document(id=f"p{i}"))
    writer.commit()
    writer.delete_documents_by_term("id", "p1")
    writer.delete_documents_by_term("id", "p2")
    writer.commit()
    theirs = json.loads((tmp_path / "meta.json").read_bytes())
    ours = opening._listed(info, theirs["opstamp"])
    (listed,) = theirs["segments"]
    assert ours["segment_id"].replace("-", "") == segment_id(info.hash)
    assert [len(part) for part in ours["segment_id"].split("-")] == [len(p) for p in listed["segment_id"].split("-")]
    assert {**ours, "segment_id": ""} == {**listed, "segment_id": "", "deletes": {**listed["deletes"]}}


def test_a_manifest_can_be_opened_by_many_at_once(store, shop):
    for start in range(0, 30, 3):
        shop.write([product(i) for i in range(start, start + 3)], vectors=vectors(3), deletes=[f"p{start - 1}"])
    found, code = (
        [],
        "import sys; from ropewalk.store import open_store; from ropewalk.systems.search.index.collection import Collection\n",
    )
    code += (
        "with open_store(sys.argv[1]) as s, Collection(s, 'shop').open() as now: print(now.live, len(now.live_ids()))"
    )
    source = opening.__file__.partition("/ropewalk/systems")[0]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, store.url], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": source}
        )
        for _ in range(2)
    ]

    def read():
        with Collection(store, "shop").open() as now:
            found.append((now.live, sorted(now.live_ids())))

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [child.communicate(timeout=60)[0].split() for child in children] == [[b"21", b"21"]] * 2
    assert len(found) == 6
    assert all(one == found[0] for one in found)


def test_the_next_manifest_is_laid_out_from_what_is_there(store, shop, monkeypatch):
    shop.write([product(i) for i in range(50)], vectors=vectors(50))
    shop.open().close()
    shop.write([product(50)], vectors=vectors(1), deletes=["p3"])
    asked = []
    object_file = type(store).object_file
    monkeypatch.setattr(type(store), "object_file", lambda self, key: asked.append(key) or object_file(self, key))
    with shop.open() as now:
        assert now.live == 50
        assert [key.rpartition("/")[2] for key in asked] == [now.manifest.segments[1].hash]


def test_an_open_snapshot_outlives_the_files_of_its_segments(store, shop):
    """On a disk of its own; on S3 the local copies are as good."""
    shop.write([product(i, brand="hp") for i in range(5)], vectors=vectors(5))
    with shop.open() as now:
        assert now.packs
        for key in store.list_objects("collections/shop/segments/"):
            store.delete_object(key)
        assert len(now.documents(range(5))) == 5
        assert now.column("brand").vocabulary == ("hp",)
        assert find(now, "hemp", "text_en") == [f"p{i}" for i in range(5)]


def test_a_segment_whose_bytes_changed_is_refused(store, shop):
    shop.write([product(i) for i in range(5)], vectors=vectors(5))
    (key,) = store.list_objects("collections/shop/segments/")
    data = store.get_object(key)
    store.put_object(key, data[:100] + b"x" + data[101:])
    with pytest.raises(StoreError, match=r"the segment .* is corrupt"):
        shop.open()


def test_a_snapshot_is_read_by_many_threads_at_once(shop):
    documents = [product(i, note="tar " * (i % 50)) for i in range(3000)]
    shop.write(documents, vectors=vectors(3000))
    with shop.open() as now:
        wrong = []

        def read(seed):
            dice = random.Random(seed)
            for _ in range(50):
                rows = dice.sample(range(3000), 10)
                if now.documents(rows) != [documents[row] for row in rows] or now.row_of(f"p{rows[0]}") != rows[0]:
                    wrong.append(rows)

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


def test_an_empty_collection_is_searched_in_vain(shop):
    with shop.open() as now:
        assert (now.rows, now.live, now.live_ids(), now.row_of("a")) == (0, 0, [], None)
        assert now.terms(tantivy.Query.all_query(), 10)[0].tolist() == []
        assert now.column("stock").values.tolist() == []
        assert now.column("brand").edges.tolist() == [0]


def test_a_collection_that_stores_nothing_says_so(store):
    bare = Collection(store, "bare")
    bare.create(Layout((Field("text", "text"), Field("stock", "int")), stored=False, positions=False))
    for i in range(10):
        bare.write([{"id": f"d{i}", "text": "hemp", "stock": i}])
    bare.write([], deletes=["d0", "d1"])
    assert merge(bare, Policy(like=2)).merges == 0
    with bare.open() as now:
        assert now.ids(now.terms(tantivy.Query.all_query(), 20)[0]) == [f"d{i}" for i in range(2, 10)]
        assert now.column("stock").values.tolist() == list(range(2, 10))
        with pytest.raises(DataError, match="'bare' does not store its documents"):
            now.documents([0])


def test_the_same_input_gives_the_same_bytes(tmp_path):
    documents = [product(i, brand=["b", "a"], stock=i, price=i / 2, sold="2024-01-01", new=True) for i in range(300)]
    built = [build_segment(SHOP, documents, vectors(300), tmp_path) for _ in range(2)]
    assert built[0].path.read_bytes() == built[1].path.read_bytes()
    assert built[0].hash == built[1].hash
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".pack", ".pack"]


def test_more_documents_than_tantivys_queue_takes_are_the_same_segment_however_long_we_wait_for_room(
    place, monkeypatch
):
    layout = Layout((Field("text", "text"),), stored=False)
    documents = [{"id": f"p{i}", "text": f"hemp number{i} " * 5} for i in range(12_000)]
    built = []
    for waited, pause in ((9e9, 0), (-1.0, 0.0005)):  # never, after every look
        monkeypatch.setattr(segment, "WAITED", waited)
        monkeypatch.setattr(segment, "PAUSE", pause)
        built.append(build_segment(layout, documents, None, place))
    assert built[0].hash == built[1].hash
    assert built[0].documents == 12_000


def test_what_breaks_the_layout_is_told_with_document_field_and_value(shop):
    bad = [
        {"id": "a", "stock": "7"},
        {"id": "b", "price": float("nan"), "new": 1},
        {"id": "c", "sold": "yesterday", "brand": [1]},
        {"id": "", "text": "x"},
        {"text": "x"},
        {"id": "d", "text": 3},
        {"id": "e", "title": "half \ud800"},
        {"id": "f", "stock": 2**63},
        {"id": "g", "stock": True},
    ]
    with pytest.raises(DataError) as caught:
        shop.write(bad, vectors=vectors(9))
    text = str(caught.value)
    for part in (
        "document 0 ('a'), field 'stock': '7' is not a whole number of 64 bits.",
        "document 1 ('b'), field 'price': nan is not a finite number.",
        "field 'new': 1 is not true or false.",
        "document 2 ('c'), field 'brand': [1] is not a text or a list of texts.",
        "'yesterday' is not a date such as 2024-01-31",
        "document 3: its id is ''; an id is a text of 1 to 512 bytes.",
        "document 4: its id is None",
        "and 1 more",
    ):
        assert part in text
    for value in ({1: object()}, "half \ud800"):
        with pytest.raises(DataError, match="the document 'a' cannot be stored as JSON"):
            shop.write([{"id": "a", "note": value}], vectors=vectors(1))
    assert shop.latest() == 1
    for given in (None, vectors(2), np.full((1, 4), np.nan, np.float32)):
        with pytest.raises(DataError, match="vectors"):
            shop.write([product(1)], vectors=given)


@pytest.mark.parametrize(
    ("fields", "more", "sentence"),
    [
        ([Field("id", "text")], {}, "'id' cannot be a field's name"),
        ([Field("a", "words")], {}, "the kind 'words'"),
        ([Field("a", "text"), Field("a_en", "int")], {}, "'a_en' is the name of two fields"),
        ([Field("a", "int"), Field("a", "int")], {}, "'a' is the name of two fields"),
        ([Field("a", "text", -1.0)], {}, "weight"),
        ([], {"languages": ("english",)}, "'english' is no language"),
        ([], {"dims": -1}, "dims"),
        ([Field("a", "int")], {"main": "a"}, "'a' cannot be the main field"),
    ],
)
def test_a_wrong_layout_is_a_sentence(fields, more, sentence):
    with pytest.raises(DataError, match=sentence):
        Layout(tuple(fields), **more)


def test_a_layout_comes_back_from_json():
    import json

    assert Layout.from_json(json.loads(json.dumps(SHOP.to_json()))) == SHOP
    with pytest.raises(DataError, match="another version"):
        Layout.from_json({"fields": [], "colour": 1})
