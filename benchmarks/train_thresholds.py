"""What a trained teacher and student must reach, judged from the results of their evaluations.

    python benchmarks/train_thresholds.py CHAIN/demo

Reads the folders that ``train_chain.py`` fills and trains nothing. Each claim stands with its
figures and the paired permutation test of the difference, so that a claim met by chance shows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rabbench.significance import LEVEL, Scores, compare, paired, ratio
from rabbench.store import load, write_text

MEASURES = ("hit_rate@1", "mrr")
RETENTION = 0.95  # of the teacher's MRR (arXiv 2604.23336 has 94 to 95 %)
TEACHER, STUDENT, PAIR = "teacher-cached", "rabtriever", "llm-biencoder"
FILENAME = "thresholds.json"


@dataclass(frozen=True)
class Verdict:
    """A claim, whether the means meet it, the figures, and p of their difference where it has one.

    ``p`` is of one test alone, uncorrected.
    """

    claim: str
    met: bool
    figures: str
    p: float | None = None


def scores(folder: Path) -> dict[tuple[str, str], Scores]:
    """Each system's scores of the queries, by measure; a reranker goes by its last stage."""
    return {
        (row.measure, row.system.split(">>")[-1]): row.samples
        for row in load(folder).rows
        if row.measure in MEASURES and isinstance(row.samples, Mapping)
    }


def above(claim: str, first: Scores, second: Scores) -> Verdict:
    """Whether the first's mean is above the second's, over the queries that both have."""
    (found,) = compare({"first": first, "second": second})
    shared, matrix = paired([first, second])
    means = matrix.mean(0)
    figures = "{:.3f} against {:.3f}".format(*means)
    if len(shared) < max(len(first), len(second)):
        figures += f" on {len(shared)} queries"
    return Verdict(claim, bool(means[0] > means[1]), figures, found.p)


def judged(folder: Path) -> list[Verdict]:
    """The claims of a data set's chain.

    Args:
        folder: holds ``quality`` and ``untrained``.
    """
    found = scores(folder / "quality")
    untrained = scores(folder / "untrained")
    verdicts = []
    for measure in MEASURES:
        teacher = found[measure, TEACHER]
        others = {name: found[measure, name] for name in ("bm25", "dense")}
        others["the untrained teacher"] = untrained[measure, TEACHER]
        verdicts += [above(f"teacher above {n}, {measure}", teacher, o) for n, o in others.items()]
        pair = found[measure, PAIR]
        verdicts.append(above(f"student above {PAIR}, {measure}", found[measure, STUDENT], pair))
    kept = ratio(found["mrr", STUDENT], found["mrr", TEACHER])
    if kept is not None:
        figures = f"{kept.value:.1%} ({kept.low:.1%} to {kept.high:.1%})"
        claim = f"student keeps {RETENTION:.0%} of its teacher's mrr"
        verdicts.append(Verdict(claim, kept.value >= RETENTION, figures))
    return verdicts


def recorded(folder: Path) -> list[Verdict]:
    """The claims of a data set's chain, which also stand in ``thresholds.json`` from now on."""
    verdicts = judged(folder)
    write_text(folder / FILENAME, json.dumps([asdict(one) for one in verdicts], indent=1) + "\n")
    return verdicts


def told(verdicts: list[Verdict]) -> str:
    """A line for each claim."""
    lines = []
    for one in verdicts:
        chance = ""
        if one.p is not None:
            chance = f", p = {one.p:.2g}" + ("" if one.p < LEVEL else ": may be chance")
        lines.append(f"{'met' if one.met else 'NOT MET':8} {one.claim}: {one.figures}{chance}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of one data set, as train_chain.py fills it")
    verdicts = recorded(parser.parse_args().folder)
    print(told(verdicts))
    return 0 if all(one.met for one in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
