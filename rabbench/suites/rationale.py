"""Rationale-based retrieval: the right document follows from the query by reasoning.

From a dialogue to the strategy of the supporter's next turn (``_esconv.py``), from an instruction
to the robot's skills that carry it out (``_saycan.py``), from a plea for help and the answer so far
to the strategy of the next span (``_psyqa.py``), and BRIGHT's sets in two groups.
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
"""The data set to learn from for each data set to be tested on."""


def datasets() -> list[str]:
    """The names that ``load`` takes."""
    return [*SETS, *(name for names in GROUPS.values() for name in names)]


def metrics(name: str) -> tuple[str, ...]:
    """The default metrics of a data set.

    The paper's R@1 is ``hit_rate@1`` here: whether the first document is relevant.
    """
    if name.startswith("bright/"):
        return bright.metrics(name)
    return ("hit_rate@1", "recall@3", "mrr")


def load(name: str) -> Suite:
    """Load a data set; errors as in ``beir.load``, and BadInputError for a file not as declared."""
    if name not in datasets():
        raise unknown_name_error("rationale data set", name, datasets())
    family, _, part = name.partition("/")
    if family == "saycan":
        return _saycan.load(part or None)
    loaders = {"bright": bright.load, "esconv": _esconv.load, "psyqa": _psyqa.load}
    return loaders[family](part or "test")
