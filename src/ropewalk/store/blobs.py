"""Where bytes lie: a flat space of keys with atomic writes. A folder and memory are here, S3 is in s3.py.

A place knows nothing of hashes, records or collection. It promises that a key is never seen half-written: bytes go to a
temporary file first and get their name when they are whole.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from ropewalk.errors import StoreError
from ropewalk.store.process import alive_here, here

CHUNK = 1 << 20  # bytes
DAY = 86_400.0  # seconds
ROOM = 64 << 20  # bytes that a place in memory should have free


class Place(Protocol):
    """A space of keys (`blobs/ab/<hash>`, `objects/<key>`). `requests` counts what was asked of it, by kind."""

    requests: Counter[str]
    cheap_put: bool  # a conditional put costs no more than asking for the size first

    def put(self, key: str, data: bytes | Path, *, durable: bool, absent: bool) -> bool:
        """Write atomically. False: `absent` was asked for and the key was there already.

        A path is a finished temporary file of the store's own, which may be moved instead of copied.
        """
        ...

    def get(self, key: str) -> bytes | None: ...

    def read(self, key: str, start: int, length: int) -> bytes | None: ...

    def size(self, key: str) -> int | None: ...

    def changed(self, key: str) -> float | None:
        """When the key was last written, in seconds since 1970."""
        ...

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(key, bytes) of every key that starts with `prefix`, which ends at a slash."""
        ...

    def delete(self, *keys: str) -> None:
        """Remove keys; one that is not there is no error."""
        ...

    def sync(self, keys: Iterable[str]) -> None:
        """Make keys that were written without `durable` durable."""
        ...

    def where(self, key: str) -> str:
        """The key's address, for a person."""
        ...

    def leftovers(self) -> list[Path]:
        """Temporary files whose writers are dead."""
        ...


def temporary(folder: Path) -> Path:
    """A new name in `folder` that tells who writes it: host, pid, start of the process, random."""
    me = here()
    return folder / f"{me.tag}.{me.pid}.{me.start_tag}.{os.urandom(6).hex()}"


def abandoned(folder: Path) -> list[Path]:
    """Temporary names in `folder` whose writer is dead; those of another host after a day."""
    found: list[Path] = []
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return found
    for entry in entries:
        parts = entry.name.split(".")
        if len(parts) != 4 or not parts[1].isdigit():
            continue
        if parts[0] == here().tag:
            dead = not alive_here(int(parts[1]), start_tag=parts[2])
        else:
            try:
                dead = entry.stat().st_mtime < time.time() - DAY
            except FileNotFoundError:
                continue
        if dead:
            found.append(Path(entry.path))
    return found


def in_memory() -> Path | None:
    """A folder of this user for temporary files in the machine's memory, if it has one with room."""
    shared = Path("/dev/shm")
    try:
        if shutil.disk_usage(shared).free < ROOM:
            return None
        folder = shared / f"ropewalk-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        mine = folder.lstat()
        return folder if mine.st_uid == os.getuid() and stat.S_ISDIR(mine.st_mode) else None
    except OSError:
        return None


def explain(error: OSError, path: Path, need: int = 0) -> StoreError:
    """The sentence for what a file system refused."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        there = next((place for place in (path, *path.parents) if place.is_dir()), Path("/"))
        free = f"{shutil.disk_usage(there).free:,} are free there"
        what = "is full" if error.errno != errno.EFBIG else "does not take a file of this size"
        return StoreError(
            f"the disk {what}: {need:,} bytes were to be written at {path}, {free}. Nothing half-written was left. "
            f"Free some space (`ropewalk gc` removes what nothing refers to) or point ROPEWALK_STORE to another disk."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError(
            f"{path} may not be written ({os.strerror(error.errno)}). Give this user write access to the folder, or "
            f"point ROPEWALK_STORE to one that it owns."
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return StoreError(
            f"{path} cannot be a folder of the store: there is a file in its place. Move that file away, or point "
            f"ROPEWALK_STORE to a folder."
        )
    return StoreError(f"{path}: {os.strerror(error.errno or 0)}. Check the disk, or point ROPEWALK_STORE elsewhere.")


def make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, path) from error


def fsync(path: Path) -> None:
    """Flush a file, or a folder's entries, to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def fsync_all(paths: Iterable[Path]) -> None:
    """Flush together, because one after the other each would wait for the disk. A path that is gone is passed over."""
    todo = list(paths)
    failed: list[OSError] = []

    def work() -> None:
        while todo and not failed:
            try:
                with contextlib.suppress(FileNotFoundError, IndexError):  # the caller checks what must be there
                    fsync(todo.pop())
            except OSError as error:
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(min(16, len(todo)) - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


class Folder:
    """A place on a local disk. A key's file is read-only; its folder is fsynced when the write is durable."""

    cheap_put = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests: Counter[str] = Counter()
        self._lasting: set[Path] = set()  # folders whose own entry is known to be on the disk
        make_folder(root / "tmp")

    def put(self, key: str, data: bytes | Path, *, durable: bool, absent: bool) -> bool:
        self.requests["put"] += 1
        final, half = self.root / key, data if isinstance(data, Path) else temporary(self.root / "tmp")
        try:
            if isinstance(data, bytes):
                write(half, [data], durable)
            elif durable:
                fsync(half)
            new = self._name(half, final, absent)
            if durable:
                self._flush((), {final.parent})
            return new
        except OSError as error:
            raise explain(error, final, len(data) if isinstance(data, bytes) else 0) from error
        finally:
            half.unlink(missing_ok=True)

    def _name(self, half: Path, final: Path, absent: bool) -> bool:
        for attempt in (1, 2):
            try:
                if absent:
                    os.link(half, final)
                else:
                    os.replace(half, final)
                return True
            except FileExistsError:
                return False
            except FileNotFoundError:
                if attempt == 2:
                    raise
                final.parent.mkdir(parents=True, exist_ok=True)
        raise AssertionError("unreachable")

    def get(self, key: str) -> bytes | None:
        self.requests["get"] += 1
        try:
            return (self.root / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise explain(error, self.root / key) from error

    def read(self, key: str, start: int, length: int) -> bytes | None:
        self.requests["get"] += 1
        try:
            with open(self.root / key, "rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            return None

    def size(self, key: str) -> int | None:
        self.requests["head"] += 1
        try:
            return (self.root / key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def changed(self, key: str) -> float | None:
        self.requests["head"] += 1
        try:
            return (self.root / key).stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return None

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        self.requests["list"] += 1
        for folder, _, files in os.walk(self.root / prefix):
            for file in files:
                path = Path(folder, file)
                try:
                    size = path.stat().st_size
                except FileNotFoundError:  # somebody deleted it meanwhile
                    continue
                yield path.relative_to(self.root).as_posix(), size

    def delete(self, *keys: str) -> None:
        self.requests["delete"] += len(keys)
        for key in keys:
            try:
                (self.root / key).unlink(missing_ok=True)
            except OSError as error:
                raise explain(error, self.root / key) from error

    def sync(self, keys: Iterable[str]) -> None:
        files = [path for path in (self.root / key for key in keys) if path.exists()]
        self._flush(files, {path.parent for path in files})

    def _flush(self, files: Iterable[Path], folders: set[Path]) -> None:
        """Flush files and folders' entries, and, once a process, the entries of the folders above."""
        new = {place for folder in folders for place in (folder, *folder.parents) if self.root in place.parents}
        new -= self._lasting
        try:
            fsync_all({*files, *folders, *(place.parent for place in new)})
        except OSError as error:
            raise explain(error, self.root) from error
        self._lasting |= new

    def where(self, key: str) -> str:
        return str(self.root / key)

    def leftovers(self) -> list[Path]:
        return abandoned(self.root / "tmp")


def write(path: Path, pieces: Iterable[bytes], durable: bool) -> None:
    """Write a new read-only file; it is removed again when that fails."""
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o444)
    try:
        with os.fdopen(fd, "wb", buffering=0) as file:
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]
            if durable:
                os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class Memory:
    """A place for tests and for trying things out: gone with the process."""

    cheap_put = False

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self._bytes: dict[str, bytes] = {}
        self._times: dict[str, float] = {}
        self._lock = threading.Lock()

    def put(self, key: str, data: bytes | Path, *, durable: bool, absent: bool) -> bool:
        self.requests["put"] += 1
        whole = data if isinstance(data, bytes) else data.read_bytes()
        with self._lock:
            if absent and key in self._bytes:
                return False
            self._bytes[key], self._times[key] = whole, time.time()
        return True

    def get(self, key: str) -> bytes | None:
        self.requests["get"] += 1
        return self._bytes.get(key)

    def read(self, key: str, start: int, length: int) -> bytes | None:
        self.requests["get"] += 1
        whole = self._bytes.get(key)
        return None if whole is None else whole[start : start + length]

    def size(self, key: str) -> int | None:
        self.requests["head"] += 1
        whole = self._bytes.get(key)
        return None if whole is None else len(whole)

    def changed(self, key: str) -> float | None:
        self.requests["head"] += 1
        return self._times.get(key)

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        self.requests["list"] += 1
        with self._lock:
            found = [(key, len(whole)) for key, whole in self._bytes.items() if key.startswith(prefix)]
        yield from found

    def delete(self, *keys: str) -> None:
        self.requests["delete"] += len(keys)
        with self._lock:
            for key in keys:
                self._bytes.pop(key, None)
                self._times.pop(key, None)

    def sync(self, keys: Iterable[str]) -> None:
        pass

    def where(self, key: str) -> str:
        return f"memory://{key}"

    def leftovers(self) -> list[Path]:
        return []
