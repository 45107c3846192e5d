"""The verbs in the shell. Results go to stdout, for people or (--json) for programs; progress goes to stderr.

Exit codes: 0 done; 2 something a person can mend; 3 the storage; 4 a stage failed; 5 the gate refused;
10 / 20 monitor found warnings / errors; 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
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
_WITHOUT_SYSTEM = ("systems", "runs", "show", "gc")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code; a user's mistake is a sentence on stderr, never a traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(arguments)
    except RopewalkError as error:
        _complain(str(error), "--json" in arguments, type(error).__name__, error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        sentence = "interrupted: what was finished is kept, and the same command continues"
        _complain(sentence, "--json" in arguments, "Interrupted", 130)
        return 130
    except BrokenPipeError:
        # The reader of our stdout (`| head`) has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        sentence = "the machine has not enough memory for this; use fewer items, or --small"
        _complain(sentence, "--json" in arguments, "MemoryError", 4)
        return 4
    except OSError as error:
        if os.environ.get("ROPEWALK_DEBUG"):
            raise
        _complain(
            f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), "--json" in arguments, "OSError", 3
        )
        return 3
    except Exception as error:
        if os.environ.get("ROPEWALK_DEBUG"):
            raise
        _complain(_unforeseen(error), "--json" in arguments, type(error).__name__, 4)
        return 4


def _unforeseen(error: Exception) -> str:
    """A fault of ours, not of the user: one sentence, and the whole trace in a file that can be sent."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="ropewalk-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(error)))
    text = " ".join(str(error).split())[:300]
    return f"something went wrong that was not foreseen: {type(error).__name__}: {text}. The trace is in {file.name}."


def _complain(sentence: str, as_json: bool, kind: str, code: int) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"error": kind, "sentence": sentence, "exit_code": code}) + "\n")
    for line in sentence.split("\n"):
        sys.stderr.write(f"ropewalk: {line}\n")


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] not in VERBS and not arguments[0].startswith("-"):
        return _system_command(arguments)
    if len(arguments) > 2 and arguments[0] not in _WITHOUT_SYSTEM and {"-h", "--help"} & set(arguments[1:]):
        return _help_with_settings(arguments)
    options = parser().parse_args(arguments)
    if options.verb is None:
        parser().print_help()
        return 0
    return _HANDLERS[options.verb](options)


# -- the parser --


class _Parser(argparse.ArgumentParser):
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


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=100)


def parser() -> argparse.ArgumentParser:
    """Every verb with its options. Builds without importing anything heavy."""
    top = _Parser(
        "ropewalk",
        description="Machine-learning systems from data to a monitored decision.",
        epilog="Begin with: ropewalk live inventory --small\n"
        "A system's settings: ropewalk train inventory --help\n"
        "A system's own commands: ropewalk inventory",
        formatter_class=_Formatter,
    )
    top.add_argument("--version", action="version", version=f"ropewalk {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for verb, about in VERBS.items():
        sub = verbs.add_parser(
            verb, help=about, description=about[0].upper() + about[1:] + ".", formatter_class=_Formatter
        )
        if verb not in _WITHOUT_SYSTEM:
            sub.add_argument("system", help="name of a system, or its file: inventory, my_system.py")
            _add_configuration(sub)
        _add_own(verb, sub)
        _add_common(sub)
    return top


def _add_configuration(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("configuration")
    group.add_argument("--small", action="store_true", help="the small configuration: offline, seconds")
    group.add_argument("--config", metavar="FILE", help="settings from a YAML file")
    group.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest="sets", help="one setting; may be repeated"
    )


def _add_common(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("where and how")
    group.add_argument(
        "--store", metavar="URL", help="folder or s3://bucket/prefix (default: $ROPEWALK_STORE or .ropewalk)"
    )
    group.add_argument(
        "--index", metavar="URL", help="postgresql://... (default: $ROPEWALK_INDEX or SQLite beside the store)"
    )
    group.add_argument("--json", action="store_true", help="the result as JSON on stdout, and nothing else there")
    group.add_argument("--quiet", action="store_true", help="no progress on stderr")
    if sub.prog.split()[-1] not in _WITHOUT_SYSTEM:
        group.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
        group.add_argument(
            "--workers", type=int, default=1, metavar="N", help="processes for parallel parts (default: 1)"
        )
        group.add_argument("--threads", type=int, default=None, metavar="N", help="threads of one stage (default: 2)")


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


def _help_with_settings(arguments: list[str]) -> int:
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
        for part in _wrapped(line.about, 92):
            print(f"      {part}")
    return 0


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


def _system_command(arguments: list[str]) -> int:
    """`ropewalk inventory COMMAND ...`: what a system brings along beyond the verbs."""
    from ropewalk import catalogue

    name = arguments[0]
    if name not in catalogue.names() and not name.endswith(".py") and ":" not in name:
        from ropewalk.errors import MissingError

        raise MissingError("verb or system", name, [*VERBS, *catalogue.names()], "`ropewalk --help` lists the verbs.")
    system = catalogue.find(name)
    command = system.commands.get(arguments[1]) if len(arguments) > 1 else None
    if command is None:
        if len(arguments) > 1 and not arguments[1].startswith("-"):
            from ropewalk.errors import MissingError

            raise MissingError(
                "command",
                f"{name} {arguments[1]}",
                system.commands,
                f"Verbs come first: ropewalk {arguments[1]} {name}.",
            )
        print(f"{system.name}: {system.about}\n\nverbs: ropewalk VERB {name}   (ropewalk --help)")
        for key, function in system.commands.items():
            print(f"  ropewalk {name} {key:12} {_first_line(function)}")
        return 0
    options = command_parser(name, arguments[1], command).parse_args(arguments[2:])
    return _commanded(name, command, options)


def _first_line(command: Callable[..., int]) -> str:
    return (command.__doc__ or "").strip().splitlines()[0]


def command_parser(system: str, name: str, command: Callable[..., int]) -> argparse.ArgumentParser:
    """The parser of a system's command. Its own options are its keyword arguments, each `Annotated` with its help."""
    about = _first_line(command)
    made = _Parser(f"ropewalk {system} {name}", description=about, formatter_class=_Formatter)
    hints = typing.get_type_hints(command, include_extras=True)
    for own in _own(command):
        flag, help_ = "--" + own.name.replace("_", "-"), hints[own.name].__metadata__[0]
        if own.default is False:
            made.add_argument(flag, action="store_true", help=help_)
        else:
            made.add_argument(flag, default=own.default, required=own.default is own.empty, metavar="FILE", help=help_)
    _add_configuration(made)
    _add_common(made)
    return made


def _own(command: Callable[..., int]) -> list[inspect.Parameter]:
    return [p for p in inspect.signature(command).parameters.values() if p.kind is p.KEYWORD_ONLY]


def _commanded(system: str, command: Callable[..., int], options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    def show(found: Mapping[str, Any]) -> None:
        _print(options, found, printing.counts(found))

    with api.desk(system, show, **_options(options)) as desk:
        return int(command(desk, **{p.name: getattr(options, p.name) for p in _own(command)}) or 0)


# -- the handlers --


def _options(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "small": options.small,
        "config": options.config,
        "sets": options.sets,
        "store": options.store,
        "index": options.index,
        "seed": options.seed,
        "workers": options.workers,
        "threads": options.threads,
        "quiet": options.quiet,
    }


def _print(options: argparse.Namespace, body: Any, text: str) -> None:
    if options.json:
        sys.stdout.write(json.dumps(body, default=str) + "\n")
    else:
        sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def _data(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    dataset = api.data(options.system, **_options(options))
    _print(options, printing.dataset_body(dataset), printing.dataset(dataset))
    return 0


def _plan(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    plan = api.plan(options.system, options.deadline, **_options(options))
    _print(options, printing.body(plan), printing.plan(plan))
    return 0


def _train(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    run = api.train(options.system, options.start, **_options(options))
    _print(options, printing.body(run), printing.run(run))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    report = api.evaluate(options.system, **_options(options))
    _print(options, printing.report_body(report), printing.report(report))
    return 0


def _register(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    release = api.register(options.system, options.run, options.choice, **_options(options))
    _print(options, printing.body(release), printing.release(release))
    return 0


def _promote(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    release = api.promote(options.system, _version("--to", options.version), **_options(options))
    _print(options, printing.body(release), printing.release(release))
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    release = api.rollback(options.system, _version("--from", options.version), **_options(options))
    _print(options, printing.body(release), printing.release(release))
    return 0


def _version(flag: str, text: str | None) -> int | None:
    if text is not None and not text.lstrip("v").isdigit():
        raise RopewalkError(f"{flag} {text}: a version is a whole number, as `ropewalk runs` shows it")
    return int(text.lstrip("v")) if text else None


def _predict(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    summary = api.predict(
        options.system, options.source, options.target, options.release, options.on_bad_rows, **_options(options)
    )
    _print(options, printing.body(summary), printing.summary(summary))
    return 0


def _serve(options: argparse.Namespace) -> int:
    from ropewalk import api

    def ready(url: str) -> None:
        if options.json:
            _print(options, {"url": url, "pid": os.getpid()}, "")

    where = (options.host, options.port, options.api_key, options.ready_file)
    return api.serve(options.system, *where, on_ready=ready, **_options(options))


def _truths(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    joined = api.truths(options.system, options.source, **_options(options))
    text = printing.counts(joined.counts)
    if len(joined.releases) > 1:
        text += "\n\n" + printing.table(
            [{"release": name, **_worded(found)} for name, found in joined.releases.items()]
        )
    _print(options, {**joined.counts, "releases": joined.releases}, text)
    return 0


def _worded(counts: Mapping[str, int]) -> dict[str, int]:
    return {name.replace("_", " "): value for name, value in counts.items()}


def _monitor(options: argparse.Namespace) -> int:
    from ropewalk import api, catalogue, printing
    from ropewalk.spine.monitoring.findings import exit_code

    system = catalogue.find(options.system)
    page = options.page or Path("out") / system.name / "monitor.html"
    findings = api.monitor(system, page, **_options(options))
    _print(options, printing.findings_body(findings), printing.findings(findings) + f"\n{page}")
    return int(exit_code(findings))


def _live(options: argparse.Namespace) -> int:
    from ropewalk import api, catalogue, printing

    life = api.live(options.system, options.out, **_options(options))
    text = printing.life(life, _again(options))
    for name in catalogue.find(options.system).commands:
        text += f"\n  ropewalk {_again(options, name)}"
    _print(options, printing.life_body(life), text)
    return 0


def _again(options: argparse.Namespace, *command: str) -> str:
    """The words that name this system, a command of it, and the store again."""
    import shlex

    words = [options.system, *command]
    for flag in ("store", "index"):
        if getattr(options, flag):
            words += [f"--{flag}", getattr(options, flag)]
    return shlex.join(words)


def _systems(options: argparse.Namespace) -> int:
    from ropewalk import catalogue

    found = catalogue.describe()
    width = max((len(n) for n in found), default=0)
    _print(options, found, "\n".join(f"{name:{width}}  {about}" for name, about in found.items()))
    return 0


def _runs(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    rows = api.runs(options.system, options.limit, options.store, options.index)
    none = "no runs yet: `ropewalk live inventory --small` makes the first"
    _print(options, rows, printing.table(rows) if rows else none)
    return 0


def _show(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    found = api.show(options.what, options.store, options.index)
    _print(options, found, printing.shown(found))
    return 0


def _gc(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    report = api.gc(options.dry_run, options.forget_days, options.store, options.index)
    _print(options, printing.body(report), str(report))
    return 0


_HANDLERS: dict[str, Callable[[argparse.Namespace], int]] = {
    "data": _data, "plan": _plan, "train": _train, "evaluate": _evaluate, "register": _register, "promote": _promote,
    "rollback": _rollback, "predict": _predict, "serve": _serve, "truths": _truths, "monitor": _monitor, "live": _live,
    "systems": _systems, "runs": _runs, "show": _show, "gc": _gc,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
