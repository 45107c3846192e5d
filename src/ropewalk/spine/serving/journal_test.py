"""No event is lost: not by a store that is away, not by a process that dies, not by a full disk."""

import json
import os
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest

from ropewalk.spine.serving.journal import SUFFIX, Journal, Line


def line(n: int) -> bytes:
    return msgspec.json.encode(Line(f"e{n}", datetime.now(UTC), "r1", {"x": n}, {"y": 2 * n}, 0.001)) + b"\n"


class Sink:
    """A store that can be away."""

    def __init__(self):
        self.events, self.away, self.batches = [], False, 0

    def __call__(self, events):
        self.batches += 1
        if self.away:
            raise OSError("the storage is away")
        self.events += events

    @property
    def ids(self):
        return [e["id"] for e in self.events]


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def files(folder):
    return sorted(folder.glob("*" + SUFFIX))


def test_events_reach_the_store_in_order_with_the_fields_of_an_event(tmp_path):
    sink = Sink()
    journal = Journal(tmp_path, sink, seal_s=0.02, batch_rows=7)
    for n in range(50):
        journal.write(line(n))
    assert journal.close()
    assert sink.ids == [f"e{n}" for n in range(50)]
    first = sink.events[0]
    assert msgspec.json.decode(first["request"]) == {"x": 0}
    assert msgspec.json.decode(first["answer"]) == {"y": 0}
    assert first["at"].tzinfo is not None
    assert set(first) == {"id", "at", "release", "request", "answer", "latency_s", "state", "schema"}
    assert files(tmp_path) == []
    assert (journal.pending, journal.written) == (0, 50)


def test_a_store_that_is_away_gets_everything_when_it_is_back(tmp_path):
    sink = Sink()
    sink.away = True
    journal = Journal(tmp_path, sink, seal_s=0.01, retry_s=0.01)
    for n in range(20):
        journal.write(line(n))
    until(lambda: journal.failures >= 2)
    for n in range(20, 40):
        journal.write(line(n))
    assert journal.pending == 40
    assert len(files(tmp_path)) == 2, "a store that is away must not make a file a second"
    sink.away = False
    until(lambda: not journal.pending)
    assert sink.ids == [f"e{n}" for n in range(40)]
    assert journal.close()


def test_what_could_not_be_stored_before_the_end_is_stored_at_the_next_start(tmp_path):
    away, back = Sink(), Sink()
    away.away = True
    journal = Journal(tmp_path, away, seal_s=0.01, retry_s=0.005)
    for n in range(5):
        journal.write(line(n))
    assert not journal.close(5)
    after = Journal(tmp_path, back, seal_s=0.01)
    until(lambda: back.ids == [f"e{n}" for n in range(5)])
    assert after.close()
    assert files(tmp_path) == []


def test_the_files_of_a_living_process_are_left_alone(tmp_path):
    mine, theirs = Sink(), Sink()
    living = Journal(tmp_path, mine, seal_s=60)
    living.write(line(1))
    other = Journal(tmp_path, theirs, seal_s=0.01)
    assert other.close()
    assert theirs.ids == []
    assert living.close()
    assert mine.ids == ["e1"]


def test_a_torn_last_line_was_never_answered_and_is_left_out(tmp_path):
    path = tmp_path / f"00000000000000000001-dead{SUFFIX}"
    path.write_bytes(line(1) + b"no event at all\n" + line(2) + line(3)[:20])
    sink = Sink()
    assert Journal(tmp_path, sink).close()
    assert sink.ids == ["e1", "e2"]


def test_a_full_disk_refuses_the_event_and_leaves_nothing_torn(tmp_path):
    sink = Sink()
    journal = Journal(tmp_path, sink, seal_s=60)
    journal.write(line(1))
    keep, full = journal._current.descriptor, os.open("/dev/full", os.O_WRONLY)
    try:
        journal._current.descriptor = full
        with pytest.raises(OSError, match=r"No space left|Invalid argument"):
            journal.write(line(2))
    finally:
        journal._current.descriptor = keep
        os.close(full)
    journal.write(line(3))
    assert journal.close()
    assert sink.ids == ["e1", "e3"]


def test_a_line_that_only_partly_fitted_is_cut_off(tmp_path, monkeypatch):
    sink = Sink()
    journal = Journal(tmp_path, sink, seal_s=60)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
    with pytest.raises(OSError, match="fitted"):
        journal.write(line(1))
    monkeypatch.undo()
    journal.write(line(2))
    assert journal.close()
    assert sink.ids == ["e2"]


def test_a_hand_over_that_failed_halfway_repeats_the_same_batches(tmp_path):
    """Whoever keeps events by id counts each once, and a batch said twice is the same batch."""
    seen, fail = [], [2, 3]

    def append(events):
        seen.append(json.dumps([e["id"] for e in events]))
        if len(seen) in fail:
            raise OSError("gone")

    journal = Journal(tmp_path, append, seal_s=60, retry_s=0.001, batch_rows=10)
    journal.write(b"".join(line(n) for n in range(25)), 25)
    assert journal.close()
    counts = Counter(seen)
    assert len(counts) == 3
    assert sorted(counts.values()) == [1, 1, 3]


def test_writers_in_many_threads_and_a_rotating_file_lose_nothing(tmp_path):
    sink = Sink()
    journal = Journal(tmp_path, sink, seal_s=0.001, batch_rows=50)

    def write(start):
        for n in range(start, start + 500):
            journal.write(line(n))

    threads = [threading.Thread(target=write, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.close()
    assert len(sink.ids) == len(set(sink.ids)) == 2000
