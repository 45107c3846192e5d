"""Pages give their title, text and what they say of themselves; what can not be read says why."""

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.systems.search.collect.found import Bad, Found, Remark
from ropewalk.systems.search.collect.pages import front_matter, html_record, markdown_record, read_page
from ropewalk.systems.search.collect.settings import CollectSettings

HTML = """<!doctype html><html lang="de-AT"><head><title>Seile &amp; Taue</title>
<meta property="article:published_time" content="2026-01-02T03:04:05Z"><meta name="author" content="A. Reeper">
<link rel="license" href="https://creativecommons.org/licenses/by/4.0/"><script>var x = "no text";</script></head>
<body><nav><a href="/">Start</a> <a href="/x">Kontakt</a></nav><main><h1>Seile</h1>
<p>Ein Seil besteht aus Litzen, die auf der Reeperbahn zusammengedreht werden.</p><pre>a = b &lt; c</pre></main></body></html>"""
MARKDOWN = """---
title: From the front
date: 2026-01-02
tags: [rope, walk]
---
# First heading

Some *emphasis* and `code_inline()` with a [link](http://x.y).

```python
def walk():
    return 1
```

| a | b |
|---|---|
| 1 | 2 |

<div>inside <b>html</b></div>
"""


def page(data, kind, **settings):
    return read_page(io.BytesIO(data), "a", CollectSettings(**settings), kind)


def test_a_page_gives_title_text_and_what_its_head_says():
    record = html_record(HTML)
    assert record["title"] == "Seile & Taue"
    assert "auf der Reeperbahn" in record["text"]
    assert "a = b < c" in record["text"]
    assert "no text" not in record["text"]
    assert (record["time"], record["author"]) == ("2026-01-02T03:04:05Z", "A. Reeper")
    assert record["licence"] == "https://creativecommons.org/licenses/by/4.0/"
    assert record["declared_language"] == "de-AT"


@given(st.text())
@settings(max_examples=50, deadline=None)
def test_any_text_is_a_page(text):
    assert isinstance(html_record(text)["text"], str)
    assert isinstance(markdown_record(text)["text"], str)


def test_markdown_loses_its_markup_and_keeps_its_code():
    record = markdown_record(MARKDOWN)
    assert record["title"] == "From the front"
    assert record["tags"] == ["rope", "walk"]
    text = record["text"]
    assert "def walk():\n    return 1" in text
    assert "Some emphasis and code_inline() with a link." in text
    assert "inside html" in text
    assert not any(mark in text for mark in ("```", "# ", "*", "|", "<b>", "http://x.y"))
    assert markdown_record("# Only *heading*\n\ntext")["title"] == "Only heading"


@pytest.mark.parametrize(
    "source", ["---\nno: [end\n---\ntext", "---\n- a list\n---\ntext", "--- \ntext", "text\n---\n"]
)
def test_what_is_no_front_matter_is_text(source):
    assert front_matter(source) == ({}, source)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_text_is_read_by_its_mark(encoding):
    assert page("Grüße 你好".encode(encoding), "text") == [Found("a", 0, {"text": "Grüße 你好"})]


def test_a_text_that_says_nothing_is_guessed_and_the_guess_noted():
    noted, found = page("Grüße".encode("latin-1"), "text")
    assert isinstance(noted, Remark)
    assert found.record == {"text": "Grüße"}
    (found,) = page("Привет".encode("koi8-r"), "text", encoding="koi8-r")
    assert found.record == {"text": "Привет"}
    (found,) = page('<meta charset="koi8-r"><p>Привет, мир</p>'.encode("koi8-r"), "html")
    assert "Привет" in found.record["text"]


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"", "text", "the file is empty"),
        (b" \n ", "html", "the file is empty"),
        (b"ab\0cd", "text", "NUL bytes"),
        (b"\x89PNG\r\n\x1a\n\0\0", "markdown", "NUL bytes"),
        (b"%PDF-1.7 broken", "pdf", "the PDF can not be read"),
        (b"not a pdf", "pdf", "the PDF can not be read"),
        ("Grüße".encode("latin-1"), "text", "neither UTF-8 nor ascii"),
        (b"x" * (2 << 20), "text", "larger than 1 MB"),
    ],
)
def test_a_file_that_can_not_be_read_says_why(data, kind, reason):
    (bad,) = page(data, kind, encoding="ascii", max_file_mb=1)
    assert isinstance(bad, Bad)
    assert reason in bad.reason


def pdf(text=None, password=None):
    """A PDF of one page, made by hand: pypdf writes no text."""
    from pypdf import PdfReader, PdfWriter

    content = f"BT /F1 24 Tf 72 720 Td ({text or ''}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    start = len(out)
    table = b"".join(b"%010d 00000 n \n" % p for p in places)
    out += (
        b"xref\n0 6\n0000000000 65535 f \n" + table + b"trailer\n<</Root 1 0 R/Size 6>>\nstartxref\n%d\n%%%%EOF" % start
    )
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(out)))
    writer.add_metadata({"/Title": "A rope", "/CreationDate": "D:20260102030405Z"})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_a_pdf_gives_text_title_and_time():
    (found,) = page(pdf("Hello rope"), "pdf")
    assert found.record["text"] == "Hello rope"
    assert found.record["title"] == "A rope"
    assert found.record["time"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_pdf_without_text_or_with_a_password_says_so():
    assert "no text: is it scanned" in page(pdf(), "pdf")[0].reason
    assert "encrypted" in page(pdf("secret", "word"), "pdf")[0].reason
