"""A stranger's files: what people export is read, what is bad is apart in a file, and everything is counted."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from ropewalk import config as configs
from ropewalk.systems.inventory.config import Config
from ropewalk.systems.inventory.data import data


class Heard:
    """A Job that remembers what it was told to tell."""

    def __init__(self):
        self.notes = []

    def progress(self, *_args):
        pass

    def note(self, sentence):
        self.notes.append(sentence)


def export(path, weeks=20, form="%Y-%m-%d", mark=",", head=("date", "item", "units"), extra=()):
    """Daily sales of two items, as a till might export them."""
    days = [date(2024, 1, 1) + timedelta(days=d) for d in range(7 * weeks)]
    rows = [mark.join([d.strftime(form), item, str(3 + d.day % 4)]) for d in days for item in ("007", "008")]
    path.write_text("\n".join([mark.join(head), *rows, *extra]) + "\n")
    return str(path)


def run(**values):
    job = Heard()
    return data(configs.load(Config, values=values), job), job.notes


def test_a_plain_export_needs_nothing_but_its_address(tmp_path):
    made, _ = run(sales=export(tmp_path / "sales.csv"))
    assert made.tables["history"].select("item", "site").unique().sort("item").rows() == [
        ("007", "main"),
        ("008", "main"),
    ]
    assert made.tables["calendar"].height == 20
    assert made.notes["rows_set_aside"] == 0


def test_a_european_export_is_read_when_it_says_so(tmp_path):
    path = export(tmp_path / "umsatz.csv", form="%d.%m.%Y", mark=";", head=("Datum", "Artikel", "Menge"))
    made, notes = run(sales=path, separator=";", columns="date=Datum, item=Artikel, units=Menge")
    assert made.tables["history"].height == 40
    assert sum("is read as" in n for n in notes) == 3


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-16", "utf-8"])
def test_what_a_german_spreadsheet_saves_is_read_as_it_was_meant(tmp_path, encoding):
    """Semicolons, decimal commas, umlauts in its own encoding: the same tables as from a plain file."""
    plain = pl.read_csv(export(tmp_path / "sales.csv"), schema_overrides={"item": pl.String})
    plain = plain.with_columns(item=pl.lit("Müsli ") + pl.col("item"), units=pl.col("units") + 0.5, price=2.25)
    plain.write_csv(tmp_path / "plain.csv")
    text = plain.write_csv(separator=";", decimal_comma=True).replace("units", "Menge für alle")
    (tmp_path / "umsatz.csv").write_bytes(text.encode(encoding))
    settings = {"separator": ";", "columns": {"units": "Menge für alle"}, "encoding": encoding}
    made, notes = run(sales=str(tmp_path / "umsatz.csv"), **settings)
    for name, table in run(sales=str(tmp_path / "plain.csv"))[0].tables.items():
        assert made.tables[name].equals(table), name
    assert sum("the comma is read as the decimal mark" in n for n in notes) == 1


def test_formats_give_the_same_tables(tmp_path):
    path = export(tmp_path / "sales.csv")
    table = pl.read_csv(path, schema_overrides={"item": pl.String}, try_parse_dates=True)
    table.write_parquet(tmp_path / "sales.parquet")
    (tmp_path / "parts").mkdir()
    table.head(100).write_parquet(tmp_path / "parts" / "1.parquet")
    table.slice(100).write_parquet(tmp_path / "parts" / "2.parquet")
    made = [run(sales=str(tmp_path / name))[0].tables for name in ("sales.csv", "sales.parquet", "parts")]
    for name, one in made[0].items():
        assert one.equals(made[1][name]), name
        assert one.equals(made[2][name]), name


def test_bad_rows_are_set_aside_in_a_file_and_counted(tmp_path):
    path = export(tmp_path / "sales.csv", extra=("2024-02-30,007,1", "2024-02-01,008,many", "2024-02-01,,1"))
    made, notes = run(sales=path, on_bad_rows="quarantine", quarantine_folder=str(tmp_path / "bad"))
    apart = pl.read_csv(tmp_path / "bad" / "sales.csv")
    assert apart["row"].to_list() == [282, 283, 284]
    aside = made.tables["set_aside"].filter(pl.col("rule").str.starts_with("quarantine"))
    assert dict(aside.select("rule", "rows").rows()) == {
        "quarantine: date is not a date": 1,
        "quarantine: units is not a number": 1,
        "quarantine: item is empty": 1,
    }
    assert made.notes["rows_read"] == 283
    assert made.notes["rows_quarantined"] == 3
    assert any("3 bad rows were set aside in" in n for n in notes)


def test_rows_of_the_same_day_are_added_up_and_counted(tmp_path):
    one = run(sales=export(tmp_path / "a.csv"))[0]
    two = run(sales=export(tmp_path / "b.csv", extra=("2024-02-01,007,5",)))[0]
    assert two.notes["rows_added_up"] == 1
    assert two.tables["history"]["units"].sum() == one.tables["history"]["units"].sum() + 5


def test_a_plan_of_promotions_reaches_history_and_future(tmp_path):
    plan = tmp_path / "plan.csv"
    plan.write_text("date,item,promo,price\n2024-02-05,007,1,1.5\n2024-05-20,007,0.5,\n2025-05-20,007,1,\n")
    made, _ = run(sales=export(tmp_path / "sales.csv"), plan=str(plan))
    promoted = made.tables["history"].filter(pl.col("promo") > 0)
    assert promoted.select("item", "date", "promo", "price").rows() == [("007", date(2024, 2, 5), 1.0, 1.5)]
    assert made.tables["plan"].select("item", "date", "promo").rows() == [("007", date(2024, 5, 20), 0.5)]


def test_terms_of_the_items_table_hold_for_every_site_that_it_does_not_name(tmp_path):
    items = tmp_path / "items.csv"
    items.write_text('item,site,lead_time_periods,pack_size,order_days\n007,,3,6,"Mon, Thu"\n007,main,1,,\n')
    made, _ = run(sales=export(tmp_path / "sales.csv"), items=str(items))
    first = made.tables["items"].row(0, named=True)
    assert (first["lead_time_periods"], first["pack_size"], first["order_days"]) == (1, 6, "mon,thu")
    assert made.tables["items"]["lead_time_periods"].to_list() == [1, 2]
