"""Which differences between systems hold, and what a student keeps of its teacher.

Reads quality rows; the tests and intervals themselves stand in ``significance``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rabbench.quality.significance import SystemPair, compare_systems, tied_with_best
from rabbench.report import paper
from rabbench.report.labels import CACHED, STUDENT, TEACHER
from rabbench.report.page import Table
from rabbench.report.quality.tables import Entry, datasets, entries
from rabbench.stats.intervals import Estimate, mean_ratio
from rabbench.types import Measurement

THEN = ">>"  # parts the stages in a composed system's name
METHOD = (
    "Every two systems are compared on the same queries, by the first metric of each data set: a "
    "paired permutation test (all sign patterns where at most 13 queries differ, else 9,999 drawn "
    "ones), with Holm’s correction over all pairs of the data set. Systems that no test tells "
    "apart are not thereby equal: the last column is the difference that four of five such sets of "
    "queries would have shown at 5 %, before correction."
)


def comparisons(rows: Sequence[Measurement]) -> dict[str, list[SystemPair]]:
    """All pairs of each data set by its first metric, where there are any."""
    found = {
        dataset: compare_systems({one.label: one.scores for one in entries(of_dataset)})
        for dataset, of_dataset in datasets(rows).items()
    }
    return {dataset: pairs for dataset, pairs in found.items() if pairs}


def sentences(found: Mapping[str, Sequence[SystemPair]], rows: Sequence[Measurement]) -> list[str]:
    """For each data set, who is tied with the best, and what its queries can show."""
    said = []
    for dataset, pairs in found.items():
        of_dataset = datasets(rows)[dataset]
        best, *others = tied_with_best(pairs)
        queries = len(entries(of_dataset)[0].scores)
        if others:
            tied = f"no test tells {_listed(others)} from the best, {best}"
        else:
            tied = f"{best} is better than every other system"
        spreads = [pair.detectable for pair in pairs if pair.detectable is not None]
        power = ""
        if spreads:
            power = (
                f"; its {queries:,} queries show a difference of {median(spreads):.3f} four times "
                "in five (median over pairs)"
            )
        said.append(f"On {dataset}, by {of_dataset[0].measure}, {tied}{power}.")
    return said


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def against_best(found: Mapping[str, Sequence[SystemPair]]) -> list[Table]:
    """A table per data set: the best system against each other one."""
    return [
        pairs_table(
            f"best-{dataset}",
            f"{dataset}: {pairs[0].first}, the best, against the others",
            [pair for pair in pairs if pair.first == pairs[0].first],
        )
        for dataset, pairs in found.items()
    ]


def every_pair(found: Mapping[str, Sequence[SystemPair]]) -> list[Table]:
    """A table per data set with every pair; where the best against the others are not all."""
    return [
        pairs_table(f"pairs-{dataset}", f"{dataset}: every pair of systems", pairs)
        for dataset, pairs in found.items()
        if len(pairs) > 1
    ]


def pairs_table(id_: str, caption: str, pairs: Sequence[SystemPair]) -> Table:
    """A line for each comparison, in the order given."""
    lines = [
        (
            pair.first,
            pair.second,
            _signed(pair.difference),
            f"{_p(pair.p)}{' exact' if pair.exact else ''}",
            _p(pair.adjusted),
            "yes" if pair.significant else "no",
            f"{pair.wins} / {pair.ties} / {pair.losses}",
            "–" if pair.detectable is None else f"{pair.detectable:.3f}",
        )
        for pair in pairs
    ]
    columns = (
        "system",
        "against",
        "difference (95 %)",
        "p",
        "p, Holm",
        "told apart",
        "wins / ties / losses",
        "detectable",
    )
    return Table(id_, caption, columns, lines, frozenset({2, 3, 4, 6, 7}))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _signed(found: Estimate) -> str:
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


@dataclass(frozen=True)
class Retention:
    """What one system keeps of another's metric on a data set."""

    dataset: str
    metric: str
    student: Entry
    teacher: Entry
    share: Estimate
    distilled: bool

    @property
    def trained(self) -> bool:
        """Whether the student was trained, so that what it keeps means something."""
        return self.student.row.params.get("trained") is not False


def retention(rows: Sequence[Measurement], baseline: str | None = None) -> list[Retention]:
    """Each student over its teacher, and each system over the baseline, by every metric.

    A teacher is the ``teacher`` of the same data set, model and first stage; without one its cached
    form, whose scores are the same up to rounding.
    """
    found = []
    for dataset, of_dataset in datasets(rows).items():
        for metric in dict.fromkeys(row.measure for row in of_dataset):
            ranked = entries(of_dataset, metric)
            for one in ranked:
                for other, distilled in _over(one, ranked, baseline):
                    share = mean_ratio(one.scores, other.scores)
                    if share is not None:
                        found.append(Retention(dataset, metric, one, other, share, distilled))
    return found


def _over(one: Entry, ranked: Sequence[Entry], baseline: str | None) -> list[tuple[Entry, bool]]:
    """The systems that one is set over, each with whether it is its teacher."""
    found = []
    before, role = _stages(one.row)
    if role.startswith(STUDENT):
        for name in (TEACHER, CACHED):
            mine = [
                (other, True)
                for other in ranked
                if _stages(other.row) == (before, name) and _same_model(one.row, other.row)
            ]
            if mine:
                found += mine
                break
    if baseline is not None and one.row.system != baseline:
        taught = {other.label for other, _ in found}
        named_so = [other for other in ranked if other.row.system == baseline]
        found += [(other, False) for other in named_so if other.label not in taught]
    return found


def _stages(row: Measurement) -> tuple[str, str]:
    """What stands before the last stage of a system's name, and that stage."""
    before, _, role = row.system.rpartition(THEN)
    return before, role


def _same_model(student: Measurement, teacher: Measurement) -> bool:
    """Whether both have one backbone: the same name, or the model that the student names."""
    named = {student.params.get(key) for key in ("model", "teacher", "base_model")} - {None}
    return teacher.params.get("model") in named or not named


def retention_tables(found: Sequence[Retention]) -> list[Table]:
    """Students over their teachers, and every system over the baseline."""
    over = "with 95 % paired bootstrap interval over queries"
    students = [one for one in found if one.distilled]
    others = [one for one in found if not one.distilled]
    made = []
    if students:
        made.append(_shares("retention", f"A student’s mean over its teacher’s, {over}", students))
    if others:
        name = others[0].teacher.row.system
        made.append(_shares("baseline", f"A system’s mean over that of {name}, {over}", others))
    return made


def _shares(id_: str, caption: str, found: Sequence[Retention]) -> Table:
    """A line for each system, metric and data set."""
    lines = []
    for one in found:
        published = paper.RETENTION.get((one.dataset.partition("/")[0], one.metric))
        claim = paper.RETENTION_RANGE
        if published is not None:
            student, teacher = published
            claim = f"{100 * student / teacher:.1f} % ({student} over {teacher})"
        lines.append(
            (
                one.dataset,
                one.metric,
                one.student.label,
                one.teacher.label,
                f"{one.student.row.value:.3f}",
                f"{one.teacher.row.value:.3f}",
                _share(one.share),
                *([claim] if one.distilled else []),
            )
        )
    last = ["the paper"] if found[0].distilled else []
    return Table(
        id=id_,
        caption=caption,
        columns=(
            "data set",
            "metric",
            "system",
            "over",
            "mean",
            "of the other",
            "kept",
            *last,
        ),
        rows=lines,
        numeric=frozenset({4, 5, 6}),
    )


def _share(found: Estimate) -> str:
    if found.high == float("inf"):
        return f"{100 * found.value:.1f} % (from {100 * found.low:.1f} %)"
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f} %)"


def retention_sentences(found: Sequence[Retention]) -> list[str]:
    """What each trained student keeps of its teacher by the data set's first metric."""
    said, seen = [], set()
    for one in found:
        of = (one.dataset, one.student.label)
        if one.distilled and one.trained and of not in seen:
            seen.add(of)
            who = "The student" if one.student.row.system == STUDENT else one.student.label
            said.append(
                f"{who} keeps {_share(one.share)} of its teacher’s {one.metric} on {one.dataset}; "
                f"the paper’s keeps {paper.RETENTION_RANGE}."
            )
    return said
