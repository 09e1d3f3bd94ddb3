"""What this machine does in a second: products, attention, copies, and layers of given shapes.

Times a few seconds of real work and keeps the raw samples; knows torch, the machine and model
configurations, and no system. The kinds of timing: ``matmul`` (a feed-forward's product at
several lengths), ``attention`` (scaled_dot_product_attention, FLOPs counted densely), ``copy``
(bytes read and written), ``gemv`` (weights read for one position, as an LM head does), ``call``
(one small operator), ``fill`` (random weights) and ``interpreter`` (plain Python).
A :class:`~rabbench.models.curves.Curve` holds the times of the layers of one configuration.
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

from rabbench import environment
from rabbench.plan import cpu_contention
from rabbench.plan.curves import Curve, Target, trace_curve
from rabbench.plan.sampling import sampled
from rabbench.results import write_text
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
BUSY = 0.1  # share of all CPUs that others may take before a calibration is doubted


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One kind of work, timed: ``work`` in ``unit`` (FLOP, B, call …) done once a sample."""

    what: str
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

    @property
    def spread(self) -> float:
        """Half the range between the quartiles over the median; 0 with one sample."""
        if len(self.samples) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return (high - low) / 2 / self.median_s


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The rates of one machine, device and dtype, and the layer times of some configurations.

    ``others`` is the share of the machine's CPU time that other processes took meanwhile (None: not
    known); a calibration beside busy neighbours predicts times that an idle machine beats.
    """

    machine: str
    device: str
    dtype: str
    threads: int
    versions: Mapping[str, str]
    date: str
    timings: tuple[Timing, ...]
    curves: tuple[Curve, ...] = ()
    others: float | None = None

    @property
    def disturbed(self) -> str:
        """What to say where other processes were busy meanwhile; empty where they were not."""
        if self.others is None or self.others < BUSY:
            return ""
        return (
            f"other processes took {self.others:.0%} of the CPUs during the calibration: predicted "
            "times are too long for an idle machine; calibrate again when it is one"
        )

    def of(self, what: str) -> list[Timing]:
        """The timings of one kind, smallest work first."""
        return sorted((one for one in self.timings if one.what == what), key=lambda one: one.work)

    def rate(self, what: str) -> float:
        """The best rate of one kind: what a roofline calls its roof."""
        return max(one.rate for one in self.of(what))

    @property
    def call_s(self) -> float:
        """Seconds of one small operator."""
        return self.of("call")[0].median_s

    @property
    def interpreter_s(self) -> float:
        """Seconds of a fixed piece of plain Python: how fast this machine runs an interpreter."""
        return self.of("interpreter")[0].median_s

    @property
    def ridge(self) -> float:
        """FLOPs a byte at which the copy and the product rates meet (the roofline's ridge)."""
        return self.rate("matmul") / self.rate("copy")

    def curve(self, target: Target) -> Curve | None:
        """The layer times of a configuration, or None where they were not taken."""
        return next((curve for curve in self.curves if curve.key == target.key), None)

    def to_json(self) -> dict[str, Any]:
        """As a dictionary that JSON can hold; :meth:`from_json` reads it."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Calibration:
        """Read what :meth:`to_json` gave; KeyError or TypeError if it is something else."""
        fields = {key: value for key, value in raw.items() if key != "schema"}
        fields["timings"] = tuple(
            Timing(**{**one, "samples": tuple(one["samples"])}) for one in raw["timings"]
        )
        fields["curves"] = tuple(Curve.from_json(one) for one in raw["curves"])
        return cls(**fields)


def calibrate(
    targets: Sequence[Target] = (),
    *,
    device: str = "cpu",
    dtype: str = "float32",
    seconds: float = 10.0,
    recalibrate: bool = False,
    progress: Progress = no_progress,
) -> Calibration:
    """Time this machine for about ``seconds``, or read what an earlier call kept.

    The result lies in the cache folder, one file for a machine, device, dtype and thread count;
    configurations that it lacks, or holds only for shorter lengths, are timed and added.

    Args:
        targets: the configurations whose layers will be asked about.
        device: ``cpu`` or ``cuda``.
        dtype: of the products and copies; each target has its own.
        seconds: how long to sample; building the layers' random weights comes on top.
        recalibrate: time everything again.
        progress: told what is being timed.
    """
    import torch

    described = environment.describe()
    path = _path(described["machine"], device, dtype, torch.get_num_threads())
    found = None if recalibrate else _kept(path, described)
    before = cpu_contention.cpu_times()
    if found is None:
        progress("calibration: machine", 0, len(targets) + 1)
        width, ffn = _sizes(targets)
        probes = _probes(width, ffn, device=device, dtype=dtype, seconds=PROBES_SHARE * seconds)
        found = Calibration(
            machine=described["machine"],
            device=device,
            dtype=dtype,
            threads=torch.get_num_threads(),
            versions={name: described["versions"][name] for name in VERSIONS},
            date=described["date"],
            timings=probes,
        )
    missing = [one for one in _united(targets) if not _covers(found, one)]
    missing.sort(key=lambda one: one.shape.linear_flops)  # what small ones leave goes to the large
    end = time.monotonic() + (1 - PROBES_SHARE) * seconds
    for done, target in enumerate(missing):
        progress(f"calibration: layers of {target.name}", done + 1, len(missing) + 1)
        share = max(end - time.monotonic(), 0.0) / (len(missing) - done)
        curve = trace_curve(target, device=device, seconds=share)
        known = tuple(one for one in found.curves if one.key != curve.key)
        found = replace(found, curves=(*known, curve))
    if missing or found.others is None:
        others = cpu_contention.cpu_contention(before, cpu_contention.cpu_times())
        found = replace(found, others=max(found.others or 0.0, others))
    write_text(path, json.dumps(found.to_json(), indent=1) + "\n")
    return found


def _united(targets: Sequence[Target]) -> list[Target]:
    """One target for each key, as long as the longest asked for."""
    united: dict[str, Target] = {}
    for one in targets:
        other = united.get(one.key, one)
        united[one.key] = replace(
            one,
            longest=max(one.longest, other.longest),
            suffix=max(one.suffix, other.suffix),
        )
    return list(united.values())


def _covers(found: Calibration, target: Target) -> bool:
    curve = found.curve(target)
    return curve is not None and curve.asked >= target.longest and curve.suffix >= target.suffix


def _path(machine: str, device: str, dtype: str, threads: int) -> Path:
    name = f"{machine}-{device}-{dtype}-{threads}-threads.json"
    return environment.home() / "calibration" / name


def _kept(path: Path, described: Mapping[str, Any]) -> Calibration | None:
    """The calibration in the cache, unless it is absent, damaged or of other versions."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        found = Calibration.from_json(raw) if raw["schema"] == SCHEMA else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    now = {name: described["versions"][name] for name in VERSIONS}
    return found if found is not None and dict(found.versions) == now else None


def _sizes(targets: Sequence[Target]) -> tuple[int, int]:
    """Width and feed-forward width of the widest target; those of a small model without one."""
    shapes = [target.shape for target in targets]
    widest = max(shapes, key=lambda shape: shape.width, default=None)
    return (576, 1536) if widest is None else (widest.width, widest.ffn)


def _probes(width: int, ffn: int, *, device: str, dtype: str, seconds: float) -> tuple[Timing, ...]:
    """The machine's own rates, all sampled in the same rounds."""
    import torch

    kind = getattr(torch, dtype)
    jobs: list[tuple[dict[str, Any], Callable[[], Any]]] = []

    def add(
        what: str, size: dict[str, int], work: float, unit: str, run: Callable[[], Any]
    ) -> None:
        jobs.append(({"what": what, "size": size, "work": work, "unit": unit}, run))

    def random(*size: int) -> torch.Tensor:
        return torch.randn(*size, device=device).to(kind)

    small = random(1, 1024)
    add("call", {"m": 1024}, 1, "call", lambda: small + small)
    add("interpreter", {"turns": LOOP}, LOOP, "turn", _loop)
    blank = torch.empty(1 << 20, device=device)
    add("fill", {"m": 1 << 20}, 1 << 20, "value", blank.normal_)
    rows = max(GEMV_BYTES // (width * small.element_size()), 1)
    head, state = random(rows, width), random(1, width)
    gemv = partial(torch.nn.functional.linear, state, head)
    add("gemv", {"d": width, "rows": rows}, head.nbytes, "B", gemv)
    source = torch.ones(COPY_BYTES // 4, device=device)
    copied = torch.empty_like(source)
    add("copy", {"bytes": COPY_BYTES}, 2 * COPY_BYTES, "B", lambda: copied.copy_(source))
    weight = random(width, ffn)
    for length in LENGTHS:
        product = partial(torch.matmul, random(length, width), weight)
        size = {"L": length, "d": width, "f": ffn}
        add("matmul", size, 2 * length * width * ffn, "FLOP", product)
        query = random(1, max(width // 64, 1), length, 64)  # (1, h, L, e)
        attend = torch.nn.functional.scaled_dot_product_attention
        heads = query.shape[1]
        run = partial(attend, query, query, query, is_causal=True)
        size = {"L": length, "h": heads, "e": 64}
        add("attention", size, 4 * heads * 64 * length**2, "FLOP", run)
    with torch.inference_mode():
        named = [(about["what"], run) for about, run in jobs]
        times = sampled(named, seconds=seconds, device=device)
    return tuple(
        Timing(**about, samples=tuple(samples))
        for (about, _), samples in zip(jobs, times, strict=True)
        if samples
    )


def _loop() -> int:
    total = 0
    for i in range(LOOP):
        total += i & 3
    return total
