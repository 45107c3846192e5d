"""A disk that is full, a store that cannot be written, bytes that have changed, processes that want the same at once:
a sentence and an exit code, nothing torn, and all is well once the trouble is gone."""

import itertools
import os
import random
import signal
import subprocess
import time

import pytest

from forks import Forks
from ropewalk import api
from ropewalk.errors import CorruptError
from ropewalk.store import open_store
from worlds import COIN, SCENES, World

WRITING = (
    "data",
    "plan",
    "train",
    "evaluate",
    "register",
    "promote",
    "predict",
    "truths",
    "monitor",
    "rollback",
    "live",
    "gc",
)
STORAGE, STAGE = 3, 4  # exit codes
SOON = {"ROPEWALK_RETRY_S": "0.2"}  # how long a storage in trouble is asked again


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    with Forks(tmp_path_factory.mktemp("forks"), COIN) as found:
        yield found


@pytest.fixture(scope="module")
def world(tmp_path_factory, forks):
    return World(tmp_path_factory.mktemp("faults"), forks)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory, forks):
    """A world on a disk of 8 MB; skipped where this user may not mount one."""
    home = tmp_path_factory.mktemp("disk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(home)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    try:
        yield World(tmp_path_factory.mktemp("states"), forks, home)
    finally:
        subprocess.run(["umount", str(home)], check=True)


def fill(folder, free):
    """Leave so many bytes on the disk of a folder; the file that takes the rest."""
    filler = folder.parent / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 14))
        except OSError:
            file.truncate(max(0, file.tell() - free))
    return filler


def is_told(done):
    """A refusal is one or few sentences of ours, with an exit code, and never a traceback."""
    assert done.code in (STORAGE, STAGE), done
    assert "Traceback" not in done.err
    assert done.err.strip()
    assert all(line.startswith("ropewalk: ") for line in done.err.splitlines()), done.err


def ends_well(world, name):
    """The trouble is gone: the same command again ends as if there had been none."""
    _, expected = world.undisturbed(name)
    again = world.run(*SCENES[name].arguments)
    assert again.code == 0, again.err
    assert world.facts() == expected
    world.nothing_torn({n: [content] for n, content in expected["files"].items()})
    world.nothing_left()


@pytest.mark.parametrize("name", WRITING)
def test_a_full_disk_is_told_and_nothing_is_torn(small_disk, name):
    world = small_disk
    world.undisturbed(name)
    refused = 0
    for free in (0, 30_000, 80_000):
        world.before(name)
        filler = fill(world.folder, free)
        done = world.run(*SCENES[name].arguments, env=SOON)
        if done.code != 0:
            is_told(done)
            refused += 1
        filler.unlink()
        ends_well(world, name)
    assert refused, f"{name} wrote nothing on a full disk"


@pytest.mark.parametrize("name", WRITING)
def test_a_file_that_may_not_grow_is_told_and_nothing_is_torn(world, name):
    """As with a quota: here without a disk of our own, so that it runs everywhere."""
    world.undisturbed(name)
    for most in (100, 4_000):
        world.before(name)
        done = world.run(*SCENES[name].arguments, file_bytes=most, env=SOON)
        if done.code != 0:
            is_told(done)
        ends_well(world, name)


def test_a_store_that_may_only_be_read_is_told(small_disk):
    world = small_disk
    world.undisturbed("truths")
    for name in ("evaluate", "promote", "truths", "live"):
        world.before(name)
        remount(world, "ro")
        try:
            done = world.run(*SCENES[name].arguments)
            assert done.code == STORAGE, done
            is_told(done)
        finally:
            remount(world, "rw")
        ends_well(world, name)


def remount(world, how):
    subprocess.run(["mount", "-o", f"remount,{how}", str(world.folder.parent)], check=True)


# -- bytes that have changed --


def blobs_of(world, kind):
    with open_store(str(world.folder / ".ropewalk")) as store:
        (record,) = store.records(kind)
        return record.blobs


def spoil(world, hash_):
    path = world.folder / ".ropewalk" / "blobs" / hash_[:2] / hash_
    whole = path.read_bytes()
    os.chmod(path, 0o644)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    return path


@pytest.mark.parametrize(
    ("kind", "name", "stages"),
    [
        ("dataset", "train", ()),
        ("dataset", "evaluate", ()),
        ("run", "evaluate", ()),
        ("run", "predict", ("train",)),  # it begins with a release; the verb that made the blob is said again first
        ("report", "register", ()),
    ],
)
def test_a_corrupt_blob_is_named_and_once_deleted_the_stage_is_repeated(world, kind, name, stages):
    """Every blob of the record in its turn: the verb reads it and says so, or does not need it."""
    _, expected = world.undisturbed(name)
    told = 0
    world.before(name)
    for hash_ in blobs_of(world, kind):
        world.before(name)
        path = spoil(world, hash_)
        done = world.run(*SCENES[name].arguments)
        if done.code == 0:
            continue
        told += 1
        assert done.code == STORAGE, done.err
        assert hash_ in done.err
        assert str(path) in done.err
        assert "Delete that file" in done.err
        path.unlink()
        for verb in (*stages, name):
            again = world.run(*SCENES[verb].arguments)
            assert again.code == 0, again.err
        assert world.facts() == expected
        world.nothing_torn({n: [content] for n, content in expected["files"].items()})
    assert told, f"{name} reads no blob of the {kind}"


def test_events_that_are_gone_are_told_and_the_rest_is_watched(world):
    """No stage can make an answer of the past again."""
    world.before("monitor")
    (hash_,) = blobs_of(world, "events")
    path = spoil(world, hash_)
    done = world.run(*SCENES["monitor"].arguments)
    assert done.code == STORAGE
    assert hash_ in done.err
    path.unlink()
    done = world.forks.run(*SCENES["monitor"].arguments, cwd=world.folder)
    assert done.code in (0, 10, 20), done.err
    assert "40 events" in done.err
    assert "are lost" in done.err


def test_a_corrupt_checkpoint_is_told_and_the_training_begins_anew(world):
    _, expected = world.undisturbed("train")
    world.before("train")
    assert (
        world.run("train", COIN, call="ropewalk.spine.compute.job:StageJob.checkpoint", nth=3).code == -signal.SIGKILL
    )
    (checkpoint,) = (world.folder / ".ropewalk" / "objects" / "checkpoints").iterdir()
    for data in (checkpoint.read_bytes()[:-1] + b"x", b"RW"):
        os.chmod(checkpoint, 0o644)
        checkpoint.write_bytes(data)
        done = world.forks.run(
            "train", COIN, cwd=world.folder, call="ropewalk.spine.compute.job:StageJob.checkpoint", nth=3
        )
        assert "is corrupt and was removed: train begins anew" in done.err
    done = world.run("train", COIN)
    assert done.code == 0
    assert world.facts() == expected


# -- trainings that nobody continues --

CHECKPOINT = "ropewalk.spine.compute.job:StageJob.checkpoint"


def left(world):
    """(keys of checkpoints, of scratch folders)"""
    store = world.folder / ".ropewalk"
    return tuple({path.name for path in (store / where).glob("*")} for where in ("objects/checkpoints", "stages"))


def untouched_for(world, days):
    for path in (world.folder / ".ropewalk").rglob("*"):
        if path.is_relative_to(world.folder / ".ropewalk" / "stages") or "checkpoints" in path.parts:
            os.utime(path, times=(time.time() - days * 86_400,) * 2)


def test_a_killed_training_that_nobody_continues_goes_when_it_is_old(world):
    world.before("train")
    assert world.run("train", COIN, call=CHECKPOINT, nth=3).code == -signal.SIGKILL
    (key,) = left(world)[0]
    store = {"store": str(world.folder / ".ropewalk")}
    assert api.gc(forget_days=1, **store).unfinished == ()
    untouched_for(world, days=2)
    assert api.gc(**store).unfinished == ()
    assert api.gc(forget_days=3, **store).unfinished == ()
    tried = api.gc(dry_run=True, forget_days=1, **store)
    assert left(world) == ({key}, {key})
    done = api.gc(forget_days=1, **store)
    assert tried.unfinished == done.unfinished == (key,)
    assert "1 unfinished stages" in str(done)
    assert left(world) == (set(), set())
    again = world.run("train", COIN, "--json")
    assert again.code == 0
    assert '"resumed_from": null' in again.out


def test_a_training_that_runs_is_left_alone_however_old_its_files_are(world):
    world.before("train")
    assert world.run("train", COIN, call=CHECKPOINT, nth=3).code == -signal.SIGKILL
    (dead,) = left(world)[0]
    running = world.forks.start("train", COIN, "--set", "steps=300", "--json", "--quiet", cwd=world.folder)
    while len(left(world)[0]) < 2:
        time.sleep(0.005)
    os.kill(running, signal.SIGSTOP)
    (alive,) = left(world)[0] - {dead}
    untouched_for(world, days=100)
    for dry in (True, False):
        assert api.gc(dry_run=dry, forget_days=0, store=str(world.folder / ".ropewalk")).unfinished == (dead,)
    assert left(world) == ({alive}, {alive})
    os.kill(running, signal.SIGCONT)
    done = world.forks.wait(running, 60)
    assert done.code == 0, done.err
    assert '"attempts": 1' in done.out
    world.nothing_left()


# -- at once --


def test_two_trainings_and_a_collection_at_once(world):
    """One trains, the other waits for it, says so and takes what it made; collections take nothing that is needed."""
    world.before("train")
    long = ("train", COIN, "--set", "steps=150")
    pids = [world.forks.start(*long, cwd=world.folder) for _ in range(2)]
    collections = [world.run("gc") for _ in range(8)]
    done = [world.forks.wait(pid, 120) for pid in pids]
    assert [d.code for d in (*done, *collections)] == [0] * 10, [d.err for d in (*done, *collections)]
    assert done[0].out == done[1].out
    assert sum("waiting for" in d.err for d in done) == 1
    with open_store(str(world.folder / ".ropewalk")) as store:
        (run,) = store.records("run")
        assert run.body["plan"]["attempts"] == 1
        assert run.body["resumed_from"] is None
    world.nothing_torn({})
    world.nothing_left()


def test_two_lives_at_once_end_with_one_release(world):
    world.before("live")
    life = SCENES["live"].arguments
    pids = [world.forks.start(*life, cwd=world.folder) for _ in range(3)]
    done = [world.forks.wait(pid, 120) for pid in pids]
    assert [d.code for d in done] == [0] * 3, [d.err for d in done]
    with open_store(str(world.folder / ".ropewalk")) as store:
        (release,) = store.records("release")
        assert release.body["version"] == 1
        assert store.names() == {"coin@live": release.id}
        assert len(store.history("coin@live")) == 1
        assert len(store.records("run")) == len(store.records("outputs")) == len(store.records("rehearsal")) == 1
    world.nothing_torn({})
    world.nothing_left()


def test_releases_are_moved_by_many_at_once(world):
    """Whoever is late is told; the moves of the name form one chain."""
    world.before("rollback")
    verbs = [("promote", COIN, "--to", "1"), ("promote", COIN, "--to", "2"), ("rollback", COIN)] * 3
    random.Random(0).shuffle(verbs)
    pids = [world.forks.start(*verb, "--quiet", cwd=world.folder) for verb in verbs]
    done = [world.forks.wait(pid, 120) for pid in pids]
    assert all(d.code in (0, 2) for d in done), [d.err for d in done]
    with open_store(str(world.folder / ".ropewalk")) as store:
        moves = store.history("coin@live")
        assert all(one.after == two.before for one, two in itertools.pairwise(moves))
        assert store.name("coin@live") == moves[-1].after


def test_a_writer_that_stands_still_is_waited_for_and_its_death_is_noticed(world):
    """A process that holds a stage and is stopped: the other says whom it waits for, and takes over at its death."""
    world.before("train")
    long = ("train", COIN, "--set", "steps=6000")  # seconds: the first must be stopped in the middle of it
    first = world.forks.start(*long, cwd=world.folder)
    time.sleep(0.3)
    os.kill(first, signal.SIGSTOP)
    second = world.forks.start(*long, "--json", cwd=world.folder)
    time.sleep(0.5)
    os.kill(first, signal.SIGKILL)
    assert world.forks.wait(first, 10).code == -signal.SIGKILL
    done = world.forks.wait(second, 120)
    assert done.code == 0, done.err
    assert f"process {first}" in done.err
    assert '"resumed_from": ' in done.out
    assert '"resumed_from": null' not in done.out


def test_a_corrupt_blob_in_python_is_an_exception_with_its_name(world):
    world.before("train")
    hash_ = blobs_of(world, "dataset")[0]
    spoil(world, hash_)
    with pytest.raises(CorruptError) as caught:
        api.train(COIN, store=str(world.folder / ".ropewalk"))
    assert caught.value.name == hash_
