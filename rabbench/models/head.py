"""Reads vocabulary logits off final hidden states; knows a model's head and nothing else of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def vocabulary_logits(
    model: Any, hidden: torch.Tensor, tokens: Sequence[int] | None = None
) -> torch.Tensor:
    """Logits in float32 of final hidden states (B, d): (B, V), or of some tokens alone (B, T).

    With the configuration's soft cap and scale where it has them. A few tokens' logits cost next
    to nothing, the whole vocabulary's as much as several layers of a small model; the few are
    multiplied in float32 whatever the model's type, since the difference of two is what counts.
    """
    head, config = model.get_output_embeddings(), model.config
    if tokens is None:
        logits: torch.Tensor = head(hidden).float()
    else:
        rows = list(tokens)
        bias = None if head.bias is None else head.bias[rows].float()
        with torch.autocast(hidden.device.type, enabled=False):
            logits = torch.nn.functional.linear(hidden.float(), head.weight[rows].float(), bias)
    if scale := getattr(config, "logits_scaling", None):
        logits = logits / scale
    if cap := getattr(config, "final_logit_softcapping", None):
        logits = cap * torch.tanh(logits / cap)
    return logits
