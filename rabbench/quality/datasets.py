"""Which data sets a suite's name and the options mean, which of their queries, and their card.

Knows suites by what their modules offer; knows no system and no metric's meaning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import Any

from rabbench import registry
from rabbench.quality import metrics
from rabbench.suites._collection import doc_words_histogram
from rabbench.types import Suite, UsageError

LISTED = 100  # names of data sets in a message, at most
LENGTHS_FROM = 10_000  # documents whose lengths a card gives, at most


@dataclass(frozen=True)
class SuiteHandle:
    """A suite module, or a folder in BEIR layout, behind one face.

    A module has ``datasets()`` and ``load(name)``; it may have ``metrics(name)``, ``GROUPS``,
    ``COUNTED_AS_ONE`` (groups whose parts a mean over data sets counts as one) and ``DEFAULT``
    (the data sets taken where none is named; empty: some must be named; absent: the first).
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
        """The group that a data set is a part of, where the whole counts as one data set."""
        whole = getattr(self.module, "COUNTED_AS_ONE", ())
        return next((name for name in whole if dataset in self.groups()[name]), None)

    def metrics(self, dataset: str) -> tuple[str, ...]:
        """What is measured on a data set unless metrics are named."""
        own = getattr(self.module, "metrics", None)
        return tuple(own(dataset)) if own else metrics.RANKING

    def dataset_names(self, asked: Sequence[str]) -> list[str]:
        """The data sets asked for, groups spelt out; else the default ones.

        Raises:
            UsageError: for an unknown name, or if the suite has no default.
        """
        names, groups = self.module.datasets(), self.groups()
        if not asked:
            asked = getattr(self.module, "DEFAULT", names[:1])
            if not asked:
                listed = [*groups, *names]
                more = f", … ({len(listed)} in all)" if len(listed) > LISTED else ""
                raise UsageError(
                    f"--suite {self.name} has many data sets; choose some with --datasets: "
                    f"{', '.join(listed[:LISTED])}{more}"
                )
        chosen = list(dict.fromkeys(name for ask in asked for name in groups.get(ask, (ask,))))
        for name in chosen:
            first, _, rest = name.partition("/")
            full_id = first.startswith(self.name) and rest in names  # beir/scifact/test
            if name not in names and not full_id:
                self.load(name)  # accepts it, or says what is wrong before anything has run
        return chosen


@dataclass(frozen=True)
class _Folder:
    """Gives a folder the face of a suite module; its data sets are its splits."""

    path: Path

    def datasets(self) -> list[str]:
        from rabbench.suites import _folder

        return _folder.datasets(self.path)

    def load(self, split: str) -> Suite:
        from rabbench.suites import _folder

        return _folder.load(self.path, split)


def open_suite(suite: str) -> SuiteHandle:
    """The suite of this name, or the folder in BEIR layout at this path.

    Raises:
        UsageError: if it is neither; the message lists the names.
    """
    if suite not in registry.names("suites") and Path(suite).expanduser().is_dir():
        return SuiteHandle(suite, _Folder(Path(suite).expanduser()))
    return SuiteHandle(suite, registry.load("suites", suite))


def sample_queries(suite: Suite, count: int, seed: int) -> Suite:
    """The suite with ``count`` of its queries, drawn by a hash of seed and id.

    The draw depends neither on the order of the queries nor on a random generator's version, and
    the first 50 of a seed are among its first 100.
    """
    if count >= len(suite.queries):
        return suite

    def key(query_id: str) -> bytes:
        return hashlib.sha256(f"{seed}:{query_id}".encode()).digest()

    drawn = set(sorted(suite.queries, key=key)[:count])
    kept = {query_id: text for query_id, text in suite.queries.items() if query_id in drawn}
    return replace(
        suite, queries=kept, qrels={query_id: suite.qrels[query_id] for query_id in kept}
    )


def _words(texts: Iterator[str]) -> dict[str, float]:
    lengths = [len(text.split()) for text in texts]
    return {"mean": fmean(lengths), "median": median(lengths)}


def build_card(dataset: str, suite: Suite, found: SuiteHandle) -> dict[str, Any]:
    """What a report says of a data set; ``name`` is what rows call it in their params."""
    whole = found.counted_as(dataset)
    return {
        "name": dataset,
        "suite": found.name,
        "id": suite.name,
        "licence": suite.licence,
        "source": suite.source,
        "fingerprint": suite.fingerprint,
        "n_docs": len(suite.docs),
        "n_queries": len(suite.queries),
        "n_judgements": sum(map(len, suite.qrels.values())),
        "n_excluded": sum(len(suite.excluded.get(query_id, ())) for query_id in suite.queries),
        "doc_words": _words(islice(iter(suite.docs.values()), LENGTHS_FROM)),
        "query_words": _words(iter(suite.queries.values())),
        "groups": [group for group, members in found.groups().items() if dataset in members],
        "split": suite.split,
        "candidates": suite.candidates,
        "doc_words_histogram": doc_words_histogram(suite.docs),
        **({"counted_as": whole} if whole is not None else {}),
    }
