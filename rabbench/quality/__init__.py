"""Ranking quality: run systems on data sets, score, compare; knows none of them by name."""

from __future__ import annotations

from rabbench.quality.evaluation import QualityConfig, run

__all__ = ["QualityConfig", "run"]
