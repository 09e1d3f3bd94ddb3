"""A training's curves and the table of an ablation."""

from __future__ import annotations

from pathlib import Path

import pytest

from rabbench import report
from rabbench.report import build, training
from rabbench.report.render import markdown
from rabbench.types import Measurement, Results


def _row(phase: str, measure: str, value: float, **params: object) -> Measurement:
    return Measurement(
        system="rabtriever",
        phase=phase,
        measure=measure,
        value=value,
        unit="1",
        better="higher",
        params=params,
    )


LOG = [_row("train", "loss", 4.0 / step, step=step, seed=0, epoch=0.1) for step in (1, 2, 4)]
TRIED = [
    _row("ablation", "mrr", mrr, variant=variant, seed=seed)
    for variant, values in {
        "full": (0.50, 0.52, 0.51),
        "no-mse": (0.30, 0.33, 0.31),
        "off-policy": (0.49, 0.53, 0.51),
        "no-keep": (0.61, 0.62, 0.62),
    }.items()
    for seed, mrr in enumerate(values)
]


def test_a_log_becomes_a_curve_and_its_table() -> None:
    curve, log = training.sections(LOG)
    (figure,) = curve.figures
    assert figure.alt == "Loss against the training step: loss from 4 to 1."
    assert [cell.value for cell in curve.tables[0].cells[0]] == ["loss", 4.0, 1.0, 4]
    assert [[cell.value for cell in row] for row in log.tables[0].cells] == [
        [1, 4.0], [2, 2.0], [4, 1.0],
    ]  # fmt: skip


def test_an_ablation_states_differences_paired_by_seed() -> None:
    (section,) = training.sections(TRIED)
    full, without, uniform, _ = section.tables[0].cells
    assert [cell.value for cell in full] == ["full", pytest.approx(0.51), None, 3, "nothing"]
    assert full[1].interval == pytest.approx((0.485, 0.535), abs=5e-4)
    # Differences -0.20, -0.19, -0.20: mean -0.197, t(2) 4.303, s 0.00577 -> half 0.0143.
    assert without[2].value == pytest.approx(-0.1967, abs=1e-4)
    assert without[2].interval == pytest.approx((-0.2110, -0.1823), abs=1e-4)
    assert [cell.value for cell in without[3:]] == [3, "no JEPA energy"]
    assert uniform[2].value == pytest.approx(0)
    (sentence,) = training.ablation_sentences(TRIED)
    below, above, unclear = sentence.split("; ")[1:]
    assert below == "significantly below it: no-mse -0.197 (-0.211 to -0.182)"
    assert above == "significantly above it: no-keep +0.107 (+0.092 to +0.121)"
    assert unclear.startswith("not significant: off-policy")


def test_an_ablation_says_what_its_full_method_is() -> None:
    from dataclasses import asdict, replace

    from rabbench.config.train import StudentConfig, TrainingData

    student = StudentConfig(data=TrainingData(suite="demo"), start="state", keep=30.0)
    (section,) = training.sections(TRIED, {"student": asdict(student)})
    text = section.text[-1]
    assert "equal first scores for all documents" in text
    assert "asked about drift" in text  # whatever the weight: there is no start to hold them to
    assert text.endswith("learning rate 0.0001, training queries: all.")
    sampled = replace(student, data=TrainingData(suite="demo", max_queries=1200), start="answers")
    (section,) = training.sections(TRIED, {"student": asdict(sampled)})
    assert section.text[-1].endswith("training queries: a sample of 1,200.")
    assert "the teacher's answers" in section.text[-1]
    assert "not asked about with weight 30," in section.text[-1]


def test_an_ablation_is_a_table_in_the_terminal(tmp_path: Path) -> None:
    results = Results(command="train", config={"kind": "ablation"}, environment={}, rows=TRIED)
    (lines,) = report.write(results, tmp_path).tables
    assert lines[0].split() == [
        "variant", "mrr", "mrr,", "less", "full", "seeds", "what", "it", "changes",
    ]  # fmt: skip
    assert lines[2].startswith("no-mse      0.313 (0.275–0.351)  -0.197 (-0.211 to -0.182)  ")
    log = Results(command="train", config={"kind": "teacher"}, environment={}, rows=LOG)
    assert report.write(log, tmp_path).tables == []


def test_one_seed_gives_no_interval_and_no_verdict_of_difference() -> None:
    single = [row for row in TRIED if row.params["seed"] == 0]
    (section,) = training.sections(single)
    row = section.tables[0].cells[1]
    assert [cell.value for cell in row[:4]] == ["no-mse", 0.3, pytest.approx(-0.2), 1]
    assert [cell.interval for cell in row] == [None] * 5
    assert "below it" not in training.ablation_sentences(single)[0]


def test_a_training_has_a_page_of_its_own() -> None:
    results = Results(command="train", config={"kind": "ablation"}, environment={}, rows=TRIED)
    page = build.build_page(results, draw=False)
    assert page.title == "What each part of the distillation is worth"
    assert "| no-mse |" in markdown.render_markdown(page)
