"""A folder as one blob: a manifest of relative names, each a blob of its own or an address elsewhere.

The manifest is JSON with sorted names, so equal folders have equal hashes. Unchanged files are not stored again, and
what lies at an address is not copied at all. Empty folders and modes are not kept; links to files are followed.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from ropewalk.errors import StoreError
from ropewalk.store.blobs import temporary
from ropewalk.types import Blob

FORMAT = "ropewalk tree 1"


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(relative name, path) of every file, sorted."""
    if not folder.is_dir():
        raise StoreError(f"{folder} is not a folder, so it cannot be kept as one.")
    found = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
    named = sorted((path.relative_to(folder).as_posix(), path) for path in found)
    for name, path in named:
        if not path.is_file():
            raise StoreError(f"{path} is neither a file nor a folder, so it cannot be kept; remove it.")
        yield name, path


def dump(tree: Mapping[str, Blob], addresses: Mapping[str, str]) -> bytes:
    body = {
        "format": FORMAT,
        "files": {name: [blob.hash, blob.size] for name, blob in tree.items()},
        "addresses": dict(addresses),
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def load(data: bytes, hash: str) -> tuple[dict[str, Blob], dict[str, str]]:
    """(files, addresses). Names that lead out of the folder are refused: a manifest may come from elsewhere."""
    try:
        body = json.loads(data)
        if body["format"] != FORMAT:
            raise ValueError(body["format"])
        tree = {name: Blob(blob, size) for name, (blob, size) in body["files"].items()}
        addresses = dict(body["addresses"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreError(f"the blob {hash} is no manifest of a folder ({FORMAT!r}).") from None
    for name in (*tree, *addresses):
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or name.startswith("/") or "\\" in name or "\0" in name:
            raise StoreError(f"the manifest {hash} names {name!r}, which is no file inside a folder.")
    return tree, addresses


def materialise(tree: Mapping[str, Blob], path: Callable[[str], Path], folder: Path, scratch: Path, link: bool) -> None:
    """Write the files beside `folder`, or in `scratch` on the same disk, and rename it when it is whole.

    A folder that is there already is replaced; for a moment neither is there, but never half of one.
    """
    import shutil

    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    same_disk = os.stat(scratch).st_dev == os.stat(folder.parent).st_dev
    half = temporary(scratch) if same_disk else folder.parent / f".{folder.name}.{os.urandom(4).hex()}"
    half.mkdir()
    try:
        for name, blob in tree.items():
            target = half / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = path(blob.hash)
            if link:
                with contextlib.suppress(OSError):
                    os.link(source, target)
                    continue
            shutil.copyfile(source, target)
        swap(half, folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def swap(half: Path, folder: Path) -> None:
    """Give a folder its name; one that has it already is moved away and removed."""
    import shutil

    for _ in range(20):
        try:
            os.rename(half, folder)  # also over an empty folder
            return
        except FileExistsError:
            pass
        except OSError:
            if not folder.is_dir():
                raise
        old = half.with_name(temporary(half.parent).name)
        with contextlib.suppress(FileNotFoundError):  # somebody else moved it away first
            os.rename(folder, old)
        shutil.rmtree(old, ignore_errors=True)
    raise StoreError(f"{folder} is being replaced by other processes all the time; run the command again.")
