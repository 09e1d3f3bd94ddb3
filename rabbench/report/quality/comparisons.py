"""Systems against each other: who is tied with the best, retention, quality against cost.

Reads rankings and retentions; the tests, intervals, shares and fronts themselves stand in
``rabbench.quality`` and ``rabbench.stats``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median

from rabbench.quality.pareto import CostKind, CostQualityView, ParetoPoint
from rabbench.quality.rankings import Ranking
from rabbench.quality.retention import Retention
from rabbench.quality.significance import tied_with_best
from rabbench.report.labels import PAPER_RETENTION, PAPER_RETENTION_RANGE
from rabbench.report.page import Cell, Figure, Record, Table
from rabbench.report.plots.dots import CostDot, draw_pareto
from rabbench.report.render import sentence_text, value_text
from rabbench.report.wording import amount
from rabbench.scaling.labels import STUDENT

VIEWS_DRAWN = 5  # the mean over data sets and four of them
COSTS: Mapping[CostKind, tuple[str, str]] = {"flops": ("FLOPs", "FLOP"), "time": ("time", "s")}
"""A cost's noun and unit."""

COST_RULE = (
    "Cost is what one query costs online, once documents are indexed. FLOPs are matrix products "
    "by closed form at the data set’s mean lengths: the query’s encoding, every candidate’s "
    "score, and the first stage; dense pairs, a multiply-accumulate counted as two. BM25 runs "
    "none. Time is the wall time of the whole search on this machine over the number of queries, "
    "first stage and batching included; what a student spends there on reading documents for the "
    "first time is index work and left out, while a teacher over cached documents is charged for "
    "it. It is one run, so it has no interval. A system is on the Pareto front (a filled mark) if "
    "none that costs no more ranks as well; the share says in how many resamples of the queries "
    "it is."
)


def significance_sentences(rankings: Sequence[Ranking]) -> list[str]:
    """For each data set, who is tied with the best, and the power of its queries."""
    sentences = []
    for ranking in (ranking for ranking in rankings if ranking.pairs):
        label, *tied = tied_with_best(ranking.pairs)
        best = next(system for system in ranking.systems if system.label == label)
        sentence = f"On {ranking.dataset} {label} ranks best by {ranking.metric}, "
        sentence += sentence_text(Cell.estimate(best.estimate, "score"))
        if tied:
            sentence += f"; not significantly different: {', '.join(tied)}"
        else:
            sentence += ", significantly better than every other system"
        detectable = [pair.detectable for pair in ranking.pairs if pair.detectable is not None]
        if detectable:
            sentence += (
                f"; the {len(best.scores):,} queries show a difference of "
                f"{median(detectable):.3f} with 80 % power (median over pairs)"
            )
        sentences.append(f"{sentence}.")
    return sentences


def retention_tables(shares: Sequence[Retention]) -> list[Table]:
    """Students over their teachers, and every system over the baseline."""
    distilled, based = [], []
    baseline = ""
    for share in shares:
        record: Record = {
            "data set": share.dataset,
            "metric": share.metric,
            "system": share.student.label,
            "over": share.teacher.label,
            "mean": Cell(value=share.student.mean, role="score"),
            "mean of the other": Cell(value=share.teacher.mean, role="score"),
            "retention": Cell.estimate(share.share, "percent"),
        }
        if share.is_distilled:
            distilled.append({**record, "the paper": _paper_cell(share)})
        else:
            based.append(record)
            baseline = share.teacher.row.system
    interval = "with 95 % paired bootstrap interval over queries"
    over_teacher = f"Retention: a student’s mean over its teacher’s, {interval}"
    over_baseline = f"A system’s mean over that of {baseline}, {interval}"
    return [
        Table.from_records("retention", over_teacher, distilled),
        Table.from_records("baseline", over_baseline, based),
    ]


def _paper_cell(share: Retention) -> Cell:
    published = PAPER_RETENTION.get((share.dataset.partition("/")[0], share.metric))
    if published is None:
        return Cell(words=PAPER_RETENTION_RANGE)
    student, teacher = published
    return Cell(value=student / teacher, role="percent", note=f"({student} over {teacher})")


def retention_sentences(shares: Sequence[Retention]) -> list[str]:
    """The retention of each trained student by the data set's first metric."""
    firsts: dict[tuple[str, str], str] = {}
    for share in (share for share in shares if share.is_of_student):
        system = share.student
        name = "the student" if system.row.system == STUDENT else system.label
        retention = sentence_text(Cell.estimate(share.share, "percent"))
        sentence = (
            f"On {share.dataset} {name} retains {retention} of its teacher’s {share.metric}; "
            f"the paper’s retains {PAPER_RETENTION_RANGE}."
        )
        firsts.setdefault((share.dataset, system.label), sentence)
    return list(firsts.values())


def cost_tables(views: Sequence[CostQualityView]) -> list[Table]:
    """A table per data set, both costs beside the quality."""
    tables = []
    for name in dict.fromkeys(view.name for view in views):
        of_name = [view for view in views if view.name == name]
        estimates = {point.label: point.quality for view in of_name for point in view.points}
        records = []
        for label, quality in estimates.items():
            record: Record = {"system": label, of_name[0].metric: Cell.estimate(quality, "score")}
            for view in of_name:
                record = {**record, **_cost_cells(view, label)}
            records.append(record)
        caption = f"{name}: quality and what a query costs, cheapest first"
        tables.append(Table.from_records(f"cost-quality-{name}", caption, records))
    return tables


def _cost_cells(view: CostQualityView, label: str) -> Record:
    """A system's cost, whether it is on the front, and how sure that is."""
    noun, _ = COSTS[view.kind]
    cost, on_front, share = Cell(), Cell(), Cell()
    for point in view.points:
        if point.label == label:
            cost = _cost_cell(view, point)
            on_front = Cell(value="yes" if point.on_front else "no")
            share = Cell(value=point.share, role="share")
    return {
        f"{noun} per query": cost,
        f"{noun} front": on_front,
        f"{noun} front in resamples": share,
    }


def _cost_cell(view: CostQualityView, point: ParetoPoint) -> Cell:
    words = "" if point.cost else "none"
    return Cell(value=point.cost, role="amount", unit=COSTS[view.kind][1], words=words)


def pareto_figures(views: Sequence[CostQualityView], slots: Mapping[str, int]) -> list[Figure]:
    """The mean over data sets, else each data set, by each cost."""
    names = list(dict.fromkeys(view.name for view in views))[:VIEWS_DRAWN]
    return [_pareto_figure(view, slots) for view in views if view.name in names]


def _pareto_figure(view: CostQualityView, slots: Mapping[str, int]) -> Figure:
    noun, unit = COSTS[view.kind]
    cost = f"{noun} per query"
    slug = "".join(sign if sign.isalnum() else "-" for sign in view.name)
    id_ = f"fig-pareto-{view.kind}-{slug}"
    points = "; ".join(
        f"{point.label} {point.quality.value:.3f} at {value_text(_cost_cell(view, point))}"
        for point in view.points
    )
    alt = (
        f"{view.metric} on {view.name} against {cost}, logarithmic. On the front: "
        f"{', '.join(point.label for point in view.front)}. {points}."
    )
    dots = [
        CostDot(point.label, slots[point.system], point.quality, point.cost, point.on_front)
        for point in view.points
    ]
    svg = draw_pareto(id_, dots, (cost, view.metric), partial(amount, unit=unit), alt)
    (data,) = cost_tables([view])
    title = f"{view.metric} against {cost}: {view.name}"
    note = "Bars are 95 % intervals; filled marks and the line are the Pareto front."
    return Figure(id_, title, alt, svg, data, note)


def front_sentences(views: Sequence[CostQualityView]) -> list[str]:
    """The Pareto front of the first view: of the mean over data sets, or of the first, by FLOPs."""
    sentences = []
    for view in views[:1]:
        points = ", ".join(
            f"{point.label} ({point.quality.value:.3f}, {value_text(_cost_cell(view, point))})"
            for point in view.front
        )
        cost = f"{view.metric} against {COSTS[view.kind][0]} per query, {view.name}"
        sentences.append(f"On the Pareto front of {cost}: {points}.")
    return sentences
