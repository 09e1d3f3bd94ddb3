"""rabbench: can an LLM reranker be replaced by its distilled student, at what cost and quality?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rabbench.records import Results

__version__ = "0.1.0"
__all__ = ["__version__", "load_results"]


def load_results(path: Path | str) -> Results:
    """Read a results file or folder; see :func:`rabbench.store.load`."""
    from rabbench.store import load

    return load(path)
