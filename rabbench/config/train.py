"""The trainings: data, schedule, adapters, and the losses of teacher, bi-encoder and student.

Knows no tensors and no files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rabbench.config.declaration import REQUIRED, option, part
from rabbench.config.options import Options

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
    """The queries to learn from.

    ``held_out`` is the share of the queries kept for evaluation during training. ``negatives``
    names the system whose best wrong documents are hard negatives, or ``random``; ``per_query``
    is how many negatives a query has in a step, half of them hard.
    """

    suite: str = option(REQUIRED, "a suite ('rabbench list suites') or a BEIR-layout folder")
    dataset: str | None = option(
        None, "one data set; its training split where it has one", flag="--datasets", metavar="NAME"
    )
    max_queries: int | None = option(None, "learn from a sample of the queries")
    held_out: float = option(0.1, "share kept for evaluation ({default})")
    negatives: str = option("random", "random, or a system's best", metavar="SYSTEM")
    per_query: int = option(5, "negatives of a query in a step")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Length and speed of a training.

    ``batch`` queries make a step on each device, ``accumulation`` steps an update. ``precision``
    is ``float32``, ``bf16`` or ``fp16`` (mixed). The state is saved every ``save_every`` updates.
    """

    epochs: float = option(1.0, "visits of each query")
    max_steps: int | None = option(None, "stop earlier")
    batch: int = option(8, "queries in a step, on each device")
    accumulation: int = option(1, "steps in an update (default {default})")
    learning_rate: float = option(5e-4)
    warmup: float = 0.1
    weight_decay: float = 0.0
    precision: str = option("float32", "mixed", choices=("float32", "bf16", "fp16"))
    save_every: int = option(50, "updates between states ({default})")
    evaluate_every: int = option(50, "updates (default {default})")
    log_every: int = 10
    seed: int = option(0, parse=int)


@dataclass(frozen=True, kw_only=True)
class Lora:
    """Low-rank adapters (peft) on every linear layer; rank 0 trains all weights instead.

    ``layers`` counts from the top of the model; None adapts all. Lower layers then need no
    backward pass, which saves time.
    """

    rank: int = option(
        16, "0 trains all weights ({default})", flag="--lora-rank", parse=int, metavar="R"
    )
    alpha: int = option(32, flag="--lora-alpha", metavar="A")
    layers: int | None = option(None, "adapt the top N layers only", flag="--lora-layers")


TRAINING_ORDER = (
    "data.suite", "data.dataset", "data.max_queries", "data.held_out",
    "options.max_doc_len", "options.max_query_len", "schedule", "options", "data", "lora",
)  # fmt: skip

OFFERED = ("max_doc_len", "max_query_len", "device", "dtype", "attention", "model")
"""What a training takes of a system's options; the schedule's seed is theirs too."""


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """The generative reranker. ``beta`` is of ``dpo``, ``temperature`` of ``listwise``.

    ``contrastive`` is the weight of InfoNCE between the states of the query part alone and of the
    document part alone: what the student will read. Without it nothing teaches the backbone to
    tell documents apart there. The pairs hold the documents' states already; the queries are each
    group's and those that its negatives have of their own. ``contrastive_temperature`` divides
    their cosine.
    """

    ORDER: ClassVar = TRAINING_ORDER
    data: TrainingData = part(TrainingData)
    objective: Objective = option("listwise")
    schedule: Schedule = part(Schedule())
    lora: Lora = part(Lora())
    prompt: str = option("short", "short or question (default {default})")
    beta: float = option(0.1, "of dpo (default {default})", metavar="BETA")
    temperature: float = option(1.0, "of listwise (default {default})", metavar="TEMPERATURE")
    contrastive: float = option(
        0.0,
        "weight of telling documents apart without the query, as the student will "
        "(default {default})",
        metavar="W",
    )
    contrastive_temperature: float = 0.05
    options: Options = part(Options(), *OFFERED, follows=("seed",))


@dataclass(frozen=True, kw_only=True)
class BiencoderConfig:
    """The bi-encoder of the same backbone (RepLLaMA's recipe, arXiv 2310.08319)."""

    ORDER: ClassVar = TRAINING_ORDER
    data: TrainingData = part(TrainingData)
    schedule: Schedule = part(Schedule(epochs=5, batch=32))
    lora: Lora = part(Lora())
    temperature: float = option(0.05, "default {default}", metavar="TEMPERATURE")
    options: Options = part(Options(), *OFFERED, follows=("seed",))


@dataclass(frozen=True, kw_only=True)
class StudentConfig:
    """The student; ``options.model`` is the folder or name of the trained teacher.

    Attributes:
        mse: weight of the JEPA energy ‖ĥ - h_T‖²; 0 is the control without it.
        reverse_kl: λ, weight of KL(p_student ‖ p_teacher); 0 is the control without it.
        within: extra weight of the energy between the documents of one query.
        sampling: ``on-policy`` draws candidates from the student's own ranking, softmax(s/τ);
            ``uniform`` is the off-policy control.
        candidates: drawn for each query in a round, the positives come on top.
        rounds: draws during the training, evenly apart; what was asked before stays in it.
        vocabulary: rows of the LM head that the KL compares, drawn by the seed; None for all.
        depth: candidates of a query to draw from: all documents, or the best of ``first_stage``.
        start: the predictor's first scores: ``similarity`` of the latents; ``answers``, that and a
            discriminant fit to the teacher's first answers; or ``state``, those of the query alone,
            all equal.
        keep: weight that holds the scores of documents the teacher was not asked about where they
            started, but for what a query's documents have in common; 0 lets them drift.
        latent: whether the predictor sees the document's latent; False is the control.
    """

    ORDER: ClassVar = TRAINING_ORDER
    data: TrainingData = part(TrainingData, "suite", "dataset", "max_queries", "held_out")
    schedule: Schedule = part(Schedule(epochs=5, batch=16, learning_rate=1e-4))
    inner: int = option(1024, "the predictor's width ({default})", metavar="M")
    mse: float = option(1.0, "weight of the JEPA energy ({default})")
    reverse_kl: float = option(1.0, "λ (default {default}; 0 leaves it out)")
    within: float = option(0.0, "weight of the energy in a query")
    sampling: Sampling = option("on-policy")
    candidates: int = option(4, "drawn in a round ({default})", metavar="K")
    rounds: int = option(3, "draws during the training ({default})")
    tau: float = option(1.0, "τ of the draw ({default})")
    vocabulary: int | None = option(4096, "rows of the head in the KL", metavar="V")
    depth: int = option(1000, "candidates to draw from ({default})", metavar="K")
    first_stage: str = option("bm25", "of larger collections ({default})", metavar="SYSTEM")
    start: Start = option(
        "answers",
        "first scores: similarity and the teacher's answers, similarity alone, or all equal",
    )
    keep: float = option(
        30.0, "weight that holds other documents' scores where they started ({default})"
    )
    latent: bool = option(True, "the control that does not see the document")
    options: Options = part(
        Options(),
        *OFFERED,
        follows=("seed", "depth", "first_stage"),
        model=option(
            REQUIRED, "of 'rabbench train teacher', or a name", flag="--teacher", metavar="DIR"
        ),
    )


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
    """Variants of a student over several seeds, and their evaluation.

    ``dataset`` is of the student's suite; None takes the suite's default. ``depth`` candidates
    of ``options.first_stage`` are ranked, all documents where there are no more.
    """

    student: StudentConfig = part(StudentConfig)
    seeds: int = option(3, "seeds of each variant (default {default})")
    variants: tuple[str, ...] = option(tuple(VARIANTS), "default all; 'full' is always there")
    dataset: str | None = option(
        None,
        "data set to evaluate on (default: the suite's first)",
        flag="--evaluate",
        metavar="DATASET",
    )
    max_test_queries: int | None = option(None, "a sample of its queries")
    metrics: tuple[str, ...] = ("hit_rate@1", "mrr")

    @property
    def options(self) -> Options:
        """The student's."""
        return self.student.options
