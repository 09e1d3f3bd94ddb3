"""Trains the bi-encoder on the teacher's backbone, contrastively, on the teacher's data.

RepLLaMA's recipe (arXiv 2310.08319): last-token states, cosine over a temperature, one hard or
random negative set a query and every other document of the batch as further negatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from rabbench.config.train import BiencoderConfig
from rabbench.models.biencoder import BiEncoderInputs, biencoder_inputs
from rabbench.train import finetune
from rabbench.train.batches import Inputs, last_states, pad_left
from rabbench.train.data import TrainingGroup
from rabbench.train.folder import TrainingFolder
from rabbench.types import Progress, Results, Suite, no_progress


def batch_loss(
    model: Any, inputs: Inputs, *, temperature: float
) -> tuple[torch.Tensor, dict[str, float]]:
    """InfoNCE over the batch's N documents; the positive of one query is a negative of others."""
    documents = last_states(model, inputs, "document_")  # (N, d)
    loss, hits = finetune.contrastive_loss(model, inputs, documents, temperature)
    return loss, {"first_in_batch": hits}


def collate(
    texts: BiEncoderInputs, suite: Suite, groups: Sequence[TrainingGroup]
) -> dict[str, torch.Tensor]:
    """Token ids of the groups' queries and of all their documents, each once."""
    ids = dict.fromkeys(id_ for group in groups for id_ in (group.positive, *group.negatives))
    doc_ids, query_ids = list(ids), [group.query_id for group in groups]
    documents = [texts.document(suite.docs[doc_id]) for doc_id in doc_ids]
    return pad_left(documents, "document_") | finetune.contrastive_inputs(
        suite,
        [(query_id, texts.query(suite.queries[query_id])) for query_id in query_ids],
        doc_ids=doc_ids,
        positives=[doc_ids.index(group.positive) for group in groups],
    )


def run(
    config: BiencoderConfig, *, out: Path, resume: bool = False, progress: Progress = no_progress
) -> Results:
    """Train a bi-encoder and write its folder; arguments and errors as the teacher's training."""
    options = config.options
    backbone = finetune.resolve_base(options, config.lora)
    texts = biencoder_inputs(backbone, options.max_doc_len, options.max_query_len)
    return finetune.train(
        TrainingFolder("biencoder", config, out, resume=resume),
        backbone,
        texts=texts.prompt.texts,
        build_collate=lambda suite: partial(collate, texts, suite),
        loss=partial(batch_loss, temperature=config.temperature),
        validation_batch=finetune.HELD_OUT_GROUPS,  # all at once, being negatives of another
        progress=progress,
    )
