"""Trains the generative reranker: document first, the answer yes or no (arXiv 2412.16615).

Knows the teacher's prompt and losses; the loop is ``loop.py``, the data ``data.py``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import normalize
from transformers import set_seed

from rabbench.config.train import PROMPTS, Lora, TeacherConfig
from rabbench.models import losses
from rabbench.models.adapters import hide_renaming_warning
from rabbench.models.backbone import Backbone, resolve
from rabbench.models.head import vocabulary_logits
from rabbench.models.teacher import Prompt
from rabbench.train import card, data, loop
from rabbench.train.batches import blocks, last_states, left_padded, pair_states, plain
from rabbench.train.data import Group
from rabbench.types import Options, Progress, Results, Suite, UsageError, no_progress


def base(options: Options, lora: Lora) -> Backbone:
    """The model to train on; weights that stay as they are may have half the precision.

    Those that are trained have float32, and adapters have it over weights of any type.
    """
    dtype = options.dtype if lora.rank else "float32"
    return resolve(options.model, device=options.device, dtype=dtype, attention=options.attention)


def trainable(backbone: Backbone, lora: Lora) -> Any:
    """The backbone's model with LoRA on every linear layer, or with all its weights free.

    A new copy: the cached one that other systems share stays as it is.
    """
    model = replace(backbone).model
    if lora.rank == 0:
        return model.requires_grad_(True)
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D  # GPT-2's linear layers, weights transposed

    kinds = {n: type(one) for n, one in model.named_modules()}
    linear = [n for n, kind in kinds.items() if issubclass(kind, (torch.nn.Linear, Conv1D))]
    where: dict[str, Any] = {"target_modules": "all-linear"}
    if lora.layers is not None:
        count = backbone.shape.layers
        where = {
            "target_modules": sorted({name.rsplit(".", 1)[-1] for name in linear} - {"lm_head"}),
            "layers_to_transform": list(range(max(0, count - lora.layers), count)),
        }
    # No dropout, so that a resumed training repeats an undisturbed one.
    given: dict[str, Any] = {"r": lora.rank, "lora_alpha": lora.alpha, "lora_dropout": 0.0}
    given["fan_in_fan_out"] = any(issubclass(kinds[name], Conv1D) for name in linear)
    with hide_renaming_warning():
        return get_peft_model(model, LoraConfig(**given, **where, task_type="CAUSAL_LM"))


@dataclass(frozen=True)
class TeacherLoss:
    """The objective of a batch of groups, each one relevant and some other documents.

    ``answers`` are the token ids of yes and no.
    """

    config: TeacherConfig
    answers: tuple[int, int]

    def __call__(
        self, model: Any, inputs: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of one batch; logs how often the relevant document comes first."""
        hidden, z_d = pair_states(model, inputs)  # (B, d), (B, d)
        answers = vocabulary_logits(plain(model), hidden, self.answers)  # (B, 2)
        log_odds = answers[:, 0] - answers[:, 1]  # (B,)
        sizes = inputs["sizes"].tolist()  # documents of each group, the relevant one first
        scores = torch.nn.utils.rnn.pad_sequence(
            list(log_odds.split(sizes)), batch_first=True, padding_value=-torch.inf
        )  # (G, K)
        relevant = torch.cat([torch.arange(size) == 0 for size in sizes]).to(log_odds.device)
        if self.config.objective == "sft":
            logits = vocabulary_logits(plain(model), hidden)  # (B, V)
            loss = losses.sft(logits, relevant, self.answers)
        elif self.config.objective == "dpo":
            reference = self._before(model, inputs)
            loss = losses.dpo(log_odds, reference, relevant, self.config.beta)
        else:
            loss = losses.listwise(scores, self.config.temperature)
        first = (scores[:, :1] > scores[:, 1:]).all(-1).float().mean()
        logged = {"first_in_group": float(first)}
        if self.config.contrastive:
            weighted, hits = self._contrastive(model, inputs, z_d)
            logged |= {"loss_contrastive": float(weighted.detach()), "first_in_batch": hits}
            loss = loss + weighted
        return loss, logged

    def _contrastive(
        self, model: Any, inputs: Mapping[str, torch.Tensor], z_d: torch.Tensor
    ) -> tuple[torch.Tensor, float]:
        """The weighted InfoNCE of the parts read apart, z_d (B, d), and how often it is right."""
        h_q = last_states(model, inputs, "query")  # (Q, d)
        loss, hits = losses.contrastive(
            h_q @ normalize(z_d, dim=-1).T,
            inputs["first"],
            inputs["barred"],
            self.config.contrastive_temperature,
        )
        return self.config.contrastive * loss, float(hits.float().mean())

    def _before(self, model: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The log-odds without the adapter: the reference that dpo stays close to."""
        inner = getattr(model, "module", model)
        if not hasattr(inner, "disable_adapter"):
            raise UsageError(
                "dpo compares with the model before training, which is gone when all weights are "
                "trained: give --lora-rank above 0, or another --objective"
            )
        with torch.no_grad(), inner.disable_adapter():
            hidden, _ = pair_states(inner, inputs)
            logits = vocabulary_logits(plain(inner), hidden, self.answers)  # (B, 2)
        return logits[:, 0] - logits[:, 1]


class Collate:
    """Groups to token ids, each pair a document part and a query part."""

    def __init__(self, prompt: Prompt, suite: Suite) -> None:
        self.prompt, self.suite = prompt, suite
        self._parts: dict[tuple[str, str], list[int]] = {}

    def part(self, kind: str, id_: str) -> list[int]:
        """The token ids of a document's or a query's part of the prompt, made once."""
        if (kind, id_) not in self._parts:
            text = (self.suite.docs if kind == "document" else self.suite.queries)[id_]
            self._parts[kind, id_] = getattr(self.prompt, kind)(text)
        return self._parts[kind, id_]

    def __call__(self, groups: Sequence[Group]) -> dict[str, torch.Tensor]:
        """The pairs' blocks, and how many pairs each group has (G,).

        And for the contrastive part Q queries alone, the negatives' own among them, each one's
        relevant pair (Q,), and which pairs' documents are no negatives of it (Q, B).
        """
        doc_ids: list[str] = []
        alone: dict[str, int] = {}  # the first pair whose document is relevant to the query
        for group in groups:
            alone.setdefault(group.query_id, len(doc_ids))
            doc_ids += [group.positive, *group.negatives]
            start = len(doc_ids) - len(group.own)
            for place, query_id in enumerate(group.own, start):
                if query_id is not None:
                    alone.setdefault(query_id, place)
        sizes = [1 + len(group.negatives) for group in groups]
        asked = [
            group.query_id for group, size in zip(groups, sizes, strict=True) for _ in range(size)
        ]
        pairs = [
            (self.part("document", doc_id), self.part("query", query_id))
            for doc_id, query_id in zip(doc_ids, asked, strict=True)
        ]
        queries, first = list(alone), list(alone.values())
        parts = left_padded([self.part("query", query_id) for query_id in queries])
        return {
            **blocks(pairs),
            **{f"query_{name}": tensor for name, tensor in parts.items()},
            "sizes": torch.tensor(sizes),
            "first": torch.tensor(first),
            "barred": torch.tensor(data.barred(self.suite, queries, doc_ids, first)),
        }


def run(
    config: TeacherConfig, *, out: Path, resume: bool = False, progress: Progress = no_progress
) -> Results:
    """Train a teacher and write its folder: adapter, card, log and report rows.

    Args:
        config: data, objective and schedule.
        out: the checkpoint's folder.
        resume: go on where an interrupted training of the same configuration stopped.
        progress: told after each update.

    Raises:
        UsageError: for unknown data, an unknown prompt, or a model without weights.
        MissingError: if the model or the data are not there.
    """
    if config.prompt not in PROMPTS:
        raise UsageError(f"unknown prompt {config.prompt!r}; known: {', '.join(PROMPTS)}")
    options = config.options
    backbone = base(options, config.lora)
    prompt = Prompt(
        backbone, options.max_doc_len, options.max_query_len, custom_texts=PROMPTS[config.prompt]
    )
    job = card.Job("teacher", config, out, resume=resume)
    if job.finished:
        return job.store.results
    schedule = config.schedule
    visits = max(1, round(schedule.epochs))
    prepared = data.prepare(
        config.data,
        visits=visits,
        seed=schedule.seed,
        options=options,
        own=config.contrastive > 0,
        progress=progress,
    )
    collate = Collate(prompt, prepared.suite)
    loss = TeacherLoss(config, prompt.answers)
    set_seed(schedule.seed)  # before the adapter gets its first weights
    model = trainable(backbone, config.lora)
    log = loop.fit(
        "teacher",
        model,
        loss=loss,
        items=prepared.items,
        collate=collate,
        validate=lambda: _validate(model, loss, collate, prepared.held_out, schedule.batch),
        schedule=replace(schedule, epochs=1.0),  # the visits are in the items
        device=options.device,
        out=out,
        resume=resume,
        progress=progress,
    )
    return job.finish(model, log, base=backbone, prompt=prompt.texts, data=prepared)


def _validate(
    model: Any, loss: TeacherLoss, collate: Collate, held: Sequence[Group], batch: int
) -> dict[str, float]:
    """The loss and what it logs, a mean over the held-out queries."""
    if not held:
        return {}
    device = next(model.parameters()).device
    sums: dict[str, float] = defaultdict(float)
    model.eval()
    with torch.no_grad():
        for start in range(0, len(held), batch):
            some = held[start : start + batch]
            inputs = {name: value.to(device) for name, value in collate(some).items()}
            value, parts = loss(model, inputs)
            for name, one in {"loss": float(value), **parts}.items():
                sums[f"held_out_{name}"] += one * len(some)
    return {name: total / len(held) for name, total in sums.items()}
