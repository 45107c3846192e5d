"""What a person sees at the shell: results, sentences instead of traces, and nothing left of what was broken off."""

import json

import pytest

from ropewalk import api, cli
from ropewalk.store import open_store
from ropewalk.systems.search import build, texts
from ropewalk.systems.search.index import collection as collections

DOCUMENTS = [
    {
        "id": "1",
        "title": "Kettle",
        "text": "The kettle boils water in three minutes. It is made of steel.",
        "maker": "Alder",
    },
    {"id": "2", "title": "Pan", "text": "The pan weighs two kilograms. It is made of iron.", "maker": "Birch"},
]


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    """Runs a command of search without an encoder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps(d) + "\n" for d in DOCUMENTS))

    def run(*words):
        code = cli.main(["search", *words, "--set", "encoder=none", "--set", "fields={maker: keyword}"])
        said = capsys.readouterr()
        assert "not foreseen" not in said.err
        return code, said.out, said.err

    return run


@pytest.fixture
def goods(shell):
    assert shell("index", "docs.jsonl", "--into", "goods")[0] == 0
    return shell


def test_an_explained_query_tells_what_each_term_gave(goods):
    code, out, _ = goods("query", "kettle", "--explain", "--json")
    assert code == 0
    assert [term for _, term, _ in json.loads(out)["hits"][0]["why"]["terms"]] == ["kettl", "kettl"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--top", "0"), "k: 0 is not between 1 and 1000"),
        (("--legs", "foo"), "legs: 'foo' is none of hybrid, terms, dense"),
        (("--set", "language=deutsch"), "'deutsch' is no ISO 639-1 code"),
        (("--collection", "good"), "Did you mean 'goods'?"),
        (("--where", '{"makr": "Alder"}'), "there is no field 'makr'"),
    ],
)
def test_what_cannot_be_asked_gets_a_sentence(goods, words, sentence):
    code, out, err = goods("query", "kettle", *words)
    assert (code, out) == (2, "")
    assert sentence in err


def test_a_question_without_an_answer_shows_the_nearest_sentences_and_how_to_get_more(goods):
    code, out, _ = goods("ask", "Who wrote the song about the kettle?", "--set", "risk=0.05")
    assert code == 0
    assert "No sentence answers this surely enough" in out
    assert "more of it wrong: --set risk=0.25" in out
    assert "The kettle boils water in three minutes." in out
    assert "1, characters" in out


def test_a_bound_collection_is_asked_with_a_token(goods):
    assert goods("query", "made in minuets")[1].startswith("understood as: made in minutes\n")
    assert goods("ask", "How many kilogramms does the pan weigh?")[1].startswith("understood as: How many kilograms")
    token = json.loads(goods("bind", "shop", "--where", '{"maker": ["Birch"]}', "--json")[1])["token"]
    assert "the caller has to be named" in goods("query", "made")[2]
    found = json.loads(goods("query", "made", "--caller", token, "--explain", "--json")[1])
    assert [hit["id"] for hit in found["hits"]] == ["2"]
    assert json.loads(goods("ask", "What is it made of?", "--caller", token, "--json")[1])["hits"][0]["id"] == "2"
    assert json.loads(goods("query", "made in minuets", "--caller", token, "--json")[1])["corrected"] == ""
    assert json.loads(goods("query", "kilogrms", "--caller", token, "--json")[1])["corrected"] == "kilograms"


def test_a_collection_is_unbound_by_a_command_of_its_own_and_never_by_taking_the_last_token_away(goods):
    assert "goods: not bound; everybody sees everything." in goods("unbind")[2]
    token = json.loads(goods("bind", "birch", "--where", '{"maker": ["Birch"]}', "--json")[1])["token"]
    assert "goods: there is no caller 'oak', only birch." in goods("bind", "oak", "--remove")[2]
    code, out, _ = goods("bind", "birch", "--remove")
    assert (code, "every request is refused. To show everything to everybody: ropewalk search unbind" in out) == (
        0,
        True,
    )
    for words in (["query", "made"], ["query", "made", "--caller", token]):
        assert "this collection shows each caller its own documents only" in goods(*words)[2]
    code, out, _ = goods("unbind")
    assert (code, out.strip()) == (0, "goods: shown to everybody.")
    assert len(json.loads(goods("query", "made", "--json")[1])["hits"]) == 2


def test_an_indexing_that_is_broken_off_leaves_no_collection_and_the_same_command_goes_on(shell, monkeypatch, tmp_path):
    with monkeypatch.context() as patched:
        patched.setattr(texts, "build", _interrupted)
        code, _, err = shell("index", "docs.jsonl", "--into", "goods")
        assert (code, "interrupted" in err) == (130, True)
    assert json.loads(shell("collections", "--json")[1]) == {}
    code, out, _ = shell("index", "docs.jsonl", "--into", "goods")
    assert (code, "2 documents read" in out) == (0, True)
    assert not list((tmp_path / ".ropewalk" / "stages").glob("*/added/*"))


def _interrupted(*given):
    build.build(*given)
    raise KeyboardInterrupt


def test_what_an_indexing_encoded_is_kept_in_the_store_also_in_the_first_one(tmp_path, monkeypatch, capsys):
    """The job of a command has a store of its own while there is none yet."""
    kept = []
    monkeypatch.setattr(build.encoders, "named", lambda *_: build.encoders.Named("toy", "fp32", "00", 2))
    monkeypatch.setattr(build, "encoded", lambda named, rows, store: kept.append(store.url) or [[1.0, 0.0]] * len(rows))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs.jsonl").write_text(json.dumps(DOCUMENTS[0]))
    assert cli.main(["search", "index", "docs.jsonl", "--into", "goods"]) == 0
    with open_store(str(tmp_path / ".ropewalk")) as store:
        assert kept == [store.url]
        assert collections.names(store) == ["goods"]


def test_why_documents_were_set_aside_is_told_once_a_reason(shell, tmp_path):
    (tmp_path / "table.csv").write_text("bed,cost\n" + "1,2\n" * 9)
    (tmp_path / "docs").mkdir()
    for name in ("table.csv", "docs.jsonl"):
        (tmp_path / name).rename(tmp_path / "docs" / name)
    _, out, _ = shell("index", "docs", "--into", "goods")
    assert "2 documents read, 9 set aside" in out
    assert out.count("set aside: ") == 1
    assert "set aside: docs/table.csv, 2 and 8 more: no column is the text" in out


def test_a_folder_without_a_readable_file_is_told_once_what_is_read(shell, tmp_path):
    (tmp_path / "bad").mkdir()
    for name in ("a.exe", "b.bin"):
        (tmp_path / "bad" / name).write_bytes(b"\0")
    code, _, err = shell("index", "bad", "--into", "goods")
    assert code == 2
    assert "bad/a.exe: its ending is of no format that is read\n" in err
    assert err.count(".parquet") == 1


def test_a_pool_that_two_people_answer_becomes_labels(goods, tmp_path):
    (tmp_path / "queries.tsv").write_text("q1\tkettle\nq2\tiron\n")
    (tmp_path / "known.qrels").write_text("q2 0 2 1\n")
    code, out, _ = goods("pool", "queries.tsv", "--qrels", "known.qrels", "--json")
    assert code == 0
    assert json.loads(out)["tasks"] == 1  # the other pair is judged
    head, task = (tmp_path / "tasks.csv").read_text().splitlines()
    for name, label in (("ann", "3"), ("bob", "3")):
        (tmp_path / f"{name}.csv").write_text(f"{head}\n{task[:-1]}{label},\n")
    code, out, _ = goods("agree", "ann.csv,bob.csv", "--qrels", "known.qrels", "--rule", "mace", "--json")
    assert code == 0
    assert json.loads(out)["raters"].keys() == {"ann", "bob"}
    assert (tmp_path / "labels.qrels").read_text() == "q2 0 2 1\nq1 0 1 3\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("pool", "none.tsv"), "none.tsv: there is no such file"),
        (("pool", "queries.tsv", "--depth", "0"), "depth: 0"),
        (("pool", "queries.tsv", "--out", "tasks.xls"), "ends in .jsonl or .csv"),
        (("agree", "none.csv"), "none.csv: there is no such file"),
        (("agree", "queries.csv", "--rule", "best"), "'best' is none of majority"),
    ],
)
def test_what_cannot_be_judged_gets_a_sentence(goods, tmp_path, words, sentence):
    (tmp_path / "queries.tsv").write_text("q1\tkettle\n")
    code, out, err = goods(*words)
    assert (code, out) == (2, "")
    assert sentence in err


def test_a_collection_that_bears_the_name_of_a_releases_setting_is_unbound_without_the_release(shell, tmp_path):
    where = {"store": str(tmp_path / ".ropewalk")}
    where["settings"] = {"docs": "made:40", "encoder": "none", "reader": "none", "rerank": False, "collection": "goods"}
    api.train("search", **where)
    api.register("search", choice="baseline", **where)
    api.promote("search", 1, **where)
    assert shell("bind", "all", "--where", "{}")[0] == 0
    assert shell("index", "docs.jsonl", "--into", "goods")[0] == 0
    assert "goods: not bound; everybody sees everything." in shell("unbind", "--collection", "goods")[2]
    assert "the caller has to be named" in shell("query", "")[2]
    assert shell("unbind")[1].startswith("the releases of goods: shown to everybody. The tokens of all mean nothing")
    assert shell("query", "")[0] == 0
