"""Batches of token ids, and the final states that a model in training has for them.

Knows padding and forwards; knows no text, no loss and no training loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import normalize

TOKENS = ("input_ids", "attention_mask", "position_ids")
Pair = tuple[Sequence[int], Sequence[int]]  # a document part and a query part
BLOCKS = 3  # forwards of a step, each of pairs of similar length


def left_padded(sequences: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Sequences padded on the left, so that every last token is in the last column: (B, L)."""
    longest = max(map(len, sequences))
    tokens = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for row, ids in enumerate(sequences):
        tokens[row, longest - len(ids) :] = torch.as_tensor(ids)
        mask[row, longest - len(ids) :] = 1
    places = (mask.cumsum(-1) - 1).clamp(min=0)
    return {"input_ids": tokens, "attention_mask": mask, "position_ids": places}


def blocks(pairs: Sequence[Pair]) -> dict[str, torch.Tensor]:
    """Pairs of similar length padded together, since padding is work: about a quarter of it.

    Returns:
        Each block's :func:`left_padded` tensors under its number, with ``ends`` (b,), how far from
        the end each document part ends; and ``places`` (B,), where each pair stands among the
        blocks' rows.
    """
    order = sorted(range(len(pairs)), key=lambda i: sum(map(len, pairs[i])))
    size = -(-len(order) // BLOCKS)
    found: dict[str, torch.Tensor] = {"places": torch.tensor(order).argsort()}
    for number, start in enumerate(range(0, len(order), size)):
        some = [pairs[i] for i in order[start : start + size]]
        padded = left_padded([[*document, *query] for document, query in some])
        padded["ends"] = torch.tensor([-1 - len(query) for _, query in some])
        found |= {f"{number}_{name}": tensor for name, tensor in padded.items()}
    return found


def plain(model: Any) -> Any:
    """The causal LM in what training wraps around it; an adapter's layers are part of it."""
    inner = getattr(model, "module", model)
    return inner.get_base_model() if hasattr(inner, "get_base_model") else inner


def final_states(model: Any, tokens: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Final hidden states (after the last norm) of every token: (B, L) → (B, L, d).

    Through the model's own forward, which mixed precision wraps; the head works on no position.
    """
    nowhere = torch.empty(0, dtype=torch.long)
    output = model(**tokens, logits_to_keep=nowhere, use_cache=False, output_hidden_states=True)
    states: torch.Tensor = output.hidden_states[-1]
    return states


def pair_states(
    model: Any, inputs: Mapping[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the model makes of each pair, in the pairs' own order.

    Returns:
        The final state at the last token, (B, d), from which the answer is read; and that at the
        document part's last token, (B, d) float32, which causal attention keeps from seeing the
        query: the z_d of the document alone.
    """
    states, latents = [], []
    for number in range(BLOCKS):
        if f"{number}_ends" not in inputs:
            continue
        tokens = {name: inputs[f"{number}_{name}"] for name in TOKENS}
        last = final_states(model, tokens)  # (b, L, d)
        rows = torch.arange(len(last), device=last.device)
        states.append(last[:, -1])
        latents.append(last[rows, inputs[f"{number}_ends"]].float())
    places = inputs["places"]
    return torch.cat(states)[places], torch.cat(latents)[places]


def last_states(model: Any, inputs: Mapping[str, torch.Tensor], kind: str) -> torch.Tensor:
    """Unit vectors of the last tokens' final states: (B, d) float32."""
    tokens = {name: inputs[f"{kind}_{name}"] for name in TOKENS}
    return normalize(final_states(model, tokens)[:, -1].float(), dim=-1)
