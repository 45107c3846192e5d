from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.methods.text import analysis

tantivy = pytest.importorskip("tantivy")

LANGUAGES = ["en", "de", "es", "zh", "ja", "fr"]
TEXTS = st.text(st.sampled_from("ab' Z9ßÜé-.\n机器学习。カ𠀀😀"), max_size=40) | st.text(max_size=40)


def terms(text: str, language: str) -> list[str]:
    return [term for term, _, _ in analysis.analyse(text, language)]


def found(text: str, query: str, language: str, phrase: bool = False) -> bool:
    """Whether an index with the analyzer finds a text by the terms of a query."""
    schema = tantivy.SchemaBuilder().add_text_field("text", tokenizer_name=analysis.name(language)).build()
    index = tantivy.Index(schema)
    analysis.register(index, [language])
    writer = index.writer(15_000_000, 1)
    writer.add_document(tantivy.Document(text=analysis.prepare(text, language)))
    writer.commit()
    index.reload()
    words = analysis.terms(query, language)
    if phrase and len(words) > 1:
        wanted = tantivy.Query.phrase_query(schema, "text", words)
    else:
        queries = [(tantivy.Occur.Must, tantivy.Query.term_query(schema, "text", word)) for word in words]
        wanted = tantivy.Query.boolean_query(queries)
    return bool(index.searcher().search(wanted, 1).hits)


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_analyse_gives_the_terms_that_the_index_holds(language: str, text: str) -> None:
    assert terms(text, language) == analysis.terms(text, language)


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_offsets_are_characters_of_the_original_text_in_order(language: str, text: str) -> None:
    spans = [(start, end) for _, start, end in analysis.analyse(text, language)]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert spans == sorted(spans)
    for term, start, end in analysis.analyse(text, language):
        assert term in terms(text[start:end], language)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "The universities' computers", "university computer"),
        ("en", "Café", "CAFE"),
        ("de", "die Häuser der Müller", "haus muller"),
        ("de", "Straße", "strasse"),
        ("es", "las canciones", "canción"),
        ("fr", "Élève", "eleve"),
        ("zh", "ABC机器", "机器，abc"),
    ],
)
def test_forms_of_a_word_share_a_term(language: str, one: str, other: str) -> None:
    assert set(terms(one, language)) == set(terms(other, language))


def test_stop_words_are_not_terms_and_other_languages_keep_all() -> None:
    assert terms("What is the capital of it?", "en") == ["capit"]
    assert terms("Wer hat das über die Stadt gesagt", "de") == ["stadt", "gesagt"]
    assert terms("¿Cuál es la capital de la que hablan?", "es") == ["capital", "habl"]
    assert terms("to be or not to be", "en") == []
    assert len(terms("to be or not to be", "fr")) == 6


def test_chinese_is_found_by_characters_by_words_and_by_exact_phrases() -> None:
    text = "苹果公司发布了iPhone 15手机，售价昂贵。"
    assert all(found(text, query, "zh") for query in ("手机", "iphone", "价"))
    assert found(text, "苹果公司", "zh", phrase=True)
    assert not found(text, "果苹", "zh")
    assert not found(text, "手机昂贵", "zh", phrase=True)


def test_the_name_tells_analyzers_apart_and_languages_that_share_one_share_it() -> None:
    assert analysis.name("en") != analysis.name("de")
    assert analysis.name("fr") == analysis.name("xx") == f"plain.{analysis.VERSION}"
    assert analysis.name("zh") == analysis.name("ja")


def test_only_languages_without_spaces_are_prepared() -> None:
    assert analysis.prepare("机器 learning", "en") == "机器 learning"
    assert analysis.prepare("机器 learning", "zh").split() == ["机", "机器", "器", "learning"]


def test_words_of_more_than_64_bytes_are_no_terms() -> None:
    assert terms(" ".join(["x" * 63, "y" * 65]), "fr") == ["x" * 63]
