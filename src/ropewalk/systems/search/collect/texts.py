"""Bytes become text: by their mark, as UTF-8, as the file or the user says, else as Windows-1252, which is noted."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import IO

from ropewalk.systems.search.collect.settings import CollectSettings

FALLBACK = "read as Windows-1252, because it is not UTF-8"
LONGEST = 64 << 20  # bytes of a line of CSV
MARKS = (  # the longer ones first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def marked(head: bytes) -> str:
    """The encoding that the first four bytes announce, '' if none."""
    return next((name for mark, name in MARKS if head.startswith(mark)), "")


def text_of(data: bytes, settings: CollectSettings, declared: str = "") -> tuple[str, bool]:
    """The text, and whether the encoding had to be guessed. UnicodeDecodeError where the one that was set does not fit."""
    if name := marked(data[:4]):
        return data.decode(name, "replace"), False
    try:
        return data.decode("utf-8"), False
    except UnicodeDecodeError:
        pass
    if settings.encoding:
        return data.decode(settings.encoding), False
    if declared and (text := _decoded(data, declared)) is not None:
        return text, False
    text = _decoded(data, "windows-1252")
    return (text if text is not None else data.decode("latin-1")), True


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def text_lines(stream: IO[bytes], settings: CollectSettings, guessed: list[str]) -> Iterator[str]:
    """The lines of a text with their ends, each decoded alone; `guessed` gets one that was taken for Windows-1252."""
    head = stream.peek(4)[:4] if isinstance(stream, io.BufferedReader) else b""
    if name := marked(head):
        yield from io.TextIOWrapper(stream, name, errors="replace", newline="")
        return
    while line := stream.readline(LONGEST):
        text, guess = text_of(line, settings) if not line.isascii() else (line.decode("ascii"), False)
        if guess and not guessed:
            guessed.append(text)
        yield text


def is_binary(data: bytes) -> bool:
    """Whether bytes without a mark are no text: text has no NUL."""
    return not marked(data[:4]) and b"\0" in data[:65_536]
