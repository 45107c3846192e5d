"""`collect`: addresses in, documents out, in parallel and bounded in memory; a killed run goes on where it stopped.

Work lies in `job.folder`/collect/<hash of what is read and how> (or in another folder that is given): a changed file or setting
begins anew beside it. Workers on other machines must see that folder and the files under the same paths.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ropewalk.errors import DataError
from ropewalk.systems.search.collect.columns import merged
from ropewalk.systems.search.collect.finish import Shape, decide, finish_part
from ropewalk.systems.search.collect.found import Entry
from ropewalk.systems.search.collect.part import Task, bad_frame, read_piece
from ropewalk.systems.search.collect.plan import entries_of, is_large, labels_of, pieces_of
from ropewalk.systems.search.collect.readers import KNOWN, UNKNOWN
from ropewalk.systems.search.collect.settings import CollectSettings
from ropewalk.systems.search.collect.streams import CHUNK, Unreadable, unpacked
from ropewalk.types import Job

if TYPE_CHECKING:
    import polars as pl

VERSION = 1  # of what lies in the folder: a change of these modules that changes documents counts it up
SHOWN = 5  # problems that an error shows
FEW = 16  # parts that are finished sooner here than workers start


@dataclass(frozen=True, slots=True)
class Collected:
    """A collection's documents in order, in Parquet files of one schema; and what was set aside."""

    parts: tuple[Path, ...]
    rows: int
    set_aside: pl.DataFrame  # source, position (line or row from 1, 0: the file), reason
    notes: Mapping[str, Any]  # JSON types only

    @property
    def documents(self) -> pl.LazyFrame:
        """All documents, read when collected."""
        import polars as pl

        return pl.scan_parquet(list(self.parts))

    def batches(self, rows: int = 10_000) -> Iterator[pl.DataFrame]:
        """The documents in order, at most `rows` at a time: a part (some 24 MB of text) is all that memory holds."""
        import polars as pl

        for part in self.parts:
            yield from pl.read_parquet(part).iter_slices(rows)


def collect(
    addresses: str | Sequence[str],
    job: Job,
    settings: CollectSettings | None = None,
    stdin: IO[bytes] | None = None,
    place: Path | None = None,
) -> Collected:
    """The documents at files, folders, archives, s3://... addresses, or '-' for standard input.

    Raises MissingError where there is no such file, DataError where not one document can be used.
    """
    settings = settings or CollectSettings()
    addresses = [addresses] if isinstance(addresses, str) else list(addresses)
    place = place or job.folder / "collect"
    entries = entries_of(_local(addresses, place, stdin), settings)
    folder = place / _key(entries, settings)
    folder.mkdir(parents=True, exist_ok=True)
    entries = _unpack_large(entries, job, settings, folder)
    pieces = pieces_of(entries, settings)
    tasks = [Task(n, piece, settings, str(folder)) for n, piece in enumerate(pieces)]
    read = job.map(read_piece, tasks)
    files = [f for one in read for f in one["files"]]
    if not files:
        raise _nothing(addresses, read)
    return _finished(folder, files, read, job, settings)


def _finished(
    folder: Path, files: list[dict[str, Any]], read: list[dict[str, Any]], job: Job, settings: CollectSettings
) -> Collected:
    gone, repeats = decide(folder, files, settings)
    kinds = merged(f["kinds"] for f in files)
    shapes = [Shape(str(folder), f["name"], f["kinds"], kinds, settings.passage_words) for f in files]
    apart = settings.passage_words or len(shapes) > FEW
    rows = sum(job.map(finish_part, shapes) if apart else map(finish_part, shapes))
    aside = _set_aside(folder, len(read), gone)
    notes = _notes(read, repeats, rows, aside.height)
    for sentence in _sentences(notes):
        job.note(sentence)
    return Collected(tuple(folder / f"{f['name']}.parquet" for f in files), rows, aside, notes)


def _local(addresses: list[str], place: Path, stdin: IO[bytes] | None) -> list[tuple[str, Path]]:
    """(label, path) of every address; what does not lie on this machine is brought there."""
    named: list[tuple[str, Path]] = []
    labels = labels_of([a for a in addresses if a != "-"])
    for address in addresses:
        if address == "-":
            named.append(("stdin", _spooled(stdin or sys.stdin.buffer, place)))
            continue
        label = labels.pop(0)
        if address.startswith("s3://"):
            from ropewalk.spine.data.remote import download

            inside = download(address, place / "remote")
            named.extend((f"{label}/{name}" if name else label, path) for name, path in inside)
        else:
            named.append((label, Path(address).expanduser()))
    return named


def _spooled(stream: IO[bytes], folder: Path) -> Path:
    """Standard input as a file that is named by what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".stdin.{os.getpid()}"
    digest = hashlib.sha256()
    with open(half, "wb") as out:
        while piece := stream.read(CHUNK):
            digest.update(piece)
            out.write(piece)
    path = folder / f"stdin-{digest.hexdigest()[:16]}"
    os.replace(half, path)
    return path


def _key(entries: Sequence[Entry], settings: CollectSettings) -> str:
    """What is read (paths, sizes, times of change) and how."""
    digest = hashlib.sha256(f"{VERSION} {settings.model_dump_json()}\n".encode())
    for entry in entries:
        about = os.lstat(entry.path)
        digest.update(repr((entry, about.st_mtime_ns, about.st_size)).encode())
    return digest.hexdigest()[:16]


def unpack(item: tuple[Entry, str, float], _seed: int = 0) -> Entry:
    """A packed file of lines, unpacked into a folder; where it breaks, what came before it stays, with its problem."""
    entry, folder, limit = item
    name = hashlib.sha256(entry.path.encode()).hexdigest()[:16]
    target, told = Path(folder) / f"unpacked-{name}", Path(folder) / f"unpacked-{name}.json"
    if not told.exists():
        half, problem = target.with_name(f".{target.name}.{os.getpid()}"), ""
        with open(half, "wb") as out, open(entry.path, "rb") as file:
            stream = unpacked(file, entry.pack, entry.size, int(limit * 2**30))
            try:
                while piece := stream.read(CHUNK):
                    out.write(piece)
            except Unreadable as error:
                problem = str(error)
        os.replace(half, target)
        written = told.with_name(f".{told.name}.{os.getpid()}")
        written.write_text(json.dumps(problem))
        os.replace(written, told)
    problem = json.loads(told.read_text())
    return replace(entry, path=str(target), pack="", size=target.stat().st_size, problem=problem)


def _unpack_large(entries: list[Entry], job: Job, settings: CollectSettings, folder: Path) -> list[Entry]:
    large = [e for e in entries if is_large(e, settings)]
    if not large:
        return entries
    ready = dict(zip(large, job.map(unpack, [(e, str(folder), settings.max_unpacked_gb) for e in large]), strict=True))
    found: list[Entry] = []
    for entry in entries:
        one = ready.get(entry, entry)
        if entry in ready and one.problem:
            found.extend([replace(one, problem=""), replace(one, format="", problem=one.problem)])
        else:
            found.append(one)
    return found


def _set_aside(folder: Path, pieces: int, gone: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    read = [p for n in range(pieces) if (p := folder / f"bad-{n:06d}.arrow").exists()]
    return pl.concat([*(pl.read_ipc(p, use_pyarrow=False) for p in read), gone] if read else [bad_frame([]), gone])


def _notes(read: list[dict[str, Any]], repeats: dict[str, int], rows: int, aside: int) -> dict[str, Any]:
    """What a person may want to know of a collection, as JSON types."""
    languages, unfit = Counter[str](), Counter[str]()
    remarks: dict[str, list[Any]] = {}
    for one in read:
        languages.update(one["languages"])
        unfit.update(one["unfit"])
        for kind, (count, sources) in one["remarks"].items():
            before = remarks.get(kind, [0, []])
            remarks[kind] = [before[0] + count, [*before[1], *sources][:3]]
    return {
        "documents": rows,
        "set_aside": aside,
        "languages": dict(sorted(languages.items())),
        "duplicates": repeats,
        "unfit": dict(sorted(unfit.items())),
        "remarks": {k: {"files": c, "first": s} for k, (c, s) in sorted(remarks.items())},
    }


def _sentences(notes: Mapping[str, Any]) -> Iterator[str]:
    if notes["set_aside"]:
        yield f"{notes['set_aside']:,} of {notes['documents'] + notes['set_aside']:,} documents were set aside"
    for kind, about in notes["remarks"].items():
        yield f"{about['files']:,} files {kind}, the first: {', '.join(about['first'])}"
    for name, count in notes["unfit"].items():
        yield f"{count:,} values of {name} were not of its type and are empty"


def _nothing(addresses: list[str], read: list[dict[str, Any]]) -> DataError:
    count = sum(one["bad"] for one in read)
    first = [problem for one in read for problem in one["first"]][:SHOWN]
    where = ", ".join(addresses)
    if not count:
        return DataError([f"{where}: there is no document in it."])
    known = [KNOWN] if any(UNKNOWN in problem for problem in first) else []
    told = (
        f"none of the {count:,} documents found can be used. The first problems:"
        if count > 1
        else "its only document cannot be used:"
    )
    return DataError([f"{where}: {told}", *first, *known])
