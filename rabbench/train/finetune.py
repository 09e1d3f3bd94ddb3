"""Fine-tunes a backbone on groups of documents: what teacher and bi-encoder training share.

Knows adapters, the in-batch contrast and the order of a training; knows no prompt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from transformers import set_seed

from rabbench.config.options import Options
from rabbench.config.train import Lora
from rabbench.models import losses
from rabbench.models.backbone import Backbone, hide_renaming_warning, resolve
from rabbench.train import data, loop
from rabbench.train.batches import Inputs, last_states, pad_left
from rabbench.train.data import TrainingGroup
from rabbench.train.folder import TrainingFolder
from rabbench.types import Progress, Results, Suite

Collate = Callable[[Sequence[TrainingGroup]], Inputs]
HELD_OUT_GROUPS = 64  # at most, so that validation stays a small part of training


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

    layers = [n for n, m in model.named_modules() if isinstance(m, (torch.nn.Linear, Conv1D))]
    targets: dict[str, Any] = {"target_modules": "all-linear"}
    if lora.layers is not None:
        n_layers = backbone.shape.layers
        targets = {
            "target_modules": sorted({name.rsplit(".", 1)[-1] for name in layers} - {"lm_head"}),
            "layers_to_transform": list(range(max(0, n_layers - lora.layers), n_layers)),
        }
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=0.0,  # so that a resumed training repeats an undisturbed one
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
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
    """Tensors of :func:`contrastive_loss`.

    Q queries, each an id and token ids, whose positives are columns of the batch's N documents.
    """
    mask = []
    for (query_id, _), positive in zip(queries, positives, strict=True):
        barred = data.barred_ids(suite, query_id)
        mask.append([id_ in barred and i != positive for i, id_ in enumerate(doc_ids)])
    return {
        **pad_left([tokens for _, tokens in queries], "query_"),
        "positives": torch.tensor(positives),  # (Q,)
        "barred": torch.tensor(mask),  # (Q, N)
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
    model: Any, groups: Sequence[TrainingGroup], *, collate: Collate, loss: loop.Loss, batch: int
) -> dict[str, float]:
    """The loss and the figures that it logs, each a mean over held-out groups."""
    device = next(model.parameters()).device
    sums: dict[str, float] = defaultdict(float)
    model.eval()
    for start in range(0, len(groups), batch):
        part = groups[start : start + batch]
        inputs = {name: tensor.to(device) for name, tensor in collate(part).items()}
        value, figures = loss(model, inputs)
        for name, figure in {"loss": float(value), **figures}.items():
            sums[f"held_out_{name}"] += figure * len(part)
    return {name: total / len(groups) for name, total in sums.items()}


def train(
    folder: TrainingFolder,
    backbone: Backbone,
    *,
    texts: Sequence[str],
    build_collate: Callable[[Suite], Collate],
    loss: loop.Loss,
    validation_batch: int,
    negative_queries: bool = False,
    progress: Progress,
) -> Results:
    """Train the backbone of :func:`resolve_base` and fill its folder; a finished one stays.

    ``texts`` are the prompt's, for the card; ``build_collate`` takes the suite. So many groups as
    ``validation_batch`` are validated together. With ``negative_queries`` the groups' negatives
    come with queries of theirs.
    """
    if folder.finished:
        return folder.store.results
    config, schedule = folder.config, folder.config.schedule
    split = data.load_split(config.data)
    hard = None
    if config.data.negatives != "random":
        hard = data.first_stage_run(config.data.negatives, split.suite, config.options, progress)
    sample = partial(data.sample_groups, per_query=config.data.per_query, hard=hard)
    groups = sample(
        split.train,
        visits=max(1, round(schedule.epochs)),
        seed=schedule.seed,
        negative_queries=negative_queries,
    )
    held_out = sample(split.held_out, visits=1, seed=0)[:HELD_OUT_GROUPS]
    collate = build_collate(split.suite)
    set_seed(schedule.seed)  # before the adapter gets its first weights
    model = trainable_model(backbone, config.lora)
    log = loop.fit(
        folder.kind,
        model,
        config,
        loss=loss,
        items=groups,
        collate=collate,
        validate=partial(
            validate, model, held_out, collate=collate, loss=loss, batch=validation_batch
        ),
        out=folder.out,
        progress=progress,
    )
    return folder.finish(model, log, base=backbone, texts=texts, split=split)
