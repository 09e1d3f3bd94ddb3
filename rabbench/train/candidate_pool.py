"""The distillation's data: encoded texts, and the pool of candidates that the teacher has answered.

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
from rabbench.results import write_file
from rabbench.train import data, devices
from rabbench.train.distil import StandardisedPredictor, gumbel_top_k
from rabbench.train.states import TeacherStates
from rabbench.types import Progress, Suite

N_ANCHORS = 24  # documents of a query, anew in each epoch, whose scores are held where they started


@dataclass(frozen=True)
class EncodedSuite:
    """Q queries and N candidates as the frozen backbone reads them."""

    query_parts: list[list[int]]  # token ids, for the teacher
    document_parts: list[list[int]]
    h_q: torch.Tensor  # (Q, d) float32
    z_d: torch.Tensor  # (N, d) float32
    allowed: torch.Tensor  # (Q, N) bool, the candidates of each query
    relevant: torch.Tensor  # (Q, N) bool


def encode(
    suite: Suite, teacher: TeacherStates, prompt: Prompt, config: StudentConfig, progress: Progress
) -> EncodedSuite:
    """Encode all queries and all their candidates with the frozen backbone, which is the teacher's.

    A collection of at most ``config.depth`` documents gives every document as a candidate, a
    larger one the first stage's best and the relevant ones.
    """
    positives = {query_id: set(data.relevant(suite, query_id)) for query_id in suite.queries}
    if len(suite.docs) <= config.depth:
        doc_ids = list(suite.docs)
        candidates = {query_id: set(doc_ids) for query_id in suite.queries}
    else:
        options = replace(config.options, depth=config.depth)
        run = data.first_stage_run(config.first_stage, suite, options, progress)
        candidates = {
            query_id: {*list(run.get(query_id, {}))[: config.depth], *positives[query_id]}
            for query_id in suite.queries
        }
        doc_ids = sorted(set().union(*candidates.values()))
    query_parts = [prompt.query(text) for text in suite.queries.values()]
    document_parts = [prompt.document(suite.docs[doc_id]) for doc_id in doc_ids]
    column = {doc_id: i for i, doc_id in enumerate(doc_ids)}
    allowed = torch.zeros(len(query_parts), len(doc_ids), dtype=torch.bool)
    relevant = torch.zeros_like(allowed)
    for i, query_id in enumerate(suite.queries):
        excluded = suite.excluded.get(query_id, frozenset())
        allowed[i, [column[doc_id] for doc_id in candidates[query_id] - excluded]] = True
        relevant[i, [column[doc_id] for doc_id in positives[query_id]]] = True
    device = teacher.backbone.device
    return EncodedSuite(
        query_parts,
        document_parts,
        h_q=teacher.encode_parts(query_parts).to(device),
        z_d=teacher.encode_parts(document_parts).to(device),
        allowed=allowed.to(device),
        relevant=relevant.to(device),
    )


class CandidatePool:
    """The documents that the teacher has answered for each query, round by round.

    A round draws candidates for every query from the student's ranking as it then is, and asks
    the teacher about all of them at once; those of earlier rounds stay in the training, since
    they cost nothing more. Each round is on disk, in ``folder``, before it is used, so that a
    resumed training has the rounds that the interrupted one drew.
    """

    def __init__(
        self, encoded: EncodedSuite, config: StudentConfig, teacher: TeacherStates, folder: Path
    ) -> None:
        self.encoded, self.config, self.teacher, self.folder = encoded, config, teacher, folder
        # Of each query, its documents in the pool (the relevant ones from the start), and their
        # h_T: (K, d).
        self.columns: list[list[int]] = [
            row.nonzero()[:, 0].tolist()[: config.candidates] for row in encoded.relevant
        ]
        self.states: list[torch.Tensor] = []
        self.n_rounds = 0

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """All pairs in the pool, in the order of ``states``: row of the query, column."""
        return [(row, column) for row, columns in enumerate(self.columns) for column in columns]

    def posterior(self, direction: torch.Tensor) -> torch.Tensor:
        """The teacher's scores as shares of each query, softmax over its pool: (Q, N)."""
        shares = torch.zeros_like(self.encoded.allowed, dtype=torch.float32)
        for row, columns, states in zip(shares, self.columns, self.states, strict=True):
            row[columns] = (states @ direction).softmax(0)
        return shares

    def score_spread(self, direction: torch.Tensor) -> float:
        """The standard deviation of the teacher's scores of a query, a mean over queries."""
        spreads = [(states @ direction).std(correction=0) for states in self.states]
        return float(torch.stack(spreads).mean())

    def draw_round(self, student: StandardisedPredictor) -> None:
        """Draw candidates of every query, or read those of an interrupted training; ask."""
        path = self.folder / f"round-{self.n_rounds}.json"
        if devices.is_first() and not path.is_file():
            draws = [self._draw(row, student) for row in range(len(self.columns))]
            write_file(path, json.dumps(draws))
        devices.wait()
        for pool, columns in zip(self.columns, json.loads(path.read_text()), strict=True):
            pool += [column for column in columns if column not in pool]
        documents, queries = self.encoded.document_parts, self.encoded.query_parts
        pairs = [(documents[column], queries[row]) for row, column in self.pairs]
        states = self.teacher.encode_pairs(pairs)
        self.teacher.flush()
        self.states = list(states.to(self.encoded.h_q).split(list(map(len, self.columns))))
        self.n_rounds += 1

    def _draw(self, row: int, student: StandardisedPredictor) -> list[int]:
        """Candidates of one query, none relevant."""
        encoded, config = self.encoded, self.config
        (scores,) = student.score(encoded.h_q[row : row + 1], encoded.z_d)  # (N,)
        free = encoded.allowed[row] & ~encoded.relevant[row]
        columns = gumbel_top_k(
            torch.where(free, scores, -torch.inf).cpu(),
            config.candidates,
            tau=config.tau if config.sampling == "on-policy" else torch.inf,
            generator=self._generator(row, self.n_rounds),
        )
        return list(columns.tolist())

    def draw_anchors(self, row: int, epoch: int) -> torch.Tensor:
        """Columns of a query outside the pool, drawn uniformly and anew in each epoch."""
        free = self.encoded.allowed[row].cpu().clone()  # (N,)
        free[self.columns[row]] = False
        scores, generator = torch.where(free, 0.0, -torch.inf), self._generator(row, epoch)
        return gumbel_top_k(scores, N_ANCHORS, tau=torch.inf, generator=generator)

    def _generator(self, row: int, turn: int) -> torch.Generator:
        """Chance depends on the training's seed, the turn and the query."""
        seed = (self.config.schedule.seed << 40) + (turn << 24) + row
        return torch.Generator().manual_seed(seed)
