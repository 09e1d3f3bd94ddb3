"""The echoed command gives the configuration that it was rendered from."""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace
from typing import Any

import pytest

from rabbench import quality, scaling
from rabbench.cli.configs import configure, scaling_config
from rabbench.cli.parser import build_parser
from rabbench.config import CONFIGS
from rabbench.config.echo import render_command
from rabbench.config.options import Options

OPTIONS = Options(model="org/name@1a2b", seed=7, batch=4)
SWEEP = scaling.ScalingConfig(
    max_doc_len=2048,
    points=9,
    systems=("teacher", "rabtriever"),
    attention=("sdpa", "eager"),
    memory_limit=4 << 30,
    breakeven={"n_docs": 50, "training_s": 5400.0},
    options=replace(OPTIONS, extrapolate=True, batch=16),
)
EVALUATION = quality.QualityConfig(
    suite="beir",
    datasets=("scifact",),
    systems=("bm25>>teacher", "run:my runs/a.trec"),
    metrics=("ndcg@10",),
    max_queries=50,
    baseline="bm25>>teacher",
    options=replace(
        OPTIONS, biencoder_model="runs/pair", max_query_len=64, depth=10, attention="eager"
    ),
)


def _parsed(line: str) -> Any:
    name, *words = shlex.split(line)
    assert name == "rabbench"
    return build_parser().parse_args(words)


def test_a_sweep_comes_again_from_its_command() -> None:
    line = render_command("scaling", asdict(SWEEP))
    assert scaling_config(_parsed(line)) == SWEEP


def test_an_evaluation_comes_again_from_its_command() -> None:
    line = render_command("quality", asdict(EVALUATION))
    assert "'bm25>>teacher,run:my runs/a.trec'" in line
    assert configure(quality.QualityConfig, _parsed(line)) == EVALUATION


def test_an_option_whose_default_is_left_out_is_named_where_it_differs() -> None:
    line = render_command("quality", asdict(EVALUATION))
    assert "--attention eager" in line
    assert "--biencoder-model runs/pair" in line
    assert "--dense-model" not in line


@pytest.mark.parametrize("kind", ["student", "ablation"])
def test_a_training_names_its_teacher_and_each_flag_once(kind: str) -> None:
    words = ["train", kind, "--suite", "demo", "--teacher", "runs/a", "--no-latent", "--seed", "3"]
    config = configure(CONFIGS[f"train {kind}"], build_parser().parse_args(words))
    line = shlex.split(render_command("train", {"kind": kind, **asdict(config)}))
    flags = [word for word in line if word.startswith("--")]
    assert len(flags) == len(set(flags)) > 25
    assert line[line.index("--teacher") + 1] == "runs/a"
    assert line[line.index("--seed") + 1] == "3"
    assert {"--no-latent", "--depth", "--max-doc-tokens"} <= set(flags)


def test_an_older_file_without_an_option_leaves_it_out() -> None:
    config = {"kind": "student", "data": {"suite": "demo"}, "options": {"model": "runs/a"}}
    line = render_command("train", config)
    assert line == "rabbench train student --suite demo --teacher runs/a"


def test_an_unknown_command_has_its_name_alone() -> None:
    assert render_command("polish", {"depth": 3}) == "rabbench polish"
