"""Any data set of ir_datasets by its id: ``--suite irds --datasets cranfield``.

Knows no rules of a benchmark: a data set with a suite of its own is refused with the name to use.
Source: MacAvaney et al., "Simplified Data Wrangling with ir_datasets", 2021, arXiv 2103.02280.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from rabbench.suites import _irds
from rabbench.types import Suite, UsageError

DEFAULT: tuple[str, ...] = ()
"""None: one must be named."""

SUITE_OF_FAMILY: Mapping[str, str] = {
    "beir": "beir",
    "nano-beir": "nano-beir",
    "bright": "bright",
    "msmarco-passage": "msmarco",
}
"""Families with rules (splits, exclusions, metrics) in a suite of their own."""


def datasets() -> list[str]:
    """The ids that ``load`` takes; nothing but ir_datasets' registry is read."""
    import ir_datasets

    return sorted(
        name for name in ir_datasets.registry if name.split("/")[0] not in SUITE_OF_FAMILY
    )


def load(name: str) -> Suite:
    """Load a data set by its id; errors as in ``beir.load``.

    UsageError also for an id of another suite, or one without documents, queries or judgements.
    """
    import ir_datasets

    family, _, rest = name.partition("/")
    if family in SUITE_OF_FAMILY:
        raise UsageError(
            f"{name!r} has rules of its own; give --suite {SUITE_OF_FAMILY[family]} "
            f"--datasets {rest}"
        )
    if name not in ir_datasets.registry:
        near = difflib.get_close_matches(name, datasets(), n=5)
        raise UsageError(
            f"unknown ir_datasets id {name!r}; near it: {', '.join(near) or 'none'}; all are at "
            "https://ir-datasets.com"
        )
    entry, parts = ir_datasets.registry[name], ("docs", "queries", "qrels")
    lacking = [part for part in parts if not getattr(entry, f"has_{part}")()]
    if lacking:
        subsets = [subset for subset in datasets() if subset.startswith(f"{name}/")]
        raise UsageError(
            f"ir_datasets id {name!r} has no {' and no '.join(lacking)}; its parts: "
            f"{', '.join(subsets) or 'none'}"
        )
    return _irds.load(
        name, licence=f"not stated here: see https://ir-datasets.com/{family}", split=rest
    )
