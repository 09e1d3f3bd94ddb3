"""Trains the generative reranker: document first, the answer yes or no (arXiv 2412.16615).

Knows the teacher's prompt and losses; knows no training loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from rabbench.config.train import PROMPTS, TeacherConfig
from rabbench.models import losses
from rabbench.models.backbone import vocabulary_logits
from rabbench.models.teacher import Prompt
from rabbench.train import finetune
from rabbench.train.batches import Inputs, block_pairs, pair_states, unwrap
from rabbench.train.data import TrainingGroup
from rabbench.train.folder import TrainingFolder
from rabbench.types import Progress, Results, Suite, UsageError, no_progress, unknown_name_error


@dataclass(frozen=True)
class TeacherLoss:
    """The objective of a batch of groups; ``answers`` are the token ids of yes and no."""

    config: TeacherConfig
    answers: tuple[int, int]

    def __call__(self, model: Any, inputs: Inputs) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of B pairs in G groups; logs how often the relevant document comes first."""
        config = self.config
        hidden, z_d = pair_states(model, inputs)  # (B, d), (B, d)
        log_odds = self._log_odds(model, hidden)  # (B,)
        sizes = inputs["sizes"].tolist()  # documents of each group, the relevant one first
        scores = pad_sequence(list(log_odds.split(sizes)), True, -torch.inf)  # (G, K)
        relevant = torch.cat([torch.arange(size) == 0 for size in sizes]).to(log_odds.device)
        if config.objective == "sft":
            logits = vocabulary_logits(unwrap(model), hidden)  # (B, V)
            loss = losses.sft(logits, relevant, self.answers)
        elif config.objective == "dpo":
            loss = losses.dpo(log_odds, self._reference(model, inputs), relevant, config.beta)
        else:
            loss = losses.listwise(scores, config.temperature)
        hits = (scores[:, :1] > scores[:, 1:]).all(-1)  # (G,)
        logged = {"first_in_group": float(hits.float().mean())}
        if config.contrastive:
            contrast, in_batch = finetune.contrastive_loss(
                model, inputs, normalize(z_d, dim=-1), config.contrastive_temperature
            )
            weighted = config.contrastive * contrast
            logged |= {"loss_contrastive": float(weighted.detach()), "first_in_batch": in_batch}
            loss = loss + weighted
        return loss, logged

    def _log_odds(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """Log-odds of yes against no: (B, d) → (B,)."""
        logits = vocabulary_logits(unwrap(model), hidden, self.answers)  # (B, 2)
        return logits[:, 0] - logits[:, 1]

    def _reference(self, model: Any, inputs: Inputs) -> torch.Tensor:
        """The log-odds without the adapter (B,), which dpo stays close to."""
        inner = getattr(model, "module", model)
        if not hasattr(inner, "disable_adapter"):
            raise UsageError(
                "dpo compares with the model before training, which is gone when all weights are "
                "trained: give --lora-rank above 0, or another --objective"
            )
        with torch.no_grad(), inner.disable_adapter():
            hidden, _ = pair_states(inner, inputs)
            return self._log_odds(inner, hidden)


class PairCollator:
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

    def __call__(self, groups: Sequence[TrainingGroup]) -> dict[str, torch.Tensor]:
        """The pairs' blocks, ``sizes`` (G,) in pairs, and what the contrastive part needs.

        The queries of that are the groups' and the negatives', each with the first pair whose
        document is relevant to it.
        """
        pairs: list[tuple[str, str]] = []  # document and query
        positives: dict[str, int] = {}  # by query
        for group in groups:
            positives.setdefault(group.query_id, len(pairs))
            for i, query_id in enumerate(group.negative_queries, len(pairs) + 1):
                if query_id is not None:
                    positives.setdefault(query_id, i)
            pairs += [(id_, group.query_id) for id_ in (group.positive, *group.negatives)]
        return {
            **block_pairs([(self.part("document", d), self.part("query", q)) for d, q in pairs]),
            **finetune.contrastive_inputs(
                self.suite,
                [(query_id, self.part("query", query_id)) for query_id in positives],
                doc_ids=[doc_id for doc_id, _ in pairs],
                positives=list(positives.values()),
            ),
            "sizes": torch.tensor([1 + len(group.negatives) for group in groups]),
        }


def run(
    config: TeacherConfig, *, out: Path, resume: bool = False, progress: Progress = no_progress
) -> Results:
    """Train a teacher and write its folder: adapter, card, log and report rows.

    ``resume`` goes on where an interrupted training of the same configuration stopped. UsageError
    for unknown data or prompt, or a model without weights; MissingError without model or data.
    """
    if config.prompt not in PROMPTS:
        raise unknown_name_error("prompt", config.prompt, PROMPTS)
    options = config.options
    backbone = finetune.resolve_base(options, config.lora)
    texts = PROMPTS[config.prompt]
    prompt = Prompt(backbone, options.max_doc_len, options.max_query_len, custom_texts=texts)
    return finetune.train(
        TrainingFolder("teacher", config, out, resume=resume),
        backbone,
        texts=texts,
        build_collate=partial(PairCollator, prompt),
        loss=TeacherLoss(config, prompt.answers),
        validation_batch=config.schedule.batch,
        negative_queries=config.contrastive > 0,
        progress=progress,
    )
