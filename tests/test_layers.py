"""Imports point down. The layers are in docs/story.md; the offender is named with its line."""

import ast
from pathlib import Path

import pytest

import ropewalk

ROOT = Path(ropewalk.__file__).parent
# Who may import whom: the first prefix that fits a module is its room, and what it may import from the package.
LOW = ("ropewalk.types", "ropewalk.errors", "ropewalk.whole")
ROOMS: list[tuple[str, tuple[str, ...]]] = [
    ("ropewalk.types", ()),
    ("ropewalk.errors", ()),
    ("ropewalk.whole", ()),
    ("ropewalk.config", LOW),
    ("ropewalk.store", LOW),
    ("ropewalk.methods", LOW),
    ("ropewalk.spine", (*LOW, "ropewalk.config", "ropewalk.store", "ropewalk.methods")),
    ("ropewalk.lifecycle", (*LOW, "ropewalk.config", "ropewalk.store", "ropewalk.methods", "ropewalk.spine")),
    (
        "ropewalk.systems",
        (
            *LOW,
            "ropewalk.config",
            "ropewalk.store",
            "ropewalk.methods",
            "ropewalk.spine.data",
            "ropewalk.spine.monitoring",
        ),
    ),
]


def modules():
    """Everything below the top: `ropewalk/__init__.py` itself hands over what is asked for by name."""
    return [p for p in sorted(ROOT.rglob("*.py")) if not p.name.endswith("_test.py") and p != ROOT / "__init__.py"]


def name_of(path):
    return ".".join(["ropewalk", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


def imports(path):
    """(line, module) of every import of ours, also those inside functions, without those for the type checker only."""
    tree = ast.parse(path.read_text())
    hidden = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names if a.name.partition(".")[0] == "ropewalk")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "ropewalk":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                is_module = (ROOT.parent / Path(*whole.split("."))).with_suffix(".py").exists() or (
                    ROOT.parent / Path(*whole.split(".")) / "__init__.py"
                ).exists()
                yield node.lineno, whole if is_module else node.module


def own_room(name):
    """A part of the spine, a system and every other top-level module may import itself."""
    parts = name.split(".")
    deep = 3 if parts[1:2] and parts[1] in ("spine", "systems", "methods") else 2
    return ".".join(parts[:deep])


def allowed(name, target):
    if target == own_room(name) or target.startswith(own_room(name) + "."):
        return True
    if target == "ropewalk":  # the version, nothing else
        return True
    for room, may in ROOMS:
        if name == room or name.startswith(room + "."):
            return any(target == m or target.startswith(m + ".") for m in may)
    return True  # cli, api, catalogue, printing: layer 4


def offenders():
    return [
        f"{path.relative_to(ROOT.parent)}:{line} ({name_of(path)}) imports {target}"
        for path in modules()
        for line, target in imports(path)
        if not allowed(name_of(path), target)
    ]


def test_imports_point_down():
    assert offenders() == []


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("ropewalk.store.blobs", "ropewalk.spine.data.sources"),
        ("ropewalk.spine.serving.app", "ropewalk.spine.monitoring.page"),
        ("ropewalk.systems.inventory.data", "ropewalk.systems.search"),
        ("ropewalk.systems.inventory.data", "ropewalk.lifecycle.stages"),
        ("ropewalk.lifecycle.stages", "ropewalk.systems.inventory"),
        ("ropewalk.methods.stats.drift", "ropewalk.store"),
        ("ropewalk.types", "ropewalk.errors"),
    ],
)
def test_the_walk_would_name_an_offender(name, target):
    assert not allowed(name, target)
