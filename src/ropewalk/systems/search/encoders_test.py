"""Which encoder a collection gets: by its settings, and by how long its documents are."""

import polars as pl
import pytest

from ropewalk.errors import VersionError
from ropewalk.store import open_store
from ropewalk.systems.search import encoders
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.encode.folder_test import made
from ropewalk.systems.search.encoders import LONG, WHOLE
from ropewalk.systems.search.texts import Alone

MIXED = pl.DataFrame({"title": ["a", None, "c"], "text": ["x" * LONG, "y" * LONG, "z" * 9 * LONG]})
LENGTHY = pl.DataFrame({"title": ["aa", None, "c" * LONG], "text": ["x" * (LONG - 1), "y", "z"]})


def test_documents_are_long_where_more_than_half_of_them_are():
    assert (encoders.long(MIXED), encoders.long(LENGTHY)) == (True, True)
    assert not encoders.long(MIXED[1:2])
    assert not encoders.long(pl.DataFrame({"text": ["x" * 9 * LONG, "y", "z"]}))
    assert not encoders.long(MIXED.clear())
    assert not encoders.long(pl.DataFrame({"body": ["x" * 9 * LONG]}))


@pytest.mark.parametrize(
    ("long_texts", "documents", "whole"),
    [("auto", LENGTHY, True), ("auto", MIXED[1:2], False), ("first", LENGTHY, False), ("mean", MIXED[1:2], True)],
)
def test_an_encoder_that_reads_long_texts_whole_is_another_one_and_found_again(tmp_path, long_texts, documents, whole):
    config = Config(encoder=str(made(tmp_path)), long_texts=long_texts)
    with open_store("memory://") as store:
        named = encoders.named(config, Alone(store, tmp_path), documents)
        assert named.name == str(tmp_path) + WHOLE * whole
        again = encoders.parse(str(named))
        assert (again, encoders.of(again, store).hash) == (named, named.hash)
        other = encoders.Named(str(tmp_path) + WHOLE * (not whole), named.precision, named.hash, named.dims)
        with pytest.raises(VersionError):
            encoders.of(other, store)


def test_the_languages_of_an_encoder_are_the_same_whatever_it_reads():
    for name in ("minilm", f"minilm{WHOLE}"):
        text = str(encoders.Named(name, "int8", "0" * 64, 384))
        assert (encoders.knows(text, "en"), encoders.knows(text, "de")) == (True, False)
