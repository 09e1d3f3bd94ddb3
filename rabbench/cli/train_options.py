"""The words of ``rabbench train``: what each option means in a training's configuration.

Parses and fills configurations; trains nothing. Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rabbench.cli.value_types import count, listed

if TYPE_CHECKING:
    from rabbench.config.train import Lora
    from rabbench.train import Schedule, TrainingData
    from rabbench.types import Options


KINDS = ("teacher", "student", "biencoder", "ablation")


def add(train: Any, *, model: Any, device: Any, output: Any) -> None:
    """Add the four trainings to the ``train`` parser.

    Args:
        train: the parser of ``rabbench train``.
        model: adds the option that names a model.
        device: adds the options of device, type and attention.
        output: adds the options of a results folder, given its default.
    """
    kinds = train.add_subparsers(dest="kind", required=True, metavar="|".join(KINDS))
    teacher = kinds.add_parser("teacher", help="the generative reranker, document first")
    student = kinds.add_parser("student", help="Rabtriever, distilled from a trained teacher")
    biencoder = kinds.add_parser("biencoder", help="the same backbone as a bi-encoder")
    ablation = kinds.add_parser("ablation", help="the student without one part at a time")
    for kind, parser in zip(KINDS, (teacher, student, biencoder, ablation), strict=True):
        _add_data(parser, first_stage=kind in {"student", "ablation"})
        _add_schedule(parser)
        output(parser, f"rabbench-results/{kind}")
        device(parser)
    for parser in (teacher, biencoder):
        model(parser)
        _add_lora(parser)
    for parser in (student, ablation):
        _add_distillation(parser)
    add = teacher.add_argument
    add("--objective", default="listwise", choices=["sft", "dpo", "listwise"])
    add("--prompt", default="short", help="short or question (default short)")
    add("--beta", type=float, default=0.1, help="of dpo (default 0.1)")
    add("--temperature", type=float, default=1.0, help="of listwise (default 1)")
    add(
        "--contrastive",
        type=float,
        default=0.0,
        metavar="W",
        help="weight of telling documents apart without the query, as the student will (default 0)",
    )
    biencoder.add_argument("--temperature", type=float, default=0.05, help="default 0.05")
    add = ablation.add_argument
    add("--seeds", type=count, default=3, metavar="N", help="seeds of each variant (default 3)")
    add("--variants", type=listed, metavar="A,B", help="default all; 'full' is always there")
    words = "data set to evaluate on (default: the suite's first)"
    add("--evaluate", dest="dataset", metavar="DATASET", help=words)
    add("--max-test-queries", type=count, metavar="N", help="a sample of its queries")


def _add_data(parser: Any, *, first_stage: bool) -> None:
    add = parser.add_argument
    add("--suite", required=True, help="a suite ('rabbench list suites') or a BEIR-layout folder")
    add("--datasets", metavar="NAME", help="one data set; its training split where it has one")
    add("--max-queries", type=count, metavar="N", help="learn from a sample of the queries")
    add("--held-out", type=float, default=0.1, metavar="X", help="share kept for evaluation (0.1)")
    add("--max-doc-tokens", type=count, default=512, metavar="N", help="cut documents (512)")
    add("--max-query-tokens", type=count, metavar="N", help="keep the end of longer queries")
    if first_stage:
        add("--depth", type=count, default=1000, metavar="K", help="candidates to draw from (1000)")
        add("--first-stage", default="bm25", metavar="SYSTEM", help="of larger collections (bm25)")
    else:
        add("--negatives", default="random", metavar="SYSTEM", help="random, or a system's best")
        add("--per-query", type=count, metavar="N", help="negatives of a query in a step")


def _add_schedule(parser: Any) -> None:
    add = parser.add_argument
    add("--epochs", type=float, metavar="X", help="visits of each query")
    add("--max-steps", type=count, metavar="N", help="stop earlier")
    words = "queries in a step, on each device"
    add("--batch", type=count, dest="step_queries", metavar="N", help=words)
    add("--accumulation", type=count, metavar="N", help="steps in an update (default 1)")
    add("--learning-rate", type=float, metavar="X")
    add("--precision", default="float32", choices=["float32", "bf16", "fp16"], help="mixed")
    add("--save-every", type=count, default=50, metavar="N", help="updates between states (50)")
    add("--evaluate-every", type=count, default=50, metavar="N", help="updates (default 50)")


def _add_lora(parser: Any) -> None:
    add = parser.add_argument
    add("--lora-rank", type=int, default=16, metavar="R", help="0 trains all weights (16)")
    add("--lora-alpha", type=count, default=32, metavar="A")
    add("--lora-layers", type=count, metavar="N", help="adapt the top N layers only")


def _add_distillation(parser: Any) -> None:
    add = parser.add_argument
    add("--teacher", required=True, metavar="DIR", help="of 'rabbench train teacher', or a name")
    add("--inner", type=count, default=1024, metavar="M", help="the predictor's width (1024)")
    add("--mse", type=float, default=1.0, metavar="X", help="weight of the JEPA energy (1)")
    add("--reverse-kl", type=float, default=1.0, metavar="X", help="λ (default 1; 0 leaves it out)")
    add("--within", type=float, default=0.0, metavar="X", help="weight of the energy in a query")
    add("--sampling", default="on-policy", choices=["on-policy", "uniform"])
    add("--candidates", type=count, default=4, metavar="K", help="drawn in a round (4)")
    add("--rounds", type=count, default=3, metavar="N", help="draws during the training (3)")
    add("--tau", type=float, default=1.0, metavar="X", help="τ of the draw (1)")
    add("--vocabulary", type=count, default=4096, metavar="V", help="rows of the head in the KL")
    words = "first scores: similarity and the teacher's answers, similarity alone, or all equal"
    add("--start", default="answers", choices=["answers", "similarity", "state"], help=words)
    words = "weight that holds other documents' scores where they started (30)"
    add("--keep", type=float, default=30.0, metavar="X", help=words)
    add("--no-latent", action="store_true", help="the control that does not see the document")


def _given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given, by name; the configuration has the defaults of the others."""
    found = {name: getattr(arguments, name, None) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _data(arguments: argparse.Namespace) -> TrainingData:
    from rabbench.train import TrainingData

    names = ("suite", "max_queries", "held_out", "negatives", "per_query")
    return TrainingData(dataset=arguments.datasets, **_given(arguments, *names))


def _schedule(arguments: argparse.Namespace, default: Schedule) -> Schedule:
    names = (
        "epochs", "max_steps", "accumulation", "learning_rate", "precision", "save_every",
        "evaluate_every", "seed",
    )  # fmt: skip
    batch = arguments.step_queries or default.batch
    return replace(default, **_given(arguments, *names), batch=batch)


def _lora(arguments: argparse.Namespace) -> Lora:
    from rabbench.config.train import Lora

    return Lora(rank=arguments.lora_rank, alpha=arguments.lora_alpha, layers=arguments.lora_layers)


def training_config(arguments: argparse.Namespace, options: Options) -> Any:
    """The configuration of the training that was asked for (of an ablation: the student's)."""
    from rabbench.train import BiencoderConfig, StudentConfig, TeacherConfig

    data = _data(arguments)
    default: Any = {
        "teacher": TeacherConfig, "student": StudentConfig, "biencoder": BiencoderConfig,
        "ablation": StudentConfig,
    }[arguments.kind](data=data)  # fmt: skip
    schedule = _schedule(arguments, default.schedule)
    common: dict[str, Any] = {"data": data, "schedule": schedule}
    if arguments.kind in {"teacher", "biencoder"}:
        names = ("objective", "prompt", "beta", "temperature", "contrastive")
        given = _given(arguments, *names)
        return replace(default, **common, **given, lora=_lora(arguments), options=options)
    taught = _given(
        arguments, "inner", "mse", "reverse_kl", "within", "sampling", "candidates", "rounds",
        "tau", "vocabulary", "depth", "first_stage", "start", "keep",
    )  # fmt: skip
    student = replace(
        default,
        **common,
        **taught,
        latent=not arguments.no_latent,
        options=replace(options, model=arguments.teacher),
    )
    if arguments.kind == "student":
        return student
    from rabbench.config.train import AblationConfig

    given = _given(arguments, "variants", "seeds", "dataset", "max_test_queries")
    return AblationConfig(student=student, **given)
