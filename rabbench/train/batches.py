"""Batches of token ids, and the final states that a model in training has for them.

Knows padding and forwards; knows no text, no loss and no training loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

TOKENS = ("input_ids", "attention_mask", "position_ids")
Inputs = Mapping[str, torch.Tensor]
TokenPair = tuple[Sequence[int], Sequence[int]]
"""A document part and a query part, as token ids."""

N_BLOCKS = 3  # forwards of a step, each of pairs of similar length


def pad_left(sequences: Sequence[Sequence[int]], prefix: str = "") -> dict[str, torch.Tensor]:
    """Pad sequences on the left, so that every last token is in the last column: (B, L) each."""
    rows = [torch.tensor(ids, dtype=torch.long) for ids in sequences]
    tokens = pad_sequence(rows, True, padding_side="left")
    mask = pad_sequence(list(map(torch.ones_like, rows)), True, padding_side="left")
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    names = (f"{prefix}{name}" for name in TOKENS)
    return dict(zip(names, (tokens, mask, positions), strict=True))


def block_pairs(pairs: Sequence[TokenPair]) -> dict[str, torch.Tensor]:
    """Pad pairs of similar length together, since padding is work: about a quarter of it.

    Returns:
        Each block's :func:`pad_left` tensors under its number; its ``ends`` (b,), how far from
        the end each document part ends; and ``rows`` (B,), each pair's row in the blocks.
    """
    order = sorted(range(len(pairs)), key=lambda i: sum(map(len, pairs[i])))
    size = -(-len(order) // N_BLOCKS)
    tensors: dict[str, torch.Tensor] = {"rows": torch.tensor(order).argsort()}
    for number, start in enumerate(range(0, len(order), size)):
        block = [pairs[i] for i in order[start : start + size]]
        tensors |= pad_left([[*document, *query] for document, query in block], f"{number}_")
        tensors[f"{number}_ends"] = torch.tensor([-1 - len(query) for _, query in block])
    return tensors


def unwrap(model: Any) -> Any:
    """The causal LM in what training wraps around it; an adapter's layers are part of it."""
    inner = getattr(model, "module", model)
    return inner.get_base_model() if hasattr(inner, "get_base_model") else inner


def final_states(model: Any, inputs: Inputs, prefix: str) -> torch.Tensor:
    """Final hidden states (after the last norm) of every token: (B, L) → (B, L, d).

    Through the model's own forward, which mixed precision wraps; the head works on no position.
    """
    tokens = {name: inputs[f"{prefix}{name}"] for name in TOKENS}
    nowhere = torch.empty(0, dtype=torch.long)
    output = model(**tokens, logits_to_keep=nowhere, use_cache=False, output_hidden_states=True)
    states: torch.Tensor = output.hidden_states[-1]
    return states


def pair_states(model: Any, inputs: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    """The states of each pair of :func:`block_pairs`, in the pairs' own order.

    Returns:
        The final state at the last token, (B, d), from which the answer is read; and that at the
        document part's last token, (B, d) float32, which causal attention keeps from seeing the
        query: the z_d of the document alone.
    """
    states, latents = [], []
    for number in range(N_BLOCKS):
        if f"{number}_ends" not in inputs:
            continue
        hidden = final_states(model, inputs, f"{number}_")  # (b, L, d)
        rows = torch.arange(len(hidden), device=hidden.device)
        states.append(hidden[:, -1])
        latents.append(hidden[rows, inputs[f"{number}_ends"]].float())
    return torch.cat(states)[inputs["rows"]], torch.cat(latents)[inputs["rows"]]


def last_states(model: Any, inputs: Inputs, prefix: str) -> torch.Tensor:
    """Unit vectors of the last tokens' final states: (B, d) float32."""
    return normalize(final_states(model, inputs, prefix)[:, -1].float(), dim=-1)
