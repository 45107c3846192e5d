"""What a user can say about a collection's documents, and the words that the other modules share."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from ropewalk.config import Settings, setting

OWN = ("id", "title", "text", "language", "source", "licence", "time")  # what a document always has
ADDED = ("origin", "parent", "start", "end", "duplicate_of", "similarity")  # what only the collection says
Format = Literal["auto", "html", "markdown", "text", "jsonl", "json", "csv", "tsv", "parquet", "arrow", "pdf", "warc"]
FieldKind = Literal["keyword", "int", "float", "bool", "date"]


class CollectSettings(Settings):
    """How addresses become documents."""

    format: Format = setting("auto", "Format of the files; auto goes by their endings, or by their first bytes.")
    columns: dict[str, str | list[str]] = setting(
        {},
        "Where a table's columns go, {text: body, id: sku}; a list is joined, a line each. The usual names need none.",
    )
    types: dict[str, FieldKind] = setting({}, "Types of fields, {price: float}; a value that is none becomes null.")
    fields: list[str] | None = setting(None, "Fields kept besides a document's own; null keeps all.")
    language: str = setting("auto", "ISO 639-1 code of documents that do not say theirs; auto detects it.")
    licence: str = setting("", "Licence of documents that do not say theirs.")
    encoding: str = setting("", "Of text that is not UTF-8; none: what the file says, else Windows-1252 with a note.")
    separator: str = setting(",", "What separates the columns of a .csv.")
    file_times: bool = setting(False, "Documents without a time take that of their file (which a copy may change).")
    passage_words: int = setting(0, "Longest passage; longer documents are split at sentences. 0: whole.", low=0)
    near_duplicates: Literal["keep", "mark", "drop"] = setting(
        "mark",
        "keep: not looked for. mark: named in duplicate_of. drop: set aside. Products may differ in one word that "
        "matters, so nothing is dropped unasked.",
    )
    exact_duplicates: Literal["mark", "drop"] = setting("mark", "The same for documents of equal title and text.")
    similarity: float = setting(
        0.9, "Share of common runs of three words from which two documents are near-duplicates.", low=0.5, high=1
    )
    max_chars: int = setting(5_000_000, "A longer document is set aside.", low=1)
    max_file_mb: int = setting(256, "A page, PDF or JSON file larger than this is set aside.", unit="MB", low=1)
    max_unpacked_gb: float = setting(200.0, "A file or archive that unpacks to more is refused.", unit="GB", above=0)
    part_mb: int = setting(16, "Text that one task reads: large files are cut, small ones gathered.", unit="MB", low=1)

    @field_validator("language")
    @classmethod
    def _is_a_code(cls, value: str) -> str:
        if value != "auto" and not (len(value) == 2 and value.isascii() and value.islower()):
            raise ValueError(f"must be auto or a code of two letters such as en, not {value!r}")
        return value

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str) -> str:
        import codecs

        try:
            if value:
                codecs.lookup(value)
        except LookupError:
            raise ValueError(f"there is no encoding {value!r}; usual ones are utf-8, windows-1252, utf-16") from None
        return value

    @field_validator("columns")
    @classmethod
    def _are_ours(cls, value: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        wrong = [name for name in value if name not in OWN]
        if wrong:
            raise ValueError(f"there is no {wrong[0]!r} in a document; it has {', '.join(OWN)}")
        return value

    @field_validator("separator")
    @classmethod
    def _is_one(cls, value: str) -> str:
        if len(value) != 1:
            raise ValueError(f"must be one character, not {value!r}")
        return value
