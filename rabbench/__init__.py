"""rabbench: can an LLM reranker be replaced by its distilled student, at what cost and quality?"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "frame", "load_results"]

if TYPE_CHECKING:
    from rabbench.results import frame, load_results
else:

    def __getattr__(name: str) -> object:
        """``frame`` and ``load_results`` of :mod:`rabbench.results`, loaded on first use."""
        if name in __all__:
            from rabbench import results

            return getattr(results, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
