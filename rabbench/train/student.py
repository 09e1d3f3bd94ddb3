"""Distils a trained teacher into Rabtriever's predictor, on the student's own candidates.

The backbone is the teacher's and frozen, so documents and queries are encoded once and kept. A
round draws candidates of every query from the student's present ranking and asks the teacher about
just those (a pair is never computed twice); steps of ``distil.py`` follow.
Source: arXiv 2604.23336.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.nn.utils.rnn import pad_sequence

from rabbench.config.train import StudentConfig
from rabbench.models.backbone import resolve
from rabbench.models.checkpoint import PREDICTOR
from rabbench.models.student import Predictor
from rabbench.models.teacher import Prompt, answer_direction
from rabbench.train import card, data, devices, distil, initialisation, loop, states
from rabbench.train.candidate_pool import Asked, Encoded, encode
from rabbench.train.distil import Standardised, Weights
from rabbench.train.states import TeacherStates
from rabbench.types import Progress, Results, UsageError, no_progress

UNASKED = 24  # documents of a query, anew in each epoch, whose scores are held where they started
MONITOR_EVERY = 10  # steps between looks at gradients and collapse, which cost extra


class StudentLoss:
    """The distillation's loss of a batch of queries; begins a new round when one is due."""

    def __init__(
        self,
        student: Standardised,
        asked: Asked,
        config: StudentConfig,
        direction: torch.Tensor,
    ) -> None:
        self.asked, self.config, self.direction = asked, config, direction
        self.start = deepcopy(student).requires_grad_(False)
        self.weights = Weights(config.mse, config.reverse_kl, config.within)
        head = asked.teacher.backbone.model.get_output_embeddings()
        self.vocabulary: torch.Tensor = head.weight[
            _rows(len(head.weight), config)
        ].float()  # (V, d)
        self.calls = 0

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """The teacher's LM head, which stays as it is: (…, d) → (…, V)."""
        return hidden @ self.vocabulary.T

    def __call__(
        self, model: Any, inputs: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """One step; now and then also what the monitors see."""
        student: Standardised = getattr(model, "module", model)
        asked, encoded = self.asked, self.asked.encoded
        due = devices.highest(int(inputs["round"].max()))
        while asked.rounds <= due:
            asked.refresh(student, self.direction)
        queries = inputs["query"].tolist()
        places = [torch.tensor(asked.places[query]) for query in queries]
        padded = pad_sequence(places, batch_first=True).to(encoded.z_d.device)  # (B, K)
        mask = pad_sequence([torch.ones(len(one), dtype=torch.bool) for one in places], True)
        mask = mask.to(padded.device)  # (B, K)
        h_t = pad_sequence([asked.states[query] for query in queries], True)  # (B, K, d)
        parts, predicted = distil.distillation_step(
            model, self.head, encoded.h_q[queries], encoded.z_d[padded], h_t, mask, self.weights
        )
        if self.config.keep and self.config.start != "state":
            parts["keep"] = self.config.keep * self._drift(model, queries, inputs["epoch"].tolist())
        logged = {f"loss_{name}": float(part.detach()) for name, part in parts.items()}
        if self.calls % MONITOR_EVERY == 0:
            parameters = [p for p in student.parameters() if p.requires_grad]
            logged |= distil.gradient_shares(parts, parameters)
            logged |= distil.monitors(predicted, h_t, mask, self.direction)
        self.calls += 1
        return torch.stack(list(parts.values())).sum(), logged

    def _drift(self, model: Any, queries: list[int], epochs: list[int]) -> torch.Tensor:
        """How far scores have moved since the start where the teacher was not asked."""
        encoded = self.asked.encoded
        drawn = []
        for query, epoch in zip(queries, epochs, strict=True):
            free = encoded.allowed[query].cpu().clone()  # (N,)
            free[self.asked.places[query]] = False
            seed = (self.config.schedule.seed << 40) + (epoch << 24) + query
            scores = torch.where(free, 0.0, -torch.inf)
            generator = torch.Generator().manual_seed(seed)
            drawn.append(distil.draw(scores, UNASKED, torch.inf, generator))
        padded = pad_sequence(drawn, batch_first=True).to(encoded.z_d.device)  # (B, K)
        mask = pad_sequence([torch.ones(len(one), dtype=torch.bool) for one in drawn], True)
        z_d = encoded.z_d[padded]  # (B, K, d)
        h_q = encoded.h_q[queries][:, None].expand_as(z_d)
        before = self.start(h_q, z_d) @ self.direction
        return distil.drift(model(h_q, z_d) @ self.direction, before, mask.to(padded.device))


def _blind(predictor: Predictor) -> None:
    """W_d = 0, in training as in every later ranking."""
    predictor.document.weight.requires_grad_(False).zero_()


def _rows(size: int, config: StudentConfig) -> torch.Tensor:
    """Rows of the LM head that the KL compares: all, or a sample drawn by the seed."""
    if config.vocabulary is None or config.vocabulary >= size:
        return torch.arange(size)
    generator = torch.Generator().manual_seed(config.schedule.seed)
    return torch.randperm(size, generator=generator)[: config.vocabulary].sort().values


def reciprocal_rank(student: Standardised, encoded: Encoded, direction: torch.Tensor) -> float:
    """MRR of the student over all candidates of the held-out queries; ties count against it."""
    if not encoded.query_ids:
        return 0.0
    scores = distil.own_ranking(student, encoded.h_q, encoded.z_d, direction)  # (Q, N)
    scores = scores.masked_fill(~encoded.allowed, -torch.inf)
    best = scores.masked_fill(~encoded.relevant, -torch.inf).amax(-1, keepdim=True)  # (Q, 1)
    ahead = ((scores >= best) & ~encoded.relevant).sum(-1)  # (Q,)
    return float((1.0 / (1 + ahead)).mean())


def run(
    config: StudentConfig, *, out: Path, resume: bool = False, progress: Progress = no_progress
) -> Results:
    """Distil and write the student's folder: predictor, adapter, card, log and report rows.

    Args:
        config: ``options.model`` is the trained teacher's folder or name.
        out: the checkpoint's folder.
        resume: go on where an interrupted training of the same configuration stopped.
        progress: told after each update, and while the teacher works.

    Raises:
        UsageError: if there is nothing to learn (no loss), or the teacher's head is not linear.
        MissingError: if the teacher or the data are not there.
    """
    if not (config.mse or config.reverse_kl or config.within):
        raise UsageError("all losses have weight 0; give --mse, --reverse-kl or --within a weight")
    options = config.options
    backbone = resolve(
        options.model, device=options.device, dtype=options.dtype, attention=options.attention
    )
    prompt = Prompt(backbone, options.max_doc_len, options.max_query_len)
    direction = answer_direction(backbone, prompt)  # w (d,)
    job = card.Job("student", config, out, resume=resume)
    if job.finished:
        return job.store.results
    name, suite = data.training_set(config.data)
    kept, held = data.split(suite, config.data.held_out)
    teacher = TeacherStates(
        backbone, states.folder_of(backbone), batch=options.batch, progress=progress
    )
    encoded = encode(kept, teacher, prompt, config, progress)
    held_out = encode(held, teacher, prompt, config, progress) if held.queries else None
    seed = config.schedule.seed
    predictor = Predictor(backbone.shape.width, config.inner, seed=seed).to(backbone.device)
    student = Standardised(predictor, encoded.h_q, encoded.z_d)
    if config.start != "state":
        initialisation.fit_scores(student, encoded.h_q, encoded.z_d, direction)
    if not config.latent:
        _blind(predictor)
    asked = Asked(encoded, config, teacher, out / loop.STATE)

    def validate() -> dict[str, float]:
        found = {"teacher_pairs": float(teacher.computed)}
        if held_out is not None:
            found["held_out_mrr"] = reciprocal_rank(student, held_out, direction)
        return found

    if not resume and devices.first():
        shutil.rmtree(out / loop.STATE, ignore_errors=True)
    devices.wait()
    try:
        asked.refresh(student, direction)
        if config.start != "state":
            posterior = asked.posterior(direction) if config.start == "answers" else None
            spread = asked.spread(direction)
            initialisation.fit_scores(
                student, encoded.h_q, encoded.z_d, direction, posterior, spread
            )
            if not config.latent:
                _blind(predictor)
            query, place = zip(*asked.pairs, strict=True)
            h_q, z_d = encoded.h_q[list(query)], encoded.z_d[list(place)]
            initialisation.shift(student, h_q, z_d, torch.cat(asked.states))
        loss = StudentLoss(student, asked, config, direction)
        log = [{"step": 0.0, **validate()}]
        log += loop.fit(
            "student",
            student,
            loss=loss,
            items=_visits(len(encoded.query_ids), config),
            collate=_collate,
            validate=validate,
            schedule=replace(config.schedule, epochs=1.0),  # the visits are in the items
            device=options.device,
            out=out,
            resume=True,  # an old state is gone by now, unless it is to be gone on with
            progress=progress,
        )
    finally:
        teacher.flush()
    plain = student.plain()
    if devices.first():
        weights = {name: weight.cpu().contiguous() for name, weight in plain.state_dict().items()}
        save_file(weights, out / PREDICTOR)
        card.halve(out / PREDICTOR)
        if backbone.checkpoint is not None:
            card.copy_adapter(backbone.checkpoint, out)
    extra = {
        "teacher": backbone.checkpoint.card if backbone.checkpoint else None,
        "pairs_asked": sum(map(len, asked.places)),
    }
    learnt = data.Prepared(name, suite, len(kept.queries), [], [])
    return job.finish(plain, log, base=backbone, prompt=prompt.texts, data=learnt, extra=extra)


def _visits(queries: int, config: StudentConfig) -> list[tuple[int, int, int]]:
    """Query, round and epoch of every visit, in training order: each epoch shuffles all queries."""
    epochs = max(1, round(config.schedule.epochs))
    rng = random.Random(config.schedule.seed)  # noqa: S311 - no secret
    found = []
    for epoch in range(epochs):
        order = rng.sample(range(queries), queries)
        found += [(query, epoch * config.rounds // epochs, epoch) for query in order]
    return found


def _collate(items: Sequence[tuple[int, int, int]]) -> dict[str, torch.Tensor]:
    names = ("query", "round", "epoch")
    return {
        name: torch.tensor(one) for name, one in zip(names, zip(*items, strict=True), strict=True)
    }
