"""Tables on a real S3 server: a file, a folder, a fingerprint that changes, a sentence for what is not there."""

import importlib.util
from pathlib import Path

import pytest

from ropewalk.errors import RopewalkError
from ropewalk.spine.data import sources


def _servers():
    spec = importlib.util.spec_from_file_location("ropewalk_test_servers", Path(__file__).parent / "servers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bucket():
    servers = _servers()
    obstore = pytest.importorskip("obstore", reason="needs pip install 'ropewalk[s3]'")
    with pytest.MonkeyPatch.context() as patch:
        try:
            with servers.s3() as env:
                for name, value in env.items():
                    patch.setenv(name, value)
                options = {"endpoint": env["AWS_ENDPOINT_URL"], "client_options": {"allow_http": True}}
                yield lambda key, data: obstore.put(obstore.store.S3Store("ropewalk", **options), key, data)
        except servers.Absent as absent:
            pytest.skip(str(absent))


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
