"""Rabtriever over documents in fixed windows: linear in document length in every phase.

A document is read whole, 256 of its tokens at a time; its latent is the mean of its windows'.
Query and score phases are Rabtriever's own.
"""

from __future__ import annotations

from rabbench.config.options import Options
from rabbench.systems._reranker import Reranker, reranker
from rabbench.systems.rabtriever import StudentScorer

NAME = "rabtriever-chunked"
WINDOW = 256


def build(options: Options) -> Reranker:
    """The student with windowed documents over the options' first stage."""
    return reranker(NAME, StudentScorer(options, NAME, WINDOW), options)
