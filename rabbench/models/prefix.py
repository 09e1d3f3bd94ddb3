"""Padded token ids, and the keys and values of a prefix in the form of transformers.

Knows tensors and a model's cache arguments; loads no model, knows no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

Prefix = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values (B, g, P, e) of each layer for a prefix of P tokens."""


def pad(sequences: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences padded on the right (B, L), and the position of each last token (B,)."""
    tokens = pad_sequence([torch.tensor(ids, dtype=torch.long) for ids in sequences], True)
    return tokens, torch.tensor([len(ids) - 1 for ids in sequences])


def build_cache(prefix: Prefix) -> Any:
    """A transformers cache of these keys and values, without a copy."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    cache = DynamicCache()
    for keys, values in prefix:
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        cache.layers.append(layer)
    return cache


def cache_arguments(model: Any, cache: Any) -> dict[str, Any]:
    """The arguments of a forward over a cache; transformers 5.24 renamed the first."""
    is_renamed = "cache" in signature(model.forward).parameters
    return {"cache" if is_renamed else "past_key_values": cache, "use_cache": True}


def read_cache(output: Any) -> Any:
    """The cache in a model's output, under either name."""
    return output["cache" if "cache" in output else "past_key_values"]
