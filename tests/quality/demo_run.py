"""A run on the built-in queries in which most documents are tied and some right ones are found."""

from __future__ import annotations

import random
from pathlib import Path

from rabbench import trec
from rabbench.suites import demo


def write_tied_run(folder: Path) -> str:
    """Write the run; the name of the system that reads it. BM25 itself finds no right document."""
    draw = random.Random(0)  # noqa: S311 - no secret
    suite = demo.load("test")
    run = {
        query_id: {d: draw.choice([0.1, 0.2, 0.3]) + 0.1 * (d in grades) for d in suite.docs}
        for query_id, grades in suite.qrels.items()
    }
    return f"run:{trec.write_run(folder / 'tied.trec.gz', run, 'tied')}"
