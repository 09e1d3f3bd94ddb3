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
        cache = {} if self.body.config.model_type in ENCODERS else {"use_cache": False}
        states = self.body(input_ids=ids, attention_mask=mask, **cache).last_hidden_state
        return self.after(states[:, -1])  # (B, d)


ENCODERS = {"bert", "roberta", "distilbert", "mpnet", "xlm-roberta", "modernbert"}


def after_body(body: Any, batch: int, tokens: int, after: Callable[[torch.Tensor], Any]) -> Traced:
    """The forward of ``tokens`` tokens through a body on ``meta``, then ``after``.

    The ready-made mask keeps transformers from looking at values, which ``meta`` has none of.
    """
    ids = torch.empty(batch, tokens, dtype=torch.long, device="meta")
    mask = torch.empty(batch, 1, tokens, tokens, device="meta")
    return LastState(body, after).eval(), (ids, mask)
