"""Distils a trained teacher into Rabtriever's predictor, on the student's own candidates.

The backbone is the teacher's and frozen, so documents and queries are encoded once. A round draws
candidates of every query from the student's present ranking and asks the teacher about just those
(a pair is never computed twice); steps of ``distil.py`` follow. Source: arXiv 2604.23336.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.nn.utils.rnn import pad_sequence

from rabbench.models.backbone import Backbone, resolve
from rabbench.models.checkpoint import PREDICTOR
from rabbench.models.student import Predictor
from rabbench.models.teacher import Prompt, answer_direction
from rabbench.records import Progress, Results, Suite, UsageError, silent
from rabbench.store import write_text
from rabbench.training import card, data, distil, loop, states
from rabbench.training.config import StudentConfig
from rabbench.training.distil import Standardised, Weights
from rabbench.training.states import TeacherStates

MONITOR_EVERY = 10  # steps between looks at gradients and collapse, which cost extra


@dataclass(frozen=True)
class Encoded:
    """Everything of the data that the frozen backbone has to say.

    Attributes:
        query_ids, doc_ids: what the rows stand for.
        h_q: (Q, d) float32; z_d: (N, d) float32, zeros where the student may not see latents.
        allowed: (Q, N) bool, the candidates of each query.
        relevant: (Q, N) bool.
        query_parts, document_parts: token ids, for the teacher.
    """

    query_ids: list[str]
    doc_ids: list[str]
    h_q: torch.Tensor
    z_d: torch.Tensor
    allowed: torch.Tensor
    relevant: torch.Tensor
    query_parts: list[list[int]]
    document_parts: list[list[int]]


def encode(
    suite: Suite, backbone: Backbone, prompt: Prompt, config: StudentConfig, progress: Progress
) -> Encoded:
    """Encode all queries and all their candidates with the frozen backbone.

    A collection of at most ``config.depth`` documents gives every document as a candidate, a
    larger one the first stage's best and the relevant ones.
    """
    query_ids = list(suite.queries)
    right = {query_id: set(data.relevant(suite, query_id)) for query_id in query_ids}
    if len(suite.docs) <= config.depth:
        doc_ids = list(suite.docs)
        candidates = {query_id: set(doc_ids) for query_id in query_ids}
    else:
        options = replace(config.options, depth=config.depth)
        found = data.first_stage(config.first_stage, suite, options, progress)
        candidates = {q: {*list(found.get(q, {}))[: config.depth], *right[q]} for q in query_ids}
        doc_ids = sorted(set().union(*candidates.values()))
    query_parts = [prompt.query(suite.queries[query_id]) for query_id in query_ids]
    document_parts = [prompt.document(suite.docs[doc_id]) for doc_id in doc_ids]
    batch = config.options.batch
    h_q = backbone.encode(query_parts, batch=batch, progress=progress).float()
    z_d = backbone.encode(document_parts, batch=batch, progress=progress).float()
    place = {doc_id: i for i, doc_id in enumerate(doc_ids)}
    allowed = torch.zeros(len(query_ids), len(doc_ids), dtype=torch.bool)
    relevant = torch.zeros_like(allowed)
    for i, query_id in enumerate(query_ids):
        excluded = suite.excluded.get(query_id, frozenset())
        allowed[i, [place[d] for d in candidates[query_id] - excluded]] = True
        relevant[i, [place[d] for d in right[query_id]]] = True
    device = h_q.device
    return Encoded(
        query_ids,
        doc_ids,
        h_q.clone(),
        (z_d if config.latent else torch.zeros_like(z_d)).clone(),
        allowed.to(device),
        relevant.to(device),
        query_parts,
        document_parts,
    )


class Asked:
    """Which documents the teacher has been asked about for each query, round by round.

    A round draws candidates for every query from the student's ranking as it then is, and asks
    the teacher about all of them at once; what earlier rounds asked stays in the training, since
    it costs nothing more. Each round is on disk before it is used, so that a resumed training
    has the rounds that the interrupted one drew.

    Args:
        encoded: queries and documents.
        config: how to draw.
        teacher: is asked.
        folder: where the rounds are kept while the training lasts.
    """

    def __init__(
        self, encoded: Encoded, config: StudentConfig, teacher: TeacherStates, folder: Path
    ) -> None:
        self.encoded, self.config, self.teacher, self.folder = encoded, config, teacher, folder
        self.places: list[list[int]] = [
            row.nonzero()[:, 0].tolist()[: config.candidates] for row in encoded.relevant
        ]
        self.states: list[torch.Tensor] = []
        self.rounds = 0

    def refresh(self, student: Standardised, direction: torch.Tensor) -> None:
        """Begin a round: draw, ask, keep."""
        path = self.folder / f"round-{self.rounds}.json"
        if path.is_file():
            drawn = json.loads(path.read_text())
        else:
            drawn = [self._draw(query, student, direction) for query in range(len(self.places))]
            write_text(path, json.dumps(drawn))
        for query, places in enumerate(drawn):
            self.places[query] += [place for place in places if place not in self.places[query]]
        pairs = [(q, place) for q, places in enumerate(self.places) for place in places]
        encoded = self.encoded
        found = self.teacher.ask(
            [(encoded.document_parts[place], encoded.query_parts[q]) for q, place in pairs]
        )
        self.states = list(found.to(encoded.h_q).split([len(places) for places in self.places]))
        self.rounds += 1

    def _draw(self, query: int, student: Standardised, direction: torch.Tensor) -> list[int]:
        """Candidates of one query, none relevant; chance depends on seed, round and query."""
        encoded, config = self.encoded, self.config
        h_q = encoded.h_q[query : query + 1]
        (scores,) = distil.own_ranking(student, h_q, encoded.z_d, direction)  # (N,)
        free = encoded.allowed[query] & ~encoded.relevant[query]
        generator = torch.Generator().manual_seed(
            (config.schedule.seed << 40) + (self.rounds << 24) + query
        )
        tau = config.tau if config.sampling == "on-policy" else torch.inf
        scores = torch.where(free, scores, -torch.inf).cpu()
        drawn: list[int] = distil.draw(scores, config.candidates, tau, generator).tolist()
        return drawn


class StudentLoss:
    """The distillation's loss of a batch of queries; begins a new round when one is due."""

    def __init__(self, asked: Asked, config: StudentConfig, direction: torch.Tensor) -> None:
        self.asked, self.config, self.direction = asked, config, direction
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
        while asked.rounds <= int(inputs["round"].max()):
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
        logged = {f"loss_{name}": float(part.detach()) for name, part in parts.items()}
        if self.calls % MONITOR_EVERY == 0:
            parameters = [p for p in student.parameters() if p.requires_grad]
            logged |= distil.gradient_shares(parts, parameters)
            logged |= distil.monitors(predicted, h_t, mask, self.direction)
        self.calls += 1
        return torch.stack(list(parts.values())).sum(), logged


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
    config: StudentConfig, *, out: Path, resume: bool = False, progress: Progress = silent
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
    name, suite = data.training_set(config.data)
    kept, held = data.split(suite, config.data.held_out)
    encoded = encode(kept, backbone, prompt, config, progress)
    held_out = encode(held, backbone, prompt, config, progress) if held.queries else None
    seed = config.schedule.seed
    predictor = Predictor(backbone.shape.width, config.inner, seed=seed).to(backbone.device)
    student = Standardised(predictor, encoded.h_q, encoded.z_d)
    teacher = TeacherStates(
        backbone, states.folder_of(backbone), batch=options.batch, progress=progress
    )
    asked = Asked(encoded, config, teacher, out / loop.STATE)
    loss = StudentLoss(asked, config, direction)

    def validate() -> dict[str, float]:
        found = {"teacher_pairs": float(teacher.computed)}
        if held_out is not None:
            found["held_out_mrr"] = reciprocal_rank(student, held_out, direction)
        return found

    try:
        log = loop.fit(
            "student",
            student,
            loss=loss,
            items=_visits(len(encoded.query_ids), config),
            collate=_collate,
            validate=validate,
            schedule=replace(config.schedule, epochs=1.0),  # the visits are in the items
            device=options.device,
            out=out,
            resume=resume,
            progress=progress,
        )
    finally:
        teacher.flush()
    plain = student.plain()
    save_file({n: w.cpu().contiguous() for n, w in plain.state_dict().items()}, out / PREDICTOR)
    card.halve(out / PREDICTOR)
    if backbone.checkpoint is not None:
        card.copy_adapter(backbone.checkpoint, out)
    extra = {
        "teacher": backbone.checkpoint.about if backbone.checkpoint else None,
        "pairs_asked": teacher.computed + teacher.reused,
    }
    learnt = data.Prepared(name, suite, len(kept.queries), [], [])
    return job.finish(plain, log, base=backbone, prompt=prompt.around, data=learnt, extra=extra)


def _visits(queries: int, config: StudentConfig) -> list[tuple[int, int]]:
    """Query and round of every visit, in training order: each epoch shuffles all queries."""
    epochs = max(1, round(config.schedule.epochs))
    rng = random.Random(config.schedule.seed)  # noqa: S311 - no secret
    found = []
    for epoch in range(epochs):
        order = rng.sample(range(queries), queries)
        found += [(query, epoch * config.rounds // epochs) for query in order]
    return found


def _collate(items: Sequence[tuple[int, int]]) -> dict[str, torch.Tensor]:
    query, at = zip(*items, strict=True)
    return {"query": torch.tensor(query), "round": torch.tensor(at)}
