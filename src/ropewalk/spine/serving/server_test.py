"""The service as a process of its own, under load: taken over, stopped, killed. No answered request is lost."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ropewalk.errors import ConfigError, StageError, StoreError
from ropewalk.spine.serving.app import Served
from ropewalk.spine.serving.journal import SUFFIX
from ropewalk.spine.serving.server import serve
from ropewalk.types import Column, Contract

CONTRACT = Contract((Column("x", "float", "what is multiplied", low=0),))
ANSWERS = Contract((Column("y", "float", "the product"),))


class Times:
    """y = factor x; a factor of zero is a broken model."""

    def __init__(self, factor, seconds=0.0):
        self.factor, self.seconds = factor, seconds

    def predict(self, requests):
        time.sleep(self.seconds)
        if not self.factor:
            raise ValueError("broken weights")
        return {"y": self.factor * requests["x"]}

    def save(self, folder):
        raise NotImplementedError


def main(folder: Path) -> int:
    """The service of these tests: the release is read from a file, events go to a file, both can be broken."""
    last = [Served("", Times(1))]
    stored = open(folder / "stored.jsonl", "a")  # noqa: SIM115

    def current():
        factor, seconds = map(float, (folder / "live").read_text().split())
        if last[0].release_id != f"r{factor:g}":
            last[0] = Served(f"r{factor:g}", Times(factor, seconds))
        return last[0]

    def append(events):
        if (folder / "away").exists():
            raise OSError("the storage is away")
        stored.writelines(json.dumps(event, default=str) + "\n" for event in events)
        stored.flush()

    return serve(
        current, append, contract=CONTRACT, answers=ANSWERS, name="times", journal=folder / "journal", port=0,
        poll_s=0.05, seal_s=0.05, ready_file=folder / "ready",
    )  # fmt: skip


class Running:
    """The process, and clients that count what was answered."""

    def __init__(self, folder, live="2 0"):
        self.folder = folder
        (folder / "live").write_text(live)
        (folder / "ready").unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self.process = subprocess.Popen([sys.executable, __file__, str(folder)], env=environment)
        until(lambda: (folder / "ready").exists(), 15)
        self.port = int(json.loads((folder / "ready").read_text())["url"].rpartition(":")[2])
        self.answered, self.refused, self.broken = [], [], 0
        self.over = threading.Event()
        self.clients = [threading.Thread(target=self._ask, args=(n,)) for n in range(4)]

    def load(self):
        for client in self.clients:
            client.start()

    def rest(self):
        self.over.set()
        for client in self.clients:
            client.join(10)

    def _ask(self, number):
        connection, n = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10), 0
        while not self.over.is_set():
            n += 1
            try:
                connection.request("POST", "/predict", json.dumps({"x": n}), {"content-type": "application/json"})
                reply = connection.getresponse()
                body = json.loads(reply.read())
            except (OSError, http.client.HTTPException, ValueError):
                self.broken += 1
                return
            if reply.status != 200:
                self.refused.append(body)
            else:
                self.answered.append((body["event_id"], body["release"], body["y"] / n))

    def stored(self):
        lines = (self.folder / "stored.jsonl").read_text().splitlines()
        return [json.loads(line)["id"] for line in lines]


def until(condition, seconds=8.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def running(tmp_path):
    started = []

    def start(**how):
        started.append(Running(tmp_path, **how))
        return started[-1]

    yield start
    for one in started:
        one.over.set()
        one.process.kill()
        one.process.wait()


def test_a_new_release_is_taken_over_with_no_failed_request(running):
    service = running()
    service.load()
    for factor in (3, 4, 0, 5):
        until(lambda: len(service.answered) > 50)
        (service.folder / "live.new").write_text(f"{factor} 0")
        os.replace(service.folder / "live.new", service.folder / "live")
        if factor:
            until(lambda factor=factor: service.answered[-1][1] == f"r{factor}")
        else:
            time.sleep(0.2)  # a release that cannot answer is not taken
    service.rest()
    assert service.refused == []
    assert service.broken == 0
    assert [release for _, release, _ in service.answered if release == "r0"] == []
    assert {(release, factor) for _, release, factor in service.answered} == {
        ("r2", 2),
        ("r3", 3),
        ("r4", 4),
        ("r5", 5),
    }


def test_sigterm_under_load_ends_well_and_every_answer_is_stored_once(running):
    service = running(live="2 0.003")
    service.load()
    until(lambda: len(service.answered) > 200)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(10) == 0
    service.rest()
    ids = [event for event, _, _ in service.answered]
    stored = service.stored()
    assert set(ids) <= set(stored)
    assert len(stored) == len(set(stored))
    assert service.refused == []
    assert list((service.folder / "journal").glob("*" + SUFFIX)) == []
    assert not (service.folder / "ready").exists()


def test_kill_9_under_load_loses_no_answered_request(running):
    lost = None
    for _ in range(3):
        service = running()
        service.load()
        until(lambda service=service: len(service.answered) > 100)
        service.process.kill()
        service.process.wait()
        service.rest()
        lost = {event for event, _, _ in service.answered} | (lost or set())
    last = running()
    until(lambda: lost <= set(last.stored()))
    last.process.send_signal(signal.SIGTERM)
    assert last.process.wait(10) == 0
    assert list((last.folder / "journal").glob("*" + SUFFIX)) == []


def test_a_storage_that_is_away_delays_events_and_nothing_else(running):
    service = running()
    (service.folder / "away").touch()
    service.load()
    until(lambda: len(service.answered) > 200)
    service.rest()
    assert service.refused == []
    assert service.stored() == []
    (service.folder / "away").unlink()
    until(lambda: len(service.stored()) == len(service.answered))
    assert set(service.stored()) == {event for event, _, _ in service.answered}


def test_stopping_while_the_storage_is_away_keeps_the_events_for_the_next_start(running):
    service = running()
    (service.folder / "away").touch()
    service.load()
    until(lambda: len(service.answered) > 50)
    service.rest()
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(15) == 0
    (service.folder / "away").unlink()
    after = running()
    until(lambda: set(after.stored()) == {event for event, _, _ in service.answered})


def test_requests_in_work_are_finished_before_the_end(running):
    service = running(live="2 0.5")
    answers = []

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        connection.request("POST", "/predict", '{"x": 1}')
        answers.append(json.loads(connection.getresponse().read()))

    client = threading.Thread(target=ask)
    client.start()
    time.sleep(0.2)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(10) == 0
    client.join()
    assert answers[0]["y"] == 2.0
    assert service.stored() == [answers[0]["event_id"]]


# -- in this process: what keeps a service from starting, and how a program stops it --


def start(tmp_path, current=lambda: Served("r1", Times(2)), **how):
    settings = {"contract": CONTRACT, "answers": ANSWERS, "name": "times", "journal": tmp_path / "journal", "port": 0}
    return serve(current, lambda events: None, **{**settings, **how})


def test_it_is_not_opened_to_other_machines_without_a_key(tmp_path, monkeypatch):
    monkeypatch.delenv("ROPEWALK_API_KEY", raising=False)
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(ConfigError, match=r"there is no key: set ROPEWALK_API_KEY, or bind to 127\.0\.0\.1"):
            start(tmp_path, host=host)


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port} cannot be listened on"):
            start(tmp_path, port=port)


def test_a_ready_file_that_a_killed_service_left_is_gone_before_it_listens(tmp_path):
    left = tmp_path / "ready"
    left.write_text('{"url": "http://127.0.0.1:1", "pid": 1}')
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="cannot be listened on"):
        start(tmp_path, port=taken.getsockname()[1], ready_file=left)
    assert not left.exists()


def test_a_release_that_cannot_answer_does_not_start(tmp_path):
    with pytest.raises(
        StageError, match=r"release r1 cannot answer a row of its contract: ValueError\('broken weights'\)"
    ):
        start(tmp_path, current=lambda: Served("r1", Times(0)))


def test_a_release_that_met_a_bad_moment_of_the_store_is_tried_again(tmp_path):
    class Late(Times):
        tried = 0

        def predict(self, requests):
            self.tried += 1
            if self.tried < 3:
                raise StoreError("the storage failed.")
            return super().predict(requests)

    late, live = Served("r2", Late(2)), [Served("r1", Times(1))]
    stop, urls = threading.Event(), []
    options = {"current": lambda: live[0], "poll_s": 0.02, "on_ready": urls.append, "stop": stop}
    thread = threading.Thread(target=lambda: start(tmp_path, **options))
    thread.start()
    until(lambda: urls)
    live[0] = late
    until(lambda: late.model.tried > 3)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_program_stops_it_with_an_event_and_can_start_it_again(tmp_path):
    for _ in range(2):
        stop, urls, done = threading.Event(), [], []
        thread = threading.Thread(target=lambda: done.append(start(tmp_path, on_ready=urls.append, stop=stop)))  # noqa: B023
        thread.start()
        until(lambda: urls)  # noqa: B023
        stop.set()
        thread.join(10)
        assert done == [0]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
