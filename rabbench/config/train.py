"""What to train on what, for how long: plain data, picklable, kept in the results file.

Knows no tensors and no files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rabbench.types import Options

Objective = Literal["sft", "dpo", "listwise"]
Sampling = Literal["on-policy", "uniform"]
Start = Literal["answers", "similarity", "state"]
PROMPTS: dict[str, tuple[str, str, str]] = {
    "short": ("Document: ", "\nQuery: ", "\nRelevant:"),
    "question": (
        "Document: ",
        "\n\nQuery: ",
        "\n\nIs the document a good answer to the query? Answer yes or no.\nAnswer:",
    ),
}
"""Texts before the document, before the query and after the query; trained ones need few words."""


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Which queries to learn from.

    ``held_out`` is the share of the queries kept for evaluation during training. ``negatives``
    names the system whose best wrong documents are hard negatives, or ``random``; ``per_query``
    is how many negatives a query has in a step, half of them hard.
    """

    suite: str
    dataset: str | None = None
    max_queries: int | None = None
    held_out: float = 0.1
    negatives: str = "random"
    per_query: int = 5


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast.

    ``batch`` queries make a step on each device, ``accumulation`` steps an update. ``precision``
    is ``float32``, ``bf16`` or ``fp16`` (mixed). The state is saved every ``save_every`` updates.
    """

    epochs: float = 1.0
    max_steps: int | None = None
    batch: int = 8
    accumulation: int = 1
    learning_rate: float = 5e-4
    warmup: float = 0.1
    weight_decay: float = 0.0
    precision: str = "float32"
    save_every: int = 50
    evaluate_every: int = 50
    log_every: int = 10
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Lora:
    """Low-rank adapters (peft) on every linear layer; rank 0 trains all weights instead.

    ``layers`` counts from the top of the model; None adapts all. Lower layers then need no
    backward pass, which saves time.
    """

    rank: int = 16
    alpha: int = 32
    layers: int | None = None


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """The generative reranker. ``beta`` is of ``dpo``, ``temperature`` of ``listwise``.

    ``contrastive`` is the weight of InfoNCE between the states of the query part alone and of the
    document part alone: what the student will read. Without it nothing teaches the backbone to
    tell documents apart there. The pairs hold the documents' states already; the queries are each
    group's and those that its negatives have of their own. ``contrastive_temperature`` divides
    their cosine.
    """

    data: TrainingData
    objective: Objective = "listwise"
    schedule: Schedule = field(default_factory=Schedule)
    lora: Lora = field(default_factory=Lora)
    prompt: str = "short"
    beta: float = 0.1
    temperature: float = 1.0
    contrastive: float = 0.0
    contrastive_temperature: float = 0.05
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, kw_only=True)
class BiencoderConfig:
    """The bi-encoder of the same backbone (RepLLaMA's recipe, arXiv 2310.08319)."""

    data: TrainingData
    schedule: Schedule = field(default_factory=lambda: Schedule(epochs=5, batch=32))
    lora: Lora = field(default_factory=Lora)
    temperature: float = 0.05
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, kw_only=True)
class StudentConfig:
    """The student; ``options.model`` is the folder or name of the trained teacher.

    Attributes:
        inner: m, the predictor's width.
        mse: weight of the JEPA energy ‖ĥ - h_T‖²; 0 is the control without it.
        reverse_kl: λ, weight of KL(p_student ‖ p_teacher); 0 is the control without it.
        within: extra weight of the energy between the documents of one query.
        sampling: ``on-policy`` draws candidates from the student's own ranking, softmax(s/τ);
            ``uniform`` is the off-policy control.
        candidates: drawn for each query in a round, the positives come on top.
        rounds: draws during the training, evenly apart; what was asked before stays in it.
        tau: τ of the draw.
        vocabulary: rows of the LM head that the KL compares, drawn by the seed; None for all.
        depth: candidates of a query to draw from; all documents where there are no more.
        first_stage: names the system that gives them where there are more.
        start: the predictor's first scores: ``similarity`` of the latents; ``answers``, that and a
            discriminant fit to the teacher's first answers; or ``state``, those of the query alone,
            all equal.
        keep: weight that holds the scores of documents the teacher was not asked about where they
            started, but for what a query's documents have in common; 0 lets them drift.
        latent: whether the predictor sees the document's latent; False is the control.
    """

    data: TrainingData
    schedule: Schedule = field(
        default_factory=lambda: Schedule(epochs=5, batch=16, learning_rate=1e-4)
    )
    inner: int = 1024
    mse: float = 1.0
    reverse_kl: float = 1.0
    within: float = 0.0
    sampling: Sampling = "on-policy"
    candidates: int = 4
    rounds: int = 3
    tau: float = 1.0
    vocabulary: int | None = 4096
    depth: int = 1000
    first_stage: str = "bm25"
    start: Start = "answers"
    keep: float = 30.0
    latent: bool = True
    options: Options = field(default_factory=Options)


FULL = "full"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    FULL: {},
    "no-mse": {"mse": 0.0},
    "no-reverse-kl": {"reverse_kl": 0.0},
    "off-policy": {"sampling": "uniform"},
    "no-latent": {"latent": False},
    "no-answers": {"start": "similarity"},
    "no-similarity": {"start": "state"},
    "no-keep": {"keep": 0.0},
}
"""What each variant changes; the paper's controls, those that its method implies, and our start."""


@dataclass(frozen=True, kw_only=True)
class AblationConfig:
    """Which variants of a student, over how many seeds, evaluated on what.

    ``dataset`` is of the student's suite; None takes the suite's default. ``depth`` candidates
    of ``options.first_stage`` are ranked, all documents where there are no more.
    """

    student: StudentConfig
    variants: tuple[str, ...] = tuple(VARIANTS)
    seeds: int = 3
    dataset: str | None = None
    max_test_queries: int | None = None
    metrics: tuple[str, ...] = ("hit_rate@1", "mrr")
