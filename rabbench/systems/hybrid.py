"""Two or more systems fused by reciprocal rank: ``hybrid`` is BM25 and the bi-encoder.

A document gets Σ 1/(60 + its rank) over the rankings that hold it (Cormack, Clarke, Büttcher,
"Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009).
Ranks are those of ``types.rank``; fused scores often tie, and go by it too. A test holds the sum to
``ranx.fuse``, too slow here: it compiles for each width of document ids, 18 s for two queries.
The only phase is ``score``, the fusion itself, per fused document, on made-up rankings of ``k``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rabbench import registry
from rabbench.config.options import Options
from rabbench.systems._reranker import index_stage
from rabbench.types import Phase, Progress, Run, Shape, System, Workload, no_progress, rank, top_k

PARTS = ("bm25", "dense")
SMOOTHING = 60
CACHED_S = {"kept_wall_s", "kept_index_wall_s"}  # notes of time, which add up


def build(options: Options) -> Hybrid:
    """BM25 and the bi-encoder, fused."""
    parts = [(registry.load("systems", name).build(options), None) for name in PARTS]
    return Hybrid("hybrid", parts, options)


def fuse(rankings: Sequence[Run]) -> Run:
    """Fuse rankings of the same queries by reciprocal rank, in the order of ``types.rank``."""
    fused: Run = {query_id: {} for query_id in rankings[0]}
    for run in rankings:
        for query_id, scores in fused.items():
            for place, (doc_id, _) in enumerate(rank(run[query_id]), 1):
                scores[doc_id] = scores.get(doc_id, 0.0) + 1 / (SMOOTHING + place)
    return {query_id: dict(rank(scores)) for query_id, scores in fused.items()}


@dataclass(eq=False, repr=False)
class Hybrid:
    """Searches with each part and fuses their rankings.

    Each part has a cutoff, how many of its documents are fused; None stands for the depth, or for
    the ``k`` of the search where that is more.
    """

    name: str
    parts: Sequence[tuple[System, int | None]]
    options: Options
    progress: Progress = field(default_factory=lambda: no_progress, init=False)
    keep: Path | None = field(default=None, init=False)
    """A folder for the parts' scores and vectors, where a killed run goes on."""
    phases: tuple[Phase, ...] = field(default=("score",), init=False)

    @property
    def params(self) -> Mapping[str, Any]:
        """The parts' models, and untrained if one of them is."""
        params = [part.params for part, _ in self.parts]
        models = [str(row["model"]) for row in params if row["model"]]
        untrained = any(row.get("trained") is False for row in params)
        row_params = self.options.row_params("+".join(models) or None)
        return {**row_params, "trained": False} if untrained else row_params

    @property
    def notes(self) -> Mapping[str, Any]:
        """The fusion, and the parts' own notes, each under its part's name."""
        notes: dict[str, Any] = {"fusion": f"rrf k={SMOOTHING}"}
        notes["fused"] = "+".join(part.name for part, _ in self.parts)
        for part, _ in self.parts:
            for key, value in getattr(part, "notes", {}).items():
                if key in CACHED_S:
                    notes[key] = notes.get(key, 0.0) + value
                else:
                    notes[f"{part.name}_{key}"] = value
        return notes

    @property
    def before(self) -> tuple[System, ...]:
        """The systems that are fused."""
        return tuple(part for part, _ in self.parts)

    def index(self, docs: Mapping[str, str]) -> None:
        """Index every part."""
        for place, (part, _) in enumerate(self.parts):
            folder = self.keep / str(place) if self.keep is not None else None
            index_stage(part, docs, progress=self.progress, keep=folder)

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """The best k documents of each query by fused rank."""
        depth = max(k, self.options.depth)
        rankings = [part.search(queries, cutoff or depth) for part, cutoff in self.parts]
        return {query_id: top_k(scores, k) for query_id, scores in fuse(rankings).items()}

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """Fuse the parts' rankings of ``k`` documents, half of which each shares with the next."""
        count = max(shape.k, 1)
        rankings: list[Run] = [
            {"q": {str(place + i * (count // 2)): -float(place) for place in range(count)}}
            for i in range(len(self.parts))
        ]
        yield Workload(
            system=self.name,
            phase="score",
            shape=shape,
            device="cpu",
            units=len({doc_id for run in rankings for doc_id in run["q"]}),
            run=lambda: fuse(rankings),
        )
