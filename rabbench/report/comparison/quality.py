"""Rankings of several runs side by side: on the same data, by the same metric, at the same depth.

Data are the same if their fingerprints are, whatever they are called. Systems are compared on the
queries that all of these runs scored; where one run has more, its other queries are left out and
the figure is no longer the one in its own report, which is said. Differences are paired by query
(``significance``), a system against itself in another run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rabbench.quality.significance import SystemPair, compare_systems
from rabbench.report.comparison.runs import LeftOut, Side, shortened
from rabbench.report.labels import Labels
from rabbench.report.page import Cell, Row, Table
from rabbench.report.quality import comparisons
from rabbench.report.quality.rankings import rows_by_dataset, system_label
from rabbench.report.wording import join_words, plural
from rabbench.stats.intervals import Estimate, mean_interval
from rabbench.stats.permutation import holm
from rabbench.types import Measurement

RULE = (
    "Each data set is known by its fingerprint. A mean stands beside another only over the same "
    "queries, by the same metric and with the same number of candidates."
)
METHOD = (
    "A system against itself in another run, on the same queries, by the first metric: the later "
    "run’s mean less the earlier one’s, in the order in which the runs were given. The test is the "
    "paired permutation test, with Holm’s correction over all lines of a data set; a difference "
    "that is not significant is not thereby nothing."
)

QueryScores = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class RankedMetric:
    """One data set by one metric at one depth, over the ``queries`` that all sides scored.

    ``scores`` by system, then by side, of these queries alone; ``cut``: whether a side had more.
    """

    dataset: str
    fingerprint: str
    metric: str
    depth: str
    sides: tuple[str, ...]
    queries: int
    scores: Mapping[str, Mapping[str, QueryScores]]
    cut: bool


@dataclass(frozen=True, kw_only=True)
class Change:
    """A system in a later run (``comparison.first``) against itself in an earlier one."""

    dataset: str
    metric: str
    system: str
    comparison: SystemPair


@dataclass(frozen=True)
class _SideRow:
    """A row with what must agree before it is compared."""

    side: str
    dataset: str
    fingerprint: str
    label: str
    row: Measurement

    @property
    def name(self) -> str:
        return f"{self.label} on {self.dataset}, {self.row.measure}"

    @property
    def depth(self) -> str:
        params = self.row.params
        return f"{params.get('depth')} candidates, {params.get('k')} ranked"

    @property
    def scores(self) -> QueryScores:
        samples = self.row.samples
        return samples if isinstance(samples, Mapping) else {}

    @property
    def reason(self) -> str:
        """Why it cannot be compared, if it cannot."""
        if self.row.value is None:
            return f"not measured ({self.row.status})"
        if not self.fingerprint:
            return "its data have no fingerprint"
        return "" if self.scores else "no scores of single queries"


def _rows(sides: Sequence[Side]) -> Iterator[_SideRow]:
    for side in sides:
        cards = {str(card.get("name")): card for card in side.results.suites}
        for dataset, rows in rows_by_dataset(side.results.rows).items():
            labels, card = Labels(rows), cards.get(dataset, {})
            fingerprint, name = str(card.get("fingerprint") or ""), str(card.get("id") or dataset)
            for row in rows:
                yield _SideRow(side.label, name, fingerprint, system_label(row, labels), row)


def compare_rankings(sides: Sequence[Side]) -> tuple[list[RankedMetric], list[LeftOut]]:
    """All that is comparable of the rankings, and what is not."""
    rows = list(_rows(sides))
    left_out = [LeftOut(row.name, (row.side,), row.reason) for row in rows if row.reason]
    rows = [row for row in rows if not row.reason]
    left_out += _other_content(rows)
    ranked: list[RankedMetric] = []
    by_metric: dict[tuple[str, str], dict[str, list[_SideRow]]] = {}
    for row in rows:
        depths = by_metric.setdefault((row.fingerprint, row.row.measure), {})
        depths.setdefault(row.depth, []).append(row)
    for depths in by_metric.values():
        for depth, group in depths.items():
            if len({row.side for row in group}) > 1:
                metric, lost = _compare_metric(group)
                ranked += [metric] if metric else []
                left_out += lost
            elif len(depths) > 1:
                elsewhere = join_words([name for name in depths if name != depth])
                reason = f"ranked with {depth}, elsewhere with {elsewhere}"
                left_out += [LeftOut(row.name, (row.side,), reason) for row in group]
    return ranked, left_out + (_of_one_side(rows) if len(sides) > 1 else [])


def _by_fingerprint(rows: Sequence[_SideRow]) -> dict[str, list[_SideRow]]:
    groups: dict[str, list[_SideRow]] = {}
    for row in rows:
        groups.setdefault(row.fingerprint, []).append(row)
    return groups


def _other_content(rows: Sequence[_SideRow]) -> list[LeftOut]:
    """Data sets of one name and different content."""
    left_out = []
    for dataset in dict.fromkeys(row.dataset for row in rows):
        groups = _by_fingerprint([row for row in rows if row.dataset == dataset])
        sides = {
            print_: [*dict.fromkeys(r.side for r in group)] for print_, group in groups.items()
        }
        if len(sides) > 1:
            reason = "other content under one name: " + "; ".join(
                f"{join_words(names)} have {shortened(print_)}" for print_, names in sides.items()
            )
            everyone = tuple(side for names in sides.values() for side in names)
            left_out.append(LeftOut(f"data set {dataset}", everyone, reason))
    return left_out


def _of_one_side(rows: Sequence[_SideRow]) -> list[LeftOut]:
    """Data sets and metrics that one run alone has."""
    left_out = []
    for group in _by_fingerprint(rows).values():
        dataset, sides = group[0].dataset, {row.side for row in group}
        if len(sides) == 1:
            (side,) = sides
            left_out.append(LeftOut(f"data set {dataset}", (side,), f"only {side} ranked it"))
            continue
        for metric in dict.fromkeys(row.row.measure for row in group):
            having = {row.side for row in group if row.row.measure == metric}
            if len(having) == 1:
                (side,) = having
                reason = f"only {side} has this metric"
                left_out.append(LeftOut(f"{metric} on {dataset}", (side,), reason))
    return left_out


def _compare_metric(group: Sequence[_SideRow]) -> tuple[RankedMetric | None, list[LeftOut]]:
    """One metric of one data set at one depth, over the queries that all sides scored."""
    first = group[0]
    dataset, metric = first.dataset, first.row.measure
    sides = tuple(dict.fromkeys(row.side for row in group))
    shared = [query for query in first.scores if all(query in row.scores for row in group)]
    counts = {side: max(len(row.scores) for row in group if row.side == side) for side in sides}
    if len(shared) < 2:
        having = "; ".join(f"{count:,} in {side}" for side, count in counts.items())
        reason = f"fewer than two queries in common ({having})"
        return None, [LeftOut(f"{metric} on {dataset}", sides, reason)]
    scores: dict[str, dict[str, QueryScores]] = {}
    for row in group:
        of_system = scores.setdefault(row.label, {})
        of_system[row.side] = {query: row.scores[query] for query in shared}
    left_out = []
    for side, count in counts.items():
        if more := count - len(shared):
            what = f"{more:,} {'query' if more == 1 else 'queries'} of {dataset}"
            reason = f"not all runs scored them; {len(shared):,} are compared"
            left_out.append(LeftOut(what, (side,), reason))
    for label, of_system in scores.items():
        if len(of_system) == 1:
            (side,) = of_system
            left_out.append(LeftOut(f"{label} on {dataset}", (side,), f"only {side} ranked by it"))
    ranked = RankedMetric(
        dataset=dataset,
        fingerprint=first.fingerprint,
        metric=metric,
        depth=first.depth,
        sides=sides,
        queries=len(shared),
        scores=scores,
        cut=any(len(row.scores) > len(shared) for row in group),
    )
    return ranked, left_out


def find_changes(ranked: Sequence[RankedMetric]) -> list[Change]:
    """Each system between each two runs, by the first metric of a data set at a depth.

    Holm's correction is over all lines of a data set, in place of that over one system's.
    """
    changes = []
    firsts: dict[tuple[str, str], RankedMetric] = {}
    for metric in ranked:
        firsts.setdefault((metric.fingerprint, metric.depth), metric)
    for metric in firsts.values():
        pairs = [
            (system, _later_less_earlier(pair, metric.sides))
            for system, scores in metric.scores.items()
            for pair in compare_systems(scores)
        ]
        adjusted = holm([pair.p for _, pair in pairs])
        changes += [
            Change(
                dataset=metric.dataset,
                metric=metric.metric,
                system=system,
                comparison=replace(pair, adjusted=float(p)),
            )
            for (system, pair), p in zip(pairs, adjusted, strict=True)
        ]
    return changes


def _later_less_earlier(pair: SystemPair, sides: Sequence[str]) -> SystemPair:
    """The comparison as later less earlier, whichever mean is higher."""
    if sides.index(pair.first) > sides.index(pair.second):
        return pair
    old = pair.difference
    return replace(
        pair,
        first=pair.second,
        second=pair.first,
        difference=Estimate(0.0 - old.value, 0.0 - old.high, 0.0 - old.low),
        wins=pair.losses,
        losses=pair.wins,
    )


def means_tables(ranked: Sequence[RankedMetric]) -> list[Table]:
    """A table for each data set and depth: a line for each metric and system."""
    tables = []
    groups = groupby(ranked, key=lambda metric: (metric.fingerprint, metric.depth))
    for number, (_, group) in enumerate(groups):
        metrics = list(group)
        first = metrics[0]
        sides = tuple(dict.fromkeys(side for metric in metrics for side in metric.sides))
        rows: list[Row] = [
            (system, metric.metric, *(_mean(scores.get(side)) for side in sides))
            for metric in metrics
            for system, scores in metric.scores.items()
        ]
        cut = " that all scored" if any(metric.cut for metric in metrics) else ""
        tables.append(
            Table(
                id=f"means-{number}",
                caption=f"{first.dataset} ({shortened(first.fingerprint)}), {first.depth}: mean "
                f"over {first.queries:,} queries{cut}, with 95 % bootstrap interval",
                columns=("system", "metric", *sides),
                rows=rows,
            )
        )
    return tables


def _mean(scores: QueryScores | None) -> Cell:
    return Cell.estimate(mean_interval(scores.values()) if scores else None, "score")


def changes_tables(changes: Sequence[Change]) -> list[Table]:
    """A table for each data set: a line for each system and two runs."""
    tables = []
    groups = groupby(changes, key=lambda change: change.dataset)
    for number, (dataset, group) in enumerate(groups):
        of_dataset = list(group)
        pairs = [change.comparison for change in of_dataset]
        caption = f"{dataset}, {of_dataset[0].metric}: what changed"
        table = comparisons.pairs_table(f"changes-{number}", caption, pairs)
        rows = [(c.system, *row) for c, row in zip(of_dataset, table.rows, strict=True)]
        columns = ("system", "in", "less in", *table.columns[2:])
        tables.append(replace(table, columns=columns, rows=rows))
    return tables


def change_sentences(changes: Sequence[Change]) -> list[str]:
    """For each data set, which systems changed significantly, or that none did."""
    sentences = []
    for dataset in dict.fromkeys(change.dataset for change in changes):
        of_dataset = [change for change in changes if change.dataset == dataset]
        significant = [change for change in of_dataset if change.comparison.significant]
        pairs = [change.comparison for change in of_dataset]
        where = f"On {dataset}, by {of_dataset[0].metric},"
        if all(pair.wins == pair.losses == 0 for pair in pairs):
            systems = join_words([*dict.fromkeys(change.system for change in of_dataset)])
            sentences.append(
                f"{where} {systems} score the same on each of {pairs[0].ties:,} queries."
            )
        elif not significant:
            tests = plural(len(of_dataset), "comparison")
            sentences.append(f"{where} no system’s change is significant ({tests}).")
        for change in significant:
            pair, difference = change.comparison, change.comparison.difference
            sentences.append(
                f"On {dataset}, {change.system} changes by {difference.value:+.3f} "
                f"({difference.low:+.3f} to {difference.high:+.3f}) {change.metric} from "
                f"{pair.second} to {pair.first}."
            )
    return sentences
