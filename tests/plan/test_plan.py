"""Plans of sweeps and evaluations: exact FLOPs, no weights, time that grows with the work."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rabbench import plan
from rabbench.config.options import Options
from rabbench.models.backbone import Backbone, resolve
from rabbench.plan import Sizes
from rabbench.plan.calibration import Calibration
from rabbench.plan.curves import Curve
from rabbench.plan.skeleton import describe_model, is_local
from rabbench.plan.sweep import reference_layers
from rabbench.plan.work import CostPredictor, trace_point
from rabbench.quality import QualityConfig
from rabbench.scaling import sweep as scaling
from rabbench.types import MissingError

pytestmark = pytest.mark.e2e  # offline, but a quarter of a minute
TRANSFORMERS = ("teacher", "teacher-cached", "rabtriever", "rabtriever-chunked")


def _sweep(options: Options, **changes: Any) -> scaling.ScalingConfig:
    fields: dict[str, Any] = {
        "max_doc_len": 200,
        "min_doc_len": 20,
        "points": 3,
        "query_len": 6,
        "systems": ("bm25", "dense", *TRANSFORMERS),
        "options": options,
    }
    return scaling.ScalingConfig(**{**fields, **changes})


@pytest.fixture
def calibrated(options: Options) -> Calibration:
    return plan.calibrate(_sweep(options), seconds=1.0)


def test_predicted_flops_are_those_of_the_measure(
    options: Options, calibrated: Calibration
) -> None:
    config = _sweep(options, measures=("flops", "index-size"))
    predicted = plan.predict(config, calibrated)
    results = scaling.run(config)
    predictions = plan.compare(predicted, results)
    flops = [p.ratio for p in predictions if p.row.measure == "flops"]
    measured = [row for row in results.rows if row.measure == "flops" and row.value]
    assert len(flops) == len(measured)
    assert set(flops) == {1.0}
    ratios = {
        p.ratio for p in predictions if p.row.measure == "index_size" and p.row.system != "bm25"
    }
    assert ratios == {1.0}
    unsupported = [row for row in predicted.rows if row.status == "unsupported"]
    assert {row.system for row in unsupported} == {"bm25"}


def test_a_plan_loads_no_weights_and_names_what_it_assumes(
    options: Options, monkeypatch: pytest.MonkeyPatch, calibrated: Calibration
) -> None:
    resolve.cache_clear()
    scaling._build_system.cache_clear()

    def refuse(self: Backbone) -> None:
        pytest.fail("weights loaded")

    monkeypatch.setattr(Backbone, "model", property(refuse))
    predicted = plan.predict(_sweep(options, systems=TRANSFORMERS), calibrated)
    assert "model" not in resolve(options.model).__dict__
    assert predicted.wall_s > 0
    assert predicted.peak_bytes > 0
    assert predicted.download_bytes == 0
    assert predicted.assumptions
    assert {step.work for step in predicted.steps} >= {"flops", "memory", "latency", "start"}
    raw = json.loads(json.dumps(predicted.to_json()))
    assert raw["wall_s"] == pytest.approx(predicted.wall_s)
    assert [row["value"] for row in raw["rows"]] == [row.value for row in predicted.rows]
    assert raw["steps"][0].keys() == {"what", "system", "seconds", "doc_len"}


def test_what_grows_with_the_document_is_predicted_to(
    options: Options, calibrated: Calibration
) -> None:
    rows = plan.predict(_sweep(options, systems=TRANSFORMERS), calibrated).rows

    def values(system: str, phase: str, measure: str) -> list[float]:
        matching = [r for r in rows if (r.system, r.phase, r.measure) == (system, phase, measure)]
        return [row.value or 0.0 for row in matching]

    teacher = values("teacher", "score", "working_memory")
    assert teacher == sorted(teacher)
    cached = values("teacher-cached", "index", "index_size")
    assert cached == sorted(set(cached))
    assert len(set(values("rabtriever", "score", "latency"))) == 1
    bounds = {
        row.params["bound"]
        for row in rows
        if (row.system, row.phase, row.measure) == ("rabtriever", "score", "latency")
    }
    assert bounds <= {"overhead", "memory"}


@pytest.mark.parametrize(("long", "bound"), [(15.0, "memory"), (30.0, "compute")])
def test_a_forward_is_bound_by_flops_where_they_take_most_of_its_time(
    options: Options, calibrated: Calibration, long: float, bound: str
) -> None:
    points = scaling.plan(_sweep(options, systems=("teacher",), measures=("latency",)))
    work = trace_point(points[-1])
    assert work.target is not None
    none = ((1, (1e-9,)), (work.target.longest, (1e-9,)))
    curve = Curve(
        key=work.target.key, name="n", layers=1, timed=1, longest=work.target.longest, suffix=0,
        whole=((1, (10.0,)), (work.target.longest, (long,))), bare=none, attention=none,
    )  # fmt: skip
    predictor = CostPredictor(calibration=replace(calibrated, curves=(curve,)))
    assert predictor.seconds(work)[1] == bound


def test_a_sweep_times_layers_beside_what_runs_some(
    options: Options, calibrated: Calibration
) -> None:
    config = _sweep(options, systems=("bm25", "teacher"), measures=("latency",), rounds=1)
    config = replace(config, max_rounds=1)
    results = scaling.run(config, reference_layers=reference_layers(calibrated))
    layers_s = {(row.system, row.phase): row.params.get("beside_s") for row in results.rows}
    assert layers_s["teacher", "score"] > 0
    assert all(row.params["times_beside"] > 0 for row in results.rows if row.system == "teacher")
    assert layers_s["bm25", "query"] is None
    compared = plan.compare(plan.predict(config, calibrated), results)
    slowdowns = {p.row.system: p.slowdown for p in compared if p.row.measure == "latency"}
    assert slowdowns["teacher"] > 0
    assert slowdowns["bm25"] is None


def test_more_rounds_points_and_measures_take_longer(
    options: Options, calibrated: Calibration
) -> None:
    def wall(**changes: Any) -> float:
        return plan.predict(_sweep(options, systems=("teacher",), **changes), calibrated).wall_s

    assert wall(measures=("flops",)) < wall(measures=("flops", "memory")) < wall()
    assert wall(min_time_s=10.0, max_rounds=10_000) > wall()


def test_layers_timed_beside_samples_take_time_of_their_own(
    options: Options, calibrated: Calibration
) -> None:
    config = _sweep(options, systems=("teacher",), measures=("latency",))
    alone, with_layers = (
        plan.predict(config, calibrated, reference_layers=layers).wall_s for layers in (False, True)
    )
    assert with_layers > alone


def test_a_7b_model_is_sized_from_its_configuration() -> None:
    size = describe_model("qwen2-7b", resolve("qwen2-7b").config, "float32")
    assert size["parameters"] == 7_615_616_512
    assert size["published_bytes"] == 2 * 7_615_616_512  # 15.2 GB in bfloat16
    assert size["weights_bytes"] == 4 * 7_615_616_512
    assert size["download_bytes"] == 0  # a preset's weights are random
    assert not is_local("some-organisation/some-model")


def test_an_evaluation_is_planned_from_given_sizes(
    options: Options, calibrated: Calibration
) -> None:
    config = QualityConfig(suite="demo", systems=("bm25", *TRANSFORMERS), options=options)
    sizes = Sizes(n_docs=1000, n_queries=10, doc_tokens=60.0, query_tokens=8.0)
    planned = plan.predict(config, calibrated, sizes=sizes)
    pairs = [row for row in planned.rows if (row.system, row.phase) == ("teacher", "score")]
    assert pairs[0].params["units"] == 10 * options.depth
    more = plan.predict(config, calibrated, sizes=replace(sizes, n_queries=100))
    assert more.wall_s > planned.wall_s
    fewer = replace(config, options=replace(options, depth=10))
    assert plan.predict(fewer, calibrated, sizes=sizes).wall_s < planned.wall_s


def test_an_evaluation_of_local_data_says_how_it_counts(
    options: Options, calibrated: Calibration
) -> None:
    config = QualityConfig(suite="demo", systems=("teacher",), options=options)
    planned = plan.predict(config, calibrated)
    assert planned.wall_s > 0
    assert "by the model's tokenizer" in planned.assumptions[0]
    preset = replace(config, options=replace(options, model="smollm2-135m-shape"))
    assert "words × 1.35" in plan.predict(preset, calibrated).assumptions[0]


def test_data_that_is_not_here_is_not_fetched(options: Options) -> None:
    config = QualityConfig(suite="beir", datasets=("nfcorpus",), options=options)
    with pytest.raises(MissingError, match=r"no sizes to plan with.*--docs, --queries"):
        plan.calibrate(config)
