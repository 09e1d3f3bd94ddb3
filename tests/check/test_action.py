"""The action for other repositories: what its page says is what it takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from rabbench.cli.parser import build_parser

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "actions" / "check"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="not in a source distribution")


@pytest.fixture
def page() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def _yaml(path: Path) -> Any:
    import yaml  # comes with transformers

    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_every_command_of_the_page_is_understood(page: str) -> None:
    lines = page.replace("\\\n", " ").replace("$i", "1").splitlines()
    rabbench = re.compile(r" *(?:\w+/bin/)?rabbench (?:scaling|quality|check) ")
    commands = [shlex.split(line) for line in lines if rabbench.match(line)]
    assert len(commands) == 9
    for words in commands:
        assert build_parser().parse_args(words[1:]).command == words[1]


def test_the_page_lists_the_inputs_with_their_defaults(page: str) -> None:
    inputs = _yaml(FOLDER / "action.yml")["inputs"]
    rows = re.findall(r"^\| `([a-z-]+)` \| .* \| (.*) ?\|$", page, re.MULTILINE)
    page_defaults = {name: default.strip().strip("`") for name, default in rows}
    action_defaults = {name: fields.get("default", "required") for name, fields in inputs.items()}
    assert page_defaults == action_defaults


def test_the_workflow_runs_every_committed_baseline() -> None:
    jobs = _yaml(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    checked = jobs["regress"]["strategy"]["matrix"]["baseline"]
    folder = ROOT / "benchmarks" / "baselines"
    committed = {path.stem for path in folder.glob("*.json")}
    assert set(checked) == committed
    gated = re.findall(r"baselines/([\w-]+)\.json", (ROOT / "tox.ini").read_text(encoding="utf-8"))
    assert set(gated) == committed
