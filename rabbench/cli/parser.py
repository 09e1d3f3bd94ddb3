"""The words of the command line: commands, options, their types and defaults.

Parses only; what a command does stands in ``cli``. Nothing heavy is imported.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import rabbench
from rabbench.cli import check_options, report_options, train_options
from rabbench.cli.value_types import count, hours, listed, size
from rabbench.types import UsageError

LOAD = "load_"  # begins the names of parsed options that describe a load


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    words = argparse.ArgumentParser(
        prog="rabbench",
        description="Can an LLM reranker be replaced by its distilled student? Measure what each "
        "costs as documents grow, and how well each ranks.",
        epilog="exit codes: 0 done, 1 a gate found a regression, 2 wrong usage, 3 something is "
        "missing, 4 a bad input file, 5 done in part, 130 interrupted",
    )
    words.add_argument("--version", action="version", version=f"rabbench {rabbench.__version__}")
    commands = words.add_subparsers(dest="command", required=True, metavar="COMMAND")
    scaling = commands.add_parser(
        "scaling", help="cost against document length: FLOPs, latency, memory, fits, verdicts"
    )
    _add_sweep(scaling)
    _add_output(scaling, "rabbench-results/scaling")
    _add_prediction(scaling)
    _add_load(scaling)
    quality = commands.add_parser("quality", help="how well each system ranks")
    _add_evaluation(quality)
    _add_output(quality, "rabbench-results/quality")
    _add_prediction(quality)
    plan = commands.add_parser("plan", help="what a run would cost, before it is run")
    kinds = plan.add_subparsers(dest="planned", required=True, metavar="scaling|quality")
    for name, add in (("scaling", _add_sweep), ("quality", _add_evaluation)):
        kind = kinds.add_parser(name, help=f"of 'rabbench {name}' with the same options")
        add(kind)
        if name == "quality":
            _add_sizes(kind)
        kind.add_argument("--recalibrate", action="store_true", help="time this machine again")
        kind.add_argument("--json", action="store_true", help="as JSON")
        kind.add_argument("--quiet", action="store_true", help="no progress")
        kind.add_argument("--budget", metavar="20m,8GB", help="exit 2 if it would take more")
    demo = commands.add_parser("demo", help="a short sweep and evaluation on built-in data")
    _add_model(demo, "rabbench/demo-smollm2-135m")
    _add_output(demo, "rabbench-results/demo")
    report_options.add_report(commands, _add_load)
    report_options.add_archive(commands)
    gate = "compare a run with a committed baseline: exact figures, and ratios by rank tests"
    check_options.add(commands.add_parser("check", help=gate))
    train = commands.add_parser("train", help="the teacher, its student, a bi-encoder, controls")
    train_options.add(train, model=_add_causal, device=_add_run, output=_add_output)
    listing = commands.add_parser("list", help="list what is known by name")
    listing.add_argument("kind", choices=["systems", "suites", "measures", "models"])
    listing.add_argument("--json", action="store_true", help="as JSON")
    doctor = commands.add_parser("doctor", help="what this machine has and what is missing")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    return words


def _add_sweep(scaling: Any) -> None:
    add = scaling.add_argument
    add("--max-doc-len", type=count, required=True, metavar="N", help="longest document, tokens")
    add("--min-doc-len", type=count, default=16, metavar="N", help="shortest (default 16)")
    add("--points", type=count, metavar="N", help="how many lengths (default: each doubling)")
    add("--query-len", type=count, default=32, metavar="N", help="query tokens (default 32)")
    add("--systems", type=listed, metavar="A,B", help="default bm25,dense,teacher,rabtriever")
    add("--measures", type=listed, metavar="A,B", help="default flops,index-size,memory,latency")
    add("--attention", type=listed, default=("sdpa",), metavar="A,B", help="sdpa, eager or both")
    add("--rounds", type=count, default=3, metavar="N", help="least samples of a time (default 3)")
    add("--memory-limit", type=size, metavar="SIZE", help="of one point, such as 4GiB")
    add("--timeout", type=float, default=600.0, metavar="S", help="seconds for one memory point")
    add(
        "--extrapolate-positions",
        action="store_true",
        help="allow lengths above the model's context; only the cost means anything there",
    )
    _add_model(scaling)


def _add_evaluation(quality: Any) -> None:
    add = quality.add_argument
    add("--suite", required=True, help="a suite by name, a BEIR folder, or trec:DOCS,QUERIES,QRELS")
    add("--datasets", type=listed, metavar="A,B", help="data sets of the suite")
    add(
        "--systems",
        type=listed,
        metavar="A,B",
        help="default bm25,dense,teacher,rabtriever; also 'bm25>>teacher', 'bm25%%200>>teacher', "
        "bm25+dense and run:FILE",
    )
    add("--metrics", type=listed, metavar="A,B", help="ranx, ir_measures or trec_eval names")
    add("--depth", type=count, default=100, metavar="K", help="candidates reranked (default 100)")
    add("--max-queries", type=count, metavar="N", help="a seeded sample of the queries")
    add("--baseline", metavar="SYSTEM", help="the report sets every other system over this one")
    add(
        "--first-stage",
        default="bm25",
        metavar="SYSTEM",
        help="of rerankers (default bm25); also run:FILE, or scoreddocs for the data set's own",
    )
    add("--max-doc-tokens", type=count, default=512, metavar="N", help="cut documents (512)")
    add("--max-query-tokens", type=count, metavar="N", help="keep the end of longer queries")
    add("--batch", type=count, default=16, metavar="N", help="texts in one forward (default 16)")
    _add_attention(quality)
    _add_model(quality)


def _add_sizes(parser: Any) -> None:
    """Of a data set that is not on this machine, for a plan."""
    add = parser.add_argument
    add("--docs", type=count, metavar="N", help="documents, where the data set is not here")
    add("--queries", type=count, metavar="N", help="queries")
    add("--doc-tokens", type=float, metavar="N", help="mean tokens of a document")
    add("--query-tokens", type=float, metavar="N", help="mean tokens of a query")


def _add_prediction(parser: Any) -> None:
    add = parser.add_argument
    add("--predict", action="store_true", help="predict first; the report shows both")
    add("--budget", metavar="20m,8GB", help="predict first, and refuse to run what takes more")


def _add_load(parser: Any) -> None:
    """The load under which a report judges when the student pays off."""
    group = parser.add_argument_group("break-even", "the load; it changes what a report says only")
    for name, field, kind, metavar, words in (
        ("--breakeven-docs", "n_docs", count, "N", "documents indexed (default 1000)"),
        ("--breakeven-candidates", "k", count, "K", "scored for each query (default 100)"),
        ("--training-flops", "training_flops", float, "X", "of the student, such as 2e17"),
        ("--training-hours", "training_s", hours, "H", "of the student, on the machine measured"),
        ("--storage-price", "price_gb_month", float, "P", "of a gigabyte of index for a month"),
    ):
        dest = f"{LOAD}{field}"
        group.add_argument(name, dest=dest, type=kind, metavar=metavar, help=words)


def load_given(arguments: argparse.Namespace) -> dict[str, float]:
    """The fields of ``breakeven.Load`` that were given."""
    return {
        name.removeprefix(LOAD): value
        for name, value in vars(arguments).items()
        if name.startswith(LOAD) and value is not None
    }


def sizes_given(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """The fields of ``plan.Sizes`` where they are given: all of them or none.

    Raises:
        UsageError: if only some are.
    """
    names = {"n_docs": "docs", "n_queries": "queries"}
    names |= {"doc_tokens": "doc_tokens", "query_tokens": "query_tokens"}
    given = {field: getattr(arguments, name, None) for field, name in names.items()}
    if all(value is None for value in given.values()):
        return None
    if None in given.values():
        raise UsageError("give all of --docs, --queries, --doc-tokens and --query-tokens, or none")
    return given


def _add_causal(parser: Any, default: str = "smollm2-135m") -> None:
    words = f"name, folder or hub id (default {default})"
    parser.add_argument("--model", default=default, metavar="NAME", help=words)


def _add_model(parser: Any, default: str = "smollm2-135m") -> None:
    _add_causal(parser, default)
    add = parser.add_argument
    add("--dense-model", default="all-minilm-l6-v2", metavar="NAME", help="of the bi-encoder")
    for kind in ("sparse", "cross-encoder", "late-interaction"):
        add(f"--{kind}-model", metavar="NAME", help="hub id, folder, or 'untrained' for cost alone")
    words = "of llm-biencoder, from 'rabbench train biencoder' (default: that of --model)"
    add("--biencoder-model", metavar="NAME", help=words)
    _add_device(parser)


def _add_device(parser: Any) -> None:
    add = parser.add_argument
    add("--device", default="auto", choices=["auto", "cpu", "cuda"])
    add("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"])
    add("--seed", type=int, default=0)


def _add_attention(parser: Any) -> None:
    words = "eager for models without a fused one"
    parser.add_argument("--attention", default="sdpa", choices=["sdpa", "eager"], help=words)


def _add_run(parser: Any) -> None:
    """Of a training: where it runs, and with which attention."""
    _add_device(parser)
    _add_attention(parser)


def _add_output(parser: Any, default: str) -> None:
    add = parser.add_argument
    add("--out", type=Path, default=Path(default), metavar="DIR", help=f"default {default}")
    add("--resume", action="store_true", help="keep what DIR holds, do only what is missing")
    add("--json", action="store_true", help="print the results as JSON, not the verdict")
    add("--quiet", action="store_true", help="no progress")
