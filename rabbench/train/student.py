"""Distils a trained teacher into Rabtriever's predictor, on the student's own candidates.

The backbone is the teacher's and frozen, so documents and queries are encoded once. A round draws
candidates of every query from the student's present ranking and asks the teacher about just those
(a pair is never computed twice); steps of ``distil.py`` follow.
Source: arXiv 2604.23336.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import linear
from torch.nn.utils.rnn import pad_sequence

from rabbench.config.train import StudentConfig
from rabbench.models.backbone import resolve
from rabbench.models.student import Predictor
from rabbench.models.teacher import Prompt, answer_direction
from rabbench.train import data, devices, distil, initialisation, loop
from rabbench.train.batches import Inputs
from rabbench.train.candidate_pool import CandidatePool, EncodedSuite, encode
from rabbench.train.distil import StandardisedPredictor
from rabbench.train.folder import TrainingFolder
from rabbench.train.states import TeacherStates, states_folder
from rabbench.types import Progress, Results, UsageError, no_progress

MONITOR_EVERY = 10  # steps between looks at gradients and collapse, which cost extra


class StudentLoss:
    """The distillation's loss of a batch of queries; begins a new round when one is due."""

    def __init__(
        self, student: StandardisedPredictor, pool: CandidatePool, config: StudentConfig
    ) -> None:
        self.pool, self.config, self.direction = pool, config, student.direction
        self.initial_student = deepcopy(student).requires_grad_(False)
        self.anchor_weight = 0.0 if config.start == "state" else config.keep
        vocabulary = pool.teacher.backbone.model.get_output_embeddings().weight  # (V, d)
        rows = _sample_rows(len(vocabulary), config)
        self.head = partial(linear, weight=vocabulary[rows].float())
        self.n_steps = 0

    def __call__(self, model: Any, inputs: Inputs) -> tuple[torch.Tensor, dict[str, float]]:
        """One step; every ``MONITOR_EVERY`` steps also what shows a collapse."""
        student: StandardisedPredictor = getattr(model, "module", model)
        pool = self.pool
        due = devices.maximum(int(inputs["round"].max()))
        while pool.n_rounds <= due:
            pool.draw_round(student)
        queries = inputs["query"].tolist()
        z_d, mask = self._gather([torch.tensor(pool.columns[query]) for query in queries])
        h_t = pad_sequence([pool.states[query] for query in queries], True)  # (B, K, d)
        parts, predicted = distil.distillation_step(
            model,
            self.head,
            h_q=pool.encoded.h_q[queries],
            z_d=z_d,
            h_t=h_t,
            mask=mask,
            mse=self.config.mse,
            reverse_kl=self.config.reverse_kl,
            within_query=self.config.within,
        )
        if self.anchor_weight:
            drift = self._anchor_drift(model, queries, inputs["epoch"].tolist())
            parts["keep"] = self.anchor_weight * drift
        logged = {f"loss_{name}": float(part.detach()) for name, part in parts.items()}
        if self.n_steps % MONITOR_EVERY == 0:
            parameters = [p for p in student.parameters() if p.requires_grad]
            logged |= distil.gradient_shares(parts, parameters)
            logged |= distil.collapse_figures(predicted, h_t, mask, self.direction)
        self.n_steps += 1
        return torch.stack(list(parts.values())).sum(), logged

    def _anchor_drift(self, model: Any, queries: list[int], epochs: list[int]) -> torch.Tensor:
        """How far scores of documents outside the pool have moved since the start."""
        anchors = map(self.pool.draw_anchors, queries, epochs)
        z_d, mask = self._gather(list(anchors))  # (B, K, d), (B, K)
        h_q = self.pool.encoded.h_q[queries][:, None].expand_as(z_d)
        before = self.initial_student(h_q, z_d) @ self.direction
        return distil.score_drift(model(h_q, z_d) @ self.direction, before, mask)

    def _gather(self, columns: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """The latents of each query's documents, padded to (B, K, d), and their mask (B, K)."""
        z_d = self.pool.encoded.z_d
        mask = pad_sequence([torch.ones(len(row), dtype=torch.bool) for row in columns], True)
        return z_d[pad_sequence(columns, True).to(z_d.device)], mask.to(z_d.device)


def _sample_rows(size: int, config: StudentConfig) -> torch.Tensor:
    """Rows of the LM head that the KL compares: all, or a sample drawn by the seed."""
    if config.vocabulary is None or config.vocabulary >= size:
        return torch.arange(size)
    generator = torch.Generator().manual_seed(config.schedule.seed)
    return torch.randperm(size, generator=generator)[: config.vocabulary].sort().values


def reciprocal_rank(student: StandardisedPredictor, encoded: EncodedSuite) -> float:
    """MRR of the student over all candidates of the held-out queries; ties count against it."""
    scores = student.score(encoded.h_q, encoded.z_d)  # (Q, N)
    scores = scores.masked_fill(~encoded.allowed, -torch.inf)
    best = scores.masked_fill(~encoded.relevant, -torch.inf).amax(-1, keepdim=True)  # (Q, 1)
    ahead = ((scores >= best) & ~encoded.relevant).sum(-1)  # (Q,)
    return float((1.0 / (1 + ahead)).mean())


def initialise(student: StandardisedPredictor, pool: CandidatePool, config: StudentConfig) -> None:
    """Set the first scores as ``config.start`` names them, and draw the first round from them."""
    h_q, z_d = pool.encoded.h_q, pool.encoded.z_d

    def fit_scores(**answers: Any) -> None:
        if config.start != "state":
            initialisation.fit_scores(student, h_q, z_d, **answers)
        if not config.latent:  # W_d = 0, in training as in every later ranking
            student.predictor.document.weight.requires_grad_(False).zero_()

    fit_scores()
    pool.draw_round(student)
    if config.start != "state":
        posterior = pool.posterior(student.direction) if config.start == "answers" else None
        fit_scores(posterior=posterior, teacher_spread=pool.score_spread(student.direction))
        rows, columns = (list(indices) for indices in zip(*pool.pairs, strict=True))
        initialisation.fit_shift(student, h_q[rows], z_d[columns], torch.cat(pool.states))


def run(
    config: StudentConfig, *, out: Path, resume: bool = False, progress: Progress = no_progress
) -> Results:
    """Distil and write the student's folder: predictor, adapter, card, log and report rows.

    ``resume`` goes on where an interrupted training of the same configuration stopped. UsageError
    if there is no loss or the teacher's head is not linear, MissingError without teacher or data.
    """
    if not (config.mse or config.reverse_kl or config.within):
        raise UsageError("all losses have weight 0; give --mse, --reverse-kl or --within a weight")
    options, schedule = config.options, config.schedule
    backbone = resolve(
        options.model, device=options.device, dtype=options.dtype, attention=options.attention
    )
    prompt = Prompt(backbone, options.max_doc_len, options.max_query_len)
    direction = answer_direction(backbone, prompt)  # w (d,)
    folder = TrainingFolder("student", config, out, resume=resume)
    if folder.finished:
        return folder.store.results
    split = data.load_split(config.data)
    teacher = TeacherStates(backbone, states_folder(backbone), options.batch, progress)
    encoded = encode(split.train, teacher, prompt, config, progress)
    held_out = None
    if split.held_out.queries:
        held_out = encode(split.held_out, teacher, prompt, config, progress)
    predictor = Predictor(backbone.shape.width, config.inner, seed=schedule.seed)
    student = StandardisedPredictor(
        predictor.to(backbone.device), encoded.h_q, encoded.z_d, direction
    )
    pool = CandidatePool(encoded, config, teacher, out / loop.STATE)

    def validate() -> dict[str, float]:
        figures = {"teacher_pairs": float(teacher.n_computed)}
        if held_out is not None:
            figures["held_out_mrr"] = reciprocal_rank(student, held_out)
        return figures

    try:
        initialise(student, pool, config)
        log = [{"step": 0.0, **validate()}]
        log += loop.fit(
            "student",
            student,
            config,
            loss=StudentLoss(student, pool, config),
            items=_visits(len(split.train.queries), config),
            collate=_collate,
            validate=validate,
            out=out,
            progress=progress,
        )
    finally:
        teacher.flush()
    extra = {
        "teacher": backbone.checkpoint.card if backbone.checkpoint else None,
        "pairs_asked": len(pool.pairs),
    }
    return folder.finish(
        student.fold(), log, base=backbone, texts=prompt.texts, split=split, extra=extra
    )


def _visits(n_queries: int, config: StudentConfig) -> list[tuple[int, int, int]]:
    """Query, round and epoch of every visit, in training order: each epoch shuffles all queries."""
    epochs = max(1, round(config.schedule.epochs))
    rng = random.Random(config.schedule.seed)  # noqa: S311 - no secret
    return [
        (query, epoch * config.rounds // epochs, epoch)
        for epoch in range(epochs)
        for query in rng.sample(range(n_queries), n_queries)
    ]


def _collate(visits: Sequence[tuple[int, int, int]]) -> dict[str, torch.Tensor]:
    columns = zip(*visits, strict=True)
    return dict(zip(("query", "round", "epoch"), map(torch.tensor, columns), strict=True))
