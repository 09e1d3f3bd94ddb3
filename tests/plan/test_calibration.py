"""The calibration: raw samples, rates, layer times, its place in the cache.

The clock is the tests' own: an operator takes the time of its FLOPs and bytes, so that nothing here
depends on how busy the machine is. ``benchmarks/test_harness.py`` compares real times.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rabbench import environment
from rabbench.config.options import Options
from rabbench.measures import _speed
from rabbench.models.backbone import resolve
from rabbench.plan import calibration, curves, sampling, skeleton
from rabbench.plan.calibration import Calibration, Timing
from rabbench.plan.curves import Curve, Target
from rabbench.plan.skeleton import Forward


@pytest.fixture(scope="module")
def target(tiny_model: Path) -> Target:
    config = resolve(str(tiny_model)).config
    return Target(
        name="tiny", config=config, dtype="float32", attention="sdpa", longest=256, suffix=8
    )


class Clock(TorchDispatchMode):
    """A clock that torch's operators move: 1 ms a call, 1 ns a value, 1 ps a FLOP.

    Reading it takes a millisecond, so what runs no operator takes time too.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0.0

    def perf_counter(self) -> float:
        """Seconds so far."""
        self.now += 1e-3
        return self.now

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do the operator and let its time pass."""
        outputs = func(*args, **(kwargs or {}))
        inputs = [tensor for tensor in tree_leaves(args) if isinstance(tensor, torch.Tensor)]
        produced = [tensor for tensor in tree_leaves(outputs) if isinstance(tensor, torch.Tensor)]
        flops = 0
        if "scaled_dot_product" in str(func):
            flops = 4 * inputs[0].numel() * inputs[1].shape[-2]
        elif any(part in str(func) for part in ("mm", "matmul", "linear")):
            flops = 2 * produced[0].numel() * inputs[0].shape[-1]
        self.now += (
            1e-3 + 1e-9 * sum(tensor.numel() for tensor in inputs + produced) + 1e-12 * flops
        )
        return outputs


@pytest.fixture(scope="module", autouse=True)
def clock() -> Iterator[Clock]:
    virtual = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "time", virtual)
        patch.setattr(_speed, "time", virtual)
        yield virtual


@pytest.fixture(scope="module")
def calibrated(target: Target, clock: Clock) -> Calibration:
    with clock:
        return calibration.calibrate([target], seconds=2.0, recalibrate=True)


def test_every_kind_has_raw_samples_and_larger_products_take_longer(
    calibrated: Calibration,
) -> None:
    kinds = {timing.kind for timing in calibrated.timings}
    assert kinds == {"call", "interpreter", "fill", "gemv", "copy", "matmul", "attention"}
    assert all(timing.samples for timing in calibrated.timings)
    for kind in ("matmul", "attention"):
        timings = calibrated.timings_of(kind)
        assert len(timings) >= 2
        assert min(timings[0].samples) < min(timings[-1].samples)
        assert calibrated.rate(kind) == max(timing.rate for timing in calibrated.timings_of(kind))
    assert calibrated.ridge > 0
    assert calibrated.call_s < calibrated.timings_of("copy")[0].median_s


def test_a_rate_is_work_over_the_median() -> None:
    timing = Timing(kind="copy", size={}, work=6.0, unit="B", samples=(1.0, 2.0, 3.0, 2.0, 2.0))
    assert (timing.median_s, timing.rate) == (2.0, 3.0)


def test_layers_take_longer_for_more_tokens_texts_and_cached_keys(
    calibrated: Calibration, target: Target
) -> None:
    curve = calibrated.curve(target)
    assert curve is not None
    assert [at for at, _ in curve.whole][:2] == [1, 16]
    assert curve.cached
    single, double = curve.seconds(Forward(1, 512)), curve.seconds(Forward(2, 512))
    assert curve.seconds(Forward(1, 64)) < single < double
    assert curve.seconds(Forward(1, 8, 4096)) > curve.seconds(Forward(1, 8))
    assert calibrated.curve(replace(target, attention="eager")) is None


def test_a_synthetic_curve_is_read_exactly_at_its_points_and_grows_by_its_orders() -> None:
    curve = Curve(
        key="k",
        name="n",
        layers=10,
        timed=2,
        longest=1024,
        suffix=0,
        whole=((100, (1.0 + 2 * 3.0,)), (1000, (1.0 + 2 * 40.0,))),
        bare=((100, (1.0,)), (1000, (1.0,))),
        attention=((100, (0.1,)), (1000, (10.0,))),
    )
    assert curve.seconds(Forward(1, 100)) == pytest.approx(1 + 10 * 3.0)
    assert curve.seconds(Forward(1, 1000)) == pytest.approx(1 + 10 * 40.0)
    assert curve.seconds(Forward(1, 1000), layers=curve.timed) == pytest.approx(1 + 2 * 40.0)
    # Ten times as long: ten times the products, a hundred times the attention.
    assert curve.seconds(Forward(1, 10_000)) == pytest.approx(10 + 10 * (300.0 + 1000.0))
    # Ten texts of a hundred tokens: the products of a thousand, ten times the attention of each.
    assert curve.seconds(Forward(10, 100)) == pytest.approx(1 + 10 * (30.0 + 1.0))


def test_what_one_token_takes_and_a_prefixs_copy_are_no_flops() -> None:
    curve = Curve(
        key="k", name="n", layers=10, timed=1, longest=1000, suffix=8,
        whole=((1, (3.0,)), (8, (3.0,)), (1000, (41.0,))),
        bare=((1, (1.0,)), (1000, (1.0,))),
        attention=((1, (1e-9,)), (1000, (1e-9,))),
        cached=((1000, (3.5,)),),
    )  # fmt: skip
    assert curve.waiting(Forward(1, 1000)) == pytest.approx(1 + 10 * 2.0)
    assert curve.waiting(Forward(1, 8, 1000)) == pytest.approx(1 + 10 * 2.0 + 10 * 0.5)


def test_a_length_that_was_disturbed_takes_no_longer_than_a_greater_one() -> None:
    def whole(second: float) -> Curve:
        times = ((16, (2.0,)), (32, (second,)), (64, (4.0,)), (128, (8.0,)))
        none = ((16, (1e-6,)), (128, (1e-6,)))
        return Curve(
            key="k", name="n", layers=1, timed=1, longest=128, suffix=0,
            whole=times, bare=none, attention=none,
        )  # fmt: skip

    steady, disturbed = whole(3.0), whole(9.0)
    assert steady.seconds(Forward(1, 32)) == pytest.approx(3.0, rel=1e-3)
    assert disturbed.seconds(Forward(1, 32)) == pytest.approx(4.0, rel=1e-3)  # as 64 tokens, not 9
    assert disturbed.seconds(Forward(1, 16)) == pytest.approx(2.0, rel=1e-3)
    assert disturbed.seconds(Forward(1, 128)) == pytest.approx(8.0, rel=1e-3)


@pytest.mark.parametrize(("seconds", "a_sample"), [(0.02, 2), (0.2, 1)])
def test_short_work_is_warmed_before_each_sample(
    monkeypatch: pytest.MonkeyPatch, seconds: float, a_sample: int
) -> None:
    now = 0.0
    runs = 0

    def run() -> None:
        nonlocal now, runs
        now += seconds
        runs += 1

    clock = SimpleNamespace(perf_counter=lambda: now)
    monkeypatch.setattr(sampling, "time", clock)
    monkeypatch.setattr(_speed, "time", clock)
    (samples,) = sampling.sample_rounds([("work", run)], seconds=100.0, device="cpu", rounds=3)
    assert samples == pytest.approx([seconds] * 3)
    assert runs == 1 + 3 * a_sample  # one to find how long it takes


def test_what_was_measured_is_kept_and_read_again(
    calibrated: Calibration, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        pytest.fail("timed again")

    monkeypatch.setattr(calibration, "_probes", fail)
    monkeypatch.setattr(calibration, "trace_curve", fail)
    reread = calibration.calibrate([target], seconds=1.0)
    assert reread == calibrated
    raw = json.loads(json.dumps(calibrated.to_json()))
    assert Calibration.from_json(raw) == calibrated
    # The keys of caches that exist.
    assert raw.keys() >= {"schema", "others", "timings", "curves"}
    assert raw["timings"][0].keys() == {"what", "size", "work", "unit", "samples"}
    assert raw["curves"][0].keys() >= {"asked", "timed", "suffix", "whole", "bare", "cached"}


def test_another_configuration_is_added_and_a_damaged_file_is_measured_anew(
    calibrated: Calibration, target: Target, clock: Clock
) -> None:
    eager = replace(target, attention="eager", longest=64, suffix=0)
    with clock:
        extended = calibration.calibrate([target, eager], seconds=0.5)
    assert extended.timings == calibrated.timings
    assert {curve.key for curve in extended.curves} == {target.key, eager.key}
    for path in (environment.home() / "calibration").iterdir():
        path.write_text("{")
    with clock:
        assert calibration.calibrate([], seconds=0.2).curves == ()


def test_neighbours_that_were_busy_meanwhile_are_known_of(
    calibrated: Calibration, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Of 20 CPU seconds 12 were spent, 4 of them here: 40 % went elsewhere."""
    times = iter([(100.0, 1.0, 50.0), (112.0, 5.0, 70.0)])
    monkeypatch.setattr(calibration, "cpu_times", lambda: next(times))
    with clock:
        disturbed = calibration.calibrate([], seconds=0.2, recalibrate=True)
    assert disturbed.busy_share == pytest.approx(0.4)
    assert "other processes took 40% of the CPUs" in disturbed.warning
    assert (
        replace(disturbed, busy_share=0.05).warning
        == replace(disturbed, busy_share=None).warning
        == ""
    )


def test_this_process_is_not_its_own_neighbour() -> None:
    before = calibration.cpu_times()
    machine, process, capacity = before
    assert 0 < process < machine
    assert capacity > 0
    assert 0 <= calibration.cpu_contention(before, calibration.cpu_times()) <= 1
    assert calibration.cpu_contention((0.0, 0.0, 0.0), (3.0, 3.0, 4.0)) == 0
    assert calibration.cpu_contention((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)) == 0


def test_no_job_starts_that_would_not_fit(clock: Clock) -> None:
    started = clock.now

    def lasting(seconds: float) -> tuple[str, Any]:
        def run() -> None:
            clock.now += seconds

        return "work", run

    jobs = [lasting(seconds) for seconds in (0.1, 0.4, 1.6, 6.4)]
    samples_by_run = sampling.sample_rounds(jobs, seconds=10.0, device="cpu")
    assert [bool(samples) for samples in samples_by_run] == [True, True, True, False]
    assert clock.now - started <= 11.0
    assert len(samples_by_run[0]) >= len(samples_by_run[2])


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
    assert skeleton.count_parameters(qwen) == 7_615_616_512  # as published
    assert skeleton.count_parameters(resolve("smollm2-135m-shape").config) == 134_515_008
    assert curves.LADDER[0] == 1


@pytest.mark.parametrize(
    ("longest", "ladder"),
    [
        (
            2106,
            [1, 16, 32, 64, 128, 256, 512, 1024, 2106],
        ),  # not the next rung: 4,096 would take thrice as long
        (1600, [1, 16, 32, 64, 128, 256, 512, 1024, 1600]),
        (70, [1, 16, 32, 70]),
        (8192, list(curves.LADDER)),  # beyond the ladder it is extrapolated
    ],
)
def test_the_ladder_ends_at_the_longest_length_asked(longest: int, ladder: list[int]) -> None:
    config = resolve("qwen2-7b").config
    target = Target(
        name="qwen2-7b", config=config, dtype="float32", attention="sdpa", longest=longest
    )
    assert curves._ladder(target, 4) == ladder
    eager = replace(target, attention="eager")
    scores = target.shape.heads * curves._ladder(eager, 4)[-1] ** 2 * 8
    assert scores <= curves.SCORES
