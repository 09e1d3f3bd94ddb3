"""Paired tests between systems, and the share of its teacher's mean that a student retains.

Reads quality rows; the tests and intervals themselves stand in ``rabbench.quality.significance``
and ``rabbench.stats``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rabbench.quality.significance import SystemPair, compare_systems, tied_with_best
from rabbench.report.labels import CACHED, PAPER_RETENTION, PAPER_RETENTION_RANGE, STUDENT, TEACHER
from rabbench.report.page import Cell, Record, Table
from rabbench.report.quality.rankings import (
    SystemRow,
    metrics,
    ranked_systems,
    rows_by_dataset,
)
from rabbench.report.render import sentence_text
from rabbench.stats.intervals import Estimate, mean_ratio
from rabbench.types import Measurement

METHOD = (
    "Every two systems are compared on the same queries, by the first metric of each data set: a "
    "paired permutation test (all sign patterns where at most 13 queries differ, else 9,999 drawn "
    "ones), with Holm’s correction over all pairs of the data set. A difference that is not "
    "significant does not show that two systems are equal: the last column is the difference that "
    "these queries would show with 80 % power at the 5 % level, before correction."
)


def compare_pairs(rows: Sequence[Measurement]) -> dict[tuple[str, str], list[SystemPair]]:
    """The tests of every two systems, by data set and metric, where there are two."""
    pairs = {
        (dataset, metric): compare_systems(
            {
                system.label: system.scores
                for system in ranked_systems(part, metric)
                if system.scores
            }
        )
        for dataset, part in rows_by_dataset(rows).items()
        for metric in metrics(part)
    }
    return {key: tests for key, tests in pairs.items() if tests}


def significance_sentences(
    pairs: Mapping[str, Sequence[SystemPair]], ranked: Mapping[str, Sequence[SystemRow]]
) -> list[str]:
    """For each data set, who is tied with the best, and the power of its queries."""
    sentences = []
    for dataset, tests in pairs.items():
        name, *tied = tied_with_best(tests)
        best = next(system for system in ranked[dataset] if system.label == name)
        sentence = f"On {dataset} {name} ranks best by {best.row.measure}, "
        sentence += sentence_text(Cell.estimate(best.estimate, "score"))
        if tied:
            sentence += f"; not significantly different: {', '.join(tied)}"
        else:
            sentence += ", significantly better than every other system"
        detectable = [test.detectable for test in tests if test.detectable is not None]
        if detectable:
            sentence += (
                f"; the {len(best.scores):,} queries show a difference of "
                f"{median(detectable):.3f} with 80 % power (median over pairs)"
            )
        sentences.append(f"{sentence}.")
    return sentences


def best_tables(pairs: Mapping[str, Sequence[SystemPair]]) -> list[Table]:
    """A table per data set: the best system against each other one."""
    return [
        pairs_table(
            f"best-{dataset}",
            f"{dataset}: {tests[0].first}, the best, against the others",
            [test for test in tests if test.first == tests[0].first],
        )
        for dataset, tests in pairs.items()
    ]


def all_pairs_tables(pairs: Mapping[str, Sequence[SystemPair]]) -> list[Table]:
    """A table per data set with every pair, where there are more than two systems."""
    return [
        pairs_table(f"pairs-{dataset}", f"{dataset}: every pair of systems", tests)
        for dataset, tests in pairs.items()
        if len(tests) > 1
    ]


def pairs_table(id_: str, caption: str, pairs: Sequence[SystemPair]) -> Table:
    """A line for each pair, in the order given."""
    records: list[Record] = [
        {
            "system": pair.first,
            "against": pair.second,
            "difference (95 %)": Cell.estimate(pair.difference, "change"),
            "p": Cell(value=pair.p, role="p", note="exact" if pair.exact else ""),
            "p, Holm": Cell(value=pair.adjusted, role="p"),
            "significant": "yes" if pair.significant else "no",
            "wins": pair.wins,
            "ties": pair.ties,
            "losses": pair.losses,
            "detectable": Cell(value=pair.detectable, role="score"),
        }
        for pair in pairs
    ]
    return Table.from_records(id_, caption, records)


@dataclass(frozen=True)
class Retention:
    """The share of one system's mean, by a metric of a data set, that another reaches."""

    dataset: str
    metric: str
    student: SystemRow
    teacher: SystemRow
    share: Estimate
    is_distilled: bool

    def is_of_student(self) -> bool:
        """Whether a trained student is set over its teacher."""
        return self.is_distilled and self.student.is_trained

    @property
    def cell(self) -> Cell:
        """The share with its interval."""
        return Cell.estimate(self.share, "percent")

    @property
    def record(self) -> Record:
        """A line of a table."""
        return {
            "data set": self.dataset,
            "metric": self.metric,
            "system": self.student.label,
            "over": self.teacher.label,
            "mean": Cell(value=self.student.mean, role="score"),
            "mean of the other": Cell(value=self.teacher.mean, role="score"),
            "retention": self.cell,
        }


def retentions(rows: Sequence[Measurement], baseline: str | None = None) -> list[Retention]:
    """Each student over its teacher, and each system over the baseline, by every metric.

    A teacher is the ``teacher`` of the same data set, model and first stage; without one its cached
    form, whose scores are the same up to rounding.
    """
    shares = []
    for dataset, part in rows_by_dataset(rows).items():
        for metric in metrics(part):
            systems = ranked_systems(part, metric)
            for system in systems:
                teachers = _teachers(system, systems)
                references = [(teacher, True) for teacher in teachers]
                references += [
                    (reference, False)
                    for reference in systems
                    if reference.row.system == baseline != system.row.system
                    and reference not in teachers
                ]
                for reference, is_teacher in references:
                    share = mean_ratio(system.scores, reference.scores)
                    if share is not None:
                        shares.append(
                            Retention(dataset, metric, system, reference, share, is_teacher)
                        )
    return shares


def _teachers(student: SystemRow, systems: Sequence[SystemRow]) -> list[SystemRow]:
    """The teachers of a student among the systems of its data set; none of another system."""
    first_stages, role = student.stages
    if not role.startswith(STUDENT):
        return []
    for name in (TEACHER, CACHED):
        teachers = [
            system
            for system in systems
            if system.stages == (first_stages, name) and _has_same_model(student.row, system.row)
        ]
        if teachers:
            return teachers
    return []


def _has_same_model(student: Measurement, teacher: Measurement) -> bool:
    """Whether both have one backbone: the same name, or the model that the student names."""
    models = {student.params.get(key) for key in ("model", "teacher", "base_model")} - {None}
    return teacher.params.get("model") in models or not models


def retention_tables(shares: Sequence[Retention]) -> list[Table]:
    """Students over their teachers, and every system over the baseline."""
    students = [share for share in shares if share.is_distilled]
    based = [share for share in shares if not share.is_distilled]
    baseline = based[0].teacher.row.system if based else ""
    interval = "with 95 % paired bootstrap interval over queries"
    return [
        Table.from_records(
            "retention",
            f"Retention: a student’s mean over its teacher’s, {interval}",
            [{**share.record, "the paper": _paper_cell(share)} for share in students],
        ),
        Table.from_records(
            "baseline",
            f"A system’s mean over that of {baseline}, {interval}",
            [share.record for share in based],
        ),
    ]


def _paper_cell(share: Retention) -> Cell:
    published = PAPER_RETENTION.get((share.dataset.partition("/")[0], share.metric))
    if published is None:
        return Cell(words=PAPER_RETENTION_RANGE)
    student, teacher = published
    return Cell(value=student / teacher, role="percent", note=f"({student} over {teacher})")


def retention_sentences(shares: Sequence[Retention]) -> list[str]:
    """The retention of each trained student by the data set's first metric."""
    firsts: dict[tuple[str, str], Retention] = {}
    for share in shares:
        if share.is_of_student():
            firsts.setdefault((share.dataset, share.student.label), share)
    sentences = []
    for share in firsts.values():
        system = share.student
        name = "the student" if system.row.system == STUDENT else system.label
        sentences.append(
            f"On {share.dataset} {name} retains {sentence_text(share.cell)} of its teacher’s "
            f"{share.metric}; the paper’s retains {PAPER_RETENTION_RANGE}."
        )
    return sentences
