"""Encoders by name: the one of a release is pinned by the hash of its weights, and made when the first query needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.errors import VersionError
from ropewalk.types import Job

if TYPE_CHECKING:
    import polars as pl

# Languages of an encoder; of a folder's nothing is known, so it is believed to know all.
KNOWS = {"minilm": frozenset({"en"})}
WHOLE = "+whole"  # ends the name of one that reads long texts whole

TEXTS = ("title", "text")  # what an encoder reads of a document
LONG = 1_200  # bytes: some 256 tokens of English

Encode = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True, slots=True)
class Named:
    """Which encoder: `minilm`, or the folder of another one, with WHOLE behind it or not; its precision; the hash that it had when
    the release was made."""

    name: str
    precision: str
    hash: str
    dims: int

    def __str__(self) -> str:
        """As a layout names it: minilm/int8/384/<hash>."""
        return f"{self.name}/{self.precision}/{self.dims}/{self.hash}"


def parse(text: str | None) -> Named | None:
    """The encoder that a layout names."""
    if text is None:
        return None
    name, precision, dims, hash = text.rsplit("/", 3)
    return Named(name, precision, hash, int(dims))


def knows(text: str | None, language: str) -> bool:
    """Whether the encoder that a layout names, in whatever form, knows a language."""
    name = (text or "").rsplit("/", 3)[0].removesuffix(WHOLE)
    return name not in KNOWS or language in KNOWS[name]


def make(name: str, precision: str = "int8", cache: Path | None = None, threads: int = 1) -> Any:
    """The encoder of a name."""
    from ropewalk.systems.search.encode import from_folder, minilm

    whole, name = name.endswith(WHOLE), name.removesuffix(WHOLE)
    if name == "minilm":
        return minilm(precision=precision, cache=cache, threads=threads, whole=whole)  # type: ignore[arg-type]
    return from_folder(name, whole=whole)


def named(config: Any, job: Job, documents: pl.DataFrame) -> Named | None:
    """The encoder that a configuration wants for documents like these, made once to learn its hash."""
    if config.encoder == "none":
        return None
    whole = config.long_texts == "mean" or (config.long_texts == "auto" and long(documents))
    name = config.encoder + WHOLE * whole
    made = make(name, config.precision, job.store.cache("encoders"))
    return Named(name, config.precision, made.hash, made.dims)


def long(documents: pl.DataFrame) -> bool:
    """Whether most documents are longer than an encoder reads at once. A collection has one rule: means of windows are nearer to
    any query than first windows are, and in one ranking would come too early (docs/decisions/0033-encoder.md)."""
    import polars as pl

    sizes = [pl.col(name).str.len_bytes().fill_null(0) for name in TEXTS if name in documents.columns]
    if not sizes or not documents.height:
        return False
    return float(documents.select(pl.sum_horizontal(sizes).median()).item()) > LONG


def of_layout(encoder: Named | None) -> dict[str, Any]:
    """What a layout says of its encoder."""
    return {"encoder": str(encoder), "dims": encoder.dims} if encoder else {}


def of(wanted: Named, store: Any) -> Any:
    """The encoder that was named. VersionError when its weights, or the way they are run, are others than they were then."""
    made = make(wanted.name, wanted.precision, store.cache("encoders") if store is not None else None)
    if made.hash != wanted.hash:
        raise VersionError(
            f"the encoder {wanted.name} in {wanted.precision} has changed since this was made with it ({wanted.hash[:16]} then, "
            f"{made.hash[:16]} now): the vectors do not fit. Install the version of then, or make them anew: ropewalk search reindex "
            "for a collection, ropewalk live search for a release."
        )
    return made


def lazily(wanted: Named | None, store: Callable[[], Any]) -> Encode | None:
    """A function that makes the encoder at its first call."""
    if wanted is None:
        return None
    held: list[Any] = []
    lock = threading.Lock()

    def encode(texts: Sequence[str]) -> np.ndarray:
        with lock:
            if not held:
                held.append(of(wanted, store()))
        vectors: np.ndarray = held[0].encode(texts)
        return vectors

    return encode
