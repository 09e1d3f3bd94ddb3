"""Training queries with positives and negatives, drawn from a suite by seed alone.

Knows suites, and a first stage by name for hard negatives; knows no model and no loss.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rabbench import registry
from rabbench.config.train import TrainingData
from rabbench.quality.datasets import open_suite, sample_queries
from rabbench.types import Options, Progress, Run, Suite, UsageError, no_progress

HELD_OUT_GROUPS = 64  # at most, so that evaluation stays a small part of training
HARD = 20  # ranks of the first stage that hard negatives come from


@dataclass(frozen=True)
class Group:
    """A query, one relevant document and some that are not.

    ``own`` has for each of the latter a query that it is relevant to, or None where there is none.
    """

    query_id: str
    positive: str
    negatives: tuple[str, ...]
    own: tuple[str | None, ...] = ()


def training_set(data: TrainingData) -> tuple[str, Suite]:
    """The data set to learn from, by name: the training split of what was named, if it has one.

    Raises:
        UsageError: for an unknown suite or data set, or one without queries.
        MissingError: if the data are not there.
    """
    found = open_suite(data.suite)
    splits = getattr(found.module, "TRAIN", {})
    names = [data.dataset] if data.dataset else found.dataset_names(())
    if len(names) != 1:
        raise UsageError(f"name one data set to train on; {data.suite} has {', '.join(names)}")
    name = splits.get(names[0], names[0])
    suite = found.load(name)
    if data.max_queries is not None:
        suite = sample_queries(suite, data.max_queries, seed=0)
    return name, suite


def split(suite: Suite, held_out: float) -> tuple[Suite, Suite]:
    """The queries to learn from and those held out, by a hash of the query's id."""

    def place(query_id: str) -> float:
        return int.from_bytes(hashlib.sha256(query_id.encode()).digest()[:4]) / 2**32

    def only(query_ids: Sequence[str]) -> Suite:
        queries = {query_id: suite.queries[query_id] for query_id in query_ids}
        return replace(
            suite, queries=queries, qrels={query_id: suite.qrels[query_id] for query_id in queries}
        )

    held = [query_id for query_id in suite.queries if place(query_id) < held_out]
    kept = [query_id for query_id in suite.queries if place(query_id) >= held_out]
    if not kept:
        raise UsageError(
            f"no query of {suite.name} is left to train on; lower --held-out {held_out}"
        )
    return only(kept), only(held)


@dataclass(frozen=True)
class Prepared:
    """What a contrastive training needs of its data.

    ``name`` is the data set's, ``suite`` the whole of it, ``n_queries`` how many are learnt from,
    ``items`` the groups in training order, ``held_out`` the groups to evaluate on.
    """

    name: str
    suite: Suite
    n_queries: int
    items: list[Group]
    held_out: list[Group]


def prepare(
    data: TrainingData,
    *,
    visits: int,
    seed: int,
    options: Options,
    own: bool = False,
    progress: Progress = no_progress,
) -> Prepared:
    """Load, split and draw: every query is visited ``visits`` times, each time anew.

    Args:
        data: what to learn from.
        visits: of each query.
        seed: of all draws.
        options: of the system that gives hard negatives.
        own: whether negatives come with queries of their own (not those to evaluate on).
        progress: told while that system works.

    Raises:
        UsageError: for an unknown suite, data set or system, or no queries to learn from.
        MissingError: if the data, or what the system needs, are not there.
    """
    name, suite = training_set(data)
    kept, held = split(suite, data.held_out)
    hard = None
    if data.negatives != "random":
        hard = first_stage(data.negatives, suite, options, progress)
    count = data.per_query
    items = groups(kept, per_query=count, rounds=visits, seed=seed, hard=hard, own=own)
    held_out = groups(held, per_query=count, rounds=1, seed=0, hard=hard)[:HELD_OUT_GROUPS]
    return Prepared(name, suite, len(kept.queries), items, held_out)


def barred(
    suite: Suite, query_ids: Sequence[str], doc_ids: Sequence[str], first: Sequence[int]
) -> list[list[bool]]:
    """Which of a batch's documents are no negatives of each query: (Q, N).

    Those are the relevant and the excluded ones, but for the query's own positive at ``first``.
    """
    found = []
    for query_id, own in zip(query_ids, first, strict=True):
        taken = {*relevant(suite, query_id), *suite.excluded.get(query_id, ())}
        found.append([doc_id in taken and at != own for at, doc_id in enumerate(doc_ids)])
    return found


def relevant(suite: Suite, query_id: str) -> list[str]:
    """The relevant documents of a query, in a fixed order."""
    return sorted(doc_id for doc_id, grade in suite.qrels[query_id].items() if grade > 0)


def first_stage(name: str, suite: Suite, options: Options, progress: Progress = no_progress) -> Run:
    """The best documents of every training query by a system."""
    system = registry.load("systems", name).build(options)
    progress(f"hard negatives: {name}", 0, 1)
    system.index(suite.docs)
    found: Run = system.search(suite.queries, max(HARD, options.depth))
    return found


def groups(
    suite: Suite,
    *,
    per_query: int,
    rounds: int,
    seed: int,
    hard: Run | None = None,
    own: bool = False,
) -> list[Group]:
    """Groups for ``rounds`` visits of every query, in training order; each draws documents anew.

    Half of the negatives are drawn from the ``HARD`` best wrong documents of the first stage,
    where one is given, the rest from all documents. Neither relevant nor excluded documents are
    negatives. With ``own`` each comes with a query of its own, drawn from the suite's.
    """
    doc_ids = sorted(suite.docs)
    askers: dict[str, list[str]] = {}
    for query_id in sorted(suite.queries) if own else ():
        for doc_id in relevant(suite, query_id):
            askers.setdefault(doc_id, []).append(query_id)
    found = []
    shuffle = random.Random(seed)  # noqa: S311 - no secret
    for visit in range(rounds):
        for query_id in shuffle.sample(sorted(suite.queries), len(suite.queries)):
            rng = random.Random(f"{seed}:{visit}:{query_id}")  # noqa: S311 - no secret
            right = relevant(suite, query_id)
            if not right:
                continue
            taken = {*right, *suite.excluded.get(query_id, ())}
            wrong: list[str] = []
            if hard is not None:
                best = [doc_id for doc_id in hard.get(query_id, {}) if doc_id not in taken][:HARD]
                wrong = rng.sample(best, min((per_query + 1) // 2, len(best)))
            free = [doc_id for doc_id in doc_ids if doc_id not in taken and doc_id not in wrong]
            wrong += rng.sample(free, min(per_query - len(wrong), len(free)))
            positive = rng.choice(right)
            theirs = [rng.choice(askers.get(doc_id, [None])) for doc_id in wrong] if own else []
            found.append(Group(query_id, positive, tuple(wrong), tuple(theirs)))
    return found
