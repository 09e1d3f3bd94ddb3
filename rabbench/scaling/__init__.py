"""Cost against document length: the sweep, its fits, and when a student pays off."""

from __future__ import annotations

from rabbench.config.scaling import ScalingConfig
from rabbench.scaling.sweep import run

__all__ = ["ScalingConfig", "run"]
