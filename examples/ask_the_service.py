"""Ask a running service about rows of a file, and tell it later what came true. Only the standard library and Polars.

    ropewalk serve inventory                                       # in one terminal
    python ask_the_service.py out/inventory/requests.parquet       # in another

Writes answers.csv. Its `event_id` is the `id` under which what came true is reported: `ropewalk truths inventory came_true.csv`.
"""

import json
import sys
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

import polars as pl


def main(requests, url="http://127.0.0.1:8000", target="answers.csv", key=""):
    """Send the columns that the service knows, 500 rows a request; answers in the order of the rows."""
    wait_until_ready(url)
    with urlopen(Request(f"{url}/openapi.json", headers={"X-API-Key": key})) as response:
        schemas = json.load(response)["components"]["schemas"]
    known = schemas["Row"]["properties"]
    rows = pl.read_parquet(requests) if str(requests).endswith(".parquet") else pl.read_csv(requests)
    rows = rows.select([name for name in rows.columns if name in known])
    answers = []
    for part in rows.iter_slices(500):
        body = part.write_json().encode()
        asked = Request(f"{url}/predict", body, {"content-type": "application/json", "X-API-Key": key})
        with urlopen(asked) as response:
            answers += json.load(response)
    found = pl.DataFrame(answers).insert_column(0, rows[:, 0])
    found.write_csv(target)
    print(f"{found.height} rows answered into {target}")
    return found


def wait_until_ready(url, seconds=60):
    """A service listens at once and is ready when its model is loaded."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urlopen(f"{url}/readyz"):
                return
        except URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:4])
