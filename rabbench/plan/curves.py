"""The time of a transformer's layers as a function of length, from a few layers run.

A :class:`Curve` is taken on layers of the very shape with random weights, at a ladder of lengths,
with the attention implementation asked for; the whole body's time is that of one layer times their
number, plus what stands around the layers (embedding, positions, last norm). Weights of the timed
layers exceed the processor's caches, as those of the whole model do.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from rabbench.models.closed_form import ModelShape
from rabbench.plan import skeleton
from rabbench.plan.sampling import sample_rounds
from rabbench.plan.skeleton import Forward

LADDER = (1, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
APART = 1.5  # between the last two lengths; a rung just below the last says little and takes long
ROUNDS = 9  # at most, so that small models leave time to large ones
PREFIX = 256  # shortest cached prefix timed
RESIDENT = 40_000_000  # bytes of timed layers' weights: beyond the caches of common processors
SCORES = 1 << 30  # bytes of eager attention's scores at the longest length timed

Points = tuple[tuple[int, tuple[float, ...]], ...]
"""Samples by length: ``((tokens, (seconds, …)), …)``, rising."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A configuration whose layers are to be timed.

    ``longest`` is the longest sequence that a plan needs, ``suffix`` the tokens run over a cached
    prefix (0: none).
    """

    name: str
    config: Any
    dtype: str
    attention: str
    longest: int
    suffix: int = 0

    @property
    def shape(self) -> ModelShape:
        """The sizes that decide its FLOPs."""
        return ModelShape.from_config(self.config)

    @property
    def key(self) -> str:
        """A hash of what decides the layers' times; equal for the same layers."""
        parts = [str(self.config.model_type), asdict(self.shape), self.dtype, self.attention]
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Samples of layers, of their surroundings, of attention alone, and over cached prefixes.

    ``whole`` are ``timed`` layers with what surrounds them, ``bare`` the surroundings without a
    layer, ``attention`` one layer's attention kernel by itself, ``cached`` as ``whole`` for
    ``suffix`` tokens over a prefix of so many. ``longest`` is that of the target.
    """

    key: str
    name: str
    layers: int
    timed: int
    longest: int
    suffix: int
    whole: Points
    bare: Points
    attention: Points
    cached: Points = ()

    def to_json(self) -> dict[str, Any]:
        """As a dictionary that JSON can hold; :meth:`from_json` reads it."""
        raw = asdict(self)
        return {"asked": raw.pop("longest"), **raw}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Curve:
        """Read what :meth:`to_json` gave."""
        points = {
            name: tuple((int(length), tuple(samples)) for length, samples in raw[name])
            for name in ("whole", "bare", "attention", "cached")
        }
        fields = {**raw, **points}
        return cls(longest=fields.pop("asked"), **fields)

    def covers(self, target: Target) -> bool:
        """Whether it is of the target's layers, and long enough."""
        long_enough = self.longest >= target.longest and self.suffix >= target.suffix
        return self.key == target.key and long_enough

    def seconds(self, work: Forward, layers: int | None = None) -> float:
        """Predicted time of one forward through the whole body, or through so many layers."""
        count = self.layers if layers is None else layers
        tokens = work.batch * work.tokens
        bare = _interpolate(_medians(self.bare), tokens, order=1)
        linear = _interpolate(self._linear(), tokens, order=1)
        attention = work.batch * self._attention(work.tokens)
        prefix = work.batch * self._prefix(work.prefix) if work.prefix else 0.0
        return bare + count * (linear + attention + prefix)

    def waiting(self, work: Forward) -> float:
        """The part of :meth:`seconds` without FLOPs: reading weights, calls, cached prefixes.

        A forward over one token reads all the weights and makes all the calls for next to no FLOPs.
        """
        prefix = work.batch * self.layers * self._prefix(work.prefix) if work.prefix else 0.0
        return self.seconds(Forward(1, 1)) + prefix

    def _attention(self, tokens: int) -> float:
        return _interpolate(_medians(self.attention), tokens, order=2)

    def _linear(self) -> dict[int, float]:
        """One layer without its attention kernel.

        Fewer tokens never take longer, and disturbances only add: where a length took longer than
        a greater one, the greater one's time is nearer the truth.
        """
        bare = _medians(self.bare)
        linear: dict[int, float] = {}
        least = math.inf
        for length, whole in sorted(_medians(self.whole).items(), reverse=True):
            surroundings = _interpolate(bare, length, order=1)
            layer = max(whole - surroundings, whole / 100) / self.timed
            least = min(least, max(layer - self._attention(length), layer / 100))
            linear[length] = least
        return linear

    def _prefix(self, length: int) -> float:
        """The time a cached prefix adds to one layer: its copy, and attention over it."""
        alone = _interpolate(_medians(self.whole), self.suffix, order=1)
        added = {
            prefix: max(value - alone, value / 1000) / self.timed
            for prefix, value in _medians(self.cached).items()
        }
        return _interpolate(added, length, order=1) if added else 0.0


def _medians(points: Points) -> dict[int, float]:
    return {length: statistics.median(samples) for length, samples in points}


def _interpolate(values: Mapping[int, float], tokens: int, *, order: int) -> float:
    """Interpolate on logarithmic axes; beyond the last length, grow with this order."""
    lengths = sorted(values)
    first, last = lengths[0], lengths[-1]
    if tokens >= last:
        return values[last] * (tokens / last) ** order
    if tokens <= first:
        return values[first]
    high = next(length for length in lengths if length >= tokens)
    low = lengths[lengths.index(high) - 1]
    share = math.log(tokens / low) / math.log(high / low)
    return float(values[low] ** (1 - share) * values[high] ** share)


def trace_curve(target: Target, *, device: str, seconds: float) -> Curve:
    """Time a target's layers for so many seconds.

    Short lengths come first; those that do not fit are left out and then extrapolated.
    """
    shape = target.shape
    size = skeleton.dtype_bytes(target.dtype)
    layer_bytes = shape.linear_flops // 2 // shape.layers * size
    timed = min(shape.layers, max(1, math.ceil(RESIDENT / layer_bytes)))
    options = {"device": device, "dtype": target.dtype, "attention": target.attention}
    layers = skeleton.build_body(target.config, layers=timed, **options)
    surroundings = skeleton.build_body(target.config, layers=0, **options)
    runs: list[tuple[str, int, Any]] = []
    for length in _ladder(target, size):
        work = Forward(1, length)
        runs.append(("bare", length, skeleton.build_forward(surroundings, work, device)))
        runs.append(("attention", length, _attention(target, length, device)))
        runs.append(("whole", length, skeleton.build_forward(layers, work, device)))
        if target.suffix and length >= PREFIX:
            cached = Forward(1, target.suffix, length)
            runs.append(("cached", length, skeleton.build_forward(layers, cached, device)))
    by_kind = [(kind, run) for kind, _, run in runs]
    times = sample_rounds(by_kind, seconds=seconds, device=device, rounds=ROUNDS)
    points: dict[str, Points] = {kind: () for kind, _, _ in runs}
    for (kind, length, _), samples in zip(runs, times, strict=True):
        if samples:
            points[kind] += ((length, tuple(samples)),)
    return Curve(
        key=target.key,
        name=target.name,
        layers=shape.layers,
        timed=timed,
        longest=target.longest,
        suffix=target.suffix,
        **points,
    )


def _ladder(target: Target, size: int) -> Sequence[int]:
    """Lengths to time: up to the longest needed, as far as the ladder and memory allow."""
    context = int(getattr(target.config, "max_position_embeddings", 0) or LADDER[-1])
    last = min(target.longest, context, LADDER[-1])
    if target.attention == "eager":
        last = min(last, math.isqrt(SCORES // (target.shape.heads * (4 + size))))
    return [*(rung for rung in LADDER if rung * APART <= last), last]


def _attention(target: Target, length: int, device: str) -> Any:
    """One layer's attention over ``length`` tokens, as the implementation does it."""
    shape = target.shape
    dtype = getattr(torch, target.dtype)
    q = torch.randn(1, shape.heads, length, shape.head_dim, device=device).to(dtype)  # (1, h, L, e)
    eager, masked = target.attention == "eager", shape.masked
    mask = torch.zeros((length, length) if eager else (), device=device, dtype=dtype)  # (L, L)

    @torch.inference_mode()
    def run() -> Any:
        if not eager:
            attend = torch.nn.functional.scaled_dot_product_attention
            return attend(q, q, q, is_causal=masked and length > 1)
        scores = q @ q.transpose(2, 3) * shape.head_dim**-0.5  # (1, h, L, L)
        scores = scores + mask if masked else scores
        return torch.softmax(scores, dim=-1, dtype=torch.float32).to(dtype) @ q

    return run
