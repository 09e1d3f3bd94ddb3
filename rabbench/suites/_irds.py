"""Turns an ir_datasets id into a suite; the shared half of the suites behind ir_datasets.

Knows ir_datasets' interface, and that a collection may have millions of documents; knows no
data set's rules (default splits, exclusions): the families give them.
"""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rabbench.suites._collection import StreamedTexts, build_suite
from rabbench.types import BadInputError, MissingError, Run, Suite, unknown_name_error

CANDIDATES = "every document of the collection, or those it comes with (--first-stage scoreddocs)"


class Docs(StreamedTexts):
    """The documents of an ir_datasets collection, title included, read from its store."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._store = dataset.docs_store()
        self._count: int | None = None

    def __getitem__(self, doc_id: str) -> str:
        """The text of one document."""
        return str(self._store.get(doc_id).default_text())

    def __len__(self) -> int:
        if self._count is None:
            count = self._dataset.docs_count()
            self._count = sum(1 for _ in self) if count is None else int(count)
        return self._count

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Ids and texts in one pass over the collection."""
        return ((doc.doc_id, doc.default_text()) for doc in self._dataset.docs_iter())

    def candidates(self, queries: Mapping[str, str]) -> Run | None:
        """The candidates of these queries that the data set comes with; None if it has none."""
        if not self._dataset.has_scoreddocs():
            return None
        run: Run = {}
        for scored in self._dataset.scoreddocs_iter():
            if scored.query_id in queries:
                run.setdefault(scored.query_id, {})[scored.doc_id] = float(scored.score)
        return run


@dataclass(frozen=True)
class Family:
    """The ids of ir_datasets below ``name/`` that have judgements, with short names for them.

    ``defaults`` is the split of a short name; else ``test`` is taken where there is one.
    """

    name: str
    defaults: Mapping[str, str] = field(default_factory=dict)

    def ids(self) -> list[str]:
        """All ids, without the family's name; nothing but ir_datasets' registry is read."""
        from ir_datasets import registry

        prefix = f"{self.name}/"
        ids = [id_ for id_ in registry if id_.startswith(prefix) and registry[id_].has_qrels()]
        return [id_.removeprefix(prefix) for id_ in ids]

    def datasets(self) -> list[str]:
        """All names that ``resolve`` takes but full ids."""
        ids = self.ids()
        short = {name.removesuffix("/test") for name in ids if name.endswith("/test")}
        return sorted({*ids, *short, *(key for key, name in self.defaults.items() if name in ids)})

    def resolve(self, name: str) -> str:
        """The full id behind a short name, a name with its split, or a full id; else UsageError."""
        short, ids = name.removeprefix(f"{self.name}/"), self.ids()
        for candidate in (self.defaults.get(short), short, f"{short}/test"):
            if candidate in ids:
                return f"{self.name}/{candidate}"
        raise unknown_name_error(f"{self.name} data set", name, ids)


def _is_progress(record: logging.LogRecord) -> bool:
    """False for ir_datasets' line at each file that it opens; its progress and warnings stay."""
    return not str(record.msg).startswith("Opening ")


def _missing_error(dataset_id: str, error: Exception) -> MissingError:
    import ir_datasets

    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return MissingError(
        f"data set {dataset_id!r} is not under {ir_datasets.util.home_path()} and could not be "
        f"fetched ({reason}); set IR_DATASETS_HOME to a writable folder that has it, or run once "
        "with a network"
    )


def _read_qrels(
    dataset: Any, excluded_grade: int | None
) -> tuple[dict[str, dict[str, int]], dict[str, set[str]]]:
    """The judgements, and the documents of each query that are marked as excluded."""
    qrels: dict[str, dict[str, int]] = {}
    excluded: dict[str, set[str]] = {}
    for judgement in dataset.qrels_iter():
        if judgement.relevance == excluded_grade:
            excluded.setdefault(judgement.query_id, set()).add(judgement.doc_id)
        else:
            qrels.setdefault(judgement.query_id, {})[judgement.doc_id] = judgement.relevance
    return qrels, excluded


def load(
    dataset_id: str,
    *,
    licence: str,
    split: str = "",
    exclude_query_id: bool = False,
    excluded_grade: int | None = None,
) -> Suite:
    """Load a data set: the judged queries, their judgements, and the documents behind a store.

    With ``exclude_query_id`` a query's ranking must not hold the document of the query's own id;
    ``excluded_grade`` marks excluded documents in the judgements.

    Raises:
        MissingError: if the data is neither here nor to be had.
        BadInputError: if it is here but damaged, or has no documents or judged queries.
    """
    import ir_datasets

    logging.getLogger("ir_datasets").addFilter(_is_progress)
    dataset = ir_datasets.load(dataset_id)
    where = f"data set {dataset_id!r} under {os.environ.get('IR_DATASETS_HOME', '~/.ir_datasets')}"
    try:
        judgements, excluded = _read_qrels(dataset, excluded_grade)
        texts = {query.query_id: str(query.default_text()) for query in dataset.queries_iter()}
        docs = Docs(dataset)
        empty = next(iter(docs), None) is None
    except (zipfile.BadZipFile, KeyError, ValueError, AssertionError, RuntimeError) as error:
        if "download" in str(error).lower():  # RuntimeError("All download sources failed", …)
            raise _missing_error(dataset_id, error) from None
        raise BadInputError(
            f"{where} is damaged ({type(error).__name__}: {error}); remove its folder there and "
            "fetch it again"
        ) from None
    except OSError as error:  # requests' errors are OSErrors
        raise _missing_error(dataset_id, error) from None
    judged = [query_id for query_id in judgements if query_id in texts]
    if empty or not judged:
        lacking = "documents" if empty else "judged queries"
        raise BadInputError(f"{where} is empty: no {lacking}")
    if exclude_query_id:
        excluded = {query_id: excluded.get(query_id, set()) | {query_id} for query_id in judged}
    return build_suite(
        docs,
        texts,
        judgements,
        name=dataset_id,
        licence=licence,
        source=f"ir_datasets {dataset_id}",
        split=split,
        candidates=CANDIDATES if dataset.has_scoreddocs() else Suite.candidates,
        excluded={id_: frozenset(excluded[id_]) for id_ in judged if id_ in excluded},
    )
