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
from rabbench.plan.sampling import sampled
from rabbench.plan.skeleton import Forward
from rabbench.types import Measurement, Point, Workload, cost_row

SMALL_S = 0.1  # for timing a phase without a body
WAITING_SHARE = 0.5  # of a forward that the FLOPs bound
OVERHEAD_SHARE = 0.5  # below this share of reading, a small phase is bound by calls
AROUND = 4  # small operators around a body: gather, cast, two logits
NOT_RUN = "runs no tensor operations that could be counted"


@dataclass(frozen=True, kw_only=True)
class Work:
    """A workload with what its trace says: the body's configuration and forwards.

    ``config`` is None for tensor operations without a body, which ``small`` runs on zeros, and with
    ``counted`` false for none at all (then only a short run can tell its time).
    """

    point: Point
    workload: Workload
    config: Any
    forwards: tuple[Forward, ...]
    counted: bool
    small: Callable[[], object] | None = None

    @property
    def target(self) -> Target | None:
        """The layers whose time must be known."""
        if self.config is None:
            return None
        cached = [one for one in self.forwards if one.prefix]
        return Target(
            name=str(self.point.params.get("model")),
            config=self.config,
            dtype=str(self.point.params["dtype"]),
            attention=str(self.point.params["attention"]),
            longest=max(one.tokens + one.prefix for one in self.forwards),
            suffix=max((one.tokens for one in cached), default=0),
        )

    def flops(self, pairs: str = "dense") -> int:
        """FLOPs of one run, exact."""
        return self.workload.closed_form(pairs) if self.workload.closed_form else 0

    @property
    def after_flops(self) -> int:
        """FLOPs of what follows the body: head, predictor, pooler."""
        if self.config is None:
            return self.flops()
        shape = ModelShape.from_config(self.config)
        body = sum(one.batch * shape.body(one.tokens, prefix=one.prefix) for one in self.forwards)
        return self.flops() - body


def examine(point: Point) -> Work:
    """Build a point's workload and read its trace; no weights are loaded."""
    workload = point.build()
    if workload.trace is None or workload.closed_form is None:
        return Work(point=point, workload=workload, config=None, forwards=(), counted=False)
    module, inputs = workload.trace()
    body = getattr(module, "body", None)
    return Work(
        point=point,
        workload=workload,
        config=None if body is None else body.config,
        forwards=() if body is None else tuple(_forwards(inputs)),
        counted=True,
        small=None if body is not None else _zeroed(module, inputs, workload.device),
    )


def _zeroed(module: Any, inputs: tuple[Any, ...], device: str) -> Callable[[], object]:
    """A module traced on ``meta``, with zeros for its weights and inputs on the device."""
    module = module.to_empty(device=device)
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data.zero_()
    zeros = [torch.zeros(one.shape, dtype=one.dtype, device=device) for one in inputs]

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
class Predictor:
    """Turns work into seconds and bytes with a machine's calibration."""

    calibration: Calibration
    peaks: dict[tuple[str, Forward], int] = field(default_factory=dict)
    timed: dict[tuple[str, str], float] = field(default_factory=dict)

    def seconds(self, work: Work, *, batch: int = 1) -> tuple[float, str]:
        """Time of one run and what bounds it.

        Args:
            work: of a point with tensor operations.
            batch: run so many of its texts or pairs at once; the time is of them all.
        """
        known = self.calibration
        if work.small is not None:
            calls = self.small_s(work) * batch
            read_s = 2 * work.flops() * batch / known.rate("copy")
            return calls, "memory" if read_s > OVERHEAD_SHARE * calls else "overhead"
        calls = AROUND * known.call_s
        rows = max(sum(one.batch for one in work.forwards), 1) * batch
        flops = work.after_flops * batch
        item = torch.empty((), dtype=getattr(torch, known.dtype)).element_size()
        read = flops / 2 / rows * item / known.rate("gemv")
        after = max(read, flops / known.rate("matmul"))
        body = sum(self._body(work, replace(one, batch=one.batch * batch)) for one in work.forwards)
        total = body + after + calls
        return total, "compute" if self._computes(work, batch, total) else "memory"

    def small_s(self, work: Work) -> float:
        """Seconds of a run without a body, timed here and now on zeros."""
        key = (work.point.system, work.point.phase)
        if work.small is not None and key not in self.timed:
            (samples,) = sampled(
                [("small", work.small)], seconds=SMALL_S, device=work.workload.device
            )
            self.timed[key] = median(samples)
        return self.timed[key]

    def _computes(self, work: Work, batch: int, total: float) -> bool:
        """Whether the FLOPs take most of the total seconds.

        By the layers' own times; where they were not timed, whether the forwards do more FLOPs for
        a byte of weights than the ridge.
        """
        curve = None if work.target is None else self.calibration.curve(work.target)
        if curve is not None:
            forwards = [replace(one, batch=one.batch * batch) for one in work.forwards]
            return sum(map(curve.waiting, forwards)) <= WAITING_SHARE * total
        item = torch.empty((), dtype=getattr(torch, str(work.point.params["dtype"]))).element_size()
        shape = ModelShape.from_config(work.config)
        weights = shape.linear_flops // 2 * item * len(work.forwards)
        return work.flops() * batch / weights >= self.calibration.ridge

    def _body(self, work: Work, forward: Forward) -> float:
        target = work.target
        if target is None:
            return 0.0
        curve = self.calibration.curve(target)
        if curve is not None:
            return curve.seconds(forward)
        # Layers that were not timed: the plain roofline.
        shape = target.shape
        size = torch.empty((), dtype=getattr(torch, target.dtype)).element_size()
        flops = forward.batch * shape.body(forward.tokens, prefix=forward.prefix)
        weights = shape.linear_flops // 2 * size
        known = self.calibration
        return max(flops / known.rate("matmul"), weights / known.rate("gemv"))

    def working_bytes(self, work: Work, *, times: int = 1, limit: int = 1) -> int:
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
        for one in work.forwards:
            forward = replace(one, batch=min(one.batch * times, limit))
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
        self, work: Work, *, limit: int = 1, short_s: float = 0.0, scale: float = 1.0
    ) -> list[Measurement]:
        """What the measures will write of a point, predicted.

        Args:
            work: of the point.
            limit: texts in one forward, at most.
            short_s: where there is nothing to count, the seconds of a short run …
            scale: … and how many times longer this one is.
        """
        point, workload = work.point, work.workload
        if not work.counted:
            params = {"message": NOT_RUN}
            failed = cost_row(point, "flops", None, "FLOP", status="unsupported", params=params)
            bound: dict[str, object] = {"bound": "timed", "run_s": short_s * scale}
            value = short_s * scale / workload.units
            return [failed, cost_row(point, "latency", value, "s", params=bound)]
        dense, causal = work.flops("dense"), work.flops("causal")
        seconds, bound_by = self.seconds(work)
        timed: dict[str, object] = {"bound": bound_by, "run_s": seconds}
        curve = None if work.target is None else self.calibration.curve(work.target)
        if curve is not None:
            timed["beside_s"] = sum(curve.seconds(one, curve.timed) for one in work.forwards)
        found = [
            cost_row(point, "flops", dense / workload.units, "FLOP", params={"pairs": "dense"}),
            cost_row(point, "latency", seconds / workload.units, "s", params=timed),
        ]
        if causal != dense:
            value = causal / workload.units
            found.append(cost_row(point, "flops", value, "FLOP", params={"pairs": "causal"}))
        if work.config is not None:
            found.append(
                cost_row(point, "working_memory", self.working_bytes(work, limit=limit), "B")
            )
        if workload.index_bytes is not None:
            found.append(cost_row(point, "index_size", workload.index_bytes(), "B"))
        return found


def short_run(workload: Workload) -> float:
    """Seconds of one run of a workload without tensor operations, warmed up."""
    workload.prepare()
    time_calls(workload.run, 1, "cpu")
    return min(time_calls(workload.run, 1, "cpu") for _ in range(3))
