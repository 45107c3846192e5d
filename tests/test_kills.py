"""kill -9 at any moment of any verb: run it again and all is as if nothing had happened.

After each death nothing is torn: every record's blobs are there with the bytes that they are named by, every name
points to a record, every file for people is whole or absent. After the verb was run again, ids, hashes, names, moves
and files are those of a life that nobody disturbed; and a collection then leaves neither half-written files nor
scratch, locks, nor a byte that nothing refers to.
"""

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import threading
import time
from urllib.parse import urlsplit

import pytest

from forks import Forks
from worlds import COIN, OUT, SCENES, World

SERVED = 12  # deaths of the service
DIED_AT = set()  # places of the code


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    with Forks(folder, COIN) as forks:
        yield World(folder, forks)


def deaths(name, done, count):
    """`count` moments of one verb: two thirds of them right before a step that leaves a trace, at places of the code where
    nothing has died yet as long as there are such; the others at a time drawn from its whole duration."""
    draw = random.Random(f"{name} {count}")
    by_place = {}
    for step, place in enumerate(done.places, 1):
        by_place.setdefault(place, []).append(step)
    fresh = [place for place in by_place if place not in DIED_AT]
    known = [place for place in by_place if place in DIED_AT]
    draw.shuffle(fresh)
    fresh.sort(key=lambda place: not place.endswith(" "))  # the store dies in tests of its own, too
    draw.shuffle(known)
    chosen = [*fresh, *known, *draw.choices(list(by_place), k=count)][: count - count // 3]
    DIED_AT.update(chosen)
    times = [{"after_s": draw.random() * done.seconds} for _ in range(count // 3)]
    return [{"at": draw.choice(by_place[place])} for place in chosen] + times


def survive(world, name, death):
    """One death of one verb, and everything that is promised after it. Returns whether it died at all."""
    _, expected = world.undisturbed(name)
    world.before(name)
    arguments = SCENES[name].arguments
    began = world.facts()
    died = world.run(*arguments, **death)
    assert died.code in (0, -signal.SIGKILL), died.err
    both = {
        n: [facts["files"][n] for facts in (began, expected) if n in facts["files"]]
        for n in {*began["files"], *expected["files"]}
    }
    world.nothing_torn(both)
    before = world.events()
    again = world.run(*arguments)
    assert again.code == 0, again.err
    found = world.facts()
    for part in expected:
        assert found[part] == expected[part], f"the {part} differ"
    after = world.events()
    assert before.keys() <= after.keys(), "an event was lost"
    world.nothing_torn(both)
    world.nothing_left()
    assert world.facts() == expected, "the collection took something"
    assert world.events().keys() == after.keys()
    return died.code != 0


@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if scene.kills])
def test_a_verb_that_was_killed_ends_well_the_second_time(world, name):
    done, _ = world.undisturbed(name)
    died = 0
    for death in deaths(name, done, SCENES[name].kills):
        try:
            died += survive(world, name, death)
        except AssertionError as error:
            raise AssertionError(f"{name} killed at {death}: {error}") from error
    assert died >= SCENES[name].kills / 2  # a time near the end may come too late


def test_two_hundred_deaths_in_all():
    assert sum(scene.kills for scene in SCENES.values()) + SERVED >= 200


# -- the service --


class Caller:
    """Asks as fast as it can until the service is gone. `answered`: ids of the events whose answer has arrived."""

    def __init__(self, world):
        self.answered = []
        self._ready = world.folder / "ready.json"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._ready.exists():
            if self._stop.wait(0.005):
                return
        connection = http.client.HTTPConnection(urlsplit(json.loads(self._ready.read_text())["url"]).netloc, timeout=30)
        toss = 0
        while not self._stop.is_set():
            rows = [{"toss": toss + i} for i in range(1 + toss % 3)]
            toss += len(rows)
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                connection.request("POST", "/predict", json.dumps(rows), {"content-type": "application/json"})
                response = connection.getresponse()
                body = json.loads(response.read())
                if response.status == 200:
                    self.answered += [answer["event_id"] for answer in body]
                    continue
            return

    def end(self):
        self._stop.set()
        self._thread.join()


def serve_until_killed(world, death):
    (world.folder / "ready.json").unlink(missing_ok=True)
    how = {key: death[key] for key in ("at",) if key in death}
    pid = world.forks.start(*SERVE, cwd=world.folder, **how)
    caller = Caller(world)
    done = world.forks.wait(pid, death["after_s"])
    caller.end()
    assert done.code == -signal.SIGKILL, done.err
    return caller.answered


def serve_until_told(world):
    (world.folder / "ready.json").unlink(missing_ok=True)
    pid = world.forks.start(*SERVE, cwd=world.folder)
    end = time.monotonic() + 60
    while not (world.folder / "ready.json").exists():
        assert time.monotonic() < end
        time.sleep(0.005)
    os.kill(pid, signal.SIGTERM)
    done = world.forks.wait(pid, 60)
    assert done.code == 0, done.err


SERVE = ("serve", COIN, "--port", "0", "--ready-file", "ready.json", "--quiet")


def test_no_answered_request_is_lost_when_the_service_is_killed(world):
    """And the next service hands the events of the dead one to the store, though the live release is another one."""
    assert kill_services(world, SERVED) > 100


def kill_services(world, count):
    """Kill so many services one after the other; how many answers had arrived by then, all of which were kept."""
    world.before("rollback")
    assert world.run("rollback", COIN).code == 0
    draw = random.Random("serve")
    promised = set(world.events())
    for number in range(count):
        death = {"after_s": 0.15 + 0.6 * draw.random()}
        if number % 2:
            death = {"at": draw.randrange(20, 400), "after_s": 2.0}
        promised |= set(serve_until_killed(world, death))
        world.nothing_torn({})
    serve_until_told(world)
    assert promised <= world.events().keys()
    assert list((world.folder / ".ropewalk" / "journal" / "coin").iterdir()) == []
    world.nothing_left()
    return len(promised)


# -- a real system --

LEARNING = (
    "jax", "optax", "ropewalk.systems.inventory.train", "ropewalk.systems.inventory.evaluate",
    "ropewalk.systems.inventory.outputs", "ropewalk.systems.inventory.checks", "ropewalk.systems.inventory.requests",
)  # fmt: skip
JOB = "ropewalk.spine.compute.job:StageJob"
# Where a life of some twenty seconds dies, each place farther on than the one before.
DEATHS = (
    {"after_s": (0.2, 3.0)},
    {"after_s": (0.2, 3.0)},
    {"call": f"{JOB}.progress", "nth": (6, 9)},  # forecast, tuning
    {"call": f"{JOB}.report", "nth": (1, 1)},  # the network's first steps are made, and not kept
    {"call": f"{JOB}.checkpoint", "nth": (2, 2)},  # one checkpoint is kept, more steps are lost
    {"call": "ropewalk.lifecycle.stages:_keep_run", "nth": (1, 1)},  # trained, and not kept
    {"call": f"{JOB}.progress", "nth": (2, 8)},  # replaying
    {"call": "ropewalk.lifecycle.releases:_move", "nth": (1, 3)},  # registering the baseline, promoting it
    {"call": "ropewalk.whole:whole_file", "nth": (1, 6)},  # files for people
    {"call": "ropewalk.lifecycle.answers:append_events", "nth": (1, 1)},  # asked, and the events not in the store
)


def test_ten_deaths_of_a_learning_life_end_with_the_same_bits(tmp_path):
    """inventory, small: killed ten times on its way, it ends with the model, the report and the plan of a life that was
    not killed; finished stages are not done again, and the training went on from its checkpoint and says so."""
    pytest.importorskip("jax")
    draw = random.Random("inventory")
    # JAX reads these once, when it is imported; compiled code is shared by all attempts, as beside a store.
    env = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    life = ("live", "inventory", "--small", *OUT)
    with Forks(tmp_path, "inventory", modules=LEARNING, env=env) as forks:
        world = World(tmp_path, forks)
        world.folder.mkdir()
        for place in DEATHS:
            drawn = {key: draw.uniform(*place[key]) for key in ("after_s",) if key in place}
            drawn |= {"call": place["call"], "nth": draw.randint(*place["nth"])} if "call" in place else {}
            done = world.run(*life, **drawn)
            assert done.code == -signal.SIGKILL, f"{drawn}: it came to its end: {done.err}"
            world.nothing_torn({})
        assert world.run(*life).code == 0
        world.nothing_left()
        killed, run = world.facts(), world.run_body()
        shutil.rmtree(world.folder)
        world.folder.mkdir()
        assert world.run(*life).code == 0
        undisturbed = world.facts()
    for part in ("records", "names", "moves", "files"):
        assert killed[part] == undisturbed[part], f"the {part} differ"
    assert run["resumed_from"] > 0
    assert run["plan"]["attempts"] >= 2  # how many deaths fell into the training depends on the machine
    assert 0 < run["plan"]["lost_seconds"] < run["seconds"]
