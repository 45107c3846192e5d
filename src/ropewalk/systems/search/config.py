"""The settings of search: where texts and labels are, how they are read, which models, what is served."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationInfo, field_validator

from ropewalk.config import Settings, Source, setting


class Config(Settings):
    """Every default says why it is what it is."""

    docs: Source = setting(
        "python:docs",
        "Documents: a folder, file, archive or s3:// of HTML, Markdown, text, JSONL, CSV or Parquet. The default is the documentation "
        "inside the Python that runs this, so that the first run needs no data; made:200 makes 200 short articles.",
    )
    queries: Source | None = setting(
        None,
        "Queries: a table of query id and text (.tsv), for training and measuring. None: made from the documents (known items).",
    )
    qrels: Source | None = setting(None, "Labels: TREC qrels (query 0 document label). Needed with `queries`.")
    questions: Source | None = setting(
        None,
        "Questions with answer spans (SQuAD's JSON), from which the reader learns. None: the reader that comes with the package answers.",
    )
    columns: dict[str, str] = setting({}, "Names of your columns where they differ: {text: body, id: sku}.")
    fields: dict[str, Literal["text", "keyword", "int", "float", "date", "bool"]] = setting(
        {},
        "Typed fields to filter and count by, and further texts: {brand: keyword, price: float}. None: title and text alone.",
    )
    language: str = setting("en", "Language of the documents, ISO 639-1; auto: detected, one of `languages`.")
    languages: list[str] = setting(
        ["en"], "Languages that the collection analyses; others are read word by word, without stems."
    )
    near_duplicates: Literal["keep", "mark", "drop"] = setting(
        "mark",
        "Texts that are nearly equal: products that differ in one word are different products, so they stay and are marked.",
    )
    passage_words: int = setting(
        0,
        "Longer texts are cut into passages of so many words; 0: never, one text is one document.",
        unit="words",
        low=0,
    )

    collection: str = setting(
        "live", "Name of the collection that a release serves, and that `ropewalk search add` adds to.", stage="train"
    )
    weights: dict[str, float] = setting(
        {},
        "BM25 weights of text fields, {title: 1}. None given: 1 for `text`, which holds the words of all, and 0.25 more for each other field "
        "that has the word.",
        stage="train",
    )
    encoder: str = setting(
        "minilm",
        "minilm: all-MiniLM-L6-v2 from its Python package; a folder with model.onnx and tokenizer.json; none: terms alone.",
        stage="train",
    )
    long_texts: Literal["auto", "first", "mean"] = setting(
        "auto",
        "What the encoder knows of a text that is longer than it reads at once. first: its beginning; mean: all of it, up to 2,048 tokens; auto: mean "
        "where more than half of the documents have over 256 tokens.",
        stage="train",
    )
    precision: Literal["int8", "fp32"] = setting(
        "int8",
        "Weights of the encoder: int8 costs half the time or less and loses nothing that was measured.",
        stage="train",
    )
    rerank: bool = setting(
        True,
        "Train a reranker where there are labels for it; it is used if it wins on the queries set aside for that.",
        stage="train",
    )
    reader: Literal["none", "trees", "network"] = setting(
        "trees",
        "What answers questions. trees: comes with the package, and goes on in seconds where questions with answers are given; network: "
        "learned from such questions alone, in minutes, better in English, needs the extra `inventory` (JAX).",
        stage="train",
    )
    risk: float = setting(
        0.3,
        "Share of wrong answers at which a question is still answered; above it the reader abstains.",
        stage="train",
        above=0,
        below=1,
    )
    folds: int = setting(
        5,
        "Folds of the cross-validation over queries: four fifths to learn on, as is usual.",
        stage="train",
        low=2,
        high=20,
    )
    depth: int = setting(
        100,
        "Candidates that each leg hands to the fusion: beyond 100, labels are rarely found.",
        stage="train",
        low=10,
        high=5000,
    )
    synonyms: dict[str, list[str]] = setting({}, "Words that mean the same: {tv: [television]}.", stage="train")

    seconds_per_hit: float = setting(
        5.0,
        "Time in which a person judges a hit from its title and snippet; eye-tracking studies find four to six.",
        unit="s",
        stage="evaluate",
        above=0,
    )
    usd_per_hour: float = setting(
        30.0, "Wage of who searches, for the price of a search.", unit="USD/h", stage="evaluate", above=0
    )
    give_up: int = setting(
        20, "Hits that a person reads before giving up: two pages.", unit="hits", stage="evaluate", low=1
    )

    @field_validator("fields")
    @classmethod
    def _own_names(cls, fields: dict[str, str]) -> dict[str, str]:
        for name in fields:
            if not name.isidentifier() or name in ("id", "language"):
                raise ValueError(
                    f"{name!r} cannot be a field's name: use letters, digits and _, and not id or language"
                )
        return fields

    @field_validator("language", "languages")
    @classmethod
    def _codes(cls, value: str | list[str], info: ValidationInfo) -> str | list[str]:
        for code in [value] if isinstance(value, str) else value:
            if not (len(code) == 2 and code.isascii() and code.islower()) and (code, info.field_name) != (
                "auto",
                "language",
            ):
                raise ValueError(f"{code!r} is no ISO 639-1 code, two small letters such as en or de")
        return value

    @property
    def spoken(self) -> dict[str, Any]:
        """A layout's languages: the documents' own, and those that a query may be in."""
        first = self.languages[0] if self.language == "auto" else self.language
        return {"language": first, "languages": tuple(dict.fromkeys((first, *self.languages)))}


def small() -> Config:
    """A made collection whose whole life takes seconds."""
    return Config(docs="made:200", collection="small", folds=3, fields={"maker": "keyword", "product": "keyword"})
