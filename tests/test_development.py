"""benchmarks/development.py makes collections that `ropewalk search evaluate` reads, or says what to clone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ropewalk.systems.search.measure import files

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "development.py"
PAIRS = '1,May I drink?,"May I have a drink, please?",1\n1,May I drink?,Which diet is good?,0\n2,Am I ill?,Which diet is good?,0\n'


@pytest.fixture
def sources(tmp_path):
    """A folder with one clone."""
    repository = tmp_path / "sources" / "curai" / "medical-question-pair-dataset"
    repository.mkdir(parents=True)
    (repository / "mqp.csv").write_text(PAIRS)
    for call in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "data"],
    ):
        subprocess.run(["git", *call], cwd=repository, check=True)
    return tmp_path / "sources"


def script(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_a_collection_is_documents_answerable_queries_labels_and_where_it_comes_from(sources, tmp_path):
    done = script(sources, tmp_path / "out", "mqp")
    made = tmp_path / "out" / "mqp"
    assert (done.returncode, done.stdout) == (0, "mqp: 2 documents, 1 queries\n"), done.stderr
    rows = [json.loads(line) for line in (made / "docs.jsonl").read_text().splitlines()]
    assert rows == [{"id": "d0", "text": "May I have a drink, please?"}, {"id": "d1", "text": "Which diet is good?"}]
    assert files.read_queries(made / "queries.tsv") == {"q0": "May I drink?"}
    assert files.read_labels(made / "qrels.txt") == {"q0": {"d0": 1}}
    source = {"language": "en", "group": "mqp", "kind": "real", "source": "curai/medical-question-pair-dataset mqp.csv"}
    assert json.loads((made / "collection.json").read_text()) == {**source, "documents": 2, "queries": 1}


def test_without_a_clone_it_says_what_to_clone_and_makes_the_rest(sources, tmp_path):
    done = script(sources, tmp_path / "out", "rqe", "mqp")
    assert done.returncode == 1
    assert done.stderr.startswith("left out for want of abachaa/RQE_Data_AMIA2016: rqe. ")
    assert f"git clone https://github.com/abachaa/RQE_Data_AMIA2016 {sources}/abachaa/RQE_Data_AMIA2016" in done.stderr
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["mqp"]
