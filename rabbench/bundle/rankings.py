"""Recomputes quality: every metric of every query and its mean, from rankings and judgements.

Judgements are those in the bundle, else those of the data set by its name, which count only if its
fingerprint is the one in the results. Knows metrics and suites through their own modules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from rabbench import trec
from rabbench.bundle.reader import Content
from rabbench.bundle.verify_result import VerifyResult, agrees, disagrees, unverified
from rabbench.quality import metrics, ties
from rabbench.quality.datasets import open_suite
from rabbench.quality.job import TIE_DEPTH, qrels_name, run_name
from rabbench.types import Measurement, Qrels, RabbenchError, Results, Run, Suite

CLOSE = 1e-9  # of a score between 0 and 1: rounding of sums in another order
BUILT_IN = "built in"  # a card's source where the data set comes with rabbench

JUDGEMENTS, QUALITY, TIES = "judgements", "quality", "ties"


def verify_rankings(content: Content, results: Results, *, data: bool) -> Iterator[VerifyResult]:
    """A line for each data set's judgements, and for each system's metrics on it.

    With ``data`` a data set may be loaded by name.
    """
    cards = {str(card.get("name")): card for card in results.suites}
    rows_by_dataset: dict[str, dict[str, list[Measurement]]] = {}
    for row in results.rows:
        if row.phase == "quality" and row.value is not None:
            by_system = rows_by_dataset.setdefault(str(row.params.get("dataset")), {})
            by_system.setdefault(row.system, []).append(row)
    for dataset, by_system in rows_by_dataset.items():
        result, qrels = _judgements(content, dataset, cards.get(dataset, {}), data=data)
        yield result
        for system, rows in by_system.items():
            yield from _verify_system(content, dataset, system, rows, qrels)


def _judgements(
    content: Content, dataset: str, card: Mapping[str, Any], *, data: bool
) -> tuple[VerifyResult, Qrels | None]:
    """The judgements to go by, and their own verification."""
    path = content.path(qrels_name(dataset))
    packed: Qrels | None = None
    if path is not None:
        try:
            packed = trec.read_qrels(path)
        except RabbenchError as error:
            return disagrees(JUDGEMENTS, dataset, _message(error, content)), None
        difference = _count_difference(packed, card)
        if difference is not None:
            return disagrees(JUDGEMENTS, dataset, difference), packed
        if card.get("source") != BUILT_IN:
            detail = "as many queries and judgements as the card says; content as it was packed"
            return agrees(JUDGEMENTS, dataset, detail), packed
    elif not data:
        detail = "did not travel, and --no-data loads no data set"
        return unverified(JUDGEMENTS, dataset, detail), None
    try:
        suite = open_suite(str(card.get("suite"))).load(dataset)
    except RabbenchError as error:
        return unverified(JUDGEMENTS, dataset, f"did not travel; {error}"), packed
    return _verify_judgements(dataset, card, suite, packed)


def _verify_judgements(
    dataset: str, card: Mapping[str, Any], suite: Suite, packed: Qrels | None
) -> tuple[VerifyResult, Qrels | None]:
    """The judgements compared with those of the data set itself."""
    if suite.fingerprint != card.get("fingerprint"):
        detail = (
            f"the data set here has the fingerprint {suite.fingerprint}, the results are on "
            f"{card.get('fingerprint')}: its judgements are not taken"
        )
        return unverified(JUDGEMENTS, dataset, detail), packed
    sampled = card.get("sampled")
    query_ids = sampled["query_ids"] if sampled else suite.queries
    qrels = {query_id: suite.qrels[query_id] for query_id in query_ids if query_id in suite.qrels}
    if packed is None:
        outcome, detail = agrees, "of the data set here, whose fingerprint is the same"
    elif {query_id: dict(grades) for query_id, grades in qrels.items()} == packed:
        outcome, detail = agrees, "as in the data set, whose fingerprint is the same"
    else:
        outcome, detail = disagrees, "are not those of the data set of this fingerprint"
    return outcome(JUDGEMENTS, dataset, detail), qrels


def _count_difference(qrels: Qrels, card: Mapping[str, Any]) -> str | None:
    """The difference between the judgements' number and the card's; None where there is none."""
    counts = {"n_queries": len(qrels), "n_judgements": sum(map(len, qrels.values()))}
    differences = [
        f"{count:,} {name.removeprefix('n_')}, the card says {card[name]:,}"
        for name, count in counts.items()
        if isinstance(card.get(name), int) and card[name] != count
    ]
    return "; ".join(differences) or None


def _verify_system(
    content: Content,
    dataset: str,
    system: str,
    rows: Sequence[Measurement],
    qrels: Qrels | None,
) -> Iterator[VerifyResult]:
    """A line for each metric, and one for the figures on ties."""
    about = f"{dataset}: {system}"
    name = run_name(dataset, system)
    path = content.path(name)
    if path is None or qrels is None:
        why = content.manifest.absent.get(name) if content.manifest and path is None else None
        detail = "no judgements to go by" if qrels is None else f"no ranking at {name}"
        detail += f" ({why})" if why else ""
        differing = [row for row in rows if not _is_mean(row)]
        for row in differing:
            yield disagrees(QUALITY, f"{about} {row.measure}", "is not the mean of its queries")
        if len(differing) < len(rows):
            yield unverified(QUALITY, about, f"{len(rows) - len(differing)} metrics: {detail}")
        return
    try:
        run = trec.read_run(path) if path.stat().st_size else {}
        scores = metrics.per_query(qrels, run, [row.measure for row in rows])
    except (RabbenchError, ValueError) as error:
        yield disagrees(QUALITY, about, _message(error, content))
        return
    for row in rows:
        yield _verify_metric(f"{about} {row.measure}", row, scores[metrics.normalise(row.measure)])
    yield _verify_ties(about, rows, run, qrels)


def _equal(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=0, abs_tol=CLOSE)


def _is_mean(row: Measurement) -> bool:
    """Whether a value is the mean of its row's samples, as far as there are any."""
    samples = list(row.samples.values()) if isinstance(row.samples, Mapping) else []
    return not samples or _equal(row.value or 0.0, fmean(samples))


def _message(error: Exception, content: Content) -> str:
    """A reader's message with the file's name in the bundle, not where it was unpacked."""
    return str(error).replace(f"{content.folder}/", "")


def _verify_metric(about: str, row: Measurement, scores: Mapping[str, float]) -> VerifyResult:
    """One metric: each query's score, and the mean."""
    samples = row.samples if isinstance(row.samples, Mapping) else {}
    unpaired = samples.keys() ^ scores.keys()
    differing = [q for q in samples if q in scores and not _equal(samples[q], scores[q])]
    mean = fmean(scores.values())
    if unpaired:
        detail = (
            f"scores of {len(samples):,} queries are given, {len(scores):,} are judged, "
            f"such as {min(unpaired)}"
        )
    elif differing:
        first = differing[0]
        detail = (
            f"{len(differing):,} of {len(samples):,} queries differ: {first} has "
            f"{samples[first]:.6g}, recomputed {scores[first]:.6g}"
        )
    elif not _equal(row.value or 0.0, mean):
        detail = f"the mean is given as {row.value:.6g}, its queries’ is {mean:.6g}"
    else:
        return agrees(QUALITY, about, f"{len(samples):,} queries, mean {mean:.4f}")
    return disagrees(QUALITY, about, detail)


def _verify_ties(about: str, rows: Sequence[Measurement], run: Run, qrels: Qrels) -> VerifyResult:
    """The rows' share of queries with ties, and their metrics over the orders of ties."""
    ranking = {query_id: run.get(query_id, {}) for query_id in qrels}
    worst, best = ties.extremes(qrels, ranking, [row.measure for row in rows])
    differences, count = [], 0
    for row in rows:
        name = metrics.normalise(row.measure)
        expected = ties.expected(qrels, ranking, row.measure)
        recomputed = {
            "tied_queries": ties.share(ranking, TIE_DEPTH),
            "worst_under_ties": fmean(worst[name].values()),
            "best_under_ties": fmean(best[name].values()),
            **({} if expected is None else {"expected_under_ties": fmean(expected.values())}),
        }
        for key, value in recomputed.items():
            figure = row.params.get(key)
            count += figure is not None
            if figure is not None and not _equal(figure, value):
                differences.append(
                    f"{key} of {row.measure} is given as {figure:.6g}, found {value:.6g}"
                )
    if differences:
        detail = f"{len(differences)} of {count} figures differ: {differences[0]}"
        return disagrees(TIES, about, detail)
    return agrees(TIES, about, f"{count} figures")
