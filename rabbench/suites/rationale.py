"""Rationale-based retrieval: the right document follows from the query by reasoning.

``esconv`` (test windows) and ``esconv/dev``: from a dialogue to the strategy of the supporter's
next turn. ``saycan``: from an instruction to a robot's skills that carry it out; ``saycan/train``
and ``saycan/test`` are two halves of its instructions. How each is read
stands in ``_esconv.py`` and ``_saycan.py``.

``psyqa`` and ``psyqa/train``: from a plea for help and the answer so far to the strategy of what
comes next; a local copy is needed (``_psyqa.py``). ``bright/…`` are BRIGHT's sets, in two groups.
"""

from __future__ import annotations

from collections.abc import Mapping

from rabbench.suites import _esconv, _psyqa, _saycan, bright
from rabbench.types import Suite, unknown_name_error

DEFAULT = ("esconv", "saycan")

GROUPS: Mapping[str, tuple[str, ...]] = {
    "bright": tuple(f"bright/{name}" for name in bright.SHORT),
    "bright-long": tuple(f"bright/{name}" for name in bright.LONG),
}

SETS = ("esconv", "esconv/dev", "psyqa", "psyqa/train", "saycan", "saycan/train", "saycan/test")

TRAIN = {
    "esconv": "esconv/dev",
    "psyqa": "psyqa/train",
    "saycan": "saycan/train",
    "saycan/test": "saycan/train",
}
"""What is learnt from where a data set is to be trained for."""


def datasets() -> list[str]:
    """The names that ``load`` takes."""
    return [*SETS, *(name for names in GROUPS.values() for name in names)]


def metrics(name: str) -> tuple[str, ...]:
    """What is measured unless metrics are named.

    The paper's R@1 is ``hit_rate@1`` here: with several relevant skills it asks whether the first
    document is one of them. With one relevant document it is recall@1 as well.
    """
    if name.startswith("bright/"):
        return bright.metrics(name)
    return ("hit_rate@1", "recall@3", "mrr")


def load(name: str) -> Suite:
    """Load a data set.

    Raises:
        UsageError: for an unknown name.
        MissingError: if the files are neither here nor to be had.
        BadInputError: if a file is not the declared one, or damaged.
    """
    if name not in datasets():
        raise unknown_name_error("rationale data set", name, datasets())
    family, _, part = name.partition("/")
    if family == "bright":
        return bright.load(part)
    if family == "psyqa":
        return _psyqa.load(part or "test")
    if family == "esconv":
        return _esconv.load(part or "test")
    return _saycan.load(part or None)
