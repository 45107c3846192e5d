"""Plan the orders of your own items from one CSV of sales, in Python. Copy it, put your file in, keep the rest.

    python own_csv.py [sales.csv]

Without a file it makes a small one, so that it runs anywhere: eight items, two shops, forty weeks of days.
"""

import sys
from datetime import date, timedelta

import numpy as np
import polars as pl

import ropewalk


def made_sales(path, days=280, seed=0):
    """Sales as an ERP exports them: own names of columns, a row only where something was sold."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(days):
        for shop in ("Delft", "Gouda"):
            for i in range(8):
                sold = rng.poisson(2 + i * (1 + 0.3 * np.sin(day / 20)))
                if sold:
                    rows.append((date(2025, 1, 6) + timedelta(day), shop, f"{i:05}", sold, 2.5 + i))
    pl.DataFrame(rows, ["day", "shop", "sku", "qty", "price"], orient="row").write_csv(path)


def main(sales=None, **more):
    """`more`: settings on top, such as lead_time_periods=1 or gross_margin=0.4."""
    if sales is None:
        sales = "made_sales.csv"
        made_sales(sales)
    settings = {
        "sales": sales,
        "columns": {"date": "day", "site": "shop", "item": "sku", "units": "qty"},
        "lead_time_periods": 1,
        "gross_margin": 0.4,
    }
    life = ropewalk.live("inventory", settings=settings | more, quiet=False)

    print(life.report.text)
    print(life.verdict)
    plan = pl.read_parquet(life.folder / "orders.parquet")
    print(plan.filter(pl.col("order_now") > 0).select("item", "site", "order_now", "expected_arrival", "reason"))
    return life


if __name__ == "__main__":
    main(*sys.argv[1:2])
