"""Who is at work: sessions that pin blobs, and leases that only one session holds.

The order that keeps a collection from taking what a writer needs: the writer pins a hash in the index BEFORE it looks
whether the blob is there; the collector, in one transaction alone, makes sure that nothing refers to a hash and nobody
pins it and marks it doomed, then deletes the blob, then takes the mark away. A writer that meets a doomed hash waits.

A session is alive while its process is. Of a process on this host that is known; one on another host counts as dead
when its heartbeat is older than DEAD seconds. If it was only out of touch, its next commit notices, pins again, and
fails with a sentence if a blob is gone.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from ropewalk.errors import ConflictError, RopewalkError, StoreError
from ropewalk.store.index import Index, Sql
from ropewalk.store.process import alive_here, here

BEAT = 5.0  # seconds between heartbeats
DEAD = 30.0  # seconds without one, after which a process of another host counts as dead
DOOM = 300.0  # the same for a collector, whose last delete may still be on its way
POLL = 0.02  # seconds between looks at a lease or a doom, at first
Row = tuple[str, str, str, int, str, float]  # id, what, host, pid, start, beat


class Session:
    """What one session of this process has pinned. `sure`: pinned and seen in the store since."""

    def __init__(self, what: str) -> None:
        self.id = os.urandom(8).hex()
        self.what = what
        self.pinned: set[str] = set()
        self.sure: set[str] = set()


def is_dead(row: Row, now: float, patience: float = DEAD) -> bool:
    _, _, host, pid, start, beat = row
    if host == here().host:
        return not alive_here(pid, start=start)
    return beat < now - patience


def dead_sessions(sql: Sql) -> tuple[list[Row], list[Row]]:
    """(dead, alive) sessions. One that dooms blobs from another host is given DOOM seconds."""
    now = sql.now()
    dooming = {str(row[0]) for row in sql.all("SELECT DISTINCT session FROM doomed")}
    dead: list[Row] = []
    alive: list[Row] = []
    for found in sql.all("SELECT id, what, host, pid, start, beat FROM sessions"):
        row: Row = found
        (dead if is_dead(row, now, DOOM if row[0] in dooming else DEAD) else alive).append(row)
    return dead, alive


def reap(sql: Sql) -> tuple[int, int]:
    """Forget dead sessions with their pins, leases and dooms. Must run alone. Counts (sessions, leases)."""
    dead, _ = dead_sessions(sql)
    for row in dead:
        sql.do("DELETE FROM sessions WHERE id = ?", row[0])
    leases = sql.do("DELETE FROM leases WHERE session NOT IN (SELECT id FROM sessions)")
    sql.do("DELETE FROM pins WHERE session NOT IN (SELECT id FROM sessions)")
    sql.do("DELETE FROM doomed WHERE session NOT IN (SELECT id FROM sessions)")
    return len(dead), leases


def insert(sql: Sql, session: Session) -> None:
    me = here()
    sql.do(
        "INSERT INTO sessions (id, what, host, pid, start, beat) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        *(session.id, session.what, me.host, me.pid, me.start, sql.now()),
    )


class Sessions:
    """The sessions of this process in one index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._open: list[Session] = []
        self._lock = threading.Lock()
        self._local = threading.local()
        self._beating = 0  # pid that runs the heartbeat
        self._stop = threading.Event()

    def current(self) -> Session | None:
        """This thread's session, or else the last one that any thread opened."""
        mine: list[Session] = getattr(self._local, "stack", [])
        if mine:
            return mine[-1]
        return self._open[-1] if self._open else None

    @contextlib.contextmanager
    def session(self, what: str) -> Iterator[Session]:
        """Pins made inside stay until the end of the block."""
        session = self.start(what)
        stack: list[Session] = self._local.__dict__.setdefault("stack", [])
        stack.append(session)
        try:
            yield session
        finally:
            stack.remove(session)
            with contextlib.suppress(
                StoreError
            ):  # its pins then go when this process does, and what was raised is told
                self.end(session)

    def start(self, what: str, also: Callable[[Sql, Session], None] | None = None) -> Session:
        session = Session(what)

        def work(sql: Sql) -> None:
            insert(sql, session)
            if also:
                also(sql, session)

        self._index.run(work, "alone" if also else "write")
        with self._lock:
            self._open.append(session)
        self._beat()
        return session

    def end(self, session: Session) -> None:
        with self._lock:
            if session in self._open:
                self._open.remove(session)

        def work(sql: Sql) -> None:
            for table in ("pins", "leases", "doomed"):
                sql.do(f"DELETE FROM {table} WHERE session = ?", session.id)
            sql.do("DELETE FROM sessions WHERE id = ?", session.id)

        self._index.run(work, "write")

    def pin(self, session: Session, hashes: Iterable[str]) -> None:
        """Pin what is not pinned yet, in one transaction; wait for a collector that is deleting one of them."""
        new = set(hashes) - session.pinned
        if not new:
            return
        pause = POLL
        while self._index.run(lambda sql: self._try_pin(sql, session, new), "write"):
            time.sleep(pause)
            pause = min(2 * pause, 0.5)
            self._index.run(reap, "alone")  # the collector may be dead
        session.pinned |= new

    @staticmethod
    def _try_pin(sql: Sql, session: Session, new: set[str]) -> bool:
        """False when pinned; True when one of the hashes is doomed and nothing was done."""
        if any(row[0] in new for row in sql.all("SELECT hash FROM doomed")):
            return True
        if not sql.all("SELECT 1 FROM sessions WHERE id = ?", session.id):  # taken for dead meanwhile
            session.sure.clear()
            insert(sql, session)
            new = new | session.pinned
        sql.many(
            "INSERT INTO pins (session, hash) VALUES (?, ?) ON CONFLICT DO NOTHING", [(session.id, h) for h in new]
        )
        return False

    def revive(self, session: Session) -> None:
        """Pin everything again after this session was taken for dead."""
        pinned, session.pinned = session.pinned, set()
        session.sure.clear()
        self.pin(session, pinned)

    def _beat(self) -> None:
        if self._beating != os.getpid():
            self._beating = os.getpid()
            self._stop = threading.Event()
            threading.Thread(target=self._beats, args=(self._stop,), daemon=True, name="ropewalk-heartbeat").start()

    def _beats(self, stop: threading.Event) -> None:
        while not stop.wait(BEAT):
            with self._lock:
                mine = [(session.id,) for session in self._open]
            if not mine:
                continue

            def work(sql: Sql, mine: list[tuple[str]] = mine) -> None:
                now = sql.now()
                sql.many("UPDATE sessions SET beat = ? WHERE id = ?", [(now, *one) for one in mine])

            with contextlib.suppress(RopewalkError):  # the next request of the main thread tells it better
                self._index.run(work, "write")

    def close(self) -> None:
        self._stop.set()
        self._beating = 0
        for session in list(self._open):
            with contextlib.suppress(StoreError):
                self.end(session)


class Lease:
    """A lease that is held. `check` fails when another host took it over because this one was out of touch."""

    def __init__(self, key: str, session: Session, index: Index) -> None:
        self.key = key
        self._session = session
        self._index = index

    def check(self) -> None:
        query = "SELECT 1 FROM leases WHERE key = ? AND session = ?"
        if not self._index.run(lambda sql: sql.all(query, self.key, self._session.id)):
            raise ConflictError(
                f"the lease {self.key!r} was taken over: this process was out of touch with the index for more than "
                f"{DEAD:.0f} s. Run the verb again; what was finished is kept."
            )


@contextlib.contextmanager
def lease(
    sessions: Sessions, index: Index, key: str, wait: bool, on_wait: Callable[[str], None] | None
) -> Iterator[Lease]:
    """Hold `key` alone. A second lease of the same key waits, also in the same process; a dead holder is taken over."""
    held = False
    told = False
    pause = POLL

    def take(sql: Sql, session: Session) -> None:
        nonlocal held
        reap_holder(sql, key)
        sql.do("INSERT INTO leases (key, session) VALUES (?, ?) ON CONFLICT DO NOTHING", key, session.id)
        held = bool(sql.all("SELECT 1 FROM leases WHERE key = ? AND session = ?", key, session.id))

    session = sessions.start(f"lease {key}", take)
    try:
        while not held:
            holder = index.run(lambda sql: describe(sql, key))
            if not wait:
                raise ConflictError(f"{key!r} is under way already: {holder}. Wait for it, or end that process.")
            if on_wait and not told:
                on_wait(f"waiting for {key!r}: {holder}")
                told = True
            time.sleep(pause)
            pause = min(1.5 * pause, 0.5)
            index.run(lambda sql: take(sql, session), "alone")
        yield Lease(key, session, index)
    finally:
        sessions.end(session)


def is_leased(sql: Sql, key: str) -> bool:
    """Does somebody who lives hold it?"""
    held = sql.all(
        "SELECT s.id, s.what, s.host, s.pid, s.start, s.beat FROM leases l LEFT JOIN sessions s ON s.id = l.session "
        "WHERE l.key = ?",
        key,
    )
    return bool(held) and held[0][0] is not None and not is_dead(held[0], sql.now())


def reap_holder(sql: Sql, key: str) -> None:
    """Take the lease from a holder that is dead; its session goes with its next collection."""
    if not is_leased(sql, key):
        sql.do("DELETE FROM leases WHERE key = ?", key)


def describe(sql: Sql, key: str) -> str:
    query = "SELECT s.pid, s.host FROM leases l JOIN sessions s ON s.id = l.session WHERE l.key = ?"
    rows = sql.all(query, key)
    return f"process {rows[0][0]} on {str(rows[0][1]).split()[0]} holds it" if rows else "its holder is just leaving"
