"""Write docs/reference.md from the program, or with --check fail when it no longer matches.

The reference is what `--help` prints, for every verb and every system's settings: nobody edits it by hand.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["COLUMNS"] = "100"

from ropewalk import catalogue
from ropewalk.cli import VERBS, command_parser, parser
from ropewalk.config import describe

TARGET = Path(__file__).parent / "reference.md"


def reference() -> str:
    top = parser()
    verbs = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction)).choices
    parts = ["# Command reference", "", "Written by `make docs` from the program; `make check` compares.", ""]
    parts += ["```text", top.format_help().rstrip(), "```", ""]
    for verb in VERBS:
        parts += [f"## ropewalk {verb}", "", "```text", verbs[verb].format_help().rstrip(), "```", ""]
    for name in catalogue.names():
        system = catalogue.find(name)
        parts += [
            f"## Settings of {name}",
            "",
            "| setting | default | unit | stage | reason |",
            "|---|---|---|---|---|",
        ]
        for s in describe(system.config):
            about = s.about.replace("|", "\\|").replace("\n", " ")
            parts.append(f"| `{s.name}` | `{s.default}` | {s.unit} | {s.stage} | {about} |")
        parts.append("")
        for key, function in system.commands.items():
            said = command_parser(name, key, function).format_help().rstrip()
            parts += [f"## ropewalk {name} {key}", "", "```text", said, "```", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    if "--check" in sys.argv:
        if not TARGET.exists() or TARGET.read_text() != reference():
            sys.exit("docs/reference.md does not match the program: run `make docs`")
    else:
        TARGET.write_text(reference())
