"""Training queries with positives and negatives, drawn from a suite by seed alone.

Knows suites, and a first stage by name for hard negatives; knows no model and no loss.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rabbench import registry
from rabbench.config.options import Options
from rabbench.config.train import TrainingData
from rabbench.quality.datasets import open_suite, sample_queries
from rabbench.types import Progress, Run, Suite, UsageError, no_progress

HARD_RANKS = 20  # ranks of the first stage that hard negatives come from


@dataclass(frozen=True)
class TrainingGroup:
    """A query, one relevant document and some that are not.

    ``negative_queries`` has for each negative a query that it is relevant to, None where there is
    no such query; it is empty where they were not drawn.
    """

    query_id: str
    positive: str
    negatives: tuple[str, ...]
    negative_queries: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class SplitSuite:
    """A training data set: ``suite`` is the whole of it, ``train`` and ``held_out`` its queries."""

    name: str
    suite: Suite
    train: Suite
    held_out: Suite


def load_split(data: TrainingData) -> SplitSuite:
    """Load a data set's training split, if it has one, and hold queries out by their id's hash.

    UsageError for an unknown suite or data set, or one without queries; MissingError without data.
    """
    handle = open_suite(data.suite)
    names = [data.dataset] if data.dataset else handle.dataset_names(())
    if len(names) != 1:
        raise UsageError(f"name one data set to train on; {data.suite} has {', '.join(names)}")
    name = getattr(handle.module, "TRAIN", {}).get(names[0], names[0])
    suite = handle.load(name)
    if data.max_queries is not None:
        suite = sample_queries(suite, data.max_queries, seed=0)

    def is_held_out(query_id: str) -> bool:
        digest = hashlib.sha256(query_id.encode()).digest()
        return int.from_bytes(digest[:4]) / 2**32 < data.held_out

    held_out = [query_id for query_id in suite.queries if is_held_out(query_id)]
    train = [query_id for query_id in suite.queries if not is_held_out(query_id)]
    if not train:
        raise UsageError(
            f"no query of {suite.name} is left to train on; lower --held-out {data.held_out}"
        )
    return SplitSuite(name, suite, _select(suite, train), _select(suite, held_out))


def _select(suite: Suite, query_ids: Sequence[str]) -> Suite:
    """The suite with these queries alone."""
    queries = {query_id: suite.queries[query_id] for query_id in query_ids}
    return replace(suite, queries=queries, qrels={id_: suite.qrels[id_] for id_ in queries})


def relevant(suite: Suite, query_id: str) -> list[str]:
    """The relevant documents of a query, in a fixed order."""
    return sorted(doc_id for doc_id, grade in suite.qrels[query_id].items() if grade > 0)


def barred_ids(suite: Suite, query_id: str) -> set[str]:
    """The documents that are no negatives of a query: relevant or excluded."""
    return {*relevant(suite, query_id), *suite.excluded.get(query_id, ())}


def first_stage_run(
    name: str, suite: Suite, options: Options, progress: Progress = no_progress
) -> Run:
    """The best documents of every training query by a system."""
    system = registry.load("systems", name).build(options)
    progress(f"hard negatives: {name}", 0, 1)
    system.index(suite.docs)
    run: Run = system.search(suite.queries, max(HARD_RANKS, options.depth))
    return run


def sample_groups(
    suite: Suite,
    *,
    per_query: int,
    visits: int,
    seed: int,
    hard: Run | None = None,
    negative_queries: bool = False,
) -> list[TrainingGroup]:
    """Groups of every query in training order; each visit draws documents anew.

    Half of the negatives are drawn from the ``HARD_RANKS`` best wrong documents of the run
    ``hard``, if there is one, the rest from all documents.
    """
    doc_ids = sorted(suite.docs)
    queries_of: dict[str, list[str | None]] = {}
    for query_id in sorted(suite.queries):
        for doc_id in relevant(suite, query_id):
            queries_of.setdefault(doc_id, []).append(query_id)
    groups = []
    shuffle = random.Random(seed)  # noqa: S311 - no secret
    for visit in range(visits):
        for query_id in shuffle.sample(sorted(suite.queries), len(suite.queries)):
            rng = random.Random(f"{seed}:{visit}:{query_id}")  # noqa: S311 - no secret
            positives = relevant(suite, query_id)
            if not positives:
                continue
            barred = barred_ids(suite, query_id)
            negatives: list[str] = []
            if hard is not None:
                best = [id_ for id_ in hard.get(query_id, {}) if id_ not in barred][:HARD_RANKS]
                negatives = rng.sample(best, min((per_query + 1) // 2, len(best)))
            free = [id_ for id_ in doc_ids if id_ not in barred and id_ not in negatives]
            negatives += rng.sample(free, min(per_query - len(negatives), len(free)))
            group = TrainingGroup(query_id, rng.choice(positives), tuple(negatives))
            if negative_queries:
                query_ids = tuple(rng.choice(queries_of.get(id_, [None])) for id_ in negatives)
                group = replace(group, negative_queries=query_ids)
            groups.append(group)
    return groups
