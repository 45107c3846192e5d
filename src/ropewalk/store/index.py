"""The index: rows about records, names, sessions and pins, in SQLite or PostgreSQL, through one small door.

`run(work, mode)` calls `work(sql)` in one transaction and may call it again when the database was busy or away, so what
`work` does must be right when it is done twice. Modes: "read"; "write" beside other writers; "alone", when no
other writer may be under way. SQLite has one writer at any time. On PostgreSQL the two are a shared and an exclusive
advisory lock: the transactions that decide about deletion are serial, and the many that only add rows do not fail.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from ropewalk.errors import StoreError
from ropewalk.store.blobs import fsync_all, make_folder

T = TypeVar("T")
Mode = Literal["read", "write", "alone"]
SCHEMA_VERSION = "1"
HELD = (5, 6, 15)  # SQLite's BUSY, LOCKED and PROTOCOL (a race for the write-ahead file); in the low byte of a code

# {serial}: a number that grows by itself. {real}: a double.
TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  seq {serial}, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, system TEXT NOT NULL, created {real} NOT NULL,
  body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS records_by_kind ON records (kind, system, created);
CREATE TABLE IF NOT EXISTS edges (child TEXT NOT NULL, pos INTEGER NOT NULL, role TEXT NOT NULL, parent TEXT NOT NULL,
  PRIMARY KEY (child, pos));
CREATE INDEX IF NOT EXISTS edges_by_parent ON edges (parent);
CREATE TABLE IF NOT EXISTS record_blobs (record TEXT NOT NULL, pos INTEGER NOT NULL, hash TEXT NOT NULL,
  PRIMARY KEY (record, pos));
CREATE INDEX IF NOT EXISTS record_blobs_by_hash ON record_blobs (hash);
CREATE TABLE IF NOT EXISTS trees (manifest TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (manifest, hash));
CREATE INDEX IF NOT EXISTS trees_by_hash ON trees (hash);
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, target TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS moves (seq {serial}, name TEXT NOT NULL, at {real} NOT NULL, before TEXT, after TEXT,
  why TEXT NOT NULL, token TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS moves_by_name ON moves (name, seq);
CREATE INDEX IF NOT EXISTS moves_by_token ON moves (token);
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, what TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
  start TEXT NOT NULL, beat {real} NOT NULL);
CREATE TABLE IF NOT EXISTS pins (session TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (session, hash));
CREATE INDEX IF NOT EXISTS pins_by_hash ON pins (hash);
CREATE TABLE IF NOT EXISTS doomed (hash TEXT PRIMARY KEY, session TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS leases (key TEXT PRIMARY KEY, session TEXT NOT NULL);
"""


def patience() -> float:
    """Seconds that a request is repeated for before it fails: ROPEWALK_RETRY_S, 30 by default."""
    text = os.environ.get("ROPEWALK_RETRY_S", "30")
    try:
        return max(0.0, float(text))
    except ValueError:
        raise StoreError(f"ROPEWALK_RETRY_S is {text!r}; it must be a number of seconds, such as 30.") from None


class Sql(Protocol):
    """What a transaction may do. Placeholders are `?`; `now()` is the database's clock, which all hosts share."""

    def all(self, query: str, *values: Any) -> list[tuple[Any, ...]]: ...
    def do(self, query: str, *values: Any) -> int: ...
    def many(self, query: str, rows: Iterable[Sequence[Any]]) -> None: ...
    def now(self) -> float: ...


class Index(Protocol):
    """A database."""

    url: str

    def run(self, work: Callable[[Sql], T], mode: Mode = "read", *, durable: bool = False, undo: bool = False) -> T:
        """`undo`: answer, then roll back what was done."""
        ...

    def close(self) -> None: ...


def index_id(index: Index) -> str:
    """Drawn when the tables were made: two indexes are never taken for one another."""
    return index.run(lambda sql: str(sql.all("SELECT value FROM meta WHERE key = 'id'")[0][0]))


class OneEach:
    """One connection a process, and the lock around it. A forked child gets its own: it neither uses nor closes the
    one of its parent."""

    def __init__(self) -> None:
        self.now: Any = None
        self._pid, self._lock = os.getpid(), threading.RLock()
        self._parents: list[Any] = []

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other thread of this process has the connection inside of this block."""
        if os.getpid() != self._pid:
            self._parents.append(self.now)
            self._pid, self._lock, self.now = os.getpid(), threading.RLock(), None
        with self._lock:
            yield

    def close(self) -> None:
        with self.alone():
            if self.now is not None:
                self.now.close()
            self.now = None


class SqliteSql:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()  # type: ignore[no-any-return]

    def do(self, query: str, *values: Any) -> int:
        return self._connection.execute(query, values).rowcount  # type: ignore[no-any-return]

    def many(self, query: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(query, rows)

    def now(self) -> float:
        return time.time()


class Sqlite:
    """One file, in write-ahead mode: readers never wait. Only durable transactions wait for the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = str(path)
        self._connection = OneEach()
        self._durable = False

    def run(self, work: Callable[[Sql], T], mode: Mode = "read", *, durable: bool = False, undo: bool = False) -> T:
        import sqlite3

        with self._connection.alone():
            try:
                connection = self._connection.now or self._open()
                if durable != self._durable:
                    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                    self._durable = durable
                connection.execute("BEGIN" if mode == "read" else "BEGIN IMMEDIATE")
                try:
                    result = work(SqliteSql(connection))
                    connection.execute("ROLLBACK" if undo else "COMMIT")
                    return result
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            except (sqlite3.Error, sqlite3.Warning) as error:
                raise self._explain(error) from error

    def _open(self) -> Any:
        import sqlite3

        connection = sqlite3.connect(self.path, timeout=patience(), isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            self._durable = False
            version = self._version(connection)
            if version is None:
                self._create(connection, self.path)
                version = self._version(connection)
            check_version(version, self.url)
        except BaseException:
            connection.close()
            raise
        self._connection.now = connection
        return connection

    @staticmethod
    def _version(connection: Any) -> str | None:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            return None
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        return row[0] if row else None

    @staticmethod
    def _create(connection: Any, path: Path) -> None:
        import sqlite3

        end = time.monotonic() + patience()
        while True:  # changing the mode needs the file alone, and does not wait for it by itself
            try:
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if not is_held(error) or time.monotonic() > end:
                    raise
                time.sleep(0.01)
        connection.execute("PRAGMA synchronous = NORMAL")
        fsync_all((path, path.parent))  # once, instead of at every step of the change
        connection.execute("BEGIN IMMEDIATE")
        create(SqliteSql(connection), serial="INTEGER PRIMARY KEY AUTOINCREMENT", real="REAL")
        connection.execute("COMMIT")

    def _explain(self, error: Exception) -> StoreError:
        text = str(error)
        if is_held(error):
            return StoreError(
                f"the index {self.path} stayed locked by another process for {patience():.0f} s. See who has it open "
                f"(`fuser {self.path}`), end that process, and run the command again."
            )
        if "malformed" in text or "not a database" in text:
            return StoreError(
                f"the index {self.path} is corrupt ({text}). Move it away and restore a copy, or salvage it with "
                f"`sqlite3 {self.path} .recover`; the bytes under {self.path.parent} are untouched."
            )
        if "full" in text:
            return StoreError(
                f"the disk is full: the index {self.path} could not grow. Free some space (`ropewalk gc` removes what "
                f"nothing refers to) or point ROPEWALK_INDEX to another disk."
            )
        if "readonly" in text or "unable to open" in text or "permission" in text:
            return StoreError(
                f"the index {self.path} cannot be written ({text}). Give this user write access to its folder, or "
                f"point ROPEWALK_INDEX elsewhere."
            )
        return StoreError(
            f"the index {self.path}: {text}. Check the disk under it, its free space too, and run the command again."
        )

    def close(self) -> None:
        self._connection.close()


def is_held(error: Exception) -> bool:
    """Does somebody else hold the file? That passes; a full disk or a folder that may not be written does not."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in HELD


def create(sql: Sql, **types: str) -> None:
    """Make the tables, once; the index's own id is drawn here."""
    for statement in TABLES.format(**types).split(";"):
        if statement.strip():
            sql.do(statement)
    insert = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
    sql.do(insert, "schema", SCHEMA_VERSION)
    sql.do(insert, "id", os.urandom(8).hex())


def check_version(version: str | None, url: str) -> None:
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"the index {url} has schema {version}, this Ropewalk knows {SCHEMA_VERSION}. "
            f"Use the Ropewalk that made it, or another index (ROPEWALK_INDEX)."
        )


def open_index(url: str | os.PathLike[str]) -> Index:
    """A path, sqlite:///path, or postgresql://user@host/database."""
    text = os.fspath(url)
    if text.startswith(("postgresql://", "postgres://")):
        from ropewalk.store.postgres import Postgres

        server: Index = Postgres(text)
        return server
    path = Path(text.removeprefix("sqlite:///").removeprefix("file://")).expanduser().absolute()
    if "://" in text and not text.startswith(("sqlite:///", "file://")):
        raise StoreError(f"the index {text!r} is neither a path, nor sqlite:///path, nor postgresql://host/database.")
    make_folder(path.parent)
    return Sqlite(path)
