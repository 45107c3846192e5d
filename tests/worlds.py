"""The life of the toy system as scenes: a verb each, the state that it begins in, and what it must come to.

Tests disturb a scene (a death, a full disk), repeat it, and compare with what it came to when nobody disturbed it.
"""

import csv
import functools
import gzip
import hashlib
import json
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from ropewalk.lifecycle import inspect
from ropewalk.store import open_store

COIN = str(Path(__file__).parents[1] / "examples" / "coin.py")
ROWS = 40  # of the file that is predicted
OUT = ("--out", "out")


@dataclass(frozen=True)
class Scene:
    """A verb in the state that the scene `after` left. `kills` of the 200 fall on it."""

    after: str
    arguments: tuple[str, ...]
    kills: int = 0


SCENES = {
    "data": Scene("", ("data", COIN), 12),
    "plan": Scene("", ("plan", COIN), 16),
    "train": Scene("data", ("train", COIN), 10),
    "evaluate": Scene("train", ("evaluate", COIN), 12),
    "register": Scene("evaluate", ("register", COIN), 12),
    "promote": Scene("register", ("promote", COIN), 10),
    "predict": Scene("promote", ("predict", COIN, "requests.csv", "answers.csv"), 14),
    "truths": Scene("predict", ("truths", COIN, "truths.csv"), 10),
    "monitor": Scene("truths", ("monitor", COIN, "--page", "out/monitor.html"), 12),
    "second": Scene("monitor", ("register", COIN, "--choice", "baseline")),
    "succeed": Scene("second", ("promote", COIN)),
    "rollback": Scene("succeed", ("rollback", COIN, "--from", "2"), 10),
    "live": Scene("", ("live", COIN, *OUT), 40),
    "renew": Scene("live", ("live", COIN, *OUT, "--set", "heads=0.8"), 14),
    "gc": Scene("rubbish", ("gc", "--forget-days", "0"), 10),
    "runs": Scene("rollback", ("runs",), 3),
    "show": Scene("rollback", ("show", "coin@live"), 3),
}
MEASURED = {"at", "created", "seconds", "cpu_seconds", "goodput", "metrics"}  # what no two lives have in common


class World:
    """A folder that is put back into the state before each scene, and what a scene leads to when nobody disturbs it."""

    def __init__(self, folder, forks, home=None):
        self.folder, self.forks = (home or folder) / "world", forks
        self._states = folder / "states"
        self._states.mkdir()

    def run(self, *arguments, **how):
        return self.forks.run(*arguments, "--quiet", cwd=self.folder, **how)

    @functools.cache  # noqa: B019 - one world a module
    def undisturbed(self, name):
        """(how the verb ended, what it led to); the state behind it is kept for the scenes that come after."""
        self.before(name)
        done = self.run(*SCENES[name].arguments)
        assert done.code == 0, done.err
        assert done.places
        facts = self.facts()
        self._keep(name)
        self._add_files(name)
        return done, facts

    def before(self, name):
        """Put the folder into the state that this scene begins with."""
        after = SCENES[name].after
        if not (self._states / (after or "nothing")).exists():
            self._prepare(after)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._states / (after or "nothing"), self.folder)

    def _keep(self, name):
        shutil.rmtree(self._states / name, ignore_errors=True)
        shutil.copytree(self.folder, self._states / name)

    def _prepare(self, after):
        if after == "":
            (self._states / "nothing").mkdir(exist_ok=True)
        elif after == "rubbish":
            self._make_rubbish()
        else:
            self.undisturbed(after)

    def _add_files(self, after):
        """What a user brings to the next verb."""
        folder = self._states / after
        if after == "promote":
            rows = "".join(f"{toss}\n" for toss in range(ROWS))
            (folder / "requests.csv").write_text("toss\n" + rows)
        elif after == "predict":
            with open(folder / "answers.csv", newline="") as file:
                ids = [row["event_id"] for row in csv.DictReader(file)]
            truths = "".join(f"{id_},{'true' if i % 3 else 'false'}\n" for i, id_ in enumerate(ids))
            (folder / "truths.csv").write_text("id,heads\n" + truths)

    def _make_rubbish(self):
        """A run that no release needs, and the remains of three deaths."""
        self.before("runs")
        assert self.run("train", COIN, "--set", "steps=9").code == 0
        for arguments, step in (("data", "tosses=250"), 60), (("train", "steps=11"), 150), (("train", "steps=3"), 130):
            verb, value = arguments
            assert self.run(verb, COIN, "--set", value, at=step).code == -signal.SIGKILL
        self._keep("rubbish")

    # -- what a life came to --

    def facts(self):
        """Everything that two lives with the same inputs have in common."""
        with open_store(str(self.folder / ".ropewalk")) as store:
            kept = store.records(limit=1_000_000)
            found = {
                r.id: plain(r) for r in kept if r.kind not in ("events", "truths", "rehearsal", "monitor", "counts")
            }
            for kind in ("rehearsal", "monitor"):
                found[kind] = sorted({str(r.parents) for r in kept if r.kind == kind})
            names = store.names()
            moves = {name: [(m.before, m.after, m.why) for m in store.history(name)] for name in (*LIVE,)}
            truths = [(r.id, r.body["rows"]) for r in kept if r.kind == "truths"]
            rehearsed = bool(found["rehearsal"])
        files = {p.name: p.read_bytes() for p in self.people_files() if p.suffix in (".csv", ".txt")}
        # A rehearsal draws ids for its requests; a job takes them from its file, so a killed one adds none.
        events = {} if rehearsed else {id_: len(copies) for id_, copies in self.events().items()}
        truths = [] if rehearsed else truths
        return {"records": found, "names": names, "moves": moves, "files": files, "events": events, "truths": truths}

    def run_body(self):
        with open_store(str(self.folder / ".ropewalk")) as store:
            return store.records("run")[0].body

    def people_files(self):
        visible = [p for p in self.folder.rglob("*") if not any(part.startswith(".") for part in p.parts[-3:])]
        return [p for p in visible if p.is_file() and ".ropewalk" not in p.parts]

    def events(self):
        """Every event of the store by id, and how often it is there."""
        found = {}
        with open_store(str(self.folder / ".ropewalk")) as store:
            for record in store.records("events", limit=1_000_000):
                lines = gzip.decompress(store.get(record.body["blob"])).splitlines()
                assert len(lines) == record.body["count"]
                for line in lines:
                    event = json.loads(line)
                    found.setdefault(event["id"], []).append(event)
        return found

    # -- what is promised --

    def nothing_torn(self, whole_files):
        """`whole_files`: name -> bytes that the file may have."""
        with open_store(str(self.folder / ".ropewalk")) as store:
            for hash_ in _referred(store):
                assert hashlib.sha256(store.get(hash_)).hexdigest() == hash_
            for target in store.names().values():
                assert store.record(target) is not None
        for path in self.people_files():
            if path.suffix == ".html":
                assert path.read_text().rstrip().endswith("</html>"), f"{path.name} is cut off"
            elif path.name in whole_files:
                assert path.read_bytes() in whole_files[path.name], f"{path.name} is torn"
            elif path.suffix == ".parquet":
                assert path.read_bytes().endswith(b"PAR1")

    def nothing_left(self):
        """After a collection: no half-written file, no scratch of a finished stage, no lock, no needless byte."""
        with open_store(str(self.folder / ".ropewalk")) as store:
            inspect.gc(store)
            local = store.local
            assert list((local / "tmp").iterdir()) == []
            finished = [f.name for f in (local / "stages").glob("*") if store.record(f"stage-{f.name}")]
            assert finished == []
            assert {p.name for p in (local / "blobs").rglob("*") if p.is_file()} == _referred(store)
            for table in ("sessions", "pins", "leases", "doomed"):
                rows = store._index.run(lambda sql, table=table: sql.all(f"SELECT * FROM {table}"))
                assert rows == [], f"{table} of a dead process"
        hidden = list(self.folder.rglob(".*.part"))
        assert hidden == []


LIVE = ("coin@live", "coin@candidate")


def _referred(store):
    """Hashes of the blobs that records keep, with the files of trees."""
    kept = {hash_ for record in store.records(limit=1_000_000) for hash_ in record.blobs}
    pairs = store._index.run(lambda sql: sql.all("SELECT manifest, hash FROM trees"))
    return kept | {hash_ for manifest, hash_ in pairs if manifest in kept}


def plain(record):
    """A record without what is measured or drawn anew in each life."""
    body = _without_measures(record.body)
    blobs = set(record.blobs)
    if record.kind == "run":
        blobs.discard(record.body["plan"]["metrics"])  # they hold the times of steps
        body.pop("resumed_from")
        body["plan"] = {k: body["plan"][k] for k in ("work", "unit", "machine")}
    if record.kind == "report":
        body["notes"] = {k: v for k, v in body["notes"].items() if "per_second" not in k}
        body["text"] = ""  # it may say how fast the replay was
    return record.kind, json.dumps(body, sort_keys=True), record.parents, tuple(sorted(blobs))


def _without_measures(body):
    return {k: v for k, v in body.items() if k not in MEASURED}
