"""What was typed, as the configurations of a sweep and of an evaluation.

Those of training and of the gate stand with their options. Nothing heavy is imported before a
command needs it.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rabbench.cli.parser import load_given
from rabbench.types import Options

if TYPE_CHECKING:
    from rabbench.quality import QualityConfig
    from rabbench.scaling import ScalingConfig


def system_options(arguments: argparse.Namespace) -> Options:
    """The options of a system; ``auto`` becomes what this machine has."""
    from rabbench import environment

    device = environment.device(arguments.device)
    dtype = arguments.dtype
    if dtype == "auto":
        dtype = "bfloat16" if device == "cuda" else "float32"
    given = {
        name: value
        for name, value in vars(arguments).items()
        if name in {"model", "seed", "depth", "first_stage", "batch"}
        or (name.endswith("_model") and value is not None)
        or (name == "attention" and isinstance(value, str))  # a sweep has several
    }
    return Options(
        **given,
        device=device,
        dtype=dtype,
        max_doc_len=getattr(arguments, "max_doc_tokens", 512),
        max_query_len=getattr(arguments, "max_query_tokens", None),
        extrapolate=getattr(arguments, "extrapolate_positions", False),
    )


def scaling_config(arguments: argparse.Namespace) -> ScalingConfig:
    """The configuration of ``rabbench scaling``."""
    from rabbench.config import scaling as config

    return config.ScalingConfig(
        max_doc_len=arguments.max_doc_len,
        min_doc_len=min(arguments.min_doc_len, arguments.max_doc_len),
        points=arguments.points,
        query_len=arguments.query_len,
        systems=arguments.systems or config.SYSTEMS,
        measures=arguments.measures or config.MEASURES,
        attention=arguments.attention,
        rounds=arguments.rounds,
        timeout_s=arguments.timeout,
        memory_limit=arguments.memory_limit,
        breakeven=load_given(arguments),
        options=system_options(arguments),
    )


def quality_config(arguments: argparse.Namespace) -> QualityConfig:
    """The configuration of ``rabbench quality``."""
    from rabbench.config import scaling as config
    from rabbench.config.quality import QualityConfig

    return QualityConfig(
        suite=arguments.suite,
        datasets=arguments.datasets or (),
        systems=arguments.systems or config.SYSTEMS,
        metrics=arguments.metrics or (),
        max_queries=arguments.max_queries,
        baseline=arguments.baseline,
        options=system_options(arguments),
    )
