"""Files of TREC and BEIR are read whole, written so that others read them alike, and refused with file, line and value."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.errors import DataError
from ropewalk.methods.text.ranking import answerable, score
from ropewalk.systems.search.measure import files

NAME = st.text("abcXYZ019-_.:/é", min_size=1, max_size=8)


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def told(read, path):
    with pytest.raises(DataError) as raised:
        read(path)
    return str(raised.value).replace(str(path), path.name)


def test_queries_with_and_without_a_header(tmp_path):
    plain = write(tmp_path, "queries.tsv", "1\tlaptop\n2\tbluetooth  speaker\n\n")
    assert files.read_queries(plain) == {"1": "laptop", "2": "bluetooth  speaker"}
    headed = write(tmp_path, "headed.tsv", "\ufeffquery-id\ttext\n1\tlaptop\n")
    assert files.read_queries(headed) == {"1": "laptop"}


def test_labels_of_trec_and_of_beir(tmp_path):
    trec = write(tmp_path, "qrels.txt", "1 0 a 3\n1\t0\tb\t0\n2 0 c -1\n")
    assert files.read_labels(trec) == {"1": {"a": 3, "b": 0}, "2": {"c": -1}}
    beir = write(tmp_path, "test.tsv", "query-id\tcorpus-id\tscore\n1\ta b\t1\n1\tc\t2.0\n")
    assert files.read_labels(beir) == {"1": {"a b": 1, "c": 2}}
    packed = tmp_path / "qrels.txt.gz"
    packed.write_bytes(gzip.compress(trec.read_bytes()))
    assert files.read_labels(packed) == files.read_labels(trec)


def test_a_run_is_ordered_by_score_and_equal_ones_as_trec_eval_does(tmp_path):
    run = write(tmp_path, "run.txt", "q Q0 a 1 0.5 me\nq Q0 c 9 0.5 me\nq Q0 b 2 0.7 me\nr Q0 x 1 1e-3 me\n")
    assert files.read_run(run) == {"q": ["b", "c", "a"], "r": ["x"]}


def test_a_run_with_ties_scores_as_trec_eval_scores_it(tmp_path):
    pytrec_eval = pytest.importorskip("pytrec_eval")
    scores = {"d1": 1.0, "d2": 1.0, "d3": 1.0, "d4": 0.5}
    labels = {"q": {"d1": 2, "d3": 1}}
    theirs = pytrec_eval.RelevanceEvaluator(labels, {"ndcg_cut_10"}).evaluate({"q": scores})["q"]["ndcg_cut_10"]
    run = write(tmp_path, "run.txt", "".join(f"q Q0 {doc} 0 {value} x\n" for doc, value in scores.items()))
    assert score(labels, files.read_run(run), ["ndcg@10"])["ndcg@10"][0] == pytest.approx(theirs)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAME, st.lists(NAME, unique=True, min_size=1, max_size=30), min_size=1))
def test_a_ranking_that_is_written_is_read_again(tmp_path_factory, ranking):
    path = write(tmp_path_factory.mktemp("run"), "run.txt", files.run_text(ranking, "mine"))
    assert files.read_run(path) == ranking


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAME, st.dictionaries(NAME, st.integers(-1, 3), min_size=1), min_size=1))
def test_labels_that_are_written_are_read_again(tmp_path_factory, labels):
    path = write(tmp_path_factory.mktemp("qrels"), "qrels.txt", files.labels_text(labels))
    assert files.read_labels(path) == labels


@pytest.mark.parametrize(
    ("read", "text", "sentence"),
    [
        (files.read_queries, "1 laptop\n", "bad.tsv, line 1 has no tab: '1 laptop'. A line is `id TAB text`."),
        (files.read_queries, "1\tx\n1\ty\n", "bad.tsv, line 2: the id '1' stands there twice; each query once."),
        (files.read_queries, "1\t \n", "line 1 has no text"),
        (files.read_queries, "", "bad.tsv: there are no queries in it"),
        (files.read_labels, "1 0 a 1\n1 0 b\tx\n", "bad.tsv, line 2 has the label 'x'. A label is a whole number"),
        (files.read_labels, "1 0 a 1.5\n", "line 1 has the label '1.5'"),
        (files.read_labels, "1 a\n", "line 1 has 2 columns: '1 a'. Labels have `query 0 document label`"),
        (files.read_labels, "1 0 a 1\n1 0 a 2\n", "line 2: 'a' has label 2 for query '1', and 1 further up. Keep one."),
        (files.read_run, "1 Q0 a 1 0.5\n", "line 1 has 5 columns: '1 Q0 a 1 0.5'. A run has `query Q0 document rank score name`."),
        (files.read_run, "1 Q0 a 1 nan me\n", "line 1 has the score 'nan'. A score is a number, higher is better."),
        (files.read_run, "1 Q0 a 1 2 me\n1 Q0 a 2 1 me\n", "line 2: 'a' stands twice under query '1'; each document once."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path, read, text, sentence):
    assert sentence in told(read, write(tmp_path, "bad.tsv", text))


def test_files_that_cannot_be_read_are_told(tmp_path):
    assert "there is no such file" in told(files.read_run, tmp_path / "none.txt")
    latin = tmp_path / "latin.tsv"
    latin.write_bytes("1\tm\xfcsli\n".encode("latin-1"))
    assert "byte 3 is not UTF-8" in told(files.read_queries, latin)
    torn = tmp_path / "torn.tsv.gz"
    torn.write_bytes(gzip.compress(b"1\tlaptop\n" * 1000)[:30])
    assert "torn.tsv.gz cannot be read" in told(files.read_queries, torn)


def test_of_many_problems_ten_are_told_and_the_rest_counted(tmp_path):
    said = told(files.read_run, write(tmp_path, "bad.txt", "x\n" * 25)).splitlines()
    assert len(said) == 11
    assert said[-1] == "bad.txt: 15 more problems"


def test_shared_collections_are_read():
    shared = Path(os.environ.get("ROPEWALK_SHARED_DATA", ""), "search")
    if not os.environ.get("ROPEWALK_SHARED_DATA") or not shared.exists():
        pytest.skip("needs ROPEWALK_SHARED_DATA with search/")
    labels = files.read_labels(shared / "chorus" / "qrels.txt")
    queries = files.read_queries(shared / "chorus" / "queries.tsv")
    assert set(labels) <= set(queries)
    assert len(answerable(labels)) == 116
