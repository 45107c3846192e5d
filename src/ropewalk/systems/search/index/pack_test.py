"""What a pack, stored documents and bitmaps promise: what went in comes out, by reading no more than is asked for."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.errors import StoreError
from ropewalk.systems.search.index import documents as storing
from ropewalk.systems.search.index.documents import Documents, write_documents
from ropewalk.systems.search.index.ids import Ids, keys_of, make_files, write_ids
from ropewalk.systems.search.index.manifest import pack_deletes, unpack_deletes
from ropewalk.systems.search.index.pack import ALIGN, Pack, Writer, read_table, unpack

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def packed(write, notes=None):
    """A pack as a file that is gone when the test is over; mapped, so it may go at once."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.pack")
        with open(path, "wb") as file:
            writer = Writer(file)
            write(writer)
            writer.finish(notes or {})
        return Pack(path)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(min_size=1), st.tuples(st.binary(), st.booleans()), max_size=5), st.integers(0, 100))
def test_parts_come_out_as_they_went_in_and_arrays_are_aligned(parts, numbers):
    def write(writer):
        for name, (data, compress) in parts.items():
            writer.add(f"x{name}", data, compress)
        writer.add_array("numbers", np.arange(numbers, dtype=np.float64).reshape(-1, 1))

    pack = packed(write, {"a": 1})
    assert pack.table.notes == {"a": 1}
    assert {name: pack.bytes(f"x{name}") for name in parts} == {name: data for name, (data, _) in parts.items()}
    assert all(part.offset % ALIGN == 0 for part in pack.table.parts.values())
    assert pack.array("numbers").tolist() == [[float(i)] for i in range(numbers)]


def test_a_part_is_read_from_afar_by_ranges():
    out = io.BytesIO()
    writer = Writer(out)
    writer.add("large", bytes(1 << 20))
    for i in range(3000):  # a table longer than the first read
        writer.add(f"part {i}", b"%d" % i, compress=True)
    writer.finish({})
    data, asked = out.getvalue(), []

    def read(start, length):
        asked.append(length)
        return data[start : start + length]

    part = read_table(len(data), read, "there").parts["part 7"]
    assert unpack(read(part.offset, part.size), part) == b"7"
    assert len(asked) == 3
    assert sum(asked) < len(data) / 2
    for torn in (data[:-1], data[:100], b""):
        with pytest.raises(StoreError, match="there is no pack of a segment, or is cut"):
            read_table(len(torn), lambda start, length, torn=torn: torn[start : start + length], "there")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), min_size=1, max_size=30), st.integers(1, 300))
def test_documents_come_out_as_they_went_in_whatever_the_block(documents, block):
    import msgspec

    before = storing.BLOCK
    storing.BLOCK = block
    try:
        stored = Documents(packed(lambda writer: write_documents(writer, documents, 0)))
    finally:
        storing.BLOCK = before
    rows = list(range(len(documents)))[::-1]
    found = [msgspec.json.decode(line) for line in stored.lines(rows)]
    assert found == [{name: value for name, value in documents[row].items() if name != "id"} for row in rows]


def test_many_alike_documents_share_a_dictionary():
    documents = [{"text": f"hemp rope of {i} strands, laid by hand, number {i * i}"} for i in range(30_000)]
    stored = Documents(packed(lambda writer: write_documents(writer, documents, 2_000_000)))
    assert stored.lines([29_999, 5])[1] == b'{"text":"hemp rope of 5 strands, laid by hand, number 25"}'
    same = Documents(packed(lambda writer: write_documents(writer, [{"text": "x"}] * 10, 2_000_000)))  # none to be made
    assert same.lines([9]) == [b'{"text":"x"}']


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text(min_size=1).map(str.encode), unique=True, max_size=50),
    st.lists(st.text().map(str.encode), max_size=5),
)
def test_an_id_is_found_at_its_row_and_no_other_is(ids, others):
    pack = packed(lambda writer: write_ids(writer, ids))
    with TemporaryDirectory() as folder:
        make_files(Path(folder), pack.bytes("ids/lengths"), pack.bytes("ids/text"))
        known = Ids.open(Path(folder))
        assert known.all() == [id.decode() for id in ids]
        assert known.rows_of(ids, keys_of(ids)).tolist() == list(range(len(ids)))
        strangers = [id for id in others if id not in ids]
        assert known.rows_of(strangers, keys_of(strangers)).tolist() == []


def test_ids_of_the_same_checksum_are_told_apart():
    ids = [b"plumless", b"buckeroo", b"rope"]  # the first two have the CRC-32 4ddb0c25
    assert len(set(keys_of(ids).tolist())) == 2
    pack = packed(lambda writer: write_ids(writer, ids))
    with TemporaryDirectory() as folder:
        make_files(Path(folder), pack.bytes("ids/lengths"), pack.bytes("ids/text"))
        known = Ids.open(Path(folder))
        for row, id in enumerate(ids):
            assert known.rows_of([id], keys_of([id])).tolist() == [row]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), max_size=300))
def test_deleted_rows_come_back_from_their_bitmap(dead):
    name, data = pack_deletes(np.array(dead, bool))
    assert unpack_deletes(data, len(dead)).tolist() == dead
    assert pack_deletes(np.array(dead, bool)) == (name, data)
