"""The three counters agree, and a planted error in any of them is caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rabbench import plugins, scaling
from rabbench.measures import flops
from rabbench.models.backbone import resolve
from rabbench.models.meta import after_body
from rabbench.records import Options, Point, Settings, Shape

TRANSFORMERS = tuple(name for name in plugins.names("systems") if name != "bm25")


def _points(options: Options, *lengths: int) -> list[Point]:
    config = scaling.ScalingConfig(
        max_doc_len=max(lengths),
        min_doc_len=min(lengths),
        points=len(lengths),
        query_len=7,
        systems=TRANSFORMERS,
        options=options,
    )
    return scaling.plan(config)


def test_every_transformer_phase_agrees_to_one_percent(options: Options) -> None:
    rows = list(flops.measure(_points(options, 16, 200), Settings()))
    dense = [row for row in rows if row.params.get("pairs") == "dense"]
    assert len(dense) == 2 * (3 + 1 + 2 + 3 + 3)
    for row in dense:
        assert row.status == "ok", row.params.get("message")
        assert row.params["agreement"] <= 0.01
        assert row.value == row.params["closed_form"]
    for row in dense:
        if row.system != "dense":
            assert row.params["torch"] == row.params["closed_form"] == row.params["fvcore"], row


def test_a_lost_attention_term_fails_and_names_the_operators(tiny_model: Path) -> None:
    """The trap itself: fused attention on a real CPU tensor, which no counter sees."""
    backbone = resolve(str(tiny_model))
    body = backbone.model.base_model
    ids = torch.zeros(1, 300, dtype=torch.long)

    class Fused(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.body(input_ids=ids, use_cache=False).last_hidden_state
            return states[:, -1]

    counts = flops.count(Fused().eval(), (ids,))
    assert flops.disagreement(backbone.shape.body(300), counts) > 0.3
    assert any("scaled_dot_product" in name and "torch" in name for name in counts.unseen)
    assert any("scaled_dot_product" in name and "fvcore" in name for name in counts.unseen)


def test_a_planted_error_gives_a_row_without_a_value(options: Options) -> None:
    (point,) = [p for p in _points(options, 64) if p.system == "teacher"]
    workload = point.build()
    assert workload.closed_form is not None
    linear = 2 * workload.closed_form("dense") // 3
    wrong = replace(point, build=lambda: replace(workload, closed_form=lambda _: linear))
    (row,) = flops.measure([wrong], Settings())
    assert row.status == "error"
    assert row.value is None
    assert "FLOP counts differ by 50.0%" in row.params["message"]


def test_a_phase_without_tensors_is_not_counted(options: Options) -> None:
    config = scaling.ScalingConfig(
        max_doc_len=16, min_doc_len=16, systems=("bm25",), options=options
    )
    rows = list(flops.measure(scaling.plan(config), Settings()))
    assert {row.phase for row in rows} == {"index", "query", "score"}
    assert {(row.value, row.status) for row in rows} == {(None, "unsupported")}


def test_meta_needs_no_weights_and_counts_seven_billion() -> None:
    backbone = resolve("qwen2-7b")
    head = backbone.meta_model.get_output_embeddings()
    counted, unseen = flops.count_torch(
        *after_body(backbone.meta_model.base_model, [(1, 4096)], head)
    )
    assert counted == backbone.shape.body(4096) + backbone.shape.head()
    assert not unseen
    assert "model" not in backbone.__dict__


def test_shape_params_are_the_contracts() -> None:
    assert Shape(doc_len=1, query_len=2).params().keys() == {
        "doc_len", "query_len", "n_docs", "n_queries", "k", "batch",
    }  # fmt: skip
