"""What this machine does in a second: products, attention, copies, and layers of given shapes.

Times a few seconds of real work, keeps the raw samples, and knows no system. Kinds of timing:
``matmul`` (a feed-forward's product at several lengths), ``attention``
(scaled_dot_product_attention, FLOPs counted densely), ``copy`` (bytes read and written), ``gemv``
(weights read for one position, as an LM head does), ``call`` (one small operator), ``fill`` (random
weights) and ``interpreter`` (plain Python). A ``Curve`` holds the layer times of a configuration.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from rabbench import environment
from rabbench.plan.curves import Curve, Target, trace_curve
from rabbench.plan.sampling import sample_rounds
from rabbench.results import write_file
from rabbench.types import Progress, no_progress

if TYPE_CHECKING:
    import torch

SCHEMA = 4  # 4: curves hold layers only
VERSIONS = ("rabbench", "torch", "transformers")
PROBES_SHARE = 0.2  # of the seconds: the machine's own rates; layers take the rest
LENGTHS = (64, 512, 2048)  # tokens of the products
LOOP = 20_000  # turns of the interpreter's timing
GEMV_BYTES = 1 << 26
COPY_BYTES = 1 << 27
WORKING = ("user", "nice", "system", "irq", "softirq", "steal")  # of a processor's times
BUSY = 0.1  # share of all CPUs that other processes may take before a calibration is doubted

Times = tuple[float, float, float]
"""CPU seconds of the whole machine, those of this process, and wall seconds times processors."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One kind of work, timed: ``work`` in ``unit`` (FLOP, B, call …) done once a sample."""

    kind: str
    size: Mapping[str, int]
    work: float
    unit: str
    samples: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The median sample, in seconds."""
        return statistics.median(self.samples)

    @property
    def rate(self) -> float:
        """``unit`` in a second, at the median."""
        return self.work / self.median_s

    def to_json(self) -> dict[str, Any]:
        """As a dictionary that JSON can hold; :meth:`from_json` reads it."""
        raw = asdict(self)
        return {"what": raw.pop("kind"), **raw}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Timing:
        """Read what :meth:`to_json` gave."""
        fields = {**raw, "samples": tuple(raw["samples"])}
        return cls(kind=fields.pop("what"), **fields)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The rates of one machine, device and dtype, and the layer times of some configurations.

    ``busy_share`` is the share of the machine's CPU time that other processes took meanwhile (None:
    not known); where they were busy, the predicted times are longer than those of an idle machine.
    """

    machine: str
    device: str
    dtype: str
    threads: int
    versions: Mapping[str, str]
    date: str
    timings: tuple[Timing, ...]
    curves: tuple[Curve, ...] = ()
    busy_share: float | None = None

    @property
    def warning(self) -> str:
        """A sentence where other processes were busy meanwhile; empty where they were not."""
        if self.busy_share is None or self.busy_share < BUSY:
            return ""
        return (
            f"other processes took {self.busy_share:.0%} of the CPUs during the calibration: "
            "predicted times are too long for an idle machine; calibrate again when it is one"
        )

    def timings_of(self, kind: str) -> list[Timing]:
        """The timings of one kind, smallest work first."""
        timings = (timing for timing in self.timings if timing.kind == kind)
        return sorted(timings, key=lambda timing: timing.work)

    def rate(self, kind: str) -> float:
        """The best rate of one kind: what a roofline calls its roof."""
        return max(timing.rate for timing in self.timings_of(kind))

    @property
    def call_s(self) -> float:
        """Seconds of one small operator."""
        return self.timings_of("call")[0].median_s

    @property
    def ridge(self) -> float:
        """FLOPs a byte at which the copy and the product rates meet (the roofline's ridge)."""
        return self.rate("matmul") / self.rate("copy")

    def curve(self, target: Target | None) -> Curve | None:
        """The layer times of a configuration, or None where they were not taken."""
        key = None if target is None else target.key
        return next((curve for curve in self.curves if curve.key == key), None)

    def to_json(self) -> dict[str, Any]:
        """As a dictionary that JSON can hold; :meth:`from_json` reads it."""
        raw = asdict(self)
        raw["timings"] = [timing.to_json() for timing in self.timings]
        raw["curves"] = [curve.to_json() for curve in self.curves]
        return {"schema": SCHEMA, "others": raw.pop("busy_share"), **raw}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Calibration:
        """Read what :meth:`to_json` gave; KeyError or TypeError if it is something else."""
        fields = {key: value for key, value in raw.items() if key != "schema"}
        fields["timings"] = tuple(map(Timing.from_json, raw["timings"]))
        fields["curves"] = tuple(map(Curve.from_json, raw["curves"]))
        return cls(busy_share=fields.pop("others"), **fields)


def calibrate(
    targets: Sequence[Target] = (),
    *,
    device: str = "cpu",
    dtype: str = "float32",
    seconds: float = 10.0,
    recalibrate: bool = False,
    progress: Progress = no_progress,
) -> Calibration:
    """Time this machine for about ``seconds``, or read what an earlier call stored.

    The result lies in the cache folder, one file for a machine, device, dtype and thread count;
    configurations that it lacks, or holds only for shorter lengths, are timed and added. ``dtype``
    is that of the products and copies; each target has its own. Building the layers' random weights
    comes on top of ``seconds``. With ``recalibrate`` everything is timed again.
    """
    import torch

    here = environment.describe()
    threads = torch.get_num_threads()
    file = f"{here['machine']}-{device}-{dtype}-{threads}-threads.json"
    path = environment.home() / "calibration" / file
    versions = {name: here["versions"][name] for name in VERSIONS}
    calibration = None if recalibrate else _read_cached(path, versions)
    before = cpu_times()
    if calibration is None:
        progress("calibration: machine", 0, len(targets) + 1)
        shapes = [target.shape for target in targets]
        widest = max(shapes, key=lambda shape: shape.width, default=None)
        width, ffn = (widest.width, widest.ffn) if widest else (576, 1536)  # a small model's
        probes = _probes(width, ffn, device=device, dtype=dtype, seconds=PROBES_SHARE * seconds)
        calibration = Calibration(
            machine=here["machine"],
            device=device,
            dtype=dtype,
            threads=threads,
            versions=versions,
            date=here["date"],
            timings=probes,
        )
    missing = [
        target
        for target in _merge(targets)
        if not any(curve.covers(target) for curve in calibration.curves)
    ]
    # Small ones first: the time that they do not need goes to the large.
    missing.sort(key=lambda target: target.shape.linear_flops)
    end = time.monotonic() + (1 - PROBES_SHARE) * seconds
    for number, target in enumerate(missing):
        progress(f"calibration: layers of {target.name}", number + 1, len(missing) + 1)
        share = max(end - time.monotonic(), 0.0) / (len(missing) - number)
        curve = trace_curve(target, device=device, seconds=share)
        curves = tuple(earlier for earlier in calibration.curves if earlier.key != curve.key)
        calibration = replace(calibration, curves=(*curves, curve))
    if missing or calibration.busy_share is None:
        busy_share = max(calibration.busy_share or 0.0, cpu_contention(before, cpu_times()))
        calibration = replace(calibration, busy_share=busy_share)
    write_file(path, json.dumps(calibration.to_json(), indent=1) + "\n")
    return calibration


def cpu_times() -> Times:
    """CPU seconds since the machine started."""
    totals = psutil.cpu_times()._asdict()
    process = psutil.Process().cpu_times()
    machine = sum(totals.get(name, 0.0) for name in WORKING)
    return machine, process.user + process.system, time.monotonic() * (psutil.cpu_count() or 1)


def cpu_contention(before: Times, after: Times) -> float:
    """The share of the machine's CPU time that neither idled nor was this process's."""
    machine, process, capacity = (late - early for early, late in zip(before, after, strict=True))
    return min(max((machine - process) / capacity, 0.0), 1.0) if capacity > 0 else 0.0


def _merge(targets: Sequence[Target]) -> list[Target]:
    """One target for each key, with the greatest lengths of all."""
    merged: dict[str, Target] = {}
    for target in targets:
        earlier = merged.get(target.key, target)
        merged[target.key] = replace(
            target,
            longest=max(target.longest, earlier.longest),
            suffix=max(target.suffix, earlier.suffix),
        )
    return list(merged.values())


def _read_cached(path: Path, versions: Mapping[str, str]) -> Calibration | None:
    """The calibration in the cache, unless it is absent, damaged or of other versions."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        calibration = Calibration.from_json(raw) if raw["schema"] == SCHEMA else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return calibration if calibration and dict(calibration.versions) == versions else None


def _probes(width: int, ffn: int, *, device: str, dtype: str, seconds: float) -> tuple[Timing, ...]:
    """The machine's own rates, all sampled in the same rounds."""
    import torch
    from torch.nn.functional import linear, scaled_dot_product_attention

    runs: list[tuple[dict[str, Any], Callable[[], Any]]] = []

    def add(
        kind: str, size: dict[str, int], work: float, unit: str, run: Callable[[], Any]
    ) -> None:
        runs.append(({"kind": kind, "size": size, "work": work, "unit": unit}, run))

    def random(*size: int) -> torch.Tensor:
        return torch.randn(*size, device=device).to(getattr(torch, dtype))

    small = random(1, 1024)
    add("call", {"m": 1024}, 1, "call", lambda: small + small)
    add("interpreter", {"turns": LOOP}, LOOP, "turn", _loop)
    blank = torch.empty(1 << 20, device=device)
    add("fill", {"m": 1 << 20}, 1 << 20, "value", blank.normal_)
    rows = max(GEMV_BYTES // (width * small.element_size()), 1)
    head, state = random(rows, width), random(1, width)
    add("gemv", {"d": width, "rows": rows}, head.nbytes, "B", partial(linear, state, head))
    source = torch.ones(COPY_BYTES // 4, device=device)
    target = torch.empty_like(source)
    add("copy", {"bytes": COPY_BYTES}, 2 * COPY_BYTES, "B", lambda: target.copy_(source))
    weight = random(width, ffn)
    for length in LENGTHS:
        product = partial(torch.matmul, random(length, width), weight)
        size = {"L": length, "d": width, "f": ffn}
        add("matmul", size, 2 * length * width * ffn, "FLOP", product)
        heads = max(width // 64, 1)
        query = random(1, heads, length, 64)  # (1, h, L, e)
        run = partial(scaled_dot_product_attention, query, query, query, is_causal=True)
        size = {"L": length, "h": heads, "e": 64}
        add("attention", size, 4 * heads * 64 * length**2, "FLOP", run)
    with torch.inference_mode():
        by_kind = [(fields["kind"], run) for fields, run in runs]
        times = sample_rounds(by_kind, seconds=seconds, device=device)
    return tuple(
        Timing(**fields, samples=tuple(samples))
        for (fields, _), samples in zip(runs, times, strict=True)
        if samples
    )


def _loop() -> int:
    total = 0
    for i in range(LOOP):
        total += i & 3
    return total
