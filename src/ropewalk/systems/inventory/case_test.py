"""An instance is what was said, and what can not be meant gets a sentence with the way out."""

import re

import numpy as np
import polars as pl
import pytest

from ropewalk import config
from ropewalk.errors import ConfigError, DataError, MissingError
from ropewalk.systems.inventory.case import case_of
from ropewalk.systems.inventory.case_history import demands
from ropewalk.systems.inventory.instance import Instance

LOST = {"demand": "poisson:5", "penalty": 4.0, "lead_time": 2}


def test_what_is_said_reaches_the_engine():
    given = {"demand": "given:0.5,0.5", "backlog": 9.0, "holding": 2.0, "unit_cost": 3.0, "order_cost": 7.0, "pack": 6, "min_order": 12,
             "lead_time": 3, "expedited_lead_time": 1, "expedited_unit_cost": 4.0}  # fmt: skip
    problem = case_of(Instance(**given)).problem
    world, terms = problem.world, problem.terms
    assert (world.unmet, world.lead, world.sources, world.life) == ("backlog", (3, 1), 2, 0)
    assert (terms.holding, terms.backlog, terms.lost_sale) == (2.0, 9.0, None)
    for name, wanted in (("unit_cost", [3, 4]), ("order_cost", [7, 7]), ("pack", [6, 6]), ("min_order", [12, 12])):
        assert getattr(terms, name).tolist() == wanted, name
    assert problem.outcomes.probability.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("share", "issuing"), [(1.0, "fifo"), (0.0, "lifo"), (0.5, "mixed")])
def test_who_takes_the_oldest_is_how_goods_are_issued(share, issuing):
    case = case_of(Instance(demand="poisson:4", penalty=100, life=3, lead_time=0, waste=100, oldest_share=share))
    assert (case.problem.world.issuing, case.problem.world.life) == (issuing, 3)
    assert (case.problem.outcomes.period.fifo is not None) == (issuing == "mixed")


def test_the_tail_that_is_cut_is_the_one_asked_for():
    assert case_of(Instance(**LOST)).problem.outcomes.cut < 1e-9
    assert 1e-7 < case_of(Instance(**LOST, tail=1e-4)).problem.outcomes.cut < 1e-4


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"penalty": 4}, "--demand poisson:5"),
        ({"demand": "poisson:5"}, r"--penalty \(it is lost\) or --backlog \(it waits\)"),
        ({**LOST, "backlog": 4}, "give one of them"),
        ({**LOST, "history": "x.csv"}, "one of them says the demand"),
        ({**LOST, "demand": "normal:5"}, "is no law; say poisson:M"),
        ({**LOST, "unit_cost": 4}, "nothing would be worth ordering"),
        ({"demand": "poisson:5", "backlog": 9, "max_order": 5}, "more and more is owed"),
        ({**LOST, "waste": 1}, "goods that keep"),
        ({**LOST, "oldest_share": 0.5}, "goods keep"),
        ({**LOST, "pack": 6, "max_order": 5}, "below the least order of 6"),
        ({**LOST, "pack": 4, "min_order": 10, "max_order": 11}, "below the least order of 12 in packs of 4"),
        ({"demand": "poisson:5", "backlog": 9, "pack": 4, "max_order": 7}, r"7 a period \(4 in whole packs\)"),
        ({**LOST, "holding": 0}, "what a unit costs for each period on the shelf"),
        ({**LOST, "expedited_lead_time": 2, "expedited_unit_cost": 1}, "not below the lead time"),
        ({**LOST, "expedited_lead_time": 1}, "say its expedited_unit_cost"),
        ({**LOST, "expedited_unit_cost": 1}, "say its expedited_lead_time"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_gets_a_sentence(given, says):
    with pytest.raises(ConfigError, match=says):
        case_of(Instance(**given))


def test_a_file_of_settings_names_an_unknown_one_with_the_nearest(tmp_path):
    (tmp_path / "instance.yaml").write_text("demand: poisson:5\nlead_tim: 2\n")
    with pytest.raises(ConfigError, match=r"no setting 'lead_tim'\. Did you mean 'lead_time'"):
        config.load(Instance, file=tmp_path / "instance.yaml")


# -- past demands --


@pytest.fixture
def write(tmp_path):
    def write(*units, name="h.csv", **columns):
        table = pl.DataFrame({**columns, "units": list(units)})
        table.write_csv(tmp_path / name) if name.endswith("csv") else table.write_parquet(tmp_path / name)
        return str(tmp_path / name)

    return write


def test_past_demands_become_the_law_of_their_moments_or_what_they_were(write):
    file = write(3, 5, 9, 4, 0, 12)
    fitted, as_it_is = (case_of(Instance(history=file, penalty=4, history_as=way)) for way in ("law", "is"))
    assert (fitted.law.kind, fitted.seen) == ("negbin", 6)
    assert fitted.law.mean == pytest.approx(5.5)
    assert fitted.law.frozen.var() == pytest.approx(np.var([3, 5, 9, 4, 0, 12], ddof=1))
    assert "from 6 periods" in fitted.about
    assert as_it_is.law.chances[9] == pytest.approx(1 / 6)
    assert as_it_is.problem.outcomes.period.demand.tolist() == [0, 3, 4, 5, 9, 12], (
        "what never came is not counted with"
    )
    assert demands(write(3, 4, name="h.parquet")).tolist() == [3, 4]


@pytest.mark.parametrize(
    ("units", "says"),
    [((3, 2.5), r"h.csv, row 3: units 2.5 is not a whole number"), ((3, -1), "row 3: units -1"), ((None, 3), "row 2: units is empty"),
     ((0, 0), "holds no demand"), ((4, "x", 3), "h.csv, row 3: units 'x' is not a whole number"),
     ((4, "inf"), "row 3: units inf is not")],
)  # fmt: skip
def test_a_demand_that_is_none_is_named_with_its_row(write, units, says):
    with pytest.raises(DataError, match=says):
        demands(write(*(None if u is None else str(u) for u in units)))


@pytest.mark.parametrize(
    ("text", "says"),
    [("4\n7\n3\n", "row 1: '4' is a number, and the first row names the columns. Put a row of names above it"),
     ("units\n4\n7,5\n", "row 3: '7,5' are 2 values, where the first row names 1 value. A part of a unit"),
     ("week,units\n1,4\n2\n", "row 3: '2' are 1 values, where the first row names 2"), ("week,units\na,4\nb,?\nc,5\n", "row 3: units '?' is not"),
     ("week;units\na;4\nb;7,5\nc;3\n", "row 3: units '7,5' is not a whole number"), ("", "is empty"), ("units\n4\n\n3\n", "row 3: units is empty")],
)  # fmt: skip
def test_a_file_that_is_no_table_of_demands_is_told_by_its_row(tmp_path, text, says):
    (tmp_path / "h.csv").write_text(text)
    with pytest.raises(DataError, match=re.escape(says)):
        demands(str(tmp_path / "h.csv"))


def test_other_marks_and_a_last_empty_line_are_read(tmp_path):
    (tmp_path / "h.csv").write_text("\ufeffweek;units\na;4\nb;7\n\n", encoding="utf-8")
    assert demands(str(tmp_path / "h.csv")).tolist() == [4, 7]


# -- what can be counted --


@pytest.mark.parametrize("mean", ["1e4", "1e9", "1e300"])
def test_demands_that_are_too_many_are_refused_with_the_numbers_of_larger_units(mean):
    with pytest.raises(ConfigError, match=r"count in cases or .*, not pieces") as refused:
        case_of(Instance(demand=f"poisson:{mean}", penalty=4, pack=1_000))
    words = str(refused.value).split(" it is ")[1].split(",")[0].split()
    given = {words[i].removeprefix("--"): words[i + 1] for i in range(0, len(words) - 1, 2)}
    assert float(given["penalty"]) == 4 * float(given["holding"])
    case = case_of(Instance(**{k: v if k == "demand" else float(v) for k, v in given.items()}))
    assert case.law.mean * float(given["holding"]) == pytest.approx(float(mean))


def test_a_slip_in_a_history_is_named_before_it_takes_all_memory(write):
    for way in ("law", "is"):
        with pytest.raises(
            ConfigError, match=r"h.csv, row 4: units 1,000,000,000 is far from the others, which go up to 9"
        ):
            case_of(Instance(history=write(3, 9, 1_000_000_000, 5), penalty=4, history_as=way))
    with pytest.raises(
        ConfigError, match="units divided by 1,000, rounded, with --penalty 4000 --holding 1000"
    ) as even:
        case_of(Instance(history=write(800_000, 790_000, 810_000, 805_000), penalty=4, history_as="is"))
    assert "far from" not in str(even.value)


def test_where_a_unit_short_costs_much_more_demands_are_kept():
    """What the cut demands could cost is small beside what a unit costs; where sums can not tell, that is said."""
    dear = case_of(Instance(**{**LOST, "penalty": 1e7}))
    assert dear.problem.outcomes.cut * 1e7 < 1e-5
    with pytest.raises(
        ConfigError, match=r"penalty: 1e\+12 is 1e\+12 times what a unit too many costs.*--vary service"
    ):
        case_of(Instance(**{**LOST, "penalty": 1e12}))
    with pytest.raises(ConfigError, match="leave --tail out, or take 1e-12"):
        case_of(Instance(**{**LOST, "penalty": 1e6, "tail": 1e-8}))


def test_the_column_is_asked_for_where_there_are_two(write):
    file = write(3, 4, week=[1, 2])
    with pytest.raises(DataError, match=r"which column is the demand\? --column week or units"):
        demands(file)
    with pytest.raises(MissingError, match="Did you mean 'units'"):
        demands(file, "unit")
    assert demands(file, "units").tolist() == [3, 4]
    with pytest.raises(MissingError, match="It was looked for at"):
        demands("none.csv")
    with pytest.raises(DataError, match=r"must end in one of \.csv, \.parquet"):
        demands("none.xlsx")


# -- states --


def test_a_state_is_what_is_on_hand_owed_and_due():
    case = case_of(Instance(demand="poisson:5", backlog=9, lead_time=4))
    assert case.state([3], [2, 0, 4], 1).tolist() == [[3, 1, 2, 0, 4]]
    assert case.state([3], [2], 0).tolist() == [[3, 0, 2, 0, 0]], "nothing is due of which nothing is said"
    perishable = case_of(Instance(demand="poisson:4", penalty=9, lead_time=1, life=3))
    assert perishable.state([0, 2, 5], [], 0).tolist() == [[0, 2, 5, 0]]
    assert perishable.state([0], [], 0).tolist() == [[0, 0, 0, 0]]
    with pytest.raises(ConfigError, match="by remaining life, the oldest first; all fresh is 0,0,5"):
        perishable.state([5], [], 0)


@pytest.mark.parametrize(
    ("on_hand", "due", "owed", "says"),
    [([3], [2, 0, 4], 0, "names 3 periods; with a lead time of 2 only the next 1"), ([3, 4], [], 0, "goods that keep have one"),
     ([-3], [], 0, "units are 0 or more"), ([3], [], 2, "unmet demand is lost here")],
)  # fmt: skip
def test_a_state_that_can_not_be_gets_a_sentence(on_hand, due, owed, says):
    with pytest.raises(ConfigError, match=says):
        case_of(Instance(**LOST)).state(on_hand, due, owed)
