"""The words of ``rabbench check``: what each option means for the gate.

Parses only. Nothing heavy is imported.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rabbench.cli.value_types import listed

if TYPE_CHECKING:
    from rabbench.check import CheckConfig

POLICY = ("tolerance", "floor", "elsewhere", "references")


def add(check: Any) -> None:
    """Add the options of the gate to its parser."""
    add = check.add_argument
    words = "results folders of the run; several are repeated runs"
    add("folders", nargs="+", type=Path, metavar="DIR", help=words)
    words = "what the run must live up to; given again for repeated runs of it"
    add("--baseline", action="append", required=True, type=Path, metavar="FILE", help=words)
    add("--tier", default="all", choices=["exact", "noisy", "all"], help="default all")
    words = "first measure into DIR what FILE holds; into the next DIR only while unclear"
    add("--measure", action="store_true", help=words)
    words = "compare times and bytes themselves, not ratios; both must be of one machine"
    add("--absolute", action="store_true", help=words)
    _add_policy(check.add_argument_group("policy", "in place of the one that FILE keeps"))
    update = check.add_argument_group("writing the baseline")
    update.add_argument("--update", action="store_true", help="write FILE from the run")
    update.add_argument("--reason", default="", metavar="TEXT", help="why; kept in FILE")
    _add_output(check.add_argument_group("output"))


def _add_policy(policy: Any) -> None:
    add = policy.add_argument
    words = "allowed change of exact measures: of a metric absolute, otherwise relative"
    add("--tolerance", type=tolerances, metavar="MEASURE=X", help=words)
    words = "growth of a ratio that is no regression (default 0.1)"
    add("--floor", type=float, metavar="X", help=words)
    words = "the same on another machine (default 0.5)"
    add("--floor-elsewhere", dest="elsewhere", type=float, metavar="X", help=words)
    words = "the phase that costs are set over, and one to set its own over"
    add("--reference", dest="references", type=listed, metavar="SYSTEM/PHASE,…", help=words)


def _add_output(output: Any) -> None:
    add = output.add_argument
    add("--json", action="store_true", help="print the verdict as JSON")
    add("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    add("--github", action="store_true", help="annotate, and add to the step's summary")
    words = "write smaller.json and bigger.json for github-action-benchmark"
    add("--benchmark-json", type=Path, metavar="DIR", help=words)
    add("--quiet", action="store_true", help="no progress")


def tolerances(text: str) -> dict[str, float]:
    """``ndcg@10=0.01,mrr=0.005``."""
    found = {}
    for one in listed(text):
        name, equals, value = one.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise argparse.ArgumentTypeError(f"{one!r}: write it as MEASURE=X, as ndcg@10=0.01")
    return found


def check_config(arguments: argparse.Namespace) -> CheckConfig:
    """The configuration of the check that was asked for."""
    from rabbench.check import TIERS, CheckConfig

    policy = {name: getattr(arguments, name) for name in POLICY}
    return CheckConfig(
        baseline=tuple(arguments.baseline),
        folders=tuple(arguments.folders),
        tiers=tuple(tier for tier in TIERS if arguments.tier in {tier, "all"}),
        absolute=arguments.absolute,
        measure=arguments.measure,
        policy={name: of for name, of in policy.items() if of is not None},
        update=arguments.update,
        reason=arguments.reason,
        junit=arguments.junit,
        benchmark_json=arguments.benchmark_json,
        summary=arguments.github,
    )
