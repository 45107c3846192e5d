from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.methods.text.sentences import sentence_spans


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "en",
            ["Dr. Smith paid $3.5 to J. R. Doe, e.g. on Jan. 3.", 'He said "Go. Now."', "U.S. troops came.", "Yes!"],
        ),
        (
            "de",
            ["Am 3. Oktober 1990 kam Dr. Meier z. B. mit 3,5 Mio. Euro.", "Er sagte: „Geh. Jetzt.“", "Dann ging er."],
        ),
        ("es", ["El Sr. Pérez pagó 3.5 euros.", "¿Quién?", "¡Nadie!", "La Sra. Díaz (EE. UU.) vino."]),
    ],
)
def test_abbreviations_decimals_and_quotes_end_no_sentence(language, sentences):
    text = " ".join(sentences)
    assert [text[a:b] for a, b in sentence_spans(text, language)] == sentences


def test_chinese_sentences_need_no_blank():
    text = "他说：“走吧。现在！”然后离开了。价格是3.5元。是吗？"
    assert [text[a:b] for a, b in sentence_spans(text, "zh")] == [
        "他说：“走吧。现在！”", "然后离开了。", "价格是3.5元。", "是吗？",
    ]  # fmt: skip


@given(st.text(alphabet='Aé 中。.!?\n\t"1𝒳👍', max_size=60), st.sampled_from(["en", "de", "es", "zh", "xx"]))
def test_spans_are_in_order_apart_and_hold_all_that_is_not_blank(text, language):
    spans = sentence_spans(text, language)
    at = 0
    for start, end in spans:
        assert at <= start < end
        assert not text[at:start].strip()
        assert text[start:end] == text[start:end].strip()
        at = end
    assert not text[at:].strip()
