"""Configurations of the commands: one file a command, one frozen dataclass a configuration.

Each option is declared once, by the field that holds it (``declaration.py``): the command line, a
plan and the command that a report repeats are made from that. Plain data, picklable, saved in the
results file. Runs nothing and imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rabbench.config.quality import DemoConfig, QualityConfig
from rabbench.config.scaling import ScalingConfig
from rabbench.config.train import AblationConfig, BiencoderConfig, StudentConfig, TeacherConfig

CONFIGS: Mapping[str, Any] = {
    "scaling": ScalingConfig,
    "quality": QualityConfig,
    "demo": DemoConfig,
    "train teacher": TeacherConfig,
    "train student": StudentConfig,
    "train biencoder": BiencoderConfig,
    "train ablation": AblationConfig,
}
"""The configuration of each command whose results name it."""
