"""The data sets that a suite's name and the options mean, a sample of their queries, their card.

Knows suites by what their modules offer; knows no system and no metric's meaning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from types import SimpleNamespace
from typing import Any

from rabbench import registry
from rabbench.quality import metrics
from rabbench.suites._collection import doc_words_histogram
from rabbench.types import Suite, UsageError

MAX_NAMES = 100  # names of data sets in a message, at most
CARD_DOCS = 10_000  # documents whose lengths a card gives, at most


@dataclass(frozen=True)
class SuiteHandle:
    """A suite module, or a folder in BEIR layout, behind one face.

    A module has ``datasets()`` and ``load(name)``; it may have ``metrics(name)``, ``GROUPS``,
    ``COUNTED_AS_ONE`` (groups whose parts a mean over data sets counts as one) and ``DEFAULT``
    (the data sets where none is named; empty: some must be named; absent: the first).
    """

    name: str
    module: Any

    def load(self, dataset: str) -> Suite:
        """One data set; errors as the suite's own ``load`` has them."""
        suite: Suite = self.module.load(dataset)
        return suite

    def groups(self) -> Mapping[str, Sequence[str]]:
        """Names for several data sets."""
        return getattr(self.module, "GROUPS", {})

    def counted_as(self, dataset: str) -> str | None:
        """The group of a data set, where the whole group counts as one data set."""
        whole = getattr(self.module, "COUNTED_AS_ONE", ())
        return next((name for name in whole if dataset in self.groups()[name]), None)

    def metrics(self, dataset: str) -> tuple[str, ...]:
        """The metrics of a data set unless others are requested."""
        suite_metrics = getattr(self.module, "metrics", None)
        return tuple(suite_metrics(dataset)) if suite_metrics else metrics.RANKING

    def dataset_names(self, requested: Sequence[str]) -> list[str]:
        """The requested data sets, groups spelt out; without a request the default ones.

        Raises:
            UsageError: for an unknown name, or if the suite has no default.
        """
        names, groups = self.module.datasets(), self.groups()
        requested = requested or getattr(self.module, "DEFAULT", names[:1])
        if not requested:
            choices = [*groups, *names]
            more = f", … ({len(choices)} in all)" if len(choices) > MAX_NAMES else ""
            raise UsageError(
                f"--suite {self.name} has many data sets; choose some with --datasets: "
                f"{', '.join(choices[:MAX_NAMES])}{more}"
            )
        datasets = list(dict.fromkeys(d for name in requested for d in groups.get(name, (name,))))
        for name in datasets:
            first, _, rest = name.partition("/")
            full_id = first.startswith(self.name) and rest in names  # beir/scifact/test
            if name not in names and not full_id:
                self.load(name)  # accepts it, or refuses it before anything has run
        return datasets


def open_suite(suite: str) -> SuiteHandle:
    """The suite of this name, or the folder in BEIR layout at this path, its splits as data sets.

    Raises:
        UsageError: if it is neither; the message lists the names.
    """
    path = Path(suite).expanduser()
    if suite in registry.names("suites") or not path.is_dir():
        return SuiteHandle(suite, registry.load("suites", suite))
    from rabbench.suites import _folder

    module = SimpleNamespace(
        datasets=partial(_folder.datasets, path), load=partial(_folder.load, path)
    )
    return SuiteHandle(suite, module)


def sample_queries(suite: Suite, count: int, seed: int) -> Suite:
    """The suite with ``count`` of its queries, sampled by a hash of seed and id.

    The sample depends neither on the order of the queries nor on a random generator's version, and
    the first 50 of a seed are among its first 100.
    """
    if count >= len(suite.queries):
        return suite

    def key(query_id: str) -> bytes:
        return hashlib.sha256(f"{seed}:{query_id}".encode()).digest()

    sampled = set(sorted(suite.queries, key=key)[:count])
    queries = {query_id: text for query_id, text in suite.queries.items() if query_id in sampled}
    return replace(suite, queries=queries, qrels={q: suite.qrels[q] for q in queries})


def _word_counts(texts: Iterable[str]) -> dict[str, float]:
    lengths = [len(text.split()) for text in texts]
    return {"mean": fmean(lengths), "median": median(lengths)}


def build_card(dataset: str, suite: Suite, handle: SuiteHandle) -> dict[str, Any]:
    """A data set's card for a report; ``name`` is its name in the params of rows."""
    whole = handle.counted_as(dataset)
    return {
        "name": dataset,
        "suite": handle.name,
        "id": suite.name,
        "licence": suite.licence,
        "source": suite.source,
        "fingerprint": suite.fingerprint,
        "n_docs": len(suite.docs),
        "n_queries": len(suite.queries),
        "n_judgements": sum(map(len, suite.qrels.values())),
        "n_excluded": sum(len(suite.excluded.get(query_id, ())) for query_id in suite.queries),
        "doc_words": _word_counts(islice(suite.docs.values(), CARD_DOCS)),
        "query_words": _word_counts(suite.queries.values()),
        "groups": [group for group, members in handle.groups().items() if dataset in members],
        "split": suite.split,
        "candidates": suite.candidates,
        "doc_words_histogram": doc_words_histogram(suite.docs),
        **({"counted_as": whole} if whole is not None else {}),
    }
