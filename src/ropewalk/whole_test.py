"""A file is the old one or the new one, whatever happens in between; nothing hidden stays."""

import os
import subprocess
import sys

import pytest

from ropewalk.whole import hidden, whole_file, write_whole


def test_a_file_is_written_with_its_folders(tmp_path):
    write_whole(tmp_path / "a" / "b.txt", b"new")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path):
    target = tmp_path / "b.txt"
    target.write_bytes(b"old")

    def write():
        with whole_file(target) as part:
            part.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_until_the_end_the_old_file_is_seen(tmp_path):
    target = tmp_path / "b.txt"
    target.write_bytes(b"old")
    with whole_file(target) as part:
        part.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


def test_what_a_killed_process_left_goes_and_a_living_ones_stays(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, folder = tmp_path / f".b.txt.{dead.pid}.part", tmp_path / f".b.txt.{dead.pid}.parts"
    living, stranger = tmp_path / f".b.txt.{os.getppid()}.part", tmp_path / ".b.txt.notes.part"
    for path in (left, living, stranger):
        path.touch()
    folder.mkdir()
    (folder / "one").touch()
    write_whole(tmp_path / "b.txt", b"new")
    hidden(tmp_path / "b.txt", "parts")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, stranger.name, "b.txt"])
