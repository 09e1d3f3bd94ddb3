"""Rankings of several runs matched: on the same data, by the same metric, at the same depth.

Data are the same if their fingerprints are, whatever they are called. Systems are compared on the
queries that all of these runs scored; where one run has more, its other queries are left out and
the figure is no longer the one in its own report, which is said. Differences are paired by query
(``significance``), a system against itself in another run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from rabbench.quality.rankings import SystemRow, rows_by_dataset
from rabbench.quality.significance import SystemPair, compare_systems
from rabbench.scaling.labels import Labels, group_by, join_words, system_label
from rabbench.scaling.sides import LeftOut, Side, shortened
from rabbench.stats.intervals import Estimate, QueryScores
from rabbench.stats.permutation import holm


@dataclass(frozen=True)
class SideRow(SystemRow):
    """A row with what must agree before it is compared."""

    side: str
    dataset: str
    fingerprint: str

    @property
    def metric(self) -> str:
        """The metric's name."""
        return self.row.measure

    @property
    def depth(self) -> str:
        """How many candidates were ranked."""
        params = self.row.params
        return f"{params.get('depth')} candidates, {params.get('k')} ranked"

    @property
    def obstacle(self) -> str:
        """Why it cannot be compared, if it cannot."""
        if self.row.value is None:
            return f"not measured ({self.row.status})"
        if not self.fingerprint:
            return "its data have no fingerprint"
        return "" if self.scores else "no scores of single queries"

    def left_out(self, reason: str) -> LeftOut:
        """The row alone as left out."""
        return LeftOut(f"{self.label} on {self.dataset}, {self.metric}", (self.side,), reason)


@dataclass(frozen=True, kw_only=True)
class RankedMetric:
    """A data set by a metric at a depth, as its ``first`` row has them.

    ``scores`` by system, then by side, of the ``queries`` that all sides scored; ``cut``: whether a
    side had more.
    """

    first: SideRow
    sides: tuple[str, ...]
    queries: Sequence[str]
    scores: Mapping[str, Mapping[str, QueryScores]]
    cut: bool


class Change(NamedTuple):
    """A system in a later run (``pair.first``) against itself in an earlier one."""

    dataset: str
    metric: str
    system: str
    pair: SystemPair


def _rows(sides: Sequence[Side]) -> Iterator[SideRow]:
    for side in sides:
        cards = {str(card.get("name")): card for card in side.results.suites}
        for dataset, rows in rows_by_dataset(side.results.rows).items():
            labels, card = Labels(rows), cards.get(dataset, {})
            fingerprint, name = str(card.get("fingerprint") or ""), str(card.get("id") or dataset)
            for row in rows:
                yield SideRow(system_label(row, labels), row, side.label, name, fingerprint)


def _sides(rows: Sequence[SideRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.side for row in rows))


def match_rankings(sides: Sequence[Side]) -> Iterator[RankedMetric | LeftOut]:
    """All that is comparable of the rankings, and what is not."""
    all_rows = list(_rows(sides))
    yield from (row.left_out(row.obstacle) for row in all_rows if row.obstacle)
    rows = [row for row in all_rows if not row.obstacle]
    yield from _other_content(rows)
    for of_metric in group_by(rows, lambda row: (row.fingerprint, row.metric)).values():
        depths = group_by(of_metric, lambda row: row.depth)
        for depth, group in depths.items():
            if len(_sides(group)) > 1:
                yield from _match_metric(group)
            elif len(depths) > 1:
                elsewhere = join_words([name for name in depths if name != depth])
                reason = f"ranked with {depth}, elsewhere with {elsewhere}"
                yield from (row.left_out(reason) for row in group)
    if len(sides) > 1:
        yield from _of_one_side(rows)


def _other_content(rows: Sequence[SideRow]) -> Iterator[LeftOut]:
    """Data sets of one name and different content."""
    for dataset, of_name in group_by(rows, lambda row: row.dataset).items():
        groups = group_by(of_name, lambda row: row.fingerprint)
        sides = {fingerprint: _sides(group) for fingerprint, group in groups.items()}
        if len(sides) > 1:
            contents = [f"{join_words(s)} have {shortened(f)}" for f, s in sides.items()]
            reason = f"other content under one name: {'; '.join(contents)}"
            yield LeftOut(f"data set {dataset}", tuple(chain(*sides.values())), reason)


def _of_one_side(rows: Sequence[SideRow]) -> Iterator[LeftOut]:
    """Data sets and metrics that one run alone has."""
    for group in group_by(rows, lambda row: row.fingerprint).values():
        dataset, sides = group[0].dataset, _sides(group)
        if len(sides) == 1:
            yield LeftOut(f"data set {dataset}", sides, f"only {sides[0]} ranked it")
            continue
        for metric, of_metric in group_by(group, lambda row: row.metric).items():
            sides = _sides(of_metric)
            if len(sides) == 1:
                yield LeftOut(f"{metric} on {dataset}", sides, f"only {sides[0]} has this metric")


def _match_metric(group: Sequence[SideRow]) -> Iterator[RankedMetric | LeftOut]:
    """One metric of one data set at one depth, over the queries that all sides scored."""
    first, sides = group[0], _sides(group)
    dataset = first.dataset
    queries = [query for query in first.scores if all(query in row.scores for row in group)]
    counts = {side: max(len(row.scores) for row in group if row.side == side) for side in sides}
    if len(queries) < 2:
        sizes = "; ".join(f"{count:,} in {side}" for side, count in counts.items())
        reason = f"fewer than two queries in common ({sizes})"
        yield LeftOut(f"{first.metric} on {dataset}", sides, reason)
        return
    for side, count in counts.items():
        if more := count - len(queries):
            subject = f"{more:,} {'query' if more == 1 else 'queries'} of {dataset}"
            reason = f"not all runs scored them; {len(queries):,} are compared"
            yield LeftOut(subject, (side,), reason)
    scores = {
        label: {row.side: {query: row.scores[query] for query in queries} for row in rows}
        for label, rows in group_by(group, lambda row: row.label).items()
    }
    for label, (side, *more_sides) in scores.items():
        if not more_sides:
            yield LeftOut(f"{label} on {dataset}", (side,), f"only {side} ranked by it")
    cut = any(count > len(queries) for count in counts.values())
    yield RankedMetric(first=first, sides=sides, queries=queries, scores=scores, cut=cut)


def group_by_ranking(ranked: Iterable[RankedMetric]) -> Iterable[list[RankedMetric]]:
    """The metrics of each data set and depth."""
    return group_by(ranked, lambda metric: (metric.first.fingerprint, metric.first.depth)).values()


def find_changes(ranked: Sequence[RankedMetric]) -> list[Change]:
    """Each system between each two runs, by the first metric of a data set at a depth.

    Holm's correction is over all lines of a data set, in place of that over one system's.
    """
    changes = []
    for metric, *_ in group_by_ranking(ranked):
        pairs = [
            (system, _later_less_earlier(pair, metric.sides))
            for system, scores in metric.scores.items()
            for pair in compare_systems(scores)
        ]
        adjusted = holm([pair.p for _, pair in pairs])
        dataset, measure = metric.first.dataset, metric.first.metric
        changes += [
            Change(dataset, measure, system, replace(pair, adjusted=float(p)))
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
