"""The chain of trainings: its commands exist, it goes on after a stop, it fails where it must."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import train_chain
import train_thresholds

from rabbench import cli
from rabbench.cli.parser import build_parser
from rabbench.results import FILENAME, write_file


@pytest.mark.parametrize("size", train_chain.SIZES)
@pytest.mark.parametrize("name", train_chain.TASKS)
def test_every_command_is_understood(size: str, name: str, tmp_path: Path) -> None:
    task = train_chain.TASKS[name]
    steps = list(train_chain.steps(name, task, size, "smollm2-135m", tmp_path))
    options = {folder.name: build_parser().parse_args(command) for folder, command in steps}
    assert {"teacher", "student", "biencoder", "quality", "untrained"} <= options.keys()
    teacher = tmp_path / name / "teacher"
    for kind in {"student", "ablation", "plain"} & options.keys():
        assert options[kind].teacher == str(teacher)
    ranked = vars(options["quality"])
    untrained = vars(options["untrained"])
    for option in ("suite", "datasets", "depth", "max_doc_tokens", "max_query_tokens"):
        assert untrained[option] == ranked[option], option
    # The first of the same sample, if not all of it.
    assert (untrained["max_queries"] or 1e9) <= (ranked["max_queries"] or 1e9)
    # What a model reads of a text is the same in training and in ranking.
    for kind in {"teacher", "student", "biencoder", "ablation", "plain"} & options.keys():
        for limit in ("max_doc_tokens", "max_query_tokens"):
            assert vars(options[kind])[limit] == ranked[limit], (kind, limit)


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A chain whose commands only leave their folder; ``stop`` names one that fails."""
    script: dict[str, Any] = {"ran": [], "stop": "", "met": True}

    def main(command: list[str]) -> int:
        folder = Path(command[command.index("--out") + 1])
        if folder.name == script["stop"]:
            write_file(folder / FILENAME, "{}")
            return 130
        script["ran"].append(folder.name)
        write_file(folder / "report.md", "")
        return 0

    monkeypatch.setattr(cli, "main", main)
    monkeypatch.setattr(train_chain, "load_results", lambda folder: folder)
    monkeypatch.setattr(train_chain.card, "add_scores", lambda *_: None)
    verdict = train_thresholds.Verdict
    monkeypatch.setattr(
        train_thresholds,
        "judge",
        lambda _, claims: [
            verdict("a claim", script["met"], "1 of 2", required="biencoder" in claims)
        ],
    )
    monkeypatch.setattr(
        "sys.argv", ["train_chain.py", "--datasets", "saycan", "--out", str(tmp_path)]
    )
    return script


def test_it_goes_on_where_it_was_interrupted(
    chain: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(train_chain.time, "monotonic", itertools.count().__next__)
    chain["stop"] = "biencoder"
    assert train_chain.main() == 130
    chain["stop"] = ""
    assert train_chain.main() == 0
    assert chain["ran"] == ["teacher", "student", "biencoder", "quality", "untrained"]
    seconds = json.loads((tmp_path / "seconds-saycan.json").read_text())
    # What was spent before the stop counts.
    assert seconds == {name: 2 if name == "biencoder" else 1 for name in chain["ran"]}


def test_a_claim_that_is_not_met_fails_it_but_on_scifact(
    chain: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    chain["met"] = False
    assert train_chain.main() == 1
    assert "NOT MET  a claim: 1 of 2" in capsys.readouterr().out
    (entry,) = json.loads((tmp_path / "saycan" / "thresholds.json").read_text())
    assert (entry["claim"], entry["met"]) == ("a claim", False)
    monkeypatch.setitem(train_chain.TASKS, "saycan", train_chain.TASKS["scifact"])
    assert train_chain.main() == 0
