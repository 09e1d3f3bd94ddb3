"""Trains the bi-encoder on the teacher's backbone, contrastively, on the teacher's data.

RepLLaMA's recipe (arXiv 2310.08319): last-token states, cosine over a temperature, one hard or
random negative set a query and every other document of the batch as further negatives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import normalize
from transformers import set_seed

from rabbench.models import losses
from rabbench.models.backbone import resolve
from rabbench.models.biencoder import Texts, texts_of
from rabbench.records import Progress, Results, Suite, silent
from rabbench.training import card, data, loop
from rabbench.training.config import BiencoderConfig
from rabbench.training.data import Group
from rabbench.training.teacher import TOKENS, left_padded, trainable


def last_states(model: Any, inputs: Mapping[str, torch.Tensor], kind: str) -> torch.Tensor:
    """Unit vectors of the last tokens' final states: (B, d) float32."""
    tokens = {name: inputs[f"{kind}_{name}"] for name in TOKENS}
    output = model(**tokens, logits_to_keep=1, use_cache=False, output_hidden_states=True)
    states: torch.Tensor = output.hidden_states[-1][:, -1]
    return normalize(states.float(), dim=-1)


@dataclass(frozen=True)
class ContrastiveLoss:
    """InfoNCE over the batch's documents; the positive of one query is a negative of others."""

    temperature: float

    def __call__(
        self, model: Any, inputs: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of one batch of Q queries and N documents."""
        queries = last_states(model, inputs, "query")  # (Q, d)
        documents = last_states(model, inputs, "document")  # (N, d)
        scores = queries @ documents.T  # (Q, N)
        scores = scores.masked_fill(inputs["barred"], -torch.inf)
        first = inputs["first"][:, None]  # (Q, 1): the place of each query's positive
        own = scores.gather(1, first)
        others = scores.scatter(1, first, -torch.inf)
        ordered = torch.cat([own, others], 1)  # (Q, 1 + N), the positive first
        loss = losses.listwise(ordered, self.temperature)
        return loss, {"first_in_batch": float((own > others).all(-1).float().mean())}


class Collate:
    """Groups to the token ids of their queries and of all their documents, each once."""

    def __init__(self, texts: Texts, suite: Suite) -> None:
        self.texts, self.suite = texts, suite

    def __call__(self, groups: Sequence[Group]) -> dict[str, torch.Tensor]:
        """Token ids, the place of each positive (Q,), and what is no negative (Q, N)."""
        doc_ids = list(
            dict.fromkeys(d for group in groups for d in (group.positive, *group.negatives))
        )
        place = {doc_id: i for i, doc_id in enumerate(doc_ids)}
        barred = torch.zeros(len(groups), len(doc_ids), dtype=torch.bool)
        for row, group in enumerate(groups):
            excluded = self.suite.excluded.get(group.query_id, frozenset())
            right = {*data.relevant(self.suite, group.query_id), *excluded} - {group.positive}
            barred[row, [place[doc_id] for doc_id in right if doc_id in place]] = True
        queries = left_padded([self.texts.query(self.suite.queries[g.query_id]) for g in groups])
        documents = left_padded([self.texts.document(self.suite.docs[d]) for d in doc_ids])
        return {
            **{f"query_{name}": tensor for name, tensor in queries.items()},
            **{f"document_{name}": tensor for name, tensor in documents.items()},
            "first": torch.tensor([place[group.positive] for group in groups]),
            "barred": barred,
        }


def run(
    config: BiencoderConfig, *, out: Path, resume: bool = False, progress: Progress = silent
) -> Results:
    """Train a bi-encoder and write its folder; arguments and errors as the teacher's training."""
    options = config.options
    backbone = resolve(options.model, device=options.device, attention=options.attention)
    texts = texts_of(backbone, options.max_doc_len, options.max_query_len)
    job = card.Job("biencoder", config, out, resume=resume)
    schedule = config.schedule
    visits = max(1, round(schedule.epochs))
    prepared = data.prepare(
        config.data, visits=visits, seed=schedule.seed, options=options, progress=progress
    )
    held_out = prepared.held_out
    collate, loss = Collate(texts, prepared.suite), ContrastiveLoss(config.temperature)
    set_seed(schedule.seed)  # before the adapter gets its first weights
    model = trainable(backbone, config.lora)

    def validate() -> dict[str, float]:
        if not held_out:
            return {}
        model.eval()
        with torch.no_grad():
            device = next(model.parameters()).device
            inputs = {key: value.to(device) for key, value in collate(held_out).items()}
            value, parts = loss(model, inputs)
        return {
            "held_out_loss": float(value),
            "held_out_first_in_batch": parts["first_in_batch"],
        }

    log = loop.fit(
        "bi-encoder",
        model,
        loss=loss,
        items=prepared.items,
        collate=collate,
        validate=validate,
        schedule=replace(schedule, epochs=1.0),  # the visits are in the items
        device=options.device,
        out=out,
        resume=resume,
        progress=progress,
    )
    return job.finish(model, log, base=backbone, prompt=texts.prompt.around, data=prepared)
