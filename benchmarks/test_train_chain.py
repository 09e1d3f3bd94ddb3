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
from rabbench.results import FILENAME, write_text


@pytest.mark.parametrize("size", train_chain.SIZES)
@pytest.mark.parametrize("name", train_chain.TASKS)
def test_every_command_is_understood(size: str, name: str, tmp_path: Path) -> None:
    task = train_chain.TASKS[name]
    found = list(train_chain.steps(name, task, size, "smollm2-135m", tmp_path))
    given = {folder.name: build_parser().parse_args(command) for folder, command in found}
    assert {"teacher", "student", "biencoder", "quality", "untrained"} <= given.keys()
    teacher = tmp_path / name / "teacher"
    for kind in {"student", "ablation", "plain"} & given.keys():
        assert given[kind].teacher == str(teacher)
    ranked = vars(given["quality"])
    untrained = vars(given["untrained"])
    for other in ("suite", "datasets", "depth", "max_doc_tokens", "max_query_tokens"):
        assert untrained[other] == ranked[other], other
    # The first of the same sample, if not all of it.
    assert (untrained["max_queries"] or 1e9) <= (ranked["max_queries"] or 1e9)
    # What a model reads of a text is the same in training and in ranking.
    for kind in {"teacher", "student", "biencoder", "ablation", "plain"} & given.keys():
        for limit in ("max_doc_tokens", "max_query_tokens"):
            assert vars(given[kind])[limit] == ranked[limit], (kind, limit)


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A chain whose commands only leave their folder; ``stop`` names one that fails."""
    told: dict[str, Any] = {"ran": [], "stop": "", "met": True}

    def main(command: list[str]) -> int:
        folder = Path(command[command.index("--out") + 1])
        if folder.name == told["stop"]:
            write_text(folder / FILENAME, "{}")
            return 130
        told["ran"].append(folder.name)
        write_text(folder / "report.md", "")
        return 0

    monkeypatch.setattr(cli, "main", main)
    monkeypatch.setattr(train_chain, "load", lambda folder: folder)
    monkeypatch.setattr(train_chain.card, "add_scores", lambda *_: None)
    verdict = train_thresholds.Verdict
    monkeypatch.setattr(
        train_thresholds,
        "judged",
        lambda _, held: [verdict("a claim", told["met"], "1 of 2", held="biencoder" in held)],
    )
    monkeypatch.setattr(
        "sys.argv", ["train_chain.py", "--datasets", "saycan", "--out", str(tmp_path)]
    )
    return told


def test_it_goes_on_where_it_was_interrupted(
    chain: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(train_chain.time, "monotonic", itertools.count().__next__)
    chain["stop"] = "biencoder"
    assert train_chain.main() == 130
    chain["stop"] = ""
    assert train_chain.main() == 0
    assert chain["ran"] == ["teacher", "student", "biencoder", "quality", "untrained"]
    taken = json.loads((tmp_path / "seconds-saycan.json").read_text())
    # What was spent before the stop counts.
    assert taken == {name: 2 if name == "biencoder" else 1 for name in chain["ran"]}


def test_a_claim_that_is_not_met_fails_it_but_on_scifact(
    chain: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    chain["met"] = False
    assert train_chain.main() == 1
    assert "NOT MET  a claim: 1 of 2" in capsys.readouterr().out
    (kept,) = json.loads((tmp_path / "saycan" / "thresholds.json").read_text())
    assert (kept["claim"], kept["met"]) == ("a claim", False)
    monkeypatch.setitem(train_chain.TASKS, "saycan", train_chain.TASKS["scifact"])
    assert train_chain.main() == 0
