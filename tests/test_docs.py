"""README, docs and examples say what the program does: their commands are run, their links and names exist."""

import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

import ropewalk
import servers
from ropewalk import api, catalogue, errors
from ropewalk.cli import VERBS, command_parser, parser
from ropewalk.config import describe, load
from ropewalk.systems.inventory.instance import Instance

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.S | re.M)
# Run by .ci/run itself, from a fresh clone; and what only sets a shell up.
BY_CI = ("make demo", "make test", "make check", "make docs", ". .venv/bin/activate", "pip install")
FINDINGS = "case $? in 10|20) ;; *) exit 1;; esac"  # of `monitor`: that it found something is no failure here
FAST = ["--set", "steps=1", "--set", "forecast_steps=2", "--set", "width=4"]  # a training of seconds, on any settings


def fences(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text()) if kind == language]


def read(page: Path) -> str:
    return str(page.relative_to(ROOT))


# -- the shop: a life of one's own table, lived once --


@pytest.fixture(scope="module")
def shell(tmp_path_factory, request):
    """A folder in which `ropewalk live` trains for seconds, and nothing of this machine's settings is seen."""
    folder = tmp_path_factory.mktemp("shop")
    programs = folder / "bin"
    programs.mkdir()
    wrapper = (
        "import sys; from ropewalk.cli import main; a = sys.argv[1:]\n"
        f"sys.exit(main(a + ({FAST!r} if a[0] == 'live' else [])))"
    )
    (programs / "fast.py").write_text(wrapper)
    (programs / "ropewalk").write_text(f'#!/bin/sh\nexec {sys.executable} {programs}/fast.py "$@"\n')
    (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for program in ("ropewalk", "python"):
        (programs / program).chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ROPEWALK_", "AWS_"))}
    kept = getattr(request.config, "cache", None)  # compiled once a machine, not once a test
    environment |= {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path(ropewalk.__file__).parent.parent),
        "JAX_COMPILATION_CACHE_DIR": str(kept.mkdir("xla") if kept else folder / "xla"),
    }
    for part in ("examples", "docs"):
        shutil.copytree(ROOT / part, folder / part)

    def run(script: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-ec", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    run.folder = folder
    return run


@pytest.fixture(scope="module")
def shop(shell):
    """After `examples/own_csv.py`: a table of sales, a release and its outputs."""
    shorter = (
        "import sys; sys.path.insert(0, 'examples'); import own_csv; own_csv.main(steps=1, forecast_steps=2, width=4)"
    )
    done = shell(f'python -c "{shorter}"')
    assert done.returncode == 0, done.stderr[-3000:]
    shell.said = done.stdout
    return shell


def test_the_example_of_an_own_csv_ends_with_orders_and_reasons(shop):
    assert "best classic" in shop.said
    plan = pl.read_parquet(shop.folder / "out" / "inventory" / "orders.parquet")
    assert plan.height == 16
    assert plan["item"].str.len_chars().min() == 5, "an item's code lost its zeros"


def test_every_command_of_the_readme_runs(shop):
    """In the order of the page, in one folder; `make` is run by .ci/run. A port of 8000 becomes one that is free."""
    folder, readme = shop.folder, ROOT / "README.md"
    (folder / "sales.csv").write_bytes((folder / "made_sales.csv").read_bytes())
    (folder / "plan.yaml").write_text(fences(readme, "yaml")[0])
    port = str(servers.free_ports(1)[0])
    ran = 0
    for block in fences(readme, "sh"):
        commands = [line for line in block.splitlines() if line and not line.startswith(BY_CI)]
        if not commands:
            continue
        if any("came_true.csv" in c for c in commands):  # what a shop would know by then
            commands = [*commands[:1], "python write_truths.py", *commands[1:]]
            (folder / "write_truths.py").write_text(
                "import polars as pl\n"
                "a = pl.read_csv('answers.csv')\n"
                "a.select(pl.col('event_id').alias('id'), pl.col('order_now').alias('done.order_now'),"
                " ran_out=pl.lit(False)).write_csv('came_true.csv')\n"
            )
        script = "\n".join(f"{c} || {FINDINGS}" if "monitor" in c else c for c in commands)
        done = shop(script.replace("8000", port))
        assert done.returncode == 0, f"{script}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
        ran += len(commands)
    assert ran >= 9
    answers = pl.read_csv(folder / "answers.csv")
    assert answers.height == 16
    assert {"event_id", "release", "order_now"} <= set(answers.columns)


def test_the_pages_show_what_the_program_prints():
    done = subprocess.run([sys.executable, "docs/examples.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_reference_is_the_help():
    done = subprocess.run([sys.executable, "docs/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_verb_has_a_page_and_every_page_a_verb():
    assert {page.stem for page in (DOCS / "verbs").glob("*.md")} == set(VERBS)
    index = (DOCS / "README.md").read_text()
    for verb in VERBS:
        page = (DOCS / "verbs" / f"{verb}.md").read_text()
        assert f"(verbs/{verb}.md)" in index
        assert f"ropewalk {verb}" in page, "a page shows its verb at work"
        python = f"ropewalk.{verb}(" if verb != "systems" else "ropewalk.catalogue.describe()"
        assert python in page, "a page shows the Python form"
        assert "**Exit codes" in page
        assert verb in ropewalk.__all__ or verb == "systems"  # that name is the package of systems


@pytest.mark.parametrize("page", PAGES, ids=read)
def test_commands_on_a_page_are_understood(page):
    """Every `ropewalk VERB ...` and `ropewalk SYSTEM COMMAND ...` line of a fenced block has options that exist."""
    for kind in ("sh", "console"):
        for block in fences(page, kind):
            for line in block.splitlines():
                command = re.match(r"^(?:\$ )?(ropewalk (?:'[^']*'|[^'#|&;])*)", line)
                words = shlex.split(command[1])[1:] if command else []
                if words and words[0] in catalogue.names():
                    function = catalogue.find(words[0]).commands[words[1]]
                    command_parser(*words[:2], function).parse_args(words[2:])
                elif words:
                    parser().parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=read)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{read(page)} links to {target}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", found.read_text(), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}
            assert anchor in slugs, f"{read(page)} links to {target}; there is {sorted(slugs)}"


def test_settings_named_in_the_docs_exist():
    known = {name for system in (*catalogue.names(), str(ROOT / "examples/coin.py")) for name in names(system)}
    for page in PAGES:
        for name in re.findall(r"--set '?(?!KEY)(\w+)=", page.read_text()):
            assert name in known or name == "head", f"{read(page)} sets {name}"  # `head` is shown as a mistake
    for page in (ROOT / "README.md", DOCS / "inventory.md"):
        for body in fences(page, "yaml"):
            record = Instance if body.startswith("# item.yaml") else catalogue.find("inventory").config
            load(record, values=yaml.safe_load(body))


def names(system: str) -> list[str]:
    return [line.name for line in describe(catalogue.find(system).config)]


def test_every_column_of_the_order_plan_is_described():
    from ropewalk.systems.inventory.bulk.files import ORDERS
    from ropewalk.systems.inventory.bulk.table import COLUMNS as GIVEN
    from ropewalk.systems.inventory.data_contracts import ITEMS, SALES
    from ropewalk.systems.inventory.orders import COLUMNS

    text = (DOCS / "inventory.md").read_text()
    for name in (*COLUMNS, *SALES.names, *ITEMS.names, *ORDERS, *(column.name for column in GIVEN)):
        assert f"`{name}`" in text, name


def test_every_public_name_says_what_it_is():
    assert ropewalk.__doc__
    for name in ropewalk.__all__:
        assert inspect.getdoc(getattr(api, name)), name

    tree = (DOCS / "errors.md").read_text()
    for name, error in vars(errors).items():
        if not (inspect.isclass(error) and issubclass(error, errors.RopewalkError)):
            continue
        assert error.__doc__, name
        assert f"`{name}`" in tree, f"docs/errors.md does not speak of {name}"
        assert f"| {error.exit_code} |" in next(line for line in tree.splitlines() if line.startswith(f"| `{name}`"))


def test_every_verb_can_be_called_after_a_system_was_imported():
    catalogue.find("inventory")
    assert all(callable(getattr(ropewalk, name)) for name in ropewalk.__all__)


def test_nothing_names_this_machine():
    """No path of a home or a workplace, and no host of a package registry: what is shipped works anywhere."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    if not any(tracked):
        pytest.skip("not a git checkout: nobody says which files are shipped")
    hosts = ("files.pythonhosted" + ".org", "pypi" + ".org/simple", "--index" + "-url http", "anaconda" + ".org")
    homes = re.compile(r"(?<![\w.])/(?:home/(?!you\b)\w+|Users/\w+|root/\w|work/\w)")
    for name in filter(None, tracked):
        path = ROOT / name
        if not path.is_file() or path.suffix in (".png", ".parquet"):
            continue
        text = path.read_text(errors="replace")
        assert not homes.search(text), f"{name}: {homes.search(text)[0]}"
        for host in hosts:
            assert host not in text, f"{name} names {host}"
