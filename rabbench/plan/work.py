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
from rabbench.plan.curves import Target
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
    short_runs: dict[tuple[str, str], float] = field(default_factory=dict)

    def seconds(self, work: TracedWork, *, batch: int = 1) -> tuple[float, str]:
        """Time of one run over so many texts or pairs, and what bounds it."""
        rate = self.calibration.rate
        if work.small is not None:
            calls_s = self.short_s(work) * batch
            read_s = 2 * work.flops() * batch / rate("copy")
            return calls_s, "memory" if read_s > OVERHEAD_SHARE * calls_s else "overhead"
        forwards, flops = work.batched(batch), work.flops() * batch
        shape, curve = ModelShape.from_config(work.config), self.calibration.curve(work.target)
        body_flops = [f.batch * shape.body(f.tokens, prefix=f.prefix) for f in forwards]
        # A forward reads the layers' weights once.
        weights = shape.linear_flops // 2 * skeleton.dtype_bytes(str(work.point.params["dtype"]))
        if curve is not None:
            body_s = sum(map(curve.seconds, forwards))
        else:  # layers that were not timed: the plain roofline
            body_s = sum(max(n / rate("matmul"), weights / rate("gemv")) for n in body_flops)
        # What follows the body: head, predictor, pooler.
        head_flops = flops - sum(body_flops)
        rows = max(sum(forward.batch for forward in forwards), 1)
        head_bytes = head_flops / 2 / rows * skeleton.dtype_bytes(self.calibration.dtype)
        head_s = max(head_bytes / rate("gemv"), head_flops / rate("matmul"))
        total_s = body_s + head_s + AROUND * self.calibration.call_s
        if curve is not None:
            bound_by_flops = sum(map(curve.waiting, forwards)) <= WAITING_SHARE * total_s
        else:
            bound_by_flops = flops / (weights * len(forwards)) >= self.calibration.ridge
        return total_s, "compute" if bound_by_flops else "memory"

    def short_s(self, work: TracedWork) -> float:
        """Seconds of a run without a body, timed here and now, once for a phase of a system.

        On zeros where it is tensor operations, else as it is.
        """
        key = (work.point.system, work.point.phase)
        if key not in self.short_runs:
            if work.small is None:
                self.short_runs[key] = _short_run(work.workload)
            else:
                runs = [("small", work.small)]
                (samples,) = sample_rounds(runs, seconds=SMALL_S, device=work.workload.device)
                self.short_runs[key] = median(samples)
        return self.short_runs[key]

    def working_bytes(self, work: TracedWork, *, times: int = 1, limit: int = 1) -> int:
        """Bytes that a run holds at its peak beyond weights and cached keys and values.

        It is over ``times`` texts or pairs at once, in forwards of at most ``limit``.
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

    def rows(self, work: TracedWork, *, limit: int = 1, scale: float = 1.0) -> list[Measurement]:
        """The rows that the measures will write of a point, predicted.

        A forward has at most ``limit`` texts. A run without anything to count takes ``scale`` times
        as long as the short one.
        """
        point, workload = work.point, work.workload
        if not work.has_flops:
            params = {"message": NOT_RUN}
            failed = cost_row(point, "flops", None, "FLOP", status="unsupported", params=params)
            seconds = self.short_s(work) * scale
            time_params: dict[str, object] = {"bound": "timed", "run_s": seconds}
            value = seconds / workload.units
            return [failed, cost_row(point, "latency", value, "s", params=time_params)]
        dense, causal = work.flops("dense"), work.flops("causal")
        seconds, bound = self.seconds(work)
        time_params = {"bound": bound, "run_s": seconds}
        curve = self.calibration.curve(work.target)
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


def _short_run(workload: Workload) -> float:
    """Seconds of one run of a workload without tensor operations, warmed up."""
    workload.prepare()
    time_calls(workload.run, 1, "cpu")
    return min(time_calls(workload.run, 1, "cpu") for _ in range(3))
