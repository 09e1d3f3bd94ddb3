"""Forwards on the ``meta`` device: the modules whose FLOPs are counted.

A tensor on ``meta`` has a shape and no values, so a 7B model at 131,072 tokens costs neither
memory nor time, and every matrix product is still dispatched and can be counted. Attention is
eager here, so that its products are visible to the counters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Traced = tuple[nn.Module, tuple[torch.Tensor, ...]]
"""A module and the inputs of the forward to count."""


class LastState(nn.Module):
    """A transformer body, then what is done with the last position's final hidden state."""

    def __init__(self, body: Any, after: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.body = body
        self.after = after

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
        """Token ids (B, L) and an all-visible mask (B, 1, L, L) → whatever ``after`` returns."""
        output = self.body(input_ids=ids, attention_mask=mask, use_cache=False)
        last = self.after(output.last_hidden_state[:, -1])  # from (B, d)
        # A tracer drops what nothing returns, BERT's pooler for one.
        pooled = getattr(output, "pooler_output", None)
        return last if pooled is None else (last, pooled)


def after_body(body: Any, batch: int, tokens: int, after: Callable[[torch.Tensor], Any]) -> Traced:
    """The forward of ``tokens`` tokens through a body on ``meta``, then ``after``.

    The ready-made mask keeps transformers from looking at values, which ``meta`` has none of.
    """
    ids = torch.empty(batch, tokens, dtype=torch.long, device="meta")
    mask = torch.empty(batch, 1, tokens, tokens, device="meta")
    return LastState(body, after).eval(), (ids, mask)
