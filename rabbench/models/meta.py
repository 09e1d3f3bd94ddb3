"""Forwards on the ``meta`` device: the modules whose FLOPs are counted.

A tensor on ``meta`` has a shape and no values, so a 7B model at 131,072 tokens costs neither
memory nor time. Every matrix product is still dispatched and counted; eager attention makes its
products visible to the counters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from rabbench.models.backbone import Backbone
from rabbench.models.prefix import build_cache, cache_arguments

MetaForward = tuple[nn.Module, tuple[torch.Tensor, ...]]
"""A module and the inputs of the forward to count."""
After = Callable[[torch.Tensor], Any]
"""The rest of a forward, from final hidden states (B, d)."""


class _BodyForward(nn.Module):
    """A forward through a transformer body, then ``after`` on the last positions' states."""

    def __init__(self, body: Any, after: After) -> None:
        super().__init__()
        self.body = body
        self.after = after


class LastState(_BodyForward):
    """Forwards of whole sequences."""

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Token ids (B, L) and an all-visible mask (B, 1, L, L), one pair for each forward.

        Returns the result of ``after`` on the last states of all forwards, (ΣB, d).
        """
        states, pooled = [], []
        for ids, mask in zip(inputs[::2], inputs[1::2], strict=True):
            output = self.body(input_ids=ids, attention_mask=mask, use_cache=False)
            states.append(output.last_hidden_state[:, -1])
            # A tracer drops an output that is not returned, BERT's pooler for one.
            pooled += [output.pooler_output] if "pooler_output" in output else []
        return self.after(torch.cat(states)), *pooled


class SuffixState(_BodyForward):
    """The forward of a suffix over a prefix whose keys and values are cached."""

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, *flat: torch.Tensor) -> Any:
        """Suffix ids (1, S), a mask (1, 1, S, P + S), and the layers' keys and values in turn."""
        cache = build_cache(list(zip(flat[::2], flat[1::2], strict=True)))
        arguments = cache_arguments(self.body, cache)
        output = self.body(input_ids=ids, attention_mask=mask, **arguments)
        return self.after(output.last_hidden_state[:, -1])


def trace_body(body: Any, forwards: Sequence[tuple[int, int]], after: After) -> MetaForward:
    """Forwards of (batch, tokens) each through a body on ``meta``, then ``after``.

    The ready-made masks keep transformers from looking at values, which ``meta`` has none of.
    """
    inputs: list[torch.Tensor] = []
    for batch, tokens in forwards:
        inputs.append(torch.empty(batch, tokens, dtype=torch.long, device="meta"))
        inputs.append(torch.empty(batch, 1, tokens, tokens, device="meta"))
    return LastState(body, after).eval(), tuple(inputs)


def trace_suffix(backbone: Backbone, prefix: int, tokens: int, after: After) -> MetaForward:
    """The forward of ``tokens`` tokens over a cached prefix on ``meta``, then ``after``."""
    shape = backbone.shape
    size = (1, shape.kv_heads, prefix, shape.head_dim)
    ids = torch.empty(1, tokens, dtype=torch.long, device="meta")
    mask = torch.empty(1, 1, tokens, prefix + tokens, device="meta")
    cached = [torch.empty(size, device="meta") for _ in range(2 * shape.layers)]
    return SuffixState(backbone.meta_model.base_model, after).eval(), (ids, mask, *cached)
