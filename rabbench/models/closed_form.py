"""The FLOPs of a transformer from its configuration alone: the first of three ways to the count.

A FLOP is one multiply or one add, so a multiply-accumulate is two. Only matrix products are
counted (elementwise work and norms are below 1 %), as every FLOP counter does.

For L tokens through n layers of width d, with h query heads and g key/value heads of size e and a
feed-forward width f::

    F(L) = n · (c·L + 4·h·e·pairs(L)),   c = 2·(2·d·h·e + 2·d·g·e + m·d·f)

with m = 3 for a gated feed-forward (gate, up, down) and 2 for a plain one. ``pairs`` is the number
of query-key pairs: L² counted densely, as the counters do, or L(L+1)/2 under a causal mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from rabbench.records import UsageError

# Two-matrix feed-forward; other families known here gate theirs with a third matrix.
PLAIN_FFN = {"bert", "roberta", "gpt_neox", "phi", "gpt2", "opt", "falcon", "starcoder2"}
PAIRS = ("dense", "causal")


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

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Read the sizes from a transformers configuration.

        Raises:
            UsageError: if the configuration names its sizes in a way not known here.
        """
        kind = str(config.model_type)
        try:
            width, heads = int(config.hidden_size), int(config.num_attention_heads)
            head_dim = getattr(config, "head_dim", None) or width // heads
            kv_heads = getattr(config, "num_key_value_heads", None) or heads
            return cls(
                layers=int(config.num_hidden_layers),
                width=width,
                heads=heads,
                kv_heads=int(kv_heads),
                head_dim=int(head_dim),
                ffn=int(getattr(config, "intermediate_size", None) or 4 * width),
                ffn_matrices=2 if kind in PLAIN_FFN else 3,
                vocabulary=int(config.vocab_size),
            )
        except AttributeError as error:
            raise UsageError(
                f"no closed form for model type {kind!r}: {error}; its FLOPs cannot be checked"
            ) from None

    @property
    def linear_flops(self) -> int:
        """FLOPs of one token in one layer outside attention: c of the module's formula."""
        d, q, kv = self.width, self.heads * self.head_dim, self.kv_heads * self.head_dim
        return 2 * (2 * d * q + 2 * d * kv + self.ffn_matrices * d * self.ffn)

    def body(self, tokens: int, pairs: str = "dense", *, prefix: int = 0) -> int:
        """FLOPs of ``tokens`` new tokens through all layers, without the LM head.

        Args:
            tokens: new tokens L.
            pairs: ``dense`` counts every query-key pair, ``causal`` those that a mask leaves.
            prefix: tokens P whose keys and values are cached and attended to.
        """
        if pairs not in PAIRS:
            raise UsageError(f"unknown pair convention {pairs!r}; known: {', '.join(PAIRS)}")
        new = tokens * tokens if pairs == "dense" else tokens * (tokens + 1) // 2
        attention = 4 * self.heads * self.head_dim * (new + tokens * prefix)
        return self.layers * (self.linear_flops * tokens + attention)

    def head(self, positions: int = 1) -> int:
        """FLOPs of the LM head at this many positions: 2·d·V each."""
        return 2 * self.width * self.vocabulary * positions

    def crossover(self, pairs: str = "dense") -> float:
        """The length L* at which attention's quadratic term passes the linear one."""
        share = 1.0 if pairs == "dense" else 0.5
        return self.linear_flops / (4 * self.heads * self.head_dim * share)
