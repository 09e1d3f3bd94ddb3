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
from transformers import set_seed

from rabbench.config.train import BiencoderConfig
from rabbench.models import losses
from rabbench.models.biencoder import BiEncoderInputs, biencoder_inputs
from rabbench.train import card, data, loop
from rabbench.train.batches import last_states, left_padded
from rabbench.train.data import Group
from rabbench.train.teacher import base, trainable
from rabbench.types import Progress, Results, Suite, no_progress


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
        loss, hits = losses.contrastive(scores, inputs["first"], inputs["barred"], self.temperature)
        return loss, {"first_in_batch": float(hits.float().mean())}


class Collate:
    """Groups to the token ids of their queries and of all their documents, each once."""

    def __init__(self, texts: BiEncoderInputs, suite: Suite) -> None:
        self.texts, self.suite = texts, suite

    def __call__(self, groups: Sequence[Group]) -> dict[str, torch.Tensor]:
        """Token ids, the place of each positive (Q,), and what is no negative (Q, N)."""
        doc_ids = list(
            dict.fromkeys(d for group in groups for d in (group.positive, *group.negatives))
        )
        first = [doc_ids.index(group.positive) for group in groups]
        asked = [group.query_id for group in groups]
        queries = left_padded([self.texts.query(self.suite.queries[id_]) for id_ in asked])
        documents = left_padded([self.texts.document(self.suite.docs[d]) for d in doc_ids])
        return {
            **{f"query_{name}": tensor for name, tensor in queries.items()},
            **{f"document_{name}": tensor for name, tensor in documents.items()},
            "first": torch.tensor(first),
            "barred": torch.tensor(data.barred(self.suite, asked, doc_ids, first)),
        }


def run(
    config: BiencoderConfig, *, out: Path, resume: bool = False, progress: Progress = no_progress
) -> Results:
    """Train a bi-encoder and write its folder; arguments and errors as the teacher's training."""
    options = config.options
    backbone = base(options, config.lora)
    texts = biencoder_inputs(backbone, options.max_doc_len, options.max_query_len)
    job = card.Job("biencoder", config, out, resume=resume)
    if job.finished:
        return job.store.results
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
    return job.finish(model, log, base=backbone, prompt=texts.prompt.texts, data=prepared)
