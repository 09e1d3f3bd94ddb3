"""Parsed arguments as configurations; refuses options that do not go together."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rabbench import environment
from rabbench.config.declaration import Config, build_config, declared_options
from rabbench.config.quality import Sizes
from rabbench.config.scaling import Load, ScalingConfig
from rabbench.types import UsageError

COMPARISON = Path("rabbench-results/comparison")


def configure(config: type[Config], arguments: argparse.Namespace) -> Config:
    """The configuration that was typed; ``auto`` becomes this machine's device, or MissingError."""
    typed = dict(vars(arguments))
    if "device" in typed:
        typed["device"] = environment.device(typed["device"])
        if typed["dtype"] == "auto":
            typed["dtype"] = "bfloat16" if typed["device"] == "cuda" else "float32"
    values = {}
    for declared in declared_options(config):
        value, choices = typed[declared.argument], declared.option.choices
        if isinstance(choices, Mapping):
            value = choices.get(value, value)
        values[declared.path] = tuple(value) if isinstance(value, list) else value
    return build_config(config, values)


def scaling_config(arguments: argparse.Namespace) -> ScalingConfig:
    """The configuration of ``rabbench scaling``; UsageError for a load that nobody can have."""
    config = configure(ScalingConfig, arguments)
    Load.from_config(config.breakeven)
    return replace(config, min_doc_len=min(config.min_doc_len, config.max_doc_len))


def typed_fields(config: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of a partial configuration that were typed."""
    typed = {o.path: getattr(arguments, o.argument, None) for o in declared_options(config)}
    return {name: value for name, value in typed.items() if value is not None}


def data_sizes(arguments: argparse.Namespace) -> Sizes | None:
    """The sizes of a data set that is not here, None if none was typed; UsageError if only some."""
    typed = typed_fields(Sizes, arguments)
    if 0 < len(typed) < len(declared_options(Sizes)):
        raise UsageError("give all of --docs, --queries, --doc-tokens and --query-tokens, or none")
    return Sizes(**typed) if typed else None


def comparison_folder(arguments: argparse.Namespace, load: Mapping[str, float]) -> Path | None:
    """Where a comparison goes, None for one folder's own report; UsageError for wrong options."""
    several = len(arguments.folders) > 1
    if arguments.export and arguments.out is not None:
        raise UsageError(
            f"--{arguments.export} prints to stdout and --out is where a report goes: leave one of "
            "them out"
        )
    if several and load:
        raise UsageError(
            "a break-even load is of one report: give one DIR, or leave the --breakeven options, "
            "--training-… and --storage-price out"
        )
    return (arguments.out or COMPARISON) if several else None
