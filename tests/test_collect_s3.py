"""Documents on a real S3 server: a file, a folder, what is not there; nothing is brought twice."""

import gzip
import json

import pytest

from ropewalk.errors import RopewalkError
from ropewalk.spine.compute.job import StageJob
from ropewalk.store import open_store
from ropewalk.systems.search.collect import CollectSettings, collect

EN = CollectSettings(language="en")


@pytest.fixture
def put(s3_server, monkeypatch):
    """Puts bytes under a key."""
    obstore = pytest.importorskip("obstore")
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    options = {"endpoint": s3_server["AWS_ENDPOINT_URL"], "client_options": {"allow_http": True}}
    return lambda key, data: obstore.put(obstore.store.S3Store("ropewalk", **options), key, data)


@pytest.fixture
def job(tmp_path):
    with open_store(str(tmp_path / "store")) as store, StageJob(store, "data", "key") as lent:
        yield lent


def test_a_file_and_a_folder_are_collected(put, job):
    line = json.dumps({"id": "x", "text": "a document"}).encode()
    put("collect/b/docs.jsonl.gz", gzip.compress(line))
    put("collect/a.txt", b"some words")
    one = collect("s3://ropewalk/collect/b/docs.jsonl.gz", job, EN).documents.collect()
    assert one["id"].to_list() == ["x"]
    assert one["origin"].to_list() == ["docs.jsonl.gz:1"]
    both = collect("s3://ropewalk/collect/", job, EN).documents.collect()
    assert both["origin"].to_list() == ["collect/a.txt", "collect/b/docs.jsonl.gz:1"]


def test_a_file_is_brought_once_and_again_when_it_changed(put, job):
    put("once/a.txt", b"before")
    for _ in range(2):
        collect("s3://ropewalk/once/a.txt", job, EN)
    assert len(list(job.folder.glob("collect/remote/*"))) == 1
    put("once/a.txt", b"after, longer")
    assert collect("s3://ropewalk/once/a.txt", job, EN).documents.collect()["text"].to_list() == ["after, longer"]


@pytest.mark.parametrize("address", ["s3://ropewalk/nowhere/", "s3://ropewalk/nowhere.txt"])
def test_what_is_not_there_gets_a_sentence(put, job, address):
    with pytest.raises(RopewalkError, match="there is no file"):
        collect(address, job, EN)
