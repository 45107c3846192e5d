"""A filter as a tantivy query, for the term leg, its counts and its suggestions; it adds nothing to a score."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ropewalk.systems.search.retrieve.filters import Between, Every, Filter, No, OneOf, Some

WHOLE = ("keyword", "int", "bool")  # kinds whose values are looked up as terms


def as_query(wanted: Filter, schema: Any, kinds: Mapping[str, str]) -> Any:
    """The query that matches just the documents of a filter, each with a score of nought."""
    from tantivy import Query

    return Query.const_score_query(_query(wanted, schema, kinds), 0.0)


def within(query: Any, wanted: Filter | None, schema: Any, kinds: Mapping[str, str]) -> Any:
    """`query` among the documents of a filter, with the scores that it had."""
    from tantivy import Occur, Query

    if wanted is None:
        return query
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, as_query(wanted, schema, kinds))])


def _query(wanted: Filter, schema: Any, kinds: Mapping[str, str]) -> Any:
    from tantivy import Occur, Query

    if isinstance(wanted, Every):
        parts = [(Occur.Must, _query(part, schema, kinds)) for part in wanted.parts]
        return Query.boolean_query(parts) if parts else Query.all_query()
    if isinstance(wanted, Some):
        parts = [(Occur.Should, _query(part, schema, kinds)) for part in wanted.parts]
        return Query.boolean_query(parts) if parts else Query.empty_query()
    if isinstance(wanted, No):
        return Query.boolean_query(
            [(Occur.Must, Query.all_query()), (Occur.MustNot, _query(wanted.part, schema, kinds))]
        )
    if isinstance(wanted, Between):
        return _range(wanted, schema, kinds[wanted.field])
    return _one_of(wanted, schema, kinds[wanted.field])


def _one_of(wanted: OneOf, schema: Any, kind: str) -> Any:
    from tantivy import Occur, Query

    if not wanted.values:
        return Query.empty_query()
    if kind in WHOLE:
        return Query.term_set_query(schema, wanted.field, list(wanted.values))
    exact = [Between(wanted.field, value, value) for value in wanted.values]
    return Query.boolean_query([(Occur.Should, _range(one, schema, kind)) for one in exact])


def _range(wanted: Between, schema: Any, kind: str) -> Any:
    from tantivy import FieldType, Query

    types = {"int": FieldType.Integer, "float": FieldType.Float, "date": FieldType.Date}
    if wanted.low is None and wanted.high is None:
        return Query.exists_query(wanted.field)
    return Query.range_query(
        schema, wanted.field, types[kind], _plain(wanted.low), _plain(wanted.high), wanted.with_low, wanted.with_high
    )


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value
