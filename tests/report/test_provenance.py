"""The command that a report names gives the configuration that its results were made with."""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict, replace
from typing import Any

import pytest

from rabbench import quality, scaling
from rabbench.cli import train_options
from rabbench.cli.configs import quality_config, scaling_config
from rabbench.cli.parser import build_parser
from rabbench.report import build, command
from rabbench.report.page import Table
from rabbench.report.render import html, markdown
from rabbench.types import Options, Results

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
    line = command.line("scaling", asdict(SWEEP))
    assert scaling_config(_parsed(line)) == SWEEP


def test_an_evaluation_comes_again_from_its_command() -> None:
    line = command.line("quality", asdict(EVALUATION))
    assert "'bm25>>teacher,run:my runs/a.trec'" in line
    assert quality_config(_parsed(line)) == EVALUATION


@pytest.mark.parametrize(
    "words",
    [
        "teacher --suite demo --negatives dense --objective dpo --beta 0.2 --lora-layers 3",
        "student --suite demo --teacher runs/teacher --tau 0.5 --reverse-kl 0 --no-latent",
        "biencoder --suite demo --model runs/x --epochs 2",
        "student --suite demo --teacher runs/teacher --start state --keep 0",
        "ablation --suite demo --teacher runs/teacher --seeds 2 --variants no-mse --no-latent",
    ],
)
def test_a_training_comes_again_from_its_command(words: str) -> None:
    arguments = build_parser().parse_args(["train", *shlex.split(words)])
    config = train_options.training_config(arguments, OPTIONS)
    line = command.line("train", {"kind": arguments.kind, **asdict(config)})
    again = _parsed(line)
    assert train_options.training_config(again, OPTIONS) == config


WHERE = {"--help", "--out", "--resume", "--json", "--quiet"}  # change no figure
AHEAD = {"--predict", "--budget"}  # nor do these


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        ("scaling", {*command.SWEEP.values(), *AHEAD}),
        ("quality", {*command.EVALUATION.values(), *AHEAD}),
        *((f"train {kind}", {*found.values()}) for kind, found in command.TRAININGS.items()),
    ],
)
def test_no_option_is_left_out_of_a_command(
    words: str, flags: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args([*words.split(), "--help"])
    offered = set(re.findall(r"^ +(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert offered >= {"--seed", "--device"}
    assert offered - flags - WHERE <= {"--no-latent"}  # a word of its own in ``command.line``


def test_an_unknown_command_has_its_name_alone() -> None:
    assert command.line("polish", {"depth": 3}) == "rabbench polish"


def test_a_report_says_how_to_get_it_again(demo: Results) -> None:
    results = replace(demo, command="quality", config=asdict(EVALUATION))
    page = build.build_page(results, draw=False)
    section = page.sections[-1]
    assert section.id == "provenance"
    assert section.code[0] == "git checkout d78d442"
    assert (
        "Measured with rabbench 0.1.0 on Example CPU @ 2.5 GHz, 2 cores, 8.00 GiB"
        in (section.text[0])
    )
    tables: dict[str, Table] = {table.id: table for table in section.tables}
    assert tables["inputs"].rows[0] == (
        "data set", "beir/scifact", "https://example.org/scifact", "CC BY-NC 2.0",
        "9f86d081884c7d65",
    )  # fmt: skip
    assert ("model", "smollm2-135m", "–", "–", "–") in tables["inputs"].rows
    assert ("options.depth", "10") in tables["configuration"].rows
    assert ("torch", "2.13.0") in tables["software"].rows
    assert shlex.quote("bm25>>teacher,run:my runs/a.trec").replace("'", "&#39;").replace(
        ">", "&gt;"
    ) in html.render_html(page)
    assert "```sh\ngit checkout d78d442\nrabbench quality --suite beir" in markdown.render_markdown(
        page
    )
