"""Support strategies as documents: the shared half of ESConv and PsyQA; knows no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rabbench.suites._collection import build_suite
from rabbench.types import Suite


def doc_id(strategy: str) -> str:
    """The document of a strategy: ``providing-suggestions``."""
    return strategy.lower().replace(" ", "-")


def strategy_suite(
    definitions: Mapping[str, str], labelled: Mapping[str, tuple[str, str]], **card: Any
) -> Suite:
    """The suite whose documents are all strategies, one of them relevant to a query.

    Args:
        definitions: a sentence for each strategy by its name.
        labelled: text and strategy of each query by id.
        card: the other fields of :class:`rabbench.types.Suite`.
    """
    docs = {doc_id(name): f"{name}: {definition}" for name, definition in definitions.items()}
    return build_suite(
        docs,
        {query_id: text for query_id, (text, _) in labelled.items()},
        {query_id: {doc_id(strategy): 1} for query_id, (_, strategy) in labelled.items()},
        candidates=f"all {len(docs)} strategies",
        **card,
    )
