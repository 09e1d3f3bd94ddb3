"""Commands and their options: those that a configuration declares, and the command line's own.

Parses only. Nothing heavy is imported.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import rabbench
from rabbench.cli.configs import COMPARISON
from rabbench.cli.options import add_options
from rabbench.config import CONFIGS
from rabbench.config.check import CheckConfig
from rabbench.config.quality import Sizes
from rabbench.config.scaling import Load

TRAININGS = {
    "teacher": "the generative reranker, document first",
    "student": "Rabtriever, distilled from a trained teacher",
    "biencoder": "the same backbone as a bi-encoder",
    "ablation": "the student without one part at a time",
}
EXPORTS = {
    "csv": "print the rows as CSV instead",
    "json": "print the rows with their samples as JSON instead",
    "latex": "print the tables for a paper as LaTeX (booktabs) instead",
}
QRELS = ("auto", "all", "none")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="rabbench",
        description="Can an LLM reranker be replaced by its distilled student? Measure what each "
        "costs as documents grow, and how well each ranks.",
        epilog="exit codes: 0 done, 1 a gate found a regression, 2 wrong usage, 3 something is "
        "missing, 4 a bad input file, 5 done in part, 130 interrupted",
    )
    parser.add_argument("--version", action="version", version=f"rabbench {rabbench.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("scaling", "cost against document length: FLOPs, latency, memory, fits, verdicts"),
        ("quality", "how well each system ranks"),
    ):
        command = commands.add_parser(name, help=text)
        add_options(command, CONFIGS[name])
        _add_output(command, f"rabbench-results/{name}")
        add = command.add_argument
        add("--predict", action="store_true", help="predict first; the report shows both")
        add("--budget", metavar="20m,8GB", help="predict first, and refuse to run what takes more")
    _add_plan(commands.add_parser("plan", help="what a run would cost, before it is run"))
    demo = commands.add_parser("demo", help="a short sweep and evaluation on built-in data")
    add_options(demo, CONFIGS["demo"])
    _add_output(demo, "rabbench-results/demo")
    _add_report(commands)
    _add_bundle(commands)
    _add_verify(commands)
    check = commands.add_parser(
        "check",
        help="compare a run with a committed baseline: exact figures, and ratios by rank tests",
    )
    add_options(check, CheckConfig)
    check.add_argument("--json", action="store_true", help="print the verdict as JSON")
    check.add_argument("--quiet", action="store_true", help="no progress")
    train = commands.add_parser("train", help="the teacher, its student, a bi-encoder, controls")
    kinds = train.add_subparsers(dest="kind", required=True, metavar="|".join(TRAININGS))
    for kind, text in TRAININGS.items():
        training = kinds.add_parser(kind, help=text)
        add_options(training, CONFIGS[f"train {kind}"])
        _add_output(training, f"rabbench-results/{kind}")
    listing = commands.add_parser("list", help="list what is known by name")
    listing.add_argument("kind", choices=["systems", "suites", "measures", "models"])
    listing.add_argument("--json", action="store_true", help="as JSON")
    doctor = commands.add_parser("doctor", help="what this machine has and what is missing")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _add_output(parser: Any, default: str) -> None:
    add = parser.add_argument
    add("--out", type=Path, default=Path(default), metavar="DIR", help=f"default {default}")
    add("--resume", action="store_true", help="keep what DIR holds, do only what is missing")
    add("--json", action="store_true", help="print the results as JSON, not the verdict")
    add("--quiet", action="store_true", help="no progress")


def _add_plan(plan: Any) -> None:
    kinds = plan.add_subparsers(dest="planned", required=True, metavar="scaling|quality")
    for name in ("scaling", "quality"):
        kind = kinds.add_parser(name, help=f"of 'rabbench {name}' with the same options")
        add_options(kind, CONFIGS[name])
        if name == "quality":
            add_options(kind, Sizes, partial=True)
        add = kind.add_argument
        add("--recalibrate", action="store_true", help="time this machine again")
        add("--json", action="store_true", help="as JSON")
        add("--quiet", action="store_true", help="no progress")
        add("--budget", metavar="20m,8GB", help="exit 2 if it would take more")


def _add_report(commands: Any) -> None:
    report = commands.add_parser(
        "report",
        help="write the report of a results folder again, or compare several",
        description="With one results folder: write its report again, from its results.json. "
        "With several: write a report that sets them side by side to --out, and leave the folders "
        "as they are. Times and memory are compared only within one machine, quality only on the "
        "same data, metric, depth and queries; FLOPs, index sizes and ratios within a run "
        "anywhere. What is left out is said, with the reason.",
    )
    add = report.add_argument
    add("folders", nargs="+", type=Path, metavar="DIR")
    text = f"where to write (default: the folder itself; of several {COMPARISON})"
    add("--out", type=Path, metavar="DIR", help=text)
    exports = report.add_mutually_exclusive_group()
    for name, text in EXPORTS.items():
        add = exports.add_argument
        add(f"--{name}", dest="export", action="store_const", const=name, help=text)
    add_options(report, Load, partial=True)


def _add_bundle(commands: Any) -> None:
    bundle = commands.add_parser(
        "bundle",
        help="one zip of results, rankings, judgements, configuration and report, with hashes",
        description="Equal contents give equal bytes. Judgements travel where their licence lets "
        "them; else the bundle says which data set they are of and how to get it.",
    )
    add = bundle.add_argument
    add("folder", type=Path, metavar="DIR", help="a results folder")
    add("--out", type=Path, metavar="FILE", help="default DIR.zip")
    text = "judgements to pack: those whose licence allows it (auto), all, or none"
    add("--qrels", choices=QRELS, default=QRELS[0], help=text)
    add("--json", action="store_true", help="as JSON")


def _add_verify(commands: Any) -> None:
    verify = commands.add_parser(
        "verify",
        help="recompute what a bundle or results folder says, and whether it agrees",
        description="Recomputes hashes, every metric of every query, fits and verdicts, FLOP "
        "counts and the report's tables. Judgements that did not travel are read from the data "
        "set by its name, which may fetch it, and count only if its fingerprint is the same.",
        epilog="exit codes: 0 all agree, 1 something disagrees, 3 something could not be verified, "
        "4 broken file",
    )
    add = verify.add_argument
    add("path", type=Path, metavar="FILE|DIR", help="a bundle, or a results folder")
    text = "load no data set: what needs one is then not verified"
    add("--no-data", action="store_true", help=text)
    add("--json", action="store_true", help="as JSON")
