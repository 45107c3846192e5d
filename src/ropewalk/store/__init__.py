"""Bytes by content hash, and an index of records: the only part of the package that decides where bytes lie.

    with open_store("s3://bucket/prefix", index="postgresql://host/db") as store, store.session("train"):
        blob = store.put(b"...")                                                # pinned until the session ends
        store.commit(Record("r1", "run", "toy", time.time(), {}, blobs=(blob.hash,)), names={"toy@live": "r1"})

A record keeps its blobs from collection, a name points to a record, an edge leads from a record to its origin.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ropewalk.errors import StoreError
from ropewalk.store.blobs import Folder, Memory, make_folder
from ropewalk.store.index import open_index
from ropewalk.store.records import Move, Record
from ropewalk.store.sessions import Lease
from ropewalk.store.store import Store

__all__ = ["open_store", "is_new", "Store", "Record", "Move", "Lease", "GcReport"]

DEFAULT = ".ropewalk"

if TYPE_CHECKING:
    from ropewalk.store.gc import GcReport


def __getattr__(name: str) -> Any:
    if name == "GcReport":
        from ropewalk.store.gc import GcReport

        return GcReport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def open_store(url: str | os.PathLike[str] | None = None, index: str | None = None) -> Store:
    """Open a store, and make it when it is not there.

    `url`: a folder (ROPEWALK_STORE or `.ropewalk` by default), file://folder, s3://bucket/prefix (endpoint, keys and
    region from the usual AWS_* variables) or memory://. `index`: a SQLite file or postgresql://...
    (ROPEWALK_INDEX, or by default `index.sqlite` in the store's local folder, which for blobs on S3 is ROPEWALK_LOCAL
    or a folder under `.ropewalk`).
    """
    text, index = _address(url), index or os.environ.get("ROPEWALK_INDEX") or None
    if text.startswith("memory://"):
        return _in_memory(index)
    if text.startswith("s3://"):
        return _on_s3("s3://" + text[5:].strip("/"), index)
    if "://" in text and not text.startswith("file://"):
        raise StoreError(f"the store {text!r} is neither a folder, nor file://, s3:// nor memory://.")
    root = _folder(text)
    return Store(str(root), root, Folder(root), open_index(index or root / "index.sqlite"))


def is_new(url: str | os.PathLike[str] | None = None, index: str | None = None) -> bool:
    """Whether opening would make a folder for a store that holds nothing yet."""
    text = _address(url)
    elsewhere = "://" in text and not text.startswith("file://")
    return not (elsewhere or index or os.environ.get("ROPEWALK_INDEX") or _folder(text).exists())


def _address(url: str | os.PathLike[str] | None) -> str:
    return os.fspath(url if url is not None else os.environ.get("ROPEWALK_STORE") or DEFAULT)


def _folder(text: str) -> Path:
    return Path(text.removeprefix("file://")).expanduser().absolute()


def _in_memory(index: str | None) -> Store:
    import tempfile

    local = Path(tempfile.mkdtemp(prefix="ropewalk-"))
    return Store("memory://", local, Memory(), open_index(index or local / "index.sqlite"), own_local=True)


def _on_s3(url: str, index: str | None) -> Store:
    import re

    from ropewalk.store.s3 import S3

    slug = re.sub(r"[^a-z0-9]+", "-", url.removeprefix("s3://").lower())[:40].strip("-")
    default = Path(DEFAULT, "s3", f"{slug}-{hashlib.sha256(url.encode()).hexdigest()[:8]}")
    local = Path(os.environ.get("ROPEWALK_LOCAL") or default).expanduser().absolute()
    make_folder(local)
    return Store(url, local, S3(url), open_index(index or local / "index.sqlite"))
