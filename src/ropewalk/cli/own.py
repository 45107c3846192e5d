"""The commands that a system brings along beyond the verbs: `ropewalk inventory COMMAND`."""

from __future__ import annotations

import argparse
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from ropewalk.cli.options import VERBS, Formatter, Parser, add_common, add_configuration
from ropewalk.cli.output import configured, put


def system_command(arguments: list[str]) -> int:
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

            verb = arguments[1] in VERBS
            hint = f"Verbs come first: ropewalk {arguments[1]} {name}." if verb else f"`ropewalk {name}` lists them."
            raise MissingError(f"command of {name}", arguments[1], () if verb else system.commands, hint)
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
    made = Parser(f"ropewalk {system} {name}", description=about, formatter_class=Formatter)
    hints = typing.get_type_hints(command, include_extras=True)
    for own in _own(command):
        flag, help_ = "--" + own.name.replace("_", "-"), hints[own.name].__metadata__[0]
        if own.default is False:
            made.add_argument(flag, action="store_true", help=help_)
        else:
            made.add_argument(flag, default=own.default, required=own.default is own.empty, metavar="FILE", help=help_)
    add_configuration(made)
    add_common(made)
    return made


def _own(command: Callable[..., int]) -> list[inspect.Parameter]:
    return [p for p in inspect.signature(command).parameters.values() if p.kind is p.KEYWORD_ONLY]


def _commanded(system: str, command: Callable[..., int], options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    def show(found: Mapping[str, Any]) -> None:
        put(options, found, printing.counts(found))

    with api.desk(system, show, **configured(options)) as desk:
        return int(command(desk, **{p.name: getattr(options, p.name) for p in _own(command)}) or 0)
