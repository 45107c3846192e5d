"""The shell: one sentence for every mistake, one JSON document for every program, nothing heavy before it is needed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forks import Forks
from ropewalk import cli
from worlds import COIN, SCENES, World

VERBS = [*cli.VERBS]
CATCH = "import contextlib\nwith contextlib.suppress(SystemExit):"
HEAVY = [
    "numpy",
    "polars",
    "jax",
    "pydantic",
    "sqlite3",
    "yaml",
    "uvicorn",
    "starlette",
    "asyncio",
    "psycopg",
    "obstore",
]


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Each test in its own folder, with no setting of the machine's."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ROPEWALK_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def shell(capsys):
    """Run a command here: (exit code, stdout, stderr)."""

    def run(*arguments):
        try:
            code = cli.main([str(a) for a in arguments])
        except SystemExit as end:
            code = end.code or 0
        return (code, *capsys.readouterr())

    return run


def python(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    with Forks(folder, COIN) as forks:
        yield World(folder, forks)


# -- what is loaded --


@pytest.mark.parametrize("program", ["import ropewalk", f"from ropewalk import cli; {CATCH} cli.main(['--help'])"])
def test_nothing_heavy_is_loaded_before_a_verb_needs_it(program):
    done = python("-c", f"{program}\nimport sys; print('loaded', [m for m in {HEAVY} if m in sys.modules])")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("loaded []\n"), done.stdout[-300:]


def test_listing_runs_loads_no_tables_and_no_learning(shell):
    done = python(
        "-c",
        f"from ropewalk.cli import main; main(['runs']); import sys; print({HEAVY[1:3]!r}, 'polars' in sys.modules)",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("False\n")


# -- workers --


@pytest.mark.parametrize("given", ["two", "0", "ray:", "dask:4"])
def test_workers_that_do_not_exist_get_a_sentence_and_nothing_is_made(shell, given, tmp_path):
    code, _, err = shell("train", COIN, "--workers", given, "--store", tmp_path / "none")
    assert code == 2
    assert f"workers: '{given}' is neither a number of processes (1 or more) nor Ray: ray, ray:8" in err
    assert not (tmp_path / "none").exists()


# -- help --


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(shell, verb):
    code, out, err = shell(verb, "--help")
    assert code == 0
    assert f"usage: ropewalk {verb}" in out
    assert "--json" in out
    assert err == ""


def test_help_with_a_system_names_its_settings_with_units_and_reasons(shell):
    code, out, _ = shell("train", COIN, "--help")
    assert code == 0
    assert "--seed" in out
    assert "tosses = 200" in out
    assert "enough to see a bias of 10 %" in out


def test_without_a_verb_the_verbs_are_listed(shell):
    code, out, _ = shell()
    assert code == 0
    assert all(verb in out for verb in VERBS)
    assert shell("--version")[1].startswith("ropewalk ")


# -- mistakes --

MISTAKES = {
    "verb": (("trian", COIN), ("'trian'", "Did you mean 'train'?")),
    "system": (("train", "inventroy"), ("no system 'inventroy'", "Did you mean 'inventory'?")),
    "file of a system": (("train", "none.py"), ("no file 'none.py'", "looked for at /")),
    "setting": (("train", COIN, "--set", "stesp=3"), ("no setting 'stesp'", "Did you mean 'steps'?")),
    "setting's value": (("train", COIN, "--set", "steps=many"), ("steps: must be a valid integer", "many")),
    "setting's bound": (("train", COIN, "--set", "heads=1.5"), ("heads", "less than or equal to 1", "1.5")),
    "setting without a value": (("train", COIN, "--set", "steps"), ("has no '='", "--set key=value")),
    "option": (("live", COIN, "--smal"), ("unrecognized arguments: --smal", "Did you mean --small?")),
    "option shortened": (("runs", "--js"), ("unrecognized arguments: --js", "--help")),
    "choice": (("register", COIN, "--choice", "best"), ("invalid choice: 'best'", "baseline")),
    "missing argument": (("predict", COIN), ("required: source, target", "ropewalk predict --help")),
    "configuration is not there": (("data", COIN, "--config", "c.yaml"), ("c.yaml", "no such file", "looked for at /")),
    "configuration is no YAML": (("data", COIN, "--config", "bad.yaml"), ("bad.yaml", "can not be read as YAML")),
    "configuration is a list": (
        ("data", COIN, "--config", "list.yaml"),
        ("list.yaml", "`name: value` lines, not a list"),
    ),
    "configuration with a wrong name": (
        ("data", COIN, "--config", "name.yaml"),
        ("name.yaml", "Did you mean 'tosses'?"),
    ),
    "configuration is a folder": (("data", COIN, "--config", "folder"), ("folder", "can not be read")),
    "run": (("register", COIN, "--run", "run-1"), ("no run 'run-1'",)),
    "run to begin with": (("train", COIN, "--start", "run-1"), ("no run 'run-1'",)),
    "version": (("promote", COIN, "--to", "7"), ("no release 'coin v7'",)),
    "version in words": (("promote", COIN, "--to", "last"), ("--to last", "whole number")),
    "nothing to promote": (("promote", COIN), ("coin@candidate", "ropewalk register")),
    "nothing to go back to": (("rollback", COIN), ("nothing to go back to",)),
    "version to go back from": (("rollback", COIN, "--from", "7"), ("no release 'coin v7'",)),
    "version to go back from in words": (("rollback", COIN, "--from", "live"), ("--from live", "whole number")),
    "serving without a release": (("serve", COIN, "--port", "0"), ("no release 'coin@live'", "ropewalk live coin")),
    "predicting without a release": (("predict", COIN, "r.csv", "a.csv"), ("no release 'coin@live'",)),
    "watching without a release": (("monitor", COIN), ("no release 'coin@live'",)),
    "truths of nothing": (("truths", COIN, "t.csv"), ("Nothing was answered yet",)),
    "truths that are not there": (("truths", COIN, "none.csv"), ("none.csv",)),
    "record": (("show", "run-1"), ("no record 'run-1'", "ropewalk runs")),
    "name": (("show", "coin@live"), ("no name 'coin@live'", "@candidate")),
    "a file that no life wrote": (("show", "t.csv"), ("t.csv", "was it edited?")),
    "command of a system": ((COIN, "orders"), ("orders",)),
}
STORES = {
    "store of another kind": (("runs", "--store", "ftp://here"), ("ftp://here", "s3://")),
    "index of another kind": (("runs", "--index", "mysql://here"), ("mysql://here", "postgresql://")),
    "index that is no database": (("runs", "--index", "t.csv"), ("t.csv", "is corrupt", "not a database")),
    "store that is a file": (("data", COIN, "--store", "t.csv"), ("t.csv", "there is a file in its place")),
    "store below a file": (("data", COIN, "--store", "t.csv/store"), ("t.csv/store", "there is a file in its place")),
    "server that does not answer": (
        ("runs", "--index", "postgresql://nobody@127.0.0.1:1/none"),
        ("postgresql://nobody@127.0.0.1:1/none",),
    ),
}


QUIET = {True: ("--quiet",), False: ()}


@pytest.fixture
def papers(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [")
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "name.yaml").write_text("toses: 20\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "t.csv").write_text("id,heads\na,true\n")
    (tmp_path / "r.csv").write_text("toss\n1\n")


@pytest.mark.parametrize("mistake", [*MISTAKES, *STORES])
def test_a_mistake_gets_a_sentence_and_an_exit_code(shell, papers, monkeypatch, mistake):
    """2 is something to mend, 3 is the storage."""
    monkeypatch.setenv("ROPEWALK_RETRY_S", "0.1")
    arguments, says = (MISTAKES | STORES)[mistake]
    code, out, err = shell(*arguments, *QUIET[arguments[0] in cli.VERBS])
    assert code == (3 if mistake in STORES else 2), err
    assert out == ""
    assert all(part in err for part in says), err
    assert "Traceback" not in err
    assert all(line.startswith("ropewalk: ") for line in err.splitlines())


@pytest.mark.parametrize("mistake", [*MISTAKES, *STORES])
def test_a_mistake_is_one_json_document_when_that_was_asked_for(shell, papers, monkeypatch, mistake):
    monkeypatch.setenv("ROPEWALK_RETRY_S", "0.1")
    arguments, _ = (MISTAKES | STORES)[mistake]
    code, out, _ = shell(*arguments, "--json")
    body = json.loads(out)
    assert body["exit_code"] == code == (3 if mistake in STORES else 2)
    assert body["sentence"]


def test_a_refused_model_has_its_own_exit_code(shell):
    code, _, err = shell("register", COIN, "--set", "heads=0.5")
    assert code == 5
    assert "was not registered" in err


# -- JSON --


@pytest.mark.parametrize("name", [n for n in SCENES if n not in ("second", "succeed", "renew")])
def test_stdout_of_every_verb_is_one_json_document(world, name):
    world.before(name)
    done = world.forks.run(*SCENES[name].arguments, "--json", cwd=world.folder)
    assert done.code == 0, done.err
    json.loads(done.out)
    assert done.out.count("\n") == 1


def test_the_service_says_its_address_as_json(world):
    world.before("predict")
    pid = world.forks.start("serve", COIN, "--port", "0", "--json", "--ready-file", "ready.json", cwd=world.folder)
    wait_for(world.folder / "ready.json")
    os.kill(pid, signal.SIGTERM)
    done = world.forks.wait(pid, 60)
    assert done.code == 0, done.err
    assert json.loads(done.out)["url"].startswith("http://127.0.0.1:")


def wait_for(path, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} never came"
        time.sleep(0.005)


# -- interruptions --


def test_ctrl_c_ends_with_130_and_the_same_command_continues(world):
    world.before("train")
    long = ("train", COIN, "--set", "steps=40")
    interrupted = {"call": "ropewalk.spine.compute.job:StageJob.checkpoint", "nth": 7, "by": signal.SIGINT}
    done = world.forks.run(*long, "--json", cwd=world.folder, **interrupted)
    assert done.code == 130, done.err
    assert "the same command continues" in done.err
    assert "Traceback" not in done.err
    assert json.loads(done.out)["exit_code"] == 130
    again = world.forks.run(*long, "--json", cwd=world.folder)
    assert again.code == 0, again.err
    assert json.loads(again.out)["resumed_from"] > 0


def test_a_command_that_keeps_nothing_does_not_say_that_it_continues(monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "system_command", interrupted)
    assert cli.main(["inventory", "compare"]) == 130
    assert capsys.readouterr().err == "\nropewalk: interrupted: nothing is half-written\n"


def test_a_reader_that_leaves_is_no_error(world):
    world.before("show")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ropewalk", "show", "coin@live"],
            stdout=writing, stderr=subprocess.PIPE, text=True, cwd=world.folder, timeout=120,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert done.stderr == ""


# -- systems of one's own --

BENCH = """
from typing import Annotated
from ropewalk.config import Settings, setting
from ropewalk.types import Bench
from dataclasses import replace

class Toss(Settings):
    chance: float = setting(0.5, "Chance of heads.", unit="share", low=0, high=1)
    side: str | None = setting(None, "What is counted.")

def count(bench: Bench, toss: Toss, *, times: Annotated[int, "how often", "N"] = 3, out: Annotated[str | None, "a file"] = None) -> int:
    \"\"\"Expected heads.\"\"\"
    bench.note("counting")
    if out:
        bench.write(out, b"done")
    bench.show({"heads": toss.chance * times, "side": toss.side, "seed": bench.seed}, f"{toss.chance * times:g} heads")

system = replace(system, commands={"count": count})
"""


def test_a_command_that_needs_no_store_has_the_fields_of_its_record_as_options(shell, tmp_path):
    (tmp_path / "mine.py").write_text(Path(COIN).read_text() + BENCH)
    (tmp_path / "toss.yaml").write_text("chance: 0.25\nside: tails\n")
    assert shell("mine.py", "count") == (0, "1.5 heads\n", "counting\n")
    code, out, err = shell(
        "mine.py", "count", "--toss", "toss.yaml", "--times", "8", "--side", "2024", "--seed", "3", "--json", "--quiet"
    )
    assert (code, json.loads(out), err) == (0, {"heads": 2.0, "side": "2024", "seed": 3}, "")
    assert shell("mine.py", "count", "--out", "made.txt", "--quiet")[0] == 0
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix not in (".py", ".yaml")) in (
        ["made.txt"],
        ["__pycache__", "made.txt"],
    )
    helped = shell("mine.py", "count", "--help")[1]
    assert "--chance N  " in helped
    assert "Chance of heads (share; default: 0.5)" in helped
    assert "--store" not in helped
    assert (
        "the toss: chance: must be less than or equal to 1 (given: 2)" in shell("mine.py", "count", "--chance", "2")[2]
    )
    assert "Did you mean --chance?" in shell("mine.py", "count", "--chanc", "1")[2]
    assert "invalid int value: 'x'" in shell("mine.py", "count", "--times", "x")[2]
    (tmp_path / "toss.yaml").write_text("chanc: 0.25\n")
    assert (
        "toss.yaml: there is no setting 'chanc'. Did you mean 'chance'?"
        in shell("mine.py", "count", "--toss", "toss.yaml")[2]
    )


def test_a_command_whose_package_is_missing_says_what_to_install():
    program = (
        "import sys; sys.modules['jax'] = None\nfrom ropewalk.cli import main\n"
        "sys.exit(main(['inventory', 'solve', '--demand', 'poisson:5', '--penalty', '4']))"
    )
    done = python("-c", program)
    assert done.returncode == 2
    assert (
        done.stderr
        == "ropewalk: there is no package 'jax'. The system 'inventory' needs it: pip install 'ropewalk[inventory]'.\n"
    )


def test_a_system_with_a_mistake_in_its_file_is_told_the_line(shell, tmp_path):
    (tmp_path / "mine.py").write_text("def data(:\n")
    code, _, err = shell("data", "mine.py")
    assert code == 2
    assert "mine.py, line 1" in err


def test_a_file_without_a_system_is_told_what_to_add(shell, tmp_path):
    (tmp_path / "empty_one.py").write_text("x = 1\n")
    code, _, err = shell("data", "empty_one.py")
    assert code == 2
    assert "system = System(...)" in err


def test_a_stage_that_fails_says_which_where_and_how_to_see_more(shell, tmp_path):
    text = (
        Path(COIN)
        .read_text()
        .replace("    seen = split(dataset)[0]", "    raise KeyError('tails')\n    seen = split(dataset)[0]")
    )
    (tmp_path / "broken.py").write_text(text)
    code, out, err = shell("train", "broken.py", "--quiet", "--json")
    assert code == 4
    assert "train of 'coin' failed: KeyError: 'tails' (at broken.py:" in err
    trace = Path(err.partition("The whole trace is in ")[2].partition(";")[0])
    assert "Traceback" in trace.read_text()
    assert json.loads(out)["error"] == "StageError"
