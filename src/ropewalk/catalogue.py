"""Find systems by name, and import one only when it is named.

A system is a folder of `ropewalk.systems`, an entry point of the group `ropewalk.systems`, a Python file
(`my_system.py`, or `my_system.py:name`), or `module:name`. The folder is the registration: no list is edited.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from ropewalk.errors import MissingError, RopewalkError
from ropewalk.types import System

GROUP = "ropewalk.systems"


def names() -> list[str]:
    """Every system that can be named, without importing any."""
    folder = Path(__file__).parent / "systems"
    own = [p.parent.name for p in folder.glob("*/__init__.py")]
    return sorted({*own, *(e.name for e in metadata.entry_points(group=GROUP))})


def describe() -> dict[str, str]:
    """name -> what it decides, for every system that can be named; where an extra is missing, which."""
    said = {}
    for name in names():
        try:
            said[name] = find(name).about
        except RopewalkError as error:
            said[name] = f"not usable: {error}"
    return said


def find(name: str) -> System[Any]:
    """The system called `name`. MissingError says what there is, or which extra to install."""
    with extras_of(name):
        return _attribute(*_module(name))


@contextmanager
def extras_of(name: str) -> Iterator[None]:
    """Whatever is imported inside: MissingError says which extra to install where a package is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "ropewalk"):
            raise
        raise MissingError(
            "package", missing, hint=f"The system {name!r} needs it: pip install 'ropewalk[{name}]'."
        ) from error


def _module(name: str) -> tuple[ModuleType, str, str]:
    path, _, attribute = name.partition(":")
    if path.endswith(".py"):
        return _file(Path(path)), attribute or "system", name
    if attribute:
        return importlib.import_module(path), attribute, name
    for entry in metadata.entry_points(group=GROUP, name=name):
        return importlib.import_module(entry.module), entry.attr or "system", name
    if name not in names():
        raise MissingError("system", name, names(), "A system of your own: give its file, as in my_system.py.")
    return importlib.import_module(f"ropewalk.systems.{name}"), "system", name


def _file(path: Path) -> ModuleType:
    if not path.exists():
        raise MissingError("file", str(path), hint=f"It was looked for at {path.absolute()}.")
    # A name that pickle finds again in another process of ours.
    name = f"ropewalk_file_{path.stem}"
    found = sys.modules.get(name)
    if found is not None and getattr(found, "__file__", None) == str(path.absolute()):
        return found
    spec = importlib.util.spec_from_file_location(name, path.absolute())
    if spec is None or spec.loader is None:
        raise RopewalkError(f"{path} can not be read as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise RopewalkError(f"{path}, line {error.lineno}: {error.msg}") from error
    return module


def _attribute(module: ModuleType, attribute: str, name: str) -> System[Any]:
    found = getattr(module, attribute, None)
    if not isinstance(found, System):
        raise RopewalkError(
            f"{name} has no `{attribute}` that is a ropewalk.types.System; end the file with `system = System(...)`"
        )
    return found
