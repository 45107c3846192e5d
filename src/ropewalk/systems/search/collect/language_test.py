"""Languages are named as ISO 639-1 names them, and texts of the four that are analysed told apart."""

import gzip
import json
import os
from pathlib import Path

import pytest

from ropewalk.systems.search.collect.language import code, detector


@pytest.mark.parametrize(
    ("said", "expected"),
    [("en", "en"), ("EN-us", "en"), ("zh_Hans", "zh"), ("deu", "de"), ("English", "en"), ("klingon", None), ("", None)],
)
def test_what_a_source_says_becomes_a_code(said, expected):
    assert code(said) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The strands are laid into rope on a long straight lane.", "en"),
        ("Auf der Reeperbahn werden die Litzen zu Seilen gedreht.", "de"),
        ("Los cordones se retuercen para formar una cuerda larga.", "es"),
        ("绳索是由许多股绞在一起制成的。", "zh"),
        ("縄は多くの糸をより合わせて作られます。", "ja"),
        ("0815 4711 23.0", None),
        ("", None),
    ],
)
def test_a_sentence_tells_its_language(text, expected):
    assert detector()(text) == expected


def test_paragraphs_of_xquad_are_told_apart():
    if not os.environ.get("ROPEWALK_SHARED_DATA"):
        pytest.skip("ROPEWALK_SHARED_DATA is not set: it names the folder with search/xquad")
    detect = detector()
    for name in ("en", "de", "es", "zh"):
        path = Path(os.environ["ROPEWALK_SHARED_DATA"]) / "search" / "xquad" / f"xquad.{name}.json.gz"
        articles = json.loads(gzip.decompress(path.read_bytes()))["data"]
        texts = [p["context"] for a in articles for p in a["paragraphs"]][::3]
        assert sum(detect(t) == name for t in texts) >= 0.98 * len(texts)
