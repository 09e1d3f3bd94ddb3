"""Turns an ir_datasets id into a suite; the shared half of beir, nano-beir, bright and msmarco.

Knows ir_datasets' interface, and that a collection may have millions of documents; knows no
data set's rules (default splits, exclusions): the families give them.
"""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from typing import Any

from rabbench.suites._fingerprint import fingerprint
from rabbench.types import BadInputError, MissingError, Run, Suite, unknown_name_error

CANDIDATES = "every document of the collection, or those it comes with (--first-stage scoreddocs)"
Qrels = dict[str, dict[str, int]]
Excluded = dict[str, frozenset[str]]


class Docs(Mapping[str, str]):
    """The documents of an ir_datasets collection, read from its store when asked for.

    ``items()`` and ``values()`` stream the collection; nothing holds all of it.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._store = dataset.docs_store()
        self._count: int | None = None

    def __getitem__(self, doc_id: str) -> str:
        """The text of one document, title included."""
        return str(self._store.get(doc_id).default_text())

    def __iter__(self) -> Iterator[str]:
        return (doc.doc_id for doc in self._dataset.docs_iter())

    def __len__(self) -> int:
        if self._count is None:
            count = self._dataset.docs_count()
            self._count = sum(1 for _ in self) if count is None else int(count)
        return self._count

    def items(self) -> ItemsView[str, str]:
        """Ids and texts, streamed in the collection's order."""
        return _Items(self)

    def values(self) -> ValuesView[str]:
        """The texts, streamed in the collection's order."""
        return _Values(self)

    def candidates(self, queries: Mapping[str, str]) -> Run | None:
        """The candidates that the data set comes with, of these queries; None if it has none."""
        if not self._dataset.has_scoreddocs():
            return None
        found: Run = {}
        for scored in self._dataset.scoreddocs_iter():
            if scored.query_id in queries:
                found.setdefault(scored.query_id, {})[scored.doc_id] = float(scored.score)
        return found

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Ids and texts in one pass over the collection."""
        return ((doc.doc_id, doc.default_text()) for doc in self._dataset.docs_iter())


class _Items(ItemsView[str, str]):
    def __init__(self, docs: Docs) -> None:
        super().__init__(docs)
        self._docs = docs

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return self._docs.pairs()


class _Values(ValuesView[str]):
    def __init__(self, docs: Docs) -> None:
        super().__init__(docs)
        self._docs = docs

    def __iter__(self) -> Iterator[str]:
        return (text for _, text in self._docs.pairs())


def ids(family: str) -> list[str]:
    """The ids of ir_datasets below ``family/`` that have judgements, without the family's name."""
    import ir_datasets

    names = [name for name in ir_datasets.registry if name.startswith(f"{family}/")]
    return [n.removeprefix(f"{family}/") for n in names if ir_datasets.registry[n].has_qrels()]


def resolve(family: str, name: str, defaults: Mapping[str, str]) -> str:
    """The full id behind a short name, a name with its split, or a full id.

    ``defaults`` says which split a short name means; else ``test`` is taken where there is one.

    Raises:
        UsageError: for a name the family does not have; the message lists those it has.
    """
    short = name.removeprefix(f"{family}/")
    have = ids(family)
    for candidate in (defaults.get(short), short, f"{short}/test"):
        if candidate in have:
            return f"{family}/{candidate}"
    raise unknown_name_error(f"{family} data set", name, have)


def names(family: str, defaults: Mapping[str, str]) -> list[str]:
    """All names that ``resolve`` takes, short ones first among their splits."""
    have = ids(family)
    short = {name.removesuffix("/test") for name in have if name.endswith("/test")}
    return sorted({*have, *short, *(key for key, name in defaults.items() if name in have)})


def _worth_saying(record: logging.LogRecord) -> bool:
    """ir_datasets tells each time it opens a file; its progress and warnings stay."""
    return not str(record.msg).startswith("Opening ")


def _missing(dataset_id: str, error: Exception) -> MissingError:
    import ir_datasets

    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return MissingError(
        f"data set {dataset_id!r} is not under {ir_datasets.util.home_path()} and could not be "
        f"fetched ({reason}); set IR_DATASETS_HOME to a writable folder that has it, or run once "
        "with a network"
    )


def _judged(dataset: Any, excluded_grade: int | None) -> tuple[Qrels, Excluded]:
    qrels: Qrels = {}
    out: dict[str, set[str]] = {}
    for judgement in dataset.qrels_iter():
        if judgement.relevance == excluded_grade:
            out.setdefault(judgement.query_id, set()).add(judgement.doc_id)
        else:
            qrels.setdefault(judgement.query_id, {})[judgement.doc_id] = judgement.relevance
    return qrels, {query_id: frozenset(found) for query_id, found in out.items()}


def suite(
    dataset_id: str,
    *,
    licence: str,
    split: str = "",
    exclude: Callable[[str], frozenset[str]] | None = None,
    excluded_grade: int | None = None,
) -> Suite:
    """Load a data set: the judged queries, their judgements, and the documents behind a store.

    Args:
        dataset_id: the full ir_datasets id.
        licence: shown before use.
        split: which part of the data set this is.
        exclude: the documents a query's ranking must not hold.
        excluded_grade: the grade that marks such documents in the judgements.

    Raises:
        MissingError: if the data is neither here nor to be had.
        BadInputError: if it is here but damaged, or has no documents or judged queries.
    """
    import ir_datasets

    logging.getLogger("ir_datasets").addFilter(_worth_saying)
    dataset = ir_datasets.load(dataset_id)
    home = os.environ.get("IR_DATASETS_HOME", "~/.ir_datasets")
    try:
        qrels, excluded = _judged(dataset, excluded_grade)
        texts = {q.query_id: str(q.default_text()) for q in dataset.queries_iter()}
        docs = Docs(dataset)
        empty = next(iter(docs), None) is None
    except (zipfile.BadZipFile, KeyError, ValueError, AssertionError, RuntimeError) as error:
        if "download" in str(error).lower():  # RuntimeError("All download sources failed", …)
            raise _missing(dataset_id, error) from None
        raise BadInputError(
            f"data set {dataset_id!r} under {home} is damaged ({type(error).__name__}: {error}); "
            "remove its folder there and fetch it again"
        ) from None
    except OSError as error:  # requests' errors are OSErrors
        raise _missing(dataset_id, error) from None
    queries = {query_id: texts[query_id] for query_id in qrels if query_id in texts}
    qrels = {query_id: qrels[query_id] for query_id in queries}
    if empty or not queries:
        raise BadInputError(
            f"data set {dataset_id!r} under {home} is empty: {'no documents' if empty else ''}"
            f"{'no judged queries' if not empty else ''}"
        )
    if exclude is not None:
        excluded = {q: excluded.get(q, frozenset()) | exclude(q) for q in queries}
    return Suite(
        name=dataset_id,
        docs=docs,
        queries=queries,
        qrels=qrels,
        fingerprint=fingerprint(docs, queries, qrels),
        licence=licence,
        source=f"ir_datasets {dataset_id}",
        split=split,
        candidates=CANDIDATES if dataset.has_scoreddocs() else Suite.candidates,
        excluded={q: found for q, found in excluded.items() if found and q in queries},
    )
