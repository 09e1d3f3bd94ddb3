"""What a trained teacher and student must reach, judged from the results of their evaluations.

    python benchmarks/train_thresholds.py CHAIN/demo [--held untrained,biencoder,retention]

Reads the folders that ``train_chain.py`` fills and trains nothing. Each claim stands with its
figures and the paired permutation test of the difference, so that a claim met by chance shows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rabbench.quality.significance import Scores, compare_systems
from rabbench.results import load_results, write_text
from rabbench.stats.intervals import LEVEL, mean_ratio, paired

MEASURES = ("hit_rate@1", "mrr")
RETENTION = 0.95  # of the teacher's MRR (arXiv 2604.23336 has 94 to 95 %)
TEACHER, STUDENT, PAIR = "teacher-cached", "rabtriever", "llm-biencoder"
FILENAME = "thresholds.json"
HELD = ("untrained", "retrievers", "biencoder", "retention")
"""Kinds of claims: the teacher above the untrained one, and above BM25 and MiniLM; the student
above the bi-encoder of the same backbone; the share that it keeps of its teacher's MRR."""


@dataclass(frozen=True)
class Verdict:
    """A claim, whether the means meet it, the figures, and p of their difference where it has one.

    ``p`` is of one test alone, uncorrected. ``held`` says that nobody may miss it here.
    """

    claim: str
    met: bool
    figures: str
    p: float | None = None
    held: bool = True

    @property
    def missed(self) -> bool:
        """Whether it is held to and not met."""
        return self.held and not self.met


def scores(folder: Path) -> dict[tuple[str, str], Scores]:
    """Each system's scores of the queries, by measure; a reranker goes by its last stage."""
    return {
        (row.measure, row.system.split(">>")[-1]): row.samples
        for row in load_results(folder).rows
        if row.measure in MEASURES and isinstance(row.samples, Mapping)
    }


def above(claim: str, first: Scores, second: Scores, held: bool) -> Verdict:
    """Whether the first's mean is above the second's, over the queries that both have."""
    (found,) = compare_systems({"first": first, "second": second})
    shared, matrix = paired([first, second])
    means = matrix.mean(0)
    figures = "{:.3f} against {:.3f}".format(*means)
    if len(shared) < max(len(first), len(second)):
        figures += f" on {len(shared)} queries"
    return Verdict(claim, bool(means[0] > means[1]), figures, found.p, held)


def judged(folder: Path, held: Collection[str] = HELD) -> list[Verdict]:
    """The claims of a data set's chain.

    Args:
        folder: holds ``quality`` and ``untrained``.
        held: the kinds of claims that are held to; the others are compared all the same.
    """
    found = scores(folder / "quality")
    untrained = scores(folder / "untrained")
    verdicts = []
    for measure in MEASURES:
        teacher = found[measure, TEACHER]
        student, before = found[measure, STUDENT], untrained[measure, TEACHER]
        for kind, claim, first, second in (
            ("retrievers", "teacher above bm25", teacher, found[measure, "bm25"]),
            ("retrievers", "teacher above dense", teacher, found[measure, "dense"]),
            ("untrained", "teacher above the untrained teacher", teacher, before),
            ("biencoder", f"student above {PAIR}", student, found[measure, PAIR]),
        ):
            verdicts.append(above(f"{claim}, {measure}", first, second, kind in held))
    kept = mean_ratio(found["mrr", STUDENT], found["mrr", TEACHER])
    if kept is not None:
        figures = f"{kept.value:.1%} ({kept.low:.1%} to {kept.high:.1%})"
        claim = f"student keeps {RETENTION:.0%} of its teacher's mrr"
        met = kept.value >= RETENTION
        verdicts.append(Verdict(claim, met, figures, held="retention" in held))
    return verdicts


def recorded(folder: Path, held: Collection[str] = HELD) -> list[Verdict]:
    """As :func:`judged`; they also stand in the folder's ``thresholds.json`` from now on."""
    verdicts = judged(folder, held)
    write_text(folder / FILENAME, json.dumps([asdict(one) for one in verdicts], indent=1) + "\n")
    return verdicts


def told(verdicts: list[Verdict]) -> str:
    """A line for each claim."""
    lines = []
    for one in verdicts:
        chance = ""
        if one.p is not None:
            chance = f", p = {one.p:.2g}" + ("" if one.p < LEVEL else ": may be chance")
        word = "met" if one.met else "NOT MET" if one.held else "not met"
        rest = "" if one.met or one.held else "; not claimed here"
        lines.append(f"{word:8} {one.claim}: {one.figures}{chance}{rest}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of one data set, as train_chain.py fills it")
    parser.add_argument("--held", default=",".join(HELD), help="claims that decide the exit code")
    arguments = parser.parse_args()
    verdicts = recorded(arguments.folder, arguments.held.split(","))
    print(told(verdicts))
    return 1 if any(one.missed for one in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
