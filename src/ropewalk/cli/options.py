"""What every verb takes: built without importing anything heavy, so that `ropewalk --help` answers at once."""

from __future__ import annotations

import argparse
import contextlib
import textwrap
from typing import Any, NoReturn

from ropewalk import __version__
from ropewalk.errors import RopewalkError, closest

VERBS: dict[str, str] = {
    "live": "a whole life: data to a monitored decision",
    "data": "freeze the tables that the configuration names",
    "plan": "predict how long the training takes on this machine",
    "train": "train; a killed training continues",
    "evaluate": "report against the baseline on held-out rows",
    "register": "make the model a candidate, if the gate lets it pass",
    "promote": "make the candidate live",
    "rollback": "make the release live that was live before",
    "predict": "answer every row of a file",
    "serve": "answer over HTTP",
    "truths": "join what came true to past answers",
    "monitor": "check the live release; exit code for schedulers",
    "systems": "what can be used",
    "runs": "past runs and their figures",
    "show": "a record, or a file that a life wrote, and what stands behind it",
    "gc": "remove what nothing refers to",
}
WITHOUT_SYSTEM = ("systems", "runs", "show", "gc")


class Parser(argparse.ArgumentParser):
    """Says what is wrong as every other error is said: a sentence with the way out, and JSON when that was asked for.

    Options are not abbreviated: a script would break when another option is added.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **named})

    def error(self, message: str) -> NoReturn:
        meant = ""
        if message.startswith("unrecognized arguments: "):
            given = message.removeprefix("unrecognized arguments: ").split()[0].partition("=")[0]
            close = closest(given, _options_of(self))
            meant = f" Did you mean {close}?" if close else ""
        raise RopewalkError(f"{message}.{meant} `{self.prog} --help` says what there is.")


def _options_of(parser: argparse.ArgumentParser) -> set[str]:
    """The options of a parser and of its verbs."""
    found: set[str] = set()
    for action in parser._actions:
        found |= {o for o in action.option_strings if o.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                found |= _options_of(sub)
    return found


class Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=100)


def parser() -> argparse.ArgumentParser:
    """Every verb with its options. Builds without importing anything heavy."""
    top = Parser(
        "ropewalk",
        description="Machine-learning systems from data to a monitored decision.",
        epilog="Begin with: ropewalk live inventory --small\n"
        "A system's settings: ropewalk train inventory --help\n"
        "A system's own commands: ropewalk inventory",
        formatter_class=Formatter,
    )
    top.add_argument("--version", action="version", version=f"ropewalk {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for verb, about in VERBS.items():
        sub = verbs.add_parser(
            verb, help=about, description=about[0].upper() + about[1:] + ".", formatter_class=Formatter
        )
        if verb not in WITHOUT_SYSTEM:
            sub.add_argument("system", help="name of a system, or its file: inventory, my_system.py")
            add_configuration(sub)
        _add_own(verb, sub)
        add_common(sub)
    return top


def add_configuration(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("configuration")
    group.add_argument("--small", action="store_true", help="the small configuration: offline, seconds")
    group.add_argument("--config", metavar="FILE", help="settings from a YAML file")
    group.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest="sets", help="one setting; may be repeated"
    )


def add_common(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("where and how")
    group.add_argument(
        "--store", metavar="URL", help="folder or s3://bucket/prefix (default: $ROPEWALK_STORE or .ropewalk)"
    )
    group.add_argument(
        "--index", metavar="URL", help="postgresql://... (default: $ROPEWALK_INDEX or SQLite beside the store)"
    )
    add_showing(group)
    if sub.prog.split()[-1] not in WITHOUT_SYSTEM:
        group.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
        group.add_argument(
            "--workers",
            default=1,
            metavar="N",
            help="processes for parallel parts, or Ray: ray, ray:N, ray:ADDRESS, ray://HOST:PORT (default: 1)",
        )
        group.add_argument("--threads", type=int, default=None, metavar="N", help="threads of one stage (default: 2)")


def add_showing(group: argparse._ActionsContainer) -> None:
    group.add_argument("--json", action="store_true", help="the result as JSON on stdout, and nothing else there")
    group.add_argument("--quiet", action="store_true", help="no progress on stderr")


def _add_own(verb: str, sub: argparse.ArgumentParser) -> None:
    add = sub.add_argument
    if verb == "live":
        add("--out", metavar="FOLDER", help="where the files for people go (default: out/SYSTEM)")
    elif verb == "plan":
        add("--deadline", type=float, metavar="SECONDS", help="print the probability of being done by then")
    elif verb == "train":
        add("--start", metavar="RUN", help="begin with the model of this run")
    elif verb == "register":
        add("--run", metavar="RUN", help="a past run (default: the run of this configuration)")
        add("--choice", choices=("model", "baseline"), default="model", help="what to register (default: model)")
    elif verb == "promote":
        add("--to", metavar="N", dest="version", help="version of a release (default: the candidate)")
    elif verb == "rollback":
        add("--from", metavar="N", dest="version", help="only if version N is live: safe to repeat")
    elif verb == "predict":
        add("source", help="file of requests: .csv, .parquet, .arrow")
        add("target", help="file of answers; its suffix says the format")
        add("--release", metavar="WHICH", help="live, candidate, a version or an id (default: live)")
        add(
            "--on-bad-rows",
            choices=("stop", "quarantine"),
            default="stop",
            help="what to do with bad rows (default: stop)",
        )
    elif verb == "serve":
        add("--host", default="127.0.0.1", help="address to bind (default: 127.0.0.1)")
        add("--port", type=int, default=8000, help="port; 0 takes a free one (default: 8000)")
        add("--api-key", metavar="KEY", help="callers must send it as X-API-Key (default: $ROPEWALK_API_KEY)")
        add("--ready-file", metavar="FILE", help="write the address there once requests are answered")
    elif verb == "truths":
        add("source", help="file with `id` (the event_id of the answer) and what came true: .csv, .parquet, .arrow")
    elif verb == "monitor":
        add("--page", metavar="FILE", help="where the HTML page goes (default: out/SYSTEM/monitor.html)")
    elif verb == "runs":
        add("system", nargs="?", help="only of this system")
        add("--limit", type=int, default=20, metavar="N", help="how many (default: 20)")
    elif verb == "show":
        add("what", help="id of a record, name like inventory@live, or a file that a life wrote")
    elif verb == "gc":
        add("--dry-run", action="store_true", help="say what would go, remove nothing")
        add(
            "--forget-days",
            type=float,
            metavar="D",
            help="also forget runs, datasets and unfinished trainings older than D days that no release needs",
        )


def help_with_settings(arguments: list[str]) -> int:
    """`ropewalk train inventory --help`: the verb's options, then the system's settings with units and reasons."""
    from ropewalk import catalogue
    from ropewalk.config import describe

    named = [a for a in arguments[1:] if not a.startswith("-")]
    with contextlib.suppress(SystemExit):
        parser().parse_args([arguments[0], "--help"])
    system = catalogue.find(named[0])
    print(f"\nsettings of {system.name} (--set KEY=VALUE, or a line `KEY: VALUE` of --config):")
    for line in describe(system.config):
        unit = f" {line.unit}" if line.unit else ""
        print(f"  {line.name} = {line.default}{unit}")
        for part in textwrap.wrap(line.about, 92):
            print(f"      {part}")
    return 0
