"""The store: bytes by content hash, and an index of records. The only class here that the rest of the package sees.

What is here is who relies on what: every call pins the blobs that it puts or reads (sessions.py) before it asks for their
bytes (contents.py), and a commit refers only to what is pinned, there and on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ropewalk.errors import StoreError
from ropewalk.store import records as rows
from ropewalk.store import sessions as work
from ropewalk.store.blobs import Memory, Place, explain, make_folder, temporary
from ropewalk.store.contents import SMALL, Contents, hash_file
from ropewalk.store.index import Index, Sql, index_id
from ropewalk.store.records import Move, Record
from ropewalk.types import Blob

if TYPE_CHECKING:
    from ropewalk.store.gc import GcReport


class _Lost(Exception):
    """This session was taken for dead by a collector that could not see its heartbeat."""


class Store:
    """Made by `open_store`. Safe to use from threads and after a fork; travels between processes as its address."""

    def __init__(self, url: str, local: Path, place: Place, index: Index, own_local: bool = False) -> None:
        self.url = url
        self.local = local  # scratch, caches and journals, also when the blobs are elsewhere
        self._place = place
        self._contents = Contents(place, local)
        self._index = index
        self._sessions = work.Sessions(index)
        self._own_local = own_local
        self._registered = False
        self._mark = ""

    def __reduce__(self) -> tuple[Callable[[str, str, str], Store], tuple[str, str, str]]:
        if isinstance(self._place, Memory):
            raise StoreError("a store in memory cannot travel to another process; use a folder.")
        return _arrived, (self.url, self._index.url, socket.gethostname())

    def __repr__(self) -> str:
        return f"Store({self.url!r}, index={self._index.url!r})"

    @property
    def requests(self) -> Counter[str]:
        """What was asked of the place of the blobs so far: put, get, head, list, delete."""
        return self._place.requests

    # --- blobs ---------------------------------------------------------------------------------------------------

    def put(self, data: bytes | Path, *, durable: bool = False) -> Blob:
        """Keep bytes, or a file's, unless they are there already.

        Inside a session they stay until it ends; outside of one they stay only if no collection comes before the
        commit that refers to them (which then fails, and nothing dangles). `commit` makes what it refers to durable.
        """
        if isinstance(data, Path):
            return self._put_file(data, durable)
        return self._put(Blob(hashlib.sha256(data).hexdigest(), len(data)), data, durable)

    def _put_file(self, path: Path, durable: bool) -> Blob:
        try:
            if path.stat().st_size <= SMALL:
                return self.put(path.read_bytes(), durable=durable)
            blob = hash_file(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be kept: {error.strerror or error}.") from error
        return self._put(blob, path, durable)

    def _put(self, blob: Blob, data: bytes | Path, durable: bool) -> Blob:
        with self._pinned((blob.hash,)) as session:
            if blob.hash not in session.sure or (durable and self._contents.loose({blob.hash})):
                self._contents.put(blob, data, durable)
            session.sure.add(blob.hash)
        return blob

    def get(self, hash: str) -> bytes:
        """The bytes, hashed again on the way."""
        self._touch(hash)
        return self._contents.get(hash)

    def read(self, hash: str, start: int, length: int) -> bytes:
        """A range of the bytes; shorter only at their end. A range is not hashed."""
        _range(start, length)
        self._touch(hash)
        return self._contents.read(hash, start, length)

    def path(self, hash: str) -> Path:
        """A local, read-only file of the bytes, hashed once per process and again whenever the file has changed."""
        self._touch(hash)
        return self._contents.path(hash)

    # --- folders -------------------------------------------------------------------------------------------------

    def put_tree(self, folder: Path, *, durable: bool = True, addresses: Mapping[str, str] | None = None) -> str:
        """Keep a folder: the hash of its manifest. `addresses`: relative name -> where a file lies; not copied."""
        from ropewalk.store import trees

        with self._pinned(()) as session:
            tree = {name: self.put(path) for name, path in trees.files(Path(folder))}
            manifest = self.put(trees.dump(tree, addresses or {})).hash
            pairs = [(manifest, blob.hash) for blob in tree.values()]

            def note(sql: Sql) -> None:
                sql.many("INSERT INTO trees (manifest, hash) VALUES (?, ?) ON CONFLICT DO NOTHING", pairs)

            self._index.run(note, "write")
            session.sure.add(manifest)
            if durable:
                self._make_durable({manifest, *(blob.hash for blob in tree.values())})
        return manifest

    def tree(self, manifest: str) -> dict[str, Blob]:
        """Relative name -> blob, sorted by name."""
        from ropewalk.store import trees

        return trees.load(self.get(manifest), manifest)[0]

    def addresses(self, manifest: str) -> dict[str, str]:
        """Relative name -> address, of what the manifest names and the store does not hold."""
        from ropewalk.store import trees

        return trees.load(self.get(manifest), manifest)[1]

    def get_tree(self, manifest: str, folder: Path, *, link: bool = False) -> None:
        """Write the tree's files as `folder`, which appears whole. `link`: hard links, for readers that never write."""
        from ropewalk.store import trees

        trees.materialise(self.tree(manifest), self.path, Path(folder), self.local / "tmp", link)

    # --- named objects -------------------------------------------------------------------------------------------

    def put_object(self, key: str, data: bytes | Path, durable: bool = True, if_absent: bool = False) -> bool:
        """Replace the object `key` atomically, by bytes or a file's. False: `if_absent` was asked for and it was there.

        Keys `checkpoints/<stage>` (and below) go with the first collection after the record `stage-<stage>` was kept. Those
        of stages that were never finished are the lifecycle's to give up.
        """
        if isinstance(data, bytes):
            return self._place.put(_object(key), data, durable=durable, absent=if_absent)
        with self._contents.staged(data) as half:
            return self._place.put(_object(key), half, durable=durable, absent=if_absent)

    def get_object(self, key: str) -> bytes | None:
        return self._place.get(_object(key))

    def read_object(self, key: str, start: int, length: int) -> bytes | None:
        """A range of an object's bytes; shorter only at their end."""
        _range(start, length)
        return self._place.read(_object(key), start, length)

    def object_file(self, key: str) -> Path:
        """A local, read-only file of an object that never changes: the file itself, or a copy that appears whole."""
        return self._contents.file(_object(key))

    def object_size(self, key: str) -> int | None:
        """Bytes."""
        return self._place.size(_object(key))

    def object_time(self, key: str) -> float | None:
        """When the object was put, in seconds since 1970."""
        return self._place.changed(_object(key))

    def list_objects(self, prefix: str = "") -> list[str]:
        """Keys that start with `prefix`, sorted."""
        folder = prefix.rpartition("/")[0]
        found = self._place.keys(f"objects/{folder}/" if folder else "objects/")
        keys = (key.removeprefix("objects/") for key, _ in found)
        return sorted(key for key in keys if key.startswith(prefix))

    def delete_object(self, key: str) -> None:
        self._place.delete(_object(key))
        self._contents.forget_file(_object(key))

    # --- local files ---------------------------------------------------------------------------------------------

    def cache(self, name: str) -> Path:
        """A local folder for what a system can make again; whatever is in it may be removed when nobody uses it."""
        folder = self.local / "caches" / _object(name).removeprefix("objects/")
        make_folder(folder)
        return folder

    def cached(self, name: str, make: Callable[[Path], None]) -> Path:
        """The folder `name` below `caches/`, filled by `make` when it is not there. It appears whole, whoever makes it."""
        final = self.local / "caches" / _object(name).removeprefix("objects/")
        if not final.is_dir():
            make_folder(final.parent)
            with self.scratch() as half:
                make(half)
                keep_first(half, final)
        return final

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new local folder that is gone at the end of the block, or after this process's death by `gc`."""
        import shutil

        folder = temporary(self.local / "tmp")
        make_folder(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def forget_file(self, key: str) -> None:
        """Remove the local copy of an object, if there is one beside the object itself."""
        self._contents.forget_file(_object(key))

    # --- sessions ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def session(self, what: str) -> Iterator[None]:
        """Blobs that are put or touched inside stay until the block ends or this process is dead."""
        self._register()
        with self._sessions.session(what):
            yield

    def touch(self, *hashes: str) -> None:
        """Keep these blobs for as long as the current session lasts."""
        session = self._sessions.current()
        if session is None:
            raise StoreError("touch() keeps blobs for a session, and none is open; use `with store.session(...)`.")
        self._sessions.pin(session, hashes)

    def lease(
        self, key: str, wait: bool = True, on_wait: Callable[[str], None] | None = None
    ) -> contextlib.AbstractContextManager[work.Lease]:
        """Be the only holder of `key`, across processes and hosts. `wait=False`: ConflictError when it is held."""
        return work.lease(self._sessions, self._index, key, wait, on_wait)

    def is_leased(self, key: str) -> bool:
        """Does a living process hold `key`?"""
        return self._index.run(lambda sql: work.is_leased(sql, key))

    def _touch(self, hash: str) -> None:
        session = self._sessions.current()
        if session is not None and hash not in session.pinned:
            self._sessions.pin(session, (hash,))

    @contextlib.contextmanager
    def _pinned(self, hashes: Iterable[str]) -> Iterator[work.Session]:
        """The current session, or a short one, with these hashes pinned."""
        session = self._sessions.current()
        if session is not None:
            self._sessions.pin(session, hashes)
            yield session
        else:
            self._register()
            with self._sessions.session("put") as short:
                self._sessions.pin(short, hashes)
                yield short

    def _register(self) -> None:
        """Leave this index's id with the bytes, once, so that no other index takes its blobs for unused."""
        if self._registered:
            return
        key = f"place {self.url}"
        if not self._index.run(lambda sql: sql.all("SELECT 1 FROM meta WHERE key = ?", key)):
            self._mark = f"indexes/{index_id(self._index)}"  # flushed with the first blobs
            self._place.put(self._mark, self._index.url.encode(), durable=False, absent=True)
            insert = "INSERT INTO meta (key, value) VALUES (?, '') ON CONFLICT DO NOTHING"
            self._index.run(lambda sql: sql.do(insert, key), "write")
        self._registered = True

    # --- records -------------------------------------------------------------------------------------------------

    def commit(self, *records: Record, names: Mapping[str, str] | None = None) -> None:
        """Keep records and point names to them, in one durable transaction. The same id twice is fine: the first stays.

        What the records refer to is there and durable when this returns: a blob that is missing is an error.
        """
        names = names or {}
        token = os.urandom(8).hex()
        hashes = {hash for record in records for hash in record.blobs}
        while True:
            with self._kept(hashes) as session:

                def write(sql: Sql, session: work.Session | None = session) -> None:
                    if session and not sql.all("SELECT 1 FROM sessions WHERE id = ?", session.id):
                        raise _Lost
                    rows.insert(sql, records)
                    for name, target in names.items():
                        rows.point(sql, name, target, "", token)

                try:
                    self._index.run(write, "alone" if names else "write", durable=True)
                    return
                except _Lost:
                    if session:
                        self._sessions.revive(session)

    @contextlib.contextmanager
    def _kept(self, hashes: set[str]) -> Iterator[work.Session | None]:
        """Make sure that blobs, and the files of those that are manifests, are pinned, there and durable."""
        if not hashes:
            yield None
            return
        with self._pinned(hashes) as session:
            todo = hashes - session.sure
            if todo:
                todo |= self._members(todo)
                self._sessions.pin(session, todo)
                for hash in sorted(todo - session.sure):
                    self._contents.must_hold(hash)
                    session.sure.add(hash)
            if loose := self._contents.loose(hashes):
                self._make_durable(hashes | self._members(loose))
            yield session

    def _make_durable(self, hashes: set[str]) -> None:
        self._contents.flush(hashes, *([self._mark] if self._mark else []))
        self._mark = ""

    def _members(self, manifests: set[str]) -> set[str]:
        query = "SELECT hash FROM trees WHERE manifest = ?"
        return self._index.run(lambda sql: {row[0] for hash in manifests for row in sql.all(query, hash)})

    def record(self, id: str) -> Record | None:
        return self._index.run(lambda sql: rows.one(sql, id))

    def records(
        self, kind: str | None = None, system: str | None = None, limit: int = 50, newest_first: bool = True
    ) -> list[Record]:
        return self._index.run(lambda sql: rows.select(sql, kind, system, limit, newest_first))

    def keepers(self, hash: str) -> list[Record]:
        """The records that keep a blob, by itself or as a file of a tree, oldest first."""
        return self._index.run(lambda sql: rows.keepers(sql, hash))

    def name(self, name: str) -> str | None:
        """The id of the record that a name (`inventory@live`) points to."""
        return self._index.run(lambda sql: rows.target(sql, name))

    def names(self) -> dict[str, str]:
        """Every name and what it points to."""
        return dict(self._index.run(lambda sql: sql.all("SELECT name, target FROM names ORDER BY name")))

    def move(self, name: str, target: str | None, expected: str | None, why: str = "") -> None:
        """Point a name elsewhere if it still points to `expected` (None: to nothing), else ConflictError. Logged."""
        token = os.urandom(8).hex()
        self._index.run(lambda sql: rows.swap(sql, name, target, expected, why, token), "alone", durable=True)

    def history(self, name: str) -> list[Move]:
        """Every move of a name, oldest first."""
        return self._index.run(lambda sql: rows.history(sql, name))

    def ancestors(self, id: str) -> list[tuple[int, str, Record]]:
        """(steps, role, record) of everything that a record was made from, nearest first."""
        return self._index.run(lambda sql: rows.lineage(sql, id, up=True))

    def descendants(self, id: str) -> list[tuple[int, str, Record]]:
        """(steps, role, record) of everything that was made from a record, nearest first."""
        return self._index.run(lambda sql: rows.lineage(sql, id, up=False))

    # --- upkeep --------------------------------------------------------------------------------------------------

    def gc(self, *, dry_run: bool = False, forget_days: float | None = None) -> GcReport:
        """Remove what nothing refers to, and nothing else; see gc.py. Safe beside working processes."""
        from ropewalk.store import gc

        self._register()
        return gc.collect(self._index, self._place, self._sessions, self._contents, dry_run, forget_days)

    def close(self) -> None:
        self._sessions.close()
        self._index.close()
        if self._own_local:
            import shutil

            shutil.rmtree(self.local, ignore_errors=True)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _object(key: str) -> str:
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in key or "\\" in key:
        raise StoreError(f"{key!r} is no key of an object: use names separated by single slashes, as in 'a/b'.")
    return f"objects/{key}"


def keep_first(half: Path, final: Path) -> None:
    """Give a finished folder its name, unless somebody else's has it already."""
    try:
        os.rename(half, final)
    except OSError as error:
        if not final.is_dir():
            raise explain(error, final) from error


def _range(start: int, length: int) -> None:
    if start < 0 or length < 0:
        raise ValueError(f"a range starts at 0 or later and is not negative: {start}, {length}")


def _arrived(url: str, index: str, host: str) -> Store:
    """Open a store in another process. A folder or a SQLite file that is not here is on `host` only: none is made beside it."""
    from ropewalk.store import open_store

    for what, address, folder in (("store", url, Path(url)), ("index", index, Path(index).parent)):
        if "://" not in address and not folder.is_dir():
            raise StoreError(
                f"the {what} in {folder} of {host} is not on {socket.gethostname()}. What several hosts share is on S3, or "
                "in a folder that all of them mount at the same place, with an index in PostgreSQL."
            )
    return open_store(url, index)
