"""One record from YAML, --set and Python; one error that lists every problem."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk import config as configs
from ropewalk.config import Settings, Source, setting
from ropewalk.errors import ConfigError


class Config(Settings):
    sales: Source = setting("made:", "Where the sales are.")
    stock: Source | None = setting(None, "Where the stock is.")
    lead_time_days: int = setting(7, "Days from order to shelf.", unit="days", low=0, high=365)
    rate: float = setting(0.1, "Step of the training.", above=0, below=1, stage="train")
    mode: Literal["fast", "slow"] = setting("fast", "How.", stage="evaluate")
    name: str = setting("a", "A name.")


def test_the_last_one_wins(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("lead_time_days: 3\nname: file\nrate: 0.2\n")
    found = configs.load(Config, file=file, values={"name": "python", "rate": 0.3}, sets=["rate=0.4"])
    assert (found.lead_time_days, found.name, found.rate) == (3, "python", 0.4)


def test_text_stays_text():
    """A name that looks like a number or a date is still a name; an address is taken as it is."""
    assert configs.load(Config, sets=["name=2024", "sales=2024-01-01"]).name == "2024"
    assert configs.load(Config, sets=["stock=2024"]).stock == "2024"
    assert configs.load(Config, sets=["stock=null"]).stock is None


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        (["lead_time_dayz=3"], "there is no setting 'lead_time_dayz'. Did you mean 'lead_time_days'?"),
        (["zzz=3"], "there is no setting 'zzz'. There is: sales, stock"),
        (["lead_time_days=soon"], "lead_time_days: must be a valid integer"),
        (
            ["lead_time_days=400"],
            "lead_time_days: must be less than or equal to 365 (given: 400). Days from order to shelf.",
        ),
        (["rate=0"], "rate: must be greater than 0 (given: 0)"),
        (["mode=quick"], "mode: must be 'fast' or 'slow' (given: 'quick')"),
        (["lead_time_days"], "'lead_time_days' has no '='. Write --set key=value"),
        (["=3"], "'=3' has no '='"),
    ],
)
def test_a_wrong_setting_gets_a_sentence(sets, sentence):
    with pytest.raises(ConfigError) as caught:
        configs.load(Config, sets=sets)
    assert sentence in str(caught.value)


def test_every_problem_is_listed_at_once():
    with pytest.raises(ConfigError) as caught:
        configs.load(Config, sets=["rate=2", "mode=x", "nope=1"])
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- a\n- b\n", "it must hold `name: value` lines, not a list"),
        ("a: [1\n", "it can not be read as YAML"),
        ("lead: 1\n", "there is no setting 'lead'. Did you mean 'lead_time_days'?"),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, sentence):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        configs.load(Config, file=file)
    assert sentence in str(caught.value)
    assert "bad.yaml" in str(caught.value)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(ConfigError, match="It was looked for at"):
        configs.load(Config, file=tmp_path / "none.yaml")


def test_a_configuration_cannot_be_changed():
    with pytest.raises(Exception, match="frozen"):
        Config().name = "b"


def test_help_has_defaults_units_and_reasons():
    by_name = {d.name: d for d in configs.describe(Config)}
    assert by_name["lead_time_days"].default == "7"
    assert by_name["lead_time_days"].unit == "days"
    assert all(d.about for d in by_name.values())


def test_sources_are_the_marked_addresses_that_are_given():
    assert configs.sources(Config()) == {"sales": "made:"}
    assert configs.sources(configs.load(Config, sets=["stock=s.csv"])) == {"sales": "made:", "stock": "s.csv"}


def test_a_stage_depends_on_its_settings_and_the_earlier_ones():
    assert "rate" not in configs.part(Config(), "data")
    assert "rate" in configs.part(Config(), "train")
    assert "mode" not in configs.part(Config(), "train")
    assert set(configs.part(Config(), "serve")) == set(Config.model_fields)


@given(st.integers(0, 365), st.floats(0.01, 0.99), st.sampled_from(["fast", "slow"]))
def test_what_is_written_is_read_back(days, rate, mode):
    sets = [f"lead_time_days={days}", f"rate={rate!r}", f"mode={mode}"]
    found = configs.load(Config, sets=sets)
    assert (found.lead_time_days, found.rate, found.mode) == (days, rate, mode)
    assert configs.load(Config, values=found.model_dump()) == found
