"""Query by query: where one system beats another most, where it loses most, and every score.

Reads quality rows, whose samples are the scores of each query by its id; texts of queries are not
in the results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.report.labels import STUDENT, TEACHER
from rabbench.report.page import Figure, Table, figure_data
from rabbench.report.plots.dots import draw_differences
from rabbench.report.quality.tables import Entry, datasets, entries
from rabbench.types import Measurement

SHOWN = 8  # wins, and losses
MOST = 500  # queries in the table of every score
FIGURES = 4  # data sets drawn at most
RULE = (
    "The student against its teacher, or else against the best other system; without a trained "
    "student the best system against the next. By the metric that tells the most queries apart. "
    "Queries are named as in the data set, whose texts are not in the results."
)


@dataclass(frozen=True)
class Duel:
    """Two systems on one data set, and what each query of both says."""

    dataset: str
    metric: str
    one: Entry
    other: Entry
    ranked: Sequence[Entry]

    @property
    def differences(self) -> dict[str, float]:
        """One less the other, by query, largest first."""
        mine, theirs = self.one.scores, self.other.scores
        found = {query: mine[query] - theirs[query] for query in mine if query in theirs}
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def duels(rows: Sequence[Measurement]) -> list[Duel]:
    """A pair of systems for each data set that has two."""
    found = []
    for dataset, of_dataset in datasets(rows).items():
        metric = _metric(of_dataset)
        ranked = entries(of_dataset, metric)
        if len(ranked) < 2:
            continue
        one = next((e for e in ranked if _student(e)), ranked[0])
        others = [entry for entry in ranked if entry is not one]
        others = [
            entry for entry in others if entry.row.params.get("trained") is not False
        ] or others
        taught = [entry for entry in others if _role(entry).startswith(TEACHER)]
        other = taught[0] if taught and _student(one) else others[0]
        duel = Duel(dataset, metric, one, other, ranked)
        if duel.differences:
            found.append(duel)
    return found


def _role(entry: Entry) -> str:
    return entry.row.system.rpartition(">>")[2]


def _student(entry: Entry) -> bool:
    return _role(entry).startswith(STUDENT) and entry.row.params.get("trained") is not False


def _metric(of_dataset: Sequence[Measurement]) -> str:
    """The metric with the most different scores; of equal ones the first."""
    values: dict[str, set[float]] = {}
    for row in of_dataset:
        if isinstance(row.samples, Mapping):
            values.setdefault(row.measure, set()).update(row.samples.values())
    return max(values, key=lambda name: len(values[name]), default=of_dataset[0].measure)


def tables(found: Sequence[Duel], suites: Sequence[Mapping[str, Any]]) -> list[Table]:
    """For each pair the largest wins and losses, then every score where they are few enough."""
    words = {suite.get("name"): suite.get("relevant_words") or {} for suite in suites}
    made = []
    for duel in found:
        known = words.get(duel.dataset, {})
        differences = duel.differences
        wins = [query for query, value in differences.items() if value > 0][:SHOWN]
        losses = [query for query, value in reversed(differences.items()) if value < 0][:SHOWN]
        for kind, queries in (("wins", wins), ("losses", losses)):
            if queries:
                caption = f"{duel.dataset}: largest {kind} of {duel.one.label}"
                caption += (
                    f" over {duel.other.label}"
                    if kind == "wins"
                    else (f" against {duel.other.label}")
                )
                made.append(_table(f"{kind}-{duel.dataset}", caption, duel, queries, known))
        if len(differences) <= MOST:
            caption = f"{duel.dataset}: {duel.metric} of every query"
            made.append(
                _table(f"queries-{duel.dataset}", caption, duel, list(differences), known, True)
            )
    return made


def _table(
    id_: str,
    caption: str,
    duel: Duel,
    queries: Sequence[str],
    words: Mapping[str, int],
    folded: bool = False,
) -> Table:
    """A line a query: the difference, then every system's score, best system first."""
    pair = [duel.one, duel.other]
    ranked = [*pair, *(entry for entry in duel.ranked if not any(entry is one for one in pair))]
    known = bool(words)
    rows = []
    for query in queries:
        scores = [entry.scores.get(query) for entry in ranked]
        line = [query, f"{duel.differences[query]:+.3f}"]
        line += ["–" if score is None else f"{score:.3f}" for score in scores]
        if known:
            line.append(f"{words[query]:,}" if query in words else "–")
        rows.append(line)
    columns = ["query", "difference", *(entry.label for entry in ranked)]
    columns += ["words of what is relevant"] if known else []
    return Table(id_, caption, columns, rows, frozenset(range(1, len(columns))), folded=folded)


def figures(found: Sequence[Duel], slots: Mapping[str, int]) -> list[Figure]:
    """Every query's difference, largest first."""
    made = []
    for i, duel in enumerate(found[:FIGURES]):
        differences = duel.differences
        wins = sum(value > 0 for value in differences.values())
        losses = sum(value < 0 for value in differences.values())
        sides = (
            (duel.one.label, slots[duel.one.row.system]),
            (duel.other.label, slots[duel.other.row.system]),
        )
        title = f"{duel.metric}, {duel.one.label} less {duel.other.label}: {duel.dataset}"
        alt = (
            f"{title}. Of {len(differences):,} queries {duel.one.label} is better on {wins:,}, "
            f"{duel.other.label} on {losses:,}; {len(differences) - wins - losses:,} are tied."
        )
        id_ = f"fig-queries-{i}"
        drawn = draw_differences(id_, list(differences.values()), sides, alt)
        data = figure_data(
            [("query", ""), ("difference", "")], [[q, d] for q, d in differences.items()]
        )
        note = f"Of {len(differences):,} queries {len(differences) - wins - losses:,} are tied."
        made.append(Figure(id_, title, alt, drawn, data, note))
    return made
