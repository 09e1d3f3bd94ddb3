"""The words of ``rabbench report``, ``bundle`` and ``verify``.

Parses only. Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rabbench.types import UsageError

COMPARISON = Path("rabbench-results/comparison")
EXPORTS = {
    "csv": "print the rows as CSV instead",
    "json": "print the rows with their samples as JSON instead",
    "latex": "print the tables for a paper as LaTeX (booktabs) instead",
}
QRELS = ("auto", "all", "none")


def add_report(commands: Any, load: Any) -> None:
    """Add ``report``; ``load`` adds the options of a break-even load."""
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
    words = f"where to write (default: the folder itself; of several {COMPARISON})"
    add("--out", type=Path, metavar="DIR", help=words)
    kinds = report.add_mutually_exclusive_group()
    for kind, words in EXPORTS.items():
        option: dict[str, Any] = {"dest": "export", "action": "store_const", "const": kind}
        kinds.add_argument(f"--{kind}", **option, help=words)
    load(report)


def comparison_folder(arguments: argparse.Namespace, load: dict[str, float]) -> Path | None:
    """Where a comparison goes; None where one folder's own report is wanted.

    Raises:
        UsageError: for options that say nothing about what is asked for.
    """
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


def add_archive(commands: Any) -> None:
    """Add ``bundle`` and ``verify``."""
    bundle = commands.add_parser(
        "bundle",
        help="one zip of results, rankings, judgements, configuration and report, with hashes",
        description="Equal contents give equal bytes. Judgements travel where their licence lets "
        "them; else the bundle says which data set they are of and how to get it.",
    )
    add = bundle.add_argument
    add("folder", type=Path, metavar="DIR", help="a results folder")
    add("--out", type=Path, metavar="FILE", help="default DIR.zip")
    words = "judgements to pack: those whose licence allows it (auto), all, or none"
    add("--qrels", choices=QRELS, default=QRELS[0], help=words)
    add("--json", action="store_true", help="as JSON")
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
    words = "load no data set: what needs one is then not verified"
    add("--no-data", action="store_true", help=words)
    add("--json", action="store_true", help="as JSON")
