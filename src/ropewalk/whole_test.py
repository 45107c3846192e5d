"""A file is the old one or the new one, whatever happens in between; nothing hidden stays."""

import itertools
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
    left, folder = tmp_path / f".b.txt.{dead.pid}-3.part", tmp_path / f".b.txt.{dead.pid}-0.parts"
    living, stranger = tmp_path / f".b.txt.{os.getppid()}-0.part", tmp_path / ".b.txt.notes.part"
    for path in (left, living, stranger):
        path.touch()
    folder.mkdir()
    (folder / "one").touch()
    write_whole(tmp_path / "b.txt", b"new")
    hidden(tmp_path / "b.txt", "parts")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, stranger.name, "b.txt"])


def test_a_killed_process_of_the_same_number_is_in_nobodys_way(tmp_path, monkeypatch):
    """In a container the first process is number 1 each time."""
    monkeypatch.setattr("ropewalk.whole._number", itertools.count())
    left = hidden(tmp_path / "b", "parts")
    left.mkdir()
    (left / "one").touch()
    monkeypatch.setattr("ropewalk.whole._number", itertools.count())
    again = hidden(tmp_path / "b", "parts")
    assert (again, again.exists()) == (left, False)


def test_two_threads_write_one_file_each_whole(tmp_path):
    with whole_file(tmp_path / "b[1].txt") as one, whole_file(tmp_path / "b[1].txt") as other:
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert [path.name for path in tmp_path.iterdir()] == ["b[1].txt"]
    assert (tmp_path / "b[1].txt").read_bytes() == b"one"  # the last to end
