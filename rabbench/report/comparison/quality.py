"""Rankings of several runs side by side: on the same data, by the same metric, at the same depth.

Data are the same if their fingerprints are, whatever they are called. Systems are compared on the
queries that all of these runs scored; where one run has more, its other queries are left out and
the figure is no longer the one in its own report, which is said. Differences are paired by query
(``significance``), a system against itself in another run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from rabbench.quality.significance import SystemPair, compare_systems
from rabbench.report.comparison.runs import LeftOut, Side, shortened
from rabbench.report.labels import Labels
from rabbench.report.quality.tables import datasets, estimate, named
from rabbench.report.wording import join_words
from rabbench.stats.intervals import Estimate
from rabbench.stats.permutation import holm
from rabbench.types import Measurement


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One system's metric in one run, over the queries compared."""

    row: Measurement
    scores: Mapping[str, float]

    @property
    def cut(self) -> bool:
        """Whether the run scored more queries than are compared."""
        return len(self.scores) < len(self.row.samples)

    def estimate(self) -> Estimate | None:
        """The mean over the queries compared, with its interval."""
        return estimate(
            self.row.with_changes(value=fmean(self.scores.values()), samples=self.scores)
        )


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """One data set by one metric at one depth: ``cells`` by system, then by side."""

    dataset: str
    fingerprint: str
    metric: str
    depth: str
    sides: tuple[str, ...]
    queries: int
    cells: Mapping[str, Mapping[str, Cell]]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A system in a later run (``comparison.first``) against itself in an earlier one."""

    dataset: str
    metric: str
    system: str
    comparison: SystemPair


@dataclass(frozen=True)
class _Found:
    """A row with what must agree before it is compared."""

    side: str
    dataset: str
    fingerprint: str | None
    label: str
    row: Measurement

    @property
    def depth(self) -> str:
        params = self.row.params
        return f"{params.get('depth')} candidates, {params.get('k')} ranked"

    @property
    def scores(self) -> Mapping[str, float]:
        samples = self.row.samples
        return samples if isinstance(samples, Mapping) else {}


def _rows(sides: Sequence[Side]) -> Iterator[_Found]:
    for side in sides:
        cards = {str(card.get("name")): card for card in side.results.suites}
        for dataset, rows in datasets(side.results.rows).items():
            labels = Labels(rows)
            card = cards.get(dataset, {})
            fingerprint, name = card.get("fingerprint"), str(card.get("id") or dataset)
            for row in rows:
                known = str(fingerprint) if fingerprint else None
                yield _Found(side.label, name, known, named(row, labels), row)


def ranked(sides: Sequence[Side]) -> tuple[list[Ranked], list[LeftOut]]:
    """All that is comparable of the rankings, and what is not."""
    out: list[LeftOut] = []
    kept: list[_Found] = []
    for one in _rows(sides):
        reason = None
        if one.row.value is None:
            reason = f"not measured ({one.row.status})"
        elif one.fingerprint is None:
            reason = "its data have no fingerprint"
        elif not one.scores:
            reason = "no scores of single queries"
        if reason is None:
            kept.append(one)
        else:
            out.append(LeftOut(_what(one), (one.side,), reason))
    out += _other_data(kept)
    made = []
    by_metric: dict[tuple[str | None, str], dict[str, list[_Found]]] = {}
    for one in kept:
        depths = by_metric.setdefault((one.fingerprint, one.row.measure), {})
        depths.setdefault(one.depth, []).append(one)
    for depths in by_metric.values():
        for depth, mine in depths.items():
            if len({one.side for one in mine}) > 1:
                found, lost = _one(mine)
                made += found
                out += lost
            elif len(depths) > 1:
                others = " and ".join(other for other in depths if other != depth)
                reason = f"ranked with {depth}, elsewhere with {others}"
                out += [LeftOut(_what(one), (one.side,), reason) for one in mine]
    return made, out + _alone(kept, len(sides))


def _what(one: _Found) -> str:
    return f"{one.label} on {one.dataset}, {one.row.measure}"


def _other_data(kept: Sequence[_Found]) -> list[LeftOut]:
    """Data sets of one name and different content."""
    found = []
    for dataset in dict.fromkeys(one.dataset for one in kept):
        prints: dict[str, list[str]] = {}
        for one in kept:
            if one.dataset == dataset and one.fingerprint is not None:
                sides = prints.setdefault(one.fingerprint, [])
                sides += [one.side] if one.side not in sides else []
        if len(prints) > 1:
            reason = "other content under one name: " + "; ".join(
                f"{join_words(sides)} have {shortened(of)}" for of, sides in prints.items()
            )
            everyone = tuple(side for sides in prints.values() for side in sides)
            found.append(LeftOut(f"data set {dataset}", everyone, reason))
    return found


def _alone(kept: Sequence[_Found], count: int) -> list[LeftOut]:
    """Data sets and metrics that one run alone has."""
    found = []
    by_print: dict[str | None, list[_Found]] = {}
    for one in kept:
        by_print.setdefault(one.fingerprint, []).append(one)
    for mine in by_print.values():
        sides = {one.side for one in mine}
        if len(sides) == 1 and count > 1:
            (side,) = sides
            what = f"data set {mine[0].dataset}"
            found.append(LeftOut(what, (side,), f"only {side} ranked it"))
            continue
        for metric in dict.fromkeys(one.row.measure for one in mine):
            having = {one.side for one in mine if one.row.measure == metric}
            if len(having) == 1:
                (side,) = having
                what = f"{metric} on {mine[0].dataset}"
                found.append(LeftOut(what, (side,), f"only {side} has this metric"))
    return found


def _one(mine: Sequence[_Found]) -> tuple[list[Ranked], list[LeftOut]]:
    """One metric of one data set at one depth, over the queries that all sides scored."""
    first = mine[0]
    sides = tuple(dict.fromkeys(one.side for one in mine))
    sets = [set(one.scores) for one in mine]
    shared = [query_id for query_id in first.scores if all(query_id in ids for ids in sets)]
    what = f"{first.row.measure} on {first.dataset}"
    if len(shared) < 2:
        counts = "; ".join(
            f"{len(next(one.scores for one in mine if one.side == side)):,} in {side}"
            for side in sides
        )
        return [], [LeftOut(what, sides, f"fewer than two queries in common ({counts})")]
    cells: dict[str, dict[str, Cell]] = {}
    out = []
    for one in mine:
        scores = {query_id: one.scores[query_id] for query_id in shared}
        cells.setdefault(one.label, {})[one.side] = Cell(row=one.row, scores=scores)
    for side in sides:
        more = max(len(one.scores) for one in mine if one.side == side) - len(shared)
        if more:
            words = "query" if more == 1 else "queries"
            reason = f"not all runs scored them; {len(shared):,} are compared"
            out.append(LeftOut(f"{more:,} {words} of {first.dataset}", (side,), reason))
    for label, of_system in cells.items():
        if len(of_system) == 1:
            (side,) = of_system
            out.append(LeftOut(f"{label} on {first.dataset}", (side,), f"only {side} ranked by it"))
    found = Ranked(
        dataset=first.dataset,
        fingerprint=first.fingerprint or "",
        metric=first.row.measure,
        depth=first.depth,
        sides=sides,
        queries=len(shared),
        cells=cells,
    )
    return [found], out


def changes(found: Sequence[Ranked]) -> list[Change]:
    """Each system between each two runs, by the first metric of a data set at a depth."""
    made = []
    firsts: dict[tuple[str, str], Ranked] = {}
    for one in found:
        firsts.setdefault((one.fingerprint, one.depth), one)
    for one in firsts.values():
        mine = [
            Change(
                dataset=one.dataset,
                metric=one.metric,
                system=label,
                comparison=_forward(pair, one.sides),
            )
            for label, of_system in one.cells.items()
            for pair in compare_systems({side: cell.scores for side, cell in of_system.items()})
        ]
        made += _corrected(mine)
    return made


def _forward(pair: SystemPair, sides: Sequence[str]) -> SystemPair:
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


def _corrected(found: Sequence[Change]) -> list[Change]:
    """Holm's correction over all lines of a data set, in place of that over one system's."""
    if not found:
        return []
    ps = [one.comparison.p for one in found]
    adjusted = holm(ps)
    return [
        replace(one, comparison=replace(one.comparison, adjusted=float(p)))
        for one, p in zip(found, adjusted, strict=True)
    ]
