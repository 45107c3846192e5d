"""The documentation inside the Python that runs this, as documents: real text that every user has, without a download.

Each module, class and function of the standard library with a docstring of at least `LEAST` words is one document. The sources
are parsed, not imported. What is written in C has no source here and is left out.
"""

from __future__ import annotations

import ast
import inspect
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LEAST = 8  # words
SKIPPED = {
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "site-packages",
    "__pycache__",
    "turtledemo",
    "ensurepip",
    "pydoc_data",
}


def documents() -> Iterator[dict[str, Any]]:
    """Documents in the order of their names: id `collections.OrderedDict.move_to_end`, title, text, module, kind."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if not SKIPPED & set(parts) and not path.name.startswith("_"):
            yield from _of_file(path, ".".join(parts))


def _of_file(path: Path, module: str) -> Iterator[dict[str, Any]]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return
    seen: set[str] = set()
    for name, node, kind in [(module, tree, "module"), *_named(tree, module)]:
        text = inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
        if len(text.split()) >= LEAST and name not in seen:
            seen.add(name)
            title = name if kind == "module" else f"{name}{_signature(node)}"
            yield {"id": name, "title": title, "text": text, "module": module.split(".")[0], "kind": kind}


def _named(node: ast.AST, inside: str) -> Iterator[tuple[str, Any, str]]:
    """Public classes and functions, with those inside classes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and not child.name.startswith("_"):
            yield f"{inside}.{child.name}", child, "function"
        elif isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield f"{inside}.{child.name}", child, "class"
            yield from _named(child, f"{inside}.{child.name}")


def _signature(node: Any) -> str:
    return f"({ast.unparse(node.args)})" if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else ""
