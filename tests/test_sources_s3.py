"""Tables on a real S3 server: a file, a folder, a fingerprint that changes, a sentence for what is not there."""

import pytest

from ropewalk.errors import RopewalkError
from ropewalk.spine.data import sources


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """Puts bytes under a key."""
    obstore = pytest.importorskip("obstore")
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    options = {"endpoint": s3_server["AWS_ENDPOINT_URL"], "client_options": {"allow_http": True}}
    return lambda key, data: obstore.put(obstore.store.S3Store("ropewalk", **options), key, data)


def test_a_file_and_a_folder_are_read(bucket):
    bucket("sales/b.csv", b"item,units\n008,2\n")
    bucket("sales/a.csv", b"item,units\n007,1\n")
    assert sources.read_table("s3://ropewalk/sales/a.csv").collect().rows() == [("007", "1")]
    assert sources.read_table("s3://ropewalk/sales/").collect().rows() == [("007", "1"), ("008", "2")]


def test_a_fingerprint_changes_with_the_file(bucket):
    bucket("one.csv", b"item\n1\n")
    before = sources.fingerprint("s3://ropewalk/one.csv")
    assert sources.fingerprint("s3://ropewalk/one.csv") == before
    bucket("one.csv", b"item\n2\n")
    assert sources.fingerprint("s3://ropewalk/one.csv") != before


@pytest.mark.parametrize("address", ["none.csv", "none.parquet", "none/"])
def test_what_is_not_there_gets_a_sentence(bucket, address):
    with pytest.raises(RopewalkError, match=r"there is no (file|table)"):
        sources.read_table(f"s3://ropewalk/{address}").collect()
