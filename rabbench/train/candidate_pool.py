"""What the distillation learns from: everything encoded once, and what the teacher was asked.

Knows the suite's texts, the frozen backbone and the draw of candidates; knows no loss and no
training loop.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from rabbench.config.train import StudentConfig
from rabbench.models.teacher import Prompt
from rabbench.results import write_text
from rabbench.train import data, devices, distil
from rabbench.train.distil import Standardised
from rabbench.train.states import TeacherStates
from rabbench.types import Progress, Suite


@dataclass(frozen=True)
class Encoded:
    """Everything of the data that the frozen backbone has to say.

    Attributes:
        query_ids, doc_ids: what the rows stand for.
        h_q: (Q, d) float32; z_d: (N, d) float32.
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
    suite: Suite, teacher: TeacherStates, prompt: Prompt, config: StudentConfig, progress: Progress
) -> Encoded:
    """Encode all queries and all their candidates with the frozen backbone, which is the teacher's.

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
    device = teacher.backbone.device
    h_q = teacher.alone(query_parts).to(device)
    z_d = teacher.alone(document_parts).to(device)
    place = {doc_id: i for i, doc_id in enumerate(doc_ids)}
    allowed = torch.zeros(len(query_ids), len(doc_ids), dtype=torch.bool)
    relevant = torch.zeros_like(allowed)
    for i, query_id in enumerate(query_ids):
        excluded = suite.excluded.get(query_id, frozenset())
        allowed[i, [place[d] for d in candidates[query_id] - excluded]] = True
        relevant[i, [place[d] for d in right[query_id]]] = True
    return Encoded(
        query_ids,
        doc_ids,
        h_q,
        z_d,
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

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """All pairs asked so far, in the order of ``states``: query and document."""
        return [(query, place) for query, places in enumerate(self.places) for place in places]

    def posterior(self, direction: torch.Tensor) -> torch.Tensor:
        """The teacher's scores as shares of each query, softmax over what was asked: (Q, N)."""
        found = torch.zeros_like(self.encoded.allowed, dtype=torch.float32)
        for row, places, states in zip(found, self.places, self.states, strict=True):
            row[places] = (states @ direction).softmax(0)
        return found

    def spread(self, direction: torch.Tensor) -> float:
        """The standard deviation of the teacher's scores of a query, a mean over queries."""
        found = [(states @ direction).std(correction=0) for states in self.states]
        return float(torch.stack(found).mean())

    def refresh(self, student: Standardised, direction: torch.Tensor) -> None:
        """Begin a round: draw, ask, keep."""
        path = self.folder / f"round-{self.rounds}.json"
        if devices.first() and not path.is_file():
            drawn = [self._draw(query, student, direction) for query in range(len(self.places))]
            write_text(path, json.dumps(drawn))
        devices.wait()
        drawn = json.loads(path.read_text())
        for query, places in enumerate(drawn):
            self.places[query] += [place for place in places if place not in self.places[query]]
        encoded = self.encoded
        found = self.teacher.ask(
            [(encoded.document_parts[place], encoded.query_parts[q]) for q, place in self.pairs]
        )
        self.teacher.flush()
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
