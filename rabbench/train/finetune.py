"""Fine-tunes a backbone on groups of documents: what teacher and bi-encoder training share.

Knows adapters, the in-batch contrast and the order of a training; knows no prompt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from rabbench.config.train import BiencoderConfig, Lora, TeacherConfig
from rabbench.models import losses
from rabbench.models.adapters import hide_renaming_warning
from rabbench.models.backbone import Backbone, resolve
from rabbench.train import data, loop
from rabbench.train.batches import Inputs, last_states, left_padded
from rabbench.train.data import TrainingGroup
from rabbench.train.folder import TrainingFolder
from rabbench.types import Options, Progress, Results, Suite


@dataclass(frozen=True)
class Objective:
    """Groups to the tensors of a batch, and the loss of such a batch."""

    collate: Callable[[Sequence[TrainingGroup]], Inputs]
    loss: loop.Loss


def resolve_base(options: Options, lora: Lora) -> Backbone:
    """The model to train on; weights that stay as they are may have half the precision.

    Those that are trained have float32, and adapters have it over weights of any type.
    """
    dtype = options.dtype if lora.rank else "float32"
    return resolve(options.model, device=options.device, dtype=dtype, attention=options.attention)


def trainable_model(backbone: Backbone, lora: Lora) -> Any:
    """The backbone's model with LoRA on every linear layer, or with all its weights free.

    A new copy: the cached one that other systems share stays as it is.
    """
    model = replace(backbone).model
    if lora.rank == 0:
        return model.requires_grad_(True)
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D  # GPT-2's linear layers, weights transposed

    linear = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, (torch.nn.Linear, Conv1D))
    }
    targets: dict[str, Any] = {"target_modules": "all-linear"}
    if lora.layers is not None:
        n_layers = backbone.shape.layers
        targets = {
            "target_modules": sorted({name.rsplit(".", 1)[-1] for name in linear} - {"lm_head"}),
            "layers_to_transform": list(range(max(0, n_layers - lora.layers), n_layers)),
        }
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=0.0,  # so that a resumed training repeats an undisturbed one
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in linear.values()),
        task_type="CAUSAL_LM",
        **targets,
    )
    with hide_renaming_warning():
        return get_peft_model(model, config)


def contrastive_inputs(
    suite: Suite,
    queries: Sequence[tuple[str, Sequence[int]]],
    *,
    doc_ids: Sequence[str],
    positives: Sequence[int],
) -> dict[str, torch.Tensor]:
    """Tensors of :func:`contrastive_loss` for Q queries and N documents.

    Args:
        suite: says which documents are no negatives of a query.
        queries: id and token ids of each.
        doc_ids: the batch's documents.
        positives: the column of each query's positive.
    """
    barred = []
    for (query_id, _), positive in zip(queries, positives, strict=True):
        excluded = data.no_negatives(suite, query_id)
        barred.append([id_ in excluded and i != positive for i, id_ in enumerate(doc_ids)])
    return {
        **left_padded([tokens for _, tokens in queries], "query_"),
        "positives": torch.tensor(positives),  # (Q,)
        "barred": torch.tensor(barred),  # (Q, N)
    }


def contrastive_loss(
    model: Any, inputs: Inputs, documents: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, float]:
    """InfoNCE of queries and unit document vectors (N, d); how often the positive comes first."""
    queries = last_states(model, inputs, "query_")  # (Q, d)
    loss, hits = losses.contrastive(
        queries @ documents.T, inputs["positives"], inputs["barred"], temperature
    )
    return loss, float(hits.float().mean())


@torch.no_grad()
def validate(
    model: Any, objective: Objective, groups: Sequence[TrainingGroup], *, batch: int
) -> dict[str, float]:
    """The loss and the figures that it logs, each a mean over held-out groups."""
    device = next(model.parameters()).device
    sums: dict[str, float] = defaultdict(float)
    model.eval()
    for start in range(0, len(groups), batch):
        part = groups[start : start + batch]
        inputs = {name: value.to(device) for name, value in objective.collate(part).items()}
        loss, figures = objective.loss(model, inputs)
        for name, value in {"loss": float(loss), **figures}.items():
            sums[f"held_out_{name}"] += value * len(part)
    return {name: total / len(groups) for name, total in sums.items()}


def train(
    kind: str,
    config: TeacherConfig | BiencoderConfig,
    backbone: Backbone,
    *,
    texts: Sequence[str],
    build_objective: Callable[[Suite], Objective],
    validation_batch: int,
    negative_queries: bool = False,
    out: Path,
    resume: bool,
    progress: Progress,
) -> Results:
    """Train the backbone and write its folder: weights, card, log and report rows.

    Args:
        kind: ``teacher`` or ``biencoder``.
        config: the training.
        backbone: of :func:`resolve_base`.
        texts: the prompt's, for the card.
        build_objective: from the suite that is trained on.
        validation_batch: groups that are validated together.
        negative_queries: whether negatives come with queries of theirs.
        out: the checkpoint's folder.
        resume: go on where an interrupted training of the same configuration stopped.
        progress: told after each update.
    """
    folder = TrainingFolder(kind, config, out, resume=resume)
    if folder.finished:
        return folder.results
    schedule = config.schedule
    split = data.load_split(config.data)
    groups, held_out = data.draw_groups(
        split,
        config.data,
        visits=max(1, round(schedule.epochs)),
        seed=schedule.seed,
        options=config.options,
        negative_queries=negative_queries,
        progress=progress,
    )
    objective = build_objective(split.suite)
    set_seed(schedule.seed)  # before the adapter gets its first weights
    model = trainable_model(backbone, config.lora)
    log = loop.fit(
        kind,
        model,
        loss=objective.loss,
        items=groups,
        collate=objective.collate,
        validate=lambda: validate(model, objective, held_out, batch=validation_batch),
        schedule=replace(schedule, epochs=1.0),  # the visits are in the groups
        device=config.options.device,
        out=out,
        progress=progress,
    )
    return folder.finish(model, log, base=backbone, texts=texts, split=split)
