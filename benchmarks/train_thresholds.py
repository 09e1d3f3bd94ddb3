"""Thresholds of a trained teacher and student, judged from the results of their evaluations.

    python benchmarks/train_thresholds.py CHAIN/demo [--held untrained,biencoder,retention]

Reads the folders that ``train_chain.py`` fills and trains nothing. Each claim stands with its
figures and the paired permutation test of the difference, so that a claim met by chance shows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from rabbench.quality.significance import compare_systems
from rabbench.results import load_results, write_file
from rabbench.stats.intervals import LEVEL, QueryScores, mean_ratio, paired

MEASURES = ("hit_rate@1", "mrr")
RETENTION = 0.95  # of the teacher's MRR (arXiv 2604.23336 has 94 to 95 %)
TEACHER, STUDENT, PAIR = "teacher-cached", "rabtriever", "llm-biencoder"
FILENAME = "thresholds.json"
CLAIMS = ("untrained", "retrievers", "biencoder", "retention")
"""Kinds of claims: the teacher above the untrained one, and above BM25 and MiniLM; the student
above the bi-encoder of the same backbone; the student's retention of its teacher's MRR."""


@dataclass(frozen=True)
class Verdict:
    """A claim, whether the means meet it, the figures, and p of their difference where it has one.

    ``p`` is of one test alone, uncorrected. A ``required`` claim decides the exit code.
    """

    claim: str
    met: bool
    figures: str
    p: float | None = None
    required: bool = True

    @property
    def missed(self) -> bool:
        """Whether it is required and not met."""
        return self.required and not self.met

    def __str__(self) -> str:
        chance = ""
        if self.p is not None:
            chance = f", p = {self.p:.2g}" + ("" if self.p < LEVEL else ": may be chance")
        word = "met" if self.met else "NOT MET" if self.required else "not met"
        rest = "" if self.met or self.required else "; not claimed here"
        return f"{word:8} {self.claim}: {self.figures}{chance}{rest}"

    def to_json(self) -> dict[str, object]:
        """The entry in ``thresholds.json``."""
        entry = {"claim": self.claim, "met": self.met, "figures": self.figures, "p": self.p}
        return {**entry, "held": self.required}


def read_scores(folder: Path) -> dict[tuple[str, str], QueryScores]:
    """Each system's scores of the queries, by measure; a reranker goes by its last stage."""
    return {
        (row.measure, row.system.split(">>")[-1]): row.samples
        for row in load_results(folder).rows
        if row.measure in MEASURES and isinstance(row.samples, Mapping)
    }


def compare_means(
    claim: str, first: QueryScores, second: QueryScores, *, required: bool
) -> Verdict:
    """Whether the first's mean is above the second's, over the queries that both have."""
    (comparison,) = compare_systems({"first": first, "second": second})
    query_ids, matrix = paired([first, second])
    means = matrix.mean(0)
    figures = "{:.3f} against {:.3f}".format(*means)
    if len(query_ids) < max(len(first), len(second)):
        figures += f" on {len(query_ids)} queries"
    return Verdict(claim, bool(means[0] > means[1]), figures, comparison.p, required)


def judge(folder: Path, required: Collection[str] = CLAIMS) -> list[Verdict]:
    """The claims of a data set's chain.

    Args:
        folder: holds ``quality`` and ``untrained``.
        required: the kinds of claims that must be met; the others are compared all the same.
    """
    scores = read_scores(folder / "quality")
    untrained = read_scores(folder / "untrained")
    verdicts = []
    for measure in MEASURES:
        teacher = scores[measure, TEACHER]
        student, before = scores[measure, STUDENT], untrained[measure, TEACHER]
        for kind, claim, first, second in (
            ("retrievers", "teacher above bm25", teacher, scores[measure, "bm25"]),
            ("retrievers", "teacher above dense", teacher, scores[measure, "dense"]),
            ("untrained", "teacher above the untrained teacher", teacher, before),
            ("biencoder", f"student above {PAIR}", student, scores[measure, PAIR]),
        ):
            claim = f"{claim}, {measure}"
            verdicts.append(compare_means(claim, first, second, required=kind in required))
    retention = mean_ratio(scores["mrr", STUDENT], scores["mrr", TEACHER])
    if retention is not None:
        figures = f"{retention.value:.1%} ({retention.low:.1%} to {retention.high:.1%})"
        claim = f"student keeps {RETENTION:.0%} of its teacher's mrr"
        met = retention.value >= RETENTION
        verdicts.append(Verdict(claim, met, figures, required="retention" in required))
    return verdicts


def record(folder: Path, required: Collection[str] = CLAIMS) -> list[Verdict]:
    """:func:`judge`, and write the verdicts to the folder's ``thresholds.json``."""
    verdicts = judge(folder, required)
    entries = [verdict.to_json() for verdict in verdicts]
    write_file(folder / FILENAME, json.dumps(entries, indent=1) + "\n")
    return verdicts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of one data set, as train_chain.py fills it")
    words = "claims that decide the exit code"
    parser.add_argument("--held", default=",".join(CLAIMS), help=words)
    arguments = parser.parse_args()
    verdicts = record(arguments.folder, arguments.held.split(","))
    print(*verdicts, sep="\n")
    return int(any(verdict.missed for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
