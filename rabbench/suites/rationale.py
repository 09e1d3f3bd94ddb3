"""Rationale-based retrieval: the right document follows from the query by reasoning.

``esconv`` (test windows) and ``esconv/dev``: from a dialogue to the strategy of the supporter's
next turn. ``saycan``: from an instruction to a robot's skills that carry it out. How each is read
stands in ``_esconv.py`` and ``_saycan.py``.

PsyQA is given out by its authors on request and has no reader here: write it as a folder in BEIR
layout and name the folder as the suite.
"""

from __future__ import annotations

from rabbench.records import MissingError, Suite, known

DEFAULT = ("esconv", "saycan")


def datasets() -> list[str]:
    """The names that ``load`` takes."""
    return ["esconv", "esconv/dev", "saycan"]


def metrics(name: str) -> tuple[str, ...]:
    """What is measured unless metrics are named.

    The paper's R@1 is ``hit_rate@1`` here: with several relevant skills it asks whether the first
    document is one of them. With one relevant document it is recall@1 as well.
    """
    _ = name
    return ("hit_rate@1", "recall@3", "mrr")


def load(name: str) -> Suite:
    """Load a data set.

    Raises:
        UsageError: for an unknown name.
        MissingError: if the files are neither here nor to be had.
        BadInputError: if a file is not the declared one.
    """
    from rabbench.suites import _esconv, _saycan

    if name == "psyqa":
        raise MissingError(
            "PsyQA is given out by its authors on request (github thu-coai/PsyQA) and this release "
            "has no reader for it; write it as a folder in BEIR layout and give --suite FOLDER"
        )
    if name in ("esconv", "esconv/dev"):
        return _esconv.load("dev" if name == "esconv/dev" else "test")
    if name == "saycan":
        return _saycan.load()
    raise known("rationale data set", name, datasets())
