"""What one phase at one length costs: FLOPs, time, memory and index bytes, from its workload.

Reads the forwards off a workload's trace on ``meta``, where a (B, L) tensor of integers is token
ids and the mask behind it says how many keys they see; knows no system by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median
from typing import Any

import torch

from rabbench.measures._speed import time_calls
from rabbench.models.closed_form import ModelShape
from rabbench.plan import skeleton
from rabbench.plan.calibration import Calibration
from rabbench.plan.curves import Curve, Target
from rabbench.plan.sampling import sample_rounds
from rabbench.plan.skeleton import Forward
from rabbench.types import Measurement, Point, Workload, cost_row

SMALL_S = 0.1  # for timing a phase without a body
WAITING_SHARE = 0.5  # of a forward that the FLOPs bound
OVERHEAD_SHARE = 0.5  # below this share of reading, a small phase is bound by calls
AROUND = 4  # small operators around a body: gather, cast, two logits
NOT_RUN = "runs no tensor operations that could be counted"


@dataclass(frozen=True, kw_only=True)
class TracedWork:
    """A workload with what its trace says: the body's configuration and forwards.

    ``config`` is None for tensor operations without a body, which ``small`` runs on zeros, and with
    ``has_flops`` false for none at all (then only a short run can tell its time).
    """

    point: Point
    workload: Workload
    config: Any
    forwards: tuple[Forward, ...]
    has_flops: bool
    small: Callable[[], object] | None = None

    @property
    def target(self) -> Target | None:
        """The layers whose time must be known."""
        if self.config is None:
            return None
        suffixes = [forward.tokens for forward in self.forwards if forward.prefix]
        return Target(
            name=str(self.point.params.get("model")),
            config=self.config,
            dtype=str(self.point.params["dtype"]),
            attention=str(self.point.params["attention"]),
            longest=max(forward.tokens + forward.prefix for forward in self.forwards),
            suffix=max(suffixes, default=0),
        )

    def flops(self, pairs: str = "dense") -> int:
        """FLOPs of one run, exact."""
        return self.workload.closed_form(pairs) if self.workload.closed_form else 0

    def batched(self, batch: int) -> list[Forward]:
        """The forwards over so many texts or pairs at once."""
        return [replace(forward, batch=forward.batch * batch) for forward in self.forwards]


def trace_point(point: Point) -> TracedWork:
    """Build a point's workload and read its trace; no weights are loaded."""
    workload = point.build()
    if workload.trace is None or workload.closed_form is None:
        return TracedWork(point=point, workload=workload, config=None, forwards=(), has_flops=False)
    module, inputs = workload.trace()
    body = getattr(module, "body", None)
    return TracedWork(
        point=point,
        workload=workload,
        config=None if body is None else body.config,
        forwards=() if body is None else tuple(_forwards(inputs)),
        has_flops=True,
        small=None if body is not None else _zero_run(module, inputs, workload.device),
    )


def _zero_run(module: Any, inputs: tuple[Any, ...], device: str) -> Callable[[], object]:
    """A module traced on ``meta``, with zeros for its weights and inputs on the device."""
    module = module.to_empty(device=device)
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data.zero_()
    zeros = [torch.zeros(tensor.shape, dtype=tensor.dtype, device=device) for tensor in inputs]

    def run() -> object:
        with torch.inference_mode():
            return module(*zeros)

    return run


def _forwards(inputs: Sequence[torch.Tensor]) -> Iterable[Forward]:
    for ids, mask in pairwise(inputs):
        if ids.dim() == 2 and not ids.is_floating_point():
            batch, tokens = ids.shape
            yield Forward(batch, tokens, mask.shape[-1] - tokens)


@dataclass(frozen=True, kw_only=True)
class CostPredictor:
    """Turns work into seconds and bytes with a machine's calibration."""

    calibration: Calibration
    peaks: dict[tuple[str, Forward], int] = field(default_factory=dict)
    small_runs: dict[tuple[str, str], float] = field(default_factory=dict)

    def seconds(self, work: TracedWork, *, batch: int = 1) -> tuple[float, str]:
        """Time of one run and what bounds it.

        Args:
            work: of a point with tensor operations.
            batch: run so many of its texts or pairs at once; the time is of them all.
        """
        rate = self.calibration.rate
        if work.small is not None:
            calls_s = self.small_s(work) * batch
            read_s = 2 * work.flops() * batch / rate("copy")
            return calls_s, "memory" if read_s > OVERHEAD_SHARE * calls_s else "overhead"
        forwards = work.batched(batch)
        shape = ModelShape.from_config(work.config)
        body_s = sum(self._body_s(work, forward) for forward in forwards)
        # What follows the body: head, predictor, pooler.
        flops = work.flops() - sum(_body_flops(shape, forward) for forward in work.forwards)
        flops *= batch
        rows = max(sum(forward.batch for forward in forwards), 1)
        dtype_bytes = skeleton.dtype_bytes(self.calibration.dtype)
        head_s = max(flops / 2 / rows * dtype_bytes / rate("gemv"), flops / rate("matmul"))
        total_s = body_s + head_s + AROUND * self.calibration.call_s
        return total_s, "compute" if self._is_compute_bound(work, batch, total_s) else "memory"

    def small_s(self, work: TracedWork) -> float:
        """Seconds of a run without a body, timed here and now on zeros."""
        key = (work.point.system, work.point.phase)
        if work.small is not None and key not in self.small_runs:
            runs = [("small", work.small)]
            (samples,) = sample_rounds(runs, seconds=SMALL_S, device=work.workload.device)
            self.small_runs[key] = median(samples)
        return self.small_runs[key]

    def _curve(self, work: TracedWork) -> Curve | None:
        return None if work.target is None else self.calibration.curve(work.target)

    def _is_compute_bound(self, work: TracedWork, batch: int, total_s: float) -> bool:
        """Whether the FLOPs take most of the total seconds.

        By the layers' own times; where they were not timed, whether the forwards do more FLOPs for
        a byte of weights than the ridge.
        """
        curve = self._curve(work)
        if curve is not None:
            return sum(map(curve.waiting, work.batched(batch))) <= WAITING_SHARE * total_s
        weights = _weights_bytes(work.config, str(work.point.params["dtype"]))
        intensity = work.flops() * batch / (weights * len(work.forwards))
        return intensity >= self.calibration.ridge

    def _body_s(self, work: TracedWork, forward: Forward) -> float:
        curve = self._curve(work)
        if curve is not None:
            return curve.seconds(forward)
        # Layers that were not timed: the plain roofline.
        flops = _body_flops(ModelShape.from_config(work.config), forward)
        weights = _weights_bytes(work.config, str(work.point.params["dtype"]))
        rate = self.calibration.rate
        return max(flops / rate("matmul"), weights / rate("gemv"))

    def working_bytes(self, work: TracedWork, *, times: int = 1, limit: int = 1) -> int:
        """Bytes that a run holds at its peak beyond weights and cached keys and values.

        Args:
            work: of a point.
            times: as many of its texts or pairs at once …
            limit: … in forwards of at most so many.
        """
        target = work.target
        if target is None:
            return 0
        peaks = []
        for batched in work.batched(times):
            forward = replace(batched, batch=min(batched.batch, limit))
            if (target.key, forward) not in self.peaks:
                self.peaks[target.key, forward] = skeleton.peak_bytes(
                    target.config,
                    forward,
                    device=self.calibration.device,
                    dtype=target.dtype,
                    attention=target.attention,
                )
            peaks.append(self.peaks[target.key, forward])
        return max(peaks) + (work.workload.index_bytes() if work.workload.index_bytes else 0)

    def rows(
        self, work: TracedWork, *, limit: int = 1, short_s: float = 0.0, scale: float = 1.0
    ) -> list[Measurement]:
        """The rows that the measures will write of a point, predicted.

        Args:
            work: of the point.
            limit: texts in one forward, at most.
            short_s: where there is nothing to count, the seconds of a short run …
            scale: … and how many times longer this one is.
        """
        point, workload = work.point, work.workload
        if not work.has_flops:
            params = {"message": NOT_RUN}
            failed = cost_row(point, "flops", None, "FLOP", status="unsupported", params=params)
            time_params: dict[str, object] = {"bound": "timed", "run_s": short_s * scale}
            value = short_s * scale / workload.units
            return [failed, cost_row(point, "latency", value, "s", params=time_params)]
        dense, causal = work.flops("dense"), work.flops("causal")
        seconds, bound = self.seconds(work)
        time_params = {"bound": bound, "run_s": seconds}
        curve = self._curve(work)
        if curve is not None:
            layers_s = sum(curve.seconds(forward, curve.timed) for forward in work.forwards)
            time_params["beside_s"] = layers_s
        rows = [
            cost_row(point, "flops", dense / workload.units, "FLOP", params={"pairs": "dense"}),
            cost_row(point, "latency", seconds / workload.units, "s", params=time_params),
        ]
        if causal != dense:
            value = causal / workload.units
            rows.append(cost_row(point, "flops", value, "FLOP", params={"pairs": "causal"}))
        if work.config is not None:
            working = self.working_bytes(work, limit=limit)
            rows.append(cost_row(point, "working_memory", working, "B"))
        if workload.index_bytes is not None:
            rows.append(cost_row(point, "index_size", workload.index_bytes(), "B"))
        return rows


def _body_flops(shape: ModelShape, forward: Forward) -> int:
    return forward.batch * shape.body(forward.tokens, prefix=forward.prefix)


def _weights_bytes(config: Any, dtype: str) -> int:
    """Bytes of the layers' weights, which a forward reads once."""
    linear_flops: int = ModelShape.from_config(config).linear_flops
    return linear_flops // 2 * skeleton.dtype_bytes(dtype)


def short_run(workload: Workload) -> float:
    """Seconds of one run of a workload without tensor operations, warmed up."""
    workload.prepare()
    time_calls(workload.run, 1, "cpu")
    return min(time_calls(workload.run, 1, "cpu") for _ in range(3))
