"""Bad input of every kind we could think of: a user reads one sentence that says what, where and the way out.

Each case writes what a user might have and says what the sentence must hold. No sentence serves two cases.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ropewalk import config as configs
from ropewalk.errors import ConfigError, RopewalkError
from ropewalk.systems.inventory.config import Config
from ropewalk.systems.inventory.data import data

WEEKS = 30


class Quiet:
    """A Job that says nothing."""

    seed = 0

    def progress(self, *_args: Any) -> None: ...

    def note(self, _sentence: str) -> None: ...


@dataclass(frozen=True)
class Bad:
    """A kind of bad input: files to write (text, bytes or a frame), settings, and parts of the sentence."""

    name: str
    says: tuple[str, ...]
    files: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def good(**columns: Any) -> str:
    """A good table of sales, one item sold every day; `columns`: name -> value of every row."""
    head = ["date", "item", "units", *columns]
    days = (date(2024, 1, 1) + timedelta(days=d) for d in range(7 * WEEKS))
    rows = [",".join([str(d), "0012", "3", *map(str, columns.values())]) for d in days]
    return "\n".join([",".join(head), *rows]) + "\n"


def row(number: int, text: str, table: str | None = None) -> str:
    """The good table with line `number` (the header is 1) replaced."""
    lines = (table or good()).splitlines()
    lines[number - 1] = text
    return "\n".join(lines) + "\n"


def renamed(**names: str) -> str:
    head, rest = good().split("\n", 1)
    return ",".join(names.get(c, c) for c in head.split(",")) + "\n" + rest


def dated(form: str, step: int = 1, count: int = 7 * WEEKS) -> str:
    days = (date(2024, 1, 1) + timedelta(days=d * step) for d in range(count))
    return "date,item,units\n" + "".join(f"{d.strftime(form)},0012,3\n" for d in days)


def frame(**columns: Any) -> pl.DataFrame:
    days = [date(2024, 1, 1) + timedelta(days=d) for d in range(7 * WEEKS)]
    return pl.DataFrame({"date": days, "item": ["0012"] * len(days), "units": [3] * len(days)}).with_columns(**columns)


SALES = {"sales": "sales.csv"}
ITEMS = SALES | {"items": "items.csv"}
STOCK = SALES | {"stock": "stock.csv"}
PLAN = SALES | {"plan": "plan.csv"}
ORDERS = SALES | {"orders": "orders.csv"}


def sales(text: Any) -> dict[str, Any]:
    return {"sales.csv": text}


def beside(name: str, text: str) -> dict[str, Any]:
    return {"sales.csv": good(), name: text}


FILES = [
    Bad("file is not there", ("there is no file", "Did you mean 'sales.csv'", "looked for at /"), sales(good()), {"sales": "salse.csv"}),
    Bad("address of nothing known", ("no listed source 'demo:journey'", "demo:complete_journey"), {}, {"sales": "demo:journey"}),
    Bad("made source mistyped", ("'made:40by40' is no made source", "made:40x40"), {}, {"sales": "made:40by40"}),
    Bad("package is not installed", ("no installed package 'nonesuch'",), {}, {"sales": "package:nonesuch/sales.csv"}),
    Bad("file not in the package", ("file in the package polars called 'sales.csv'",), {}, {"sales": "package:polars/sales.csv"}),
    Bad("empty file", ("sales.csv: the file is empty", "names of the columns"), sales(""), SALES),
    Bad("only a header", ("has the columns but no row",), sales("date,item,units\n"), SALES),
    Bad("UTF-16", ("is UTF-16", "Save it as UTF-8"), sales(good().encode("utf-16")), SALES),
    Bad("Windows-1252", ("line 5", "0xe9 is not UTF-8", "near '24-01-04,café", "encoding=windows-1252"), sales(row(5, "2024-01-04,caf\xe9,3").encode("latin-1")), SALES),
    Bad("not in the encoding that is said", ("line 5: the byte 0xe9 is neither UTF-8 nor ascii", "Set encoding"), sales(row(5, "2024-01-04,caf\xe9,3").encode("latin-1")), SALES | {"encoding": "ascii"}),
    Bad("a spreadsheet called csv", ("spreadsheet or a zip", "Export the sheet"), sales(b"PK\x03\x04" + b"\x00" * 60), SALES),
    Bad("semicolons", ("no comma but 2 semicolons", "separator=';'"), sales(good().replace(",", ";")), SALES),
    Bad("tabs", ("no comma but 2 tabs", "separator='\\t'"), sales(good().replace(",", "\t")), SALES),
    Bad("too many values in a line", ("line 7: has 5 values, the header has 3", "Quote"), sales(row(7, "2024-01-06,0012,3,4,5")), SALES),
    Bad("the same column twice", ("column 'units' is there 2 times",), sales(good().replace("date,item,units", "date,units,units", 1)), SALES),
    Bad("gz that is not gz", ("can not be unpacked", "whole .gz"), {"sales.csv.gz": b"date,item,units\n"}, {"sales": "sales.csv.gz"}),
    Bad("gz cut off", ("sales.csv.gz", "can not be unpacked", "end"), {"sales.csv.gz": gzip.compress(good().encode())[:200]}, {"sales": "sales.csv.gz"}),
    Bad("unknown ending", ("can not tell its format", ".parquet"), {"sales.xlsx": "x"}, {"sales": "sales.xlsx"}),
    Bad("parquet cut off", ("sales.parquet (13 bytes)", "written to the end"), {"sales.parquet": b"PAR1 and then"}, {"sales": "sales.parquet"}),
    Bad("folder without tables", ("folder has no table; it has readme.txt",), {"exports/readme.txt": "x"}, {"sales": "exports"}),
    Bad("empty folder", ("folder has no table; it is empty",), {"exports/.keep": "x"}, {"sales": "exports"}),
    Bad("folder of two formats", ("mixes formats (b.parquet, a.csv)",), {"exports/a.csv": good(), "exports/b.parquet": frame()}, {"sales": "exports"}),
    Bad("files of other columns", ("b.csv: lacks units and has qty besides", "a.csv"), {"exports/a.csv": good(), "exports/b.csv": renamed(units="qty")}, {"sales": "exports"}),
    Bad("files of other types", ("b.parquet: column units is String, but Int64",), {"exports/a.parquet": frame(), "exports/b.parquet": frame(units=pl.col("units").cast(pl.String))}, {"sales": "exports"}),
]  # fmt: skip

COLUMNS = [
    Bad("units called qty", ("no column 'units'", "Is it 'qty'?", "columns={units: qty}"), sales(renamed(units="qty")), SALES),
    Bad("item called sku", ("no column 'item'", "Is it 'sku'?"), sales(renamed(item="sku")), SALES),
    Bad("no date, nothing like it", ("no column 'date' (the day", "it has x, item, units"), sales(renamed(date="x")), SALES),
    Bad("mapping to a column that is not there", ("columns says units=pieces", "date, item, units"), sales(good()), SALES | {"columns": {"units": "pieces"}}),
    Bad("stock without on_hand", ("stock.csv: there is no column 'on_hand'", "Is it 'soh'?"), beside("stock.csv", "item,soh\n0012,3\n"), STOCK),
]  # fmt: skip

VALUES = [
    Bad("a word for a number", ("sales.csv, row 4: units 'three' is not a number",), sales(row(4, "2024-01-03,0012,three")), SALES),
    Bad("decimal comma beside points", ("units '3,5' is not a number (2 rows)", "a point for decimals", "decimal_comma=true"), sales(row(4, '2024-01-03,0012,"3,5"', row(9, '2024-01-08,0012,"4,5"', good(price=2.5).replace("units,price", "units").replace(",3,2.5", ",2.5")))), SALES),
    Bad("decimals or thousands", ("row 4: units '1,234' is not a number", "may be 1.234 or 1234, and no row decides", "decimal_comma=true"), sales(row(4, '2024-01-03,0012,"1,234"')), SALES),
    Bad("a point where commas are said", ("units '3.5' is not a number", "a comma for decimals", "decimal_comma=false"), sales(row(4, "2024-01-03,0012,3.5")), SALES | {"decimal_comma": True}),
    Bad("no units", ("row 6: units is empty. Every row needs units sold",), sales(row(6, "2024-01-05,0012,")), SALES),
    Bad("no item", ("row 6: item is empty", "the code of the item"), sales(row(6, "2024-01-05,,3")), SALES),
    Bad("no date in a row", ("row 6: date is empty",), sales(row(6, ",0012,3")), SALES),
    Bad("endless units", ("units 'inf' is not finite",), sales(row(6, "2024-01-05,0012,inf")), SALES),
    Bad("a day that is not", ("date '2024-02-30' is not a date", "%Y-%m-%d"), sales(row(6, "2024-02-30,0012,3")), SALES),
    Bad("a year mistyped, far off", ("date '2924-01-05' is after the year 2100", "mistyped"), sales(row(6, "2924-01-05,0012,3")), SALES),
    Bad("a year mistyped, possible", ("dates span 940 weeks, but 909", "longest gap follows 2024-07-22"), sales(row(6, "2042-01-05,0012,3")), SALES),
    Bad("day or month first", ("'01/02/2024' may be day or month first", "date_format", "'%d/%m/%Y' to read 1 February 2024", "'%m/%d/%Y' to read 2 January 2024"), sales("date,item,units\n" + "".join(f"{m:02d}/02/2024,0012,3\n" for m in range(1, 13))), SALES),
    Bad("day and month first", ("has the day first in some rows and the month in others",), sales("date,item,units\n13/02/2024,0012,3\n02/13/2024,0012,3\n"), SALES),
    Bad("year of two digits", ("has a year of two digits",), sales(dated("%d.%m.%y")), SALES),
    Bad("spreadsheet days", ("'45292' looks like a spreadsheet's day number",), sales("date,item,units\n" + "".join(f"{45292 + d},0012,3\n" for d in range(210))), SALES),
    Bad("seconds since 1970", ("looks like seconds since 1970",), sales("date,item,units\n1704067200,0012,3\n"), SALES),
    Bad("dates in another format than said", ("date '2024-01-01' is not a date (210 rows)", "read as %d/%m/%Y"), sales(good()), SALES | {"date_format": "%d/%m/%Y"}),
    Bad("negative price", ("price '-1' is below 0 USD/unit (210 rows)",), sales(good(price=-1)), SALES),
    Bad("promotion in per cent", ("promo '25' is above 1",), sales(good(promo=25)), SALES),
    Bad("stocked_out is maybe", ("stocked_out 'maybe' is not true or false",), sales(good(stocked_out="maybe")), SALES),
    Bad("units as a list", ("column units is of type List(Int64)", "it must be a number"), {"sales.parquet": frame(units=pl.concat_list("units", "units"))}, {"sales": "sales.parquet"}),
    Bad("date as a number", ("column date is of type Int32; it must be a date",), {"sales.parquet": frame(date=pl.lit(7))}, {"sales": "sales.parquet"}),
    Bad("nothing left to plan", ("no row is left after setting the bad ones aside",), sales(good(price="free")), SALES | {"on_bad_rows": "quarantine"}),
    Bad("bad row in a folder", ("b.csv, row 3: units 'x'",), {"exports/a.csv": good(), "exports/b.csv": row(3, "2024-01-02,0012,x")}, {"sales": "exports"}),
]  # fmt: skip

BESIDE = [
    Bad("an item twice", ("items.csv, row 4: item '0012' repeats the item, site of an earlier row",), beside("items.csv", "item\n0012\n0013\n0012\n"), ITEMS),
    Bad("lead time of half a period", ("lead_time_periods '1.5' is not a whole number",), beside("items.csv", "item,lead_time_periods\n0012,1.5\n"), ITEMS),
    Bad("lead time below zero", ("lead_time_periods '-1' is below 0 periods",), beside("items.csv", "item,lead_time_periods\n0012,-1\n"), ITEMS),
    Bad("pack of nothing", ("pack_size '0' is below 1 units",), beside("items.csv", "item,pack_size\n0012,0\n"), ITEMS),
    Bad("status of no known kind", ("status 'dead' is none of active, new, discontinued",), beside("items.csv", "item,status\n0012,dead\n"), ITEMS),
    Bad("no weekday", ("order_days 'mon,fry' holds 'fry', which is no weekday",), beside("items.csv", 'item,order_days\n0012,"mon,fry"\n'), ITEMS),
    Bad("negative stock", ("stock.csv, row 2: on_hand '-4' is below 0 units",), beside("stock.csv", "item,on_hand\n0012,-4\n"), STOCK),
    Bad("stock without sites, sales with", ("1 rows have no site, but the sales have 2",), {"sales.csv": good(site="a") + good(site="b").split("\n", 1)[1], "stock.csv": "item,on_hand\n0012,4\n"}, STOCK),
    Bad("plan that contradicts itself", ("plan.csv, row 3: date '2024-08-01' repeats the date, item, site",), beside("plan.csv", "date,item,promo\n2024-08-01,0012,1\n2024-08-01,0012,0\n"), PLAN),
    Bad("an order of a negative number", ("orders.csv, row 2: ordered '-2' is below 0 units",), beside("orders.csv", "date,item,ordered\n2024-02-01,0012,-2\n"), ORDERS),
]  # fmt: skip

AMOUNT = [
    Bad("too little history", ("sales.csv has 3 whole weeks, and 14 are needed", "train=0.5882", "Bring more history."), sales(dated("%Y-%m-%d", count=21)), SALES),
    Bad("more cuts than history", ("sales.csv has 30 whole weeks, and 90 are needed", "train=70, choose=10, replay=10 are numbers of weeks", "or set train=19"), sales(good()), SALES | {"train": 70, "choose": 10, "replay": 10}),
    Bad("monthly data planned by the week", ("dates span 125 weeks, but 95", "is the data monthly"), sales(dated("%Y-%m-%d", step=30, count=30)), SALES),
    Bad("nothing sells often", ("no item has sales in 80% of the 18 training weeks", "the best has them in 1", "Lower min_sold_share"), sales(re.sub(r",3\n", ",0\n", good()).replace(",0\n", ",3\n", 1)), SALES),
]  # fmt: skip

SETTINGS = [
    Bad("setting that is not there", ("no setting 'lead_time'", "Did you mean 'lead_time_periods'"), {}, {"lead_time": 2}),
    Bad("margin above 1", ("gross_margin: must be less than 1 (given: 30)",), {}, {"gross_margin": 30}),
    Bad("period of a month", ("period: must be 'week' or 'day' (given: 'month')",), {}, {"period": "month"}),
    Bad("cuts over the whole", ("are shares and sum to 1.4",), {}, {"train": 0.8, "choose": 0.3, "replay": 0.3}),
    Bad("cuts of two kinds", ("all shares (up to 1) or all numbers",), {}, {"train": 0.5, "choose": 10, "replay": 10}),
    Bad("cuts of half a period", ("must be whole numbers when they count periods",), {}, {"train": 20.5, "choose": 5, "replay": 5}),
    Bad("lead time in words", ("lead_time_periods: must be a valid integer",), {}, {"lead_time_periods": "two"}),
    Bad("bad rows ignored", ("on_bad_rows: must be 'stop' or 'quarantine'",), {}, {"on_bad_rows": "ignore"}),
    Bad("separator of two characters", ("separator must be one character, not '||'",), {}, {"separator": "||"}),
    Bad("encoding of no known name", ("'ansi-1252' is no encoding", "windows-1252"), {}, {"encoding": "ansi-1252"}),
    Bad("columns without a name", ("'units' is not read. Write units=qty",), {}, {"columns": "units"}),
]  # fmt: skip

ALL = [*FILES, *COLUMNS, *VALUES, *BESIDE, *AMOUNT, *SETTINGS]
SENTENCES: dict[str, str] = {}


def write(folder: Path, name: str, what: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(what, pl.DataFrame):
        what.write_parquet(path)
    else:
        path.write_bytes(what if isinstance(what, bytes) else what.encode())


def sentence(bad: Bad, folder: Path) -> str:
    """What the user reads. Anything but an error of ours is a traceback, and fails the test."""
    for name, what in bad.files.items():
        write(folder, name, what)
    addresses = {"sales", "items", "stock", "plan", "orders"}
    values = {k: str(folder / v) if k in addresses and ":" not in v else v for k, v in bad.settings.items()}
    if bad.files:
        values.setdefault("quarantine_folder", str(folder / "quarantine"))
    with pytest.raises(RopewalkError) as caught:
        data(configs.load(Config, values=values), Quiet())
    return str(caught.value)


@pytest.mark.parametrize("bad", ALL, ids=lambda bad: bad.name.replace(" ", "-"))
def test_a_mistake_gets_its_own_sentence(bad, tmp_path):
    said = sentence(bad, tmp_path)
    for part in bad.says:
        assert part in said
    plain = said.replace(str(tmp_path), "")
    assert "Traceback" not in plain
    assert "Error(" not in plain
    assert SENTENCES.setdefault(plain, bad.name) == bad.name, "two kinds of mistake share a sentence"


def test_there_are_forty_kinds_at_least():
    assert len({bad.name for bad in ALL}) == len(ALL) >= 40


def test_all_problems_of_a_table_are_told_at_once(tmp_path):
    table = row(3, "2024-13-02,0012,3", row(5, "2024-01-04,,many"))
    said = sentence(Bad("several", (), sales(table), SALES), tmp_path).splitlines()
    assert len(said) == 3
    assert [re.search(r"row (\d+): (\w+)", line).groups() for line in said] == [
        ("3", "date"),
        ("5", "item"),
        ("5", "units"),
    ]


def test_all_problems_of_the_settings_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        configs.load(Config, values={"gross_margin": 2, "period": "year"})
    assert len(caught.value.problems) == 2
