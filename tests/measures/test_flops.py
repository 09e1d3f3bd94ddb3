"""The three counters agree, and a planted error in any of them is caught."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from torch.utils.flop_counter import flop_registry

from rabbench import registry
from rabbench.config.options import Options
from rabbench.measures import flops
from rabbench.models.backbone import resolve
from rabbench.models.meta import trace_body
from rabbench.scaling import sweep as scaling
from rabbench.types import Measurement, Point, Settings, Shape, Workload

TRANSFORMERS = tuple(name for name in registry.names("systems") if name not in {"bm25", "hybrid"})


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


def _phases(name: str, options: Options) -> tuple[str, ...]:
    return tuple(registry.load("systems", name).build(options).phases)


def test_every_transformer_phase_agrees_to_one_percent(options: Options) -> None:
    rows = list(flops.measure(_points(options, 16, 200), Settings()))
    dense = [row for row in rows if row.params.get("pairs") == "dense"]
    phases = [(row.system, row.phase) for row in dense]
    # All but a sparse encoder's score, which is a sparse product.
    expected = {(name, phase) for name in TRANSFORMERS for phase in _phases(name, options)}
    assert sorted(phases) == sorted(2 * list(expected - {("sparse", "score")}))
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
    assert any("scaled_dot_product" in name and "torch" in name for name in counts.uncounted)
    assert any("scaled_dot_product" in name and "fvcore" in name for name in counts.uncounted)


def _planted(options: Options, monkeypatch: pytest.MonkeyPatch, where: str) -> list[Measurement]:
    """Rows of the teacher at three lengths with one of the three counts wrong.

    Beyond 300 tokens torch's formula of a batched product says nothing, or fvcore knows no
    ``matmul`` at all, or the closed form has no attention.
    """
    points = [point for point in _points(options, 16, 40, 350) if point.system == "teacher"]
    if where == "torch":
        formula = flop_registry[torch.ops.aten.bmm]

        def short_only(*args: Any, **kwargs: Any) -> int:
            return 0 if max(args[0].shape) > 300 else int(formula(*args, **kwargs))

        short_only._get_raw = True
        monkeypatch.setitem(flop_registry, torch.ops.aten.bmm, short_only)
    elif where == "fvcore":
        handlers = sys.modules[FlopCountAnalysis.__module__]._DEFAULT_SUPPORTED_OPS
        monkeypatch.delitem(handlers, "aten::matmul")
    else:
        points = [replace(point, build=partial(_without_attention, point)) for point in points]
    rows = flops.measure(points, Settings())
    return [row for row in rows if row.params.get("pairs") == "dense"]


def _without_attention(point: Point) -> Workload:
    workload = point.build()
    closed_form = workload.closed_form
    assert closed_form is not None
    # Dense pairs are twice the causal ones, but for the diagonal.
    return replace(workload, closed_form=lambda _: 2 * closed_form("causal") - closed_form("dense"))


def test_a_miscount_of_torch_is_caught_at_the_length_where_it_is(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though only one layer is run there, since the first length was in order."""
    short, middle, long = _planted(options, monkeypatch, "torch")
    assert (short.status, short.params["layers_run"]) == ("ok", "all")
    assert (middle.status, middle.params["layers_run"]) == ("ok", "1 of 2")
    assert (long.status, long.value, long.params["layers_run"]) == ("error", None, "1 of 2")
    assert "FLOP counts differ by" in long.params["message"]
    assert "the counters differ in body.layers.0.self_attn" in long.params["message"]


def test_a_miscount_of_fvcore_is_caught_and_its_operator_named(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = _planted(options, monkeypatch, "fvcore")
    assert len(rows) == 3
    for row in rows:
        assert (row.status, row.value) == ("error", None)
        assert "operators missing: aten::matmul (fvcore)" in row.params["message"]


def test_a_miscount_of_the_closed_form_is_caught(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = _planted(options, monkeypatch, "closed form")
    assert len(rows) == 3
    for row in rows:
        assert (row.status, row.value) == ("error", None)
        assert "FLOP counts differ by" in row.params["message"]
        assert "so the closed form is off" in row.params["message"]


def test_an_operator_unknown_to_a_counter_fails_though_the_sums_agree(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_unknown(module: Any, inputs: tuple[Any, ...]) -> flops.Tally:
        return replace(count_torch(module, inputs), uncounted=frozenset({"aten.new_mm (torch)"}))

    count_torch = flops.count_torch
    monkeypatch.setattr(flops, "count_torch", with_unknown)
    points = [point for point in _points(options, 16) if point.system == "teacher"]
    (row,) = flops.measure(points, Settings())
    assert (row.status, row.value, row.params["agreement"]) == ("error", None, 0)
    assert "operators missing: aten.new_mm (torch)" in row.params["message"]


class _Repeats(torch.nn.Module):
    """A product made a number of times, which its printed form does not tell."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.product = torch.nn.Linear(8, 8, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.times):
            x = self.product(x)
        return x


class _Tower(torch.nn.Module):
    """A stack of given layers."""

    def __init__(self, *layers: torch.nn.Module) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


@pytest.mark.parametrize(
    ("layers", "products", "run"),
    [
        ([_Repeats(1), _Repeats(1), _Repeats(1)], 3, "1 of 3"),
        ([_Repeats(1), _Repeats(2), _Repeats(3)], 6, ""),  # print alike, and are not
        ([_Repeats(1), torch.nn.Linear(8, 8, bias=False)], 2, ""),  # cost alike, and are not
    ],
)
def test_one_layer_stands_for_all_only_where_all_are_alike(
    layers: list[torch.nn.Module], products: int, run: str
) -> None:
    tower, counter = _Tower(*layers).to("meta"), flops.FlopCounter()
    for tokens in (5, 7, 9):
        counts = counter.count(tower, (torch.empty(tokens, 8, device="meta"),))
        expected = products * 2 * tokens * 8 * 8
        assert (counts.torch, counts.fvcore) == (expected, expected)
        assert counts.layers == ("" if tokens == 5 else run)
        assert list(tower.layers) == layers


@pytest.mark.e2e
def test_one_layer_of_each_phase_gives_the_count_of_all(options: Options) -> None:
    counter = flops.FlopCounter()
    run = set()
    for point in _points(options, 16, 200):
        workload = point.build()
        if (point.system, point.phase) == ("sparse", "score"):
            continue  # a sparse product, which nothing counts
        assert workload.trace is not None
        module, inputs = workload.trace()
        counts, whole = counter.count(module, inputs), flops.count(module, inputs)
        assert replace(counts, layers="") == whole
        run.add(counts.layers)
    assert run == {"", "1 of 2"}


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
    tally = flops.count_torch(*trace_body(backbone.meta_model.base_model, [(1, 4096)], head))
    assert tally.total == backbone.shape.body(4096) + backbone.shape.head()
    assert not tally.uncounted
    assert "model" not in backbone.__dict__


def test_shape_params_are_the_contracts() -> None:
    assert Shape(doc_len=1, query_len=2).params().keys() == {
        "doc_len", "query_len", "n_docs", "n_queries", "k", "batch",
    }  # fmt: skip
