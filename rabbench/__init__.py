"""rabbench: can an LLM reranker be replaced by its distilled student, at what cost and quality?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from rabbench.types import Results

__version__ = "0.1.0"
__all__ = ["__version__", "frame", "load_results"]


def load_results(path: Path | str) -> Results:
    """Read a results file or folder; see :func:`rabbench.results.load_results`."""
    from rabbench.results import load_results

    return load_results(path)


def frame(results: Results) -> pd.DataFrame:
    """Results as a DataFrame; see :func:`rabbench.results.frame`."""
    from rabbench.results import frame

    return frame(results)
