"""The commands that a system brings along beyond the verbs: `ropewalk inventory COMMAND`."""

from __future__ import annotations

import argparse
import inspect
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ropewalk.cli.options import VERBS, Formatter, Parser, add_common, add_configuration, add_showing
from ropewalk.cli.output import configured, put
from ropewalk.types import Bench

if TYPE_CHECKING:
    from ropewalk.config import Settings


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
    return _commanded(name, arguments[1], command, options)


def _first_line(command: Callable[..., int]) -> str:
    return (command.__doc__ or "").strip().splitlines()[0]


def command_parser(system: str, name: str, command: Callable[..., int]) -> argparse.ArgumentParser:
    """The parser of a system's command. Its own options are its keyword arguments, each `Annotated` with its help and, where it is no
    file, what stands for it; `Annotated` arguments before them are given by place. A second argument that is a Settings record gives an
    option a field, and one for a file of them."""
    about = _first_line(command)
    made = Parser(f"ropewalk {system} {name}", description=about, formatter_class=Formatter)
    hints = typing.get_type_hints(command, include_extras=True)
    for placed in _placed(command):
        help_, *shown = hints[placed.name].__metadata__
        optional: dict[str, Any] = {} if placed.default is placed.empty else {"nargs": "?", "default": placed.default}
        made.add_argument(placed.name, metavar="".join(shown) or placed.name.upper(), help=help_, **optional)
    for own in _own(command):
        flag, (help_, *shown) = _flag(own.name), hints[own.name].__metadata__
        kind = hints[own.name].__origin__
        if own.default is False:
            made.add_argument(flag, action="store_true", help=help_)
        else:
            more: dict[str, Any] = {"type": kind} if kind in (int, float) else {}
            made.add_argument(
                flag, default=own.default, required=own.default is own.empty, metavar="".join(shown) or "FILE", help=help_, **more
            )  # fmt: skip
    record = _record(command)
    if record is not None:
        _add_record(made, *record)
    if _needs_no_store(command):
        add_showing(made)
        made.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    else:
        add_configuration(made)
        add_common(made)
    return made


def _add_record(made: argparse.ArgumentParser, name: str, model: type[Settings]) -> None:
    """An option a field, read as `--set` would read it, and one for a YAML file of them."""
    from ropewalk.config import describe

    group = made.add_argument_group(f"the {name}")
    group.add_argument(
        _flag(name), metavar="FILE", help="YAML file of the settings below, as `lead_time: 2`; options win over it"
    )
    for line in describe(model):
        notes = [line.unit] if line.unit else []
        if line.default not in ("None", "required"):
            notes.append(f"default: {line.default}")
        about = f"{line.about.rstrip('.')} ({'; '.join(notes)})" if notes else line.about.rstrip(".")
        shown = _metavar(model.model_fields[line.name].annotation) or line.name.upper()
        group.add_argument(_flag(line.name), metavar=shown, help=about.replace("%", "%%"))


def _metavar(annotation: Any) -> str:
    """N for a number, the words of a choice, nothing for a text."""
    inner = [a for a in typing.get_args(annotation) if a is not type(None)] or [annotation]
    if all(isinstance(word, str) for word in inner):
        return "|".join(inner)
    if typing.get_origin(inner[0]) is typing.Literal:
        return "|".join(typing.get_args(inner[0]))
    return "N" if inner[0] in (int, float) else ""


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _own(command: Callable[..., int]) -> list[inspect.Parameter]:
    return [p for p in inspect.signature(command).parameters.values() if p.kind is p.KEYWORD_ONLY]


def _placed(command: Callable[..., int]) -> list[inspect.Parameter]:
    """The options that are given by place: `ropewalk search query "..."`."""
    hints = typing.get_type_hints(command, include_extras=True)
    before = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    return [p for p in before if typing.get_origin(hints.get(p.name)) is typing.Annotated]


def _lent(command: Callable[..., int]) -> list[tuple[str, Any]]:
    """Names and types of what stands before the options."""
    hints = typing.get_type_hints(command)
    placed = [p.name for p in _placed(command)]
    parameters = inspect.signature(command).parameters.values()
    return [(p.name, hints.get(p.name)) for p in parameters if p.kind is not p.KEYWORD_ONLY and p.name not in placed]


def _needs_no_store(command: Callable[..., int]) -> bool:
    return _lent(command)[0][1] is Bench


def _record(command: Callable[..., int]) -> tuple[str, type[Settings]] | None:
    """Name and class of the settings that a command takes besides the system's."""
    found = _lent(command)[1:]
    return found[0] if found else None


def _commanded(system: str, name: str, command: Callable[..., int], options: argparse.Namespace) -> int:
    from ropewalk import api, catalogue, config, printing

    given: list[Any] = []
    record = _record(command)
    if record is not None:
        called, model = record
        sets = [f"{key}={value}" for key in model.model_fields if (value := getattr(options, key)) is not None]
        file = getattr(options, called)
        loaded = config.load(model, file=file, sets=sets, called=f"the {called}")
        named = {key: at for key, at in config.sources(loaded).items() if file and getattr(options, key) is None}
        given = [loaded.model_copy(update={key: _beside(file, address) for key, address in named.items()})]
    own = {p.name: getattr(options, p.name) for p in (*_placed(command), *_own(command))}
    if _needs_no_store(command):
        bench = api.bench(lambda body, text: put(options, body, text), options.seed, options.quiet)
        with catalogue.extras_of(system):
            return int(command(bench, *given, **own) or 0)

    def show(found: Mapping[str, Any], text: str = "") -> None:
        put(options, found, text or printing.counts(found))

    with catalogue.extras_of(system), api.desk(system, show, name, **configured(options)) as desk:
        return int(command(desk, *given, **own) or 0)


def _beside(file: str, address: str) -> str:
    """A path in a file of settings is meant from that file's folder; where nothing is there, from here."""
    there = Path(file).parent / address
    return address if "://" in address or (Path(address).exists() and not there.exists()) else str(there)
