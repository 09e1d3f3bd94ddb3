"""The calibration: raw samples, ratios that must hold anywhere, its place in the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rabbench import calibration, environment
from rabbench.calibration import Calibration, Timing
from rabbench.models import curves, sampling, skeleton
from rabbench.models.backbone import resolve
from rabbench.models.curves import Curve, Target
from rabbench.models.skeleton import Forward
from rabbench.records import Options


@pytest.fixture(scope="module")
def target(tiny_model: Path) -> Target:
    config = resolve(str(tiny_model)).config
    return Target(
        name="tiny", config=config, dtype="float32", attention="sdpa", longest=256, suffix=8
    )


@pytest.fixture(scope="module")
def calibrated(target: Target) -> Calibration:
    return calibration.calibrate([target], seconds=1.0, recalibrate=True)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine would drown short runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_every_kind_has_raw_samples_and_larger_products_take_longer(
    calibrated: Calibration,
) -> None:
    kinds = {one.what for one in calibrated.timings}
    assert kinds == {"call", "interpreter", "fill", "gemv", "copy", "matmul", "attention"}
    assert all(one.samples and one.spread >= 0 for one in calibrated.timings)
    for kind in ("matmul", "attention"):
        found = calibrated.of(kind)
        assert len(found) >= 2
        assert min(found[0].samples) < min(found[-1].samples)
        assert calibrated.rate(kind) == max(one.rate for one in calibrated.of(kind))
    assert calibrated.ridge > 0
    assert calibrated.call_s < calibrated.of("copy")[0].median_s


def test_a_rate_is_work_over_the_median() -> None:
    one = Timing(what="copy", size={}, work=6.0, unit="B", samples=(1.0, 2.0, 3.0, 2.0, 2.0))
    assert (one.median_s, one.rate, one.spread) == (2.0, 3.0, 0.0)
    assert replace(one, samples=(2.0,)).spread == 0.0


def test_layers_take_longer_for_more_tokens_texts_and_cached_keys(
    calibrated: Calibration, target: Target
) -> None:
    curve = calibrated.curve(target)
    assert curve is not None
    assert [at for at, _ in curve.whole][:2] == [1, 64]
    assert curve.cached
    one, two = curve.seconds(Forward(1, 512)), curve.seconds(Forward(2, 512))
    assert curve.seconds(Forward(1, 64)) < one < two
    assert curve.seconds(Forward(1, 8, 4096)) > curve.seconds(Forward(1, 8))
    assert calibrated.curve(replace(target, attention="eager")) is None


def test_a_synthetic_curve_is_read_exactly_at_its_points_and_grows_by_its_orders() -> None:
    curve = Curve(
        key="k",
        name="n",
        layers=10,
        timed=2,
        asked=1024,
        suffix=0,
        whole=((100, (1.0 + 2 * 3.0,)), (1000, (1.0 + 2 * 40.0,))),
        bare=((100, (1.0,)), (1000, (1.0,))),
        attention=((100, (0.1,)), (1000, (10.0,))),
    )
    assert curve.seconds(Forward(1, 100)) == pytest.approx(1 + 10 * 3.0)
    assert curve.seconds(Forward(1, 1000)) == pytest.approx(1 + 10 * 40.0)
    # Ten times as long: ten times the products, a hundred times the attention.
    assert curve.seconds(Forward(1, 10_000)) == pytest.approx(10 + 10 * (300.0 + 1000.0))
    # Ten texts of a hundred tokens: the products of a thousand, ten times the attention of each.
    assert curve.seconds(Forward(10, 100)) == pytest.approx(1 + 10 * (30.0 + 1.0))


def test_what_was_measured_is_kept_and_read_again(
    calibrated: Calibration, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        pytest.fail("timed again")

    monkeypatch.setattr(calibration, "_probes", fail)
    monkeypatch.setattr(calibration, "trace_curve", fail)
    again = calibration.calibrate([target], seconds=1.0)
    assert again == calibrated
    assert Calibration.from_json(json.loads(json.dumps(calibrated.to_json()))) == calibrated


def test_another_configuration_is_added_and_a_damaged_file_is_measured_anew(
    calibrated: Calibration, target: Target
) -> None:
    eager = replace(target, attention="eager", longest=64, suffix=0)
    both = calibration.calibrate([target, eager], seconds=0.5)
    assert both.timings == calibrated.timings
    assert {one.key for one in both.curves} == {target.key, eager.key}
    for path in (environment.home() / "calibration").iterdir():
        path.write_text("{")
    assert calibration.calibrate([], seconds=0.2).curves == ()


def test_no_job_starts_that_would_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(sampling.time, "perf_counter", lambda: clock[0])

    def lasting(seconds: float) -> tuple[str, Any]:
        def run() -> None:
            clock[0] += seconds

        return "work", run

    jobs = [lasting(seconds) for seconds in (0.1, 0.4, 1.6, 6.4)]
    found = sampling.sampled(jobs, seconds=10.0, device="cpu")
    assert [bool(samples) for samples in found] == [True, True, True, False]
    assert clock[0] <= 11.0
    assert len(found[0]) >= len(found[2])


def test_the_weight_of_a_forward_follows_the_attention(target: Target) -> None:
    def grown(attention: str) -> float:
        short, long = (
            skeleton.peak_bytes(
                target.config,
                Forward(1, tokens),
                device="cuda",  # live bytes alone
                dtype="float32",
                attention=attention,
            )
            for tokens in (1024, 4096)
        )
        return long / short

    assert grown("sdpa") == pytest.approx(4, rel=0.1)
    assert grown("eager") == pytest.approx(16, rel=0.1)


def test_parameters_are_counted_once_where_they_are_tied(options: Options) -> None:
    qwen = resolve("qwen2-7b").config
    assert skeleton.parameters(qwen) == 7_615_616_512  # as published
    assert skeleton.parameters(resolve("smollm2-135m-shape").config) == 134_515_008
    assert curves.LADDER[0] == 1
