"""Monitoring promises to see what is wrong, to say how bad it is and what to do, and to be quiet otherwise."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import polars as pl
import pytest

from ropewalk.errors import MissingError
from ropewalk.spine.monitoring import checks as c
from ropewalk.spine.monitoring import made
from ropewalk.spine.monitoring.findings import exit_code, ordered
from ropewalk.types import Check, Contract, Finding

ALL = [
    c.drift(), c.out_of_range(), c.latency(p99_ms=10), c.errors(), c.truths_due(14),
    c.promise("expected_profit_usd", "profit_usd"), c.calibration("p_stock_out", "stocked_out"), c.followed("profit_usd"),
]  # fmt: skip
COUNTERS = {"requests": 10_000, "errors": 3}


def run(checks=ALL, *, seed=0, level=0.01, counters=COUNTERS, events=None, reference=None, **faults):
    events = made.events(seed, **faults) if events is None else events
    reference = made.requests(seed, 60, 4, 0) if reference is None else reference
    return c.run_checks(
        checks, events, reference, made.CONTRACT, made.ANSWERS, seed=seed, level=level, counters=counters
    )


def alarms(found):
    return {f.check for f in found if f.severity != "info"}


def of(found, check):
    return next(f for f in found if f.check == check)


def test_when_all_is_well_there_is_no_alarm_and_each_check_says_so():
    found = run()
    assert alarms(found) == set()
    assert {f.check for f in found} == {check.kind for check in ALL}
    assert exit_code(found) == 0


def test_the_call_as_a_whole_raises_alarms_as_rarely_as_it_says():
    """40 calls at a rate of 20 % for the test's sake: 8 expected at most, 17 is the 99.9 % point of the binomial."""
    assert sum(bool(alarms(run(seed=s, level=0.2))) for s in range(40)) <= 17


FAULTS = {
    "drift": {"prices": 3.0},
    "promise": {"profits": 0.5},
    "calibration": {"stock_outs": 3.0},
    "latency": {"slow": 0.05},
    "truths_due": {"truths": 0.3},
    "followed": {"done": 0.2},
}


@pytest.mark.parametrize("check", FAULTS)
def test_each_fault_is_seen_by_its_check(check):
    found = run(**FAULTS[check])
    assert check in alarms(found)
    worst = of([f for f in found if f.severity != "info"], check)
    assert worst.suggestion
    assert worst.value is not None
    assert exit_code(found) in (10, 20)


def test_prices_beyond_the_training_are_out_of_range():
    assert "price" in of(run(prices=200.0), "out_of_range").sentence
    assert "out_of_range" in alarms(run(prices=200.0))


def test_a_word_that_training_never_saw_is_out_of_range_and_drift():
    events = made.events(0)
    new = pl.col("request").struct.with_fields(pl.lit("toys").alias("department"))
    found = run(events=events.with_columns(new))
    assert {"drift", "out_of_range"} <= alarms(found)
    assert "department has drifted" in of(found, "drift").sentence


def test_failed_requests_are_tested_against_the_limit():
    assert "errors" in alarms(run(counters={"requests": 10_000, "errors": 40}))
    assert "errors" not in alarms(run(counters={"requests": 10_000, "errors": 12}))
    assert "no counters" in of(run(counters=None), "errors").sentence


def test_what_was_not_followed_does_not_count_against_the_promise():
    """Profit falls only where people did otherwise: that is no broken promise."""
    events = made.events(0, done=0.6)
    less = pl.col("truth").struct.with_fields(
        pl.when("followed").then(pl.field("profit_usd")).otherwise(pl.field("profit_usd") * 0.1)
    )
    found = run(events=events.with_columns(less))
    assert "promise" not in alarms(found)
    assert "were not followed are left out" in of(found, "promise").sentence


def test_a_difference_that_is_certain_but_small_is_no_alarm():
    found = run([c.drift()], prices=1.05)
    assert alarms(found) == set()
    assert "changed for certain, but by less" in found[0].sentence


def test_defaults_that_callers_leave_out_are_no_drift():
    reference = made.requests(0, 60, 4, 0).with_columns(department=pl.lit("grocery"))
    events = made.events(0)
    silent = pl.col("request").struct.with_fields(pl.lit(None, pl.String).alias("department"))
    assert alarms(run([c.drift()], events=events.with_columns(silent), reference=reference)) == set()


def test_too_little_data_is_a_finding_that_says_how_much_is_missing():
    found = run(items=8, weeks=3)
    assert alarms(found) == set()
    assert "12 more are needed" in of(found, "drift").sentence
    assert "18 more are needed" in of(found, "promise").sentence
    assert "178 more are needed" in of(found, "calibration").sentence


def test_one_week_says_nothing_about_the_next():
    assert "1 weeks with a known profit_usd are too few to tell; 2 more" in of(run(weeks=1), "promise").sentence


def test_before_any_truth_the_checks_wait():
    found = run(events=made.events(0).drop("truth", "followed"))
    assert "too few" in of(found, "promise").sentence
    assert "is not known" in of(found, "followed").sentence
    assert "truths_due" in alarms(found)


def test_nothing_answered_yet_is_no_error():
    found = run(events=made.events(0).head(0))
    assert [f.severity for f in found] == ["info"]
    assert exit_code(found) == 0


def test_a_truth_is_not_due_before_its_day():
    events = made.events(0, truths=0.0)
    early = c.run_checks([c.truths_due(14)], events, made.requests(0, 60, 4, 0), made.CONTRACT, made.ANSWERS,
                         now=datetime(2024, 7, 30, tzinfo=UTC))  # fmt: skip
    assert "no truth is due yet" in early[0].sentence


def test_a_check_on_a_column_that_is_not_there_is_an_error_and_the_others_still_run():
    found = run([c.drift(columns=["prize"]), c.latency(p99_ms=10)])
    assert of(found, "drift").severity == "error"
    assert "Did you mean 'price'" in of(found, "drift").sentence
    assert of(found, "latency").severity == "info"


def test_a_check_of_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(MissingError, match="Did you mean 'drift'"):
        run([Check("drifts")])


def test_a_contract_without_keys_takes_rows_as_independent():
    contract = Contract(made.CONTRACT.columns)
    found = c.run_checks(
        [c.drift(["price"])], made.events(0), made.requests(0, 60, 4, 0), contract, made.ANSWERS, seed=0
    )
    assert alarms(found) == set()


def test_the_same_events_give_the_same_findings():
    assert run() == run()


def test_findings_can_be_kept_as_json():
    for fault in ({}, *FAULTS.values()):
        json.dumps([asdict(f) for f in run(**fault)], allow_nan=False)


@pytest.mark.parametrize(
    ("severities", "code"), [([], 0), (["info"], 0), (["info", "warning"], 10), (["warning", "error"], 20)]
)
def test_a_scheduler_can_branch_on_the_exit_code(severities, code):
    found = [Finding("x", s, "", "") for s in severities]
    assert exit_code(found) == code
    assert [f.severity for f in ordered(found)] == sorted(severities, key=["error", "warning", "info"].index)


# -- requests by name --


def answered(*asked):
    """Events of requests for items: (item, units to order, seconds)."""
    events = made.events(0).head(len(asked))
    requests, answers = events["request"].struct.unnest(), events["answer"].struct.unnest()
    return events.with_columns(
        requests.with_columns(pl.Series("item", [a[0] for a in asked])).to_struct("request"),
        answers.with_columns(pl.Series("order_now", [float(a[1]) for a in asked])).to_struct("answer"),
        pl.Series("latency_s", [a[2] for a in asked]),
    )


def test_what_got_nothing_is_named_the_most_frequent_first():
    events = answered(*[("rope", 5, 0.01)] * 60, *[("string", 0, 0.01)] * 30, *[("twine", 0, 0.01)] * 10)
    (found,) = run([c.empty("order_now", "item", share=0.05)], events=events)
    assert found.severity == "error"
    assert found.evidence["listed"] == [["string", 30], ["twine", 10]]
    assert "40 of 100 requests got nothing (40.0%)" in found.sentence
    assert "'string' (30)" in found.sentence


def test_a_few_empty_answers_are_no_alarm():
    events = answered(*[("rope", 5, 0.01)] * 97, *[("string", 0, 0.01)] * 3)
    (found,) = run([c.empty("order_now", "item", share=0.05)], events=events)
    assert (found.severity, found.value) == ("info", 0.03)


def test_only_the_requests_that_are_meant_are_counted():
    events = answered(("rope", 0, 0.3), ("string", 0, 0.1), ("rope", 0, 0.5))
    (empty,) = run([c.empty("order_now", "item", ("item", "string"))], events=events)
    assert empty.evidence["listed"] == [["string", 1]]
    (slow,) = run([c.slow("item", 200)], events=events)
    assert slow.evidence["listed"] == [["rope", 500.0], ["rope", 300.0]]
    assert slow.severity == "info"
