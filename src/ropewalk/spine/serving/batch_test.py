"""A file is answered as the service would answer it: same answers, same refusals, in order, in constant memory, whole."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from ropewalk.errors import DataError, RequestError
from ropewalk.spine.serving.answers import Answers
from ropewalk.spine.serving.batch import predict_file
from ropewalk.spine.serving.requests import Requests
from ropewalk.types import Column, Contract

CONTRACT = Contract(
    (
        Column("item", "str", "the item"),
        Column("day", "date", "the day"),
        Column("x", "float", "a number", low=0),
        Column("n", "int", "how often", required=False, default=2, low=0),
        Column("promo", "bool", "on promotion", required=False),
        Column("past", "float", "weeks", length=3),
    ),
    keys=("item", "day"),
)
ANSWERS = Contract((Column("y", "float", "x n + past"), Column("steps", "int", "two of them", length=2)))
JOINT = Contract((Column("group", "str", ""), Column("x", "float", "", low=0)), joint_by=("group",))
SHARE = Contract((Column("share", "float", ""),))


class Sum:
    calls = 0

    def predict(self, requests):
        self.calls += 1
        y = requests["x"] * requests["n"] + requests["past"].sum(1)
        return {"y": np.where(requests["x"] == 99, np.nan, y), "steps": np.stack([requests["n"]] * 2, 1)}

    def save(self, folder):
        raise NotImplementedError


class Share:
    def predict(self, requests):
        group, x = requests["group"], requests["x"]
        return {"share": x / np.array([x[group == g].sum() for g in group])}

    def save(self, folder):
        raise NotImplementedError


def table(rows, seed=0):
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "item": [f"i{n}" for n in range(rows)],
            "day": [date(2024, 1, 1 + n % 28) for n in range(rows)],
            "x": random.uniform(0, 9, rows),
            "n": pl.Series([None if n % 3 == 0 else n % 7 for n in range(rows)], dtype=pl.Int64),
            "promo": [None if n % 5 == 0 else bool(n % 2) for n in range(rows)],
            "past": random.uniform(0, 1, (rows, 3)).tolist(),
        }
    )


def put(frame, path):
    if path.suffix == ".csv":
        frame.with_columns(pl.col(pl.List).map_elements(lambda v: str(v.to_list()), pl.String)).write_csv(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path, row_group_size=40)
    else:
        frame.write_ipc(path, record_batch_size=40)
    return path


def get(path):
    readers = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".arrow": pl.read_ipc}
    return readers[path.suffix](path)


@pytest.mark.parametrize("read", [".csv", ".parquet", ".arrow"])
@pytest.mark.parametrize("written", [".csv", ".parquet", ".arrow"])
def test_a_file_is_answered_as_the_service_would_answer_its_rows(tmp_path, read, written):
    frame, events, seen = table(130), [], []
    source, target = put(frame, tmp_path / f"in{read}"), tmp_path / f"out{written}"
    summary = predict_file(
        Sum(), CONTRACT, ANSWERS, source, target, chunk_rows=50, events=events.extend, release_id="r1",
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    sent = [{k: str(v) if k == "day" else v for k, v in row.items()} for row in frame.to_dicts()]
    requests = Requests(CONTRACT)
    rows, _ = requests.decode(json.dumps(sent).encode())
    expected = Answers(ANSWERS).rows(Sum().predict(requests.columns(rows)), 130)
    found = get(target)
    assert found.columns == ["item", "day", "y", "steps", "event_id", "release"]
    assert found["item"].to_list() == frame["item"].to_list()
    assert found["y"].to_list() == pytest.approx([row["y"] for row in expected], rel=1e-15)
    steps = found["steps"].to_list()
    assert [json.loads(s) if written == ".csv" else s for s in steps] == [row["steps"] for row in expected]
    assert (summary.rows, summary.answered, summary.set_aside, summary.quarantine) == (130, 130, 0, None)
    assert [e["id"] for e in events] == found["event_id"].to_list()
    assert [e["answer"] for e in events] == expected
    assert msgspec.to_builtins(events[0]["request"]) == {**sent[0], "n": 2}
    assert seen[-1] == (130, 130)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([source.name, target.name])


def test_the_size_of_a_chunk_does_not_change_answers_or_ids(tmp_path):
    source = put(table(100), tmp_path / "in.parquet")
    frames = []
    for rows in (1, 7, 100, 1000):
        predict_file(Sum(), CONTRACT, ANSWERS, source, tmp_path / "out.parquet", chunk_rows=rows, release_id="r")
        frames.append(get(tmp_path / "out.parquet"))
    assert all(frame.equals(frames[0]) for frame in frames)


BAD = """item,day,x,n,past
a,2024-01-01,1,,"[1,2,3]"
b,2024-13-01,1,1,1;2;3
c,2024-01-01,-4,1,1;2;3
d,2024-01-01,1,1.5,1;2
e,2024-01-01, 2 ,3.0, 1 ; 2 ; 3
,2024-01-01,abc,1,[1;2;3]
"""


def test_bad_rows_stop_the_job_before_anything_is_answered(tmp_path):
    (tmp_path / "in.csv").write_text(BAD)
    model, events = Sum(), []
    with pytest.raises(DataError) as error:
        predict_file(
            model, CONTRACT, ANSWERS, tmp_path / "in.csv", tmp_path / "out.csv", chunk_rows=2, events=events.extend
        )
    lines = str(error.value).split("\n")
    assert lines[0].endswith(
        "in.csv: 4 rows break the contract, of 6. Mend them, or set them aside with on_bad_rows='quarantine' "
        "(--on-bad-rows quarantine)."
    )
    assert lines[1:] == [
        "row 2: 'day' is \"2024-13-01\", but must be a date as YYYY-MM-DD.",
        "row 3: 'x' is -4.0, but must be a number of at least 0.",
        "row 4: 'n' is \"1.5\", but must be a whole number of at least 0. "
        "'past' has 2 values, but must be a list of exactly 3 values, each a number.",
        "row 6: 'item' is missing; it must be a text, for example \"A1\". 'x' is \"abc\", but must be a number of at least 0. "
        "'past' is \"[1;2;3]\", but must be a list of exactly 3 values, each a number.",
    ]
    assert (model.calls, events, [p.name for p in tmp_path.iterdir()]) == (0, [], ["in.csv"])


def test_or_they_are_set_aside_with_the_reason(tmp_path):
    (tmp_path / "in.csv").write_text(BAD)
    target = tmp_path / "out.csv"
    summary = predict_file(
        Sum(), CONTRACT, ANSWERS, tmp_path / "in.csv", target, chunk_rows=2, on_bad_rows="quarantine"
    )
    assert (summary.rows, summary.answered, summary.set_aside) == (6, 2, 4)
    assert get(target)["item"].to_list() == ["a", "e"]
    assert get(target)["y"].to_list() == [8.0, 12.0]
    aside = [json.loads(line) for line in summary.quarantine.read_text().splitlines()]
    assert [row["row"] for row in aside] == [2, 3, 4, 6]
    assert aside[1]["why"] == "'x' is -4.0, but must be a number of at least 0."
    assert json.loads(aside[1]["request"])["item"] == "c"
    (tmp_path / "in.csv").write_text("\n".join(BAD.split("\n")[:2]))
    again = predict_file(Sum(), CONTRACT, ANSWERS, tmp_path / "in.csv", target, on_bad_rows="quarantine")
    assert again.quarantine is None
    assert not summary.quarantine.exists(), "the rows of an earlier job must not lie beside this one's answers"


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("item,day,X,n,past", "there is no column 'x'; it has item, day, X"),
        ("item,day,x,pasts", "there is no column 'past'; is 'pasts' meant?"),
        ("item,day,x,past,promos", "there is no column 'promo'; is 'promos' meant?"),
    ],
)
def test_a_missing_or_misspelt_column_is_named(tmp_path, header, sentence):
    (tmp_path / "in.csv").write_text(header + "\n")
    with pytest.raises(DataError, match=sentence):
        predict_file(Sum(), CONTRACT, ANSWERS, tmp_path / "in.csv", tmp_path / "out.csv")


def test_files_that_are_not_there_or_not_what_they_say(tmp_path):
    (tmp_path / "in.parquet").write_text("no parquet")
    for name, sentence in (
        ("none.csv", "there is no such file"), ("in.xlsx", "must end in one of .csv, .parquet"),
        ("in.parquet", "cannot be read as parquet"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=sentence):
            predict_file(Sum(), CONTRACT, ANSWERS, tmp_path / name, tmp_path / "out.csv")
    put(table(3), tmp_path / "ok.csv")
    with pytest.raises(DataError, match="must end in one of"):
        predict_file(Sum(), CONTRACT, ANSWERS, tmp_path / "ok.csv", tmp_path / "out.txt")


def test_types_of_other_programs_are_read_as_meant(tmp_path):
    frame = table(4).with_columns(
        pl.col("day").cast(pl.Datetime("us")), pl.col("n").cast(pl.Float64), pl.col("promo").cast(pl.Int8),
        pl.col("x").cast(pl.Float32), pl.col("item").cast(pl.Categorical), pl.col("past").list.to_array(3),
    )  # fmt: skip
    predict_file(Sum(), CONTRACT, ANSWERS, put(frame, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    assert get(tmp_path / "out.parquet")["day"].to_list() == table(4)["day"].to_list()
    late = frame.with_columns(pl.col("day").dt.offset_by("1h"))
    with pytest.raises(DataError, match="'day' is \"2024-01-01 01:00:00"):
        predict_file(Sum(), CONTRACT, ANSWERS, put(late, tmp_path / "in.parquet"), tmp_path / "out.parquet")


def test_no_number_is_null_in_the_target(tmp_path):
    frame = table(2).with_columns(x=pl.Series([99.0, 1.0]))
    predict_file(Sum(), CONTRACT, ANSWERS, put(frame, tmp_path / "in.csv"), tmp_path / "out.parquet")
    assert get(tmp_path / "out.parquet")["y"].is_null().to_list() == [True, False]


def test_an_empty_file_gives_an_empty_target(tmp_path):
    for name in ("in.csv", "in.parquet"):
        predict_file(Sum(), CONTRACT, ANSWERS, put(table(3).head(0), tmp_path / name), tmp_path / "out.parquet")
        assert get(tmp_path / "out.parquet").shape == (0, 6)


def test_rows_with_the_same_key_are_refused(tmp_path):
    frame = pl.concat([table(3), table(3).tail(1)])
    with pytest.raises(DataError, match='have the same item "i2", day'):
        predict_file(Sum(), CONTRACT, ANSWERS, put(frame, tmp_path / "in.csv"), tmp_path / "out.csv")


def test_a_group_that_is_answered_together_is_never_split(tmp_path):
    groups = [f"g{n // 7}" for n in range(100)]
    source = put(pl.DataFrame({"group": groups, "x": [1.0] * 100}), tmp_path / "in.parquet")
    for rows in (1, 3, 10, 50, 1000):
        predict_file(Share(), JOINT, SHARE, source, tmp_path / "out.parquet", chunk_rows=rows)
        shares = get(tmp_path / "out.parquet")["share"].to_list()
        assert shares == [1 / 7] * 98 + [0.5] * 2


def test_a_group_that_comes_back_later_is_refused_with_the_way_out(tmp_path):
    frame = pl.DataFrame({"group": ["a", "b", "c", "a"], "x": [1.0] * 4})
    source = put(frame, tmp_path / "in.csv")
    with pytest.raises(DataError, match="the rows of group 'a' are not together; sort the file by group"):
        predict_file(Share(), JOINT, SHARE, source, tmp_path / "out.csv", chunk_rows=2)
    predict_file(Share(), JOINT, SHARE, source, tmp_path / "out.csv", chunk_rows=4)
    assert get(tmp_path / "out.csv")["share"].to_list() == [0.5, 1, 1, 0.5], "one chunk needs no order"


def test_a_group_with_a_bad_row_is_set_aside_as_a_whole(tmp_path):
    frame = pl.DataFrame({"group": ["a", "a", "b", "b"], "x": [1.0, 1.0, 1.0, -1.0]})
    source = put(frame, tmp_path / "in.csv")
    summary = predict_file(Share(), JOINT, SHARE, source, tmp_path / "out.csv", on_bad_rows="quarantine")
    assert (summary.answered, summary.set_aside) == (2, 2)
    reasons = [json.loads(line)["why"] for line in summary.quarantine.read_text().splitlines()]
    assert reasons == ["another row of its group is refused.", "'x' is -1.0, but must be a number of at least 0."]


def test_a_model_that_refuses_leaves_no_target_behind(tmp_path):
    class Refuses(Sum):
        def predict(self, requests):
            raise RequestError("not today.")

    source = put(table(3), tmp_path / "in.csv")
    (tmp_path / "out.csv").write_text("the last good one")
    with pytest.raises(DataError, match="rows 1 to 3: the model refused them: not today"):
        predict_file(Refuses(), CONTRACT, ANSWERS, source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "the last good one"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def start(source, target, events):
    command = [sys.executable, __file__, str(source), str(target), str(events)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "POLARS_MAX_THREADS": "2"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_a_killed_job_leaves_nothing_half_written_and_ends_the_same_when_repeated(tmp_path):
    source = put(table(4000), tmp_path / "in.parquet")
    killed = start(source, tmp_path / "out.parquet", tmp_path / "events")
    deadline = time.monotonic() + 10
    while not (tmp_path / "events").exists() or (tmp_path / "events").stat().st_size < 1000:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "out.parquet").exists()
    predict_file(Sum(), CONTRACT, ANSWERS, source, tmp_path / "out.parquet", chunk_rows=100, release_id="r")
    ids = get(tmp_path / "out.parquet")["event_id"].to_list()
    before = (tmp_path / "events").read_text().split("\n")[:-1]
    assert before
    assert before == ids[: len(before)], "the same events come again under the same ids"
    assert sorted(p.name for p in tmp_path.iterdir() if "quarantine" not in p.name) == [
        "events",
        "in.parquet",
        "out.parquet",
    ]


def test_memory_does_not_grow_with_the_file(tmp_path):
    peaks = []
    for rows in (10_000, 80_000):
        source = put(table(10_000), tmp_path / "in.parquet")
        many = [pl.read_parquet(source).with_columns(pl.col("item") + f"-{n}") for n in range(rows // 10_000)]
        pl.concat(many).write_parquet(source, row_group_size=5_000)
        job = start(source, tmp_path / "out.parquet", "-")
        peaks.append(int(job.communicate(timeout=60)[0]))
        assert job.returncode == 0
    assert peaks[1] < peaks[0] + 40_000, f"peaks in kB: {peaks}"


if __name__ == "__main__":
    import resource

    _, SOURCE, TARGET, LOG = sys.argv

    def keep(batch):
        if LOG != "-":
            with open(LOG, "a") as file:
                file.writelines(event["id"] + "\n" for event in batch)
            time.sleep(0.02)

    chunk = 100 if LOG != "-" else 5_000
    predict_file(Sum(), CONTRACT, ANSWERS, SOURCE, Path(TARGET), chunk_rows=chunk, events=keep, release_id="r")
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
