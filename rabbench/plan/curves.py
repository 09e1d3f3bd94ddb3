"""The time of a transformer's layers as a function of length, from a few layers really run.

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
from rabbench.plan.sampling import sampled
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
    """A configuration to be timed: what is asked of its layers.

    ``longest`` is the longest sequence that will be asked about, ``suffix`` the tokens run over a
    cached prefix (0: none).
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
        """What makes two targets the same layers."""
        parts = [str(self.config.model_type), asdict(self.shape), self.dtype, self.attention]
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Samples of layers, of their surroundings, of attention alone, and over cached prefixes.

    ``whole`` are ``timed`` layers with what surrounds them, ``bare`` the surroundings without a
    layer, ``attention`` one layer's attention kernel by itself, ``cached`` as ``whole`` for
    ``suffix`` tokens over a prefix of so many.
    """

    key: str
    name: str
    layers: int
    timed: int
    asked: int
    suffix: int
    whole: Points
    bare: Points
    attention: Points
    cached: Points = ()

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Curve:
        """Read what ``asdict`` gave."""
        named = ("whole", "bare", "attention", "cached")
        points = {
            name: tuple((int(at), tuple(samples)) for at, samples in raw[name]) for name in named
        }
        return cls(**{**raw, **points})

    def seconds(self, work: Forward, layers: int | None = None) -> float:
        """Predicted time of one forward through the whole body, or through so many layers."""
        count = self.layers if layers is None else layers
        tokens = work.batch * work.tokens
        rest = _at(_medians(self.bare), tokens, order=1)
        linear = _at(self._linear(), tokens, order=1)
        attention = work.batch * self._attention(work.tokens)
        over = work.batch * self._over(work.prefix) if work.prefix else 0.0
        return rest + count * (linear + attention + over)

    def waiting(self, work: Forward) -> float:
        """What :meth:`seconds` holds besides FLOPs: reading weights and calls, and cached prefixes.

        A forward over one token reads all the weights and makes all the calls for next to no FLOPs.
        """
        over = work.batch * self.layers * self._over(work.prefix) if work.prefix else 0.0
        return self.seconds(Forward(1, 1)) + over

    def _attention(self, tokens: int) -> float:
        return _at(_medians(self.attention), tokens, order=2)

    def _layer(self) -> dict[int, float]:
        bare = _medians(self.bare)
        return {
            at: max(value - _at(bare, at, order=1), value / 100) / self.timed
            for at, value in _medians(self.whole).items()
        }

    def _linear(self) -> dict[int, float]:
        """One layer without its attention kernel.

        Fewer tokens never take longer, and disturbances only add: where a length took longer than
        a greater one, the greater one's time is nearer the truth.
        """
        found: dict[int, float] = {}
        least = math.inf
        for at, value in sorted(self._layer().items(), reverse=True):
            least = min(least, max(value - self._attention(at), value / 100))
            found[at] = least
        return found

    def _over(self, prefix: int) -> float:
        """What a cached prefix adds to one layer: its copy, and attention over it."""
        alone = _at(_medians(self.whole), self.suffix, order=1)
        added = {
            at: max(value - alone, value / 1000) / self.timed
            for at, value in _medians(self.cached).items()
        }
        return _at(added, prefix, order=1) if added else 0.0


def _medians(points: Points) -> dict[int, float]:
    return {at: statistics.median(samples) for at, samples in points}


def _at(values: Mapping[int, float], tokens: int, *, order: int) -> float:
    """Interpolate on logarithmic axes; beyond the last length, grow with this order."""
    known = sorted(values)
    if tokens <= known[0] or len(known) == 1:
        near = known[0]
        return values[near] * (tokens / near) ** order if tokens > near else values[near]
    if tokens >= known[-1]:
        return values[known[-1]] * (tokens / known[-1]) ** order
    high = next(at for at in known if at >= tokens)
    low = known[known.index(high) - 1]
    share = math.log(tokens / low) / math.log(high / low)
    return float(values[low] ** (1 - share) * values[high] ** share)


def trace_curve(target: Target, *, device: str, seconds: float) -> Curve:
    """Time a target's layers.

    Args:
        target: what to time.
        device: ``cpu`` or ``cuda``.
        seconds: of sampling; short lengths come first, those that do not fit are left out and
            then extrapolated.
    """
    shape = target.shape
    size = torch.empty((), dtype=getattr(torch, target.dtype)).element_size()
    layer_bytes = shape.linear_flops // 2 // shape.layers * size
    timed = min(shape.layers, max(1, math.ceil(RESIDENT / layer_bytes)))
    ladder = _ladder(target, size)
    built = {"device": device, "dtype": target.dtype, "attention": target.attention}
    layers = skeleton.body(target.config, layers=timed, **built)
    around = skeleton.body(target.config, layers=0, **built)
    jobs: list[tuple[str, int, Any]] = []
    for length in ladder:
        work = Forward(1, length)
        jobs.append(("bare", length, skeleton.forward(around, work, device)))
        jobs.append(("attention", length, _attention(target, length, device)))
        jobs.append(("whole", length, skeleton.forward(layers, work, device)))
        if target.suffix and length >= PREFIX:
            cached = Forward(1, target.suffix, length)
            jobs.append(("cached", length, skeleton.forward(layers, cached, device)))
    named = [(kind, run) for kind, _, run in jobs]
    times = sampled(named, seconds=seconds, device=device, rounds=ROUNDS)
    points: dict[str, list[tuple[int, tuple[float, ...]]]] = {}
    for (name, at, _), samples in zip(jobs, times, strict=True):
        points.setdefault(name, [])
        if samples:
            points[name].append((at, tuple(samples)))
    return Curve(
        key=target.key,
        name=target.name,
        layers=shape.layers,
        timed=timed,
        asked=target.longest,
        suffix=target.suffix,
        **{name: tuple(found) for name, found in points.items()},
    )


def _ladder(target: Target, size: int) -> Sequence[int]:
    """Lengths to time: up to the longest asked about, as far as the ladder and memory allow."""
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
    if target.attention != "eager":

        def fused() -> Any:
            with torch.inference_mode():
                attend = torch.nn.functional.scaled_dot_product_attention
                return attend(q, q, q, is_causal=target.shape.masked and length > 1)

        return fused
    mask = torch.zeros(length, length, device=device, dtype=dtype)  # (L, L)

    def eager() -> Any:
        with torch.inference_mode():
            scores = q @ q.transpose(2, 3) * shape.head_dim**-0.5  # (1, h, L, L)
            scores = scores + mask if target.shape.masked else scores
            weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(dtype)
            return weights @ q

    return eager
