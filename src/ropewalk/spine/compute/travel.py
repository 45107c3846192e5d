"""How a task of `Job.map` and its result travel to another process: as bytes, the same for processes and for Ray.

So what is refused or changed on the way does not depend on who works: an array that comes back can be written to, an error
is the one that was raised, with the place where it happened as a note.
"""

from __future__ import annotations

import importlib.machinery
import os
import pickle
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ropewalk.errors import MissingError

Task = tuple[Callable[[Any, int], Any], Any, int]  # function, item, seed


def pack(task: Task, dumps: Callable[[Any], bytes] = pickle.dumps) -> bytes:
    return pickle.dumps((os.getcwd(), one_file(task[0]), dumps(task)))


def work(packed: bytes, dumps: Callable[[Any], bytes] = pickle.dumps) -> bytes:
    """Do a task that was packed, here where it arrived; an error is a result, with its trace as a note."""
    try:
        folder, files, inner = pickle.loads(packed)
        if Path(folder).is_dir():  # also where Ray's nodes began elsewhere: a relative path means the same
            os.chdir(folder)
        for name, path, text in files:
            _install(name, path, text)
        function, item, seed = pickle.loads(inner)
        return dumps((True, function(item, seed)))
    except Exception as error:
        return pickle.dumps((False, _portable(error)))


def unpack(data: bytes) -> Any:
    fine, found = pickle.loads(data)
    if fine:
        return found
    raise found


def _portable(error: Exception) -> Exception:
    """The error as it can travel; what cannot is told by its name and sentence."""
    trace = f"On {socket.gethostname()}, process {os.getpid()}:\n{''.join(traceback.format_exception(error))}"
    if isinstance(error, ModuleNotFoundError):
        error = MissingError(
            "package", error.name or str(error), hint=f"It is not on {socket.gethostname()}, where a task of map ran."
        )
    try:
        again = pickle.loads(pickle.dumps(error))
        if type(again) is not type(error) or str(again) != str(error):
            raise TypeError
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(trace)
    return error


def home(function: Any) -> ModuleType | None:
    """The module of a function, or of the function in a partial."""
    while hasattr(function, "func"):
        function = function.func
    return sys.modules.get(getattr(function, "__module__", None) or "")


def importable(module: ModuleType) -> bool:
    """Does an import of its name find it, in a process that has not seen it yet?"""
    top = module.__name__.partition(".")[0]
    return top in sys.builtin_module_names or importlib.machinery.PathFinder.find_spec(top) is not None


def one_file(function: Any) -> list[tuple[str, str, str]]:
    """(name, path, source) of the function's module when no import finds it: a system that was named by its file."""
    module = home(function)
    path = getattr(module, "__file__", None)
    if module is None or path is None or module.__name__ == "__main__" or importable(module):
        return []
    return [(module.__name__, path, Path(path).read_text(encoding="utf-8"))]


def _install(name: str, path: str, text: str) -> None:
    if name in sys.modules and getattr(sys.modules[name], "__source__", text) == text:
        return
    module = ModuleType(name)
    module.__file__ = path
    module.__dict__["__source__"] = text
    sys.modules[name] = module
    exec(compile(text, path, "exec", dont_inherit=True), module.__dict__)
