"""benchmarks/lost_sales.py answers on instances of no table, in time, or says in a sentence why not."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ropewalk.systems.inventory.case import case_of
from ropewalk.systems.inventory.commands.policies import Effort, make
from ropewalk.systems.inventory.instance import Instance

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "lost_sales.py"


@pytest.fixture
def script(monkeypatch, capsys):
    """The script in this process: exit code, stdout, stderr."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import lost_sales

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        code = lost_sales.main()
        return code, *capsys.readouterr()

    run.module = lost_sales
    return run


def found(script, *arguments):
    code, out, _ = script(*arguments, "--json")
    assert code == 0
    line = json.loads(out)
    assert list(line) == ["cost", "standard_error", "train_cpu_s", "seed"]
    return line


@pytest.mark.parametrize("policy", ["base-stock", "capped", "pretrained", "exact"])
def test_it_says_on_one_line_what_a_policy_costs_exactly(script, policy):
    line = found(script, "--demand", "poisson:3", "--lead-time", "1", "--policy", policy)
    assert line["cost"] == pytest.approx(4.25, abs=0.15)
    assert line["standard_error"] == 0


@pytest.mark.parametrize("policy", ["base-stock", "capped", "exact"])
def test_what_is_hardly_ever_asked_for_is_not_stocked(script, policy):
    line = found(script, "--demand", "poisson:0.005", "--lead-time", "3", "--policy", policy)
    assert line["cost"] == pytest.approx(9 * 0.005, rel=1e-4)


@pytest.mark.parametrize("lead", [0, 2])
def test_a_simulated_cost_is_that_of_the_chain(script, monkeypatch, lead):
    module = script.module
    monkeypatch.setattr(module, "PATHS", 256)
    case = case_of(Instance(demand="poisson:4", penalty=9, lead_time=lead))
    policy = make("base-stock", case, Effort())
    exact, none = module.scored(policy, case, Effort(), 1e-3)
    assert none == 0
    monkeypatch.setattr("ropewalk.systems.inventory.commands.policies.SCORED", 1)
    cost, error = module.scored(policy, case, Effort(), 1e-3)
    assert 0 < error <= 1e-3 * cost
    assert abs(cost - exact) < 4 * error + 1e-9


def test_an_exact_solution_that_is_too_large_is_refused_with_the_memory_it_needs(script):
    code, out, err = script("--demand", "poisson:20", "--penalty", "19", "--policy", "exact", "--json")
    assert (code, out) == (2, "")
    assert "about 74.5 GB; 8 GB are allowed" in err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--penalty=-4", "penalty: must be greater than 0"), ("--penalty=0", "penalty: must be greater than 0"),
        ("--penalty=nan", "'nan' is no number"), ("--penalty=many", "'many' is no number"), ("--holding=-1", "holding: must be"),
        ("--holding=0", "holding: 0"), ("--demand=foo:3", "is no law"), ("--demand=poisson:x", "is no law"),
        ("--lead-time=2.5", "--lead-time"), ("--lead-time=-1", "lead_time: must be"), ("--seed=-1", "--seed"), ("--steps=0", "--steps"),
        ("--policy=best", "invalid choice"), ("--error=0", "greater than 0"), ("--bogus", "--bogus"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_in_a_sentence(script, given, said):
    code, out, err = script(given, "--json")
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_it_can_be_interrupted():
    call = [sys.executable, str(SCRIPT), "--demand", "poisson:20", "--lead-time", "8", "--error", "1e-9", "--policy", "base-stock"]  # fmt: skip
    running = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = running.stderr.readline()
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert "poisson:20" in first, "what it does is said at once"
    assert running.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("interrupted")
