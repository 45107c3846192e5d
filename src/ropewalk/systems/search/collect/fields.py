"""A record of a source becomes a document: usual names recognised, values of one type, times in UTC."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from ropewalk.systems.search.collect.found import Found
from ropewalk.systems.search.collect.settings import ADDED, OWN, CollectSettings, FieldKind

USUAL: dict[str, tuple[str, ...]] = {  # the first that is there counts; letters' case does not
    "id": ("id", "_id", "docid", "doc_id", "docno", "document_id", "pid", "product_id", "sku", "uuid", "guid", "url"),
    "title": ("title", "name", "headline", "subject", "product_title", "product_name", "titel"),
    "text": ("text", "body", "content", "contents", "passage", "abstract", "description", "document", "value"),
    "language": ("language", "lang", "locale"),
    "source": ("source", "url", "uri", "link"),
    "licence": ("licence", "license", "rights"),
    "time": (
        "time",
        "date",
        "published",
        "published_at",
        "created_at",
        "created",
        "timestamp",
        "updated_at",
        "updated",
    ),
}
MOST = 500  # fields of one document; more are names that should be values
PLAIN = (str, int, float, bool)
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
WHOLE = range(-(2**63), 2**63)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Roles:
    """Which keys of a record give which part of a document, and under which names the others stay."""

    own: dict[str, tuple[str, ...]]
    rest: tuple[tuple[str, str], ...]


def roles_of(keys: Iterable[str], settings: CollectSettings) -> Roles:
    """By the settings' columns first, by the usual names else. What is taken is not kept twice, but for an address as id."""
    keys = tuple(keys)
    low = {k.lower(): k for k in reversed(keys)}
    own: dict[str, tuple[str, ...]] = {}
    for name in OWN:
        said = settings.columns.get(name)
        if said is not None:
            own[name] = tuple(k for k in ([said] if isinstance(said, str) else said) if k in keys)
    for name in OWN:
        taken = {k for ks in own.values() for k in ks}
        usual = (low[k] for k in USUAL[name] if k in low and low[k] not in taken)
        if name not in own and (key := next(usual, None)):
            own[name] = (key,)
    taken = {k for n, ks in own.items() for k in ks if n != "id" or k.lower() != "url"}
    kept = (k for k in keys if k not in taken and k.lower() != "declared_language")
    chosen = (k for k in kept if settings.fields is None or k in settings.fields)
    return Roles(own, tuple((k, _free(k)) for k in chosen))


def _free(key: str) -> str:
    return f"{key}_" if key in OWN or key in ADDED or key.startswith("_ropewalk") else key


def documents_of(settings: CollectSettings) -> Callable[[Found, dict[str, int]], Document | str]:
    """A function (found, counts) -> document, or the reason why it is none. `counts` counts values that were no such thing."""
    known: dict[tuple[str, ...], Roles] = {}

    def document(found: Found, counts: dict[str, int]) -> Document | str:
        keys = tuple(found.record)
        roles = known.get(keys)
        if roles is None:
            if len(keys) > MOST:
                return f"it has {len(keys):,} fields; at most {MOST} are read"
            if len(known) > 10_000:
                known.clear()
            roles = known[keys] = roles_of(keys, settings)
        return _document(found, roles, settings, counts)

    return document


def _document(found: Found, roles: Roles, settings: CollectSettings, counts: dict[str, int]) -> Document | str:
    record, own = found.record, roles.own
    identity = _identity(found, record.get(own["id"][0]) if own.get("id") else None)
    title, text = _text(record, own.get("title", ())), _text(record, own.get("text", ()))
    if identity is None:
        return f"its id is not a text or a number but {str(record[own['id'][0]])[:40]!r}"
    if text is None or title is None:
        return f"its {'text' if text is None else 'title'} is an object, not a text: name a column by columns={{text: ...}}"
    if not text and not title:
        return _no_text(found, own)
    if len(text) > settings.max_chars:
        return f"too long: {len(text):,} characters, more than max_chars={settings.max_chars:,}"
    when = _one(record, own, "time")
    at = moment(when)
    if when is not None and at is None:
        counts["time"] = counts.get("time", 0) + 1
    origin = found.source if found.position == 0 else f"{found.source}:{found.position}"
    document: Document = {
        "id": identity,
        "title": " ".join(title.split()) or None,
        "text": text,
        "language": _one(record, own, "language"),
        "source": str(_one(record, own, "source") or found.source),
        "licence": str(_one(record, own, "licence") or settings.licence) or None,
        "time": at,
        "origin": origin,
    }
    for key, name in roles.rest:
        value = record[key]
        if value is not None:
            document[name] = _value(name, value, settings.types.get(name), counts)
    return document


def _no_text(found: Found, own: dict[str, tuple[str, ...]]) -> str:
    if own.get("text") or found.position == 0:
        return "its text is empty"
    names = ", ".join(list(found.record)[:8]) or "nothing"
    return f"no column is the text; it has {names}. Name it by columns={{text: NAME}}"


def _identity(found: Found, value: Any) -> str | None:
    """The document's own id; else a file's name, or a hash of file and position. None where it can be no id."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        if name := str(value).strip():
            return name if len(name) <= 512 else None
    elif value is not None:
        return None
    if found.position == 0:
        return found.source
    return hashlib.sha256(f"{found.source}\n{found.position}".encode()).hexdigest()[:20]


def _one(record: dict[str, Any], own: dict[str, tuple[str, ...]], name: str) -> Any:
    return next((record[k] for k in own.get(name, ()) if record[k] not in (None, "")), None)


def _text(record: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    """The values of the keys, a line each; None where one is an object."""
    parts: list[str] = []
    for key in keys:
        value = record[key]
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, str):
                parts.append(part.strip())
            elif isinstance(part, (int, float)):
                parts.append(str(part))
            elif part is not None:
                return None
    return parts[0] if len(parts) == 1 else "\n".join(p for p in parts if p)


def _value(name: str, value: Any, kind: FieldKind | None, counts: dict[str, int]) -> Any:
    if kind is None:
        return natural(value)
    made = as_kind(value, kind)
    if made is None and value != "":
        counts[name] = counts.get(name, 0) + 1
    return made


def natural(value: Any) -> Any:
    """A value as a column can hold it: text, number, bool, time in UTC, a list of texts; anything else as JSON."""
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if value in WHOLE else str(value)
    if isinstance(value, float):
        return value if value * 0 == 0 else None
    if isinstance(value, (datetime, date)):
        return moment(value)
    if isinstance(value, (list, tuple)):
        if all(v is None or isinstance(v, PLAIN) for v in value):
            return [as_text(v) for v in value if v is not None]
        return as_text(value)
    return as_text(value)


def as_text(value: Any) -> str:
    """A value as a keyword: what JSON would write, a text without quotes."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return msgspec.json.encode(value, enc_hook=str).decode()


def as_kind(value: Any, kind: FieldKind) -> Any:
    """The value as `kind`, None where it is none."""
    if kind == "keyword":
        plain = natural(value)
        return plain if isinstance(plain, list) or plain is None else as_text(plain)
    if kind == "date":
        return moment(value)
    if kind == "bool":
        low = str(value).strip().lower()
        return True if low in TRUE else False if low in FALSE else None
    try:
        number = float(value)
        if kind == "float":
            return number if number * 0 == 0 else None
        whole = int(value) if isinstance(value, (str, int)) and "." not in str(value) else int(number)
        return whole if whole == number and whole in WHOLE else None
    except (TypeError, ValueError, OverflowError):
        return None


DIGITS = re.compile(r"\d{9,10}(\.\d+)?|\d{12,13}")


def moment(value: Any) -> datetime | None:
    """A time in UTC from a date, ISO 8601, an e-mail's or HTTP's form, or seconds (or milliseconds) since 1970.

    A time without a zone is UTC, a date its first moment; None of anything else.
    """
    try:
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        if isinstance(value, date):
            return datetime.combine(value, time(), UTC)
        if isinstance(value, bool) or value is None:
            return None
        if isinstance(value, (int, float)) or DIGITS.fullmatch(str(value).strip()):
            seconds = float(value)
            return datetime.fromtimestamp(seconds / 1000 if abs(seconds) > 1e11 else seconds, UTC)
        return _written(str(value).strip())
    except (ValueError, OverflowError, OSError):
        return None


def _written(text: str) -> datetime | None:
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        pass
    try:
        return moment(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError):
        return None
