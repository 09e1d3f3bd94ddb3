"""Ranking quality: run systems on data sets, score, compare; knows none of them by name."""

from __future__ import annotations

from rabbench.config.quality import QualityConfig
from rabbench.quality.evaluation import run

__all__ = ["QualityConfig", "run"]
