"""Run the examples of docs/ and README and write what they print; with --check, fail where it is not what they show.

An example is a fenced block `console`. A line `$ command` is run, in a folder with copies of the examples; what it
prints stands below it; `# exit 5` at its end says the exit code where it is not 0. The pages are read in the order of a
life, in one folder, so that `promote` finds what `register` left. Compared is what does not change from run to run: numbers
and hashes are left out.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
LIFE = (
    "data", "plan", "train", "evaluate", "register", "promote", "predict", "truths", "monitor", "rollback", "live",
    "systems", "runs", "show", "gc",
)  # fmt: skip
PAGES = [*(f"verbs/{verb}.md" for verb in LIFE), "own-system.md", "errors.md", "tutorial-inventory.md", "search.md"]
BLOCK = re.compile(r"```console\n(.*?)```", re.S)
EXIT = re.compile(r"\s+# exit (\d+)$")
PROGRESS = re.compile(r"^  \S.*: +\d+ %  |.*, \d+ s so far$")


def run(command: str) -> tuple[int, str]:
    """Exit code and what a person sees, without progress; `ropewalk` in this process, anything else in a shell."""
    said = io.StringIO()
    if command.startswith("ropewalk"):
        from ropewalk.cli import main

        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                code = main(shlex.split(command)[1:])
            except SystemExit as stop:
                code = int(stop.code or 0)
    else:
        command = re.sub(r"^python\b", shlex.quote(sys.executable), command)
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        code, _ = done.returncode, said.write(done.stdout + done.stderr)
    text = said.getvalue().replace(os.getcwd(), "/home/you")
    lines = [line.rstrip() for line in text.splitlines() if not PROGRESS.match(line)]
    return code, "\n".join(lines)


def played(block: str) -> str:
    """A block with what its commands print now."""
    out = []
    for line in block.splitlines():
        if not line.startswith("$ "):
            continue
        expected = EXIT.search(line)
        code, said = run(EXIT.sub("", line[2:]))
        if code != (int(expected[1]) if expected else 0):
            raise SystemExit(f"{line!r} ended with {code}:\n{said}")
        out += [line, said] if said else [line]
    return "\n".join(out) + "\n"


def same(text: str) -> list[str]:
    """The lines of an output without what differs from run to run: numbers, hashes, the width of a table, the order."""
    text = re.sub(r"-?\b[0-9a-f]{8,}\b|[-+]?\d[\d,.]*", "#", text)
    return sorted(re.sub(r"[\s-]+", " ", line) for line in text.splitlines())


@contextlib.contextmanager
def newcomer() -> Iterator[None]:
    """A folder with nothing but the coin, no settings from outside, and the default store."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("ROPEWALK_")}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for example in ("coin.py", "shop.py"):
            shutil.copy(ROOT / "examples" / example, folder)
        try:
            yield
        finally:
            os.environ.update(kept)


def main(check: bool) -> None:
    """Play every page; write it, or compare it."""
    differ = []
    with newcomer():
        for name in PAGES:
            page = DOCS / name
            text = page.read_text()
            new = BLOCK.sub(lambda found: f"```console\n{played(found[1])}```", text)
            if same(new) == same(text):
                continue
            if check:
                changed = [line for line in same(new) if line not in same(text)]
                differ.append(f"docs/{name} shows other output than the program: {changed[:3]}")
            else:
                page.write_text(new)
    if differ:
        sys.exit("\n".join([*differ, "run `python docs/examples.py`"]))


if __name__ == "__main__":
    main("--check" in sys.argv)
