"""The command that gives a results file again, from its configuration.

Knows the command line's words, not what they do; every option is named, so that a later release
with other defaults runs the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rabbench.types import Options

MODELS = {
    f"options.{name}": f"--{name.replace('_', '-')}"
    for name in asdict(Options())
    if name == "model" or name.endswith("_model")
}
SHARED = {"options.device": "--device", "options.dtype": "--dtype", "options.seed": "--seed"}
SWEEP = {
    "max_doc_len": "--max-doc-len",
    "min_doc_len": "--min-doc-len",
    "points": "--points",
    "query_len": "--query-len",
    "systems": "--systems",
    "measures": "--measures",
    "attention": "--attention",
    "rounds": "--rounds",
    "timeout_s": "--timeout",
    "memory_limit": "--memory-limit",
    **MODELS,
    **SHARED,
    "options.extrapolate": "--extrapolate-positions",
    "breakeven.n_docs": "--breakeven-docs",
    "breakeven.k": "--breakeven-candidates",
    "breakeven.training_flops": "--training-flops",
    "breakeven.training_s": "--training-hours",
    "breakeven.price_gb_month": "--storage-price",
}
EVALUATION = {
    "suite": "--suite",
    "datasets": "--datasets",
    "systems": "--systems",
    "metrics": "--metrics",
    "options.depth": "--depth",
    "max_queries": "--max-queries",
    "baseline": "--baseline",
    "options.first_stage": "--first-stage",
    "options.max_doc_len": "--max-doc-tokens",
    "options.max_query_len": "--max-query-tokens",
    "options.batch": "--batch",
    "options.attention": "--attention",
    **MODELS,
    **SHARED,
}
DATA = {
    "data.suite": "--suite",
    "data.dataset": "--datasets",
    "data.max_queries": "--max-queries",
    "data.held_out": "--held-out",
    "options.max_doc_len": "--max-doc-tokens",
    "options.max_query_len": "--max-query-tokens",
    "schedule.epochs": "--epochs",
    "schedule.max_steps": "--max-steps",
    "schedule.batch": "--batch",
    "schedule.accumulation": "--accumulation",
    "schedule.learning_rate": "--learning-rate",
    "schedule.precision": "--precision",
    "schedule.save_every": "--save-every",
    "schedule.evaluate_every": "--evaluate-every",
    "schedule.seed": "--seed",
    "options.device": "--device",
    "options.dtype": "--dtype",
    "options.attention": "--attention",
}
ADAPTED = {
    **DATA,
    "options.model": "--model",
    "data.negatives": "--negatives",
    "data.per_query": "--per-query",
    "lora.rank": "--lora-rank",
    "lora.alpha": "--lora-alpha",
    "lora.layers": "--lora-layers",
    "objective": "--objective",
    "prompt": "--prompt",
    "beta": "--beta",
    "temperature": "--temperature",
    "contrastive": "--contrastive",
}
DISTILLED = {
    **DATA,
    "options.model": "--teacher",
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            "inner", "mse", "reverse_kl", "within", "sampling", "candidates", "rounds", "tau",
            "vocabulary", "depth", "first_stage", "start", "keep",
        )
    },
}  # fmt: skip
ABLATION = {
    **{f"student.{name}": flag for name, flag in DISTILLED.items()},
    "seeds": "--seeds",
    "variants": "--variants",
    "dataset": "--evaluate",
    "max_test_queries": "--max-test-queries",
}
TRAININGS = {
    "teacher": ADAPTED,
    "biencoder": ADAPTED,
    "student": DISTILLED,
    "ablation": ABLATION,
}


def line(command: str, config: Mapping[str, Any]) -> str:
    """The command with its options, quoted for a shell; of an unknown one its name alone."""
    kind = str(config.get("kind", ""))
    if command == "train":
        words = ["rabbench", "train", kind, *_options(TRAININGS.get(kind, {}), config)]
        latent = config.get("student", config).get("latent", True)
        return shlex.join([*words, *([] if latent else ["--no-latent"])])
    if command == "demo":
        inner = config.get("quality")
        return shlex.join(["rabbench", "demo", *_options({**MODELS, **SHARED}, inner or {})])
    flags = {"scaling": SWEEP, "quality": EVALUATION}.get(command, {})
    return shlex.join(["rabbench", command, *_options(flags, config)])


def _options(flags: Mapping[str, str], config: Mapping[str, Any]) -> list[str]:
    words = []
    ordinary = {f"options.{name}": value for name, value in asdict(Options()).items()}
    for key, flag in flags.items():
        value: Any = config
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        rare = flag == "--attention" or (flag in MODELS.values() and flag != "--model")
        unused = rare and value == ordinary.get(key.removeprefix("student."))
        if value is None or value is False or value in ((), []) or unused:
            continue
        if flag == "--training-hours":
            value = value / 3600
        words += [flag] if value is True else [flag, _word(value)]
    return words


def _word(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return str(value)
