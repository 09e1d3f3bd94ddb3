"""Cost against document length: the sweep, its fits, and when a student pays off."""

from __future__ import annotations

from rabbench.scaling.sweep import ScalingConfig, run

__all__ = ["ScalingConfig", "run"]
