"""The architecture as checks: imports point downward, the command line stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rabbench"
# Lower layers may not import higher ones; a folder's modules share its layer.
LAYERS = {
    "records": 0,
    "plugins": 1,
    "store": 1,
    "environment": 1,
    "speed": 1,
    "synthetic": 1,
    "trec": 1,
    "ties": 3,
    "selection": 4,
    "evaluation": 4,
    "course": 1,
    "progress": 6,
    "identity": 3,
    "lengths": 3,
    "querycost": 3,
    "models": 2,
    "systems": 3,
    "suites": 3,
    "measures": 3,
    "metrics": 3,
    "scaling": 4,
    "quality": 4,
    "calibration": 3,
    "doctor": 4,
    "training": 4,
    "remeasure": 4,
    "regression": 5,
    "check": 5,
    "check_arguments": 6,
    "archive": 5,
    "report_arguments": 6,
    "train_arguments": 6,
    "argument_types": 6,
    "plan": 4,
    "demo": 4,
    "complexity": 5,
    "pareto": 5,
    "significance": 5,
    "breakeven": 5,
    "report": 5,
    "_frame": 5,
    "arguments": 6,
    "configured": 6,
    "cli": 6,
    "__main__": 6,
}
# What one room may not know of another on its own layer or below.
STRANGERS = {
    "systems": {"suites", "measures", "metrics"},
    "suites": {"systems", "measures", "models"},
    "measures": {"systems", "suites", "models", "store"},
    "models": {"systems", "suites", "measures", "store"},
    "metrics": {"systems", "suites", "measures", "store"},
    "significance": {"quality", "evaluation", "systems", "suites", "metrics", "report"},
    "querycost": {"systems", "suites", "models"},
    "complexity": {"scaling", "quality", "systems", "measures", "models"},
    "report": {"scaling", "quality", "systems", "measures", "models"},
    "regression": {"scaling", "quality", "systems", "measures", "models"},
}
HEAVY = {"torch", "transformers", "ranx", "ir_datasets", "matplotlib", "pandas", "numba", "numpy"}


def _imports(path: Path) -> set[str]:
    """First-level rabbench modules that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] == "rabbench":
                names = parts[1:2] or [alias.name for alias in node.names]
                found.update(names)
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found.update(parts[1] for parts in names if parts[0] == "rabbench" and len(parts) > 1)
    return found & LAYERS.keys()


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(path for path in PACKAGE.rglob("*.py") if _room(path) != "__init__")


def test_every_room_has_a_layer() -> None:
    assert {_room(path) for path in FILES} <= LAYERS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downward(path: Path) -> None:
    room = _room(path)
    for other in _imports(path) - {room}:
        assert LAYERS[other] <= LAYERS[room], f"{room} imports {other} above it"
        assert other not in STRANGERS.get(room, ()), f"{room} may not know {other}"


def test_the_core_imports_the_standard_library_only() -> None:
    code = f"import sys, rabbench.types; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, rabbench.cli; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
