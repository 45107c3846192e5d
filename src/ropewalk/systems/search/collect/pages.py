"""Files that are one document: HTML, Markdown, plain text and PDF. Each becomes a record with a title and a text."""

from __future__ import annotations

import io
import re
from typing import IO, Any

from ropewalk.systems.search.collect.found import Bad, Found, Item, Remark
from ropewalk.systems.search.collect.settings import CollectSettings
from ropewalk.systems.search.collect.texts import FALLBACK, is_binary, text_of

FRONT = re.compile(r"\A(?:\ufeff)?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$\n?", re.S | re.M)
CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)""", re.I)
META = {  # name or property of a <meta> -> field; the first one in a page counts
    "og:title": "title",
    "dc.title": "title",
    "description": "description",
    "og:description": "description",
    "author": "author",
    "dc.creator": "author",
    "article:published_time": "time",
    "datepublished": "time",
    "date": "time",
    "dc.date": "time",
    "dcterms.created": "time",
    "license": "licence",
    "dc.rights": "licence",
    "dcterms.license": "licence",
}


def read_page(stream: IO[bytes], label: str, settings: CollectSettings, kind: str) -> list[Item]:
    """The document in a file of `kind` html, markdown, text or pdf."""
    limit = settings.max_file_mb << 20
    data = stream.read(limit + 1)
    if len(data) > limit:
        return [Bad(label, 0, f"larger than {settings.max_file_mb} MB")]
    if not data.strip():
        return [Bad(label, 0, "the file is empty")]
    if kind == "pdf":
        return [_pdf(data, label)]
    if is_binary(data):
        return [Bad(label, 0, "it holds NUL bytes: not text")]
    declared = CHARSET.search(data[:4096]) if kind == "html" else None
    try:
        text, guessed = text_of(data, settings, declared[1].decode() if declared else "")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        return [Bad(label, 0, f"the byte {byte:#04x} at {error.start:,} is neither UTF-8 nor {settings.encoding}")]
    remarks: list[Item] = [Remark(FALLBACK, label)] if guessed else []
    read = {"html": html_record, "markdown": markdown_record}.get(kind, _plain)
    return [*remarks, Found(label, 0, read(text))]


def _plain(text: str) -> dict[str, Any]:
    return {"text": text.strip()}


def html_record(html: str) -> dict[str, Any]:
    """Title, main text and what the head says of time, licence, language and author."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(html)
    record: dict[str, Any] = {}
    for meta in tree.document.query_selector_all("meta[content]") if tree.document else []:
        name = (meta.getattr("property") or meta.getattr("name") or meta.getattr("itemprop") or "").lower()
        if (field := META.get(name)) and (value := (meta.getattr("content") or "").strip()):
            record.setdefault(field, value)
    if link := tree.document.query_selector("link[rel=license], a[rel=license]") if tree.document else None:
        record.setdefault("licence", link.getattr("href") or "")
    title = (tree.title or "").strip() or record.get("title", "")
    if not title and tree.body and (heading := tree.body.query_selector("h1")):
        title = (heading.text or "").strip()
    root = tree.document.query_selector("html") if tree.document else None
    options: dict[str, Any] = {"preserve_formatting": True, "list_bullets": False, "links": False, "alt_texts": False}
    text = extract_plain_text(tree, main_content=True, **options)
    if not text.strip():  # a page that is all menu still has words
        text = extract_plain_text(tree, main_content=False, **options)
    declared = (root.getattr("lang") or "") if root else ""
    return {**record, "title": " ".join(title.split()), "text": text.strip(), "declared_language": declared}


def markdown_record(source: str) -> dict[str, Any]:
    """Front matter as fields, the first heading as title, the text without markup, code kept."""
    from markdown_it import MarkdownIt

    fields, body = front_matter(source)
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    title, parts = "", []
    for i, token in enumerate(tokens):
        if token.type == "inline":
            words = _inline(token.children or [])
            if not title and tokens[i - 1].type == "heading_open":
                title = " ".join(words.split())
            parts.append(words)
        elif token.type in ("fence", "code_block"):
            parts.append(token.content.rstrip())
        elif token.type == "html_block":
            parts.append(_without_tags(token.content))
    text = "\n\n".join(p for p in parts if p.strip())
    return {**fields, "title": str(fields.get("title") or title), "text": text}


def _inline(children: list[Any]) -> str:
    out = []
    for child in children:
        if child.type in ("text", "code_inline"):
            out.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            out.append("\n")
        elif child.type == "image":
            out.append(_inline(child.children or []))
    return "".join(out)


def _without_tags(html: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    return str(extract_plain_text(html, preserve_formatting=True, alt_texts=False)).strip()


def front_matter(source: str) -> tuple[dict[str, Any], str]:
    """The YAML between --- lines at the top of a file, and the rest; nothing where it is no mapping."""
    import yaml

    match = FRONT.match(source)
    if match is None:
        return {}, source
    try:
        fields = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, source
    if not isinstance(fields, dict):
        return {}, source
    return {str(k): v for k, v in fields.items()}, source[match.end() :]


def _pdf(data: bytes, label: str) -> Item:
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is wrong with a file is told below
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return Bad(label, 0, "the PDF is encrypted")
        pages = [page.extract_text() for page in reader.pages]
        about = reader.metadata
        made = about.creation_date if about else None
    except Exception as error:  # a broken PDF may raise nearly anything
        first = str(error).strip().split("\n")[0] or type(error).__name__
        return Bad(label, 0, f"the PDF can not be read ({first})")
    text = "\n\n".join(p.strip() for p in pages if p.strip())
    if not text:
        return Bad(label, 0, f"the PDF has {len(pages)} pages and no text: is it scanned?")
    title = str(about.title or "") if about else ""
    return Found(label, 0, {"title": title, "text": text, "time": made, "pages": len(pages)})
