"""What a collection's documents look like: fields, their kinds, languages; and the tantivy schema that follows from it.

A text field has one field of tantivy per language (`text_en`, `text_de`), because a field has one analyzer. A document's text
goes to the field of its language, or of the layout's own language when the document's is none of `languages`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ropewalk.errors import DataError, VersionError

Kind = Literal["text", "keyword", "int", "float", "date", "bool"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a document. `weight`: of a text field in BM25, for whoever queries."""

    name: str
    kind: Kind
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Fields and languages of a collection; what is kept of a document; the encoder of its vectors.

    `positions`: of words in texts, for phrases. `stored`: documents come back whole; without it there are ids and typed
    columns only, and segments cannot be merged. `dims`: width of a vector, 0 for none. `main`: the text field that holds the words of
    the others too, so that a word counts once for a document wherever it stands; empty: none does.
    """

    fields: tuple[Field, ...]
    language: str = "en"
    languages: tuple[str, ...] = ("en",)
    positions: bool = True
    stored: bool = True
    encoder: str | None = None
    dims: int = 0
    main: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(self.fields))
        object.__setattr__(self, "languages", tuple(dict.fromkeys((*self.languages, self.language))))
        if problems := list(_problems(self)):
            raise DataError([f"the layout: {problem}" for problem in problems])

    @property
    def texts(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.kind == "text")

    @property
    def typed(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.kind != "text")

    def text_field(self, name: str, language: str | None = None) -> str:
        """The name in tantivy of a text field in a language; the layout's own when it is None or unknown."""
        return f"{name}_{language if language in self.languages else self.language}"

    def to_json(self) -> dict[str, Any]:
        body = asdict(self)
        return {**body, "fields": [dict(field) for field in body["fields"]], "languages": list(self.languages)}

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> Layout:
        try:
            return Layout(**{**body, "fields": tuple(Field(**field) for field in body["fields"])})
        except (TypeError, KeyError) as error:
            raise DataError(
                [f"the layout: {error}. It was written by another version of ropewalk, or by hand."]
            ) from None


def _problems(layout: Layout) -> Any:
    for field in layout.fields:
        if not isinstance(field.name, str) or not _NAME.fullmatch(field.name) or field.name == "id":
            yield f"{field.name!r} cannot be a field's name: use up to 64 letters, digits and _, a letter first, and not id."
        if field.kind not in KINDS:
            yield f"the field {field.name!r} is of the kind {field.kind!r}; there is: {', '.join(KINDS)}."
        if not field.weight >= 0:
            yield f"the field {field.name!r} has the weight {field.weight!r}; a weight is 0 or more."
    for language in layout.languages:
        if not re.fullmatch("[a-z]{2,3}", language):
            yield f"{language!r} is no language; use ISO 639-1 codes such as en, de, es, zh."
    if layout.dims < 0:
        yield f"vectors of {layout.dims} numbers; dims is 0 (none) or more."
    names = [layout.text_field(f.name, lang) for f in layout.texts for lang in layout.languages]
    names += [field.name for field in layout.fields]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name!r} is the name of two fields (a text field has one more per language, as text_en)."
    if layout.main and layout.main not in {field.name for field in layout.texts}:
        yield f"{layout.main!r} cannot be the main field: it is no text field of the layout."


def schema(layout: Layout) -> Any:
    """The `tantivy.Schema`: id and typed fields as they are, texts analysed; nothing stored."""
    from tantivy import SchemaBuilder

    from ropewalk.methods.text import analysis

    builder = SchemaBuilder()
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    option = "position" if layout.positions else "freq"
    for field in layout.texts:
        for language in layout.languages:
            name = layout.text_field(field.name, language)
            builder.add_text_field(name, tokenizer_name=analysis.name(language), index_option=option)
    for field in layout.typed:
        if field.kind == "keyword":
            builder.add_text_field(field.name, tokenizer_name="raw", index_option="basic", fast=True)
        else:
            add = {
                "int": builder.add_integer_field,
                "float": builder.add_float_field,
                "date": builder.add_date_field,
                "bool": builder.add_boolean_field,
            }[field.kind]
            add(field.name, indexed=True, fast=True)
    return builder.build()


def register(index: Any, layout: Layout) -> None:
    """Make the layout's analyzers known to a `tantivy.Index`."""
    from ropewalk.methods.text import analysis

    analysis.register(index, layout.languages)


def analyzers(layout: Layout) -> dict[str, str]:
    """language -> the name of its analyzer today."""
    from ropewalk.methods.text import analysis

    return {language: analysis.name(language) for language in layout.languages}


def check_analyzers(layout: Layout, written: Mapping[str, str], collection: str) -> None:
    """VersionError when the words of a collection were made by other analyzers than this program has."""
    now = analyzers(layout)
    for language, name in written.items():
        if now.get(language) != name:
            raise VersionError(
                f"the collection {collection!r} was written with the analyzer {name!r} for {language!r}, and this version of "
                f"ropewalk has {now.get(language)!r}: words would not be found. Rebuild it: ropewalk search reindex {collection}."
            )
