"""Any data set of ir_datasets by its id: ``--suite irds --datasets cranfield``.

No rules of a benchmark are known here: the data sets that have some are in suites of their own
(``beir``, ``bright``, ``msmarco``), and are refused with the name to use.

Source: MacAvaney et al., "Simplified Data Wrangling with ir_datasets", SIGIR 2021,
arXiv 2103.02280.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from rabbench.types import Suite, UsageError

DEFAULT: tuple[str, ...] = ()
"""None: one must be named."""

OWN_SUITE: Mapping[str, str] = {
    "beir": "beir",
    "nano-beir": "nano-beir",
    "bright": "bright",
    "msmarco-passage": "msmarco",
}
"""Families whose rules (splits, exclusions, metrics) stand in a suite of their own."""


def datasets() -> list[str]:
    """The ids that ``load`` takes; nothing but ir_datasets' registry is read."""
    import ir_datasets

    return sorted(name for name in ir_datasets.registry if name.split("/")[0] not in OWN_SUITE)


def load(name: str) -> Suite:
    """Load a data set by its id.

    Raises:
        UsageError: for an unknown id, one of another suite, or one without documents, queries or
            judgements.
        MissingError: if the data is neither under ``IR_DATASETS_HOME`` nor to be had.
        BadInputError: if it is damaged or empty.
    """
    import ir_datasets

    from rabbench.suites import _irds

    family, _, rest = name.partition("/")
    if family in OWN_SUITE:
        raise UsageError(
            f"{name!r} has rules of its own; give --suite {OWN_SUITE[family]} --datasets {rest}"
        )
    if name not in ir_datasets.registry:
        near = difflib.get_close_matches(name, datasets(), n=5)
        raise UsageError(
            f"unknown ir_datasets id {name!r}; near it: {', '.join(near) or 'none'}; all are at "
            "https://ir-datasets.com"
        )
    of = ir_datasets.registry[name]
    lacking = [part for part in ("docs", "queries", "qrels") if not getattr(of, f"has_{part}")()]
    if lacking:
        parts = [other for other in datasets() if other.startswith(f"{name}/")]
        raise UsageError(
            f"ir_datasets id {name!r} has no {' and no '.join(lacking)}; its parts: "
            f"{', '.join(parts) or 'none'}"
        )
    return _irds.suite(
        name, licence=f"not stated here: see https://ir-datasets.com/{family}", split=rest
    )
