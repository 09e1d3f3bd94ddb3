"""The architecture as checks: seven files at the root, floors, no cycle, a light command line."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rabbench"
ROOT_FILES = 7
IMPORT_DEPTH = 11  # of the places below, by what they import
FLOORS = {
    "__main__": 9,
    "cli": 8,
    "check": 7,
    "bundle": 7,
    "report": 6,
    "plan": 5,
    "train": 5,
    "quality": 4,
    "scaling": 3,
    "systems": 2,
    "suites": 2,
    "measures": 2,
    "config": 1,
    "models": 1,
    "stats": 1,
    "types": 0,
    "results": 0,
    "registry": 0,
    "environment": 0,
    "trec": 0,
    "__init__": 0,
}
"""A place may import what stands on a lower floor, or, on one floor, what closes no cycle."""

STRANGERS = {
    "systems": {"suites", "measures"},
    "suites": {"systems", "measures", "models"},
    "measures": {"systems", "suites", "models", "results"},
    "models": {"results", "trec", "registry"},
    "stats": {"results", "trec", "registry", "environment"},
    "report": {"systems", "suites", "measures", "models", "train"},
}
"""What a place may not know though it stands below or beside it."""

RUNNERS = {"rabbench.scaling.sweep", "rabbench.quality.evaluation", "rabbench.quality.job"}
READERS = ("report", "check.exact", "check.noisy", "check.gate", "check.reading")
"""Readers judge results files: they may not run anything."""

HEAVY = {"torch", "transformers", "ranx", "ir_datasets", "matplotlib", "pandas", "numba", "numpy"}


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _place(module: str) -> str:
    """``rabbench.report.cost.ledger`` stands in ``report``."""
    return module.split(".")[1] if "." in module else "__init__"


def _imported(path: Path) -> Iterator[str]:
    """The package's own modules that a file imports, at its head, lazily or for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] != "rabbench":
                continue
            for alias in node.names:
                full_name = f"{node.module}.{alias.name}"
                yield full_name if full_name in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


IMPORTS = {module: set(_imported(path)) - {module} for module, path in MODULES.items()}


def test_there_are_few_files_at_the_root_and_every_place_has_a_floor() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= ROOT_FILES
    assert {_place(module) for module in MODULES} == FLOORS.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    place = _place(module)
    for imported in IMPORTS[module] - {"rabbench"}:  # the package's face holds the version
        below = _place(imported)
        assert FLOORS[below] <= FLOORS[place], f"{module} imports {imported}, which is above it"
        assert below not in STRANGERS.get(place, ()), f"{module} may not know {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_readers_run_nothing(module: str) -> None:
    if module.removeprefix("rabbench.").startswith(READERS):
        assert not IMPORTS[module] & RUNNERS


def test_no_modules_import_each_other() -> None:
    graph = {module: imported - {"rabbench"} for module, imported in IMPORTS.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle of imports: {' → '.join(error.args[1])}")


def test_places_are_at_most_eleven_deep() -> None:
    graph: dict[str, set[str]] = {place: set() for place in FLOORS}
    for module, imported in IMPORTS.items():
        graph[_place(module)] |= {_place(name) for name in imported} - {_place(module), "__init__"}
    depth: dict[str, int] = {}
    for place in TopologicalSorter(graph).static_order():
        depth[place] = 1 + max((depth[below] for below in graph[place]), default=0)
    assert max(depth.values()) <= IMPORT_DEPTH, depth


def _loaded_with(module: str) -> str:
    code = f"import sys, {module}; print(sorted({HEAVY!r} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return process.stdout.strip() or process.stderr


@pytest.mark.parametrize("module", ["rabbench", "rabbench.types", "rabbench.cli"])
def test_the_core_and_the_command_line_load_nothing_heavy(module: str) -> None:
    assert _loaded_with(module) == "[]"
