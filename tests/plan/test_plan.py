"""Plans: exact FLOPs, no weights, budgets that refuse, prediction beside measurement."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rabbench import plan
from rabbench.models.backbone import Backbone, resolve
from rabbench.plan import Budget, Plan, Sizes, Step
from rabbench.plan.calibration import Calibration
from rabbench.plan.curves import Curve
from rabbench.plan.models import describe_model, is_local
from rabbench.plan.reference_layers import reference_layers
from rabbench.plan.roofline import roofline_rows
from rabbench.plan.work import CostPredictor, trace_point
from rabbench.quality import QualityConfig
from rabbench.scaling import sweep as scaling
from rabbench.types import Measurement, MissingError, Options, Results, UsageError

pytestmark = pytest.mark.e2e  # offline, but a quarter of a minute
TRANSFORMERS = ("teacher", "teacher-cached", "rabtriever", "rabtriever-chunked")


def _sweep(options: Options, **changes: Any) -> scaling.ScalingConfig:
    given: dict[str, Any] = {
        "max_doc_len": 200,
        "min_doc_len": 20,
        "points": 3,
        "query_len": 6,
        "systems": ("bm25", "dense", *TRANSFORMERS),
        "options": options,
    }
    return scaling.ScalingConfig(**{**given, **changes})


@pytest.fixture
def calibrated(options: Options) -> Calibration:
    return plan.calibrate(_sweep(options), seconds=1.0)


def test_predicted_flops_are_those_of_the_measure(
    options: Options, calibrated: Calibration
) -> None:
    config = _sweep(options, measures=("flops", "index-size"))
    predicted = plan.predict(config, calibrated)
    results = scaling.run(config)
    rows = plan.compare(predicted, results)
    flops = [row for row in rows if row.measure == "flops"]
    measured = [row for row in results.rows if row.measure == "flops" and row.value]
    assert len(flops) == len(measured)
    assert {row.ratio for row in flops} == {1.0}
    sizes = [row for row in rows if row.measure == "index_size" and row.system != "bm25"]
    assert {row.ratio for row in sizes} == {1.0}
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
        found = [r for r in rows if (r.system, r.phase, r.measure) == (system, phase, measure)]
        return [row.value or 0.0 for row in found]

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
    beside = {(row.system, row.phase): row.params.get("beside_s") for row in results.rows}
    assert beside["teacher", "score"] > 0
    assert all(row.params["times_beside"] > 0 for row in results.rows if row.system == "teacher")
    assert beside["bm25", "query"] is None
    compared = plan.compare(plan.predict(config, calibrated), results)
    slowdowns = {row.system: row.slowdown for row in compared if row.measure == "latency"}
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
    alone, beside = (
        plan.predict(config, calibrated, reference_layers=layers).wall_s for layers in (False, True)
    )
    assert beside > alone


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20m", Budget(wall_s=1200)),
        ("1.5h", Budget(wall_s=5400)),
        ("8GB", Budget(peak_bytes=8e9)),
        ("90s, 8GiB", Budget(wall_s=90, peak_bytes=8 * 2**30)),
        (
            "time=1d,index=1TB,download=2gb",
            Budget(wall_s=86400, index_bytes=1e12, download_bytes=2e9),
        ),
    ],
)
def test_budgets_are_read(text: str, expected: Budget) -> None:
    assert plan.parse_budget(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no amount; give 20m"),
        ("20", "'20' is no amount"),
        ("-3m", "'-3m' is no amount"),
        ("20 parsecs", "unknown unit 'parsecs'; known: s, m"),
        ("20m,1h", "time is given twice"),
        ("0GB", "memory must be more than 0"),
        ("disk=2GB", "unknown limit 'disk'; known: time, memory"),
        ("memory=20m", "memory is given in m; time takes"),
    ],
)
def test_what_is_no_budget_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        plan.parse_budget(text)
    assert caught.value.exit_code == 2


def _plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "command": "scaling",
        "rows": (),
        "steps": (
            Step(work="start", system="all", seconds=3600.0),
            Step(work="latency", system="teacher", seconds=3000.0),
            Step(work="latency", system="dense", seconds=600.0),
        ),
        "peak_bytes": 9_000_000_000,
        "index_bytes": 10,
        "download_bytes": 0,
    }
    return Plan(**{**given, **changes})


def test_a_budget_that_is_kept_says_nothing() -> None:
    plan.check_budget(_plan(), Budget(wall_s=7200, peak_bytes=9e9, index_bytes=10))
    plan.check_budget(_plan(), Budget())


def test_a_budget_that_would_be_exceeded_is_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError) as caught:
        plan.check_budget(_plan(), plan.parse_budget("20m,8GB,index=1KB"))
    said = str(caught.value)
    assert "time: predicted 2 h 0 min, allowed 20 min" in said
    assert "memory: predicted 9 GB, allowed 8 GB" in said
    assert "index" not in said.split(". Most")[0]
    assert "(42%) goes to 'teacher': lower --max-doc-len" in said
    with pytest.raises(UsageError, match=r"allowed 30 s.*--max-queries, --depth"):
        plan.check_budget(_plan(command="quality"), Budget(wall_s=30))


def _row(measure: str, value: float, unit: str, **changes: Any) -> Measurement:
    given: dict[str, Any] = {"system": "teacher", "phase": "score"}
    params = {"doc_len": 512, "attention": "sdpa", "model": "m", **changes.pop("params", {})}
    return Measurement(
        measure=measure,
        value=value,
        unit=unit,
        better="lower",
        params=params,
        **{**given, **changes},
    )


def _results(*rows: Measurement) -> Results:
    return Results(command="scaling", config={}, environment={}, rows=rows)


def test_prediction_stands_beside_measurement() -> None:
    compute = {"bound": "compute"}
    predicted = _plan(
        rows=(
            _row("latency", 1.05, "s", params=compute),
            _row("latency", 3.0, "s", params={**compute, "doc_len": 1024}),
            _row("flops", 10.0, "FLOP", params={"pairs": "dense"}),
            _row("working_memory", 80.0, "B"),
            _row("latency", 1.0, "s", params={**compute, "doc_len": 4096}),
        )
    )
    rows = plan.compare(
        predicted,
        _results(
            _row("latency", 1.0, "s"),
            _row("latency", 2.0, "s", params={"doc_len": 1024}),
            _row("flops", 10.0, "FLOP", params={"pairs": "dense"}),
            _row("flops", 6.0, "FLOP", params={"pairs": "causal"}),
            _row("working_memory", 100.0, "B"),
        ),
    )
    ratios = {(row.measure, row.params["doc_len"]): row.ratio for row in rows}
    assert ratios == {
        ("latency", 512): 1.05,
        ("latency", 1024): 1.5,
        ("flops", 512): 1.0,
        ("working_memory", 512): 0.8,
    }


def test_a_phase_is_set_over_the_roofline(calibrated: Calibration) -> None:
    results = _results(
        _row("flops", 1e9, "FLOP", params={"pairs": "dense"}),
        _row("flops", 6e8, "FLOP", params={"pairs": "causal"}),
        _row("latency", 2.0, "s"),
        _row("latency", 0.5, "s", system="rabtriever", phase="query"),
        _row("latency", 0.3, "s", system="rabtriever", phase="score"),
    )
    (row,) = roofline_rows(results, calibrated, {"m": 1e3})
    assert row.params["flop_per_s"] == 5e8
    assert row.value == pytest.approx(5e8 / calibrated.rate("matmul"))
    assert (row.params["flop_per_byte"], row.params["bound"]) == (1e6, "compute")
    assert row.params["of_roof"] == row.value
    (bare,) = roofline_rows(results, calibrated)
    assert [bare.params[name] for name in ("flop_per_byte", "bound", "of_roof")] == [None] * 3


def test_a_machine_that_slowed_down_since_the_calibration_is_told_from_a_wrong_prediction() -> None:
    compute = {"bound": "compute", "beside_s": 0.01, "run_s": 1.0}
    predicted = _plan(
        rows=(
            _row("latency", 1.0, "s", params=compute),
            _row("latency", 2.0, "s", params={**compute, "bound": "memory", "doc_len": 1024}),
            _row("latency", 3.0, "s", params={"bound": "compute", "doc_len": 2048}),
        )
    )
    slow = {"beside_s": 0.015, "times_beside": 100.0}
    results = _results(
        _row("latency", 1.5, "s", params=slow),
        _row("latency", 2.0, "s", params={**slow, "doc_len": 1024}),
        _row("latency", 3.0, "s", params={**slow, "doc_len": 2048}),
    )
    first, memory, unknown = plan.compare(predicted, results)
    assert first.ratio == pytest.approx(1 / 1.5)
    assert first.slowdown == pytest.approx(1.5)
    assert first.ratio_at_speed == pytest.approx(1.0)
    assert memory.ratio_at_speed is None  # said of times that the FLOPs bound
    assert (unknown.slowdown, unknown.ratio_at_speed) == (None, None)
