"""The FLOPs of a transformer from its configuration alone: the first of three counts.

A FLOP is one multiply or one add, so a multiply-accumulate is two. Only matrix products count
(elementwise work and norms are below 1 %), as in every FLOP counter.

For L tokens through n layers of width d, with h query heads and g key/value heads of size e and a
feed-forward width f::

    F(L) = Σ over n layers of (c·L + 4·h·e·pairs(L)),   c = 2·(2·d·h·e + 2·d·g·e + m·d·f)

with m = 3 for a gated feed-forward (gate, up, down) and 2 for a plain one. In a layer of experts
m·d·f becomes 3·d·(k·f_x + f_s) + d·E (+ d): the k experts that a token is sent to, a shared one
with its gate where there is one, and the router over E experts.

``pairs`` is the number of query-key pairs: L² counted densely, as the counters do under any mask,
or the unmasked ones: L(L+1)/2 under a causal mask, of which a sliding window keeps the last w keys
of each query (transformers, ``masking_utils.sliding_window_overlay``).

Knows configurations, no modules. In the tests it equals both counters to the digit, and its masked
pairs the attention weights of the models, for drawn configurations of: Llama, Qwen2, Qwen3,
Mistral, Gemma 1 to 3, Phi, Phi-3, StarCoder2, GPT-NeoX, GPT-2, BERT, RoBERTa, Mixtral, Qwen2-MoE,
Qwen3-MoE. For another family the counters decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

from rabbench.types import UsageError

# Two-matrix feed-forward; the other families gate theirs with a third matrix.
PLAIN_FFN = {"bert", "roberta", "xlm-roberta", "gpt_neox", "gpt2", "phi", "starcoder2"}
# Every token attends to every other, under no mask.
ENCODERS = {"bert", "roberta", "xlm-roberta"}
# One size under several names; the first that a configuration sets counts.
FFN = ("intermediate_size", "n_inner")
EXPERTS = ("num_local_experts", "num_experts")
EXPERT_FFN = ("moe_intermediate_size", "intermediate_size")
PAIRS = ("dense", "causal")


@dataclass(frozen=True, kw_only=True)
class Experts:
    """The gated feed-forward of a layer of experts."""

    count: int  # E
    active: int  # k, of a token
    ffn: int  # f_x
    shared_ffn: int = 0  # f_s

    def macs(self, width: int) -> int:
        """Multiply-accumulates of one token: experts, router, and the shared expert's gate."""
        gate = int(self.shared_ffn > 0)
        return width * (3 * (self.active * self.ffn + self.shared_ffn) + self.count + gate)


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """The sizes that decide a transformer's FLOPs; letters as in the module's formula."""

    layers: int  # n
    width: int  # d
    heads: int  # h
    kv_heads: int  # g
    head_dim: int  # e
    ffn: int  # f
    ffn_matrices: int  # m
    vocabulary: int  # V
    window: int = 0  # w, of the layers that have one
    windowed_layers: int = 0
    experts: Experts | None = None
    expert_layers: int = 0
    masked: bool = True  # False for an encoder

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """The sizes of a transformers configuration; UsageError if it has other names for them."""
        kind = str(config.model_type)
        try:
            layers, width = int(config.num_hidden_layers), int(config.hidden_size)
            heads = int(config.num_attention_heads)
            windowed, sparse = _windowed_layers(config), _expert_layers(config)
            return cls(
                layers=layers,
                width=width,
                heads=heads,
                kv_heads=_first_size(config, "num_key_value_heads") or heads,
                head_dim=_first_size(config, "head_dim") or width // heads,
                ffn=_first_size(config, *FFN) or 4 * width,
                ffn_matrices=2 if kind in PLAIN_FFN else 3,
                vocabulary=int(config.vocab_size),
                window=_first_size(config, "sliding_window") if windowed else 0,
                windowed_layers=windowed,
                experts=_experts(config) if sparse else None,
                expert_layers=sparse,
                masked=kind not in ENCODERS,
            )
        except AttributeError as error:
            raise UsageError(
                f"no closed form for model type {kind!r}: {error}; its FLOPs cannot be checked"
            ) from None

    @property
    def linear_flops(self) -> int:
        """FLOPs of one token through all layers outside attention: n·c of the module's formula."""
        d, q, kv = self.width, self.heads * self.head_dim, self.kv_heads * self.head_dim
        plain = self.layers - self.expert_layers
        macs = self.layers * (2 * d * q + 2 * d * kv) + plain * self.ffn_matrices * d * self.ffn
        if self.experts:
            macs += self.expert_layers * self.experts.macs(d)
        return 2 * macs

    @property
    def pair_flops(self) -> int:
        """FLOPs of one query-key pair in all heads of a layer: 4·h·e."""
        return 4 * self.heads * self.head_dim

    def body(self, tokens: int, pairs: str = "dense", *, prefix: int = 0) -> int:
        """FLOPs of L new ``tokens`` through all layers, without the LM head.

        ``pairs`` is ``dense`` for every query-key pair, ``causal`` for the unmasked ones; P tokens
        of a ``prefix`` before them have cached keys and values.
        """
        attention = self.pair_flops * self.pairs(tokens, pairs, prefix=prefix)
        return self.linear_flops * tokens + attention

    def pairs(self, tokens: int, convention: str = "dense", *, prefix: int = 0) -> int:
        """Query-key pairs of a head summed over the layers; arguments as of :meth:`body`."""
        if convention not in PAIRS:
            raise UsageError(f"unknown pair convention {convention!r}; known: {', '.join(PAIRS)}")
        end = prefix + tokens
        if convention == "dense" or not self.masked:
            return self.layers * tokens * end
        # Under a mask the suffix has the pairs of the whole less those of the prefix.
        full = _causal_pairs(end) - _causal_pairs(prefix)
        windowed = _causal_pairs(end, self.window) - _causal_pairs(prefix, self.window)
        return (self.layers - self.windowed_layers) * full + self.windowed_layers * windowed

    def head(self, positions: int = 1) -> int:
        """FLOPs of the LM head at this many positions: 2·d·V each."""
        return 2 * self.width * self.vocabulary * positions

    def crossover(self, pairs: str = "dense") -> float:
        """The length L* at which attention's quadratic term passes the linear one.

        Under the mask a windowed layer's attention is linear beyond its window; where all layers
        have one there is no quadratic term and L* is infinite.
        """
        if pairs == "dense" or not self.masked:
            return self.linear_flops / (self.pair_flops * self.layers)
        quadratic = self.pair_flops * (self.layers - self.windowed_layers) / 2
        linear = self.linear_flops + self.pair_flops * self.windowed_layers * self.window
        return linear / quadratic if quadratic else math.inf


def _causal_pairs(tokens: int, window: int = 0) -> int:
    """Pairs of a sequence under a causal mask; with a window, the last w keys of each query."""
    beyond = max(tokens - window, 0) if window else 0
    return (tokens * (tokens + 1) - beyond * (beyond + 1)) // 2


def _first_size(config: Any, *names: str) -> int:
    """The first of these sizes that the configuration sets, or 0."""
    return next((int(value) for name in names if (value := getattr(config, name, None))), 0)


def _windowed_layers(config: Any) -> int:
    """Layers with a sliding window: those marked in the configuration, or all if none is marked."""
    if not _first_size(config, "sliding_window"):
        return 0
    kinds = getattr(config, "layer_types", None)
    return kinds.count("sliding_attention") if kinds else int(config.num_hidden_layers)


def _expert_layers(config: Any) -> int:
    """Layers whose feed-forward is experts: all but those that Qwen's options exclude."""
    if not _first_size(config, *EXPERTS):
        return 0
    step = _first_size(config, "decoder_sparse_step") or 1
    plain = getattr(config, "mlp_only_layers", None) or ()
    return sum(i not in plain and (i + 1) % step == 0 for i in range(config.num_hidden_layers))


def _experts(config: Any) -> Experts:
    return Experts(
        count=_first_size(config, *EXPERTS),
        active=int(config.num_experts_per_tok),
        ffn=_first_size(config, *EXPERT_FFN),
        shared_ffn=_first_size(config, "shared_expert_intermediate_size"),
    )
