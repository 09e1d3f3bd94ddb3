"""Rankings of several runs side by side: tables and sentences of what was matched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rabbench.quality.matching import Change, RankedMetric, group_by_ranking
from rabbench.report.page import Cell, Row, Table
from rabbench.report.quality.tables import pairs_table
from rabbench.report.wording import plural
from rabbench.scaling.labels import group_by, join_words
from rabbench.scaling.sides import shortened
from rabbench.stats.intervals import mean_interval

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


def means_tables(ranked: Sequence[RankedMetric]) -> list[Table]:
    """A table for each data set and depth: a line for each metric and system."""
    tables = []
    for number, metrics in enumerate(group_by_ranking(ranked)):
        first = metrics[0].first
        sides = dict.fromkeys(side for metric in metrics for side in metric.sides)
        rows: list[Row] = []
        for metric in metrics:
            for system, scores in metric.scores.items():
                means = [mean_interval(scores.get(side, {}).values()) for side in sides]
                cells = [Cell.estimate(mean, "score") for mean in means]
                rows.append((system, metric.first.metric, *cells))
        cut = " that all scored" if any(metric.cut for metric in metrics) else ""
        caption = (
            f"{first.dataset} ({shortened(first.fingerprint)}), {first.depth}: mean over "
            f"{len(metrics[0].queries):,} queries{cut}, with 95 % bootstrap interval"
        )
        tables.append(Table(f"means-{number}", caption, ("system", "metric", *sides), rows))
    return tables


def changes_tables(changes: Sequence[Change]) -> list[Table]:
    """A table for each data set: a line for each system and two runs."""
    tables = []
    for number, group in enumerate(group_by(changes, lambda change: change.dataset).values()):
        caption = f"{group[0].dataset}, {group[0].metric}: what changed"
        pairs = [change.pair for change in group]
        table = pairs_table(f"changes-{number}", caption, pairs)
        rows = [(change.system, *row) for change, row in zip(group, table.rows, strict=True)]
        columns = ("system", "in", "less in", *table.columns[2:])
        tables.append(replace(table, columns=columns, rows=rows))
    return tables


def change_sentences(changes: Sequence[Change]) -> list[str]:
    """For each data set, which systems changed significantly, or that none did."""
    sentences = []
    for dataset, group in group_by(changes, lambda change: change.dataset).items():
        significant = [change for change in group if change.pair.significant]
        where = f"On {dataset}, by {group[0].metric},"
        if all(change.pair.wins == change.pair.losses == 0 for change in group):
            systems = join_words([*dict.fromkeys(change.system for change in group)])
            queries = f"{group[0].pair.ties:,} queries"
            sentences.append(f"{where} {systems} score the same on each of {queries}.")
        elif not significant:
            tests = plural(len(group), "comparison")
            sentences.append(f"{where} no system’s change is significant ({tests}).")
        for _, metric, system, pair in significant:
            difference = pair.difference
            sentences.append(
                f"On {dataset}, {system} changes by {difference.value:+.3f} ({difference.low:+.3f} "
                f"to {difference.high:+.3f}) {metric} from {pair.second} to {pair.first}."
            )
    return sentences
